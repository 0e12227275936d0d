"""Cash disbursements, AP disbursements, and payments of vouchers (vantagepoint.md section 4.4)."""

from decimal import Decimal
from typing import Any

import pytest
import requests

from st_deltek_pipeline_tests.sandbox.vantagepoint.conftest import OpenOffice
from st_deltek_pipeline_tests.sandbox.vantagepoint.full_books import check, full_books, vouchers
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import Office, exact, where


def _payment(**fields: Any) -> dict[str, Any]:
    line = {"Vendor": "000056", "Voucher": "00000001", "LiabCode": "General", "BankCode": "OPER", "CheckNo": "5005"}
    line |= {"Invoice": "S-77", "Payment": Decimal("250.00"), "CheckDate": "2026-10-20", **fields}
    return {"TransType": "PP", "Period": "202610", "PaymentDate": "2026-10-20", "APPPCHECKS": [line]}


def _pay(office: Office, body: object) -> requests.Response:
    return office.send("POST", "../vision/ledger/PP", body)


@pytest.mark.parametrize(("prefix", "words"), [("cd", "Cash Disbursements"), ("cv", "AP Disbursements")])
def test_a_check_debits_its_lines_and_the_system_credits_the_bank(books: Office, prefix: str, words: str) -> None:
    rows = books.book(prefix, check(prefix, "C1"))
    assert [(row["Account"], row["Amount"], row["AutoEntry"]) for row in rows] == [
        ("5000.00", Decimal("120.00"), "N"),
        ("1010.00", Decimal("-120.00"), "Y"),
    ]
    assert {(row["TransType"], row["RefNo"], row["BankCode"]) for row in rows} == {(prefix.upper(), "5551", "OPER")}
    assert {row["Vendor"] for row in rows} == {"000056" if prefix == "cv" else ""}
    assert books.get(f"DataEntry/{prefix}Landing")[0]["TransTypeDesc"] == words


@pytest.mark.parametrize("prefix", ["cd", "cv"])
def test_a_file_of_checks_is_read_changed_and_deleted(books: Office, prefix: str) -> None:
    assert books.enter_as(prefix, check(prefix, "C1")).status_code == 201
    assert books.get(f"DataEntry/{prefix}Master/C1")[0]["CheckNo"] == "5551"
    (detail,) = books.get(f"DataEntry/{prefix}Detail/C1")
    assert (detail["Amount"], detail["NetAmount"], detail["TotalTax"]) == (Decimal("120.00"), Decimal("120.00"), 0)
    path = f"DataEntry/{prefix}Control/C1"
    assert exact(books.send("PUT", path, {"Description": "New"}))[0]["Description"] == "New"
    assert books.send("DELETE", path).status_code == 200
    assert books.send("GET", path).status_code == 404


@pytest.mark.parametrize(
    ("prefix", "master", "sentence"),
    [
        ("cd", {"CheckNo": ""}, "Check Number is required."),
        ("cd", {"BankCode": ""}, "Bank Code is required."),
        ("cd", {"Vendor": "000056"}, "Field Vendor does not exist. Field Vendor does not exist."),
        ("cv", {"Vendor": ""}, "Vendor is required."),
        ("cv", {"Vendor": "000057"}, "Vendor 000057 does not have accounting information in company A0."),
        ("cv", {"BankCode": "OLD"}, "Bank Code OLD is not active."),
    ],
)
def test_a_check_that_breaks_a_rule_is_refused(
    books: Office, prefix: str, master: dict[str, str], sentence: str
) -> None:
    assert books.refusal_as(prefix, check(prefix, "C1", **master)) == sentence


def test_a_disbursement_has_tax_rows_only_where_they_are_published(books: Office) -> None:
    tax = {"CheckNo": "5551", "PKey": "K1", "TaxCode": "CO-TAX", "TaxAmount": "1.00"}
    for prefix, status in (("cv", 201), ("cd", 400)):
        body = {**check(prefix, "C1"), f"{prefix}DetailTax": [tax]}
        body[f"{prefix}Detail"][0]["PKey"] = "K1"
        assert books.enter_as(prefix, body).status_code == status


# --- Payments of vouchers --------------------------------------------------------------------------------------------


def test_a_posted_voucher_is_paid_without_another_posting(books: Office) -> None:
    books.book("ap", vouchers("V1"))
    answer = _pay(books, _payment())
    assert answer.status_code == 201, answer.text
    (head,) = exact(answer)
    assert (head["TransType"], head["PostSeq"], head["Period"], head["Company"]) == ("PP", 2, 202610, "A0")
    rows = books.get("PSALedger/PP")
    assert [(row["Account"], row["Amount"], row["Voucher"], row["Vendor"]) for row in rows] == [
        ("2000.00", Decimal("250.00"), "00000001", "000056"),
        ("1010.00", Decimal("-250.00"), "00000001", "000056"),
    ]
    assert books.twin.totals()["accounts"]["2000.00"] == "0.00"
    assert {row["TransType"] for row in books.get("DataEntry/allLanding")} == {"AP"}


def test_payments_can_need_a_posting(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), vendor_payments_posted_at_once=False)
    office.book("ap", vouchers("V1"))
    (head,) = exact(_pay(office, _payment()))
    assert (head["PostSeq"], office.get("PSALedger/PP")) == (0, [])
    assert office.post(head["Batch"], transtype="PP").posted == ["1"]
    assert len(office.get("PSALedger/PP", **where(("Batch", "=", head["Batch"])))) == 2


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ({"Voucher": ""}, "Voucher is required."),
        ({"Voucher": "00000009"}, "Voucher 00000009 does not exist."),
        ({"Vendor": "000059"}, "Voucher 00000001 does not exist."),
        ({"CheckNo": ""}, "Check Number is required."),
        ({"BankCode": "NONE"}, "Bank Code NONE does not exist."),
        ({"BankCode": "BARE"}, "No account is set up for bank BARE."),
        ({"Payment": None}, "Payment is required."),
        ({"LiabCode": "Bare"}, "Liability Code Bare does not exist."),
        ({"Bogus": 1}, "Field Bogus does not exist. Field Bogus does not exist."),
    ],
)
def test_a_payment_that_breaks_a_rule_is_refused_and_nothing_is_kept(
    books: Office, line: dict[str, Any], sentence: str
) -> None:
    books.book("ap", vouchers("V1"))
    answer = _pay(books, _payment(**line))
    assert (answer.status_code, answer.json()["message"]) == (400, sentence)
    assert "PP" not in books.twin.totals()["types"]


def test_a_voucher_that_is_not_posted_cannot_be_paid(books: Office) -> None:
    books.enter_as("ap", vouchers("V1"))
    assert _pay(books, _payment()).json()["message"] == "Voucher 00000001 does not exist."


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], "APPPCHECKS is required."),
        ({"TransType": "PP"}, "APPPCHECKS is required."),
        ({**_payment(), "TransType": "EP"}, "Transaction Type EP does not exist."),
        ({**_payment(), "Company": "ZZ"}, "Company ZZ does not exist."),
    ],
)
def test_a_payment_without_what_names_it_is_refused(books: Office, body: object, sentence: str) -> None:
    answer = _pay(books, body)
    assert (answer.status_code, answer.json()["message"]) == (400, sentence)


def test_no_payment_lands_in_a_closed_period(books: Office) -> None:
    books.book("ap", vouchers("V1"))
    books.twin.set_period_closed(202610, closed=True)
    assert "Period 202610 is closed." in _pay(books, _payment()).json()["message"]
