"""The tax zones that sales tax is split by, where a connection asks for that."""

from collections.abc import Mapping

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.sales_tax import TaxZone
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.tax_zones import read_tax_zone
from st_deltek_pipeline.store.raw import latest_payloads_of_kind


def tax_zones_to_split_by(engine: Engine, settings: ConnectionSettings) -> Mapping[int, TaxZone]:
    """Read ServiceTitan's tax zones as last taken in.

    Args:
        engine: The database.
        settings: The connection.

    Returns:
        Zones that are active and whose rates are all known, by id; none with ``tax_lines: by_zone``.
    """
    if settings.posting.tax_lines == "by_zone":
        return {}
    payloads = latest_payloads_of_kind(engine, settings.name, RecordKind.TAX_ZONE.value)
    zones = (read_tax_zone(payload) for payload in payloads.values())
    return {zone.zone_id: zone for zone in zones if zone is not None}
