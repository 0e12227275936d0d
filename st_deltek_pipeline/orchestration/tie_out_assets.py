"""``invoice_tie_out``: ServiceTitan against the journal for one business day, to the cent, with its checks."""

import dagster as dg

from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.orchestration.failures import explained
from st_deltek_pipeline.orchestration.posting_assets import POSTED_ASSET
from st_deltek_pipeline.orchestration.presenting import ROW_COUNT, markdown_table, money, outside_table
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.wiring import STAGED_KINDS, Wiring, partition_day
from st_deltek_pipeline.services.reconciliation import tie_out

TIE_OUT_ASSET = "invoice_tie_out"
TOTALS_CHECK = "totals_tie"
ACCOUNTED_CHECK = "nothing_unaccounted"
HELD_CHECK = "nothing_held"

_SHOWN_UNACCOUNTED = 50


def invoice_tie_out(wiring: Wiring) -> dg.AssetsDefinition:
    """Build the tie-out asset of one connection.

    Args:
        wiring: The connection.
    """
    key = wiring.key(TIE_OUT_ASSET)

    @dg.asset(
        key=key,
        deps=[wiring.key(POSTED_ASSET)],
        partitions_def=wiring.partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        description="Per project: ServiceTitan's total = posted + held + ignored. A difference names its documents.",
        kinds={"postgres", "report"},
        code_version="1",
        check_specs=[
            dg.AssetCheckSpec(
                TOTALS_CHECK,
                asset=key,
                description="ServiceTitan's total is posted, held or ignored to the last cent.",
                partitions_def=wiring.partitions,
            ),
            dg.AssetCheckSpec(
                ACCOUNTED_CHECK,
                asset=key,
                description="Every document of the day has exactly one outcome.",
                partitions_def=wiring.partitions,
            ),
            dg.AssetCheckSpec(
                HELD_CHECK,
                asset=key,
                description="No document of the day waits. A hold is a warning: it says what would release it.",
                partitions_def=wiring.partitions,
            ),
        ],
        group_name=wiring.name,
        owners=wiring.owners,
        tags=wiring.tags,
    )
    def asset(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
        day = partition_day(context.partition_key)
        with explained(context.retry_number):
            pipeline.refresh_statistics()
            result = tie_out(pipeline.engine, wiring.connection, day, day, kinds=STAGED_KINDS)
        difference = total(row.difference for row in result.rows)
        headings = ("project", "documents", "ServiceTitan", "posted", "held", "ignored", "difference")
        table = markdown_table(
            headings,
            [
                (
                    row.project or "-",
                    row.documents,
                    row.servicetitan_total,
                    row.posted,
                    row.held,
                    row.ignored,
                    row.difference,
                )
                for row in result.rows
            ],
        )
        held = outside_table(result.waiting)
        unaccounted = markdown_table(("document",), [(name,) for name in result.unaccounted[:_SHOWN_UNACCOUNTED]])
        return dg.MaterializeResult(
            metadata={
                ROW_COUNT: sum(row.documents for row in result.rows),
                "servicetitan_total": money(total(row.servicetitan_total for row in result.rows)),
                "posted": money(total(row.posted for row in result.rows)),
                "held": money(total(row.held for row in result.rows)),
                "ignored": money(total(row.ignored for row in result.rows)),
                "difference": money(difference),
                "tie_out": table,
                "held_by_reason": held,
                "ignored_by_reason": outside_table(result.ignored),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=TOTALS_CHECK,
                    passed=result.balanced,
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata={"difference": money(difference), "tie_out": table},
                ),
                dg.AssetCheckResult(
                    check_name=ACCOUNTED_CHECK,
                    passed=not result.unaccounted,
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata={"unaccounted": len(result.unaccounted), "documents": unaccounted},
                ),
                dg.AssetCheckResult(
                    check_name=HELD_CHECK,
                    passed=not result.waiting,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"held": sum(each.documents for each in result.waiting), "held_by_reason": held},
                ),
            ],
        )

    return asset
