"""The queue is summed up by kind and reason: how many, how much, since when, and what would release them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.hold_queue import HeldDocument, ReasonSum, sum_by_reason
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline_tests.domain.builders import DAY, invoice

NOON = datetime(2026, 10, 7, 12, tzinfo=UTC)


def held(reason: HoldReason, amount: str, *, hours_ago: int = 0, kind: Kind = Kind.INVOICE) -> HeldDocument:
    document = invoice(amount)
    outcome = DocumentOutcome(
        document=DocumentKey(document.key.connection, kind, document.key.document_id),
        revision=1,
        revision_hash=document.revision_hash,
        business_day=DAY,
        outcome=OutcomeKind.HELD,
        reason=reason.value,
        message="",
        words="",
        amount=Decimal(amount),
        project="",
    )
    age = timedelta(hours=hours_ago)
    return HeldDocument(outcome, NOON - age, age, document.number, document.customer_name)


def test_most_documents_come_first_and_the_oldest_is_named() -> None:
    queue = [
        held(HoldReason.REFUSED, "500.00"),
        held(HoldReason.NO_RULE, "10.00"),
        held(HoldReason.NO_RULE, "-2.50", hours_ago=30),
    ]
    assert sum_by_reason(queue) == (
        ReasonSum(Kind.INVOICE, "no_rule", 2, Decimal("7.50"), NOON - timedelta(hours=30)),
        ReasonSum(Kind.INVOICE, "refused", 1, Decimal("500.00"), NOON),
    )


def test_amounts_of_different_kinds_are_not_added_up() -> None:
    queue = [held(HoldReason.NO_RULE, "10.00", kind=kind) for kind in (Kind.BILL, Kind.INVOICE, Kind.BILL)]
    assert [(each.kind, each.documents, each.amount) for each in sum_by_reason(queue)] == [
        (Kind.INVOICE, 1, Decimal("10.00")),
        (Kind.BILL, 2, Decimal("20.00")),
    ]


def test_every_reason_says_what_would_release_it() -> None:
    assert [reason for reason in HoldReason if not held(reason, "1.00").advice] == []
    assert sum_by_reason([held(HoldReason.NO_RULE, "1.00")])[0].advice == held(HoldReason.NO_RULE, "1.00").advice


def test_an_empty_queue_has_no_sums() -> None:
    assert sum_by_reason([]) == ()
