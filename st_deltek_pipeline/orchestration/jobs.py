"""The jobs of a connection. Posting is launched by these or by a backfill, never by eager automation."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from st_deltek_pipeline.orchestration.run_tags import PRIORITY_TAG, live_tags
from st_deltek_pipeline.orchestration.wiring import Wiring

AssetJob = Any
"""What ``define_asset_job`` returns; Dagster does not export the class."""


def take_in_job(wiring: Wiring, assets: Sequence[dg.AssetKey]) -> AssetJob:
    """Build the job that reads both systems.

    Args:
        wiring: The connection.
        assets: Raw and reference assets, the firm mappings, and the opening invoices.
    """
    return dg.define_asset_job(
        name=take_in_job_name(wiring.name),
        selection=dg.AssetSelection.assets(*assets),
        description="Take in what is new in ServiceTitan, and Vantagepoint's master data; match customers and vendors.",
        # A poll goes before the days of a backfill that wait in the queue for the same pools.
        tags={**wiring.tags, PRIORITY_TAG: "1"},
    )


def post_days_job(wiring: Wiring, assets: Sequence[dg.AssetKey]) -> AssetJob:
    """Build the job that brings one business day from raw records to the ledger and ties it out.

    Args:
        wiring: The connection.
        assets: The partitioned assets, from staging to the tie-out.
    """
    return dg.define_asset_job(
        name=post_days_job_name(wiring.name),
        selection=dg.AssetSelection.assets(*assets),
        description=(
            "Stage, align, post and tie out one business day, all kinds of document. Running a day again posts only "
            "what is new."
        ),
        tags=live_tags(wiring.name),
    )


def tie_out_job(wiring: Wiring, tie_out: dg.AssetKey) -> AssetJob:
    """Build the job that compares one business day again, and does nothing else.

    Args:
        wiring: The connection.
        tie_out: The tie-out.
    """
    return dg.define_asset_job(
        name=f"{wiring.name}_tie_out",
        selection=dg.AssetSelection.assets(tie_out),
        description="Compare one business day of both systems again. Nothing is read from them, and nothing is posted.",
        tags=wiring.tags,
    )


def close_day_job(wiring: Wiring, assets: Sequence[dg.AssetKey]) -> AssetJob:
    """Build the job that compares one business day again and closes it, and posts nothing.

    Args:
        wiring: The connection.
        assets: The tie-out and the close.
    """
    return dg.define_asset_job(
        name=f"{wiring.name}_close_day",
        selection=dg.AssetSelection.assets(*assets),
        description=(
            "Compare one business day of both systems again, read Vantagepoint's ledger, and close the day. Nothing is "
            "posted."
        ),
        tags=wiring.tags,
    )


def take_in_job_name(connection: str) -> str:
    """Name the job of ``take_in_job``."""
    return f"{connection}_take_in"


def post_days_job_name(connection: str) -> str:
    """Name the job of ``post_days_job``."""
    return f"{connection}_post_days"
