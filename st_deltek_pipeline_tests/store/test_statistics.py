"""Tests of keeping the planner informed."""

from sqlalchemy import Engine, text

from st_deltek_pipeline.store.statistics import refresh_statistics

_FILL = """
INSERT INTO reference.snapshots (connection, kind, key, row, hash, run_id)
SELECT 'acme', 'firms', number::text, '{}', 'hash', 'test' FROM generate_series(1, 2000) AS number
"""
_ESTIMATE = "SELECT reltuples FROM pg_class WHERE oid = 'reference.snapshots'::regclass"


def test_a_table_that_has_grown_is_analysed_once(engine: Engine) -> None:
    with engine.begin() as db:
        db.execute(text(_FILL))
    assert refresh_statistics(engine) == ["reference.snapshots"]
    with engine.connect() as db:
        assert db.execute(text(_ESTIMATE)).scalar_one() == 2000
    assert refresh_statistics(engine) == []


def test_an_empty_database_needs_no_analysis(engine: Engine) -> None:
    assert refresh_statistics(engine) == []
