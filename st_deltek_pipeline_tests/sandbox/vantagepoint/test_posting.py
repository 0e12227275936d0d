"""Posting, the ledger and AR review (vantagepoint.md sections 4.6 to 4.8)."""

from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline_tests.sandbox.vantagepoint.conftest import OpenOffice
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import (
    Office,
    detail,
    invoice_file,
    master,
    one_invoice,
    where,
)


def _taxed(batch: str = "B1", invoice: str = "INV-1001", wbs1: str = "P100") -> dict[str, Any]:
    lines = [
        detail(invoice, wbs1, "100.10", PKey="K1"),
        detail(invoice, wbs1, "8.82", PKey="K2", InvoiceSection="T", Account="2200.00", TaxCode="CO-TAX"),
    ]
    return invoice_file(batch, [master(invoice, wbs1)], lines)


# --- The answer ------------------------------------------------------------------------------------------------------


def test_the_answer_is_the_published_almost_json_as_a_json_string(office: Office) -> None:
    office.enter(one_invoice("B1"))
    assert office.post("B1").text == (
        '{"typeList":"IN""batchList":"B1","retList":"1","periodList":"202610","postseqList":"1",'
        '"msg":"Invoices, File: B1, 1 of 1 records posted, Posting Sequence: 1[CRLF]"}'
    )


def test_parms_may_be_one_object(office: Office) -> None:
    office.enter(one_invoice("B1"))
    parms = {"batch": "B1", "clientcompany": "A0", "description": "x", "period": "202610", "transtype": "IN"}
    answer = office.send("PUT", "DataEntry/PostTransFile", {"parms": parms})
    assert '"retList":"1"' in answer.json()


def test_several_files_have_their_entries_side_by_side(office: Office) -> None:
    office.enter(one_invoice("B1"))
    office.enter(one_invoice("B3"))
    result = office.post("B1", "B2", "B3")
    assert result.values("typeList") == ["IN", "IN", "IN"]
    assert result.values("batchList") == ["B1", "B2", "B3"]
    assert result.posted == ["1", "0", "1"]
    assert result.values("postseqList") == ["1", "0", "2"]
    assert result.values("periodList") == ["202610"] * 3
    assert result.message.split("[CRLF]")[1] == "Invoices, File: B2, 0 of 0 records posted, File B2 does not exist."


@pytest.mark.parametrize("body", [{}, {"parms": []}, {"parms": "B1"}, []])
def test_a_posting_without_parms_is_400(office: Office, body: object) -> None:
    assert office.send("PUT", "DataEntry/PostTransFile", body).status_code == 400


def test_an_unknown_parameter_is_refused(office: Office) -> None:
    answer = office.send("PUT", "DataEntry/PostTransFile", {"parms": {"file": "B1"}})
    assert answer.json()["message"].startswith("Field file does not exist.")


# --- What is not posted ----------------------------------------------------------------------------------------------


def test_a_posted_file_is_not_posted_again(office: Office) -> None:
    office.enter_and_post(one_invoice("B1"))
    again = office.post("B1")
    assert (again.posted, again.values("postseqList")) == (["0"], ["0"])
    assert "File B1 is already posted." in again.message
    assert len(office.ledger()) == 2


def test_nothing_is_posted_into_a_period_that_closed_after_entry(office: Office) -> None:
    office.enter(one_invoice("B1"))
    office.twin.set_period_closed(202610, closed=True)
    result = office.post("B1")
    assert result.posted == ["0"]
    assert "Period 202610 is closed." in result.message
    assert office.get("DataEntry/inControl/B1")[0]["Posted"] == "N"
    assert office.ledger() == []


def test_a_file_out_of_balance_is_posted_only_where_control_totals_are_ignored(open_office: OpenOffice) -> None:
    body = {**one_invoice("B1"), "Total": Decimal("99.99")}
    office = open_office()
    office.enter(body)
    assert "File B1 is out of balance." in office.post("B1").message
    office = open_office(ignore_control_totals=True)
    office.enter(body)
    assert office.post("B1").posted == ["1"]


def test_a_file_without_lines_is_not_posted(office: Office) -> None:
    office.enter(invoice_file("B1", [master()], []))
    assert "File B1 has no transactions." in office.post("B1").message


def test_without_a_receivables_account_nothing_is_posted(office: Office) -> None:
    office.enter(one_invoice("B1"))
    office.twin.state.world.auto_posting.clear()
    assert "No accounts receivable account is set up for company A0." in office.post("B1").message


def test_a_transaction_type_that_does_not_exist_is_not_posted(office: Office) -> None:
    assert "Transaction Type XX does not exist." in office.post("B1", transtype="XX").message


def test_without_the_right_to_post_the_answer_is_403(open_office: OpenOffice) -> None:
    office = open_office(role_may_post=False)
    office.enter(one_invoice("B1"))
    parms = {"batch": "B1", "transtype": "IN"}
    assert office.send("PUT", "DataEntry/PostTransFile", {"parms": parms}).status_code == 403


# --- The period ------------------------------------------------------------------------------------------------------


def test_posting_lands_in_the_sessions_period_whatever_file_and_request_say(office: Office) -> None:
    office.enter(one_invoice("B1"))
    office.send("PUT", "Settings/ActivePeriod/202611")
    result = office.post("B1", period="202610")
    assert (result.posted, result.values("periodList")) == (["1"], ["202611"])
    assert {row["Period"] for row in office.ledger()} == {202611}
    assert office.get("DataEntry/inControl/B1")[0]["Period"] == 202611


def test_a_request_for_another_period_can_be_refused(open_office: OpenOffice) -> None:
    office = open_office(period_mismatch="refuse")
    office.enter(one_invoice("B1"))
    assert "Period 202611 is not the active period 202610." in office.post("B1", period="202611").message


def test_a_request_for_another_company_can_be_refused(open_office: OpenOffice) -> None:
    office = open_office(company_mismatch="refuse")
    office.enter(one_invoice("B1"))
    assert "Company B0 is not the active company A0." in office.post("B1", clientcompany="B0").message


def test_posting_sequences_count_from_one_in_each_period(office: Office) -> None:
    for batch in ("B1", "B2"):
        office.enter_and_post(one_invoice(batch))
    office.send("PUT", "Settings/ActivePeriod/202611")
    office.enter(one_invoice("B3"))
    assert office.post("B3").values("postseqList") == ["1"]
    assert {(row["Batch"], row["Period"], row["PostSeq"]) for row in office.ledger()} == {
        ("B1", 202610, 1),
        ("B2", 202610, 2),
        ("B3", 202611, 1),
    }


# --- The ledger ------------------------------------------------------------------------------------------------------


def test_each_line_is_posted_negative_and_the_invoice_as_a_receivable(office: Office) -> None:
    office.enter_and_post(_taxed())
    rows = office.ledger()
    found = [(row["Account"], row["Amount"], row["InvoiceSection"], row["TaxCode"], row["Line"]) for row in rows]
    assert found == [
        ("4000.00", Decimal("-100.10"), "F", "", 1),
        ("2200.00", Decimal("-8.82"), "T", "CO-TAX", 2),
        ("1100.00", Decimal("108.92"), "", "", 3),
    ]
    assert [row["PKey"] for row in rows[:2]] == ["K1", "K2"]
    assert [row["AutoEntry"] for row in rows] == ["N", "N", "Y"]
    revenue = rows[0]
    assert (revenue["TransType"], revenue["SubType"], revenue["Batch"]) == ("IN", "", "B1")
    assert (revenue["Invoice"], revenue["RefNo"], revenue["Desc1"]) == ("INV-1001", "INV-1001", "Job 7")
    assert (revenue["WBS1"], revenue["WBS2"], revenue["WBS3"], revenue["Org"]) == ("P100", " ", " ", "A0.10")
    assert revenue["TransDate"] == "2026-10-05T00:00:00.000"
    assert revenue["PostDate"] == "2026-10-06T15:30:00.000"


def test_the_ledger_of_every_file_sums_to_nothing(office: Office) -> None:
    office.enter_and_post(_taxed("B1"))
    office.enter_and_post(invoice_file("B2", [master()], [detail(amount="-30.01"), detail(amount="0.01")]))
    assert sum(row["Amount"] for row in office.ledger()) == 0


def test_retainage_and_interest_have_subtypes_of_their_own(office: Office) -> None:
    lines = [detail(amount="100.00", RetAmount=Decimal(10)), detail(amount="2.00", InvoiceSection="I")]
    office.enter_and_post(invoice_file("B1", [master()], lines, RetTotal=10))
    found = [(row["SubType"], row["Amount"]) for row in office.ledger()]
    expected = [("", "-100.00"), ("I", "-2.00"), ("", "92.00"), ("R", "10.00")]
    assert found == [(subtype, Decimal(amount)) for subtype, amount in expected]


def test_posting_shows_in_control_and_master(office: Office) -> None:
    office.enter_and_post(one_invoice("B1"))
    assert office.get("DataEntry/inControl/B1")[0]["Posted"] == "Y"
    (row,) = office.get("DataEntry/inMaster/B1")
    assert (row["Posted"], row["StatusDescription"]) == ("Y", "Posted")


@pytest.mark.parametrize(
    ("conditions", "batches"),
    [
        ([("Batch", "=", "B2")], {"B2"}),
        ([("Batch", "in", "B1,B3,B9")], {"B1", "B3"}),
        ([("Invoice", "in", "INV-1002,INV-1003")], {"B2", "B3"}),
        ([("Invoice", "eq", "inv-1002 ")], {"B2"}),
        ([("Invoice", "in", "INV-1002"), ("Batch", "=", "B1")], set()),
        ([("Period", "=", "202610")], {"B1", "B2", "B3"}),
        ([("Period", "=", "202611")], set()),
        ([("PostDate", ">=", "2026-10-06"), ("PostDate", "<", "2026-10-07")], {"B1", "B2", "B3"}),
        ([("PostDate", "ge", "2026-10-06T15:30:00"), ("PostDate", "lt", "2026-10-06T15:31:00")], {"B1"}),
        ([("WBS1", "=", "P500")], {"B3"}),
        ([("Amount", ">", "0"), ("Batch", "ne", "B1")], {"B2", "B3"}),
    ],
)
def test_the_ledger_is_filtered_as_integrations_do(
    office: Office, conditions: list[tuple[str, str, str]], batches: set[str]
) -> None:
    for number, wbs1 in ((1, "P100"), (2, "P100"), (3, "P500")):
        office.enter_and_post(one_invoice(f"B{number}", f"INV-100{number}", wbs1))
        office.clock.advance(60)
    assert {row["Batch"] for row in office.ledger(**where(*conditions))} == batches


def test_the_ledger_of_other_types_is_empty(office: Office) -> None:
    office.enter_and_post(one_invoice("B1"))
    assert office.get("PSALedger/CR") == []


def test_the_ledger_can_lag_behind_a_confirmed_posting(open_office: OpenOffice) -> None:
    office = open_office(ledger_lag_seconds=5)
    office.enter_and_post(one_invoice("B1"))
    assert office.ledger() == []
    assert office.get("ARReview/ARBalance") == []
    assert office.get("DataEntry/inControl/B1")[0]["Posted"] == "Y"
    assert len(office.twin.ledger_dump()) == 2
    office.clock.advance(5)
    assert len(office.ledger()) == 2
    assert len(office.get("ARReview/ARBalance")) == 1


def test_hidden_fields_are_left_out_of_the_ledger_but_not_out_of_the_dump(open_office: OpenOffice) -> None:
    office = open_office(hidden_fields=("PSALedger.Amount",))
    office.enter_and_post(one_invoice("B1"))
    assert "Amount" not in office.ledger()[0]
    assert "Amount" in office.twin.ledger_dump()[0]


def test_a_file_of_a_thousand_invoices_is_entered_and_posted(office: Office) -> None:
    numbers = [f"INV-{number:05}" for number in range(1000)]
    lines = [detail(number, amount=amount) for number in numbers for amount in ("100.10", "20.00", "8.82")]
    office.enter_and_post(invoice_file("B1", [master(number) for number in numbers], lines))
    assert office.twin.totals()["ledger"] == {"rows": 4000, "receivables": "128920.00", "lines": "-128920.00"}
    assert len(office.ledger(**where(("Invoice", "in", "INV-00001,INV-00999")))) == 8


# --- AR review -------------------------------------------------------------------------------------------------------


def test_the_open_item_is_project_and_invoice_with_the_projects_billing_client(office: Office) -> None:
    office.enter_and_post(_taxed("B1"))
    office.enter_and_post(_taxed("B2", wbs1="P500"))
    first, second = office.get("ARReview/ARBalance")
    assert (first["WBS1"], first["Invoice"], first["Balance"]) == ("P100", "INV-1001", Decimal("108.92"))
    assert (first["BillingClientID"], first["BillingClient"]) == ("F1", "Acme Höme")
    assert (second["WBS1"], second["BillingClientID"]) == ("P500", "F2")
    assert first["InvoiceDate"] == "2026-10-05T00:00:00.000"


def test_the_same_number_on_the_same_project_adjusts_the_invoice(office: Office) -> None:
    office.enter_and_post(one_invoice("B1", amount="100.00"))
    office.enter_and_post(one_invoice("B2", amount="-30.01"))
    (balance,) = office.get("ARReview/ARBalance")
    assert balance["Balance"] == Decimal("69.99")


def test_balances_can_be_filtered(office: Office) -> None:
    office.enter_and_post(one_invoice("B1", "INV-1001"))
    office.enter_and_post(one_invoice("B2", "INV-1002"))
    found = office.get("ARReview/ARBalance", **where(("Invoice", "in", "INV-1002")))
    assert [row["Invoice"] for row in found] == ["INV-1002"]


def test_balance_details_are_read_by_a_list_of_project_and_invoice(office: Office) -> None:
    lines = [detail("INV-1001", "P200", "5.00", WBS2="010"), detail("INV-1001", "P200", "7.00", WBS2="020", WBS3="A1")]
    masters = [master("INV-1001", "P200", WBS2="010"), master("INV-1001", "P200", WBS2="020", WBS3="A1")]
    office.enter_and_post(invoice_file("B1", masters, lines))
    office.enter_and_post(one_invoice("B2", "INV-1002"))
    rows = office.get("ARReview/ARBalanceDetail", ARWBS1InvoiceKey="P200|INV-1001,P100|INV-9999")
    assert [(row["WBS2"], row["WBS3"], row["InvoiceAmount"]) for row in rows] == [
        ("010", " ", Decimal("5.00")),
        ("020", "A1", Decimal("7.00")),
    ]
    assert {row["Account"] for row in rows} == {"1100.00"}
    assert office.send("GET", "ARReview/ARBalanceDetail").status_code == 400


# --- What the sandbox shows ------------------------------------------------------------------------------------------


def test_totals_count_what_was_entered_and_posted(office: Office) -> None:
    office.enter_and_post(_taxed("B1"))
    office.enter(one_invoice("B2", amount="1.00"))
    totals = office.twin.totals()
    assert totals["files"] == {"entered": 2, "posted": 1}
    assert totals["invoices"] == {"entered": 2, "posted": 1}
    assert totals["amount"] == {"entered": "109.92", "posted": "108.92"}
    assert totals["ledger"] == {"rows": 3, "receivables": "108.92", "lines": "-108.92"}
    assert totals["days"] == {"2026-10-05": {"invoices": 1, "amount": "108.92"}}
    assert totals["projects"] == {"P100": {"invoices": 1, "amount": "108.92"}}
    assert totals["periods"] == {"202610": {"invoices": 1, "amount": "108.92"}}
