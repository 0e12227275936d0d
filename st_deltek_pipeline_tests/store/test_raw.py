"""Raw records keep every version, and the latest one is the newest, whatever order they arrive in."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from st_deltek_pipeline.store import raw, raw_cursors
from st_deltek_pipeline_tests.tampering import tampering

_NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def _version(
    record_id: int = 1,
    *,
    minute: int | None = 0,
    day: date | None = date(2026, 10, 5),
    payload: bytes | None = None,
    total: str | None = "1.00",
) -> raw.Version:
    content = (
        payload if payload is not None else f'{{"id": {record_id}, "minute": "{minute}", "day": "{day}"}}'.encode()
    )
    return raw.Version(
        record_id=record_id,
        payload=content,
        payload_hash=hashlib.sha256(content).hexdigest(),
        modified_on=None if minute is None else _NOON + timedelta(minutes=minute),
        active=True,
        document_date=day,
        total=None if total is None else Decimal(total),
    )


def _store(engine: Engine, *versions: raw.Version, connection: str = "acme") -> raw.Stored:
    with engine.begin() as db:
        raw.lock_kind(db, connection, "invoice")
        unknown = raw.unknown_versions(db, connection, "invoice", versions)
        return raw.store_versions(db, connection, "invoice", unknown, run_id="run")


def _latest(engine: Engine, connection: str = "acme") -> dict[int, str]:
    return raw.latest_payloads(engine, connection, "invoice", range(100))


def _count(engine: Engine, table: str) -> int:
    with engine.connect() as db:
        return db.execute(text(f"SELECT count(*) FROM raw.{table}")).scalar_one()  # noqa: S608 (the test's own words)


def test_a_payload_comes_back_byte_for_byte(engine: Engine) -> None:
    payload = b'{"id": 1,  "total":1.10, "total":1.1, "n":"a\\u0000b\\ud83d\\ude00 \\/ \xc3\xa9\\n", "e":1E5}'
    assert _store(engine, _version(payload=payload)).new_versions == 1
    assert _latest(engine)[1].encode() == payload


def test_the_same_bytes_are_stored_once(engine: Engine) -> None:
    twice = _store(engine, _version(), _version())
    again = _store(engine, _version())
    assert (twice.new_versions, again.new_versions, _count(engine, "records")) == (1, 0, 1)


def test_an_older_version_that_arrives_late_is_kept_but_is_not_the_latest(engine: Engine) -> None:
    """T24: older after newer."""
    _store(engine, _version(minute=10))
    late = _store(engine, _version(minute=5, day=date(2026, 10, 6)))
    assert late.new_versions == 1
    assert late.touched_dates == frozenset()
    assert '"minute": "10"' in _latest(engine)[1]


def test_of_two_versions_with_the_same_time_the_later_arrival_wins(engine: Engine) -> None:
    _store(engine, _version(payload=b'{"id": 1, "v": 1}'))
    _store(engine, _version(payload=b'{"id": 1, "v": 2}'), _version(payload=b'{"id": 1, "v": 3}'))
    assert _latest(engine)[1] == '{"id": 1, "v": 3}'


def test_a_version_without_time_is_older_than_any_other(engine: Engine) -> None:
    _store(engine, _version(minute=None))
    _store(engine, _version(minute=1))
    _store(engine, _version(minute=None, payload=b'{"id": 1, "x": 1}'))
    assert '"minute": "1"' in _latest(engine)[1]


def test_a_document_that_moves_touches_the_date_it_leaves_and_the_one_it_comes_to(engine: Engine) -> None:
    assert _store(engine, _version()).touched_dates == {date(2026, 10, 5)}
    moved = _store(engine, _version(minute=1, day=date(2026, 10, 8)))
    assert moved.touched_dates == {date(2026, 10, 5), date(2026, 10, 8)}
    undated = _store(engine, _version(minute=2, day=None))
    assert undated.touched_dates == {date(2026, 10, 8)}


def test_connections_do_not_meet(engine: Engine) -> None:
    _store(engine, _version())
    assert _store(engine, _version(), connection="other").new_versions == 1
    assert _latest(engine, "third") == {}


def test_rows_that_postgres_refuses_are_found_among_the_good_ones(engine: Engine) -> None:
    """T55: a row that the database refuses."""
    bad = [b'{"id": 3, "x": 01}', b'{"id": 6, "x": "\xff"}', b'{"id": 9,']
    versions = [_version(number) for number in range(1, 11)]
    for payload, place in zip(bad, (2, 5, 8), strict=True):
        versions[place] = _version(place + 1, payload=payload)
    stored = _store(engine, *versions)
    assert stored.new_versions == 7
    assert sorted(row.payload for row in stored.refused) == sorted(bad)
    assert all(row.reason.startswith("not storable as JSON") for row in stored.refused)
    assert sorted(_latest(engine)) == [1, 2, 4, 5, 7, 8, 10]


def test_unreadable_rows_are_kept_once_even_with_bytes_that_are_no_text(engine: Engine) -> None:
    row = raw.UnreadableRow(b'{"x": "\xff\x00"}', "h", "no id\x00")
    for _ in range(2):
        with engine.begin() as db:
            raw.store_unreadable(db, "acme", "invoice", [row], run_id="run")
    with engine.connect() as db:
        assert db.execute(text("SELECT payload, reason FROM raw.unreadable")).all() == [
            ('{"x": "\\xff\ufffd"}', "no id\ufffd")
        ]


def test_a_cursor_moves_only_when_its_transaction_ends_well(engine: Engine) -> None:
    assert raw_cursors.read_cursor(engine, "acme", "invoices") == raw_cursors.Cursor(None, caught_up=False)
    with engine.begin() as db:
        raw_cursors.lock_cursor(db, "acme", "invoices")
        raw_cursors.move_cursor(db, "acme", "invoices", raw_cursors.Cursor("a", caught_up=True))
    with engine.connect() as db:
        raw_cursors.lock_cursor(db, "acme", "invoices")
        raw_cursors.move_cursor(db, "acme", "invoices", raw_cursors.Cursor("b", caught_up=False))
        db.rollback()
    assert raw_cursors.read_cursor(engine, "acme", "invoices") == raw_cursors.Cursor("a", caught_up=True)


def test_document_totals_are_the_payloads_own(engine: Engine) -> None:
    _store(engine, _version(1, total="1.00"), _version(2, total=None), _version(3, day=date(2026, 10, 6)))
    _store(engine, _version(1, minute=5, total="2.50"))
    totals = raw.document_totals(engine, "acme", "invoice", [date(2026, 10, 5)])
    assert {record_id: total.total for record_id, total in totals.items()} == {1: Decimal("2.50"), 2: None}


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    versions=st.lists(
        st.builds(
            _version,
            st.integers(1, 3),
            minute=st.none() | st.integers(0, 4),
            day=st.none() | st.dates(date(2026, 10, 1), date(2026, 10, 4)),
        ),
        max_size=12,
    ),
    data=st.data(),
)
def test_any_order_and_any_pages_give_the_newest_version_of_each_record(
    module_engine: Engine, versions: Sequence[raw.Version], data: st.DataObject
) -> None:
    with tampering(module_engine) as db:
        db.execute(text("TRUNCATE raw.records, raw.latest, raw.document_days"))
    distinct: dict[tuple[int, str], raw.Version] = {}
    pages = list(versions)
    while pages:
        size = data.draw(st.integers(1, len(pages)))
        page, pages = pages[:size], pages[size:]
        before = _dates(module_engine)
        stored = _store(module_engine, *page)
        # Whatever a page changes is told: staging looks only at the dates that are.
        after = _dates(module_engine)
        changed = {record for record in before.keys() | after.keys() if before.get(record) != after.get(record)}
        told = {day for record in changed for _, day in (before.get(record, (0, None)), after[record]) if day}
        assert stored.touched_dates == told
    for version in versions:
        distinct.setdefault((version.record_id, version.payload_hash), version)
    assert _count(module_engine, "records") == len(distinct)
    for record_id in {version.record_id for version in versions}:
        own = [version for version in distinct.values() if version.record_id == record_id]
        oldest = _NOON - timedelta(days=1)
        newest = max(enumerate(own), key=lambda pair: (pair[1].modified_on or oldest, pair[0]))[1]
        assert _latest(module_engine)[record_id].encode() == newest.payload


def _dates(engine: Engine) -> dict[int, tuple[int, date | None]]:
    with engine.connect() as db:
        found = db.execute(text("SELECT record_id, seq, document_date FROM raw.latest"))
        return {row[0]: (row[1], row[2]) for row in found}


@pytest.mark.parametrize("count", [1, 3000])
def test_a_page_of_any_size_is_stored(engine: Engine, count: int) -> None:
    versions = [_version(number) for number in range(count)]
    assert _store(engine, *versions).new_versions == count
    assert raw.count_records(engine, "acme", "invoice") == count
