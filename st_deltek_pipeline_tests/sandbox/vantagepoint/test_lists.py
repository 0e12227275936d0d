"""The conventions of lists and the master data (vantagepoint.md sections 2 and 3)."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from st_deltek_pipeline_tests.sandbox.vantagepoint.conftest import OpenOffice
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import Office, where


def _firms(office: Office, **parameters: str) -> list[str]:
    return [row["ClientID"] for row in office.get("firm", **parameters)]


@pytest.mark.parametrize("path", ["firm/F1", "Firm/F1", "FIRM/F1/"])
def test_one_record_is_an_array_of_one_whatever_the_case_of_the_path(office: Office, path: str) -> None:
    assert [row["Name"] for row in office.get(path)] == ["Acme Höme"]


def test_a_single_record_can_be_a_bare_object(open_office: OpenOffice) -> None:
    office = open_office(single_answers_as_object=True)
    assert office.get("firm/F1")["Name"] == "Acme Höme"
    assert len(office.get("firm")) == 3


@pytest.mark.parametrize("path", ["firm/F9", "project/P900", "nothing", "project/P100|1|2|3", "PSALedger/ZZ"])
def test_what_does_not_exist_is_404(office: Office, path: str) -> None:
    answer = office.send("GET", path)
    assert (answer.status_code, set(answer.json())) == (404, {"message", "detail"})


def test_a_method_a_path_does_not_have_is_404(office: Office) -> None:
    assert office.send("DELETE", "firm/F1").status_code == 404


@pytest.mark.parametrize(
    ("opp", "value", "found"),
    [
        ("=", "A", ["F1", "F3"]),
        ("eq", "a", ["F1", "F3"]),
        ("", "A", ["F1", "F3"]),
        ("!=", "A", ["F2"]),
        ("ne", "A", ["F2"]),
        (">", "A", ["F2"]),
        ("gt", "A", ["F2"]),
        (">=", "A", ["F1", "F2", "F3"]),
        ("ge", "I", ["F2"]),
        ("<", "I", ["F1", "F3"]),
        ("lt", "I", ["F1", "F3"]),
        ("<=", "A", ["F1", "F3"]),
        ("le", "A", ["F1", "F3"]),
        ("in", "A,I", ["F1", "F2", "F3"]),
        ("in", "I, D", ["F2"]),
    ],
)
def test_operators_work_as_symbols_and_as_words(office: Office, opp: str, value: str, found: list[str]) -> None:
    assert _firms(office, **where(("Status", opp, value))) == found


def test_like_uses_percent_signs_and_ignores_case(office: Office) -> None:
    assert _firms(office, **where(("Name", "like", "ACME%"))) == ["F1", "F3"]


def test_all_conditions_must_hold(office: Office) -> None:
    assert _firms(office, **where(("Name", "like", "acme%"), ("ClientInd", "=", "Y"))) == ["F1"]


def test_dates_compare_as_dates(office: Office) -> None:
    conditions = where(("AccountPdStart", ">=", "2026-10-01"), ("AccountPdStart", "<", "2026-11-01T00:00:00"))
    assert [row["Period"] for row in office.get("Settings/Period", **conditions)] == [202610]


def test_numbers_compare_as_numbers(office: Office) -> None:
    assert [row["Period"] for row in office.get("Settings/Period", **where(("Period", "ge", "202610")))] == [
        202610,
        202611,
    ]
    assert [row["Period"] for row in office.get("Settings/Period", **where(("Period", "in", "202609,202611")))] == [
        202609,
        202611,
    ]


@pytest.mark.parametrize(
    "parameters",
    [
        where(("Bogus", "=", "1")),
        {"order": "Bogus"},
        {"fieldFilter": "Bogus"},
    ],
)
def test_a_query_on_an_unknown_field_is_refused_unless_switched(
    open_office: OpenOffice, parameters: dict[str, str]
) -> None:
    answer = open_office().send("GET", "firm", params=parameters)
    assert answer.status_code == 400
    assert answer.json()["message"] == "Field Bogus does not exist. Field Bogus does not exist."
    assert len(open_office(unknown_query_field="ignore").get("firm", **parameters)) == 3


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "x"},
        {"offset": "-1"},
        {"filterHash[0][name]": "Name", "filterHash[0][opp]": "~"},
        {"filterHash[0][value]": "A"},
        {"filterHash[0][name]": "Name", "filterHash[0][condition]": "OR"},
        {"filterHash[x]": "A"},
        {"filterHash[0][operator]": "="},
    ],
)
def test_a_malformed_parameter_is_400(office: Office, parameters: dict[str, str]) -> None:
    assert office.send("GET", "firm", params=parameters).status_code == 400


def test_text_compared_with_a_number_is_refused(office: Office) -> None:
    assert office.send("GET", "Settings/Period", params=where(("Period", "=", "October"))).status_code == 400


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"limit": "2"}, ["F1", "F2"]),
        ({"limit": "2", "offset": "2"}, ["F3"]),
        ({"pageSize": "2", "page": "2"}, ["F3"]),
        ({"pageSize": "2", "page": "3"}, []),
        ({"q.maxrows": "1", "offset": "1"}, ["F2"]),
        ({"offset": "1"}, ["F2", "F3"]),
    ],
)
def test_pages_are_cut_by_offset_or_page(office: Office, parameters: dict[str, str], found: list[str]) -> None:
    assert _firms(office, **parameters) == found


def test_a_server_may_cap_its_pages(open_office: OpenOffice) -> None:
    office = open_office(default_rows=2, largest_rows=2)
    assert _firms(office) == ["F1", "F2"]
    assert _firms(office, limit="100", offset="2") == ["F3"]


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("Name", ["F3", "F1", "F2"]),
        ("Name_D", ["F2", "F1", "F3"]),
        ("Name desc", ["F2", "F1", "F3"]),
        ("Status_D,Name asc", ["F2", "F3", "F1"]),
    ],
)
def test_order_is_understood_in_both_spellings(office: Office, order: str, found: list[str]) -> None:
    assert _firms(office, order=order) == found


def test_fields_can_be_chosen(office: Office) -> None:
    assert office.get("firm/F1", fieldFilter="ClientID,Name") == [{"ClientID": "F1", "Name": "Acme Höme"}]
    assert set(office.get("firm", fieldFilter="Name")[0]) == {"Name"}


def test_a_long_query_can_be_sent_as_a_post(office: Office) -> None:
    form = urlencode(where(("ClientID", "in", ",".join(["F1", *(f"X{number}" for number in range(5000))]))))
    headers = {"dvp-postAsGet": "true", "Content-Type": "application/x-www-form-urlencoded"}
    answer = office.send("POST", "firm", form, headers=headers)
    assert [row["ClientID"] for row in answer.json()] == ["F1"]


def test_fields_hidden_by_role_are_left_out_without_a_word(open_office: OpenOffice) -> None:
    office = open_office(hidden_fields=("Client", "project.Org"))
    assert "Client" not in office.get("firm/F1")[0]
    assert "Org" not in office.get("project")[0]
    assert "Org" in office.get("organization")[0]


@pytest.mark.parametrize(
    ("parameters", "keys"),
    [
        ({"wbstype": "wbs1"}, ["P100", "P200", "P300", "P400", "P500"]),
        ({"wbstype": "wbs2"}, ["P200|010", "P200|020"]),
        ({"wbstype": "wbs3"}, ["P200|020|A1"]),
        ({}, ["P100", "P200", "P300", "P400", "P500"]),
    ],
)
def test_projects_are_listed_level_by_level(office: Office, parameters: dict[str, str], keys: list[str]) -> None:
    rows = office.get("project", **parameters)
    assert ["|".join(filter(None, (row[name].strip() for name in ("WBS1", "WBS2", "WBS3")))) for row in rows] == keys


def test_a_project_list_can_hold_every_level(open_office: OpenOffice) -> None:
    assert len(open_office(project_list_without_wbstype="all").get("project")) == 8


def test_an_unknown_wbstype_is_400(office: Office) -> None:
    assert office.send("GET", "project", params={"wbstype": "wbs4"}).status_code == 400


@pytest.mark.parametrize(("key", "name"), [("P100", "Project P100"), ("P200|020", "Project P200020"), ("P100||", "P")])
def test_a_project_is_found_by_its_parts_joined_by_a_bar(office: Office, key: str, name: str) -> None:
    assert office.get(f"project/{key}")[0]["Name"].startswith(name)


def test_an_absent_level_reads_as_a_blank_and_is_found_by_an_empty_value(office: Office) -> None:
    rows = office.get("project", **where(("WBS2", "=", "")))
    assert rows[0]["WBS2"] == " "
    assert len(rows) == 5


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ("organization", "Org", "A0.10"),
        ("Accounts/", "Account", "1100.00"),
        ("BankCode/CFGBANKS", "Code", "OPER"),
        ("Settings/Company", "Company", "A0"),
        ("AccountConfiguration/CFGAutoPosting?company=A0", "AcctsReceivable", "1100.00"),
        ("AccountingCompanyConfig/CFGAutoPosting", "AcctsReceivable", "1100.00"),
        ("TaxCodeEntity/", "Code", "CO-TAX"),
    ],
)
def test_reference_data_is_served_where_clients_look_for_it(office: Office, path: str, key: str, value: str) -> None:
    assert office.get(path)[0][key] == value


def test_another_company_has_no_auto_posting_accounts(office: Office) -> None:
    assert office.get("AccountConfiguration/CFGAutoPosting", company="B0") == []


def test_decimals_arrive_exactly(office: Office) -> None:
    rate: Any = office.get("TaxCodeEntity/")[0]["Rate"]
    assert rate == Decimal("8.81")


def test_ending_a_project_or_a_firm_shows_in_the_next_answer(office: Office) -> None:
    office.twin.update_project("P200|010", {"Status": "I"})
    office.twin.update_firm("F1", {"Name": "Acme Home Inc."})
    assert office.get("project/P200|010")[0]["Status"] == "I"
    assert office.get("firm/F1")[0]["Name"] == "Acme Home Inc."


def test_changing_what_does_not_exist_is_a_key_error(office: Office) -> None:
    with pytest.raises(KeyError):
        office.twin.update_project("P900", {"Status": "I"})
    with pytest.raises(KeyError):
        office.twin.update_firm("F9", {"Status": "I"})
    with pytest.raises(KeyError):
        office.twin.set_period_closed(209901, closed=True)
