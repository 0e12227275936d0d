"""What planning a day decides by itself, beside the domain: what waits for alignment or a deposit, and what the journal is told."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.decisions import PostingRules
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.journal import Event, EventType
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.transaction_files import build_file
from st_deltek_pipeline.services.posting.planner import (
    _decided_elsewhere,
    _deposit_hold,
    _hold_of,
    _outcome_events,
    _unreadable_outcome,
    documents_per_file,
    file_events,
    posting_rules,
)
from st_deltek_pipeline.store.journal_rows import NOT_STANDING, DocumentStanding
from st_deltek_pipeline.store.mapping import StoredAlignment
from st_deltek_pipeline.store.staged_set_aside import SetAside
from st_deltek_pipeline_tests.domain.builders import DAY, coded, invoice
from st_deltek_pipeline_tests.domain.document_builders import payment
from st_deltek_pipeline_tests.domain.test_transaction_files import posting
from st_deltek_pipeline_tests.services.posting.steps_in_memory import steps

LATER = date(2026, 10, 8)
STANDING = DocumentStanding({(DAY, coded("40.00").key): Decimal("40.00")}, 2, occupied=False)


def connection(**posting_settings: Any) -> ConnectionSettings:
    plain = steps().context.settings.model_dump()
    plain["posting"] |= posting_settings
    return ConnectionSettings.model_validate(plain)


def outcome(document: Any, **changes: Any) -> DocumentOutcome:
    made = DocumentOutcome(
        document=document.key,
        revision=document.revision,
        revision_hash=document.revision_hash,
        business_day=document.business_day,
        outcome=OutcomeKind.HELD,
        reason="refused",
        message="It was refused.",
        words="No.",
        amount=Decimal("60.00"),
        project="HVAC",
    )
    return replace(made, **changes)


def test_settings_become_the_rules_of_posting() -> None:
    assert posting_rules(connection()) == PostingRules(
        ready_when="posted",
        post_zero_documents=False,
        first_open_period=False,
        journal_entry_types=frozenset({"journal entry"}),
    )
    other = connection(
        ready_when="completed",
        zero_documents="post",
        closed_period="first_open",
        journal_entry_payment_types=["Write-Off"],
    )
    assert posting_rules(other) == PostingRules(
        ready_when="completed",
        post_zero_documents=True,
        first_open_period=True,
        journal_entry_types=frozenset({"write-off"}),
    )


def test_a_file_carries_one_document_where_documents_are_entered_one_by_one() -> None:
    assert documents_per_file(steps(entry="single").context.settings) == 1
    files = steps().context.settings
    assert documents_per_file(files) == files.vantagepoint.documents_per_file > 1


def test_what_changed_after_it_was_aligned_is_not_posted_by_the_old_alignment() -> None:
    document = invoice("100.00")
    aligned = StoredAlignment(document.revision_hash, None, (coded("100.00"),), "F1", "")
    assert _hold_of(document, aligned) is None
    missing = Hold(HoldReason.NO_RULE, "no rule")
    assert _hold_of(document, replace(aligned, hold=missing)) is missing
    for stale in (None, replace(aligned, revision_hash="b" * 64)):
        assert _hold_of(document, stale) == Hold(
            HoldReason.NOT_READY, "invoice:7001: it changed after it was aligned; align the day again."
        )


def test_only_money_that_was_never_posted_waits_for_its_deposit_and_only_where_receipts_go_by_deposit() -> None:
    by_deposit = connection(receipt_files="by_deposit")
    waiting = payment((1, "60.00"))
    hold = _deposit_hold(waiting, NOT_STANDING, by_deposit)
    assert hold is not None
    assert hold.reason is HoldReason.WAITING_FOR_DEPOSIT
    assert _deposit_hold(waiting, STANDING, by_deposit) is None
    assert _deposit_hold(waiting, NOT_STANDING, connection()) is None
    assert _deposit_hold(invoice("60.00"), NOT_STANDING, by_deposit) is None


def test_a_payment_of_another_days_deposit_is_held_until_that_day_with_what_is_not_posted_of_it() -> None:
    document = payment((1, "100.00"), business_day=LATER, deposit_id=9, deposit_date=LATER)
    key = document.key.document_id
    assert _decided_elsewhere(document, {}, {key: STANDING}) == outcome(
        document,
        reason="waiting_for_deposit",
        message="payment:5001 is posted with deposit 9 on business day 2026-10-08.",
        words="",
        amount=Decimal("60.00"),
        project="",
    )
    before = outcome(document, business_day=DAY)
    again = _decided_elsewhere(document, {key: before}, {})
    assert again is not None
    assert (again.amount, again.project) == (Decimal("100.00"), "HVAC")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"business_day": DAY}, True),
        ({"business_day": LATER}, False),
        ({"business_day": DAY, "outcome": OutcomeKind.POSTED}, False),
        ({"business_day": DAY, "outcome": OutcomeKind.IGNORED}, False),
        ({"business_day": DAY, "outcome": OutcomeKind.IN_FLIGHT}, True),
        ({"business_day": LATER, "revision_hash": "b" * 64}, True),
        ({"business_day": LATER, "revision_hash": "b" * 64, "outcome": OutcomeKind.POSTED}, True),
    ],
)
def test_it_is_told_once_and_what_is_settled_stays_settled(changes: dict[str, Any], *, told: bool) -> None:
    document = payment((1, "100.00"), business_day=LATER, deposit_id=9, deposit_date=LATER)
    known = {document.key.document_id: outcome(document, **changes)}
    assert (_decided_elsewhere(document, known, {}) is not None) is told


def test_a_version_that_cannot_be_read_is_held_under_no_revision_and_on_the_project_it_was_known_by() -> None:
    document = invoice("100.00")
    record = SetAside("invoice", 7001, 5, DAY, LATER, "$.total is missing")
    held = outcome(
        document,
        revision=0,
        revision_hash="",
        business_day=LATER,
        reason="unreadable",
        message="invoice:7001 does not fit: $.total is missing",
        words="",
        amount=Decimal("12.00"),
    )
    assert _unreadable_outcome(document.key, record, Decimal("12.00"), outcome(document)) == held
    assert _unreadable_outcome(document.key, record, Decimal("12.00"), None) == replace(held, project="")


def test_the_journal_is_told_each_file_and_each_posting_in_it_to_the_cent() -> None:
    moved = replace(posting(2, "-20.50"), moved_from=202609, correction=True, reverses=1, posting_no=3)
    file = build_file("acme", "01", [posting(1, "100.00"), moved])
    planned, first, second = file_events([file], "h" * 64)
    assert planned == Event(
        EventType.FILE_PLANNED,
        {
            "plan_hash": "h" * 64,
            "body_hash": file.body_hash,
            "period": 202610,
            "company": "01",
            "documents": 2,
            "amount": Decimal("79.50"),
        },
        batch=file.batch,
    )
    told = {
        "posting_no": 1,
        "revision_hash": f"{1:064x}",
        "entry": "in",
        "project": "HVAC",
        "number": "100001",
        "period": 202610,
        "moved_from": None,
        "correction": False,
        "amount": Decimal("100.00"),
        "decided_by": [],
    }
    assert first == Event(
        EventType.DOCUMENT_PLANNED, told, document=DocumentKey("acme", Kind.INVOICE, 1), revision=1, batch=file.batch
    )
    assert second == Event(
        EventType.DOCUMENT_PLANNED,
        {
            **told,
            "posting_no": 3,
            "revision_hash": f"{2:064x}",
            "number": "100002",
            "reverses": 1,
            "moved_from": 202609,
            "correction": True,
            "amount": Decimal("-20.50"),
        },
        document=DocumentKey("acme", Kind.INVOICE, 2),
        revision=1,
        batch=file.batch,
    )


def test_the_journal_is_told_every_outcome_that_no_file_tells() -> None:
    file = build_file("acme", "01", [posting(7001)])
    document = invoice("100.00")
    others = [
        outcome(replace(document, key=DocumentKey("acme", Kind.INVOICE, number)), outcome=kind)
        for number, kind in enumerate(OutcomeKind, start=1)
    ]
    told = list(_outcome_events([file], [outcome(document), *others]))
    assert [(event.event_type, event.document) for event in told] == [
        (
            {
                OutcomeKind.POSTED: EventType.DOCUMENT_UNCHANGED,
                OutcomeKind.HELD: EventType.DOCUMENT_HELD,
                OutcomeKind.IGNORED: EventType.DOCUMENT_IGNORED,
                OutcomeKind.IN_FLIGHT: EventType.DOCUMENT_WAITING,
            }[each.outcome],
            each.document,
        )
        for each in others
    ]
    assert told[0].body == {
        "reason": "refused",
        "message": "It was refused.",
        "words": "No.",
        "amount": Decimal("60.00"),
        "revision_hash": document.revision_hash,
    }
    assert (told[0].revision, told[0].batch) == (1, None)
