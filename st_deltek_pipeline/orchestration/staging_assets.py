"""``staged_invoices`` and ``aligned_invoices``: typed rows of a business day, then coded for Vantagepoint."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.holds import advice_for
from st_deltek_pipeline.orchestration.failures import explained
from st_deltek_pipeline.orchestration.presenting import ROW_COUNT, markdown_table, money, table_metadata
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.wiring import Wiring, partition_day
from st_deltek_pipeline.services.alignment import align_day
from st_deltek_pipeline.services.staging import stage_day
from st_deltek_pipeline.store.staged_set_aside import SetAside, set_aside_of_day, set_aside_undated

STAGED_ASSET = "staged_invoices"
ALIGNED_ASSET = "aligned_invoices"
ALL_MAPPED_CHECK = "all_documents_mapped"

_SHOWN_SET_ASIDE = 50


def staged_invoices(wiring: Wiring, upstream: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Build the staging asset of one connection.

    Args:
        wiring: The connection.
        upstream: Keys of the raw assets it reads.
    """

    @dg.asset(
        key=wiring.key(STAGED_ASSET),
        deps=list(upstream),
        partitions_def=wiring.partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        description=(
            "The business day's invoices, typed, with revision numbers. A weekend's and a holiday's invoices belong "
            "to the next business day. What does not fit is set aside with the reason and stops nothing."
        ),
        kinds={"postgres", "table"},
        code_version="1",
        metadata=table_metadata("staged.invoices"),
        group_name=wiring.name,
        owners=wiring.owners,
        tags=wiring.tags,
    )
    def asset(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Any]:
        with explained(context.retry_number):
            pipeline.refresh_statistics()
            result = stage_day(
                pipeline.engine,
                wiring.connection,
                wiring.calendar,
                Kind.INVOICE,
                partition_day(context.partition_key),
                run_id=context.run.run_id,
            )
            set_aside = set_aside_of_day(pipeline.engine, wiring.name, Kind.INVOICE, result.business_day)
            undated = set_aside_undated(pipeline.engine, wiring.name, Kind.INVOICE)
        dates = wiring.calendar.document_dates(result.business_day)
        return dg.MaterializeResult(
            metadata={
                ROW_COUNT: result.documents,
                "new_or_changed": result.changed,
                "total": money(result.total),
                "document_dates": ", ".join(f"{day:%a} {day}" for day in dates),
                "set_aside": result.set_aside,
                "set_aside_because": _reasons(set_aside),
                "undated_in_all": len(undated),
                "undated_because": _reasons(undated),
            }
        )

    return asset


def aligned_invoices(wiring: Wiring, upstream: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Build the alignment asset of one connection, with its check that every document found its place.

    Args:
        wiring: The connection.
        upstream: Keys of the Vantagepoint reference assets it reads.
    """
    key = wiring.key(ALIGNED_ASSET)

    @dg.asset(
        key=key,
        deps=[wiring.key(STAGED_ASSET), *upstream],
        partitions_def=wiring.partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        description=(
            "Each invoice's firm, project, organization, account, section and tax code in Vantagepoint, by the "
            "connection's ordered rules; or the hold that says what is missing."
        ),
        kinds={"postgres", "table"},
        # Another rule is another outcome, although no code changed.
        code_version=f"1-{wiring.coding_version}",
        metadata=table_metadata("mapping.alignments"),
        check_specs=[
            dg.AssetCheckSpec(
                ALL_MAPPED_CHECK,
                asset=key,
                description="Every document found its firm, project and account. A hold is a warning: it is explained.",
                partitions_def=wiring.partitions,
            )
        ],
        group_name=wiring.name,
        owners=wiring.owners,
        tags=wiring.tags,
    )
    def asset(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
        with explained(context.retry_number):
            pipeline.refresh_statistics()
            result = align_day(
                pipeline.engine,
                wiring.connection,
                Kind.INVOICE,
                partition_day(context.partition_key),
                run_id=context.run.run_id,
            )
        holds = markdown_table(
            ("reason", "documents", "amount", "what to do"),
            [
                (reason, documents, result.held_totals[reason], advice_for(reason))
                for reason, documents in sorted(result.held.items())
            ],
        )
        return dg.MaterializeResult(
            metadata={
                ROW_COUNT: result.documents,
                "aligned": result.aligned,
                "held": sum(result.held.values()),
                "held_total": money(result.held_total),
                "total": money(result.total),
                "holds": holds,
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=ALL_MAPPED_CHECK,
                    passed=not result.held,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"held": sum(result.held.values()), "holds": holds},
                )
            ],
        )

    return asset


def _reasons(records: Sequence[SetAside]) -> dg.MetadataValue:
    return markdown_table(
        ("invoice", "reason"), [(record.record_id, record.reason) for record in records[:_SHOWN_SET_ASIDE]]
    )
