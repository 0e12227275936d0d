"""``daily_close``: one business day three ways with Vantagepoint's ledger, its figures kept, and whether it can be closed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from st_deltek_pipeline.domain.close_changes import KeptClose
from st_deltek_pipeline.domain.close_report import CloseReport
from st_deltek_pipeline.domain.money import ZERO, shown
from st_deltek_pipeline.domain.three_way import DifferenceClass
from st_deltek_pipeline.orchestration.failures import explained
from st_deltek_pipeline.orchestration.feed_readings import feeds_read_at
from st_deltek_pipeline.orchestration.groups import Group
from st_deltek_pipeline.orchestration.presenting import (
    CLOSE_REPORT,
    ROW_COUNT,
    close_report_link,
    holds_listed_by,
    markdown_table,
    money,
    outside_table,
    table_metadata,
)
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.tie_out_assets import TIE_OUT_ASSET
from st_deltek_pipeline.orchestration.wiring import Wiring, partition_day
from st_deltek_pipeline.services.closing import LedgerReading, close_day
from st_deltek_pipeline.services.three_way import reconcile
from st_deltek_pipeline.store.close_figures import journal_range

CLOSE_ASSET = "daily_close"
STATE, VERDICT = "state", "verdict"

_SHOWN = 50


@dataclass(frozen=True)
class _Check:
    """A check of the close.

    Attributes:
        classes: The differences with the ledger that it finds; none for the checks of the totals, of what waits and of what
            was read.
        blocking: Whether the day cannot be closed on it, so that its run fails.
    """

    name: str
    description: str
    classes: tuple[DifferenceClass, ...] = ()
    blocking: bool = True


BALANCE_CHECK, WAITING_CHECK, READ_CHECK = "books_agree", "nothing_waits", "everything_read"
_RUN_AGAIN = "Materialize the day again once that is done; nothing that stands is posted twice."
_CHECKS = (
    _Check(
        BALANCE_CHECK,
        "ServiceTitan = posted + held + ignored to the last cent, and every document has an outcome. If not, nothing should "
        f"be closed on the day; the tie-out's check totals_tie names the documents. {_RUN_AGAIN}",
    ),
    _Check(
        "nothing_missing",
        "Whatever our journal says is posted stands in Vantagepoint's ledger. If not, somebody has taken it out there; the "
        f"table names each document and says what to do. {_RUN_AGAIN}",
        (DifferenceClass.MISSING,),
    ),
    _Check(
        "nothing_double",
        "No document stands in Vantagepoint's ledger more than once. The table names each and says which posting to "
        f"reverse there. {_RUN_AGAIN}",
        (DifferenceClass.DOUBLE,),
    ),
    _Check(
        "nothing_altered",
        "Whatever was posted stands in Vantagepoint's ledger with the amount, account, project, date and period it was "
        f"posted with. The table names each document that does not. {_RUN_AGAIN}",
        (DifferenceClass.ALTERED,),
    ),
    _Check(
        WAITING_CHECK,
        "No document of the day is held or under way. A hold is a warning, and the day is accounted for nevertheless: the "
        "table says what would release each, st-deltek holds list names the documents.",
        blocking=False,
    ),
    _Check(
        "nothing_foreign",
        "Nobody else has posted among what this connection posts. A warning: the table names the postings; enter such "
        "documents in ServiceTitan, or leave them and know of them.",
        (DifferenceClass.FOREIGN,),
        blocking=False,
    ),
    _Check(
        "nothing_out_of_time",
        "Every document stands in the period of its date, and none is under way. A warning that explains itself: nothing is "
        "wrong with such a document, but a report by period shows it elsewhere.",
        (DifferenceClass.TIMING,),
        blocking=False,
    ),
    _Check(
        "nothing_rounded",
        "No line stands in Vantagepoint's ledger with another amount, not even within reconciliation.tolerance. A warning: "
        "with a tolerance the day is closed but for such roundings, and not to the cent.",
        (DifferenceClass.ROUNDING,),
        blocking=False,
    ),
    _Check(
        READ_CHECK,
        "Every feed of ServiceTitan that is read on a schedule was read to its end after the day was over. A warning: what "
        "ServiceTitan has of the day may not be taken in yet. Run the day again once the feeds were read.",
        blocking=False,
    ),
)


def daily_close(wiring: Wiring) -> dg.AssetsDefinition:
    """Build the close of one connection.

    Args:
        wiring: The connection.
    """
    key = wiring.key(CLOSE_ASSET)

    @dg.asset(
        key=key,
        deps=[wiring.key(TIE_OUT_ASSET)],
        partitions_def=wiring.partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        description=(
            "Whether the day can be closed: ServiceTitan, our journal and Vantagepoint's ledger, read back now, side by "
            "side. The figures are kept as they were, and the close report shows what has changed since."
        ),
        kinds={"postgres", "vantagepoint", "report"},
        code_version="1",
        check_specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=key,
                description=check.description,
                blocking=check.blocking,
                partitions_def=wiring.partitions,
            )
            for check in _CHECKS
        ],
        metadata=table_metadata("journal.closes"),
        pool=wiring.vantagepoint_pool,
        group_name=wiring.group(Group.RECONCILED),
        owners=wiring.owners,
        tags=wiring.tags,
    )
    def asset(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
        day = partition_day(context.partition_key)
        with explained(context.retry_number):
            pipeline.refresh_statistics()
            now = datetime.now(UTC)
            unread = _unread(feeds_read_at(context.instance, wiring), day, wiring.calendar.time_zone)
            journal = journal_range(pipeline.engine, wiring.name, [day])
            result = reconcile(pipeline.engine, pipeline.vantagepoint(wiring), wiring.connection, day, day)
            ledger = LedgerReading(result, read_at=now, journal=journal)
            report, kept = close_day(
                pipeline.engine, wiring.connection, day, ledger, now=now, run_id=context.run.run_id
            )
        return dg.MaterializeResult(
            metadata={
                **_metadata(report, kept),
                CLOSE_REPORT: close_report_link(pipeline.settings, wiring.name, day),
            },
            check_results=[_result(check, report, unread) for check in _CHECKS],
        )

    return asset


def _metadata(report: CloseReport, kept: KeptClose) -> Mapping[str, int | str | dg.MetadataValue]:
    journal = report.journal
    return {
        ROW_COUNT: report.documents,
        STATE: report.state.value,
        VERDICT: report.verdict,
        "difference": money(report.difference),
        **{each.value: count for each, count in report.differences_by_class.items()},
        **{f"{area.value.lower()}_posted": money(amounts.posted) for area, amounts in report.by_area.items()},
        **{f"{area.value.lower()}_held": money(amounts.held) for area, amounts in report.by_area.items()},
        "close": kept.number,
        "journal_first": journal.first,
        "journal_last": journal.last,
        "journal_head": journal.head,
        "ledger_lines": report.ledger.result.ledger_lines if report.ledger.result else 0,
        "differences": _differences(report, tuple(DifferenceClass)),
    }


def _unread(read_at: Mapping[str, datetime], day: date, time_zone: str) -> Mapping[str, datetime]:
    """Return the feeds that were last read before a day was over, in that time zone."""
    zone = ZoneInfo(time_zone)
    over = datetime.combine(day + timedelta(days=1), time(), zone)
    return {name: instant.astimezone(zone) for name, instant in sorted(read_at.items()) if instant < over}


def _result(check: _Check, report: CloseReport, unread: Mapping[str, datetime]) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN
    found = report.differences_of(*check.classes)
    metadata: dict[str, dg.MetadataValue] = {}
    if check.name == BALANCE_CHECK:
        passed = report.difference == ZERO and not report.unaccounted
        words = f"difference {shown(report.difference)}, {len(report.unaccounted):,} without an outcome"
        metadata["documents"] = markdown_table(("document",), [(name,) for name in report.unaccounted[:_SHOWN]])
    elif check.name == WAITING_CHECK:
        passed = not report.held_or_under_way
        words = f"{sum(each.documents for each in report.held_or_under_way):,} held or under way"
        metadata["held_by_reason"] = outside_table(report.held_or_under_way)
        metadata["documents"] = holds_listed_by(report.connection, report.first)
    elif check.name == READ_CHECK:
        passed = not unread
        words = f"{len(unread):,} feeds last read before the day was over"
        rows = [(name, f"{instant:%Y-%m-%d %H:%M %Z}") for name, instant in unread.items()]
        metadata["feeds"] = markdown_table(("feed", "last read"), rows)
    else:
        # What was compared while work went on may differ for that alone, or agree for that alone.
        passed = not found and report.ledger.complete
        words = f"{len(found):,} {' or '.join(each.value for each in check.classes)}"
        words += "" if report.ledger.complete else "; work went on while the ledger was compared: run the day again"
        metadata["documents"] = _differences(report, check.classes)
    return dg.AssetCheckResult(
        check_name=check.name, passed=passed, severity=severity, description=words, metadata=metadata
    )


def _differences(report: CloseReport, classes: Sequence[DifferenceClass]) -> dg.MetadataValue:
    found = report.differences_of(*classes)
    return markdown_table(
        ("class", "document", "reference", "our journal", "Vantagepoint", "difference", "what is wrong", "what to do"),
        [
            (
                each.difference_class.value,
                each.document,
                each.reference,
                each.journal,
                each.ledger,
                each.amount,
                each.words,
                each.advice,
            )
            for each in found[:_SHOWN]
        ],
    )
