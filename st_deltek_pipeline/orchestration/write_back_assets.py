"""``servicetitan_exports``: ServiceTitan is told what stands in the ledger, where the connection says so."""

import dagster as dg

from st_deltek_pipeline.orchestration.document_kinds import posted_asset
from st_deltek_pipeline.orchestration.failures import explained
from st_deltek_pipeline.orchestration.groups import Group
from st_deltek_pipeline.orchestration.presenting import ROW_COUNT, journal_range, markdown_table, table_metadata
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.wiring import Wiring, partition_day
from st_deltek_pipeline.services.write_back import write_back_day
from st_deltek_pipeline.store.journal import Journal
from st_deltek_pipeline.store.journal_ranges import written

EXPORTS_ASSET = "servicetitan_exports"
ALL_TOLD_CHECK = "everything_told"


def servicetitan_exports(wiring: Wiring) -> dg.AssetsDefinition:
    """Build the asset that tells ServiceTitan about a business day's posted documents.

    Args:
        wiring: The connection; its ``posting.write_back`` is not ``off``.
    """
    key = wiring.key(EXPORTS_ASSET)

    @dg.asset(
        key=key,
        deps=[wiring.key(posted_asset(kind)) for kind in wiring.kinds],
        partitions_def=wiring.partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        description=(
            "The business day's documents that ServiceTitan takes as exported, since the ledger shows them. Telling it "
            "again is harmless, and nothing is posted for it."
        ),
        kinds={"postgres", "servicetitan"},
        code_version="1",
        metadata=table_metadata("journal.write_backs"),
        check_specs=[
            dg.AssetCheckSpec(
                ALL_TOLD_CHECK,
                asset=key,
                description=(
                    "ServiceTitan takes every posted document as exported. Otherwise a warning: they stay posted, and what "
                    "it did not answer clearly is told again by a later run."
                ),
                partitions_def=wiring.partitions,
            )
        ],
        pool=wiring.servicetitan_pool,
        op_tags=wiring.tags,
        group_name=wiring.group(Group.POSTED),
        owners=wiring.owners,
        tags=wiring.tags,
    )
    def asset(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
        run_id = context.run.run_id
        with explained(context.retry_number):
            journal_before = Journal(pipeline.engine, wiring.name, run_id=run_id).last_sequence()
            told = write_back_day(
                pipeline.engine,
                wiring.connection,
                pipeline.servicetitan(wiring),
                partition_day(context.partition_key),
                run_id=run_id,
            )
            recorded = written(pipeline.engine, wiring.name, run_id=run_id, after=journal_before)
        warnings = markdown_table(("warning",), [(warning,) for warning in told.warnings])
        return dg.MaterializeResult(
            metadata={
                ROW_COUNT: told.exported,
                "refused": len(told.refused),
                "unclear": len(told.unclear),
                "warnings": warnings,
                **journal_range(recorded),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=ALL_TOLD_CHECK,
                    passed=not told.warnings,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=f"{len(told.refused):,} refused, {len(told.unclear):,} unclear",
                    metadata={"warnings": warnings},
                )
            ],
        )

    return asset
