"""A person's ignore: for one revision, with reason and name; what is outside the ledger stays counted."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from st_deltek_pipeline.domain.decisions import PostingRules, Situation, decide
from st_deltek_pipeline.domain.documents import SyncStatus
from st_deltek_pipeline.domain.errors import ConfigurationError, PipelineError, TransientError
from st_deltek_pipeline.domain.ignores import PersonalIgnore, hold_to_ignore
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline_tests.domain.builders import DAY, PERIODS, coded, invoice

RULES = PostingRules(ready_when="posted", post_zero_documents=False, first_open_period=False)


def hold(document: Invoice, outcome: OutcomeKind = OutcomeKind.HELD) -> DocumentOutcome:
    return DocumentOutcome(
        document=document.key,
        revision=document.revision,
        revision_hash=document.revision_hash,
        business_day=DAY,
        outcome=outcome,
        reason="refused",
        message="refused",
        words="no",
        amount=document.total,
        project="HVAC",
    )


def decided(document: Invoice, ignored: PersonalIgnore, **changes: object) -> DocumentOutcome | None:
    """What comes of it; nothing is posted where a person's word counts."""
    situation = Situation(
        document=document,
        lines=(coded(str(document.total)),),
        hold=None,
        standing={},
        occupied=False,
        previous=ignored.outcome,
        next_posting_no=1,
        ignored=ignored,
    )
    decision = decide(replace(situation, **changes), RULES, PERIODS)  # type: ignore[arg-type]
    assert not ignored.covers(document) or decision.postings == ()
    return decision.outcome


def ignore(document: Invoice) -> PersonalIgnore:
    return PersonalIgnore(hold(document), "Booked by hand.", "jane")


def test_the_same_revision_stays_ignored_without_a_new_outcome() -> None:
    document = invoice("100.00")
    ignored = ignore(document)
    assert decided(document, ignored) == ignored.outcome
    assert ignored.outcome.message == "invoice:7001: ignored by jane: Booked by hand."
    assert (ignored.outcome.amount, ignored.outcome.words) == (Decimal("100.00"), "")


def test_a_document_that_moves_to_another_day_is_ignored_on_that_day() -> None:
    document = invoice("100.00")
    later = replace(document, business_day=date(2026, 10, 8))
    outcome = decided(later, ignore(document))
    assert outcome is not None
    assert outcome.business_day == date(2026, 10, 8)


def test_it_stays_ignored_whatever_else_would_hold_it() -> None:
    document = invoice("100.00", sync_status=SyncStatus.PENDING)
    outcome = decided(document, ignore(document))
    assert outcome is not None
    assert outcome.reason == "ignored_by_person"


def test_only_what_does_not_stand_counts_as_ignored() -> None:
    document = invoice("100.00")
    outcome = decided(document, ignore(document), standing={(DAY, coded("40.00").key): Decimal("40.00")})
    assert outcome is not None
    assert outcome.amount == Decimal("60.00")


@pytest.mark.parametrize("change", [{"revision_hash": "b" * 64}, {"revision": 3}], ids=["other", "there_and_back"])
def test_another_revision_is_decided_afresh(change: dict[str, object]) -> None:
    document = invoice("100.00")
    outcome = decided(replace(document, **change), ignore(document))  # type: ignore[arg-type]
    assert outcome is not None
    assert outcome.outcome is OutcomeKind.IN_FLIGHT


def test_what_is_held_may_be_ignored() -> None:
    document = invoice("100.00")
    held = hold(document)
    assert hold_to_ignore(document.key, held, document, occupied=False) is held


@pytest.mark.parametrize(
    ("change", "newest", "occupied", "error"),
    [
        (None, {}, False, ConfigurationError),
        ({}, {}, True, TransientError),
        ({"outcome": OutcomeKind.POSTED}, {}, False, ConfigurationError),
        ({"outcome": OutcomeKind.IGNORED}, {}, False, ConfigurationError),
        ({"revision": 0, "revision_hash": ""}, {}, False, ConfigurationError),
        ({}, None, False, ConfigurationError),
        ({}, {"revision": 2, "revision_hash": "b" * 64}, False, TransientError),
    ],
    ids=["unknown", "under_way", "posted", "ignored", "unreadable", "never_readable", "changed"],
)
def test_anything_else_may_not(
    change: dict[str, object] | None, newest: dict[str, object] | None, *, occupied: bool, error: type[PipelineError]
) -> None:
    document = invoice("100.00")
    outcome = None if change is None else replace(hold(document), **change)  # type: ignore[arg-type]
    staged = None if newest is None else replace(document, **newest)  # type: ignore[arg-type]
    with pytest.raises(error, match="invoice:7001") as raised:
        hold_to_ignore(document.key, outcome, staged, occupied=occupied)
    assert raised.value.advice
