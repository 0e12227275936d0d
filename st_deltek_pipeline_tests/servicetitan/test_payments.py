"""Payment rows are read exactly or not at all, and only what matters to accounting makes a new revision."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.documents import Kind, SyncStatus
from st_deltek_pipeline.domain.payments import Application, Payment
from st_deltek_pipeline.servicetitan.surroundings import CustomerFacts, Surroundings
from st_deltek_pipeline_tests.services.servicetitan_rows import applied, payment
from st_deltek_pipeline_tests.servicetitan.documents_read import reasons, typed

_WHOLE_CENTS = st.decimals(Decimal("-999999999999.99"), Decimal("999999999999.99"), places=2)


def _payment(row: dict[str, Any], known: Surroundings | None = None, **arguments: Any) -> Payment:
    found = typed(Kind.PAYMENT, row, known, **arguments)
    assert isinstance(found, Payment), str(found)
    return found


def test_an_ordinary_payment_is_read_whole() -> None:
    found = _payment(payment(7, memo="thanks", deposit={"id": 9, "name": "Monday"}), raw_seq=4)
    assert (found.key.document_id, found.number, found.document_date) == (7, "1041", date(2026, 10, 5))
    assert (found.total, found.unapplied, found.sync_status) == (Decimal("108.81"), Decimal("0.00"), SyncStatus.POSTED)
    assert (found.type_id, found.type_name, found.deposit_id, found.deposit_date) == (6101, "Check", 9, None)
    assert (found.is_journal_entry, found.refunded_payment_id, found.memo, found.raw_seq) == (False, None, "thanks", 4)
    assert found.applications == (Application(85, 1, "1001", Decimal("108.81"), date(2026, 10, 5)),)


def test_a_reference_number_comes_before_the_check_number() -> None:
    assert _payment(payment(1, referenceNumber="R-1")).number == "R-1"
    assert not _payment(payment(1, checkNumber=None)).number


def test_applications_stand_in_the_order_of_their_ids_without_those_of_nothing() -> None:
    rows = [applied(9, appliedAmount="-5.00"), applied(7, appliedAmount="0.00"), applied(3, appliedAmount=10)]
    found = _payment(payment(1, appliedTo=rows))
    assert [(each.application_id, each.amount) for each in found.applications] == [
        (3, Decimal("10.00")),
        (9, Decimal("-5.00")),
    ]


@given(_WHOLE_CENTS)
def test_an_amount_of_any_sign_is_the_same_as_text_and_as_number(amount: Decimal) -> None:
    found = _payment(payment(1, total=str(amount), appliedTo=[applied(appliedAmount=str(amount))]))
    assert found.total == amount
    assert found.total.as_tuple().exponent == -2
    assert [each.amount for each in found.applications] == ([amount] if amount else [])


@given(st.dates(), st.sampled_from(["", "T00:00:00Z", "T00:00:00", "T23:59:59.9999999-07:00"]))
def test_the_date_is_the_one_that_was_written_in_any_zone(day: date, rest: str) -> None:
    assert _payment(payment(1, date=f"{day.isoformat()}{rest}")).document_date == day


def test_nulls_that_decide_nothing_are_no_reason() -> None:
    row = payment(1, customer=None, businessUnit=None, typeId=None, type=None, appliedTo=None, unappliedAmount=None)
    found = _payment({**row, "active": None})
    assert (found.customer_id, found.business_unit_id, found.type_id, found.billing_customer_id) == (None,) * 4
    assert (found.applications, found.unapplied, found.active) == ((), Decimal("0.00"), True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"total": "225.005"}, "225.005 at $.total is not an amount in whole cents"),
        ({"total": None}, "$.total is missing"),
        ({"unappliedAmount": "0.001"}, "0.001 at $.unappliedAmount"),
        ({"date": None}, "$.date is missing"),
        ({"date": "05/10/2026"}, "$.date '05/10/2026' is not a date"),
        ({"syncStatus": "Limbo"}, "'Limbo' at $.syncStatus is not a known status"),
        ({"typeId": "cash"}, "$.typeId"),
        ({"appliedTo": [applied(appliedAmount=None)]}, "$.appliedTo[0].appliedAmount is missing"),
        ({"appliedTo": [applied(), applied(appliedAmount="1.234")]}, "$.appliedTo[1].appliedAmount"),
        ({"appliedTo": [applied(appliedTo=None)]}, "$.appliedTo[0].appliedTo"),
    ],
)
def test_what_does_not_fit_names_the_field(changes: dict[str, Any], reason: str) -> None:
    assert reason in reasons(Kind.PAYMENT, payment(1, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"total": "108.82"},
        {"unappliedAmount": "1.00"},
        {"active": False},
        {"syncStatus": "Pending"},
        {"date": "2026-10-06T00:00:00Z"},
        {"customer": {"id": 51}},
        {"typeId": "6102"},
        {"refundedPaymentId": 5},
        {"checkNumber": "1042"},
        {"appliedTo": [applied(appliedTo=2)]},
        {"appliedTo": [applied(appliedAmount="1.00"), applied(86, appliedAmount="107.81")]},
    ],
)
def test_what_matters_to_accounting_raises_the_revision(changes: dict[str, Any]) -> None:
    first = _payment(payment(1))
    second = _payment(payment(1, **changes), staged=(first.revision, first.revision_hash))
    assert (second.revision, second.revision_hash != first.revision_hash) == (2, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"syncStatus": "Exported"},
        {"modifiedOn": "2026-12-01T00:00:00Z"},
        {"type": "Cheque"},
        {"memo": "other words"},
        {"deposit": {"id": 9}},
        {"total": 108.81},
        {"appliedTo": [applied(99, appliedToReferenceNumber="renumbered", appliedOn=None)]},
    ],
)
def test_what_does_not_matter_to_accounting_keeps_the_revision(changes: dict[str, Any]) -> None:
    first = _payment(payment(1))
    assert _payment(payment(1, **changes), staged=(4, first.revision_hash)).revision == 4


def test_names_come_from_the_records_and_else_from_the_payment() -> None:
    known = Surroundings(
        customers={50: CustomerFacts("Commercial", 51)},
        business_units={3: "Plumbing West"},
        payment_types={6101: "Cheque"},
        deposits={9: date(2026, 10, 7)},
        journal_entries=frozenset({1}),
    )
    found = _payment(payment(1, deposit={"id": 9}), known)
    assert (found.billing_customer_id, found.business_unit_name, found.type_name) == (51, "Plumbing West", "Cheque")
    assert (found.deposit_date, found.is_journal_entry) == (date(2026, 10, 7), True)


def test_a_payment_that_turns_out_to_be_a_journal_entry_is_a_new_revision() -> None:
    first = _payment(payment(1))
    known = Surroundings(journal_entries=frozenset({1}))
    assert _payment(payment(1), known, staged=(1, first.revision_hash)).revision == 2
