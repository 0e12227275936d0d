"""The staged tables keep every value, write only what differs, and find which days a change concerns."""

from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.domain.documents import POSTING_ORDER, Document, DocumentKey, Kind, SyncStatus
from st_deltek_pipeline.store.staged_days import close_day, mark_stale_days, staged_days
from st_deltek_pipeline.store.staged_documents import documents_by_id, documents_of_day, parts_of, write_documents
from st_deltek_pipeline.store.staged_lookups import Lookup, lookups, write_lookups
from st_deltek_pipeline.store.staged_tables import INVOICES, TABLES, StagedTable

_DAY = date(2026, 10, 5)
_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
_AMOUNT = st.decimals(Decimal("-999999999999.99"), Decimal("999999999999.99"), places=2)
_ID = st.integers(-(2**63) + 1, 2**63 - 1)
_QUANTITY = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9)

_TOLD: dict[type, st.SearchStrategy[Any]] = {
    str: _TEXT,
    int: _ID,
    bool: st.booleans(),
    date: st.dates(),
    Decimal: _AMOUNT,
    SyncStatus: st.sampled_from(SyncStatus),
}
_OWN = {"revision": st.integers(1, 9), "business_day": st.just(_DAY), "raw_seq": st.integers(1, 10**9)}
_EXACT = {"quantity", "allocated_tax", "allocated_shipping", "allocated_other"}


def _values(of: type[Any], *, but: set[str]) -> dict[str, st.SearchStrategy[Any]]:
    """Return a strategy for every field of a domain type, whatever fields it has."""
    hints = get_type_hints(of)
    found: dict[str, st.SearchStrategy[Any]] = {}
    for each in fields(of):
        if each.name in but:
            continue
        told = get_args(hints[each.name]) or (hints[each.name],)
        (plain,) = (one for one in told if one is not type(None))
        one = _QUANTITY if each.name in _EXACT else _TOLD[plain]
        found[each.name] = _OWN.get(each.name, st.none() | one if type(None) in told else one)
    return found


def _documents(table: StagedTable[Any]) -> st.SearchStrategy[Document]:
    own = _values(table.type, but={"key", *(part.member for part in table.parts)})
    parts = {
        part.member: st.lists(st.builds(part.type, **_values(part.type, but=set())), max_size=4).map(tuple)
        for part in table.parts
    }
    return st.builds(table.type, key=st.builds(DocumentKey, st.just("acme"), st.just(table.kind), _ID), **own, **parts)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.kind)
@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.data())
def test_every_document_is_read_back_as_it_was_written(
    module_engine: Engine, table: StagedTable[Any], data: st.DataObject
) -> None:
    documents = data.draw(st.lists(_documents(table), max_size=4, unique_by=lambda document: document.key))
    with module_engine.begin() as db:
        db.execute(text(f"TRUNCATE {table.table}, {', '.join(part.table for part in table.parts)}"))
        assert write_documents(db, table, "acme", iter(documents), []) == len(documents)
    expected = sorted(documents, key=lambda document: document.key.document_id)
    assert documents_of_day(module_engine, "acme", table.kind, _DAY) == expected
    ids = [document.key.document_id for document in documents]
    assert documents_by_id(module_engine, "acme", table.kind, ids) == expected
    with module_engine.connect() as db:
        found = parts_of(db, table, "acme", ids)
    assert found == {
        document.key.document_id: [getattr(document, part.member) for part in table.parts] for document in documents
    }


def test_every_kind_has_its_tables_and_what_names_other_records_is_a_column() -> None:
    assert set(TABLES) == set(POSTING_ORDER)
    for table in TABLES.values():
        assert set(table.named_by.values()) <= set(table.columns)
        assert all(set(part.named_by.values()) <= set(part.columns) for part in table.parts)


def _lookup(record_id: int, name: str = "x", refers_to: int | None = None) -> Lookup:
    return Lookup(record_id, name, "", refers_to)


def test_only_lookups_that_differ_are_reported_and_written(engine: Engine) -> None:
    with engine.begin() as db:
        assert write_lookups(db, "acme", "job", [_lookup(1), _lookup(2)]) == [1, 2]
    with engine.begin() as db:
        assert write_lookups(db, "acme", "job", [_lookup(1), _lookup(2, refers_to=5)]) == [2]
        found = lookups(db, "acme", [("job", [1, 2, 3]), ("customer", [1])])
    assert found == {"job": {1: _lookup(1), 2: _lookup(2, refers_to=5)}, "customer": {}}


def _stage(db: Connection, document_id: int, day: date, customer_id: int) -> None:
    db.execute(
        text(
            """
            INSERT INTO staged.invoices
            SELECT * FROM jsonb_populate_record(CAST(NULL AS staged.invoices), CAST(:row AS jsonb))
            """
        ),
        {
            "row": f"""{{"connection": "acme", "document_id": {document_id}, "revision": 1, "revision_hash": "",
                "business_day": "{day}", "document_date": "{day}", "number": "", "sync_status": "Posted",
                "review_status": "", "active": true, "customer_id": {customer_id}, "customer_name": "",
                "customer_type": "", "business_unit_name": "", "job_type": "", "job_status": "",
                "project_number": "", "tax_zone_name": "", "subtotal": 0, "sales_tax": 0, "total": 0,
                "raw_seq": 1, "shape": 1, "staged_at": "2026-10-05"}}"""
        },
    )
    close_day(db, INVOICES, "acme", day, [day], raw_seq_high=1, run_id="run")


def test_a_change_at_the_end_of_a_chain_of_merges_concerns_every_customer_in_it(engine: Engine) -> None:
    days = [date(2026, 10, day) for day in (5, 6, 7)]
    with engine.begin() as db:
        write_lookups(db, "acme", "customer", [_lookup(1, refers_to=2), _lookup(2, refers_to=3), _lookup(3)])
        # A circle must not go round for ever.
        write_lookups(db, "acme", "customer", [_lookup(8, refers_to=9), _lookup(9, refers_to=8)])
        for document_id, (day, customer_id) in enumerate(zip(days, (1, 3, 8), strict=True)):
            _stage(db, document_id, day, customer_id)
        mark_stale_days(db, "acme", "customer", [3])
        assert [day for day, known in staged_days(db, "acme", Kind.INVOICE).items() if known.stale] == days[:2]
        mark_stale_days(db, "acme", "customer", [9])
        assert all(known.stale for known in staged_days(db, "acme", Kind.INVOICE).values())
