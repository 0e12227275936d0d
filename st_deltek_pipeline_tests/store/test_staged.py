"""The staged tables keep every value, write only what differs, and find which days a change concerns."""

from datetime import date
from decimal import Decimal

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.domain.documents import DocumentKey, Kind, SyncStatus
from st_deltek_pipeline.domain.invoices import Invoice, InvoiceLine
from st_deltek_pipeline.store import staged

_DAY = date(2026, 10, 5)
_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
_AMOUNT = st.decimals(Decimal("-999999999999.99"), Decimal("999999999999.99"), places=2)
_ID = st.integers(-(2**63) + 1, 2**63 - 1)
_QUANTITY = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9)

_LINES = st.builds(
    InvoiceLine,
    line_id=_ID,
    item_type=st.sampled_from(["Service", "Material"]),
    sku=_TEXT,
    description=_TEXT,
    gl_account=st.none() | st.text("0123456789", min_size=1),
    business_unit_id=st.none() | _ID,
    taxable=st.booleans(),
    quantity=_QUANTITY,
    total=_AMOUNT,
)
_INVOICES = st.builds(
    Invoice,
    key=st.builds(DocumentKey, st.just("acme"), st.just(Kind.INVOICE), _ID),
    revision=st.integers(1, 9),
    revision_hash=_TEXT,
    number=_TEXT,
    document_date=st.dates(),
    due_date=st.none() | st.dates(),
    business_day=st.just(_DAY),
    sync_status=st.sampled_from(SyncStatus),
    review_status=_TEXT,
    active=st.booleans(),
    customer_id=st.none() | _ID,
    customer_name=_TEXT,
    location_id=st.none() | _ID,
    business_unit_id=st.none() | _ID,
    business_unit_name=_TEXT,
    job_id=st.none() | _ID,
    job_type=_TEXT,
    project_id=st.none() | _ID,
    adjustment_to_id=st.none() | _ID,
    tax_zone_id=st.none() | _ID,
    subtotal=_AMOUNT,
    sales_tax=_AMOUNT,
    total=_AMOUNT,
    lines=st.lists(_LINES, max_size=4).map(tuple),
    customer_type=_TEXT,
    billing_customer_id=st.none() | _ID,
    tax_zone_name=_TEXT,
    project_number=_TEXT,
    job_status=_TEXT,
    raw_seq=st.integers(1, 10**9),
)


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(_INVOICES, max_size=4, unique_by=lambda invoice: invoice.key))
def test_every_invoice_is_read_back_as_it_was_written(module_engine: Engine, invoices: list[Invoice]) -> None:
    with module_engine.begin() as db:
        db.execute(text("TRUNCATE staged.invoices, staged.invoice_lines"))
        assert staged.write_invoices(db, "acme", iter(invoices), []) == len(invoices)
    expected = sorted(invoices, key=lambda invoice: invoice.key.document_id)
    assert staged.invoices_of_day(module_engine, "acme", _DAY) == expected
    ids = [invoice.key.document_id for invoice in invoices]
    assert staged.invoices_by_id(module_engine, "acme", ids) == expected


def _lookup(record_id: int, name: str = "x", refers_to: int | None = None) -> staged.Lookup:
    return staged.Lookup(record_id, name, "", refers_to)


def test_only_lookups_that_differ_are_reported_and_written(engine: Engine) -> None:
    with engine.begin() as db:
        assert staged.write_lookups(db, "acme", "job", [_lookup(1), _lookup(2)]) == [1, 2]
    with engine.begin() as db:
        assert staged.write_lookups(db, "acme", "job", [_lookup(1), _lookup(2, refers_to=5)]) == [2]
        found = staged.lookups(db, "acme", [("job", [1, 2, 3]), ("customer", [1])])
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
    staged.close_day(db, "acme", day, [day], 1, run_id="run")


def test_a_change_at_the_end_of_a_chain_of_merges_concerns_every_customer_in_it(engine: Engine) -> None:
    days = [date(2026, 10, day) for day in (5, 6, 7)]
    with engine.begin() as db:
        staged.write_lookups(db, "acme", "customer", [_lookup(1, refers_to=2), _lookup(2, refers_to=3), _lookup(3)])
        # A circle must not go round for ever.
        staged.write_lookups(db, "acme", "customer", [_lookup(8, refers_to=9), _lookup(9, refers_to=8)])
        for document_id, (day, customer_id) in enumerate(zip(days, (1, 3, 8), strict=True)):
            _stage(db, document_id, day, customer_id)
        staged.mark_stale_days(db, "acme", "customer", [3])
        assert [day for day, known in staged.staged_days(db, "acme").items() if known.stale] == days[:2]
        staged.mark_stale_days(db, "acme", "customer", [9])
        assert all(known.stale for known in staged.staged_days(db, "acme").values())
