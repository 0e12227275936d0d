"""The tie-out: it finds what it is there to find."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.domain.holds import HoldReason, IgnoreReason, advice_for
from st_deltek_pipeline.domain.reconciliation import AREAS, NO_PROJECT, Area, DocumentSides, area_of, compare, effect_of

DAY = date(2026, 10, 7)
HUNDRED = Decimal("100.00")
POSTED = DocumentSides(
    kind=Kind.INVOICE,
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
    assert [(each.outcome, each.reason, each.document_ids, each.amount) for each in result.outside] == [
        ("held", "no_rule", (2,), HUNDRED),
        ("ignored", "zero_document", (3,), Decimal("0.00")),
    ]


def test_a_cent_less_in_the_ledger_is_found() -> None:
    result = compare([replace(POSTED, posted={"HVAC": Decimal("99.99")})])
    assert not result.balanced
    assert result.rows[0].difference == Decimal("0.01")
    assert (result.differing, result.unexplained) == ((("invoice:1", Decimal("0.01")),), Decimal("0.01"))


def test_an_amount_on_the_wrong_project_is_found() -> None:
    result = compare([replace(POSTED, posted={"PLUMB": HUNDRED})])
    assert not result.balanced
    assert {row.project: row.difference for row in result.rows} == {"HVAC": HUNDRED, "PLUMB": -HUNDRED}


def test_a_document_posted_twice_is_found() -> None:
    """T43: the day's tie-out notices one that was posted twice."""
    assert not compare([replace(POSTED, posted={"HVAC": 2 * HUNDRED})]).balanced


def test_two_documents_that_cancel_each_other_out_are_both_named() -> None:
    cent = Decimal("0.01")
    more = replace(POSTED, posted={"HVAC": HUNDRED + cent})
    less = replace(POSTED, document_id=3, posted={"HVAC": HUNDRED - cent})
    result = compare([more, POSTED, HELD, less])
    assert [row.difference for row in result.rows] == [Decimal("0.00")] * 2
    assert result.differing == (("invoice:1", -cent), ("invoice:3", cent))
    assert (result.balanced, result.unexplained) == (False, 2 * cent)


def test_what_stands_on_another_project_is_unexplained_although_the_document_ties() -> None:
    result = compare([replace(POSTED, posted={"PLUMB": HUNDRED})])
    assert (result.differing, result.unexplained) == ((), 2 * HUNDRED)


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


def test_what_waits_is_summed_up_by_reason_and_the_sums_are_the_held_column() -> None:
    under_way = replace(HELD, document_id=3, outcome="in_flight", reason="", outside=Decimal("7.00"))
    under_way = replace(under_way, servicetitan=Decimal("7.00"))
    result = compare([under_way, HELD, replace(HELD, document_id=4)])
    assert [(each.reason, each.documents, each.amount) for each in result.waiting] == [
        ("no_rule", 2, 2 * HUNDRED),
        ("in_flight", 1, Decimal("7.00")),
    ]
    assert sum(each.amount for each in result.waiting) == sum(row.held for row in result.rows)


def test_every_reason_to_hold_comes_with_advice_and_nothing_else_does() -> None:
    assert all(advice_for(reason.value) for reason in HoldReason)
    assert not any(advice_for(reason.value) for reason in IgnoreReason)
    result = compare([replace(HELD, outcome="in_flight", reason="")])
    assert "next run" in result.waiting[0].advice


def test_every_kind_belongs_to_exactly_one_area() -> None:
    assert sorted(kind for kinds in AREAS.values() for kind in kinds) == sorted(POSTING_ORDER)
    assert {area_of(Kind.CREDIT_MEMO), area_of(Kind.PAYMENT), area_of(Kind.AP_CREDIT)} == set(Area)


def test_credits_take_away_although_servicetitan_states_them_as_positive_amounts() -> None:
    assert {kind: effect_of(kind, HUNDRED) for kind in POSTING_ORDER} == {
        Kind.INVOICE: HUNDRED,
        Kind.CREDIT_MEMO: -HUNDRED,
        Kind.PAYMENT: HUNDRED,
        Kind.BILL: HUNDRED,
        Kind.AP_CREDIT: -HUNDRED,
    }
    assert str(effect_of(Kind.CREDIT_MEMO, Decimal("0.00"))) == "0.00"


def test_a_total_with_a_fraction_of_a_cent_counts_exactly_as_the_outcome_records_it() -> None:
    assert effect_of(Kind.AP_CREDIT, Decimal("349.015")) == Decimal("-349.015")


def test_kinds_are_kept_apart_and_an_area_adds_its_own_up() -> None:
    credit = replace(
        POSTED,
        kind=Kind.CREDIT_MEMO,
        servicetitan=-HUNDRED / 4,
        journaled={"HVAC": -HUNDRED / 4},
        posted={"HVAC": -HUNDRED / 4},
    )
    refund = replace(
        HELD, kind=Kind.PAYMENT, document_id=1, servicetitan=-HUNDRED, outside=-HUNDRED, reason="waiting_for_invoice"
    )
    result = compare([refund, credit, POSTED, HELD])
    assert result.balanced
    assert [(row.kind, row.project) for row in result.rows] == [
        (Kind.INVOICE, NO_PROJECT),
        (Kind.INVOICE, "HVAC"),
        (Kind.CREDIT_MEMO, "HVAC"),
        (Kind.PAYMENT, NO_PROJECT),
    ]
    receivables = result.by_area[Area.AR]
    assert (receivables.documents, receivables.servicetitan_total) == (3, Decimal("175.00"))
    assert (receivables.posted, receivables.held) == (Decimal("75.00"), HUNDRED)
    assert result.by_area[Area.CASH].held == -HUNDRED
    assert list(result.by_kind) == [Kind.INVOICE, Kind.CREDIT_MEMO, Kind.PAYMENT]
    assert {key: row.documents for key, row in result.by_day_and_kind.items()} == {
        (DAY, Kind.INVOICE): 2,
        (DAY, Kind.CREDIT_MEMO): 1,
        (DAY, Kind.PAYMENT): 1,
    }
    assert [(each.kind, each.reason) for each in result.waiting] == [
        (Kind.INVOICE, "no_rule"),
        (Kind.PAYMENT, "waiting_for_invoice"),
    ]


def test_a_cent_too_much_in_one_kind_is_not_made_good_by_another() -> None:
    cent = Decimal("0.01")
    more = replace(POSTED, posted={"HVAC": HUNDRED + cent})
    less = replace(POSTED, kind=Kind.PAYMENT, posted={"HVAC": HUNDRED - cent})
    result = compare([more, less])
    assert not result.balanced
    assert {kind: amounts.difference for kind, amounts in result.by_kind.items()} == {
        Kind.INVOICE: -cent,
        Kind.PAYMENT: cent,
    }


def test_a_lost_document_is_named_with_its_kind() -> None:
    """T43: and one that is lost."""
    lost = replace(HELD, kind=Kind.AP_CREDIT, outcome=None, outside=Decimal("0.00"), servicetitan=-HUNDRED)
    assert compare([lost]).unaccounted == ("ap_credit:2",)
