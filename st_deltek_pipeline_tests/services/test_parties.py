"""Customers and vendors as typed rows: read once, odd payloads survived, and only what documents name is needed."""

import json
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from st_deltek_pipeline.domain.addresses import Address
from st_deltek_pipeline.domain.firm_links import PartyKey, PartyKind
from st_deltek_pipeline.domain.firm_matching import Decision, PersonsDecision
from st_deltek_pipeline.services.parties import note_needed_parties, party_of, stage_parties
from st_deltek_pipeline.store import raw
from st_deltek_pipeline.store.firm_decisions import add_decisions, latest_decisions
from st_deltek_pipeline.store.known_firms import FirmReader
from st_deltek_pipeline.store.parties import load_parties

START = date(2026, 10, 1)


def keep(engine: Engine, kind: str, *rows: dict[str, Any], day: date | None = None) -> None:
    """Keep records as intake does, each in a version of its own."""
    with engine.begin() as db:
        versions: list[raw.Version] = []
        for row in rows:
            payload = json.dumps(row)
            digest = f"{hash(payload) & (2**64 - 1):064x}"
            versions.append(raw.Version(row["id"], payload.encode(), digest, None, True, day, None))  # noqa: FBT003
        raw.store_versions(db, "acme", kind, versions, run_id="test")


def staged(engine: Engine) -> dict[str, str]:
    with engine.begin() as db:
        stage_parties(db, "acme")
        return {str(party.key): party.name for party in load_parties(db, "acme")}


def needed(engine: Engine, start: date = START) -> set[str]:
    with engine.begin() as db:
        note_needed_parties(db, "acme", start)
        rows = db.execute(text("SELECT party_kind, party_id FROM mapping.firm_needs"))
        return {f"{row.party_kind}:{row.party_id}" for row in rows}


def test_customers_and_vendors_are_read_with_address_and_contact() -> None:
    address = {"street": " 1 Main St ", "unit": None, "city": "Denver", "state": "CO", "zip": 80202, "country": "USA"}
    customer = party_of(
        PartyKind.CUSTOMER, json.dumps({"id": "7", "name": "Acme", "address": address, "mergedToId": 8})
    )
    assert customer is not None
    assert (customer.key, customer.merged_into) == (PartyKey(PartyKind.CUSTOMER, 7), 8)
    assert customer.address == Address("1 Main St", "", "Denver", "CO", "80202", "USA")
    vendor = party_of(
        PartyKind.VENDOR, '{"id": 9, "name": "Supply", "active": false, "contactInfo": {"phone": 7205550100}}'
    )
    assert vendor is not None
    assert (vendor.active, vendor.phone, vendor.address) == (False, "7205550100", Address())


@pytest.mark.parametrize("payload", ['{"id": 7, "name": {"first": "A"}}', '{"id": 7, "address": "1 Main St"}', "[]"])
def test_a_record_that_does_not_fit_is_nobody(payload: str) -> None:
    assert party_of(PartyKind.CUSTOMER, payload) is None


def test_a_record_that_does_not_fit_any_more_leaves_what_was_known(engine: Engine) -> None:
    keep(engine, "customer", {"id": 7, "name": "Acme"}, {"id": 8, "name": "Zenith"})
    keep(engine, "vendor", {"id": 7, "name": "Supply"})
    assert staged(engine) == {"customer:7": "Acme", "customer:8": "Zenith", "vendor:7": "Supply"}
    keep(engine, "customer", {"id": 7, "name": {}}, {"id": 8, "name": "Zenith Foods"})
    assert staged(engine) == {"customer:7": "Acme", "customer:8": "Zenith Foods", "vendor:7": "Supply"}


def test_what_documents_name_in_any_shape_is_needed_and_nothing_else(engine: Engine) -> None:
    shapes: list[dict[str, Any]] = [
        {"id": 1, "customer": {"id": 7}},
        {"id": 2, "customer": {"id": "8"}, "vendor": None},
        {"id": 3, "customerId": 9, "vendor": "somebody"},
        {"id": 4, "vendor": {"id": 5}, "customer": {"id": "no number"}},
        {"id": 5, "vendorId": "6", "customer": []},
    ]
    keep(engine, "invoice", *shapes, day=START)
    keep(engine, "job", {"id": 1, "customerId": 99})
    keep(engine, "payment", {"id": 1, "customer": {"id": 70}}, day=date(2026, 9, 30))
    assert needed(engine) == {"customer:7", "customer:8", "customer:9", "vendor:5", "vendor:6"}
    keep(engine, "payment", {"id": 2, "customer": {"id": 71}}, day=START)
    assert needed(engine) - {"customer:71"} == {"customer:7", "customer:8", "customer:9", "vendor:5", "vendor:6"}
    assert "customer:70" in needed(engine, date(2026, 9, 1))


def test_what_people_decided_is_never_changed_and_the_latest_counts(engine: Engine) -> None:
    key = PartyKey(PartyKind.CUSTOMER, 7)
    for decision in (PersonsDecision(Decision.LINK, "F1", "jane"), PersonsDecision(Decision.NEW, "", "joe")):
        with engine.begin() as db:
            add_decisions(db, "acme", {key: decision})
    with engine.connect() as db:
        assert latest_decisions(db, "acme", [key]) == {key: PersonsDecision(Decision.NEW, "", "joe")}
        assert latest_decisions(db, "other") == {}
    for statement in ("UPDATE mapping.firm_decisions SET decided_by = 'x'", "DELETE FROM mapping.firm_decisions",
                      "TRUNCATE mapping.firm_decisions"):  # fmt: skip
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as db:
            db.execute(text(statement))


def test_fields_that_the_role_hides_count_as_harmless_and_own_columns_are_read() -> None:
    bare = FirmReader("CustID", "CustVendor").read("F1", '{"ClientID": "F1", "Name": " Acme ", "CustID": 41}')
    assert (bare.active, bare.is_client, bare.is_vendor, bare.address) == (True, True, False, Address())
    assert (bare.name, bare.customer_ref, bare.vendor_ref) == ("Acme", "41", "")
    full = FirmReader(None, None).read(
        "F2", '{"Name": "B", "Status": "D", "ClientInd": "N", "VendorInd": true, "PrimaryAddress1": "1 Main",'
        ' "PrimaryAddress2": "Apt", "PrimaryAddress3": " 4", "PrimaryZip": 80202}'
    )  # fmt: skip
    assert (full.active, full.is_client, full.is_vendor) == (False, False, True)
    assert full.address == Address("1 Main", "Apt 4", zip="80202")
