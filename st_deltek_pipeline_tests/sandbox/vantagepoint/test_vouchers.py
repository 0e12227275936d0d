"""AP vouchers (vantagepoint.md section 4.3)."""

from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline_tests.sandbox.vantagepoint.conftest import OpenOffice
from st_deltek_pipeline_tests.sandbox.vantagepoint.full_books import MASTER_KEY, cost, full_books, voucher, vouchers
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import Office, where

OTHER_KEY = "f" * 32


def _master(office: Office, batch: str = "V1") -> dict[str, Any]:
    return office.get(f"DataEntry/apMaster/{batch}")[0]


def test_a_voucher_takes_what_it_does_not_name_from_its_vendor(books: Office) -> None:
    books.enter_as("ap", vouchers("V1"))
    row = _master(books)
    assert (row["LiabCode"], row["BankCode"], row["PayTerms"], row["Address"]) == ("General", "", "Next", "<Default>")
    books.enter_as("ap", vouchers("V2", [voucher(Vendor="000059", PayDate="2026-11-01")]))
    row = _master(books, "V2")
    assert (row["LiabCode"], row["BankCode"], row["PayTerms"]) == ("Subs", "OPER", "Date")


def test_a_voucher_takes_what_it_does_not_name_from_its_file_first(books: Office) -> None:
    books.enter_as("ap", vouchers("V1", DefaultLiab="Subs", DefaultBank="OPER"))
    row = _master(books)
    assert (row["LiabCode"], row["BankCode"]) == ("Subs", "OPER")
    (control,) = books.get("DataEntry/apControl/V1")
    assert (control["DefaultLiabDescription"], control["DefaultBankDescription"]) == ("Subcontractors", "Operating")


@pytest.mark.parametrize("terms", ["Date", "Hold", "Next", "PWP"])
def test_every_documented_payment_term_is_accepted(books: Office, terms: str) -> None:
    body = vouchers("V1", [voucher(PayTerms=terms, PayDate="2026-11-01")])
    assert books.enter_as("ap", body).status_code == 201


@pytest.mark.parametrize(
    ("master", "detail", "sentence"),
    [
        ({"MasterPKey": ""}, {}, "MasterPKey is required."),
        ({"Vendor": ""}, {}, "Vendor is required."),
        ({"Vendor": "56"}, {}, "Vendor 56 does not exist."),
        ({"Vendor": "000057"}, {}, "Vendor 000057 does not have accounting information in company A0."),
        ({"Vendor": "000058"}, {}, "Vendor 000058 is not active."),
        ({"Invoice": ""}, {}, "Invoice is required."),
        ({"InvoiceDate": ""}, {}, "Invoice Date is required."),
        ({"TransDate": ""}, {}, "Transaction Date is required."),
        ({"LiabCode": "NONE"}, {}, "Liability Code NONE does not exist."),
        ({"BankCode": "NONE"}, {}, "Bank Code NONE does not exist."),
        ({"PayTerms": "Net 30"}, {}, "Payment Terms Net 30 does not exist."),
        ({"PayTerms": "Date"}, {}, "Payment Date is required."),
        ({"PaymentCurrencyCode": "EUR"}, {}, "Currency Code EUR does not exist."),
        ({"CustServiceTitanID": "7"}, {}, "Field CustServiceTitanID does not exist. " * 2),
        ({}, {"Amount": None}, "Amount is required."),
        ({}, {"Account": "9999"}, "Account 9999 does not exist."),
        ({}, {"Account": "4100.00"}, "Account 4100.00 is not active."),
        ({}, {"WBS1": ""}, "Project is required."),
        ({}, {"WBS1": "P300"}, "Project P300 is not active."),
        ({}, {"MasterPKey": OTHER_KEY}, f"Record V1|{OTHER_KEY} does not exist."),
    ],
)
def test_a_voucher_that_breaks_a_rule_is_refused_and_nothing_is_kept(
    books: Office, master: dict[str, Any], detail: dict[str, Any], sentence: str
) -> None:
    body = vouchers("V1", [{**voucher(), **master}], [{**cost(), **detail}])
    assert books.refusal_as("ap", body).strip() == sentence.strip()
    assert books.get("DataEntry/apLanding") == []


def test_accounting_data_counts_in_the_active_company_only(books: Office) -> None:
    books.send("PUT", "Settings/ActiveCompany/B0")
    body = vouchers("V1", [voucher(Vendor="000057", LiabCode="General")], Company="")
    assert books.enter_as("ap", body).status_code == 201
    assert "company B0" in books.refusal_as("ap", vouchers("V2", Company=""))


def test_a_vendor_without_accounting_data_can_be_a_null_reference(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), vendor_without_accounting="null_reference")
    sentence = office.refusal_as("ap", vouchers("V1", [voucher(Vendor="000057")]))
    assert sentence == "Object reference not set to an instance of an object."


def test_a_balance_sheet_account_needs_no_project(books: Office, open_office: OpenOffice) -> None:
    body = vouchers("V1", details=[cost(WBS1="", Account="1100.00")])
    assert books.enter_as("ap", body).status_code == 201
    strict = open_office(world=full_books(), project_account_types=("1", "5"))
    assert strict.refusal_as("ap", body) == "Project is required."


# --- Voucher numbers -------------------------------------------------------------------------------------------------


def test_voucher_numbers_are_given_one_after_the_other_over_all_companies(books: Office) -> None:
    books.enter_as("ap", vouchers("V1", [voucher(Voucher="MINE"), voucher(OTHER_KEY)]))
    books.send("PUT", "Settings/ActiveCompany/B0")
    books.enter_as("ap", vouchers("V2", [voucher(Vendor="000057", LiabCode="General")], Company=""))
    numbers = [row["Voucher"] for batch in ("V1", "V2") for row in books.get(f"DataEntry/apMaster/{batch}")]
    assert numbers == ["00000001", "00000002", "00000003"]


def test_the_number_of_a_deleted_voucher_is_not_given_again(books: Office) -> None:
    books.enter_as("ap", vouchers("V1"))
    books.send("DELETE", "DataEntry/apControl/V1")
    books.enter_as("ap", vouchers("V1"))
    assert _master(books)["Voucher"] == "00000002"


def test_voucher_numbers_can_be_given_at_posting(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), voucher_numbered_at="posting", voucher_digits=10)
    office.enter_as("ap", vouchers("V1"))
    assert _master(office)["Voucher"] == ""
    office.post("V1", transtype="AP")
    assert _master(office)["Voucher"] == "0000000001"
    assert {row["Voucher"] for row in office.get("PSALedger/AP")} == {"0000000001"}


def test_a_refused_posting_uses_up_no_voucher_number(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), voucher_numbered_at="posting")
    office.enter_as("ap", vouchers("V1", [voucher(LiabCode="Bare")]))
    assert "No account is set up for liability code Bare." in office.post("V1", transtype="AP").message
    rows = office.book("ap", vouchers("V2"))
    assert {row["Voucher"] for row in rows} == {"00000001"}


def test_voucher_numbers_can_be_required_and_are_then_unique(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), voucher_numbers="required")
    assert office.refusal_as("ap", vouchers("V1")) == "Voucher is required."
    assert office.enter_as("ap", vouchers("V1", [voucher(Voucher="0000012")])).status_code == 201
    assert "Record 0000012 already exists" in office.refusal_as("ap", vouchers("V2", [voucher(Voucher="0000012")]))
    twice = [voucher(Voucher="0000013"), voucher(OTHER_KEY, Voucher="0000013")]
    assert "Record 0000013 already exists" in office.refusal_as("ap", vouchers("V2", twice))


# --- The same invoice twice ------------------------------------------------------------------------------------------


def test_the_same_vendor_invoice_and_date_twice_is_accepted(books: Office) -> None:
    body = vouchers("V1", [voucher(), voucher(OTHER_KEY)])
    assert books.enter_as("ap", body).status_code == 201
    assert books.enter_as("ap", vouchers("V2")).status_code == 201


def test_the_same_vendor_invoice_and_date_twice_can_be_refused(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), duplicate_vendor_invoice="refuse")
    sentence = "Invoice S-77 dated 2026-10-01 already exists for vendor 000056."
    assert office.refusal_as("ap", vouchers("V1", [voucher(), voucher(OTHER_KEY)])) == sentence
    office.enter_as("ap", vouchers("V1"))
    assert office.refusal_as("ap", vouchers("V2")) == sentence
    assert office.enter_as("ap", vouchers("V2", [voucher(InvoiceDate="2026-10-02")])).status_code == 201


# --- Posting ---------------------------------------------------------------------------------------------------------


def test_a_voucher_debits_its_lines_and_the_system_credits_the_liability(books: Office) -> None:
    lines = [cost("250.10", PKey="K1", PONumber="PO-9"), cost("-0.10", Account="1100.00", WBS1="")]
    rows = books.book("ap", vouchers("V1", details=lines))
    assert [(row["Account"], row["Amount"], row["AutoEntry"]) for row in rows] == [
        ("5000.00", Decimal("250.10"), "N"),
        ("1100.00", Decimal("-0.10"), "N"),
        ("2000.00", Decimal("-250.00"), "Y"),
    ]
    first = rows[0]
    assert (first["Vendor"], first["Invoice"], first["Voucher"], first["RefNo"]) == (
        "000056",
        "S-77",
        "00000001",
        "00000001",
    )
    assert (first["WBS1"], first["Org"], first["Desc1"], first["PONumber"]) == ("P100", "A0.10", "Pipe", "PO-9")
    assert first["TransDate"] == "2026-10-02T00:00:00.000"


def test_the_ledger_of_vouchers_is_filtered_by_vendor_and_invoice(books: Office) -> None:
    books.book("ap", vouchers("V1"))
    books.book("ap", vouchers("V2", [voucher(Vendor="000059", PayDate="2026-11-01", Invoice="S-78")]))
    found = books.get("PSALedger/AP", **where(("Vendor", "=", "000059"), ("Invoice", "=", "S-78")))
    assert {row["Batch"] for row in found} == {"V2"}
    assert books.get("PSALedger/AP", **where(("Vendor", "=", "000056"), ("Invoice", "=", "S-78"))) == []


def test_a_voucher_file_out_of_balance_is_accepted_and_not_posted(books: Office) -> None:
    assert books.enter_as("ap", {**vouchers("V1"), "Total": 0}).status_code == 201
    assert "File V1 is out of balance." in books.post("V1", transtype="AP").message


def test_a_tax_row_takes_its_part_of_the_line_to_the_account_of_the_tax(books: Office) -> None:
    tax = {"MasterPKey": MASTER_KEY, "PKey": "K1", "TaxCode": "CO-TAX", "TaxAmount": "8.10"}
    body = {**vouchers("V1", details=[cost("100.00", PKey="K1", NetAmount="91.90")]), "apDetailTax": [tax]}
    rows = books.book("ap", body)
    assert [(row["Account"], row["Amount"], row["TaxCode"]) for row in rows] == [
        ("5000.00", Decimal("91.90"), ""),
        ("2200.00", Decimal("8.10"), "CO-TAX"),
        ("2000.00", Decimal("-100.00"), ""),
    ]
    assert books.get("DataEntry/apDetailTax/V1")[0]["TaxAmount"] == Decimal("8.10")
    assert books.get("DataEntry/apDetail/V1")[0]["TotalTax"] == Decimal("8.10")


@pytest.mark.parametrize(
    ("tax", "sentence"),
    [
        ({"TaxCode": "NONE"}, "Tax Code NONE does not exist."),
        ({"TaxCode": ""}, "Tax Code is required."),
        ({"PKey": "K2"}, f"Record V1|{MASTER_KEY}|K2 does not exist."),
    ],
)
def test_a_tax_row_that_breaks_a_rule_refuses_the_file(books: Office, tax: dict[str, str], sentence: str) -> None:
    row = {"MasterPKey": MASTER_KEY, "PKey": "K1", "TaxCode": "CO-TAX", "TaxAmount": "8.10", **tax}
    body = {**vouchers("V1", details=[cost(PKey="K1")]), "apDetailTax": [row]}
    assert books.refusal_as("ap", body) == sentence


def test_the_files_default_tax_codes_must_exist(books: Office) -> None:
    assert books.enter_as("ap", vouchers("V1", apControlDefaultTaxCodes=[{"TaxCode": "CO-TAX"}])).status_code == 201
    body = vouchers("V2", apControlDefaultTaxCodes=[{"TaxCode": "NONE"}])
    assert books.refusal_as("ap", body) == "Tax Code NONE does not exist."


def test_liability_codes_are_a_code_table(books: Office) -> None:
    codes = {row["Code"]: row.get("Account") for row in books.get("codeTable/CFGAPLiability")}
    assert codes == {"General": "2000.00", "Subs": "2100.00", "Bare": None}
    assert books.send("GET", "codeTable/CFGNothing").status_code == 404


def test_liability_codes_may_stand_elsewhere_or_nowhere(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), liability_code_table="CFGAPLiabilityCodes")
    assert {row["Code"] for row in office.get("codeTable/cfgapliabilitycodes")} == {"General", "Subs", "Bare"}
    assert office.send("GET", "codeTable/CFGAPLiability").status_code == 404
    hidden = open_office(world=full_books(), liability_code_table="")
    assert hidden.send("GET", "codeTable/CFGAPLiability").status_code == 404
