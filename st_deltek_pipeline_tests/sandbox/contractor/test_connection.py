from collections import Counter
from collections.abc import Iterator
from datetime import date

import pytest

from st_deltek_pipeline.domain.coding import Coding, LineFacts, LineKind, Rule, code_line
from st_deltek_pipeline.sandbox.contractor.world import Row, World
from st_deltek_pipeline_tests.sandbox.contractor.coded_rows import invoice_parts, settings_of


def _codings(world: World, rules: tuple[Rule, ...]) -> Iterator[tuple[Row, LineFacts, Coding]]:
    # Many lines are alike; each different one is coded once.
    known: dict[LineFacts, Coding] = {}
    for row in world.servicetitan.invoices.values():
        for facts, _ in invoice_parts(world, row):
            if facts not in known:
                known[facts] = code_line(rules, facts).coding
            yield row, facts, known[facts]


def test_the_connection_is_a_valid_connection_file(month_world: World) -> None:
    settings = settings_of(month_world)
    assert settings.environment == "sandbox"
    assert settings.start_date == date(2026, 10, 1)
    assert (settings.calendar.time_zone, settings.calendar.country, settings.calendar.state) == (
        "America/Denver",
        "US",
        "CO",
    )
    names = [rule.name for rule in settings.rules]
    assert len(set(names)) == len(names)


def test_rules_decide_everything_a_clean_line_needs_and_it_exists_and_is_open(clean_world: World) -> None:
    office = clean_world.vantagepoint
    lines = Counter(facts.line for _, facts, _ in _codings(clean_world, settings_of(clean_world).rules))
    assert lines[LineKind.ITEM] > 4000
    for row, facts, coding in _codings(clean_world, settings_of(clean_world).rules):
        key = (coding.wbs1 or "?", coding.wbs2 or "", coding.wbs3 or "")
        project = office.projects[key]
        assert project["Status"] == "A", row["id"]
        assert project["SubLevel"] == "N"
        assert project["Org"] == coding.organization
        assert office.organizations[coding.organization or "?"]["Status"] == "A"
        client = office.firms[office.projects[key[0], "", ""]["BillingClientID"]]
        assert (client["Status"], client["ClientInd"]) == ("A", "Y")
        account = office.accounts[coding.account or "?"]
        assert account["Status"] == "A"
        if facts.line is LineKind.TAX:
            assert coding.section == "T"
            assert account["Type"] == 2
            assert coding.tax_code in office.tax_codes
        else:
            assert coding.section in set("FLEUA")
            assert account["Type"] == 4


def test_every_line_of_a_document_lands_on_one_project_level(clean_world: World) -> None:
    levels: dict[int, set[tuple[str | None, ...]]] = {}
    for row, _, coding in _codings(clean_world, settings_of(clean_world).rules):
        levels.setdefault(row["id"], set()).add((coding.wbs1, coding.wbs2, coding.wbs3, coding.organization))
    assert all(len(found) == 1 for found in levels.values())
    assert any(wbs2 for found in levels.values() for _, wbs2, _, _ in found)


def test_no_rule_gives_a_project_to_an_unmapped_or_missing_business_unit(month_world: World) -> None:
    rules = settings_of(month_world).rules
    awkward = {*month_world.awkward["null_business_unit"], *month_world.awkward["unmapped_business_unit"]}
    open_lines = {row["id"] for row, _, coding in _codings(month_world, rules) if coding.wbs1 is None}
    assert open_lines == awkward


def test_a_tax_zone_is_recognised_by_name_and_by_id(clean_world: World) -> None:
    rules = settings_of(clean_world).rules
    for zone in clean_world.servicetitan.tax_zones.values():
        by_name = code_line(rules, LineFacts(LineKind.TAX, tax_zone=zone["name"])).coding
        by_id = code_line(rules, LineFacts(LineKind.TAX, tax_zone=str(zone["id"]))).coding
        assert by_name == by_id
        assert by_name.account in clean_world.vantagepoint.accounts


@pytest.mark.parametrize("field", ["account", "organization", "tax_code", "wbs1", "bank"])
def test_everything_a_rule_gives_exists(field: str, month_world: World) -> None:
    office = month_world.vantagepoint
    given = {rule.give[field] for rule in settings_of(month_world).rules if field in rule.give}
    existing = {
        "account": set(office.accounts),
        "organization": set(office.organizations),
        "tax_code": set(office.tax_codes),
        "wbs1": {wbs1 for wbs1, _, _ in office.projects},
        "bank": set(office.banks),
    }[field]
    assert given
    assert given <= existing


def test_every_clean_customer_on_an_invoice_has_exactly_one_active_firm(clean_world: World) -> None:
    firms = Counter(
        " ".join(firm["Name"].split()).casefold()
        for firm in clean_world.vantagepoint.firms.values()
        if firm["Status"] == "A" and firm["ClientInd"] == "Y"
    )
    for row in clean_world.servicetitan.invoices.values():
        assert firms[" ".join(row["customer"]["name"].split()).casefold()] == 1, row["customer"]
    spelled_alike = {firm["Name"] for firm in clean_world.vantagepoint.firms.values()}
    named = {row["customer"]["name"] for row in clean_world.servicetitan.invoices.values()}
    assert named - spelled_alike, "some firms must be spelled differently"


def test_vantagepoints_keys_and_names_fit_their_fields(month_world: World) -> None:
    office = month_world.vantagepoint
    assert all(len(key) == 32 and key == row["ClientID"] for key, row in office.firms.items())
    assert all(len(row["Name"]) <= 100 for row in office.firms.values())
    assert all(len(key) <= 13 and len(row["Name"]) <= 40 for key, row in office.accounts.items())
    assert all(len(key) <= 10 for key in office.tax_codes)
    assert len({row["Client"] for row in office.firms.values()}) == len(office.firms)
    for (wbs1, wbs2, wbs3), row in office.projects.items():
        assert (row["WBS1"], row["WBS2"], row["WBS3"]) == (wbs1, wbs2 or " ", wbs3 or " ")
    assert {row["ChargeType"] for row in office.projects.values()} == {"R", "H"}
    assert office.auto_posting[office.company]["AcctsReceivable"] in office.accounts
    assert set(office.companies) == {"01", "02"}
