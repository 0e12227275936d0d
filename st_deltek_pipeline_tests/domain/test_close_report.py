"""Whether days can be closed: the verdict is never better than the figures, and a kept report comes back as it was."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_deltek_pipeline.domain.close_changes import (
    KeptClose,
    changes_since,
    figures_of,
    report_of,
    same_figures,
    the_close,
)
from st_deltek_pipeline.domain.close_report import BLOCKING, CloseReport, CloseState, LedgerComparison
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.hold_ages import HoldAge, count_by_age, hold_age
from st_deltek_pipeline.domain.reconciliation import OutsideSum
from st_deltek_pipeline.domain.three_way import DifferenceClass
from st_deltek_pipeline_tests.pages.close_reports import (
    DAY,
    MADE,
    a_report,
    compared,
    difference,
    kind_total,
    waiting,
)

UNDER_WAY = OutsideSum(Kind.BILL, "in_flight", "in_flight", (7,), Decimal("12.00"))
CLOSE = KeptClose(
    DAY, 2, MADE, "run", CloseState.WAITING, "3 documents wait.", over=True, journal_head=9, figures_hash=""
)


def test_a_day_with_nothing_left_is_closed_to_the_cent() -> None:
    report = a_report()
    assert (report.state, report.verdict, report.remarks) == (CloseState.CLOSED, "Closed to the cent.", ())


def test_a_day_that_is_not_over_is_never_called_closed() -> None:
    report = a_report(over=False)
    assert (report.state, report.remarks) == (CloseState.WAITING, ())
    assert report.verdict == "In balance to the cent so far; the day is not over."
    held = a_report(waiting(1, "5.00", 0), over=False)
    assert (held.state, held.verdict) == (CloseState.WAITING, "1 document waits, 5.00.")
    assert held.remarks == ("The day is not over yet.",)


def test_what_waits_is_counted_and_areas_are_not_added_up() -> None:
    one = a_report(waiting(1, "1234.00", 0))
    assert (one.state, one.verdict) == (CloseState.WAITING, "1 document waits, 1,234.00.")
    two = a_report(
        waiting(1, "1234.00", 0), waiting(2, "10.00", 0, kind=Kind.BILL), waiting(3, "4.00", 1, kind=Kind.CREDIT_MEMO)
    )
    assert two.verdict == "3 documents wait, AR 1,230.00, AP 10.00."


def test_what_is_under_way_waits_too() -> None:
    assert a_report(outside=(UNDER_WAY,)).verdict == "1 document waits, 12.00."


@pytest.mark.parametrize("difference_class", BLOCKING)
def test_nothing_is_closed_on_a_document_that_differs_in_the_ledger(difference_class: DifferenceClass) -> None:
    report = a_report(ledger=compared(difference(difference_class)))
    assert report.state is CloseState.DIFFERENT
    assert report.verdict == f"Not closed: 1 document {difference_class.value} in Vantagepoint's ledger."


def test_nothing_is_closed_on_a_cent_that_nobody_can_explain() -> None:
    report = a_report(
        totals=(kind_total(Kind.INVOICE, "100.00", off="0.01"), kind_total(Kind.INVOICE, "50.00", off="-0.01"))
    )
    # Two differences that make each other good are two differences.
    assert report.verdict == "Not closed: ServiceTitan differs from what is posted, held and ignored by 0.02."


def test_nothing_is_closed_on_documents_whose_differences_cancel_each_other_out() -> None:
    report = a_report(unexplained=Decimal("0.02"))
    assert (report.state, report.difference) == (CloseState.DIFFERENT, Decimal("0.02"))
    assert report.verdict == "Not closed: ServiceTitan differs from what is posted, held and ignored by 0.02."
    older = figures_of(a_report()).replace(',"unexplained":0.00', "")
    assert "unexplained" not in older
    assert report_of(older) == a_report()


def test_nothing_is_closed_on_a_document_without_an_outcome() -> None:
    report = a_report(waiting(1, "5.00", 0), unaccounted=("invoice:9",))
    assert report.verdict == "Not closed: 1 document without an outcome."
    assert report.remarks == ("Besides, 1 document waits, 5.00.",)


@pytest.mark.parametrize(
    "ledger",
    [
        LedgerComparison(),
        LedgerComparison(missing_days=(DAY,)),
    ],
)
def test_nothing_is_closed_while_the_ledger_was_not_read(ledger: LedgerComparison) -> None:
    report = a_report(ledger=ledger)
    assert report.state is CloseState.NOT_COMPARED
    assert report.verdict.startswith("Not closed: Vantagepoint's ledger was not read")


def test_days_that_were_worked_on_while_they_were_compared_say_so() -> None:
    ledger = replace(compared(), missing_days=(DAY,))
    assert a_report(ledger=ledger).verdict == "Not closed: work went on while Vantagepoint's ledger was compared."
    other = DAY.replace(day=28)
    two = a_report(first=other, days=(other, DAY), ledger=ledger)
    assert two.verdict == "Not closed: Vantagepoint's ledger was not read for 1 of 2 days."


def test_what_others_posted_is_to_be_looked_at_and_timing_explains_itself() -> None:
    foreign = a_report(ledger=compared(difference(DifferenceClass.FOREIGN)))
    assert (foreign.state, foreign.verdict) == (CloseState.WAITING, "1 posting of others in Vantagepoint's ledger.")
    timing = a_report(ledger=compared(difference(DifferenceClass.TIMING)))
    assert (timing.state, timing.verdict) == (CloseState.CLOSED, "Closed to the cent.")
    assert timing.remarks == ("1 difference of timing or rounding, explained below.",)


def test_a_day_with_roundings_is_never_closed_to_the_cent() -> None:
    ledger = compared(difference(DifferenceClass.ROUNDING), difference(DifferenceClass.ROUNDING, 2))
    report = a_report(ledger=ledger)
    assert (report.state, report.verdict) == (
        CloseState.CLOSED,
        "Closed but for 2 roundings of no more than the tolerance.",
    )
    so_far = replace(report, over=False).verdict
    assert so_far == "In balance so far but for 2 roundings of no more than the tolerance; the day is not over."


_REPORTS = st.builds(
    a_report,
    over=st.booleans(),
    settled=st.booleans(),
    unaccounted=st.sampled_from([(), ("invoice:1",)]),
    outside=st.sampled_from([(), (UNDER_WAY,)]),
    totals=st.lists(
        st.builds(
            kind_total,
            st.sampled_from([Kind.INVOICE, Kind.CREDIT_MEMO, Kind.PAYMENT]),
            st.decimals(0, 10**6, places=2).map(str),
            off=st.sampled_from(["0.00", "0.01", "-0.01"]),
        ),
        max_size=3,
    ).map(tuple),
    ledger=st.one_of(
        st.just(LedgerComparison()),
        st.lists(st.sampled_from(DifferenceClass).map(difference), max_size=2).map(lambda found: compared(*found)),
    ),
)


@settings(max_examples=60)
@given(_REPORTS)
def test_only_a_report_without_any_doubt_is_called_closed(report: CloseReport) -> None:
    doubt = (
        any(row.difference for row in report.totals)
        or report.unaccounted
        or report.outside
        or not report.ledger.complete
        or not report.over
        or set(report.differences_by_class) & {*BLOCKING, DifferenceClass.FOREIGN}
    )
    assert (report.state is CloseState.CLOSED) == (not doubt)
    assert report.verdict.startswith("Closed") == (not doubt)
    assert (report.verdict == "Closed to the cent.") == (
        not doubt and DifferenceClass.ROUNDING not in report.differences_by_class
    )


@settings(max_examples=60)
@given(_REPORTS)
def test_what_is_kept_comes_back_as_it_was_to_the_cent(report: CloseReport) -> None:
    again = report_of(figures_of(report))
    assert again == report
    assert figures_of(again) == figures_of(report)


def test_what_an_older_version_kept_can_still_be_read_when_there_are_new_fields() -> None:
    figures = figures_of(a_report()).replace('"connection":', '"a_new_field":1,"connection":', 1)
    assert report_of(figures) == a_report()


def test_the_same_figures_at_another_time_are_no_new_close() -> None:
    report = a_report(waiting(1, "5.00", 3))
    later = replace(report, made_at=MADE.replace(hour=9), runs=(), waiting=(waiting(1, "5.00", 4),))
    assert same_figures(report, later)
    assert not same_figures(report, a_report(waiting(1, "5.00", 3, "no_period")))


def test_the_close_is_the_first_one_after_the_day_was_over() -> None:
    early = replace(CLOSE, number=1, over=False)
    late = replace(CLOSE, number=3)
    assert the_close([early]) is None
    assert the_close([early, CLOSE, late]) == CLOSE


def test_what_has_changed_since_the_close_is_named() -> None:
    old, new = difference(DifferenceClass.MISSING, 5), difference(DifferenceClass.DOUBLE, 6)
    then = a_report(waiting(1, "5.00", 0), waiting(2, "7.00", 0), ledger=compared(old))
    now = a_report(waiting(2, "7.00", 1), waiting(3, "1.00", 0), ledger=compared(new))
    changes = changes_since(CLOSE, then, now)
    assert (changes.released, changes.held) == (("invoice:1",), ("invoice:3",))
    assert (changes.gone, changes.new) == ((old,), (new,))
    assert [(each.kind, each.column, each.change) for each in changes.totals] == [
        (Kind.INVOICE, "ServiceTitan", Decimal("-4.00")),
        (Kind.INVOICE, "held", Decimal("-4.00")),
    ]
    assert changes_since(CLOSE, then, then).nothing


@pytest.mark.parametrize(
    ("days", "age"),
    [
        (-1, HoldAge.NEW),
        (0, HoldAge.NEW),
        (1, HoldAge.NEW),
        (2, HoldAge.WEEK),
        (7, HoldAge.WEEK),
        (8, HoldAge.MONTH),
        (30, HoldAge.MONTH),
        (31, HoldAge.OLD),
    ],
)
def test_ages_fall_into_their_buckets(days: int, age: HoldAge) -> None:
    assert hold_age(days) is age


def test_every_bucket_is_there_also_when_it_is_empty() -> None:
    counts = count_by_age([waiting(1, "1.00", 40), waiting(2, "1.00", 3)])
    assert list(counts.items()) == [(HoldAge.NEW, 0), (HoldAge.WEEK, 1), (HoldAge.MONTH, 0), (HoldAge.OLD, 1)]


def test_days_without_a_date_are_a_row_of_their_own() -> None:
    report = a_report(totals=(kind_total(Kind.BILL, "1.00", day=None), kind_total(Kind.BILL, "2.00")))
    assert {day for day, _ in report.by_day_and_area} == {None, date(2026, 10, 29)}
