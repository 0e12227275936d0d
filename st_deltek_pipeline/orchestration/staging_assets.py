"""``staged_*`` and ``aligned_*``: typed rows of a business day, then coded for Vantagepoint; one pair per kind."""

from collections.abc import Iterable, Sequence

import dagster as dg

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.holds import advice_for
from st_deltek_pipeline.domain.money import shown
from st_deltek_pipeline.orchestration.document_kinds import WORDS, aligned_asset, posted_asset, staged_asset
from st_deltek_pipeline.orchestration.failures import explained
from st_deltek_pipeline.orchestration.groups import Group
from st_deltek_pipeline.orchestration.presenting import (
    ROW_COUNT,
    holds_listed_by,
    markdown_table,
    money,
    table_metadata,
)
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.wiring import Wiring, partition_day
from st_deltek_pipeline.services.alignment import align_day
from st_deltek_pipeline.services.feeds import Feed
from st_deltek_pipeline.services.staging import stage_day
from st_deltek_pipeline.store.staged_set_aside import SetAside, set_aside_of_day, set_aside_undated
from st_deltek_pipeline.store.staged_tables import TABLES

ALL_FIT_CHECK = "every_record_fits"
ALL_MAPPED_CHECK = "all_documents_mapped"

_SHOWN_SET_ASIDE = 50


def feeds_behind(kind: Kind, feeds: Iterable[Feed]) -> Sequence[Feed]:
    """Return the feeds whose records make the staged rows of a kind: its own, and those whose words it copies.

    Args:
        kind: The kind of document.
        feeds: What the connection reads.
    """
    table = TABLES[kind]
    named = {kind.value, *table.named_by}.union(*(part.named_by for part in table.parts))
    if "job" in named:
        # A job's type is known by its own list.
        named.add("job_type")
    return [feed for feed in feeds if feed.kind.value in named]


def staged_documents(wiring: Wiring, kind: Kind, feeds: Iterable[Feed]) -> dg.AssetsDefinition:
    """Build the staging asset of one kind of document.

    Args:
        wiring: The connection.
        kind: The kind of document.
        feeds: What the connection reads.
    """
    key = wiring.key(staged_asset(kind))
    words = WORDS[kind]

    @dg.asset(
        key=key,
        deps=[wiring.key(f"raw_{feed.name}") for feed in feeds_behind(kind, feeds)],
        partitions_def=wiring.partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        description=(
            f"The business day's {words.called}, typed, with revision numbers. What is dated on a weekend or holiday "
            "belongs to the next business day. What does not fit is set aside with the reason and stops nothing."
        ),
        kinds={"postgres", "table"},
        code_version="1",
        metadata=table_metadata(TABLES[kind].table),
        check_specs=[
            dg.AssetCheckSpec(
                ALL_FIT_CHECK,
                asset=key,
                description=(
                    "No record of the day was set aside. A record that does not fit is a warning: the table says what is "
                    "wrong with it; correct it in ServiceTitan, and it is read again."
                ),
                partitions_def=wiring.partitions,
            )
        ],
        group_name=wiring.group(Group.STAGED),
        owners=wiring.owners,
        tags=wiring.tags,
    )
    def asset(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
        with explained(context.retry_number):
            pipeline.refresh_statistics()
            result = stage_day(
                pipeline.engine,
                wiring.connection,
                wiring.calendar,
                kind,
                partition_day(context.partition_key),
                run_id=context.run.run_id,
            )
            set_aside = set_aside_of_day(pipeline.engine, wiring.name, kind, result.business_day)
            undated = set_aside_undated(pipeline.engine, wiring.name, kind)
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
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=ALL_FIT_CHECK,
                    passed=not set_aside,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=f"{len(set_aside):,} set aside",
                    metadata={"set_aside": len(set_aside), "set_aside_because": _reasons(set_aside)},
                )
            ],
        )

    return asset


def aligned_documents(wiring: Wiring, kind: Kind, master_data: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Build the alignment asset of one kind of document, with its check that every document found its place.

    Args:
        wiring: The connection.
        kind: The kind of document.
        master_data: Keys of the Vantagepoint reference assets, and of what else documents are matched with.
    """
    key = wiring.key(aligned_asset(kind))
    words = WORDS[kind]
    posted_before = [wiring.key(posted_asset(each)) for each in words.waits_for if each in wiring.kinds]

    @dg.asset(
        key=key,
        deps=[wiring.key(staged_asset(kind)), *master_data, *posted_before],
        partitions_def=wiring.partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        description=f"{words.aligned}, by the connection's ordered rules; or the hold that says what is missing.",
        kinds={"postgres", "table"},
        # Another rule is another outcome, although no code changed.
        code_version=f"1-{wiring.coding_version}",
        metadata=table_metadata("mapping.alignments"),
        check_specs=[
            dg.AssetCheckSpec(
                ALL_MAPPED_CHECK,
                asset=key,
                description=(
                    "Every document found its place in Vantagepoint. A hold is a warning: the table says what would "
                    "release it, st-deltek holds list names the documents, and the day goes on without them."
                ),
                partitions_def=wiring.partitions,
            )
        ],
        group_name=wiring.group(Group.POSTED),
        owners=wiring.owners,
        tags=wiring.tags,
    )
    def asset(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
        day = partition_day(context.partition_key)
        with explained(context.retry_number):
            pipeline.refresh_statistics()
            result = align_day(
                pipeline.engine,
                wiring.connection,
                kind,
                day,
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
                    description=f"{sum(result.held.values()):,} of {result.documents:,} held: {shown(result.held_total)}",
                    metadata={
                        "held": sum(result.held.values()),
                        "held_total": money(result.held_total),
                        "holds": holds,
                        "documents": holds_listed_by(wiring.name, day, kind),
                    },
                )
            ],
        )

    return asset


def _reasons(records: Sequence[SetAside]) -> dg.MetadataValue:
    return markdown_table(
        ("document", "reason"), [(record.record_id, record.reason) for record in records[:_SHOWN_SET_ASIDE]]
    )
