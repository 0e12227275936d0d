"""``raw_*`` and ``reference_*``: what both systems say, taken in unchanged. None of these is partitioned by day."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.orchestration.external_assets import MASTER_DATA_ASSET, SERVICETITAN_ASSET
from st_deltek_pipeline.orchestration.failures import explained
from st_deltek_pipeline.orchestration.freshness import poll_freshness
from st_deltek_pipeline.orchestration.groups import Group
from st_deltek_pipeline.orchestration.presenting import ROW_COUNT, markdown_table, table_metadata
from st_deltek_pipeline.orchestration.resources import Pipeline
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.services.coding_check import rule_problems
from st_deltek_pipeline.services.feeds import Feed, Reading
from st_deltek_pipeline.services.intake import take_in_feed
from st_deltek_pipeline.services.reference_data import REFERENCE_KINDS, poll_reference
from st_deltek_pipeline.store import raw

RULES_CHECK = "coding_rules_fit"
# Rules name projects more often than anything else; a check belongs to one asset.
_RULES_CHECKED_ON = "projects"

_HOW_READ = {
    Reading.EXPORT: "An export feed; its cursor moves only with the rows.",
    Reading.MODIFIED: "A list, asked for what was modified since the last time, looking back a little.",
    Reading.LIST: "Read whole each time, because ServiceTitan has no feed of it.",
}


class IntakeConfig(dg.Config):
    """Options of taking in a feed.

    Attributes:
        full: Read the feed from its beginning again; what is known already is not stored twice.
        since: Read again what was modified since this day, as YYYY-MM-DD in UTC.
    """

    full: bool = False
    since: str | None = None


class ReferenceConfig(dg.Config):
    """Options of polling Vantagepoint's master data.

    Attributes:
        accept_empty: Believe an empty list where there were rows; a person has checked that it is true.
    """

    accept_empty: bool = False


def reference_assets(wiring: Wiring) -> dg.AssetsDefinition:
    """Build the assets of Vantagepoint's master data: one step that polls every kind.

    Args:
        wiring: The connection.
    """
    freshness = poll_freshness(wiring.connection.schedules.reference_cron(wiring.name))
    specs = [
        dg.AssetSpec(
            wiring.key(f"reference_{kind}"),
            deps=[wiring.key(MASTER_DATA_ASSET)],
            description=f"Vantagepoint's {kind.replace('_', ' ')} as last read; what vanished is marked, not deleted.",
            kinds={"postgres", "table"},
            code_version="1",
            metadata=table_metadata("reference.snapshots"),
            freshness_policy=freshness,
            group_name=wiring.group(Group.VANTAGEPOINT),
            owners=wiring.owners,
            tags=wiring.tags,
        )
        for kind in REFERENCE_KINDS
    ]

    checked = wiring.key(f"reference_{_RULES_CHECKED_ON}")

    @dg.multi_asset(
        name=f"{wiring.name}__reference",
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(
                RULES_CHECK,
                asset=checked,
                description=(
                    "Every project, organization, account, section and tax code that the coding rules name exists in "
                    "Vantagepoint and is open. Documents of a rule that does not fit are held, hence a warning: correct "
                    "the rule in the connection's file, or create what it names in Vantagepoint."
                ),
            )
        ],
        pool=wiring.vantagepoint_pool,
        op_tags=wiring.tags,
    )
    def assets(
        context: dg.AssetExecutionContext, config: ReferenceConfig, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        with explained(context.retry_number):
            counts = poll_reference(
                pipeline.engine,
                pipeline.vantagepoint(wiring),
                wiring.name,
                run_id=context.run.run_id,
                company=wiring.connection.vantagepoint.company,
                accept_empty=config.accept_empty,
            )
            misfits = rule_problems(pipeline.engine, wiring.connection)
        for kind in REFERENCE_KINDS:
            yield dg.MaterializeResult(
                asset_key=wiring.key(f"reference_{kind}"),
                metadata={
                    ROW_COUNT: counts[kind].rows,
                    "new": counts[kind].new,
                    "changed": counts[kind].changed,
                    "gone": counts[kind].gone,
                },
            )
        yield dg.AssetCheckResult(
            asset_key=checked,
            check_name=RULES_CHECK,
            passed=not misfits,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{len(misfits):,} that do not fit, of {len(wiring.connection.rules):,}",
            metadata={
                "rules": len(wiring.connection.rules),
                "problems": markdown_table(
                    ("rule", "problem", "what to do"),
                    [(found.subject, found.message, found.advice) for found in misfits],
                ),
            },
        )

    return assets


def raw_asset(wiring: Wiring, feed: Feed) -> dg.AssetsDefinition:
    """Build the asset of one ServiceTitan feed or list.

    Args:
        wiring: The connection.
        feed: The feed.
    """

    @dg.asset(
        key=wiring.key(f"raw_{feed.name}"),
        deps=[wiring.key(SERVICETITAN_ASSET), *([wiring.key(f"raw_{feed.after}")] if feed.after else [])],
        description=(
            f"Every version of every record of ServiceTitan's {feed.resource}, byte for byte. {_HOW_READ[feed.reading]}"
        ),
        kinds={"postgres", "table"},
        code_version="1",
        metadata=table_metadata("raw.records"),
        pool=wiring.servicetitan_pool,
        op_tags=wiring.tags,
        freshness_policy=poll_freshness(wiring.connection.schedules.feed_cron(wiring.name, feed.name)),
        group_name=wiring.group(Group.SERVICETITAN),
        owners=wiring.owners,
        tags=wiring.tags,
    )
    def asset(
        context: dg.AssetExecutionContext, config: IntakeConfig, pipeline: dg.ResourceParam[Pipeline]
    ) -> dg.MaterializeResult[Any]:
        with explained(context.retry_number):
            result = take_in_feed(
                pipeline.engine,
                pipeline.servicetitan(wiring),
                wiring.name,
                feed,
                run_id=context.run.run_id,
                full=config.full,
                since=_day(config.since),
                now=wiring.now,
            )
            records = raw.count_records(pipeline.engine, wiring.name, feed.kind)
        return dg.MaterializeResult(
            metadata={
                ROW_COUNT: records,
                "new_versions": result.new_versions,
                "unchanged": result.unchanged,
                "unreadable": result.unreadable,
                "pages": result.pages,
                "touched_days": len(result.touched_dates),
                "rescanned": result.rescanned,
            }
        )

    return asset


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is no day."
        raise ConfigurationError(message, advice="Write since as YYYY-MM-DD.") from None
