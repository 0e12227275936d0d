"""Dagster's wiring of the services: assets, checks, jobs, partitions, resources, the instance.

One Dagster concept per module. What is called here knows nothing of Dagster, and what stops a duplicate or a loss
is the journal, never a run key, a partition or an event of Dagster's.
"""
