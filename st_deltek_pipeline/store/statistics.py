"""Keeps PostgreSQL's planner informed while our tables grow quickly.

Autovacuum looks once a minute. A first day of postings fills empty tables in seconds, and a planner that still
believes them empty chooses plans whose time grows with the square of the rows.
"""

from sqlalchemy import Engine, text

_SCHEMAS = ("raw", "reference", "staged", "mapping", "journal")

# Pages of the file against pages at the last ANALYZE: unlike the row counters, both are true at once.
_GROWN = """
SELECT format('%I.%I', spaces.nspname, tables.relname)
FROM pg_class AS tables
JOIN pg_namespace AS spaces ON spaces.oid = tables.relnamespace
WHERE tables.relkind = 'r' AND spaces.nspname = ANY(:schemas)
  AND pg_relation_size(tables.oid) / current_setting('block_size')::int > 2 * greatest(tables.relpages, 0) + 16
"""


def refresh_statistics(engine: Engine) -> list[str]:
    """Analyse those of our tables that have doubled since they were analysed last.

    Args:
        engine: The application's database.

    Returns:
        The tables analysed; usually none, which costs one small query.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        grown = list(db.scalars(text(_GROWN), {"schemas": list(_SCHEMAS)}))
        for table in grown:
            db.execute(text(f"ANALYZE {table}"))
    return grown
