"""Everything Dagster shows of one connection, put together: assets, jobs, sensors and schedules."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from st_deltek_pipeline.orchestration.alert_sensors import alert_sensor
from st_deltek_pipeline.orchestration.close_assets import daily_close
from st_deltek_pipeline.orchestration.external_assets import external_assets
from st_deltek_pipeline.orchestration.firm_assets import firm_mappings
from st_deltek_pipeline.orchestration.in_process import GiveJob
from st_deltek_pipeline.orchestration.intake_assets import raw_asset, reference_assets
from st_deltek_pipeline.orchestration.jobs import AssetJob, close_day_job, post_days_job, take_in_job, tie_out_job
from st_deltek_pipeline.orchestration.live_sensors import live_sensors
from st_deltek_pipeline.orchestration.location import location
from st_deltek_pipeline.orchestration.opening_assets import OPENING_KINDS, opening_invoices
from st_deltek_pipeline.orchestration.posting_assets import posted_documents
from st_deltek_pipeline.orchestration.resources import RESOURCE_KEY, Pipeline
from st_deltek_pipeline.orchestration.schedules import schedules
from st_deltek_pipeline.orchestration.staging_assets import aligned_documents, staged_documents
from st_deltek_pipeline.orchestration.sync_job import sync_job
from st_deltek_pipeline.orchestration.tie_out_assets import daily_tie_out
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.orchestration.write_back_assets import servicetitan_exports
from st_deltek_pipeline.services.feeds import feeds_of


@dataclass(frozen=True)
class ConnectionAssets:
    """The assets and jobs of one connection, and what launches them."""

    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec]
    jobs: Sequence[AssetJob]
    sensors: Sequence[dg.SensorDefinition]
    schedules: Sequence[dg.ScheduleDefinition]


def connection_assets(wiring: Wiring, *, connections: int = 1) -> ConnectionAssets:
    """Build everything of one connection.

    Args:
        wiring: The connection.
        connections: How many connections the installation has (``live_sensors``).

    Raises:
        ConfigurationError: A schedule is of a feed that the connection does not read.
    """
    feeds = feeds_of(wiring.connection)
    raw = [raw_asset(wiring, feed) for feed in feeds]
    reference = reference_assets(wiring)
    master_data = sorted(reference.keys)
    # Reads customers and vendors, the documents that name them, and Vantagepoint's firms.
    firms = firm_mappings(wiring, [*(asset.key for asset in raw), wiring.key("reference_firms")])
    # Reads what payments and credit memos are applied to, and asks the ledger for what others posted before the start.
    opening = opening_invoices(wiring, [*(asset.key for asset in raw), wiring.key("reference_auto_posting")])
    by_day: list[dg.AssetsDefinition] = []
    for kind in wiring.kinds:
        by_day += [
            staged_documents(wiring, kind, feeds),
            aligned_documents(
                wiring, kind, [*master_data, firms.key, *([opening.key] if kind in OPENING_KINDS else [])]
            ),
            posted_documents(wiring, kind),
        ]
    by_day += [servicetitan_exports(wiring)] if wiring.writes_back else []
    tied_out = daily_tie_out(wiring)
    closed = daily_close(wiring)
    by_day += [tied_out, closed]
    assets = [*external_assets(wiring), *raw, reference, firms, opening, *by_day]
    jobs = [
        take_in_job(wiring, [*(asset.key for asset in raw), *master_data, firms.key, opening.key]),
        post_days_job(wiring, [asset.key for asset in by_day]),
        tie_out_job(wiring, tied_out.key),
        close_day_job(wiring, [tied_out.key, closed.key]),
    ]

    def jobs_with(pipeline: Pipeline) -> GiveJob:
        return location(assets=assets, jobs=jobs, resources={RESOURCE_KEY: pipeline}).resolve_job_def

    return ConnectionAssets(
        assets=assets,
        jobs=[*jobs, sync_job(wiring, jobs_with)],
        sensors=[*live_sensors(wiring, connections=connections), alert_sensor(wiring, connections=connections)],
        schedules=schedules(wiring, feeds, master_data),
    )
