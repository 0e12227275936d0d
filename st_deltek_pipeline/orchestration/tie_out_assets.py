"""``daily_tie_out``: ServiceTitan against the ledger for one business day, every kind to the cent, with its checks."""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from st_deltek_pipeline.domain.money import shown
from st_deltek_pipeline.domain.reconciliation import Amounts, TieOut
from st_deltek_pipeline.orchestration.document_kinds import posted_asset
from st_deltek_pipeline.orchestration.failures import explained
from st_deltek_pipeline.orchestration.freshness import close_freshness
from st_deltek_pipeline.orchestration.groups import Group
from st_deltek_pipeline.orchestration.presenting import (
    CLOSE_REPORT,
    ROW_COUNT,
    close_report_link,
    holds_listed_by,
    journal_range,
    markdown_table,
    money,
    outside_table,
)
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.wiring import Wiring, partition_day
from st_deltek_pipeline.services.reconciliation import tie_out
from st_deltek_pipeline.store.journal_ranges import about_day

TIE_OUT_ASSET = "daily_tie_out"
TOTALS_CHECK = "totals_tie"
ACCOUNTED_CHECK = "nothing_unaccounted"
HELD_CHECK = "nothing_held"

_SHOWN = 50


def daily_tie_out(wiring: Wiring) -> dg.AssetsDefinition:
    """Build the tie-out asset of one connection.

    Args:
        wiring: The connection.
    """
    key = wiring.key(TIE_OUT_ASSET)

    @dg.asset(
        key=key,
        deps=[wiring.key(posted_asset(kind)) for kind in wiring.kinds],
        partitions_def=wiring.partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        description=(
            "Per kind of document and project: ServiceTitan's total = posted + held + ignored, summed up for AR, cash "
            "and AP. A difference names its documents."
        ),
        kinds={"postgres", "report"},
        code_version="1",
        check_specs=[
            dg.AssetCheckSpec(
                TOTALS_CHECK,
                asset=key,
                description=(
                    "ServiceTitan's total is posted, held or ignored to the last cent, in sum and of each document. If not, "
                    "materialize the day again; if it still differs, the tables say which documents and where, and nothing "
                    "should be closed on it."
                ),
                partitions_def=wiring.partitions,
            ),
            dg.AssetCheckSpec(
                ACCOUNTED_CHECK,
                asset=key,
                description=(
                    "Every document of the day has exactly one outcome. If not, materialize the day again; st-deltek holds "
                    "show tells everything that is known about a document."
                ),
                partitions_def=wiring.partitions,
            ),
            dg.AssetCheckSpec(
                HELD_CHECK,
                asset=key,
                description=(
                    "No document of the day waits. A hold is a warning, and the day is done nevertheless: the table says "
                    "what would release each, st-deltek holds list names the documents."
                ),
                partitions_def=wiring.partitions,
            ),
        ],
        freshness_policy=close_freshness(wiring.connection.schedules.close_cron(wiring.name), wiring.calendar),
        group_name=wiring.group(Group.RECONCILED),
        owners=wiring.owners,
        tags=wiring.tags,
    )
    def asset(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
        day = partition_day(context.partition_key)
        with explained(context.retry_number):
            pipeline.refresh_statistics()
            # Before the figures: what is recorded meanwhile is not covered by them for certain.
            rests_on = about_day(pipeline.engine, wiring.name, day)
            result = tie_out(pipeline.engine, wiring.connection, day, day)
        difference = result.unexplained
        table = _table(("kind",), [((kind.value,), amounts) for kind, amounts in result.by_kind.items()])
        by_project = _table(("kind", "project"), [((row.kind.value, row.project or "-"), row) for row in result.rows])
        held = outside_table(result.waiting)
        waiting = sum(each.documents for each in result.waiting)
        unaccounted = markdown_table(("document",), [(name,) for name in result.unaccounted[:_SHOWN]])
        differing = markdown_table(("document", "difference"), result.differing[:_SHOWN])
        return dg.MaterializeResult(
            metadata={
                ROW_COUNT: result.documents,
                CLOSE_REPORT: close_report_link(pipeline.settings, wiring.name, day),
                "difference": money(difference),
                **journal_range(rests_on),
                **_areas(result),
                "tie_out": table,
                "by_project": by_project,
                "held_by_reason": held,
                "ignored_by_reason": outside_table(result.ignored),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=TOTALS_CHECK,
                    passed=result.balanced,
                    severity=dg.AssetCheckSeverity.ERROR,
                    description=f"difference {shown(difference)}, {len(result.differing):,} documents differ",
                    metadata={"difference": money(difference), "documents": differing, "by_project": by_project},
                ),
                dg.AssetCheckResult(
                    check_name=ACCOUNTED_CHECK,
                    passed=not result.unaccounted,
                    severity=dg.AssetCheckSeverity.ERROR,
                    description=f"{len(result.unaccounted):,} without an outcome",
                    metadata={"unaccounted": len(result.unaccounted), "documents": unaccounted},
                ),
                dg.AssetCheckResult(
                    check_name=HELD_CHECK,
                    passed=not result.waiting,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=f"{waiting:,} of {result.documents:,} held or under way",
                    metadata={
                        "held": waiting,
                        "held_by_reason": held,
                        "documents": holds_listed_by(wiring.name, day),
                    },
                ),
            ],
        )

    return asset


def _areas(result: TieOut) -> Mapping[str, dg.MetadataValue]:
    return {
        f"{area.value.lower()}_{name}": money(amount)
        for area, amounts in result.by_area.items()
        for name, amount in (
            ("servicetitan_total", amounts.servicetitan_total),
            ("posted", amounts.posted),
            ("held", amounts.held),
            ("ignored", amounts.ignored),
        )
    }


def _table(headings: Sequence[str], rows: Iterable[tuple[Sequence[str], Amounts]]) -> dg.MetadataValue:
    return markdown_table(
        (*headings, "documents", "ServiceTitan", "posted", "held", "ignored", "difference"),
        [
            (
                *key,
                amounts.documents,
                amounts.servicetitan_total,
                amounts.posted,
                amounts.held,
                amounts.ignored,
                amounts.difference,
            )
            for key, amounts in rows
        ],
    )
