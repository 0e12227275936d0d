"""Postgres: every SQL statement of the product lives here. Decides nothing."""
