"""``firm_mappings``: which firm of Vantagepoint each customer and vendor is. Not partitioned by day."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from st_deltek_pipeline.domain.firm_links import LinkState
from st_deltek_pipeline.orchestration.failures import explained
from st_deltek_pipeline.orchestration.freshness import poll_freshness
from st_deltek_pipeline.orchestration.groups import Group
from st_deltek_pipeline.orchestration.presenting import ROW_COUNT, markdown_table, table_metadata
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.services.firm_alignment import FirmAlignment, align_firms
from st_deltek_pipeline.store.firm_mappings import QueuedMapping, queue

MAPPINGS_ASSET = "firm_mappings"
EVERYBODY_MATCHED_CHECK = "every_party_has_its_firm"

_SHOWN = 50
_UNMATCHED = tuple(state for state in LinkState if state is not LinkState.LINKED)


def firm_mappings(wiring: Wiring, upstream: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Build the asset of one connection's firm mappings, with its check that nobody waits for a person.

    Args:
        wiring: The connection.
        upstream: Keys of the raw and reference assets it reads.
    """
    key = wiring.key(MAPPINGS_ASSET)
    schedules = wiring.connection.schedules
    # Both polls bring it up to date.
    freshness = poll_freshness(schedules.feeds_cron(wiring.name)) or poll_freshness(
        schedules.reference_cron(wiring.name)
    )

    @dg.asset(
        key=key,
        deps=list(upstream),
        description=(
            "Each customer's and vendor's firm in Vantagepoint: linked where that is certain, with candidates where a "
            "person has to say, created where it is missing and the connection allows it. st-deltek firms review."
        ),
        kinds={"postgres", "table"},
        code_version="1",
        metadata=table_metadata("mapping.firm_mappings"),
        check_specs=[
            dg.AssetCheckSpec(
                EVERYBODY_MATCHED_CHECK,
                asset=key,
                description=(
                    "Every customer and vendor that a document names has exactly one firm that can be posted to. "
                    "Documents of the others are held, hence a warning: decide who they are with st-deltek firms review."
                ),
            )
        ],
        pool=wiring.vantagepoint_pool,
        op_tags=wiring.tags,
        freshness_policy=freshness,
        group_name=wiring.group(Group.VANTAGEPOINT),
        owners=wiring.owners,
        tags=wiring.tags,
    )
    def asset(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
        with explained(context.retry_number):
            pipeline.refresh_statistics()
            done = align_firms(
                pipeline.engine, pipeline.vantagepoint(wiring), wiring.connection, run_id=context.run.run_id
            )
            waiting = queue(pipeline.engine, wiring.name, states=_UNMATCHED, needed_only=True)
        return dg.MaterializeResult(
            metadata=_metadata(done, waiting),
            check_results=[
                dg.AssetCheckResult(
                    check_name=EVERYBODY_MATCHED_CHECK,
                    passed=not waiting and not done.problems,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=f"{len(waiting):,} without a firm that can be posted to",
                    metadata={"waiting": len(waiting), "who": _who(waiting), "problems": _problems(done)},
                )
            ],
        )

    return asset


def _metadata(done: FirmAlignment, waiting: Sequence[QueuedMapping]) -> Mapping[str, Any]:
    ambiguous = [each for each in waiting if each.mapping.state is LinkState.AMBIGUOUS]
    return {
        ROW_COUNT: done.parties,
        "new_or_changed": done.matching.written,
        "created": done.creation.created,
        "found_in_between": done.creation.found,
        "marked_as_client_or_vendor": done.creation.marked,
        "refused": done.creation.refused,
        "in_doubt": done.creation.in_doubt,
        "vendors_without_accounting_data": done.accounting.without,
        "states": markdown_table(
            ("state", "parties", "of them named by documents"),
            [
                (state.value, f"{done.in_state(state):,}", f"{done.in_state(state, needed_only=True):,}")
                for state in LinkState
                if done.in_state(state)
            ],
        ),
        "ambiguous": _who(ambiguous),
        "problems": _problems(done),
    }


def _who(waiting: Sequence[QueuedMapping]) -> dg.MetadataValue:
    return markdown_table(
        ("party", "name", "state", "what is wrong", "candidates"),
        [
            (
                each.mapping.key,
                each.mapping.name,
                each.mapping.state.value,
                each.mapping.message,
                "; ".join(
                    f"{found.number or found.firm_id} {found.name} ({found.score}: {found.why})"
                    for found in each.mapping.read_candidates()
                ),
            )
            for each in waiting[:_SHOWN]
        ],
    )


def _problems(done: FirmAlignment) -> dg.MetadataValue:
    return markdown_table(("problem",), [(problem,) for problem in done.problems[:_SHOWN]])
