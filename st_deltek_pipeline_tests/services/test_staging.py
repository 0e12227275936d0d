"""Staging follows raw exactly, keeps what was staged, and sets aside what does not fit."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.services.feeds import FEEDS_BY_NAME
from st_deltek_pipeline.services.intake import take_in_feed
from st_deltek_pipeline.services.staging import StagingResult, pending_days, stage_day
from st_deltek_pipeline.store.staged_candidates import candidates, undated_candidates
from st_deltek_pipeline.store.staged_lookups import lookup_candidates
from st_deltek_pipeline.store.staged_set_aside import set_aside_undated
from st_deltek_pipeline.store.staged_tables import INVOICES
from st_deltek_pipeline_tests.services.servicetitan_rows import (
    CALENDAR,
    CONNECTION,
    Feeds,
    encoded,
    invoice,
    item,
    settings,
)
from st_deltek_pipeline_tests.services.staged_invoices import invoices_by_id, invoices_of_day, set_aside_of_day
from st_deltek_pipeline_tests.services.test_intake import _written
from st_deltek_pipeline_tests.tampering import tampering

MONDAY = date(2026, 10, 5)
TUESDAY = date(2026, 10, 6)
WEDNESDAY = date(2026, 10, 7)


class _Tenant:
    """One connection's ServiceTitan, whose records change as a test says."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.settings = settings()
        self.calendar = CALENDAR
        self._clock = 0

    def say(self, feed: str, *rows: dict[str, Any]) -> None:
        """Change records; each time later than before."""
        self._clock += 1
        stamp = f"2026-12-01T00:{self._clock // 60:02d}:{self._clock % 60:02d}Z"
        stamped = [{**row, "modifiedOn": stamp} for row in rows]
        source = Feeds.of(stamped)
        source.lists = [[encoded(row) for row in stamped]]
        take_in_feed(self.engine, source, CONNECTION, FEEDS_BY_NAME[feed], run_id="in", full=True)

    def invoices(self, *rows: dict[str, Any]) -> None:
        self.say("invoices", *rows)

    def pending(self) -> list[date]:
        return pending_days(self.engine, self.settings, self.calendar)

    def stage(self, day: date = MONDAY) -> StagingResult:
        return stage_day(self.engine, self.settings, self.calendar, Kind.INVOICE, day, run_id="stage")

    def stage_all(self) -> None:
        for day in self.pending():
            self.stage(day)
        assert self.pending() == []

    def of_day(self, day: date = MONDAY) -> list[Invoice]:
        return invoices_of_day(self.engine, CONNECTION, day)

    def one(self, invoice_id: int = 1) -> Invoice:
        return invoices_by_id(self.engine, CONNECTION, [invoice_id])[0]


@pytest.fixture
def tenant(engine: Engine) -> _Tenant:
    return _Tenant(engine)


def test_a_day_holds_its_invoices_typed(tenant: _Tenant) -> None:
    tenant.invoices(invoice(2, total="8.81", items=[]), invoice(1))
    result = tenant.stage()
    assert result == StagingResult(MONDAY, documents=2, changed=2, set_aside=0, total=Decimal("117.62"))
    first, second = tenant.of_day()
    assert (first.key.document_id, first.total, first.lines[0].gl_account) == (1, Decimal("108.81"), "4010")
    assert (second.lines, second.revision) == ((), 1)


def test_reading_back_gives_what_was_written(tenant: _Tenant) -> None:
    lines = [item(1, quantity="2.125", skuName="tab\there"), item(2, total="-3.10", generalLedgerAccount=None)]
    tenant.invoices(invoice(1, items=lines, projectId=8, adjustmentToId=7, referenceNumber="10\x00"))
    tenant.stage()
    typed = tenant.one()
    assert [line.quantity for line in typed.lines] == [Decimal("2.125"), Decimal("1.00")]
    assert [line.sku for line in typed.lines] == ["tab\there", "WH-100"]
    assert (typed.lines[1].total, typed.lines[1].gl_account) == (Decimal("-3.10"), None)
    assert (typed.number, typed.project_id, typed.adjustment_to_id) == ("10\ufffd", 8, 7)
    assert INVOICES.row(typed) == INVOICES.row(tenant.of_day()[0])


def test_weekend_and_holiday_documents_belong_to_the_next_business_day(tenant: _Tenant) -> None:
    days = ["2026-10-10", "2026-10-11", "2026-10-12", "2026-10-13"]
    tenant.invoices(*[invoice(n, invoiceDate=f"{day}T00:00:00Z") for n, day in enumerate(days, start=1)])
    assert tenant.pending() == [date(2026, 10, 13)]
    assert tenant.stage(date(2026, 10, 13)).documents == 4
    assert [str(typed.document_date) for typed in tenant.of_day(date(2026, 10, 13))] == days


def test_a_day_that_is_no_business_day_is_refused(tenant: _Tenant) -> None:
    with pytest.raises(ValueError, match="not a business day"):
        tenant.stage(date(2026, 10, 10))


def test_days_are_pending_exactly_while_raw_is_ahead(tenant: _Tenant) -> None:
    assert tenant.pending() == []
    tenant.invoices(invoice(1), invoice(2, invoiceDate="2026-10-07T00:00:00Z"))
    assert tenant.pending() == [MONDAY, WEDNESDAY]
    tenant.stage()
    assert tenant.pending() == [WEDNESDAY]
    tenant.stage(WEDNESDAY)
    assert tenant.pending() == []


def test_staging_an_unchanged_day_again_writes_nothing(tenant: _Tenant) -> None:
    tenant.invoices(invoice(1), invoice(2), invoice(3, total=None), invoice(4, invoiceDate=None))
    tenant.stage_all()
    before = _written(tenant.engine)
    result = tenant.stage()
    assert (result.documents, result.changed, result.set_aside) == (2, 0, 1)
    assert tenant.pending() == []
    assert _written(tenant.engine) == before


def test_a_change_raises_the_revision_of_that_invoice_only(tenant: _Tenant) -> None:
    tenant.invoices(invoice(1), invoice(2))
    tenant.stage()
    tenant.invoices(invoice(1, total="109.00"))
    assert tenant.stage().changed == 1
    assert [(typed.revision, typed.total) for typed in tenant.of_day()] == [
        (2, Decimal("109.00")),
        (1, Decimal("108.81")),
    ]


def test_an_export_is_seen_but_is_no_revision(tenant: _Tenant) -> None:
    tenant.invoices(invoice(1))
    tenant.stage()
    tenant.invoices(invoice(1, syncStatus="Exported"))
    assert tenant.stage().changed == 1
    assert (tenant.one().revision, tenant.one().sync_status) == (1, "Exported")


def test_an_invoice_that_moves_takes_its_revisions_along(tenant: _Tenant) -> None:
    tenant.invoices(invoice(1))
    tenant.stage_all()
    tenant.invoices(invoice(1, invoiceDate="2026-10-07T00:00:00Z"))
    assert tenant.pending() == [MONDAY, WEDNESDAY]
    result = tenant.stage(MONDAY)
    assert (result.documents, result.changed) == (0, 1)
    assert tenant.one().business_day == WEDNESDAY
    assert tenant.pending() == [WEDNESDAY]
    assert tenant.stage(WEDNESDAY).documents == 1
    assert (tenant.one().revision, tenant.pending()) == (2, [])


def test_an_invoice_may_be_staged_on_its_new_day_first(tenant: _Tenant) -> None:
    tenant.invoices(invoice(1))
    tenant.stage_all()
    tenant.invoices(invoice(1, invoiceDate="2026-10-07T00:00:00Z"))
    assert tenant.stage(WEDNESDAY).documents == 1
    assert tenant.stage(MONDAY).documents == 0
    assert (tenant.one().revision, tenant.pending()) == (2, [])


def test_documents_before_the_start_are_not_staged(tenant: _Tenant) -> None:
    tenant.settings = settings(start=date(2026, 10, 6))
    tenant.invoices(invoice(1), invoice(2, invoiceDate="2026-10-06T00:00:00Z"))
    assert tenant.pending() == [TUESDAY]
    assert tenant.stage(TUESDAY).documents == 1
    assert tenant.stage(MONDAY).documents == 0


def test_a_weekend_before_the_start_is_left_out_of_its_monday(tenant: _Tenant) -> None:
    tenant.settings = settings(start=MONDAY)
    tenant.invoices(invoice(1, invoiceDate="2026-10-04T00:00:00Z"), invoice(2))
    assert tenant.stage().documents == 1
    tenant.settings = settings()
    assert tenant.pending() == [MONDAY]
    assert tenant.stage().documents == 2


def test_a_staged_invoice_that_moves_before_the_start_stays_visible(tenant: _Tenant) -> None:
    tenant.invoices(invoice(1))
    tenant.stage_all()
    tenant.invoices(invoice(1, invoiceDate="2025-01-02T00:00:00Z"))
    tenant.stage_all()
    assert tenant.one().document_date == MONDAY
    (aside,) = set_aside_of_day(tenant.engine, CONNECTION, MONDAY)
    assert "moved to 2025-01-02, before the connection's start" in aside.reason
    tenant.invoices(invoice(1))
    tenant.stage_all()
    assert set_aside_of_day(tenant.engine, CONNECTION, MONDAY) == []


# --- Set aside ---------------------------------------------------------------------------------------------------


def test_a_record_that_does_not_fit_stops_no_other_and_leaves_again(tenant: _Tenant) -> None:
    """T19, T55: parked with the reason, and leaves again."""
    tenant.invoices(invoice(1, total="1.005"), invoice(2))
    result = tenant.stage()
    assert (result.documents, result.set_aside) == (1, 1)
    (aside,) = set_aside_of_day(tenant.engine, CONNECTION, MONDAY)
    assert (aside.record_id, aside.business_day) == (1, MONDAY)
    assert "$.total" in aside.reason
    tenant.invoices(invoice(1))
    result = tenant.stage()
    assert (result.documents, result.set_aside, tenant.one().revision) == (2, 0, 1)
    assert set_aside_of_day(tenant.engine, CONNECTION, MONDAY) == []


def test_a_staged_invoice_that_stops_fitting_keeps_its_last_fitting_row(tenant: _Tenant) -> None:
    tenant.invoices(invoice(1))
    tenant.stage_all()
    tenant.invoices(invoice(1, syncStatus="Limbo", invoiceDate="2026-10-07T00:00:00Z"))
    tenant.stage_all()
    assert (tenant.one().business_day, tenant.one().total) == (MONDAY, Decimal("108.81"))
    for day in (MONDAY, WEDNESDAY):
        (aside,) = set_aside_of_day(tenant.engine, CONNECTION, day)
        assert "'Limbo' at $.syncStatus" in aside.reason
    tenant.invoices(invoice(1, invoiceDate="2026-10-07T00:00:00Z"))
    tenant.stage_all()
    assert (tenant.one().business_day, tenant.one().revision) == (WEDNESDAY, 2)
    assert set_aside_of_day(tenant.engine, CONNECTION, MONDAY) == []


def test_an_undated_invoice_is_set_aside_on_no_day(tenant: _Tenant) -> None:
    tenant.invoices(invoice(1, invoiceDate=None))
    assert tenant.pending() == []
    (aside,) = set_aside_undated(tenant.engine, CONNECTION, Kind.INVOICE)
    assert (aside.record_id, aside.reason) == (1, "$.invoiceDate is missing")
    tenant.invoices(invoice(1))
    tenant.stage_all()
    assert set_aside_undated(tenant.engine, CONNECTION, Kind.INVOICE) == []
    assert tenant.one().total == Decimal("108.81")


def test_a_staged_invoice_that_loses_its_date_is_set_aside_on_its_day(tenant: _Tenant) -> None:
    tenant.invoices(invoice(1))
    tenant.stage_all()
    tenant.invoices(invoice(1, invoiceDate=None))
    assert tenant.pending() == [MONDAY]
    result = tenant.stage()
    assert (result.documents, result.set_aside) == (1, 1)
    assert tenant.pending() == []


def test_a_reason_that_changes_keeps_the_time_it_began(tenant: _Tenant) -> None:
    tenant.invoices(invoice(1, total=None))
    tenant.stage()
    (first,) = set_aside_of_day(tenant.engine, CONNECTION, MONDAY)
    tenant.invoices(invoice(1, total="x"))
    tenant.stage()
    (second,) = set_aside_of_day(tenant.engine, CONNECTION, MONDAY)
    assert (second.since, second.reason != first.reason) == (first.since, True)


@pytest.mark.parametrize("changes", [{"businessUnit": None}, {"job": None}, {"total": "1.00"}, {"customer": None}])
def test_what_is_a_hold_later_is_staged_all_the_same(tenant: _Tenant, changes: dict[str, Any]) -> None:
    tenant.invoices(invoice(1, **changes))
    assert (tenant.stage().documents, tenant.stage().set_aside) == (1, 0)


# --- What other records say --------------------------------------------------------------------------------------


def test_names_and_types_are_looked_up(tenant: _Tenant) -> None:
    tenant.say("customers", {"id": 50, "name": "Ada", "type": "Commercial"})
    tenant.say("business_units", {"id": 3, "name": "Plumbing West"})
    tenant.say("job_types", {"id": 9, "name": "Installation"})
    tenant.say("jobs", {"id": 70, "jobNumber": "70", "jobStatus": "Completed", "jobTypeId": 9})
    tenant.say("projects", {"id": 8, "number": "P-8"})
    tenant.say("tax_zones", {"id": 1, "name": "Denver"})
    tenant.invoices(invoice(1, projectId=8))
    tenant.stage()
    typed = tenant.one()
    assert (typed.customer_type, typed.business_unit_name, typed.job_type) == (
        "Commercial",
        "Plumbing West",
        "Installation",
    )
    assert (typed.job_status, typed.project_number, typed.tax_zone_name) == ("Completed", "P-8", "Denver")


@pytest.mark.parametrize(
    ("feed", "row", "field", "value"),
    [
        ("customers", {"id": 50, "type": "Commercial"}, "customer_type", "Commercial"),
        ("customers", {"id": 50, "mergedToId": 51}, "billing_customer_id", 51),
        ("business_units", {"id": 3, "name": "West"}, "business_unit_name", "West"),
        ("jobs", {"id": 70, "jobStatus": "Canceled"}, "job_status", "Canceled"),
        ("jobs", {"id": 70, "jobTypeId": 10}, "job_type", "Repair"),
        ("projects", {"id": 8, "number": "P-9"}, "project_number", "P-9"),
        ("tax_zones", {"id": 1, "name": "Boulder"}, "tax_zone_name", "Boulder"),
    ],
)
def test_a_record_that_comes_later_makes_its_days_pending_without_a_revision(
    tenant: _Tenant, feed: str, row: dict[str, Any], field: str, value: object
) -> None:
    tenant.invoices(invoice(1, projectId=8), invoice(2, invoiceDate="2026-10-07T00:00:00Z", **_OTHERS))
    tenant.stage_all()
    tenant.say(feed, row)
    assert tenant.pending() == [MONDAY]
    tenant.stage_all()
    assert (getattr(tenant.one(), field), tenant.one().revision) == (value, 1)


_OTHERS: dict[str, Any] = {
    "customer": {"id": 99},
    "businessUnit": {"id": 99},
    "job": {"id": 99},
    "projectId": 99,
    "taxZoneId": 99,
}


def test_a_renamed_job_type_reaches_its_jobs_invoices(tenant: _Tenant) -> None:
    tenant.say("job_types", {"id": 9, "name": "Installation"})
    tenant.say("jobs", {"id": 70, "jobTypeId": 9})
    tenant.invoices(invoice(1))
    tenant.stage_all()
    tenant.say("job_types", {"id": 9, "name": "Install"})
    assert tenant.pending() == [MONDAY]
    tenant.stage_all()
    assert tenant.one().job_type == "Install"


def test_a_customer_whose_balance_changes_makes_nothing_pending(tenant: _Tenant) -> None:
    tenant.say("customers", {"id": 50, "type": "Residential", "balance": 1})
    tenant.invoices(invoice(1))
    tenant.stage_all()
    tenant.say("customers", {"id": 50, "type": "Residential", "balance": 2})
    assert tenant.pending() == []


def test_merged_customers_are_followed_to_the_one_that_is_left(tenant: _Tenant) -> None:
    tenant.say(
        "customers",
        {"id": 50, "type": "Residential", "mergedToId": 51},
        {"id": 51, "type": "Residential", "mergedToId": 52},
        {"id": 52, "type": "Commercial"},
    )
    tenant.invoices(invoice(1))
    tenant.stage_all()
    assert (tenant.one().customer_id, tenant.one().billing_customer_id, tenant.one().customer_type) == (
        50,
        52,
        "Commercial",
    )
    tenant.say("customers", {"id": 52, "type": "Residential", "mergedToId": 53})
    assert tenant.pending() == [MONDAY]
    tenant.stage_all()
    assert (tenant.one().billing_customer_id, tenant.one().customer_type) == (53, "Residential")


def test_customers_merged_in_a_circle_stay_themselves(tenant: _Tenant) -> None:
    tenant.say(
        "customers",
        {"id": 50, "type": "Residential", "mergedToId": 51},
        {"id": 51, "type": "Commercial", "mergedToId": 50},
        {"id": 52, "type": "Commercial", "mergedToId": 52},
    )
    tenant.invoices(invoice(1), invoice(2, customer={"id": 52}))
    tenant.stage_all()
    assert (tenant.one(1).billing_customer_id, tenant.one(1).customer_type) == (50, "Residential")
    assert (tenant.one(2).billing_customer_id, tenant.one(2).customer_type) == (52, "Commercial")


def test_a_customer_that_does_not_fit_leaves_what_was_known(tenant: _Tenant) -> None:
    tenant.say("customers", {"id": 50, "type": "Commercial"})
    tenant.invoices(invoice(1))
    tenant.stage_all()
    tenant.say("customers", {"id": 50, "type": {"odd": 1}})
    assert tenant.pending() == []
    assert tenant.one().customer_type == "Commercial"
    with tenant.engine.connect() as db:
        (reason,) = db.execute(text("SELECT reason FROM staged.set_aside WHERE kind = 'customer'")).scalars()
    assert "$.type" in reason


# --- Calendar and program ----------------------------------------------------------------------------------------


def test_a_new_holiday_makes_its_documents_pending_on_the_next_day(tenant: _Tenant) -> None:
    tenant.invoices(invoice(1))
    tenant.stage_all()
    tenant.calendar = BusinessCalendar("America/Denver", frozenset({6, 7}), frozenset({MONDAY}))
    assert tenant.pending() == [TUESDAY]
    assert tenant.stage(TUESDAY).documents == 1
    assert tenant.one().revision == 1


def test_another_reading_of_payloads_stages_everything_again(tenant: _Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant.invoices(invoice(1), invoice(2, total=None))
    tenant.stage_all()
    monkeypatch.setitem(vars(INVOICES), "shape", INVOICES.shape + 1)
    assert tenant.pending() == [MONDAY]
    assert tenant.stage().changed == 1
    assert (tenant.pending(), tenant.one().revision) == ([], 1)


def test_more_than_a_chunk_of_invoices_is_staged_whole(tenant: _Tenant) -> None:
    tenant.invoices(*[invoice(number, items=[item(total="1.00"), item(12, total="2.00")]) for number in range(1, 2502)])
    result = tenant.stage()
    assert (result.documents, result.total) == (2501, Decimal("108.81") * 2501)
    assert sum(len(typed.lines) for typed in tenant.of_day()) == 5002


def test_a_day_is_read_in_chunks_however_long_it_is(tenant: _Tenant) -> None:
    tenant.invoices(*[invoice(number) for number in range(1, 6)], *[invoice(n, invoiceDate=None) for n in (6, 7, 8)])
    with tenant.engine.connect() as db:
        chunks = candidates(db, INVOICES, CONNECTION, MONDAY, [MONDAY], everything=False, chunk=2)
        assert [len(chunk) for chunk in chunks] == [2, 2, 1]
        assert [len(chunk) for chunk in undated_candidates(db, INVOICES, CONNECTION, chunk=2)] == [2, 1]
    tenant.say("customers", *[{"id": number} for number in range(5)])
    with tenant.engine.connect() as db:
        chunks = lookup_candidates(db, CONNECTION, "customer", 0, chunk=2)
        assert [len(chunk) for chunk in chunks] == [2, 2, 1]


def test_connections_do_not_meet(tenant: _Tenant) -> None:
    tenant.invoices(invoice(1))
    tenant.stage()
    assert invoices_of_day(tenant.engine, "other", MONDAY) == []
    other = tenant.settings.model_copy(update={"name": "other"})
    assert pending_days(tenant.engine, other, CALENDAR) == []


_CHANGES = st.fixed_dictionaries(
    {
        "invoiceDate": st.sampled_from([None, *(f"2026-10-{day:02d}T00:00:00Z" for day in range(1, 14)), "2025-01-01"]),
        "total": st.sampled_from(["1.00", "2.00", "0.001", None]),
        "active": st.booleans(),
        "syncStatus": st.sampled_from(["Pending", "Posted", "Exported", "Limbo"]),
    }
)


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(edits=st.lists(st.tuples(st.integers(1, 3), _CHANGES, st.booleans()), min_size=1, max_size=8), data=st.data())
def test_any_edits_in_any_order_end_as_if_staged_once(
    module_engine: Engine, edits: list[tuple[int, dict[str, Any], bool]], data: st.DataObject
) -> None:
    with tampering(module_engine) as db:
        db.execute(
            text(
                "TRUNCATE raw.records, raw.latest, raw.document_days, raw.cursors, staged.invoices, "
                "staged.invoice_lines, staged.set_aside, staged.days, staged.lookups, staged.lookup_progress"
            )
        )
    tenant = _Tenant(module_engine)
    last_fitting: dict[int, dict[str, Any]] = {}
    latest: dict[int, dict[str, Any]] = {}
    for invoice_id, changes, and_stage in edits:
        tenant.invoices(invoice(invoice_id, **changes))
        latest[invoice_id] = changes
        if and_stage:
            days = data.draw(st.permutations(tenant.pending()))
            for day in days:
                tenant.stage(day)
            assert tenant.pending() == []
            last_fitting |= {number: row for number, row in latest.items() if _fits(row)}
    tenant.stage_all()
    last_fitting |= {number: row for number, row in latest.items() if _fits(row)}
    rows = {typed.key.document_id: typed for typed in invoices_by_id(module_engine, CONNECTION, [1, 2, 3])}
    assert rows.keys() == last_fitting.keys()
    for number, typed in rows.items():
        assert f"{typed.document_date}T00:00:00Z" == last_fitting[number]["invoiceDate"]
        assert (typed.total, typed.active) == (Decimal(last_fitting[number]["total"]), last_fitting[number]["active"])
        assert typed.business_day == CALENDAR.business_day(typed.document_date)
    with module_engine.connect() as db:
        aside = set(db.execute(text("SELECT record_id FROM staged.set_aside")).scalars())
    unfit = {number for number, row in latest.items() if not _fits(row)}
    never_staged_and_early = {
        number for number in unfit if number not in rows and latest[number]["invoiceDate"] == "2025-01-01"
    }
    assert aside - never_staged_and_early == unfit - never_staged_and_early


def _fits(row: dict[str, Any]) -> bool:
    return (
        row["invoiceDate"] not in (None, "2025-01-01")
        and row["total"] in ("1.00", "2.00")
        and row["syncStatus"] != "Limbo"
    )
