"""Every kind of document is staged by the same mechanism: dated, re-dated, voided, set aside, and named by others."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.services.staging import pending_days
from st_deltek_pipeline.store import raw
from st_deltek_pipeline.store.days import undecided_days
from st_deltek_pipeline_tests.services.servicetitan_rows import (
    CALENDAR,
    CONNECTION,
    ap_bill,
    ap_credit,
    applied,
    bill,
    bill_item,
    credit_memo,
    expense,
    invoice,
    memo_item,
    payment,
    settings,
)
from st_deltek_pipeline_tests.services.tenant import MONDAY, TUESDAY, WEDNESDAY, Tenant
from st_deltek_pipeline_tests.services.test_intake import _written

Row = dict[str, Any]


@dataclass(frozen=True)
class Sort:
    """One kind of document as a test needs it."""

    kind: Kind
    feed: str
    row: Callable[..., Row]
    date: str
    amount: str
    voided: tuple[Row, ...] = ({"active": False},)


_CANCELED = ({"active": False}, {"status": "Canceled"})

SORTS = [
    Sort(Kind.INVOICE, "invoices", invoice, "invoiceDate", "total"),
    Sort(Kind.PAYMENT, "payments", payment, "date", "total"),
    Sort(Kind.BILL, "inventory_bills", bill, "billDate", "billAmount"),
    Sort(
        Kind.BILL,
        "ap_bills",
        ap_bill,
        "billDate",
        "billAmount",
        ({"status": "Canceled"}, {"dateCanceled": "2026-10-08T00:00:00Z"}),
    ),
    Sort(
        Kind.AP_CREDIT, "ap_credits", ap_credit, "date", "amount", (*_CANCELED, {"canceledOn": "2026-10-08T00:00:00Z"})
    ),
    Sort(Kind.CREDIT_MEMO, "credit_memos", credit_memo, "date", "total"),
]


@pytest.fixture(params=SORTS, ids=lambda sort: sort.feed)
def sort(request: pytest.FixtureRequest) -> Sort:
    return request.param


@pytest.fixture
def tenant(engine: Engine, sort: Sort) -> Tenant:
    return Tenant(engine, sort.kind, sort.feed)


def test_a_days_documents_come_back_as_they_were_read(tenant: Tenant, sort: Sort) -> None:
    tenant.documents(sort.row(2), sort.row(1, **{sort.amount: "2.50"}))
    result = tenant.stage()
    assert (result.documents, result.changed, result.set_aside) == (2, 2, 0)
    first, second = tenant.of_day()
    assert (first.key.kind, first.key.document_id, first.total, first.revision) == (sort.kind, 1, Decimal("2.50"), 1)
    assert (second.document_date, second.business_day, second.active) == (MONDAY, MONDAY, True)
    assert result.total == first.total + second.total
    assert tenant.one(2) == second
    assert tenant.pending() == []


def test_staging_an_unchanged_day_again_writes_nothing(tenant: Tenant, sort: Sort) -> None:
    rows = [sort.row(1), sort.row(2, **{sort.amount: None}), sort.row(3, **{sort.date: None})]
    tenant.documents(*rows)
    tenant.stage_all()
    before = _written(tenant.engine)
    assert tenant.stage().changed == 0
    assert tenant.pending() == []
    assert _written(tenant.engine) == before


def test_a_version_that_says_nothing_new_is_no_work_and_one_that_does_is(tenant: Tenant, sort: Sort) -> None:
    tenant.documents(sort.row(1), sort.row(2))
    assert not tenant.settles()
    tenant.stage_all()
    tenant.documents(sort.row(1, taxZoneNote="17.00", modifiedOn="2026-10-08T09:00:00Z"))
    assert tenant.pending() == [MONDAY]
    assert tenant.settles()
    assert tenant.pending() == []
    tenant.documents(sort.row(1, **{sort.amount: "2.50", "modifiedOn": "2026-10-08T10:00:00Z"}))
    before = _written(tenant.engine)
    assert not tenant.settles()
    assert tenant.pending() == [MONDAY]
    assert tenant.one(1).total != Decimal("2.50")
    assert tenant.stage().changed == 1
    assert _written(tenant.engine) != before
    tenant.documents(sort.row(2, **{sort.amount: None, "modifiedOn": "2026-10-08T11:00:00Z"}))
    assert not tenant.settles()
    assert tenant.stage().set_aside == 1


def test_a_document_that_moves_takes_its_revisions_along(tenant: Tenant, sort: Sort) -> None:
    tenant.documents(sort.row(1))
    tenant.stage_all()
    tenant.documents(sort.row(1, **{sort.date: "2026-10-10"}))
    following = date(2026, 10, 13)
    assert tenant.pending() == [MONDAY, following]
    assert tenant.stage().documents == 0
    tenant.stage_all()
    assert (tenant.one().business_day, tenant.one().revision) == (following, 2)
    assert tenant.one().document_date == date(2026, 10, 10)


def test_a_voided_document_stays_visible_and_counts_nothing_in_the_tie_out(tenant: Tenant, sort: Sort) -> None:
    for number, voided in enumerate(sort.voided, start=1):
        tenant.documents(sort.row(number))
        tenant.stage_all()
        tenant.documents(sort.row(number, **voided))
        tenant.stage_all()
        assert (tenant.one(number).active, tenant.one(number).revision) == (False, 2)
        stated = raw.document_totals(tenant.engine, CONNECTION, sort.kind, [MONDAY])[number]
        assert (stated.active, stated.total) == (False, tenant.one(number).total)


def test_what_does_not_fit_is_set_aside_alone_and_leaves_again(tenant: Tenant, sort: Sort) -> None:
    tenant.documents(sort.row(1, **{sort.amount: "1.005"}), sort.row(2))
    result = tenant.stage()
    assert (result.documents, result.set_aside) == (1, 1)
    (aside,) = tenant.set_aside()
    assert (aside.kind, aside.record_id, aside.business_day) == (sort.kind, 1, MONDAY)
    assert f"$.{sort.amount}" in aside.reason
    tenant.documents(sort.row(1))
    tenant.stage_all()
    assert (tenant.set_aside(), tenant.one().revision) == ([], 1)


def test_a_document_that_stops_fitting_keeps_its_last_fitting_row(tenant: Tenant, sort: Sort) -> None:
    tenant.documents(sort.row(1))
    tenant.stage_all()
    staged = tenant.one()
    tenant.documents(sort.row(1, **{sort.date: "2026-10-07"}, syncStatus="Limbo"))
    tenant.stage_all()
    assert tenant.one() == staged
    assert ["'Limbo'" in aside.reason for day in (MONDAY, WEDNESDAY) for aside in tenant.set_aside(day)] == [True] * 2


def test_an_undated_document_is_on_no_day(tenant: Tenant, sort: Sort) -> None:
    tenant.documents(sort.row(1, **{sort.date: None}))
    assert tenant.pending() == []
    (aside,) = tenant.undated()
    assert aside.reason == f"$.{sort.date} is missing"


def test_documents_before_the_start_are_not_staged(tenant: Tenant, sort: Sort) -> None:
    tenant.settings = settings(start=TUESDAY)
    tenant.documents(sort.row(1), sort.row(2, **{sort.date: "2026-10-06T00:00:00"}))
    assert tenant.pending() == [TUESDAY]
    tenant.stage_all()
    tenant.documents(sort.row(2))
    tenant.stage_all()
    (aside,) = tenant.set_aside(TUESDAY)
    assert f"$.{sort.date} was moved to 2026-10-05" in aside.reason


def test_an_export_is_seen_but_is_no_revision(tenant: Tenant, sort: Sort) -> None:
    tenant.documents(sort.row(1))
    tenant.stage_all()
    tenant.documents(sort.row(1, syncStatus="Exported"))
    assert tenant.stage().changed == 1
    assert (tenant.one().revision, tenant.one().sync_status) == (1, "Exported")


def test_a_staged_day_that_nothing_was_decided_about_is_known(tenant: Tenant, sort: Sort) -> None:
    tenant.documents(sort.row(1), sort.row(2, **{sort.amount: None, sort.date: "2026-10-07"}))
    tenant.stage_all()
    assert undecided_days(tenant.engine, CONNECTION, sort.kind) == [MONDAY, WEDNESDAY]


def test_kinds_do_not_make_each_others_days_pending(engine: Engine) -> None:
    payments, bills = Tenant(engine, Kind.PAYMENT, "payments"), Tenant(engine, Kind.BILL, "inventory_bills")
    payments.documents(payment(1))
    assert (payments.pending(), bills.pending()) == ([MONDAY], [])
    bills.documents(bill(1, billDate="2026-10-07"))
    assert pending_days(engine, settings(), CALENDAR, (Kind.PAYMENT, Kind.BILL)) == [MONDAY, WEDNESDAY]
    payments.stage_all()
    assert bills.pending() == [WEDNESDAY]
    # One id may be a document of two kinds.
    bills.stage_all()
    assert (payments.one(1).total, bills.one(1).total) == (Decimal("108.81"), Decimal("107.00"))


# --- What other records say --------------------------------------------------------------------------------------

_PAYMENT, _BILL = ("payments", payment(1, deposit={"id": 9})), ("ap_bills", ap_bill(1, expenseItems=[expense()]))
_CREDIT, _MEMO = ("ap_credits", ap_credit(1)), ("credit_memos", credit_memo(1))
_JOB = {"id": 70, "jobNumber": "70-A", "jobStatus": "Completed", "jobTypeId": 9, "projectId": 8}
_FORMS = {
    "payments": Kind.PAYMENT,
    "ap_bills": Kind.BILL,
    "ap_credits": Kind.AP_CREDIT,
    "credit_memos": Kind.CREDIT_MEMO,
}


@pytest.mark.parametrize(
    ("document", "feed", "record", "seen"),
    [
        (_PAYMENT, "customers", {"id": 50, "mergedToId": 51}, ("billing_customer_id", 51, 1)),
        (_PAYMENT, "business_units", {"id": 3, "name": "West"}, ("business_unit_name", "West", 1)),
        (_PAYMENT, "payment_types", {"id": 6101, "name": "Cheque"}, ("type_name", "Cheque", 1)),
        (
            _PAYMENT,
            "bank_deposits",
            {"id": 9, "depositStatus": "Deposited", "depositDate": "2026-10-06T00:00:00Z"},
            ("deposit_date", date(2026, 10, 6), 1),
        ),
        (_PAYMENT, "journal_entry_payments", payment(1), ("is_journal_entry", True, 2)),
        (_BILL, "business_units", {"id": 3, "name": "West"}, ("business_unit_name", "West", 1)),
        (_BILL, "tax_zones", {"id": 1, "name": "Boulder"}, ("tax_zone_name", "Boulder", 1)),
        (_BILL, "purchase_orders", {"id": 88, "number": "PO-88"}, ("purchase_order", "PO-88", 1)),
        (_BILL, "jobs", _JOB, ("job_status", "Completed", 1)),
        (_CREDIT, "business_units", {"id": 3, "name": "West"}, ("business_unit_name", "West", 1)),
        (_CREDIT, "jobs", _JOB, ("job_number", "70-A", 1)),
        (_MEMO, "customers", {"id": 50, "type": "Commercial"}, ("customer_type", "Commercial", 1)),
        (_MEMO, "business_units", {"id": 3, "name": "West"}, ("business_unit_name", "West", 1)),
    ],
)
def test_a_record_that_comes_later_makes_the_days_that_name_it_pending(
    engine: Engine, document: tuple[str, Row], feed: str, record: Row, seen: tuple[str, object, int]
) -> None:
    name, row = document
    tenant = Tenant(engine, _FORMS[name], name)
    tenant.documents(row)
    tenant.stage_all()
    tenant.say(feed, {**record, "id": 999}, {"id": 998})
    assert tenant.pending() == []
    tenant.say(feed, record)
    assert tenant.pending() == [MONDAY]
    tenant.stage_all()
    field, value, revision = seen
    assert (getattr(tenant.one(), field), tenant.one().revision) == (value, revision)


@pytest.mark.parametrize(
    ("feed", "record", "seen"),
    [
        ("business_units", {"id": 4, "name": "HVAC West"}, ("HVAC West", "J-71")),
        ("jobs", {"id": 71, "jobNumber": "71-A"}, ("HVAC", "71-A")),
    ],
)
def test_what_only_a_bills_lines_name_reaches_the_lines(
    engine: Engine, feed: str, record: Row, seen: tuple[str, str]
) -> None:
    tenant = Tenant(engine, Kind.BILL, "ap_bills")
    tenant.documents(_BILL[1])
    tenant.stage_all()
    tenant.say(feed, record)
    assert tenant.pending() == [MONDAY]
    assert tenant.stage().changed == 1
    line = tenant.one().lines[1]
    assert ((line.business_unit_name, line.job_number), tenant.one().revision) == (seen, 1)


def test_a_bills_job_type_and_project_are_reached_through_its_job(engine: Engine) -> None:
    tenant = Tenant(engine, Kind.BILL, "inventory_bills")
    tenant.say("jobs", _JOB)
    tenant.documents(bill(1))
    tenant.stage_all()
    tenant.say("job_types", {"id": 9, "name": "Repair"})
    tenant.say("projects", {"id": 8, "number": "P-8"})
    assert tenant.pending() == [MONDAY]
    tenant.stage_all()
    assert (tenant.one().job_type, tenant.one().project_number) == ("Repair", "P-8")


@pytest.mark.parametrize("changes", [{"depositStatus": "Open"}, {"depositStatus": "Deposited", "active": False}])
def test_only_a_deposit_that_is_deposited_has_its_date(engine: Engine, changes: Row) -> None:
    tenant = Tenant(engine, Kind.PAYMENT, "payments")
    tenant.say("bank_deposits", {"id": 9, "depositDate": "2026-10-06T00:00:00Z", **changes})
    tenant.documents(_PAYMENT[1])
    tenant.stage_all()
    assert (tenant.one().deposit_id, tenant.one().deposit_date) == (9, None)


# --- Items of credit memos ---------------------------------------------------------------------------------------


@pytest.fixture
def memos(engine: Engine) -> Tenant:
    tenant = Tenant(engine, Kind.CREDIT_MEMO, "credit_memos")
    tenant.documents(credit_memo(1), credit_memo(2, date="2026-10-07"))
    tenant.stage_all()
    return tenant


def _items(tenant: Tenant, *rows: Row) -> None:
    tenant.say_exactly("credit_memo_items", *rows)


def test_items_that_come_later_are_the_memos_lines(memos: Tenant) -> None:
    _items(memos, memo_item(12, total=20), memo_item(11, total=30), memo_item(13, active=False))
    assert memos.pending() == [MONDAY]
    memos.stage_all()
    assert [(line.line_id, line.total, line.gl_account) for line in memos.one().lines] == [
        (11, Decimal("30.00"), "4010"),
        (12, Decimal("20.00"), "4010"),
    ]
    assert memos.one().revision == 2


def test_an_item_that_moves_changes_both_memos(memos: Tenant) -> None:
    _items(memos, memo_item(11))
    memos.stage_all()
    _items(memos, memo_item(11, creditMemoId=2))
    assert memos.pending() == [MONDAY, WEDNESDAY]
    memos.stage_all()
    assert [len(memos.one(number).lines) for number in (1, 2)] == [0, 1]


def test_an_item_that_is_changed_and_changed_back_is_seen_both_times(memos: Tenant) -> None:
    for total in (50, 49, 50):
        _items(memos, memo_item(11, total=total))
        assert memos.pending() == [MONDAY]
        memos.stage_all()
        assert memos.one().lines[0].total == total
    _items(memos, memo_item(11, total=50))
    assert memos.pending() == []


def test_words_of_an_item_reach_the_line_without_a_revision(memos: Tenant) -> None:
    _items(memos, memo_item(11))
    memos.stage_all()
    _items(memos, memo_item(11, description="Other words"))
    memos.stage_all()
    assert (memos.one().lines[0].description, memos.one().revision) == ("Other words", 2)


def test_an_item_that_cannot_be_read_sets_its_memo_aside(memos: Tenant) -> None:
    _items(memos, memo_item(11), memo_item(12, total="1.005"))
    memos.stage_all()
    (aside,) = memos.set_aside()
    assert "1.005 at $.items[id=12].total" in aside.reason
    _items(memos, memo_item(11), memo_item(12, total=1))
    memos.stage_all()
    assert (memos.set_aside(), len(memos.one().lines)) == ([], 2)


def test_an_item_without_its_memo_is_set_aside_by_itself(memos: Tenant) -> None:
    _items(memos, memo_item(11, creditMemoId=None))
    assert memos.pending() == []


# --- What the domain decides later -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feed", "row"),
    [
        ("payments", payment(1, customer=None, businessUnit=None, typeId=None)),
        ("payments", payment(1, appliedTo=[applied(appliedAmount="999.00")])),
        ("ap_bills", ap_bill(1, vendor=None)),
        ("ap_bills", ap_bill(1, items=[bill_item(quantity="-1")])),
        ("ap_bills", ap_bill(1, billAmount="1.00")),
        ("ap_credits", ap_credit(1, vendor=None, splits=[])),
        ("credit_memos", credit_memo(1, customer=None, appliedTo=None)),
    ],
)
def test_what_is_a_hold_later_is_staged_all_the_same(engine: Engine, feed: str, row: Row) -> None:
    tenant = Tenant(engine, _FORMS[feed], feed)
    tenant.documents(row)
    assert (tenant.stage().documents, tenant.stage().set_aside) == (1, 0)
