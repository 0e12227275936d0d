"""Dagster wiring and metadata only: assets, checks, jobs, partitions, the instance's storage."""
