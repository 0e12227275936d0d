"""The tie-out: it finds what it is there to find."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.reconciliation import NO_PROJECT, DocumentSides, compare

DAY = date(2026, 10, 7)
HUNDRED = Decimal("100.00")
POSTED = DocumentSides(
    document_id=1,
    business_day=DAY,
    servicetitan=HUNDRED,
    journaled={"HVAC": HUNDRED},
    posted={"HVAC": HUNDRED},
    outcome="posted",
    reason="",
    outside=Decimal("0.00"),
    project="HVAC",
)
HELD = replace(
    POSTED, document_id=2, journaled={}, posted={}, outcome="held", reason="no_rule", outside=HUNDRED, project=""
)


def test_posted_held_and_ignored_documents_balance() -> None:
    ignored = replace(
        HELD,
        document_id=3,
        outcome="ignored",
        reason="zero_document",
        outside=Decimal("0.00"),
        servicetitan=Decimal("0.00"),
    )
    result = compare([POSTED, HELD, ignored])
    assert result.balanced
    assert {(row.project, row.documents, row.posted, row.held) for row in result.rows} == {
        ("HVAC", 1, HUNDRED, Decimal("0.00")),
        (NO_PROJECT, 2, Decimal("0.00"), HUNDRED),
    }
    assert result.held == {"no_rule": 1}


def test_a_cent_less_in_the_ledger_is_found() -> None:
    result = compare([replace(POSTED, posted={"HVAC": Decimal("99.99")})])
    assert not result.balanced
    assert result.rows[0].difference == Decimal("0.01")


def test_an_amount_on_the_wrong_project_is_found() -> None:
    result = compare([replace(POSTED, posted={"PLUMB": HUNDRED})])
    assert not result.balanced
    assert {row.project: row.difference for row in result.rows} == {"HVAC": HUNDRED, "PLUMB": -HUNDRED}


def test_a_document_posted_twice_is_found() -> None:
    assert not compare([replace(POSTED, posted={"HVAC": 2 * HUNDRED})]).balanced


def test_a_changed_total_that_was_not_posted_yet_is_found() -> None:
    assert not compare([replace(POSTED, servicetitan=Decimal("130.00"))]).balanced


def test_a_document_without_any_outcome_is_unaccounted_even_when_it_is_worth_nothing() -> None:
    lost = replace(HELD, outcome=None, outside=Decimal("0.00"), servicetitan=Decimal("0.00"))
    result = compare([lost])
    assert result.unaccounted == ("invoice:2",)
    assert not result.balanced


def test_a_document_over_two_projects_counts_once_and_ties_on_both() -> None:
    parts = {"HVAC": Decimal("60.00"), "PLUMB": Decimal("40.00")}
    result = compare([replace(POSTED, journaled=parts, posted=parts)])
    assert result.balanced
    assert result.documents == 1
    assert len(result.rows) == 2
