"""Firms, their addresses and vendors' accounting data (vantagepoint.md sections 2 and 3)."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from st_deltek_pipeline.sandbox.state import SqliteState
from st_deltek_pipeline_tests.sandbox.vantagepoint.conftest import OpenOffice
from st_deltek_pipeline_tests.sandbox.vantagepoint.full_books import full_books, voucher, vouchers
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import Office, where

NULL_REFERENCE = "Object reference not set to an instance of an object."
_CUT_NAME = f"Truncated value: '{'N' * 100}'.\r\nThe statement has been terminated."
ADDRESS = {"Address": "Billing", "PrimaryInd": "true", "Payment": "true", "Billing": "Y", "Address1": "1 Main St"}


def _create(office: Office, **fields: Any) -> requests.Response:
    return office.send("POST", "firm", {"Name": "New Customer", "ClientInd": "Y", **fields})


def _created(office: Office, **fields: Any) -> dict[str, Any]:
    answer = _create(office, **fields)
    assert answer.status_code == 201, answer.text
    return office.get(f"firm/{answer.json()[0]['ClientID']}")[0]


def _vendor(office: Office, **fields: Any) -> dict[str, Any]:
    return _created(office, ClientInd="N", VendorInd="Y", Category="MAT", **fields)


def _refused(answer: requests.Response) -> str:
    assert answer.status_code == 400, answer.text
    return answer.json()["message"]


# --- Creating --------------------------------------------------------------------------------------------------------


def test_the_answer_of_a_post_lacks_the_numbers_that_a_read_afterwards_has(books: Office) -> None:
    answer = _create(books, VendorInd="Y", Category="MAT")
    assert answer.status_code == 201
    (row,) = answer.json()
    assert (row["Name"], row["Client"], row["Vendor"], len(row["ClientID"])) == ("New Customer", "", "", 32)
    assert answer.headers["Location"] == f"{books.url}/firm/{row['ClientID']}"
    (read,) = books.get(f"firm/{row['ClientID']}")
    assert (read["Client"], read["Vendor"], read["Status"]) == ("00000060", "000060", "A")
    assert read["CreateDate"] == "2026-10-06T15:30:00.000"
    assert [each["Name"] for each in books.get("firm", **where(("Vendor", "=", "000060")))] == ["New Customer"]


def test_the_answer_of_a_post_can_have_the_numbers(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), created_firm_shows_numbers=True)
    assert _create(office).json()[0]["Client"] == "00000060"


def test_a_customer_gets_no_vendor_code_until_it_is_a_vendor_too(books: Office) -> None:
    firm = _created(books)
    assert (firm["Client"], firm["Vendor"]) == ("00000060", "")
    path = f"firm/{firm['ClientID']}"
    assert _refused(books.send("PUT", path, {"VendorInd": "Y"})) == "Please provide a Vendor Type for table Firm."
    assert books.send("PUT", path, {"VendorInd": "Y", "Category": "MAT"}).status_code == 200
    (both,) = books.get(path)
    assert (both["ClientInd"], both["VendorInd"], both["Vendor"], both["Client"]) == ("Y", "Y", "000060", "00000060")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"Name": ""}, "Please provide a Name for table Firm."),
        ({"VendorInd": "Y"}, "Please provide a Vendor Type for table Firm."),
        ({"Type": ""}, "Please provide a Relationship for table Firm."),
        ({"Client": "C00131"}, "Firm Number value ignored, autonumber enabled and override is not allowed"),
        (
            {"VendorInd": "Y", "Category": "MAT", "Vendor": "56"},
            "Vendor Number value ignored, autonumber enabled and override is not allowed",
        ),
        ({"Org": "A0.99"}, "Organization A0.99 does not exist."),
        ({"PrimaryCountry": "USA"}, "Country Code USA does not exist."),
        ({"CustomCurrencyCode": "EUR"}, "Currency Code EUR does not exist."),
        ({"Status": "X"}, "The value 'X' is not valid for field Status."),
        ({"ClientInd": "maybe"}, "The value 'maybe' is not valid for field ClientInd."),
        ({"FirmID": "7"}, "Field FirmID does not exist. Field FirmID does not exist."),
        ({"ClientID": "F1"}, "Record F1 already exists and cannot be added."),
        (
            {"Name": "N" * 101},
            f"String or binary data would be truncated in table 'SUMMIT.dbo.Clendor', column 'Name'. {_CUT_NAME}",
        ),
        ({"CLAddress": [{**ADDRESS, "Country": "USA"}]}, "Country Code USA does not exist."),
    ],
)
def test_a_firm_that_breaks_a_rule_is_refused_in_the_observed_words(
    books: Office, fields: dict[str, Any], sentence: str
) -> None:
    before = len(books.get("firm"))
    assert _refused(_create(books, **fields)) == sentence
    assert len(books.get("firm")) == before


@pytest.mark.parametrize("body", ["{no json", "[]", '"text"'])
def test_a_body_that_is_no_object_is_400(books: Office, body: str) -> None:
    assert books.send("POST", "firm", body).status_code == 400


def test_the_screens_required_fields_can_be_skipped_by_the_query(books: Office) -> None:
    body = {"Name": "Vendor", "VendorInd": "Y"}
    assert books.send("POST", "firm", body, params={"requiredFieldValidation": "N"}).status_code == 201


def test_which_fields_are_required_is_the_tenants_choice(open_office: OpenOffice) -> None:
    office = open_office(required_firm_fields=("Name", "Org"), blank_relationship_refused=False)
    assert _refused(_create(office)) == "Please provide a Organization for table Firm."
    assert _create(office, Org="A0.10", Type="", VendorInd="Y").status_code == 201


def test_manual_numbers_are_padded_for_vendors_and_refused_when_they_are_taken(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), firm_numbers="manual", vendor_numbers="manual")
    assert _refused(_create(office)) == "Please provide a Firm Number for table Firm."
    taken = _create(office, Client="00000056", VendorInd="Y", Category="MAT", Vendor="56")
    assert _refused(taken) == "Firm Number already exists: 00000056.<BR/>Vendor Number already exists: 000056."
    firm = _vendor(office, Client="C1", Vendor="77")
    assert (firm["Client"], firm["Vendor"]) == ("C1", "000077")


def test_the_tenants_counter_can_stand_on_a_number_in_use(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), next_firm_number=56, next_vendor_number=56)
    answer = _create(office, VendorInd="Y", Category="MAT")
    assert _refused(answer) == "Firm Number already exists: 00000056.<BR/>Vendor Number already exists: 000056."


def test_real_clients_flags_and_the_tenants_own_columns_are_accepted(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), custom_firm_fields=("QBOID",))
    firm = _created(office, ReadyForApproval=False, PriorWork=True, ExportInd="false", QBOID="14", AvailableForCRM="N")
    assert (firm["ReadyForApproval"], firm["PriorWork"], firm["ExportInd"], firm["QBOID"]) == ("N", "Y", "N", "14")
    assert [row["QBOID"] for row in office.get("firm", **where(("QBOID", "", "14")))] == ["14"]


def test_every_firm_shows_the_tenants_own_columns_before_anything_is_written_to_them(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), custom_firm_fields=("CustServiceTitanID",))
    assert {row["CustServiceTitanID"] for row in office.get("firm")} == {""}
    assert office.get("firm/F1")[0]["CustServiceTitanID"] == ""
    assert office.get("firm", **where(("CustServiceTitanID", "", "41000001"))) == []
    office.send("PUT", "firm/F1", {"CustServiceTitanID": "41000001"})
    found = office.get("firm", **where(("CustServiceTitanID", "in", "41000001,41000002")))
    assert [row["ClientID"] for row in found] == ["F1"]


def test_without_the_right_to_change_firms_every_write_is_403(open_office: OpenOffice) -> None:
    office = open_office(role_may_change_firms=False)
    for method, path in (("POST", "firm"), ("PUT", "firm/F1"), ("POST", "firm/F1/address")):
        assert office.send(method, path, {}).status_code == 403
    assert office.send("POST", "../vision/firm/VendorAccountingInfo", {}).status_code == 403


# --- Changing --------------------------------------------------------------------------------------------------------


def test_a_put_changes_what_it_names_and_answers_the_firm(books: Office) -> None:
    (row,) = books.send("PUT", "firm/V1", {"Name": "Ferrous House", "Status": "I"}).json()
    assert (row["Name"], row["Status"], row["Vendor"], row["ClientID"]) == ("Ferrous House", "I", "000056", "V1")
    assert books.get("firm/V1")[0]["ModDate"] == "2026-10-06T15:30:00.000"
    assert _refused(books.enter_as("ap", vouchers("B1"))) == "Vendor 000056 is not active."


def test_every_put_checks_required_fields_again_even_for_a_child_row(books: Office) -> None:
    books.twin.update_firm("V1", {"Category": ""})
    body = {"VEAccounting": [{"PayTerms": "Hold"}]}
    assert _refused(books.send("PUT", "firm/V1", body)) == "Please provide a Vendor Type for table Firm."
    assert books.get("firm/V1/vendorAccountingInfo")[0]["PayTerms"] == "Next"


def test_a_put_may_repeat_a_number_unpadded_but_not_change_it(books: Office) -> None:
    assert books.send("PUT", "firm/V1", {"Vendor": "56", "Client": "00000056"}).status_code == 200
    assert "autonumber enabled" in _refused(books.send("PUT", "firm/V1", {"Vendor": "99"}))
    assert "not valid for field ClientID" in _refused(books.send("PUT", "firm/V1", {"ClientID": "V2"}))


def test_a_firm_may_be_sent_back_as_it_was_read(books: Office) -> None:
    firm = _vendor(books)
    path = f"firm/{firm['ClientID']}"
    assert books.send("PUT", path, firm).status_code == 200
    assert books.get(path) == [firm]
    assert _refused(books.send("PUT", "firm/V1", {"Type": ""})) == "Please provide a Relationship for table Firm."


def test_an_unknown_firm_is_404(books: Office) -> None:
    for method, path in (("PUT", "firm/NONE"), ("GET", "firm/NONE/address"), ("POST", "firm/NONE/address")):
        assert books.send(method, path, {} if method != "GET" else None).status_code == 404
    assert books.send("GET", "firm/NONE/vendorAccountingInfo").status_code == 404


# --- Addresses -------------------------------------------------------------------------------------------------------


def test_an_address_is_added_and_shows_on_the_firm_when_it_is_the_primary_one(books: Office) -> None:
    assert books.get("firm/F1/address") == []
    answer = books.send("POST", "firm/F1/address", {**ADDRESS, "City": "Denver", "Country": "US"})
    assert answer.status_code == 201
    (row,) = books.get("firm/F1/address")
    assert (row["PrimaryInd"], row["Payment"], row["Address"], row["ClientID"]) == ("Y", "Y", "Billing", "F1")
    assert row["CLAddressID"] == answer.json()[0]["CLAddressID"]
    (firm,) = books.get("firm/F1")
    assert (firm["PrimaryAddress1"], firm["PrimaryCity"]) == ("1 Main St", "Denver")


def test_the_address_a_firm_shows_is_in_its_list_from_the_start(books: Office) -> None:
    books.twin.update_firm("F1", {"PrimaryAddress1": "9 Elm", "PrimaryCity": "Golden"})
    (row,) = books.get("firm/F1/address")
    assert (row["Address"], row["PrimaryInd"], row["City"]) == ("Main", "Y", "Golden")
    books.send("POST", "firm/F1/address", ADDRESS)
    assert [(each["Address"], each["PrimaryInd"]) for each in books.get("firm/F1/address")] == [
        ("Main", "N"),
        ("Billing", "Y"),
    ]


def test_a_repeated_label_is_refused_on_one_tenant_and_added_on_another(open_office: OpenOffice) -> None:
    for switch, status, rows in (("refuse", 400, 1), ("add", 201, 2)):
        office = open_office(repeated_address=switch)
        office.send("POST", "firm/F1/address", ADDRESS)
        answer = office.send("POST", "firm/F1/address", {**ADDRESS, "Address": "BILLING"})
        assert answer.status_code == status
        assert len({row["CLAddressID"] for row in office.get("firm/F1/address")}) == rows
        if status == 400:
            assert answer.json()["message"] == "Record F1|BILLING already exists and cannot be added."


def test_an_address_is_changed_by_the_array_of_a_firm_put(books: Office) -> None:
    books.send("POST", "firm/V1/address", ADDRESS)
    key = books.get("firm/V1/address")[0]["CLAddressID"]
    body = {"CLAddress": [{"CLAddressID": key, "ClientID": "V1", "Address1": "2 Oak"}]}
    assert books.send("PUT", "firm/V1", body).status_code == 200
    (row,) = books.get("firm/V1/address")
    assert (row["Address1"], row["Address"], row["CLAddressID"]) == ("2 Oak", "Billing", key)
    unknown = books.send("PUT", "firm/V1", {"CLAddress": [{"CLAddressID": "0", "Address1": "3 Elm"}]})
    assert _refused(unknown) == "Record V1|0 does not exist."


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"Country": "USA"}, "Country Code USA does not exist."),
        ({"Address": ""}, "Please provide a Address for table CLAddress."),
        ({"ClientID": "F2"}, "Record F2 does not exist."),
        ({"ZIP": "80202"}, "Field ZIP does not exist. Field ZIP does not exist."),
    ],
)
def test_an_address_that_breaks_a_rule_is_refused(books: Office, fields: dict[str, str], sentence: str) -> None:
    assert _refused(books.send("POST", "firm/F1/address", {**ADDRESS, **fields})) == sentence
    assert books.get("firm/F1/address") == []


def test_the_master_list_of_countries_is_the_tenants(open_office: OpenOffice) -> None:
    office = open_office(country_codes=("United States",))
    assert _refused(office.send("POST", "firm/F1/address", {**ADDRESS, "Country": "US"})).startswith("Country Code US")
    assert office.send("POST", "firm/F1/address", {**ADDRESS, "Country": "United States"}).status_code == 201
    assert [row["Code"] for row in office.get("codeTable/FW_CFGCountry")] == ["United States"]


# --- Accounting data of vendors --------------------------------------------------------------------------------------


def _insert(office: Office, **fields: Any) -> requests.Response:
    return office.send("POST", "../vision/firm/VendorAccountingInfo/", fields)


def test_a_new_vendor_takes_vouchers_once_its_accounting_data_is_inserted(books: Office) -> None:
    firm = _vendor(books, Name="New Supply")
    assert books.get(f"firm/{firm['ClientID']}/vendorAccountingInfo") == []
    body = vouchers("B1", [voucher(Vendor=firm["Vendor"])])
    assert "accounting information" in books.refusal_as("ap", body)
    answer = _insert(
        books, Vendor=firm["Vendor"], PayTerms="Hold", Req1099="Y", DiscPct=0, ElectronicPaymentMethodID=""
    )
    assert answer.status_code == 201, answer.text
    (row,) = books.get(f"firm/{firm['ClientID']}/vendorAccountingInfo")
    assert (row["Company"], row["PayTerms"], row["Req1099"], row["DiscPct"]) == ("A0", "Hold", "Y", Decimal(0))
    books.enter_as("ap", body)
    assert books.get("DataEntry/apMaster/B1")[0]["PayTerms"] == "Hold"


@pytest.mark.parametrize(
    "fields", [{"ClientID": "V1"}, {"Vendor": "56"}, {"Vendor": ""}, {"Vendor": "000056", "PayTerms": "Next"}]
)
def test_a_wrong_vendor_code_or_a_row_that_exists_is_a_null_reference(books: Office, fields: dict[str, str]) -> None:
    assert _refused(_insert(books, **fields)) == NULL_REFERENCE


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"Company": ""}, "Cannot insert NULL into Company column"),
        ({"Company": "ZZ"}, "Company ZZ does not exist."),
        ({"ClientID": "V2"}, "Field ClientID does not exist. Field ClientID does not exist."),
    ],
)
def test_accounting_data_that_breaks_a_rule_is_refused(books: Office, fields: dict[str, str], sentence: str) -> None:
    assert _refused(_insert(books, Vendor="000057", **fields)) == sentence


def test_accounting_data_is_changed_by_the_array_of_a_firm_put(books: Office) -> None:
    body = {"VEAccounting": [{"PayTerms": "PWP", "Req1099": "Y"}]}
    assert books.send("PUT", "firm/V1", body).status_code == 200
    (row,) = books.get("firm/V1/vendorAccountingInfo")
    assert (row["PayTerms"], row["Req1099"], row["Vendor"]) == ("PWP", "Y", "000056")
    assert _refused(books.send("PUT", "firm/V2", body)) == NULL_REFERENCE
    other = {"VEAccounting": [{"Company": "B0", "PayTerms": "PWP"}]}
    assert books.send("PUT", "firm/V2", other).status_code == 200
    assert _refused(books.send("PUT", "firm/F1", body)) == NULL_REFERENCE


def test_some_tenants_make_accounting_data_with_the_vendor(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), vendor_accounting_created_with_firm=True)
    firm = _vendor(office)
    assert office.get(f"firm/{firm['ClientID']}/vendorAccountingInfo")[0]["PayTerms"] == "Next"


def test_a_vendor_without_accounting_data_is_404_on_some_tenants(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), missing_vendor_accounting="not_found")
    assert office.send("GET", "firm/F1/vendorAccountingInfo").status_code == 404
    assert len(office.get("firm/V1/vendorAccountingInfo")) == 1


def test_what_was_created_survives_a_restart(open_office: OpenOffice, tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.sqlite")
    office = open_office(state, world=full_books())
    firm = _vendor(office, Name="Lasting")
    office.send("POST", f"firm/{firm['ClientID']}/address", ADDRESS)
    _insert(office, Vendor=firm["Vendor"], PayTerms="Next")
    office.book("ap", vouchers("B1", [voucher(Vendor=firm["Vendor"])]))
    ledger, totals = office.twin.ledger_dump(), office.twin.totals()
    state.close()

    reopened = SqliteState(tmp_path / "state.sqlite")
    office = open_office(reopened, world=full_books())
    assert office.get(f"firm/{firm['ClientID']}")[0]["Name"] == "Lasting"
    assert office.get(f"firm/{firm['ClientID']}/address")[0]["Address"] == "Billing"
    assert (office.twin.ledger_dump(), office.twin.totals()) == (ledger, totals)
    assert office.refusal_as("ap", vouchers("B1")) == "Record B1 already exists and cannot be added."
    office.enter_as("ap", vouchers("B2", [voucher(Vendor=firm["Vendor"])]))
    assert office.get("DataEntry/apMaster/B2")[0]["Voucher"] == "00000002"
    assert _created(office)["Client"] == "00000061"
    reopened.close()


def test_a_deleted_batch_of_any_type_stays_taken_after_a_restart(open_office: OpenOffice, tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.sqlite")
    office = open_office(state, world=full_books(), deleted_batch_reusable=False)
    office.enter_as("ap", vouchers("B1"))
    office.send("DELETE", "DataEntry/apControl/B1")
    state.close()
    reopened = SqliteState(tmp_path / "state.sqlite")
    office = open_office(reopened, world=full_books(), deleted_batch_reusable=False)
    assert "already exists" in office.refusal_as("ap", vouchers("B1"))
    reopened.close()
