"""``opening_invoices``: where invoices from before the connection's start stand in Vantagepoint. Not partitioned by day."""

from collections.abc import Sequence

import dagster as dg

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.orchestration.failures import explained
from st_deltek_pipeline.orchestration.freshness import poll_freshness
from st_deltek_pipeline.orchestration.groups import Group
from st_deltek_pipeline.orchestration.presenting import ROW_COUNT, markdown_table, table_metadata
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.services.opening_invoices import read_opening_invoices

OPENING_ASSET = "opening_invoices"
OPENING_KINDS = frozenset({Kind.INVOICE, Kind.CREDIT_MEMO, Kind.PAYMENT})
"""The kinds of document whose alignment reads it."""

_SHOWN = 50


def opening_invoices(wiring: Wiring, upstream: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Build the asset of one connection's opening invoices.

    Args:
        wiring: The connection.
        upstream: Keys of the raw and reference assets it reads.
    """
    schedules = wiring.connection.schedules
    # Both polls bring it up to date.
    freshness = poll_freshness(schedules.feeds_cron(wiring.name)) or poll_freshness(
        schedules.reference_cron(wiring.name)
    )

    @dg.asset(
        key=wiring.key(OPENING_ASSET),
        deps=list(upstream),
        description=(
            "What Vantagepoint's ledger shows of invoices dated before the connection's start_date that payments and credit "
            "memos are applied to: billed by others, and received by others. Asked for in bulk, and only while something "
            "waits for them (setting posting.opening_invoices)."
        ),
        kinds={"postgres", "table"},
        code_version="1",
        metadata=table_metadata("reference.opening_rows"),
        pool=wiring.vantagepoint_pool,
        op_tags=wiring.tags,
        freshness_policy=freshness,
        group_name=wiring.group(Group.VANTAGEPOINT),
        owners=wiring.owners,
        tags=wiring.tags,
    )
    def asset(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
        with explained(context.retry_number):
            read = read_opening_invoices(
                pipeline.engine, pipeline.vantagepoint(wiring), wiring.connection, run_id=context.run.run_id
            )
        for problem in read.problems:
            context.log.warning(problem)
        return dg.MaterializeResult(
            metadata={
                ROW_COUNT: read.asked,
                "found": read.found,
                "not_in_vantagepoint": read.asked - read.found,
                "new_or_changed": read.changed,
                "problems": markdown_table(("problem",), [(problem,) for problem in read.problems[:_SHOWN]]),
            }
        )

    return asset
