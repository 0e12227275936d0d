"""A connection whose customers and vendors become firms: what tests of it share."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from st_deltek_pipeline.domain.firm_links import LinkState, PartyKey, PartyKind
from st_deltek_pipeline.services.firm_alignment import FirmAlignment, align_firms
from st_deltek_pipeline.store.firm_mappings import FirmMapping, stored_mappings
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench

Row = dict[str, Any]

ADDRESS = {"street": "4711 Larkspur Way", "unit": "", "city": "Denver", "state": "CO", "zip": "80299", "country": "USA"}
ELSEWHERE = {**ADDRESS, "street": "12 Tamarack Court", "zip": "80298"}


def align(acme: Bench, *, days_later: int = 0) -> FirmAlignment:
    moment = datetime.now(UTC).timestamp() + days_later * 86_400
    return align_firms(
        acme.engine, acme.vantagepoint, acme.settings, run_id="firms", now=lambda: datetime.fromtimestamp(moment, UTC)
    )


def add_customer(acme: Bench, name: str, address: Mapping[str, str] = ADDRESS, *, needed: bool = True) -> PartyKey:
    """Sign a customer up in ServiceTitan, with an invoice that names it unless nobody needs it."""
    row = acme.sandbox.admin("POST", "servicetitan/rows/crm/customers", {"name": name, "address": dict(address)})
    if needed:
        invoice = acme.sandbox.add_invoice(date=QUIET_DAY.isoformat(), total="10.00")
        acme.sandbox.edit_invoice(invoice["id"], customer={"id": row["id"], "name": name})
    return PartyKey(PartyKind.CUSTOMER, row["id"])


def add_vendor(acme: Bench, name: str, address: Mapping[str, str] = ADDRESS) -> PartyKey:
    """Sign a vendor up in ServiceTitan; somebody has bought from it."""
    fields = {"name": name, "address": dict(address), "active": True}
    row = acme.sandbox.admin("POST", "servicetitan/rows/inventory/vendors", fields)
    key = PartyKey(PartyKind.VENDOR, row["id"])
    need(acme, key)
    return key


def need(acme: Bench, key: PartyKey) -> None:
    """Let a document name a party."""
    with acme.engine.begin() as db:
        db.execute(
            text("INSERT INTO mapping.firm_needs VALUES (:connection, :kind, :id)"),
            {"connection": acme.settings.name, "kind": key.kind.value, "id": key.party_id},
        )


def edit_customer(acme: Bench, key: PartyKey, **fields: Any) -> None:
    acme.sandbox.admin("PATCH", f"servicetitan/rows/crm/customers/{key.party_id}", fields)


def mapping(acme: Bench, key: PartyKey) -> FirmMapping:
    with acme.engine.connect() as db:
        return stored_mappings(db, acme.settings.name)[key]


def state(acme: Bench, key: PartyKey) -> LinkState:
    return mapping(acme, key).state


def firms_named(acme: Bench, name: str) -> list[Row]:
    """All firms of a name in Vantagepoint itself."""
    return acme.vantagepoint.firms("Name", [name])


def writes(acme: Bench) -> Counter[str]:
    """What was sent to Vantagepoint so far, signing in and settings apart."""
    entries = acme.sandbox.hooks.log.entries()
    return Counter(
        f"{entry.method} {entry.path.rpartition('/api/')[2].split('/')[0]}"
        for entry in entries
        if entry.system == "vantagepoint" and entry.method != "GET" and not entry.path.endswith("/token")
    )


def calls(acme: Bench) -> int:
    return sum(entry.system == "vantagepoint" for entry in acme.sandbox.hooks.log.entries())


def allow(acme: Bench, **more: Any) -> None:
    """Let the connection create firms."""
    fields = {"customer": {}, "vendor": {"Category": "MAT"}}
    acme.changed(firms={"create": "yes", "required_fields": fields, "country_codes": {"USA": "US"}, **more})
