"""Master data is read again exactly when a row of it differs, whoever wrote it."""

import json

import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.store.reference import load_reference

_INSERT = """
INSERT INTO reference.snapshots (connection, kind, key, row, hash, changed_at, run_id)
VALUES (:connection, :kind, :key, CAST(:row AS json), :hash, '2026-10-01', 'test')
"""


def put(engine: Engine, connection: str, kind: str, key: str, **row: str) -> None:
    """Write one row as any writer might; its time says nothing."""
    content = json.dumps(row)
    with engine.begin() as db:
        values = {"connection": connection, "kind": kind, "key": key, "row": content, "hash": content}
        db.execute(text(_INSERT), values)


@pytest.fixture
def acme(engine: Engine) -> Engine:
    put(engine, "acme", "session", "poll", Company="01", PeriodsOf="01")
    put(engine, "acme", "firms", "A1", Client="00001", Name="Acme", Status="A", ClientInd="Y")
    return engine


def test_unchanged_master_data_is_not_read_again(acme: Engine) -> None:
    assert load_reference(acme, "acme") is load_reference(acme, "acme")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE reference.snapshots SET row = '{\"Name\": \"Acme Inc.\"}', hash = 'other' WHERE key = 'A1'",
        "UPDATE reference.snapshots SET gone_at = now() WHERE key = 'A1'",
        "UPDATE reference.snapshots SET key = 'A2' WHERE key = 'A1'",
    ],
    ids=["changed", "gone", "another_key"],
)
def test_whatever_differs_is_seen_at_once(acme: Engine, change: str) -> None:
    before = load_reference(acme, "acme").firms
    with acme.begin() as db:
        db.execute(text(change))
    assert load_reference(acme, "acme").firms != before


def test_a_firm_that_was_just_created_is_seen_at_once(acme: Engine) -> None:
    assert "A9" not in load_reference(acme, "acme").firms
    put(acme, "acme", "firms", "A9", Name="New", Status="A")
    assert load_reference(acme, "acme").firms["A9"].name == "New"


def test_connections_are_kept_apart_however_many_there_are(acme: Engine) -> None:
    names = [f"c{number}" for number in range(6)]
    for name in names:
        put(acme, name, "session", "poll", Company=name, PeriodsOf=name)
    for name in (*names, *names):
        assert load_reference(acme, name).company == name
    assert load_reference(acme, "acme").company == "01"


def test_nothing_is_remembered_of_a_connection_that_was_never_polled(acme: Engine) -> None:
    for _ in range(2):
        with pytest.raises(BrokenError, match="has not been read yet for nobody"):
            load_reference(acme, "nobody")
