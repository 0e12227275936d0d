"""What stands at both ends and is not ours: ServiceTitan's records upstream, Vantagepoint's data and ledger."""

from collections.abc import Sequence

import dagster as dg

from st_deltek_pipeline.orchestration.wiring import Wiring

SERVICETITAN_ASSET = "servicetitan"
MASTER_DATA_ASSET = "vantagepoint_master_data"
LEDGER_ASSET = "vantagepoint_ar_ledger"


def external_assets(wiring: Wiring) -> Sequence[dg.AssetSpec]:
    """Describe the two systems of a connection.

    Args:
        wiring: The connection.

    Returns:
        ServiceTitan's tenant, Vantagepoint's master data, and the ledger that posting writes to.
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
            group_name=wiring.name,
            owners=wiring.owners,
            tags=wiring.tags,
        ),
        dg.AssetSpec(
            wiring.key(MASTER_DATA_ASSET),
            description="Vantagepoint's firms, projects, organizations, accounts, periods and tax codes. Read only.",
            kinds={"vantagepoint"},
            metadata={"address": vantagepoint_url, "database": vantagepoint.database},
            group_name=wiring.name,
            owners=wiring.owners,
            tags=wiring.tags,
        ),
        dg.AssetSpec(
            wiring.key(LEDGER_ASSET),
            deps=[wiring.key("posted_invoices")],
            description="Vantagepoint's AR ledger, as read back after posting: what the books say.",
            kinds={"vantagepoint"},
            metadata={"address": vantagepoint_url, "database": vantagepoint.database},
            partitions_def=wiring.partitions,
            group_name=wiring.name,
            owners=wiring.owners,
            tags=wiring.tags,
        ),
    ]
