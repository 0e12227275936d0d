"""Receipts over HTTP: what customers owe in Vantagepoint is what they owe in ServiceTitan, through every change."""

from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.sandbox.contractor.payment_types import TYPE_IDS, WRITE_OFF
from st_deltek_pipeline.services.following import days_left_behind
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench
from st_deltek_pipeline_tests.services.posting.kinds import (
    outcome_of,
    receivables_of,
    run_kinds,
    take_in_documents,
)

MONEY_IN = (Kind.INVOICE, Kind.CREDIT_MEMO, Kind.PAYMENT)


@pytest.fixture
def acme(quiet: Bench) -> Bench:
    """A small month, in which nothing happens on the day of these tests."""
    return quiet


@pytest.fixture
def invoices(acme: Bench) -> list[dict[str, Any]]:
    """Two invoices of 100.00 of one customer, on two projects."""
    return [acme.add(PART_A="100.00"), acme.add(PART_B="100.00")]


def pay(acme: Bench, *splits: tuple[dict[str, Any], str], total: str | None = None, **fields: Any) -> dict[str, Any]:
    whole = {"total": total} if total else {}
    return acme.sandbox.add_payment(
        splits=[{"invoiceId": invoice["id"], "amount": amount} for invoice, amount in splits],
        date=QUIET_DAY.isoformat(),
        syncStatus="Posted",
        **whole,
        **fields,
    )


def run(acme: Bench) -> None:
    take_in_documents(acme)
    run_kinds(acme, MONEY_IN)


def owed(acme: Bench, invoices: list[dict[str, Any]]) -> list[Decimal]:
    return [sum(receivables_of(acme, invoice["referenceNumber"]).values(), Decimal(0)) for invoice in invoices]


def stands(acme: Bench, payment: dict[str, Any]) -> Decimal:
    """What the receipt's lines sum to in the ledger."""
    rows = [row for row in acme.sandbox.ledger() if row["TransType"] == "CR" and row["AutoEntry"] != "Y"]
    return -sum((Decimal(row["Amount"]) for row in rows if row["RefNo"] == f"P{payment['id']}"), Decimal(0))


def test_a_payments_whole_life_is_followed_to_the_cent(acme: Bench, invoices: list[dict[str, Any]]) -> None:
    first, second = invoices
    payment = pay(acme, (first, "60.00"), total="130.00")
    run(acme)
    assert owed(acme, invoices) == [Decimal("40.00"), Decimal("100.00")]
    assert stands(acme, payment) == Decimal("130.00")

    acme.sandbox.payment(payment["id"], "apply", invoiceId=second["id"], amount="70.00")
    run(acme)
    assert owed(acme, invoices) == [Decimal("40.00"), Decimal("30.00")]

    acme.sandbox.edit_payment(payment["id"], splits=[{"invoiceId": second["id"], "amount": "100.00"}])
    run(acme)
    assert owed(acme, invoices) == [Decimal("100.00"), Decimal("0.00")]
    assert stands(acme, payment) == Decimal("130.00")

    acme.sandbox.payment(payment["id"], "void")
    run(acme)
    assert owed(acme, invoices) == [Decimal("100.00"), Decimal("100.00")]
    assert stands(acme, payment) == Decimal("0.00")
    assert outcome_of(acme, Kind.PAYMENT, payment["id"]) == ("posted", "", Decimal("0.00"))


def test_a_refund_and_its_return_are_receipts_of_their_own(acme: Bench, invoices: list[dict[str, Any]]) -> None:
    """T35: money taken back by a payment of its own, as a returned check is."""
    first, _ = invoices
    payment = pay(acme, (first, "100.00"))
    run(acme)
    refund = acme.sandbox.payment(payment["id"], "refund", date=QUIET_DAY.isoformat(), syncStatus="Posted")
    run(acme)
    assert owed(acme, [first]) == [Decimal("100.00")]
    assert stands(acme, refund) == Decimal("-100.00")
    again = acme.sandbox.payment(refund["id"], "refund", date=QUIET_DAY.isoformat(), syncStatus="Posted")
    run(acme)
    assert owed(acme, [first]) == [Decimal("0.00")]
    assert stands(acme, again) == Decimal("100.00")


def test_a_payment_moves_with_its_invoice_to_another_project(acme: Bench, invoices: list[dict[str, Any]]) -> None:
    first, _ = invoices
    payment = pay(acme, (first, "60.00"))
    run(acme)
    acme.change(first, PART_B="100.00")
    run_kinds(acme, [Kind.INVOICE])
    # The invoice has gone, and its money has been left behind.
    assert receivables_of(acme, first["referenceNumber"]) == {
        "CHS2026": Decimal("-60.00"),
        "RHS2026": Decimal("100.00"),
    }
    assert days_left_behind(acme.engine, acme.settings, Kind.PAYMENT) == [QUIET_DAY]
    run_kinds(acme, [Kind.PAYMENT])
    assert receivables_of(acme, first["referenceNumber"]) == {"RHS2026": Decimal("40.00")}
    assert stands(acme, payment) == Decimal("60.00")
    assert days_left_behind(acme.engine, acme.settings, Kind.PAYMENT) == []
    before = acme.context.journal.last_sequence()
    run_kinds(acme, MONEY_IN)
    assert acme.context.journal.last_sequence() == before


def test_a_payment_of_an_invoice_that_is_voided_is_seen_and_follows_when_it_is_applied_elsewhere(
    acme: Bench, invoices: list[dict[str, Any]]
) -> None:
    first, second = invoices
    payment = pay(acme, (first, "60.00"))
    run(acme)
    acme.sandbox.void_invoice(first["id"])
    run(acme)
    assert outcome_of(acme, Kind.PAYMENT, payment["id"]) == ("held", "applied_to_voided_invoice", Decimal("0.00"))
    assert stands(acme, payment) == Decimal("60.00")
    acme.sandbox.edit_payment(payment["id"], splits=[{"invoiceId": second["id"], "amount": "60.00"}])
    run(acme)
    assert outcome_of(acme, Kind.PAYMENT, payment["id"]) == ("posted", "", Decimal("0.00"))
    assert owed(acme, invoices) == [Decimal("0.00"), Decimal("40.00")]


def test_two_payments_applied_to_each_others_invoices_change_places(
    acme: Bench, invoices: list[dict[str, Any]]
) -> None:
    first, second = invoices
    payments = [pay(acme, (first, "100.00")), pay(acme, (second, "100.00"))]
    run(acme)
    for payment, invoice in zip(payments, (second, first), strict=True):
        acme.sandbox.edit_payment(
            payment["id"], verbatim=True, appliedTo=[{**payment["appliedTo"][0], "appliedTo": invoice["id"]}]
        )
    run(acme)
    assert {outcome_of(acme, Kind.PAYMENT, payment["id"])[0] for payment in payments} == {"posted"}
    assert owed(acme, invoices) == [Decimal("0.00"), Decimal("0.00")]


def test_a_journal_entry_type_by_name_is_left_out_with_that_reason(acme: Bench, invoices: list[dict[str, Any]]) -> None:
    first, _ = invoices
    acme.changed(posting={"journal_entry_payment_types": ("Write-off",)})
    payment = pay(acme, (first, "100.00"), typeId=TYPE_IDS[WRITE_OFF])
    run(acme)
    assert outcome_of(acme, Kind.PAYMENT, payment["id"]) == ("ignored", "journal_entry_payment", Decimal("100.00"))
    assert owed(acme, [first]) == [Decimal("100.00")]


def test_a_credit_memo_takes_off_its_invoice_follows_it_and_is_taken_back(
    acme: Bench, invoices: list[dict[str, Any]]
) -> None:
    first, _ = invoices
    memo = acme.sandbox.admin(
        "POST", "servicetitan/credit-memos", {"invoiceId": first["id"], "total": "15.00", "date": QUIET_DAY.isoformat()}
    )
    pay(acme, (first, "60.00"))
    run(acme)
    number = first["referenceNumber"]
    assert receivables_of(acme, number) == {"CHS2026": Decimal("25.00")}
    ours = [row for row in acme.sandbox.ledger() if row["CreditMemoRefNo"] == f"C{memo['id']}"]
    assert sum(Decimal(row["Amount"]) for row in ours if row["AutoEntry"] != "Y") == Decimal("15.00")
    acme.change(first, PART_B="100.00")
    run_kinds(acme, [Kind.INVOICE])
    assert days_left_behind(acme.engine, acme.settings, Kind.CREDIT_MEMO) == [QUIET_DAY]
    run_kinds(acme, [Kind.CREDIT_MEMO, Kind.PAYMENT])
    assert receivables_of(acme, number) == {"RHS2026": Decimal("25.00")}
    acme.sandbox.admin("POST", f"servicetitan/credit-memos/{memo['id']}/void")
    run(acme)
    assert receivables_of(acme, number) == {"RHS2026": Decimal("40.00")}


def test_an_invoice_with_more_credited_and_paid_than_it_is_for_is_not_paid_further(
    acme: Bench, invoices: list[dict[str, Any]]
) -> None:
    first, _ = invoices
    memo = {"invoiceId": first["id"], "total": "50.00", "date": QUIET_DAY.isoformat()}
    acme.sandbox.admin("POST", "servicetitan/credit-memos", memo)
    payment = pay(acme, (first, "50.00"))
    applied = [{**payment["appliedTo"][0], "appliedAmount": "50.01"}]
    acme.sandbox.edit_payment(payment["id"], verbatim=True, appliedTo=applied, total="50.01")
    run(acme)
    assert outcome_of(acme, Kind.PAYMENT, payment["id"]) == ("held", "over_applied", Decimal("50.01"))
    assert owed(acme, [first]) == [Decimal("50.00")]
