"""Everything Dagster shows of one connection, put together."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from st_deltek_pipeline.orchestration.external_assets import external_assets
from st_deltek_pipeline.orchestration.firm_assets import firm_mappings
from st_deltek_pipeline.orchestration.intake_assets import raw_assets, reference_assets
from st_deltek_pipeline.orchestration.jobs import AssetJob, post_days_job, take_in_job
from st_deltek_pipeline.orchestration.posting_assets import posted_invoices
from st_deltek_pipeline.orchestration.staging_assets import aligned_invoices, staged_invoices
from st_deltek_pipeline.orchestration.tie_out_assets import invoice_tie_out
from st_deltek_pipeline.orchestration.wiring import Wiring


@dataclass(frozen=True)
class ConnectionAssets:
    """The assets and jobs of one connection."""

    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec]
    jobs: Sequence[AssetJob]


def connection_assets(wiring: Wiring) -> ConnectionAssets:
    """Build the assets and jobs of one connection.

    Args:
        wiring: The connection.
    """
    raw = raw_assets(wiring)
    reference = reference_assets(wiring)
    # Reads customers and vendors, the documents that name them, and Vantagepoint's firms.
    firms = firm_mappings(wiring, [*(asset.key for asset in raw), wiring.key("reference_firms")])
    staged = staged_invoices(wiring, [asset.key for asset in raw])
    aligned = aligned_invoices(wiring, sorted(reference.keys))
    by_day = [staged, aligned, posted_invoices(wiring), invoice_tie_out(wiring)]
    return ConnectionAssets(
        assets=[*external_assets(wiring), *raw, reference, firms, *by_day],
        jobs=[
            take_in_job(wiring, [*(asset.key for asset in raw), *sorted(reference.keys), firms.key]),
            post_days_job(wiring, [asset.key for asset in by_day]),
        ],
    )
