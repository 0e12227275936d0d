"""Holds of every kind: one queue, and each ends by itself in the next run once its cause has gone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.services.document_history import document_history
from st_deltek_pipeline.services.firm_alignment import align_firms
from st_deltek_pipeline.services.held_days import days_to_decide_again
from st_deltek_pipeline.services.holds import ignore_document, release_document
from st_deltek_pipeline.services.reconciliation import tie_out
from st_deltek_pipeline.services.reference_data import poll_reference
from st_deltek_pipeline.services.staging import pending_days
from st_deltek_pipeline.store.days import undecided_days
from st_deltek_pipeline.store.holds import held_documents
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench
from st_deltek_pipeline_tests.services.posting.kinds import outcome_of, run_kinds, take_in_documents

DAY = QUIET_DAY.isoformat()
ZERO = Decimal("0.00")

Row = dict[str, Any]
Cure = Callable[[], object]


@dataclass
class Ill:
    """A document that cannot be posted, and what takes the cause away."""

    kind: Kind
    document: Row
    cure: Cure


def world(acme: Bench) -> Any:
    """Vantagepoint's own books, to change what no call of its interface changes."""
    return acme.sandbox.running.sandbox.vantagepoint.state.world


def poll(acme: Bench) -> None:
    poll_reference(acme.engine, acme.vantagepoint, "acme", run_id="test", company="01")
    align_firms(acme.engine, acme.vantagepoint, acme.settings, run_id="test")


def pay(acme: Bench, invoice: Row, amount: str, **fields: Any) -> Row:
    splits = [{"invoiceId": invoice["id"], "amount": amount}]
    return acme.sandbox.add_payment(splits=splits, date=DAY, syncStatus="Posted", **fields)


def waiting_for_invoice(acme: Bench) -> Ill:
    invoice = acme.sandbox.add_invoice(date=DAY, syncStatus="Pending", total="100.00")
    payment = pay(acme, invoice, "60.00")
    return Ill(Kind.PAYMENT, payment, lambda: acme.sandbox.edit_invoice(invoice["id"], syncStatus="Posted"))


def bank_missing(acme: Bench) -> Ill:
    banks = dict(world(acme).banks)
    # One that no rule names is left: an empty list would not be believed.
    for code in banks.keys() - {"PAYR"}:
        del world(acme).banks[code]
    poll(acme)
    payment = pay(acme, acme.add(PART_A="100.00"), "60.00")

    def cure() -> None:
        world(acme).banks.update(banks)
        poll(acme)

    return Ill(Kind.PAYMENT, payment, cure)


def over_applied(acme: Bench) -> Ill:
    invoice = acme.add(PART_A="100.00")
    pay(acme, invoice, "60.00")
    payment = pay(acme, invoice, "40.00")
    applied = [{**payment["appliedTo"][0], "appliedAmount": "55.00"}]
    acme.sandbox.edit_payment(payment["id"], verbatim=True, appliedTo=applied, total="55.00")
    return Ill(
        Kind.PAYMENT,
        payment,
        lambda: acme.sandbox.edit_payment(
            payment["id"], splits=[{"invoiceId": invoice["id"], "amount": "40.00"}], total="55.00"
        ),
    )


def unapplied_money(acme: Bench) -> Ill:
    acme.changed(posting={"unapplied": "hold"})
    invoice = acme.add(PART_A="100.00")
    payment = pay(acme, invoice, "60.00", total="80.00")
    return Ill(
        Kind.PAYMENT,
        payment,
        lambda: acme.sandbox.payment(payment["id"], "apply", invoiceId=invoice["id"], amount="20.00"),
    )


def applied_to_unknown_invoice(acme: Bench) -> Ill:
    invoice = acme.add(PART_A="100.00")
    payment = pay(acme, invoice, "60.00")
    known = payment["appliedTo"]
    acme.sandbox.edit_payment(payment["id"], verbatim=True, appliedTo=[{**known[0], "appliedTo": 1}])
    return Ill(Kind.PAYMENT, payment, lambda: acme.sandbox.edit_payment(payment["id"], verbatim=True, appliedTo=known))


def payment_in_a_closed_period(acme: Bench) -> Ill:
    payment = pay(acme, acme.add(PART_A="100.00"), "60.00")
    run_kinds(acme, [Kind.INVOICE])
    acme.sandbox.set_period(202610, closed=True)
    poll(acme)

    def cure() -> None:
        acme.sandbox.set_period(202610, closed=False)
        poll(acme)

    return Ill(Kind.PAYMENT, payment, cure)


def unreadable_payment(acme: Bench) -> Ill:
    payment = pay(acme, acme.add(PART_A="100.00"), "60.00")
    acme.sandbox.edit_payment(payment["id"], verbatim=True, total="60.005")
    return Ill(Kind.PAYMENT, payment, lambda: acme.sandbox.edit_payment(payment["id"], verbatim=True, total="60.00"))


def payment_that_is_not_ready(acme: Bench) -> Ill:
    payment = pay(acme, acme.add(PART_A="100.00"), "60.00")
    acme.sandbox.payment(payment["id"], "unpost")
    return Ill(
        Kind.PAYMENT,
        payment,
        lambda: acme.sandbox.edit_payment(payment["id"], verbatim=True, syncStatus="Posted"),
    )


def credit_not_applied(acme: Bench) -> Ill:
    invoice = acme.add(PART_A="100.00")
    memo = acme.sandbox.admin(
        "POST",
        "servicetitan/credit-memos",
        {"invoiceId": invoice["id"], "total": "15.00", "date": DAY, "applied": False},
    )
    body = msgspec.json.encode({"splits": [{"invoiceId": invoice["id"], "amount": "15.00"}]})

    def cure() -> None:
        resource = f"accounting/credit-memos/{memo['id']}/splits"
        assert acme.servicetitan.write(resource, body, lambda answer: answer.succeeded)

    return Ill(Kind.CREDIT_MEMO, memo, cure)


def vendor_without_accounting(acme: Bench) -> Ill:
    known = dict(world(acme).vendor_accounting)
    bill = acme.sandbox.add_bill(date=DAY, total="250.00")
    world(acme).vendor_accounting.clear()
    # What was read of vendors before is read again, as it is after some hours.
    with acme.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM mapping.vendor_accounting")
    take_in_documents(acme)
    poll(acme)

    def cure() -> None:
        world(acme).vendor_accounting.update(known)
        poll(acme)

    return Ill(Kind.BILL, bill, cure)


def no_vendor(acme: Bench) -> Ill:
    bill = acme.sandbox.add_bill(date=DAY, total="250.00")
    acme.sandbox.edit_bill(bill["id"], verbatim=True, vendor=None)
    return Ill(Kind.BILL, bill, lambda: acme.sandbox.edit_bill(bill["id"], verbatim=True, vendor=bill["vendor"]))


def negative_quantity(acme: Bench) -> Ill:
    bill = acme.sandbox.add_bill(date=DAY, total="250.00")
    first, *others = bill["items"]
    wrong = [{**first, "quantity": f"-{first['quantity']}"}, *others]
    acme.sandbox.edit_bill(bill["id"], verbatim=True, items=wrong)
    return Ill(Kind.BILL, bill, lambda: acme.sandbox.edit_bill(bill["id"], verbatim=True, items=bill["items"]))


def bill_that_does_not_add_up(acme: Bench) -> Ill:
    bill = acme.sandbox.add_bill(date=DAY, total="250.00")
    acme.sandbox.edit_bill(bill["id"], verbatim=True, billAmount="999.99")
    return Ill(
        Kind.BILL, bill, lambda: acme.sandbox.edit_bill(bill["id"], verbatim=True, billAmount=bill["billAmount"])
    )


def duplicate_vendor_invoice(acme: Bench) -> Ill:
    first = acme.sandbox.add_bill(date=DAY, total="250.00", vendorNumber="INV-1")
    take_in_documents(acme)
    run_kinds(acme, [Kind.BILL])
    second = acme.sandbox.add_bill(date=DAY, total="250.00", vendorNumber="INV-1", vendorId=first["vendor"]["id"])
    return Ill(Kind.BILL, second, lambda: acme.sandbox.edit_bill(second["id"], vendorNumber="INV-2"))


def credit_that_is_not_ready(acme: Bench) -> Ill:
    bill = acme.sandbox.add_bill(date=DAY, total="250.00")
    credit = acme.sandbox.bill(bill["id"], "credit", amount="40.00", date=DAY, syncStatus="Pending")
    path = f"servicetitan/rows/accounting/ap-credits/{credit['id']}"
    return Ill(Kind.AP_CREDIT, credit, lambda: acme.sandbox.admin("PATCH", path, {"syncStatus": "Posted"}))


CASES: dict[str, tuple[Callable[[Bench], Ill], str]] = {
    "waiting_for_invoice": (waiting_for_invoice, "waiting_for_invoice"),
    "bank_missing": (bank_missing, "bank_missing"),
    "over_applied": (over_applied, "over_applied"),
    "unapplied_money": (unapplied_money, "unapplied_money"),
    "applied_to_unknown_invoice": (applied_to_unknown_invoice, "applied_to_unknown_invoice"),
    "period_closed": (payment_in_a_closed_period, "period_closed"),
    "unreadable": (unreadable_payment, "unreadable"),
    "not_ready": (payment_that_is_not_ready, "not_ready"),
    "credit_not_applied": (credit_not_applied, "credit_not_applied"),
    "vendor_without_accounting": (vendor_without_accounting, "vendor_without_accounting"),
    "no_vendor": (no_vendor, "no_vendor"),
    "negative_quantity": (negative_quantity, "negative_quantity"),
    "amounts_do_not_add_up": (bill_that_does_not_add_up, "amounts_do_not_add_up"),
    "duplicate_vendor_invoice": (duplicate_vendor_invoice, "duplicate_vendor_invoice"),
    "ap_credit_not_ready": (credit_that_is_not_ready, "not_ready"),
}


def run(acme: Bench) -> None:
    take_in_documents(acme)
    run_kinds(acme)


def balanced(acme: Bench) -> bool:
    result = tie_out(acme.engine, acme.settings, QUIET_DAY, QUIET_DAY)
    return result.balanced and result.unaccounted == ()


def days_with_work(acme: Bench) -> set[date]:
    """What a synchronisation would run."""
    kinds = acme.settings.posting.documents
    return {
        *pending_days(acme.engine, acme.settings, acme.calendar, kinds),
        *(day for kind in kinds for day in undecided_days(acme.engine, "acme", kind)),
        *(day for kind in kinds for day in acme.context.journal.days_under_way(kind)),
        *(day for kind in kinds for day in days_to_decide_again(acme.engine, acme.settings, kind)),
    }


@pytest.mark.parametrize("name", CASES)
def test_a_hold_whose_cause_has_gone_is_released_by_the_next_run(quiet: Bench, name: str) -> None:
    make, reason = CASES[name]
    ill = make(quiet)
    run(quiet)
    document_id = ill.document["id"]
    assert outcome_of(quiet, ill.kind, document_id)[:2] == ("held", reason)
    (queued,) = held_documents(quiet.engine, "acme", [ill.kind], reason=reason, document_ids=[document_id])
    assert queued.outcome.message
    assert queued.advice
    assert balanced(quiet)
    assert QUIET_DAY not in days_with_work(quiet)
    ill.cure()
    take_in_documents(quiet)
    assert QUIET_DAY in days_with_work(quiet)
    run_kinds(quiet)
    assert outcome_of(quiet, ill.kind, document_id) == ("posted", "", ZERO)
    assert held_documents(quiet.engine, "acme", [ill.kind], document_ids=[document_id]) == []
    assert balanced(quiet)


@pytest.fixture
def queue(quiet: Bench) -> dict[Kind, Row]:
    """One held document of every kind: none is posted in ServiceTitan yet."""
    invoice = quiet.add(PART_A="100.00")
    bill = quiet.sandbox.add_bill(date=DAY, total="250.00")
    found = {
        Kind.CREDIT_MEMO: quiet.sandbox.admin(
            "POST",
            "servicetitan/credit-memos",
            {"invoiceId": invoice["id"], "total": "15.00", "date": DAY, "syncStatus": "Pending"},
        ),
        Kind.PAYMENT: quiet.sandbox.add_payment(
            splits=[{"invoiceId": invoice["id"], "amount": "60.00"}], date=DAY, syncStatus="Pending"
        ),
        Kind.AP_CREDIT: quiet.sandbox.bill(bill["id"], "credit", amount="40.00", date=DAY, syncStatus="Pending"),
        Kind.INVOICE: quiet.sandbox.unpost_invoice(invoice["id"]),
        Kind.BILL: quiet.sandbox.bill(bill["id"], "unpost"),
    }
    run(quiet)
    return found


AMOUNTS = {
    Kind.INVOICE: "100.00",
    Kind.CREDIT_MEMO: "-15.00",
    Kind.PAYMENT: "60.00",
    Kind.BILL: "250.00",
    Kind.AP_CREDIT: "-40.00",
}


def test_one_queue_shows_every_kind_longest_first_with_record_party_and_what_it_does_to_the_books(
    quiet: Bench, queue: dict[Kind, Row]
) -> None:
    ours = {DocumentKey("acme", kind, row["id"]): kind for kind, row in queue.items()}
    found = held_documents(quiet.engine, "acme", reason="not_ready", business_day=QUIET_DAY)
    assert [each.since for each in found] == sorted(each.since for each in found)
    mine = {each.outcome.document: each for each in found if each.outcome.document in ours}
    assert mine.keys() == ours.keys()
    for document, kind in ours.items():
        held = mine[document]
        assert held.outcome.amount == Decimal(AMOUNTS[kind]), kind
        assert held.number, kind
        assert held.party, kind
        (alone,) = held_documents(quiet.engine, "acme", [kind], document_ids=[document.document_id])
        assert alone.outcome == held.outcome


def test_every_kind_is_ignored_with_a_reason_and_released_and_tells_its_history(
    quiet: Bench, queue: dict[Kind, Row]
) -> None:
    for kind, row in queue.items():
        document = DocumentKey("acme", kind, row["id"])
        ignore_document(quiet.context, document, reason="Booked by hand.", by="jane")
        assert outcome_of(quiet, kind, row["id"]) == ("ignored", "ignored_by_person", Decimal(AMOUNTS[kind])), kind
    run(quiet)
    assert balanced(quiet)
    for kind, row in queue.items():
        document = DocumentKey("acme", kind, row["id"])
        history = document_history(quiet.engine, document)
        assert history.staged is not None, kind
        assert history.staged.key == document
        assert history.ignored is not None, kind
        assert history.ignored.by == "jane"
        release_document(quiet.context, document, by="jane")
        assert outcome_of(quiet, kind, row["id"])[:2] == ("held", "not_ready"), kind
    assert balanced(quiet)


def test_a_held_document_that_is_voided_is_held_no_more(quiet: Bench, queue: dict[Kind, Row]) -> None:
    quiet.sandbox.payment(queue[Kind.PAYMENT]["id"], "void")
    quiet.sandbox.bill(queue[Kind.BILL]["id"], "cancel")
    run(quiet)
    for kind in (Kind.PAYMENT, Kind.BILL):
        assert outcome_of(quiet, kind, queue[kind]["id"]) == ("ignored", "voided_before_posting", ZERO)
    assert balanced(quiet)
