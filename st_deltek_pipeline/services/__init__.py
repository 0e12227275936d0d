"""Application services: they fetch, let ``domain`` decide, and store. No Dagster here."""
