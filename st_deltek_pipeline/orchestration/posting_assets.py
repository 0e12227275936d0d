"""``posted_*``: the posting protocol as a graph-backed asset of named ops over transaction files, one per kind.

``plan`` freezes the day's transaction files in the journal, ``check`` looks for what Vantagepoint already has,
``enter`` sends, ``post`` posts, ``confirm`` reads the ledger back. Only batch names and counts pass between ops
(``step_values``); customer data stays in Postgres. Running it again is the replay: what stands in
Vantagepoint is found by the journal and never sent twice.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any

import dagster as dg

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.journal import STANDING_STATES, FileState
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.domain.reconciliation import area_of
from st_deltek_pipeline.orchestration.document_kinds import LEDGERS, WORDS, aligned_asset, posted_asset
from st_deltek_pipeline.orchestration.failures import explained
from st_deltek_pipeline.orchestration.groups import Group
from st_deltek_pipeline.orchestration.presenting import (
    CLOSE_REPORT,
    ROW_COUNT,
    close_report_link,
    journal_range,
    markdown_table,
    money,
    outside_table,
    table_metadata,
)
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.wiring import Wiring, partition_day
from st_deltek_pipeline.services.posting.check import check_file
from st_deltek_pipeline.services.posting.confirm import FileOutcome, confirm_file
from st_deltek_pipeline.services.posting.enter import enter_file
from st_deltek_pipeline.services.posting.planner import plan_day
from st_deltek_pipeline.services.posting.post import post_file
from st_deltek_pipeline.services.reconciliation import tie_out
from st_deltek_pipeline.store.journal_ranges import written
from st_deltek_pipeline.store.journal_rows import StoredFile

PLAN_OP = "plan"

Summary = dict[str, str]


class PlanConfig(dg.Config):
    """Options of the ``plan`` step.

    Attributes:
        pinned_plan_hash: Send only if the plan still has this hash (``st-deltek preview`` prints it).
    """

    pinned_plan_hash: str | None = None


def posted_documents(wiring: Wiring, kind: Kind) -> dg.AssetsDefinition:
    """Build the posting asset of one kind of document.

    Args:
        wiring: The connection.
        kind: The kind of document.

    Returns:
        A graph-backed asset with one partition per business day.
    """
    plan, check, enter, post, confirm = _ops(wiring, kind)
    words = WORDS[kind]

    # The name keeps graphs of several connections apart; people see the asset's key.
    @dg.graph_asset(
        name=posted_asset(kind),
        key_prefix=[wiring.name],
        ins={"aligned": dg.AssetIn(key=wiring.key(aligned_asset(kind)), dagster_type=dg.Nothing)},  # pyright: ignore[reportArgumentType]
        partitions_def=wiring.partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        description=(
            f"The business day's {words.called} as {words.posted} in Vantagepoint, every revision exactly once. "
            "Materializing a day again posts only what is new in it."
        ),
        kinds={"postgres", "vantagepoint"},
        code_version="1",
        metadata=table_metadata("journal.postings"),
        group_name=wiring.group(Group.POSTED),
        owners=wiring.owners,
        tags=wiring.tags,
    )
    def asset(aligned: Any) -> Any:  # noqa: ANN401 - composition: these are nodes of a graph, not values
        batches, summary = plan.alias(PLAN_OP)(aligned)
        entered = batches.map(check.alias("check")).map(enter.alias("enter"))
        posted = entered.map(post.alias("post"))
        return confirm.alias("confirm")(posted.collect(), summary)

    return asset


def _ops(wiring: Wiring, kind: Kind) -> tuple[dg.OpDefinition, ...]:
    named = f"{wiring.name}_{kind.value}"
    pool = wiring.vantagepoint_pool
    tags = wiring.tags

    # Op definitions share one name space over all connections and kinds; aliases give them their short names back.
    @dg.op(
        name=f"{named}_plan",
        ins={"aligned": dg.In(dg.Nothing)},
        out={"batches": dg.DynamicOut(str), "summary": dg.Out(dict)},
        description="Freeze the day's transaction files in the journal.",
        pool=pool,
        tags=tags,
    )
    def plan(
        context: dg.OpExecutionContext, config: PlanConfig, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.DynamicOutput[str] | dg.Output[Summary]]:
        with explained(context.retry_number):
            pipeline.refresh_statistics()
            posting = pipeline.posting_context(wiring, context.run_id)
            journal_before = posting.journal.last_sequence()
            result = plan_day(
                posting,
                kind,
                partition_day(context.partition_key),
                pinned_hash=config.pinned_plan_hash,
            )
        context.log.info(
            "%d documents: %d to post in %d transaction files, %d posted already, %d held, %d ignored.",
            result.documents,
            result.planned,
            len(result.batches),
            result.unchanged,
            result.held,
            result.ignored,
        )
        for batch in result.batches:
            yield dg.DynamicOutput(batch, mapping_key=batch, output_name="batches")
        yield dg.Output(
            {
                "documents": str(result.documents),
                "planned": str(result.planned),
                "unchanged": str(result.unchanged),
                "held": str(result.held),
                "ignored": str(result.ignored),
                "plan_hash": result.plan_hash,
                "planned_total": str(result.total),
                "journal_before": str(journal_before),
            },
            output_name="summary",
        )

    @dg.op(
        name=f"{named}_check",
        description="Look for the file and its documents in Vantagepoint before anything is sent.",
        pool=pool,
        tags=tags,
    )
    def check(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline], batch: str) -> list[str]:
        with explained(context.retry_number):
            return list(check_file(pipeline.posting_context(wiring, context.run_id), batch))

    @dg.op(
        name=f"{named}_enter",
        description="Send the file; a refused one is split until the document at fault stands alone.",
        pool=pool,
        tags=tags,
    )
    def enter(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline], batches: list[str]) -> list[str]:
        with explained(context.retry_number):
            posting = pipeline.posting_context(wiring, context.run_id)
            return list(chain.from_iterable(enter_file(posting, batch) for batch in batches))

    @dg.op(
        name=f"{named}_post",
        description="Have Vantagepoint post the entered files.",
        pool=pool,
        tags=tags,
    )
    def post(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline], batches: list[str]) -> list[str]:
        with explained(context.retry_number):
            posting = pipeline.posting_context(wiring, context.run_id)
            return list(chain.from_iterable(post_file(posting, batch) for batch in batches))

    @dg.op(
        name=f"{named}_confirm",
        description="Read the ledger back and compare it with what was sent.",
        pool=pool,
        tags=tags,
    )
    def confirm(
        context: dg.OpExecutionContext,
        pipeline: dg.ResourceParam[Pipeline],
        batches: list[list[str]],
        summary: dict[str, str],
    ) -> dg.Output[None]:
        with explained(context.retry_number):
            pipeline.refresh_statistics()
            posting = pipeline.posting_context(wiring, context.run_id)
            outcomes = [confirm_file(posting, batch) for batch in chain.from_iterable(batches)]
            day = partition_day(context.partition_key)
            files = posting.journal.files_of_day(kind, day)
            result = tie_out(pipeline.engine, wiring.connection, day, day, kinds=(kind,))
            recorded = written(
                pipeline.engine,
                wiring.name,
                run_id=context.run_id,
                after=int(summary["journal_before"]),
                kind=kind,
            )
        for outcome in outcomes:
            if outcome.message:
                context.log.warning("File %s is %s: %s", outcome.batch, outcome.state, outcome.message)
        metadata = {
            **_figures(summary, outcomes),
            **journal_range(recorded),
            "posted_total": money(total(file.amount for file in files if file.state in STANDING_STATES)),
            "held_by_reason": outside_table(result.waiting),
            "ignored_by_reason": outside_table(result.ignored),
            "transaction_files": _files(wiring, files),
            CLOSE_REPORT: close_report_link(pipeline.settings, wiring.name, day),
        }
        context.log_event(
            dg.AssetObservation(
                asset_key=wiring.key(LEDGERS[area_of(kind)]),
                partition=context.partition_key,
                metadata={
                    name: metadata[name]
                    for name in (
                        "posted_now",
                        "posted_now_total",
                        "posted_total",
                        "transaction_files",
                        "journal_first",
                        "journal_last",
                    )
                },
            )
        )
        return dg.Output(None, metadata=metadata)

    return plan, check, enter, post, confirm


def _figures(summary: Summary, outcomes: Sequence[FileOutcome]) -> dict[str, Any]:
    posted = [outcome for outcome in outcomes if outcome.state is FileState.POSTED]
    return {
        ROW_COUNT: int(summary["documents"]),
        "posted_now": sum(outcome.documents for outcome in posted),
        "posted_now_total": money(total(outcome.amount for outcome in posted)),
        "planned_total": money(Decimal(summary["planned_total"])),
        "posted_before": int(summary["unchanged"]),
        "held": int(summary["held"]),
        "ignored": int(summary["ignored"]),
        "plan_hash": summary["plan_hash"],
    }


def _files(wiring: Wiring, files: Sequence[StoredFile]) -> dg.MetadataValue:
    """Show every transaction file of the day, earlier runs' too: a replayed day keeps its links."""
    address = wiring.connection.vantagepoint.base_url
    return markdown_table(
        ("transaction file", "state", "period", "documents", "amount", "post sequence"),
        [
            (
                f"[{file.batch}]({address}/DataEntry/inControl/{file.batch})",
                file.state,
                file.period,
                file.documents,
                file.amount,
                file.post_sequence if file.post_sequence is not None else "",
            )
            for file in files
        ],
    )
