import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from st_deltek_pipeline.domain.money import round_to_cents
from st_deltek_pipeline.sandbox.contractor.generate import generate
from st_deltek_pipeline.sandbox.contractor.month_plan import Trouble
from st_deltek_pipeline.sandbox.contractor.working_days import days_of, first_day, is_business_day, public_holidays
from st_deltek_pipeline.sandbox.contractor.world import Row, World

FINGERPRINT = """
import hashlib, json
from st_deltek_pipeline.sandbox.contractor.generate import generate
world = generate(3, "2026-11", invoices=60)
rows = [{str(key): row for key, row in table.items()} for side in (world.servicetitan, world.vantagepoint)
        for table in vars(side).values() if isinstance(table, dict)]
text = json.dumps([rows, world.connection, world.awkward], default=str)
print(hashlib.sha256(text.encode()).hexdigest())
"""


def _fingerprint(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    answer = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", FINGERPRINT], env=environment, capture_output=True, check=True, text=True
    )
    return answer.stdout


def _dump(world: World) -> str:
    return json.dumps(
        [world.servicetitan.invoices, world.servicetitan.customers, world.vantagepoint.firms], default=str
    )


def _postable(world: World) -> list[Row]:
    return [
        row
        for row in world.servicetitan.invoices.values()
        if row["active"] and row["syncStatus"] in ("Posted", "Exported") and row["total"] != "0.00"
    ]


def test_the_same_seed_gives_the_same_world_in_every_process() -> None:
    assert _fingerprint("1") == _fingerprint("2")


def test_another_seed_or_month_gives_another_world() -> None:
    world = _dump(generate(1, "2026-10", invoices=60))
    assert _dump(generate(2, "2026-10", invoices=60)) != world
    assert _dump(generate(1, "2026-11", invoices=60)) != world


def test_a_month_has_exactly_the_invoices_asked_for(month_world: World, clean_world: World) -> None:
    assert len(month_world.servicetitan.invoices) == 1800
    assert len(clean_world.servicetitan.invoices) == 1800


@pytest.mark.parametrize("month", ["2026-02", "2026-12", "2027-01"])
@pytest.mark.parametrize("invoices", [1, 12, 150])
def test_any_month_and_any_small_volume_can_be_made(month: str, invoices: int) -> None:
    world = generate(5, month, invoices=invoices, scenario="clean")
    assert len(world.servicetitan.invoices) == invoices
    troubled = generate(5, month, invoices=invoices)
    assert len(troubled.servicetitan.invoices) >= max(invoices, 2 * len(Trouble))
    assert {kind: ids for kind, ids in troubled.awkward.items() if len(ids) < 2} == {}
    assert {kind: ids for kind, ids in world.awkward.items() if ids} == {}


@pytest.mark.parametrize(("month", "invoices"), [("2026-13", 10), ("October", 10), ("2026-10", 0)])
def test_what_cannot_be_made_is_refused(month: str, invoices: int) -> None:
    with pytest.raises(ValueError, match=r"month"):
        generate(1, month, invoices=invoices)


def test_work_follows_business_days_saturdays_and_holidays(clean_world: World) -> None:
    first = first_day("2026-10")
    closed = public_holidays(first)
    created = Counter(date.fromisoformat(row["createdOn"][:10]) for row in clean_world.servicetitan.invoices.values())
    business = [created[day] for day in days_of(first) if is_business_day(day, closed)]
    saturdays = [created[day] for day in days_of(first) if day.isoweekday() == 6]
    sundays = [created[day] for day in days_of(first) if day.isoweekday() == 7]
    assert date(2026, 10, 5) in closed
    assert min(business) > max(saturdays) > min(saturdays) > max(sundays)
    assert min(sundays) >= 1
    assert 1 <= created[date(2026, 10, 5)] < min(saturdays)


def test_every_clean_invoice_adds_up_and_is_taxed_to_the_cent(clean_world: World) -> None:
    zones = clean_world.servicetitan.tax_zones
    taxed = 0
    for row in clean_world.servicetitan.invoices.values():
        items = row["items"] or []
        for item in items:
            assert Decimal(item["total"]) == round_to_cents(Decimal(item["quantity"]) * Decimal(item["price"]))
        base = sum((Decimal(item["total"]) for item in items if item["taxable"]), start=Decimal(0))
        rate = sum((rate["taxRate"] for rate in zones[row["taxZoneId"]]["rates"]), start=Decimal(0))
        assert Decimal(row["subTotal"]) == sum((Decimal(item["total"]) for item in items), start=Decimal(0))
        assert Decimal(row["salesTax"]) == round_to_cents(base * rate)
        assert Decimal(row["total"]) == Decimal(row["subTotal"]) + Decimal(row["salesTax"])
        assert row["salesTaxCode"]["taxRate"] == rate
        taxed += row["salesTax"] != "0.00"
    assert taxed > 600


def test_tax_zones_have_several_rates_one_of_many_authorities_and_one_exempt(clean_world: World) -> None:
    zones = clean_world.servicetitan.tax_zones.values()
    rates = [sum((rate["taxRate"] for rate in zone["rates"]), start=Decimal(0)) for zone in zones]
    assert len(set(rates)) >= 6
    assert Decimal(0) in rates
    assert [zone["name"] for zone in zones if zone["isMultipleTaxZone"]] == ["Denver"]
    used = {row["taxZoneId"] for row in clean_world.servicetitan.invoices.values()}
    assert used == set(clean_world.servicetitan.tax_zones)


def test_lines_look_like_a_pricebook(clean_world: World) -> None:
    lines = [row["items"] for row in clean_world.servicetitan.invoices.values() if row["items"]]
    counts = [len(items) for items in lines]
    items = [item for row in lines for item in row]
    assert (min(counts), max(counts)) == (1, 8)
    assert 2.5 < sum(counts) / len(counts) < 3.3
    assert {item["type"] for item in items} == {"Service", "Material", "Equipment", "PriceModifier", "Unspecified"}
    assert all(
        Decimal(item["total"]) < 0 for item in items if item["type"] == "PriceModifier" and item["quantity"] == "1"
    )
    assert any("." in item["quantity"] for item in items)
    assert any(item["generalLedgerAccount"] is None for item in items)


def test_documents_of_every_kind_and_state_happen(clean_world: World) -> None:
    rows = list(clean_world.servicetitan.invoices.values())
    assert {row["syncStatus"] for row in rows} == {"Pending", "Posted", "Exported"}
    assert {row["invoiceConfiguration"] for row in rows} == {
        "JobInvoice",
        "ProjectInvoice",
        "MembershipInvoice",
        "CounterSales",
    }
    assert len({row["reviewStatus"] for row in rows}) >= 5
    assert any(not row["active"] for row in rows)
    assert any(row["total"] == "0.00" and row["job"] for row in rows)
    assert any(row["projectId"] and row["job"] is None for row in rows)
    assert any(row["projectId"] and row["job"] for row in rows)
    assert any(row["invoiceDate"][:10] < row["createdOn"][:10] for row in rows)
    assert all(row["invoiceDate"].endswith("T00:00:00Z") for row in rows)


def test_adjustments_follow_the_invoice_they_adjust(clean_world: World) -> None:
    invoices = clean_world.servicetitan.invoices
    adjustments = [row for row in invoices.values() if row["adjustmentToId"]]
    assert any(row["total"].startswith("-") for row in adjustments)
    assert any(not row["total"].startswith("-") for row in adjustments)
    for row in adjustments:
        original = invoices[row["adjustmentToId"]]
        number, _, suffix = row["referenceNumber"].partition("-")
        assert number == original["referenceNumber"]
        assert suffix.isdecimal()
        assert original["id"] < row["id"]
        assert original["active"]
        assert original["syncStatus"] == "Posted"
        assert (row["customer"], row["businessUnit"]) == (original["customer"], original["businessUnit"])


def test_invoice_numbers_are_unique_and_shorter_than_vantagepoint_pads(clean_world: World) -> None:
    numbers = [row["referenceNumber"] for row in clean_world.servicetitan.invoices.values()]
    assert len(set(numbers)) == len(numbers)
    assert {len(number) for number in numbers} == {6, 10}


def test_ids_and_items_are_unique_and_rows_come_in_the_order_of_creation(month_world: World) -> None:
    invoices = month_world.servicetitan.invoices
    assert list(invoices) == sorted(invoices)
    assert all(key == row["id"] for key, row in invoices.items())
    created = [row["createdOn"] for row in invoices.values()]
    assert [moment[:19] for moment in created] == sorted(moment[:19] for moment in created)
    items = [item["id"] for row in invoices.values() for item in row["items"] or []]
    assert len(set(items)) == len(items)


def test_modification_times_tie_within_and_below_the_millisecond(month_world: World) -> None:
    moments = Counter(row["modifiedOn"] for row in month_world.servicetitan.invoices.values())
    assert max(moments.values()) > 1
    milliseconds = Counter(moment[:23] for moment in moments)
    assert max(milliseconds.values()) > 1


def test_everything_a_row_names_exists(month_world: World) -> None:
    tenant = month_world.servicetitan
    for row in tenant.invoices.values():
        assert row["customer"]["id"] in tenant.customers
        assert row["customer"]["name"] == tenant.customers[row["customer"]["id"]]["name"]
        assert row["location"]["id"] in tenant.locations
        assert row["taxZoneId"] in tenant.tax_zones
        assert row["job"] is None or row["job"]["id"] in tenant.jobs
        assert row["projectId"] is None or row["projectId"] in tenant.projects
        assert row["businessUnit"] is None or row["businessUnit"]["id"] in tenant.business_units
    for job in tenant.jobs.values():
        assert tenant.invoices[job["invoiceId"]]["job"]["id"] == job["id"]
        assert job["customerId"] in tenant.customers
        assert job["locationId"] in tenant.locations
        assert job["jobTypeId"] in tenant.job_types
        assert job["projectId"] is None or job["id"] in tenant.projects[job["projectId"]]["jobIds"]
    assert all(location["customerId"] in tenant.customers for location in tenant.locations.values())
    names = {account["id"] for account in tenant.gl_accounts.values()}
    used = {
        item["generalLedgerAccount"]["id"]
        for row in tenant.invoices.values()
        for item in row["items"] or []
        if item["generalLedgerAccount"]
    }
    assert used <= names


def test_merged_customers_point_to_a_living_one_and_are_still_named_by_invoices(clean_world: World) -> None:
    customers = clean_world.servicetitan.customers
    merged = {key for key, row in customers.items() if row["mergedToId"] is not None}
    assert merged
    assert all(customers[customers[key]["mergedToId"]]["active"] for key in merged)
    assert merged & {row["customer"]["id"] for row in clean_world.servicetitan.invoices.values()}


def test_awkward_names_reach_invoices(clean_world: World) -> None:
    names = {row["customer"]["name"] for row in _postable(clean_world)}
    assert any(name.startswith(("=", "+", "-", "@")) for name in names)
    assert any(name != name.rstrip() for name in names)
    assert any("  " in name.strip() for name in names)
    assert any("\N{COMBINING ACUTE ACCENT}" in name for name in names)
    assert any("\N{ARABIC LETTER MEEM}" in name for name in names)
    assert any("\N{FIRE}" in name for name in names)
    assert any(len(name) > 90 for name in names)


def test_periods_before_the_month_are_closed_and_the_rest_is_open(clean_world: World) -> None:
    periods = clean_world.vantagepoint.periods
    assert list(periods) == [*range(202510, 202513), *range(202601, 202613), 202701]
    assert {key for key, row in periods.items() if row["ActiveCompanyClosed"] == "N"} == {
        202610,
        202611,
        202612,
        202701,
    }
    assert periods[202610]["AccountPdStart"] == "2026-10-01T00:00:00.000"
    assert periods[202610]["AccountPdEnd"] == "2026-10-31T00:00:00.000"


def test_a_clean_world_has_nothing_that_cannot_be_posted(clean_world: World) -> None:
    assert all(ids == [] for ids in clean_world.awkward.values())
    for row in clean_world.servicetitan.invoices.values():
        assert row["businessUnit"] is not None
        assert row["total"] is not None
        assert "2026-10-01" <= row["invoiceDate"][:10] <= "2026-10-31"
    assert len(clean_world.servicetitan.business_units) == 8
    projects = clean_world.vantagepoint.projects.values()
    assert all(row["Status"] == "A" for row in projects)


@pytest.mark.parametrize("trouble", list(Trouble))
def test_each_trouble_happens_twice_and_once_in_the_first_five_business_days(
    trouble: Trouble, month_world: World
) -> None:
    ids = month_world.awkward[trouble.value]
    rows = [month_world.servicetitan.invoices[number] for number in ids]
    assert len(rows) >= 2
    assert min(row["createdOn"][:10] for row in rows) <= "2026-10-08"
    assert all(row["active"] and row["syncStatus"] == "Posted" and row["total"] != "0.00" for row in rows)


def test_every_trouble_is_what_its_name_says(month_world: World) -> None:
    tenant, office = month_world.servicetitan, month_world.vantagepoint
    rows = {trouble: [tenant.invoices[number] for number in month_world.awkward[trouble.value]] for trouble in Trouble}
    names = Counter(
        " ".join(firm["Name"].split()).casefold() for firm in office.firms.values() if firm["Status"] == "A"
    )

    def firms_of(row: Row) -> int:
        return names[" ".join(row["customer"]["name"].split()).casefold()]

    assert all(row["businessUnit"] is None for row in rows[Trouble.NULL_BUSINESS_UNIT])
    mapped = {name for rule in month_world.connection["coding"] for name in [rule["when"].get("business_unit")]
              if isinstance(name, str)}  # fmt: skip
    assert all(row["businessUnit"]["name"] not in mapped for row in rows[Trouble.UNMAPPED_BUSINESS_UNIT])
    for row in rows[Trouble.AMOUNTS_DO_NOT_ADD_UP]:
        assert sum(Decimal(item["total"]) for item in row["items"]) != Decimal(row["subTotal"])
    for row in rows[Trouble.INACTIVE_PROJECT]:
        number = tenant.projects[row["projectId"]]["number"]
        assert office.projects[f"26-{number}", "", ""]["Status"] == "I"
    for row in rows[Trouble.CLOSED_PERIOD]:
        assert row["invoiceDate"] < "2026-10-01" <= row["createdOn"]
        assert office.periods[202609]["ActiveCompanyClosed"] == "Y"
    assert all(firms_of(row) == 0 for row in rows[Trouble.CUSTOMER_WITHOUT_FIRM])
    assert all(firms_of(row) == 2 for row in rows[Trouble.CUSTOMER_WITH_TWO_FIRMS])
    assert all(row["total"] is None for row in rows[Trouble.NULL_TOTAL])
    assert all(len(row["total"].partition(".")[2]) == 3 for row in rows[Trouble.THREE_DECIMALS])
    for row in (*rows[Trouble.CUSTOMER_RENAMED], *rows[Trouble.CUSTOMER_LOOKS_ALIKE]):
        street = tenant.customers[row["customer"]["id"]]["address"]["street"]
        neighbours = [firm["Name"] for firm in office.firms.values() if firm["PrimaryAddress1"] == street]
        assert neighbours
        assert firms_of(row) == 0
    for row in rows[Trouble.CUSTOMER_LOOKS_ALIKE]:
        assert any(
            len(firm["Name"]) == len(row["customer"]["name"])
            and sum(one != other for one, other in zip(firm["Name"], row["customer"]["name"], strict=True)) == 1
            and not firm["Name"].isascii()
            for firm in office.firms.values()
        )


def test_only_the_awkward_invoices_of_a_month_are_in_trouble(month_world: World) -> None:
    troubled = {number for ids in month_world.awkward.values() for number in ids}
    assert len(troubled) == sum(len(ids) for ids in month_world.awkward.values())
    for number, row in month_world.servicetitan.invoices.items():
        healthy = (
            row["businessUnit"] is not None
            and row["total"] is not None
            and row["invoiceDate"] >= "2026-10-01"
            and row["businessUnit"]["id"] != 1901
        )
        assert healthy or number in troubled
