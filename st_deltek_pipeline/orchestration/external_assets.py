"""What stands at both ends and is not ours: ServiceTitan's records upstream, Vantagepoint's data and ledgers."""

from collections.abc import Mapping, Sequence

import dagster as dg

from st_deltek_pipeline.domain.reconciliation import AREAS, Area
from st_deltek_pipeline.orchestration.document_kinds import LEDGERS, posted_asset
from st_deltek_pipeline.orchestration.groups import Group
from st_deltek_pipeline.orchestration.wiring import Wiring

SERVICETITAN_ASSET = "servicetitan"
MASTER_DATA_ASSET = "vantagepoint_master_data"

_LEDGER_DESCRIPTIONS: Mapping[Area, str] = {
    Area.AR: "Vantagepoint's AR ledger: invoices and credit memos",
    Area.CASH: "Vantagepoint's cash receipts",
    Area.AP: "Vantagepoint's AP vouchers, or journal entries by the connection's setting",
}


def external_assets(wiring: Wiring) -> Sequence[dg.AssetSpec]:
    """Describe the two systems of a connection.

    Args:
        wiring: The connection.

    Returns:
        ServiceTitan's tenant, Vantagepoint's master data, and the ledgers that posting writes to.
    """
    servicetitan = wiring.connection.servicetitan
    vantagepoint = wiring.connection.vantagepoint
    vantagepoint_url = dg.MetadataValue.url(vantagepoint.base_url)
    return [
        dg.AssetSpec(
            wiring.key(SERVICETITAN_ASSET),
            description=f"ServiceTitan tenant {servicetitan.tenant_id}: what the field has done. Read only.",
            kinds={"servicetitan"},
            metadata={"address": dg.MetadataValue.url(servicetitan.api_url), "tenant_id": servicetitan.tenant_id},
            group_name=wiring.group(Group.SERVICETITAN),
            owners=wiring.owners,
            tags=wiring.tags,
        ),
        dg.AssetSpec(
            wiring.key(MASTER_DATA_ASSET),
            description="Vantagepoint's firms, projects, organizations, accounts, periods and tax codes. Read only.",
            kinds={"vantagepoint"},
            metadata={"address": vantagepoint_url, "database": vantagepoint.database},
            group_name=wiring.group(Group.VANTAGEPOINT),
            owners=wiring.owners,
            tags=wiring.tags,
        ),
        *(_ledger(wiring, area) for area in AREAS if set(AREAS[area]) & set(wiring.kinds)),
    ]


def _ledger(wiring: Wiring, area: Area) -> dg.AssetSpec:
    vantagepoint = wiring.connection.vantagepoint
    return dg.AssetSpec(
        wiring.key(LEDGERS[area]),
        deps=[wiring.key(posted_asset(kind)) for kind in AREAS[area] if kind in wiring.kinds],
        description=f"{_LEDGER_DESCRIPTIONS[area]}, as read back after posting: what the books say.",
        kinds={"vantagepoint"},
        metadata={"address": dg.MetadataValue.url(vantagepoint.base_url), "database": vantagepoint.database},
        partitions_def=wiring.partitions,
        group_name=wiring.group(Group.RECONCILED),
        owners=wiring.owners,
        tags=wiring.tags,
    )
