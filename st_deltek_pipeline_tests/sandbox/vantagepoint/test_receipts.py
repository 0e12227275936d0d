"""Cash receipts, and the receivables that follow them (vantagepoint.md sections 4.2 and 4.7)."""

from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline_tests.sandbox.vantagepoint.conftest import OpenOffice
from st_deltek_pipeline_tests.sandbox.vantagepoint.full_books import applied, full_books, receipt, receipts
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import Office, exact, one_invoice, where


@pytest.fixture
def owed(books: Office) -> Office:
    """Return the books with 100.00 open on INV-1001 of project P100."""
    books.enter_and_post(one_invoice("I1"))
    return books


def _balance(office: Office, invoice: str = "INV-1001") -> Decimal:
    (row,) = office.get("ARReview/ARBalance", **where(("Invoice", "=", invoice)))
    return row["Balance"]


# --- Entry -----------------------------------------------------------------------------------------------------------


def test_a_receipt_file_is_entered_and_read_back(owed: Office) -> None:
    answer = owed.enter_as("cr", receipts("R1", DefaultBank="OPER"))
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{owed.url}/DataEntry/crControl/R1"
    (control,) = exact(answer)
    assert (control["Total"], control["DiffTotal"]) == (Decimal("100.00"), 0)
    assert (control["DefaultBankDescription"], control["BankCurrencyCode"]) == ("Operating", "USD")
    (master,) = owed.get("DataEntry/crMaster/R1")
    assert (master["RefNo"], master["BankCode"], master["StatusDescription"]) == ("PAY-1", "OPER", "In Progress")
    (detail,) = owed.get("DataEntry/crDetail/R1")
    assert (detail["Invoice"], detail["Amount"], detail["WBS2"]) == ("INV-1001", Decimal("100.00"), " ")
    assert (detail["WBS1Name"], detail["Org"], detail["AccountName"]) == (
        "Project P100",
        "A0.10",
        "Accounts receivable",
    )


def test_a_receipt_takes_the_bank_of_its_file(owed: Office) -> None:
    owed.enter_as("cr", receipts("R1", [receipt(BankCode="")], DefaultBank="OPER"))
    assert owed.get("DataEntry/crMaster/R1")[0]["BankCode"] == "OPER"


@pytest.mark.parametrize(
    ("master", "detail", "sentence"),
    [
        ({"RefNo": ""}, {}, "Reference Number is required."),
        ({"TransDate": ""}, {}, "Transaction Date is required."),
        ({"BankCode": ""}, {}, "Bank Code is required."),
        ({"BankCode": "NONE"}, {}, "Bank Code NONE does not exist."),
        ({"BankCode": "OLD"}, {}, "Bank Code OLD is not active."),
        ({"Bogus": 1}, {}, "Field Bogus does not exist. Field Bogus does not exist."),
        ({"RefNo": "1234567890123"}, {}, None),
        ({}, {"WBS1": ""}, "Project is required."),
        ({}, {"WBS1": "P900"}, "Project P900 does not exist."),
        ({}, {"WBS1": "P300"}, "Project P300 is not active."),
        ({}, {"WBS1": "P200"}, "Phase is required for Project P200."),
        ({}, {"Account": "9999"}, "Account 9999 does not exist."),
        ({}, {"Account": "4000.00"}, "Account 4000.00 is not mapped as an accounts receivable account."),
        ({}, {"Invoice": "INV-9999"}, "Invoice INV-9999 does not exist."),
        ({}, {"WBS1": "P500"}, "Invoice INV-1001 does not exist."),
        ({}, {"Amount": None}, "Amount is required."),
        ({}, {"TaxCode": "NONE"}, "Tax Code NONE does not exist."),
        ({}, {"Retainer": "maybe"}, "The value 'maybe' is not valid for field Retainer."),
        ({}, {"RefNo": "PAY-2"}, "Record R1|PAY-2 does not exist."),
    ],
)
def test_a_receipt_that_breaks_a_rule_is_refused_and_nothing_is_kept(
    owed: Office, master: dict[str, Any], detail: dict[str, Any], sentence: str | None
) -> None:
    body = receipts("R1", [{**receipt(), **master}], [{**applied(), **detail}])
    found = owed.refusal_as("cr", body)
    expected = sentence or (
        "String or binary data would be truncated in table 'SUMMIT.dbo.crMaster', column 'RefNo'. "
        "Truncated value: '123456789012'.\r\nThe statement has been terminated."
    )
    assert found == expected
    assert owed.get("DataEntry/crLanding") == []


def test_one_reference_comes_once_in_a_file_and_the_wrong_record_is_named(owed: Office) -> None:
    answer = owed.enter_as("cr", receipts("R1", [receipt(), receipt()]))
    assert answer.json() == {
        "message": "Record R1|PAY-1 already exists and cannot be added.",
        "detail": "crMaster 2: PAY-1",
    }


def test_a_batch_is_unique_within_its_type_only(owed: Office) -> None:
    assert owed.enter_as("cr", receipts("I1")).status_code == 201
    assert owed.refusal_as("cr", receipts("I1")) == "Record I1 already exists and cannot be added."
    assert owed.get("DataEntry/inControl/I1")[0]["Posted"] == "Y"


def test_a_batch_can_be_made_unique_over_all_types(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), batch_unique_per="database")
    office.enter_and_post(one_invoice("I1"))
    assert "already exists" in office.refusal_as("cr", receipts("I1"))
    assert office.enter_as("cr", receipts("R1")).status_code == 201


def test_what_a_tenant_assumes_about_applications_can_be_switched(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), receipt_of_unknown_invoice="accept", receipt_account="any")
    body = receipts("R1", details=[applied(Invoice="INV-9999"), applied(Account="2200.00")])
    assert office.enter_as("cr", body).status_code == 201
    office = open_office(world=full_books(), receipt_over_balance="refuse")
    office.enter_and_post(one_invoice("I1"))
    body = receipts("R1", details=[applied("60.00"), applied("40.01")])
    sentence = "The amount is more than the balance 100.00 of invoice INV-1001 on project P100."
    assert office.refusal_as("cr", body) == sentence
    assert office.enter_as("cr", receipts("R1", details=[applied("60.00"), applied("40.00")])).status_code == 201


def test_a_bank_can_number_references_itself(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), automatic_receipt_references=True)
    office.enter_and_post(one_invoice("I1"))
    rows = office.book("cr", receipts("R1", [receipt("")], [applied(reference="")]))
    assert {row["RefNo"] for row in rows} == {"00000001"}


def test_a_receipt_file_is_changed_and_deleted_until_it_is_posted(owed: Office) -> None:
    path = "DataEntry/crControl/R1"
    owed.enter_as("cr", receipts("R1"))
    assert exact(owed.send("PUT", path, {"DefaultBank": "OPER"}))[0]["DefaultBank"] == "OPER"
    assert "Bank Code NONE" in owed.send("PUT", path, {"DefaultBank": "NONE"}).json()["message"]
    assert owed.send("DELETE", path).status_code == 200
    assert owed.send("GET", path).status_code == 404
    owed.book("cr", receipts("R1"))
    assert owed.send("DELETE", path).json()["message"] == "Record R1 is posted and cannot be deleted."


# --- Posting ---------------------------------------------------------------------------------------------------------


def test_a_receipt_credits_the_receivables_and_the_system_debits_the_bank(owed: Office) -> None:
    rows = owed.book("cr", receipts("R1", details=[applied("66.67", PKey="K1"), applied("33.33", Description="rest")]))
    found = [(row["Account"], row["Amount"], row["AutoEntry"], row["SubType"], row["Line"]) for row in rows]
    assert found == [
        ("1100.00", Decimal("-66.67"), "N", "R", 1),
        ("1100.00", Decimal("-33.33"), "N", "R", 2),
        ("1010.00", Decimal("100.00"), "Y", "", 3),
    ]
    first, second, cash = rows
    assert (first["PKey"], first["TransType"], first["RefNo"], first["BankCode"]) == ("K1", "CR", "PAY-1", "OPER")
    assert (first["Invoice"], first["WBS1"], first["Desc1"], second["Desc2"]) == ("INV-1001", "P100", "Check", "rest")
    assert (cash["Invoice"], cash["WBS1"]) == ("", " ")


def test_an_out_of_balance_receipt_file_is_refused_when_it_is_posted(owed: Office) -> None:
    (control,) = exact(owed.enter_as("cr", {**receipts("R1"), "Total": Decimal("99.99")}))
    assert control["DiffTotal"] == Decimal("-0.01")
    result = owed.post("R1", transtype="CR")
    assert result.posted == ["0"]
    assert result.message == ("Cash Receipts, File: R1, 0 of 1 records posted, File R1 is out of balance.[CRLF]")
    assert owed.get("PSALedger/CR") == []
    assert _balance(owed) == Decimal("100.00")


def test_a_bank_without_an_account_stops_the_posting(owed: Office) -> None:
    owed.enter_as("cr", receipts("R1", [receipt(BankCode="BARE")]))
    assert "No account is set up for bank BARE." in owed.post("R1", transtype="CR").message
    assert owed.get("DataEntry/crControl/R1")[0]["Posted"] == "N"


def test_a_batch_is_looked_for_among_its_own_type(owed: Office) -> None:
    owed.enter_as("cr", receipts("R1"))
    assert "File R1 does not exist." in owed.post("R1", transtype="IN").message


def test_types_share_the_posting_sequence_of_a_period(owed: Office) -> None:
    owed.enter_as("cr", receipts("R1"))
    assert owed.post("R1", transtype="CR").values("postseqList") == ["2"]


@pytest.mark.parametrize(
    ("conditions", "batches"),
    [
        ([("RefNo", "in", "PAY-1,PAY-9")], {"R1"}),
        ([("RefNo", "=", "pay-2")], {"R2"}),
        ([("Invoice", "=", "INV-1001")], {"R1", "R2"}),
        ([("Batch", "=", "R2")], {"R2"}),
        ([("Invoice", "in", "INV-1001,INV-9"), ("RefNo", "in", "PAY-2,PAY-9")], {"R2"}),
        ([("RefNo", "in", "PAY-1,PAY-2"), ("Batch", "=", "R1")], {"R1"}),
        ([("Batch", "=", "R1"), ("RefNo", "=", "PAY-2")], set()),
        ([("PostDate", ">=", "2026-10-01"), ("Batch", "in", "R1,R2")], {"R1", "R2"}),
        ([("PostDate", ">=", "2027-01-01")], set()),
    ],
)
def test_the_ledger_of_receipts_is_filtered_by_reference_invoice_and_batch(
    owed: Office, conditions: list[tuple[str, str, str]], batches: set[str]
) -> None:
    owed.book("cr", receipts("R1", details=[applied("60")]))
    owed.book("cr", receipts("R2", [receipt("PAY-2")], [applied("40", "PAY-2")]))
    assert {row["Batch"] for row in owed.get("PSALedger/CR", **where(*conditions))} == batches


def test_an_invoices_rows_of_the_ledger_leave_out_the_rest_of_their_file_and_keep_the_order_of_posting(
    owed: Office,
) -> None:
    owed.enter_and_post(one_invoice("I2", "INV-1002"))
    owed.book("cr", receipts("R1", details=[applied("40"), applied("5", Invoice="INV-1002"), applied("20")]))
    owed.book("cr", receipts("R2", [receipt("PAY-2")], [applied("-60", "PAY-2")]))
    rows = owed.get("PSALedger/CR", **where(("Invoice", "in", "INV-1001,INV-9")))
    assert [(row["Batch"], row["Amount"]) for row in rows] == [
        ("R1", Decimal("-40.00")),
        ("R1", Decimal("-20.00")),
        ("R2", Decimal("60.00")),
    ]


# --- Receivables -----------------------------------------------------------------------------------------------------


def test_the_balance_of_an_invoice_follows_its_receipts(owed: Office) -> None:
    owed.book("cr", receipts("R1", details=[applied("66.67")]))
    assert _balance(owed) == Decimal("33.33")
    owed.book("cr", receipts("R2", details=[applied("-66.67")]))
    assert _balance(owed) == Decimal("100.00")
    owed.book("cr", receipts("R3", details=[applied("130.00")]))
    (row,) = owed.get("ARReview/ARBalance")
    assert (row["Balance"], row["OriginalAmt"], row["InvoiceDate"]) == (
        Decimal("-30.00"),
        Decimal("100.00"),
        "2026-10-05T00:00:00.000",
    )


def test_entered_but_not_posted_changes_no_balance(owed: Office) -> None:
    owed.enter_as("cr", receipts("R1"))
    assert _balance(owed) == Decimal("100.00")


def test_an_invoice_number_is_padded_in_receipts_as_in_invoices(books: Office) -> None:
    books.enter_and_post(one_invoice("I1", "4711"))
    books.book("cr", receipts("R1", details=[applied("40", Invoice="4711")]))
    assert _balance(books, "0004711") == Decimal("60.00")


def test_money_on_account_has_a_blank_invoice(owed: Office, open_office: OpenOffice) -> None:
    owed.book("cr", receipts("R1", details=[applied("25.00", Invoice="")]))
    balances = {row["Invoice"]: row["Balance"] for row in owed.get("ARReview/ARBalance")}
    assert balances == {"INV-1001": Decimal("100.00"), "": Decimal("-25.00")}
    other = open_office(world=full_books(), on_account_in_ar_balance=False)
    other.book("cr", receipts("R1", details=[applied("25.00", Invoice="")]))
    assert other.get("ARReview/ARBalance") == []


def test_money_that_is_no_receivable_leaves_the_receivables_alone(books: Office) -> None:
    lines = [applied("25.00", Invoice="", Account="4000.00"), applied("5.00", Invoice="", WBS1="", Account="2200.00")]
    rows = books.book("cr", receipts("R1", details=lines))
    assert [(row["Account"], row["SubType"], row["WBS1"]) for row in rows[:2]] == [
        ("4000.00", "", "P100"),
        ("2200.00", "", " "),
    ]
    assert books.get("ARReview/ARBalance") == []


def test_receipts_are_reviewed_by_a_list_of_project_and_invoice(owed: Office) -> None:
    owed.book("cr", receipts("R1", details=[applied("66.67"), applied("10.00", Retainer="Y", Invoice="")]))
    (applied_row,) = owed.get("ARReview/ARBalanceDetailCR", ARWBS1InvoiceKey="P100|INV-1001")
    assert (applied_row["CashReceiptDate"], applied_row["TransType"], applied_row["SubType"]) == (
        "2026-10-05T00:00:00.000",
        "CR",
        "R",
    )
    assert (applied_row["Amount"], applied_row["RetainerAmount"]) == (Decimal("66.67"), 0)
    (retainer,) = owed.get("ARReview/ARBalanceDetailCR", ARWBS1InvoiceKey="P100|")
    assert (retainer["Amount"], retainer["RetainerAmount"], retainer["SubType"]) == (0, Decimal("10.00"), "R")
    assert owed.send("GET", "ARReview/ARBalanceDetailCR").status_code == 400
    (invoiced,) = owed.get("ARReview/ARBalanceDetail", ARWBS1InvoiceKey="P100|INV-1001")
    assert invoiced["InvoiceAmount"] == Decimal("100.00")
    owed.twin.set_switches({"receipt_review_sign": "ledger"})
    assert owed.get("ARReview/ARBalanceDetailCR", ARWBS1InvoiceKey="P100|INV-1001")[0]["Amount"] == Decimal("-66.67")


# --- What the sandbox shows ------------------------------------------------------------------------------------------


def test_landing_lists_keep_types_apart_and_all_landing_has_them_all(owed: Office) -> None:
    owed.enter_as("cr", receipts("R1"))
    assert [row["Batch"] for row in owed.get("DataEntry/inLanding")] == ["I1"]
    (row,) = owed.get("DataEntry/crLanding")
    assert (row["Batch"], row["TransType"], row["TransTypeDesc"]) == ("R1", "CR", "Cash Receipts")
    assert {row["Batch"] for row in owed.get("DataEntry/allLanding")} == {"I1", "R1"}


def test_totals_of_invoices_stay_what_they_are_and_every_type_has_its_own(owed: Office) -> None:
    before = owed.twin.totals()
    owed.book("cr", receipts("R1", details=[applied("66.67")]))
    after = owed.twin.totals()
    assert {name: after[name] for name in ("files", "invoices", "amount", "ledger", "days")} == {
        name: before[name] for name in ("files", "invoices", "amount", "ledger", "days")
    }
    assert after["types"]["CR"] == {
        "files": {"entered": 1, "posted": 1},
        "documents": {"entered": 1, "posted": 1},
        "rows": 2,
        "other_side": "66.67",
        "debits": "66.67",
        "days": {"2026-10-05": "66.67"},
    }
    assert after["accounts"] == {"1010.00": "66.67", "1100.00": "33.33", "4000.00": "-100.00"}
