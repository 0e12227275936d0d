"""Reversing receipts, credits and bills: the same rules for every kind, entry type and way of entering."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.services.following import days_left_behind
from st_deltek_pipeline.services.holds import release_document
from st_deltek_pipeline.services.reconciliation import tie_out
from st_deltek_pipeline.services.reversing import ReversalResult, ReversalState, RunSelection, Selection, reverse
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench
from st_deltek_pipeline_tests.services.posting.kinds import (
    outcome_of,
    receivables_of,
    run_kinds,
    take_in_documents,
)

DAY = QUIET_DAY.isoformat()
ZERO = Decimal("0.00")
EFFECTS = {
    Kind.INVOICE: Decimal("100.00"),
    Kind.CREDIT_MEMO: Decimal("-15.00"),
    Kind.PAYMENT: Decimal("60.00"),
    Kind.BILL: Decimal("250.00"),
    Kind.AP_CREDIT: Decimal("-40.00"),
}
"""What the documents of these tests do to receivables, the bank and payables."""

Documents = dict[Kind, dict[str, Any]]


def documents_of_every_kind(acme: Bench) -> Documents:
    """Let there be an invoice, a payment and a credit memo for it, a bill, and a credit of its vendor."""
    invoice = acme.add(PART_A="100.00")
    payment = acme.sandbox.add_payment(
        splits=[{"invoiceId": invoice["id"], "amount": "60.00"}], date=DAY, syncStatus="Posted"
    )
    memo = acme.sandbox.admin(
        "POST", "servicetitan/credit-memos", {"invoiceId": invoice["id"], "total": "15.00", "date": DAY}
    )
    bill = acme.sandbox.add_bill(date=DAY, total="250.00")
    credit = acme.sandbox.bill(bill["id"], "credit", amount="40.00", date=DAY, syncStatus="Posted")
    take_in_documents(acme)
    return {
        Kind.INVOICE: invoice,
        Kind.CREDIT_MEMO: memo,
        Kind.PAYMENT: payment,
        Kind.BILL: bill,
        Kind.AP_CREDIT: credit,
    }


@pytest.fixture
def documents(quiet: Bench) -> Documents:
    found = documents_of_every_kind(quiet)
    run_kinds(quiet)
    for kind, document in found.items():
        assert outcome_of(quiet, kind, document["id"]) == ("posted", "", ZERO), kind
    return found


def key(kind: Kind, document: dict[str, Any]) -> DocumentKey:
    return DocumentKey("acme", kind, document["id"])


def take_back(acme: Bench, selection: Selection) -> ReversalResult:
    return reverse(acme.context, selection, reason="Entered twice.", by="jane")


def standing(acme: Bench, kind: Kind, document: dict[str, Any]) -> Counter[tuple[str, ...]]:
    """What the ledger's own rows of a document's files sum to, by account, project and number; zeros left out.

    Only of documents that are alone in their files, so that the rows Vantagepoint adds by itself are theirs.
    """
    batches = {
        row.batch
        for row in acme.rows(
            "SELECT batch FROM journal.postings WHERE kind = :kind AND document_id = :id",
            kind=kind.value,
            id=document["id"],
        )
    }
    sums: Counter[tuple[str, ...]] = Counter()
    for row in acme.sandbox.ledger():
        if row["Batch"] in batches:
            sums[row["Account"], row["WBS1"], row["Invoice"], row["Vendor"]] += Decimal(row["Amount"])  # type: ignore[assignment]
    return Counter({place: amount for place, amount in sums.items() if amount})


def ties_out(acme: Bench) -> bool:
    result = tie_out(acme.engine, acme.settings, QUIET_DAY, QUIET_DAY)
    return result.balanced and result.unaccounted == ()


@pytest.mark.parametrize("kind", [Kind.CREDIT_MEMO, Kind.PAYMENT, Kind.BILL, Kind.AP_CREDIT])
def test_every_kind_is_taken_back_once_and_posted_again_when_the_reversal_is_taken_back(
    quiet: Bench, documents: Documents, kind: Kind
) -> None:
    document = documents[kind]
    before = standing(quiet, kind, document)
    assert before
    result = take_back(quiet, key(kind, document))
    assert [each.state for each in result.documents] == [ReversalState.REVERSED]
    assert result.documents[0].amount == EFFECTS[kind]
    assert standing(quiet, kind, document) == Counter()
    assert outcome_of(quiet, kind, document["id"]) == ("ignored", "reversed_by_person", EFFECTS[kind])
    assert ties_out(quiet)
    ledger = len(quiet.sandbox.ledger())
    assert take_back(quiet, key(kind, document)).complete
    run_kinds(quiet)
    assert len(quiet.sandbox.ledger()) == ledger
    release_document(quiet.context, key(kind, document), by="joe")
    run_kinds(quiet)
    assert outcome_of(quiet, kind, document["id"]) == ("posted", "", ZERO)
    assert standing(quiet, kind, document) == before
    assert ties_out(quiet)


def test_a_reversed_receipt_leaves_its_invoice_open_again(quiet: Bench, documents: Documents) -> None:
    number = documents[Kind.INVOICE]["referenceNumber"]
    assert receivables_of(quiet, number) == {"CHS2026": Decimal("25.00")}
    take_back(quiet, key(Kind.PAYMENT, documents[Kind.PAYMENT]))
    assert receivables_of(quiet, number) == {"CHS2026": Decimal("85.00")}


def test_a_bill_posted_as_a_journal_entry_is_reversed_with_the_line_that_balances_it(quiet: Bench) -> None:
    quiet.changed(posting={"bills_as": "journal_entry"})
    plain = quiet.settings.model_dump()
    payables = {"when": {"line": "payable"}, "give": {"liability": "201.00"}}
    quiet.settings = ConnectionSettings.model_validate({**plain, "coding": [payables, *plain["coding"]]})
    bill = documents_of_every_kind(quiet)[Kind.BILL]
    run_kinds(quiet)
    assert {row["TransType"] for row in quiet.sandbox.ledger()} >= {"JE"}
    assert standing(quiet, Kind.BILL, bill)
    assert take_back(quiet, key(Kind.BILL, bill)).complete
    assert standing(quiet, Kind.BILL, bill) == Counter()
    assert ties_out(quiet)


def test_a_whole_day_is_reversed_by_its_run_receipts_before_invoices(quiet: Bench) -> None:
    documents = documents_of_every_kind(quiet)
    run_kinds(quiet)
    result = take_back(quiet, RunSelection(_run(quiet)))
    assert result.complete
    kinds = [each.document.kind for each in result.documents]
    assert kinds.index(Kind.PAYMENT) < kinds.index(Kind.INVOICE)
    for kind, document in documents.items():
        assert standing(quiet, kind, document) == Counter(), kind
    assert receivables_of(quiet, documents[Kind.INVOICE]["referenceNumber"]) == {}
    assert ties_out(quiet)
    run_kinds(quiet)
    assert ties_out(quiet)


def _run(acme: Bench) -> str:
    (row,) = acme.rows("SELECT DISTINCT run_id FROM journal.events WHERE event_type = 'file_posted'")
    return row.run_id


def test_documents_entered_one_by_one_are_reversed_one_by_one(either: Bench) -> None:
    documents = documents_of_every_kind(either)
    run_kinds(either)
    for kind in (Kind.PAYMENT, Kind.INVOICE, Kind.BILL):
        assert take_back(either, key(kind, documents[kind])).complete, kind
        assert standing(either, kind, documents[kind]) == Counter(), kind
    assert ties_out(either)


def test_where_files_are_reviewed_a_reversal_waits_for_a_person_and_is_finished_by_the_next_run(quiet: Bench) -> None:
    documents = documents_of_every_kind(quiet)
    run_kinds(quiet)
    payment = documents[Kind.PAYMENT]
    quiet.changed(posting={"posting": "review"})
    result = take_back(quiet, key(Kind.PAYMENT, payment))
    assert [each.state for each in result.documents] == [ReversalState.HELD]
    assert outcome_of(quiet, Kind.PAYMENT, payment["id"]) == ("held", "awaiting_review", ZERO)
    assert ties_out(quiet)
    (file,) = result.plan.files
    quiet.vantagepoint.set_active_period(file.period)
    answer = quiet.vantagepoint.post_file(
        file.entry, file.batch, company="01", period=file.period, description="reviewed"
    )
    assert answer.posted
    run_kinds(quiet)
    assert outcome_of(quiet, Kind.PAYMENT, payment["id"]) == ("ignored", "reversed_by_person", Decimal("60.00"))
    assert ties_out(quiet)


def test_a_reversed_invoices_receipt_is_shown_in_the_queue_until_the_invoice_stands_again(
    quiet: Bench, documents: Documents
) -> None:
    payment, invoice = documents[Kind.PAYMENT], documents[Kind.INVOICE]
    take_back(quiet, key(Kind.INVOICE, invoice))
    assert receivables_of(quiet, invoice["referenceNumber"]) == {"CHS2026": Decimal("-75.00")}
    assert days_left_behind(quiet.engine, quiet.settings, Kind.PAYMENT) == [QUIET_DAY]
    run_kinds(quiet)
    assert outcome_of(quiet, Kind.PAYMENT, payment["id"]) == ("held", "waiting_for_invoice", ZERO)
    assert ties_out(quiet)
    release_document(quiet.context, key(Kind.INVOICE, invoice), by="joe")
    run_kinds(quiet)
    run_kinds(quiet)
    assert outcome_of(quiet, Kind.PAYMENT, payment["id"]) == ("posted", "", ZERO)
    assert receivables_of(quiet, invoice["referenceNumber"]) == {"CHS2026": Decimal("25.00")}
    assert ties_out(quiet)


def test_a_reversed_receipt_does_not_follow_its_invoice(quiet: Bench, documents: Documents) -> None:
    payment, invoice = documents[Kind.PAYMENT], documents[Kind.INVOICE]
    take_back(quiet, key(Kind.PAYMENT, payment))
    quiet.change(invoice, PART_B="100.00")
    run_kinds(quiet)
    assert outcome_of(quiet, Kind.PAYMENT, payment["id"]) == ("ignored", "reversed_by_person", Decimal("60.00"))
    assert days_left_behind(quiet.engine, quiet.settings, Kind.PAYMENT) == []
    assert ties_out(quiet)
