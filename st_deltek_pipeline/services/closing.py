"""Closing: the report of some business days from the database, a day's close kept, and what has changed since.

Vantagepoint is never asked from here: the comparison with its ledger is handed in, or is the one that was kept when each
day was last closed. Whoever looks at a page must not be the reason for a call.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Engine

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.close_changes import CloseChanges, KeptClose, changes_since, same_figures, the_close
from st_deltek_pipeline.domain.close_report import (
    CloseReport,
    JournalRange,
    LedgerComparison,
    kind_totals,
    waiting_documents,
)
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.hold_queue import HeldDocument
from st_deltek_pipeline.domain.reconciliation import TieOut
from st_deltek_pipeline.domain.three_way import DifferenceClass, LedgerDifference, ThreeWay
from st_deltek_pipeline.services.reconciliation import tie_out_days
from st_deltek_pipeline.store.close_figures import (
    document_events_since,
    files_of_days,
    journal_range,
    last_events,
    runs_of_days,
)
from st_deltek_pipeline.store.closes import (
    close_report_of,
    close_reports,
    closes_of_day,
    keep_close,
    latest_closes,
)
from st_deltek_pipeline.store.holds import held_documents

_MOST_EVENTS = 500
# A run that works on the same days the whole time must not keep a reader for ever.
_MOST_READINGS = 3


@dataclass(frozen=True)
class LedgerReading:
    """The comparison of some business days with Vantagepoint's ledger, made just now.

    Attributes:
        result: What was found.
        read_at: Aware instant.
        journal: The days' part of the journal as it was before anything was compared: what was recorded about a day later
            may be in one side and not in the other.
    """

    result: ThreeWay
    read_at: datetime
    journal: JournalRange


def days_of_report(settings: ConnectionSettings, first: date, last: date, *, now: datetime) -> list[date]:
    """Return the business days of a range that a report can be made of.

    Args:
        settings: The connection.
        first: First day.
        last: Last day; days ahead are left out.
        now: Aware instant.

    Raises:
        ConfigurationError: There is none.
    """
    calendar = business_calendar(settings.calendar, settings.start_date.year, now.year + 1)
    newest = calendar.business_day(calendar.today(now))
    days = list(calendar.business_days(max(first, settings.start_date), min(last, newest)))
    if days:
        return days
    message = f"{settings.name} has no business day from {first} to {last}."
    raise ConfigurationError(
        message, advice=f"Its first day is {settings.start_date}, its last one now {newest}; days off have none."
    )


def close_report(
    engine: Engine,
    settings: ConnectionSettings,
    days: Sequence[date],
    *,
    now: datetime,
    ledger: LedgerReading | None = None,
) -> CloseReport:
    """Make the report of some business days.

    Args:
        engine: The database.
        settings: The connection.
        days: Business days, oldest first, at least one.
        now: Aware instant.
        ledger: The comparison with Vantagepoint's ledger; the kept one when not given (``kept_comparison``). Days about
            which something was recorded since it was begun count as not compared.
    """
    report = _read(engine, settings, days, now, ledger)
    for _ in range(_MOST_READINGS - 1):
        if report.settled:
            break
        report = _read(engine, settings, days, now, ledger)
    return report


def kept_comparison(engine: Engine, connection: str, days: Sequence[date]) -> LedgerComparison:
    """Put the comparisons together that were kept when each of some business days was last closed.

    A day about which something was recorded afterwards counts as not compared, and so does one that was not compared when
    it was closed.

    Args:
        engine: The database.
        connection: The connection's name.
        days: Business days.
    """
    kept = {each.business_day: each for each in latest_closes(engine, [connection], days[0], days[-1])[connection]}
    since = last_events(engine, connection, days)
    wanted = [kept[day] for day in days if day in kept and since.get(day, 0) <= kept[day].journal_head]
    found = [
        (close.made_at, report.ledger.result)
        for close, report in zip(wanted, close_reports(engine, connection, wanted), strict=True)
        if report.ledger.result is not None and report.ledger.complete
    ]
    compared = {result.first for _, result in found}
    missing = tuple(day for day in days if day not in compared)
    if not found:
        return LedgerComparison(missing_days=missing)
    return LedgerComparison(
        result=_together(days, [result for _, result in found]),
        read_at=min(read_at for read_at, _ in found),
        missing_days=missing,
    )


def close_day(
    engine: Engine, settings: ConnectionSettings, day: date, ledger: LedgerReading, *, now: datetime, run_id: str
) -> tuple[CloseReport, KeptClose]:
    """Make the report of a business day, and keep it unless the last one that was kept says the same.

    Args:
        engine: The database.
        settings: The connection.
        day: The business day.
        ledger: The comparison with Vantagepoint's ledger.
        now: Aware instant.
        run_id: Who closes it.

    Returns:
        The report, and the close that says so.
    """
    report = close_report(engine, settings, [day], now=now, ledger=ledger)
    kept = closes_of_day(engine, settings.name, day)
    if (
        kept
        and _up_to_date(report, kept[-1])
        and same_figures(close_report_of(engine, settings.name, kept[-1]), report)
    ):
        return report, kept[-1]
    return report, keep_close(engine, report, run_id=run_id)


def changes_of_day(engine: Engine, report: CloseReport) -> tuple[Sequence[KeptClose], CloseChanges | None]:
    """Return the closes of a report's day, and what has changed since it was closed.

    Args:
        engine: The database.
        report: Of one business day.

    Returns:
        The closes, oldest first; no changes while it was not closed.
    """
    kept = closes_of_day(engine, report.connection, report.first)
    since = the_close(kept)
    if since is None:
        return kept, None
    then = close_report_of(engine, report.connection, since)
    events, more = document_events_since(
        engine, report.connection, [report.first], since.journal_head, limit=_MOST_EVENTS
    )
    return kept, changes_since(since, then, report, events, more)


def _read(
    engine: Engine,
    settings: ConnectionSettings,
    days: Sequence[date],
    now: datetime,
    ledger: LedgerReading | None,
) -> CloseReport:
    name = settings.name
    calendar = business_calendar(settings.calendar, days[0].year, days[-1].year)
    today = calendar.today(now)
    before = journal_range(engine, name, days)
    # Records without a readable date belong to no day; they are shown with the days that are still going on.
    undated = len(days) > 1 and days[-1] >= calendar.business_day(today)
    result = tie_out_days(engine, settings, days, undated=undated)
    held = held_documents(engine, name, settings.posting.documents, document_ids=_held_ids(result))
    report = CloseReport(
        connection=name,
        first=days[0],
        last=days[-1],
        days=tuple(days),
        made_at=now,
        time_zone=calendar.time_zone,
        over=days[-1] < today,
        totals=kind_totals(result),
        unaccounted=result.unaccounted,
        outside=result.outside,
        waiting=waiting_documents(_of(result, held)),
        files=files_of_days(engine, name, days),
        runs=runs_of_days(engine, name, days),
        journal=before,
        unexplained=result.unexplained,
        ledger=LedgerComparison(ledger.result, ledger.read_at) if ledger else kept_comparison(engine, name, days),
    )
    begun = ledger.journal if ledger else before
    after = last_events(engine, name, days)
    last = max(after.values(), default=0)
    moved = [day for day in days if after.get(day, 0) > begun.head]
    if last != begun.last and not moved:
        # A document has gone to another day with its events, and nothing says from which of these.
        moved = list(days)
    return replace(report, ledger=_without(report.ledger, moved), settled=last == before.last and not moved)


def _without(ledger: LedgerComparison, moved: Collection[date]) -> LedgerComparison:
    return replace(ledger, missing_days=tuple(sorted({*ledger.missing_days, *moved})))


def _held_ids(result: TieOut) -> list[int]:
    return sorted({number for each in result.waiting for number in each.document_ids})


def _of(result: TieOut, held: Iterable[HeldDocument]) -> list[HeldDocument]:
    """Leave out what has another kind than the document with the same number that is held."""
    named = {(each.kind, number) for each in result.waiting for number in each.document_ids}
    return [each for each in held if (each.outcome.document.kind, each.outcome.document.document_id) in named]


def _up_to_date(report: CloseReport, kept: KeptClose) -> bool:
    """Say whether nothing was recorded about the day since it was kept; otherwise its comparison would count as old."""
    return report.journal.last <= kept.journal_head


def _together(days: Sequence[date], results: Sequence[ThreeWay]) -> ThreeWay:
    order = list(DifferenceClass)
    differences = dict.fromkeys(each for result in results for each in result.differences)
    balances = dict.fromkeys(each for result in results for each in result.balances)
    read = [result.balances_read for result in results if result.balances_read is not None]
    return ThreeWay(
        first=days[0],
        last=days[-1],
        rows=tuple(row for result in results for row in result.rows),
        differences=tuple(sorted(differences, key=lambda each: _place(each, order))),
        ledger_lines=sum(result.ledger_lines for result in results),
        balances=tuple(balances),
        balances_read=sum(read) if read else None,
    )


def _place(each: LedgerDifference, order: Collection[DifferenceClass]) -> tuple[bool, int, date, str]:
    return (
        not each.needs_someone,
        list(order).index(each.difference_class),
        each.business_day or date.max,
        each.document or each.reference,
    )
