"""Invoice rows are read exactly or not at all."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.documents import Kind, SyncStatus
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.servicetitan.documents import FORMS
from st_deltek_pipeline.servicetitan.invoices import InvoiceRecord, to_invoice
from st_deltek_pipeline.servicetitan.shapes import Unfit
from st_deltek_pipeline.servicetitan.surroundings import CustomerFacts, JobFacts, Surroundings
from st_deltek_pipeline_tests.services.servicetitan_rows import CALENDAR, encoded, invoice, item

_WHOLE_CENTS = st.decimals(Decimal("-999999999999.99"), Decimal("999999999999.99"), places=2)


def _typed(row: dict[str, Any], surroundings: Surroundings | None = None, **arguments: Any) -> Invoice | Unfit:
    record = FORMS[Kind.INVOICE].read(encoded(row))
    if isinstance(record, Unfit):
        return record
    return to_invoice(
        record,
        connection="acme",
        business_day=CALENDAR.business_day,
        surroundings=surroundings or Surroundings(),
        **arguments,
    )


def _fitting(row: dict[str, Any], surroundings: Surroundings | None = None, **arguments: Any) -> Invoice:
    typed = _typed(row, surroundings, **arguments)
    assert isinstance(typed, Invoice), str(typed)
    return typed


def _reasons(row: dict[str, Any]) -> str:
    typed = _typed(row)
    assert isinstance(typed, Unfit)
    return str(typed)


def test_an_ordinary_invoice_is_read_whole() -> None:
    typed = _fitting(invoice(1), raw_seq=9)
    assert (typed.key.document_id, typed.number, typed.document_date) == (1, "1001", date(2026, 10, 5))
    assert (typed.subtotal, typed.sales_tax, typed.total) == (Decimal("100.00"), Decimal("8.81"), Decimal("108.81"))
    assert (typed.due_date, typed.business_day) == (date(2026, 11, 4), date(2026, 10, 5))
    assert (typed.sync_status, typed.active, typed.revision, typed.raw_seq) == (SyncStatus.POSTED, True, 1, 9)
    line = typed.lines[0]
    assert (line.item_type, line.sku, line.gl_account, line.business_unit_id) == ("Service", "WH-100", "4010", 3)
    assert (line.quantity, line.total, line.taxable) == (Decimal("1.00"), Decimal("100.00"), True)


def test_ids_may_be_texts_and_money_may_be_numbers() -> None:
    """T19: string or number."""
    row = invoice(1, id="1", total=108.81, customer={"id": "50", "name": 7}, items=[item(quantity=2, total=100)])
    typed = _fitting(row)
    assert (typed.key.document_id, typed.customer_id, typed.customer_name) == (1, 50, "7")
    assert typed.total == Decimal("108.81")
    assert typed.lines[0].total == Decimal("100.00")


@given(_WHOLE_CENTS)
def test_an_amount_is_the_same_as_text_and_as_number(amount: Decimal) -> None:
    as_text = _fitting(invoice(1, total=str(amount)))
    as_number = FORMS[Kind.INVOICE].read(
        encoded(invoice(1, total=0)).replace(b'"total": 0,', f'"total": {amount},'.encode())
    )
    assert isinstance(as_number, InvoiceRecord)
    assert as_text.total == as_number.total == amount
    assert type(as_number.total) is Decimal


def test_a_reference_number_keeps_its_leading_zeros() -> None:
    assert _fitting(invoice(1, referenceNumber="000123")).number == "000123"


def test_everything_that_decides_nothing_may_be_null() -> None:
    row = invoice(
        1,
        businessUnit=None,
        job=None,
        customer=None,
        location=None,
        referenceNumber=None,
        dueDate=None,
        reviewStatus=None,
        taxZoneId=None,
        items=None,
        active=None,
    )
    typed = _fitting(row)
    assert (typed.business_unit_id, typed.job_id, typed.customer_id, typed.billing_customer_id) == (None,) * 4
    assert (typed.number, typed.lines, typed.active) == ("", (), True)


def test_amounts_that_do_not_add_up_fit_nevertheless() -> None:
    assert _fitting(invoice(1, total="1.00")).total == Decimal("1.00")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"invoiceDate": None}, "$.invoiceDate is missing"),
        ({"invoiceDate": "05.10.2026"}, "$.invoiceDate '05.10.2026' is not a date"),
        ({"invoiceDate": "2026-02-30T00:00:00Z"}, "is not a date"),
        ({"syncStatus": None}, "$.syncStatus is missing"),
        ({"syncStatus": "Limbo"}, "'Limbo' at $.syncStatus is not a known status"),
        ({"total": None}, "$.total is missing"),
        ({"total": "1.005"}, "1.005 at $.total is not an amount in whole cents"),
        ({"total": "NaN"}, "at $.total"),
        ({"total": "1e30"}, "at $.total"),
        ({"total": "much"}, "$.total"),
        ({"salesTax": None}, "$.salesTax is missing"),
        ({"subTotal": ""}, "$.subTotal"),
        ({"customer": "Ada"}, "$.customer"),
        ({"customer": {"id": 2**70}}, "$.customer.id"),
        ({"items": [item(), item(total=None)]}, "$.items[1].total is missing"),
        ({"items": [item(total="0.125")]}, "$.items[0].total"),
        ({"items": [item(type="Magic")]}, "'Magic' at $.items[0].type is not a known item type"),
        ({"items": [item(quantity="Infinity")]}, "$.items[0].quantity"),
        ({"items": [None]}, "$.items[0]"),
        ({"items": {}}, "$.items"),
    ],
)
def test_what_does_not_fit_names_the_field(changes: dict[str, Any], reason: str) -> None:
    """T19: missing, null, another type, an unknown value."""
    assert reason in _reasons(invoice(1, **changes))


def test_every_reason_is_given_at_once() -> None:
    reasons = _reasons(invoice(1, invoiceDate=None, syncStatus="Limbo", total=None))
    assert all(path in reasons for path in ("$.invoiceDate", "$.syncStatus", "$.total"))


def test_unknown_fields_do_not_matter() -> None:
    """T19: a new field is kept and decides nothing."""
    assert _fitting(invoice(1, inventedIn2027={"a": [1, 2]})).revision_hash == _fitting(invoice(1)).revision_hash


def test_a_nul_character_becomes_the_replacement_character() -> None:
    typed = _fitting(invoice(1, referenceNumber="10\x0001", customer={"id": 1, "name": "A\x00"}))
    assert (typed.number, typed.customer_name) == ("10\ufffd01", "A\ufffd")


@pytest.mark.parametrize("name", ["Zoë", "a\u0301", "\u202eright to left", "👷‍♀️", " trailing ", "=1+1", "x" * 5000])
def test_names_come_through_unchanged(name: str) -> None:
    """T39: emoji and other scripts as they are."""
    assert _fitting(invoice(1, customer={"id": 1, "name": name})).customer_name == name


# --- Revisions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"total": "108.82"},
        {"active": False},
        {"syncStatus": "Pending"},
        {"referenceNumber": "9"},
        {"invoiceDate": "2026-10-06T00:00:00Z"},
        {"businessUnit": {"id": 4, "name": "Plumbing"}},
        {"projectId": 5},
        {"items": [item(total="99.00"), item(12, total="1.00")]},
        {"items": [item(taxable=False)]},
        {"items": [item(generalLedgerAccount=None)]},
    ],
)
def test_what_matters_to_accounting_raises_the_revision(changes: dict[str, Any]) -> None:
    first = _fitting(invoice(1))
    second = _fitting(invoice(1, **changes), staged=(first.revision, first.revision_hash))
    assert (second.revision, second.revision_hash != first.revision_hash) == (2, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"syncStatus": "Exported"},
        {"modifiedOn": "2026-12-01T00:00:00Z"},
        {"dueDate": None},
        {"customer": {"id": 50, "name": "Ada King"}},
        {"items": [item(quantity="1.0", description="Other words")]},
        {"total": 108.81},
    ],
)
def test_what_does_not_matter_to_accounting_keeps_the_revision(changes: dict[str, Any]) -> None:
    first = _fitting(invoice(1))
    assert _fitting(invoice(1, **changes), staged=(4, first.revision_hash)).revision == 4


# --- Surroundings ------------------------------------------------------------------------------------------------


def test_names_come_from_the_records_and_else_from_the_invoice() -> None:
    known = Surroundings(
        customers={50: CustomerFacts("Commercial", 51)},
        jobs={70: JobFacts("Installation", "Completed")},
        business_units={3: "Plumbing West"},
        projects={8: "P-8"},
        tax_zones={1: "Denver"},
    )
    typed = _fitting(invoice(1, projectId=8), known)
    assert (typed.customer_type, typed.customer_id, typed.billing_customer_id) == ("Commercial", 50, 51)
    assert (typed.job_type, typed.job_status, typed.business_unit_name) == (
        "Installation",
        "Completed",
        "Plumbing West",
    )
    assert (typed.project_number, typed.tax_zone_name) == ("P-8", "Denver")
    alone = _fitting(invoice(1, projectId=8))
    assert (alone.job_type, alone.business_unit_name, alone.customer_type) == ("Repair", "Plumbing", "")
    assert alone.billing_customer_id == 50


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
        lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["id", "total", "items", "customer", "invoiceDate", "syncStatus", "active", "modifiedOn", "job"]),
)
def test_no_value_in_any_field_breaks_reading(value: Any, name: str) -> None:
    """T19: any value in any field."""
    row = msgspec.json.encode(invoice(1) | {name: value})
    typed = _typed(json.loads(row))
    assert isinstance(typed, Invoice | Unfit)
