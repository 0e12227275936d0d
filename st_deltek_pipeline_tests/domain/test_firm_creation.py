"""What a firm is created with."""

from dataclasses import replace

from st_deltek_pipeline.domain.addresses import NOWHERE, Address
from st_deltek_pipeline.domain.firm_creation import CreationRules, added_role, new_address, new_firm
from st_deltek_pipeline.domain.firm_links import PartyKey, PartyKind
from st_deltek_pipeline.domain.firm_scores import KnownFirm, Party

CUSTOMER = Party(PartyKey(PartyKind.CUSTOMER, 41), "  Acme  Mechanical ", address=Address("1 Main St", "4", "Denver"))
VENDOR = Party(PartyKey(PartyKind.VENDOR, 52), "Supply", phone="720 555 0100", email="a@b.example")
RULES = CreationRules(
    customer_fields={"Org": "01:HV:RS"},
    vendor_fields={"Category": "MAT"},
    customer_column="STCustomer",
    vendor_column="STVendor",
    firm_number="ST{id}",
    vendor_number="{id}",
    country_codes={"United States": "US"},
)


def test_a_customer_becomes_a_client_with_the_tenants_fields() -> None:
    assert new_firm(CUSTOMER, RULES) == {
        "Name": "Acme Mechanical",
        "Status": "A",
        "ClientInd": "Y",
        "VendorInd": "N",
        "Org": "01:HV:RS",
        "Client": "ST41",
        "STCustomer": "41",
    }


def test_a_vendor_becomes_a_vendor_and_numbers_are_left_to_vantagepoint_by_default() -> None:
    assert new_firm(VENDOR, RULES)["Vendor"] == "52"
    assert new_firm(VENDOR, CreationRules()) == {"Name": "Supply", "Status": "A", "ClientInd": "N", "VendorInd": "Y"}


def test_a_client_that_becomes_a_vendor_keeps_what_it_has() -> None:
    known = KnownFirm("F1", "1", "Supply", active=True, is_client=True, is_vendor=False)
    row = {"Category": " SUB ", "STVendor": None}
    assert added_role(VENDOR, known, row, RULES) == {"VendorInd": "Y", "STVendor": "52", "Vendor": "52"}
    assert "Vendor" not in added_role(VENDOR, replace(known, vendor="000007"), row, RULES)


def test_an_address_has_the_unit_on_a_line_of_its_own_and_only_countries_the_tenant_knows() -> None:
    address = new_address(replace(CUSTOMER, address=replace(CUSTOMER.address, country="united states ")), RULES)
    assert address is not None
    assert (address["Address1"], address["Address2"], address["Country"]) == ("1 Main St", "Unit 4", "US")
    assert (address["PrimaryInd"], address["Billing"], address["Payment"]) == ("true", "true", "false")
    unknown = new_address(CUSTOMER, RULES)
    assert unknown is not None
    assert "Country" not in unknown
    assert new_address(replace(CUSTOMER, address=NOWHERE), RULES) is None


def test_a_long_street_is_broken_between_words_and_nothing_is_lost() -> None:
    street = "Upper and Lower Meadows at Stonebridge Crossing " * 2 + "W" * 60
    address = new_address(replace(CUSTOMER, address=Address(street)), RULES)
    assert address is not None
    lines = [address[f"Address{number}"] for number in range(1, 5)]
    assert max(map(len, lines)) <= 50
    assert "".join("".join(lines).split()) == "".join(street.split())
