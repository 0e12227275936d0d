"""Transaction entry for AR invoices (vantagepoint.md section 4)."""

from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline_tests.sandbox.vantagepoint.conftest import OpenOffice
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import (
    Office,
    detail,
    exact,
    invoice_file,
    master,
    one_invoice,
    where,
)

BATCH = "48aed4940d014a319758a9921362510f"


def _with_master(**fields: Any) -> dict[str, Any]:
    row = master(**fields)
    return invoice_file(BATCH, [row], [detail(row["Invoice"], row["WBS1"], WBS2=row["WBS2"], WBS3=row["WBS3"])])


def _with_detail(**fields: Any) -> dict[str, Any]:
    return invoice_file(BATCH, [master()], [{**detail(), **fields}])


# --- What is accepted ------------------------------------------------------------------------------------------------


def test_a_whole_file_is_entered_in_one_request_and_answered_with_its_control_row(office: Office) -> None:
    details = [detail(amount="100.10"), detail(amount="8.82", InvoiceSection="T", Account="2200.00", TaxCode="CO-TAX")]
    answer = office.enter(invoice_file(BATCH, [master()], details))
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{office.url}/DataEntry/inControl/{BATCH}"
    (control,) = exact(answer)
    assert control["Total"] == control["SumTotal"] == Decimal("108.92")
    assert control["DiffTotal"] == 0
    assert (control["Posted"], control["Period"], control["Company"]) == ("N", 202610, "A0")
    assert control["Creator"] == "integration"


def test_entered_is_not_posted(office: Office) -> None:
    office.enter(one_invoice(BATCH))
    assert office.ledger() == []
    assert office.get("ARReview/ARBalance") == []


def test_a_control_total_that_differs_is_accepted_and_shown(office: Office) -> None:
    (control,) = exact(office.enter({**one_invoice(BATCH), "Total": 0}))
    assert (control["SumTotal"], control["DiffTotal"]) == (Decimal("100.00"), Decimal("-100.00"))


def test_a_file_reads_back_as_it_was_entered(office: Office) -> None:
    office.enter(invoice_file(BATCH, [master(DueDate="2026-11-04")], [detail(PKey="K1", Amount="100.10")]))
    assert office.get(f"DataEntry/inControl/{BATCH}")[0]["Batch"] == BATCH
    (read_master,) = office.get(f"DataEntry/inMaster/{BATCH}")
    assert (read_master["WBS1"], read_master["WBS2"], read_master["WBS3"]) == ("P100", " ", " ")
    assert read_master["TransDate"] == "2026-10-05T00:00:00.000"
    assert (read_master["WBS1Name"], read_master["ClientName"]) == ("Project P100", "Acme Höme")
    assert (read_master["Status"], read_master["StatusDescription"]) == ("N", "In Progress")
    (read_detail,) = office.get(f"DataEntry/inDetail/{BATCH}")
    assert (read_detail["PKey"], read_detail["Amount"]) == ("K1", Decimal("100.10"))
    assert (read_detail["AccountName"], read_detail["AccountType"]) == ("Service revenue", "4")


def test_details_can_be_filtered(office: Office) -> None:
    rows = [detail("INV-1001"), detail("INV-1002", amount="5")]
    office.enter(invoice_file(BATCH, [master("INV-1001"), master("INV-1002")], rows))
    found = office.get(f"DataEntry/inDetail/{BATCH}", **where(("Invoice", "=", "INV-1002")))
    assert [row["Amount"] for row in found] == [Decimal("5.00")]


@pytest.mark.parametrize("path", ["inControl", "inMaster", "inDetail"])
def test_an_unknown_file_is_404(office: Office, path: str) -> None:
    assert office.send("GET", f"DataEntry/{path}/unknown").status_code == 404


def test_fields_only_answers_carry_may_be_sent_and_blanks_stand_for_nothing(office: Office) -> None:
    extras = {"SumTotal": 100, "DiffTotal": "", "DefaultTaxCode": "", "EndDate": "2026-10-31", "Period": "202610"}
    extras |= {"Selected": "N", "Posted": "N", "Creator": "DELTEK_API"}
    body = invoice_file(
        BATCH,
        [{**master(), "Seq": "", "WBS1Name": "", "ModDate": "", "Status": "N", "Batch": BATCH}],
        [{**detail(), "Amount": "100.00", "RetAmount": "", "AccountName": "", "Batch": BATCH}],
        **extras,
    )
    (control,) = exact(office.enter(body))
    assert (control["Creator"], control["SumTotal"]) == ("DELTEK_API", Decimal("100.00"))


@pytest.mark.parametrize(("sent", "stored"), [("4711", "0004711"), ("INV-1001", "INV-1001"), ("123456", "0123456")])
def test_an_invoice_number_under_seven_characters_is_padded_with_zeros(office: Office, sent: str, stored: str) -> None:
    office.enter(one_invoice(BATCH, sent))
    assert office.get(f"DataEntry/inMaster/{BATCH}")[0]["Invoice"] == stored
    assert office.get(f"DataEntry/inDetail/{BATCH}")[0]["Invoice"] == stored


def test_padding_can_be_switched_off(open_office: OpenOffice) -> None:
    office = open_office(pad_invoice_numbers=False)
    office.enter(one_invoice(BATCH, "4711"))
    assert office.get(f"DataEntry/inMaster/{BATCH}")[0]["Invoice"] == "4711"


def test_a_detail_without_key_gets_one(office: Office) -> None:
    office.enter(invoice_file(BATCH, [master()], [detail(), detail()]))
    keys = {row["PKey"] for row in office.get(f"DataEntry/inDetail/{BATCH}")}
    assert {len(key) for key in keys} == {32}
    assert len(keys) == 2


@pytest.mark.parametrize(("wbs2", "wbs3"), [("010", ""), ("020", "A1")])
def test_an_invoice_can_name_a_lower_level(office: Office, wbs2: str, wbs3: str) -> None:
    assert office.enter(_with_master(wbs1="P200", WBS2=wbs2, WBS3=wbs3)).status_code == 201
    assert office.get(f"DataEntry/inMaster/{BATCH}")[0]["WBS2"] == wbs2


def test_one_invoice_number_may_stand_on_two_projects(office: Office) -> None:
    body = invoice_file(BATCH, [master(), master(wbs1="P500")], [detail(), detail(wbs1="P500")])
    assert office.enter(body).status_code == 201


def test_a_tax_code_is_found_in_any_case(office: Office) -> None:
    assert office.enter(_with_detail(TaxCode="co-tax")).status_code == 201


def test_the_period_of_a_file_is_the_sessions(office: Office) -> None:
    office.send("PUT", "Settings/ActivePeriod/202611")
    (control,) = exact(office.enter(one_invoice(BATCH)))
    assert control["Period"] == 202611


def test_another_period_than_the_sessions_can_be_refused(open_office: OpenOffice) -> None:
    office = open_office(period_mismatch="refuse")
    sentence = office.refusal({**one_invoice(BATCH), "Period": 202611})
    assert sentence == "Period 202611 is not the active period 202610."


def test_a_single_control_can_be_answered_as_an_object(open_office: OpenOffice) -> None:
    assert open_office(single_answers_as_object=True).enter(one_invoice(BATCH)).json()["Batch"] == BATCH


# --- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({**one_invoice(BATCH), "Bogus": 1}, "Field Bogus does not exist. Field Bogus does not exist."),
        (_with_master(Bogus=1), "Field Bogus does not exist. Field Bogus does not exist."),
        (_with_detail(Bogus=1), "Field Bogus does not exist. Field Bogus does not exist."),
        (_with_master(CustServiceTitanID="7"), "Field CustServiceTitanID does not exist. " * 2),
        (one_invoice(""), "Batch is required."),
        ({**one_invoice(BATCH), "Company": "ZZ"}, "Company ZZ does not exist."),
        ({**one_invoice(BATCH), "Period": 209901}, "Period 209901 does not exist."),
        ({**one_invoice(BATCH), "DefaultTaxCode": "NONE"}, "Tax Code NONE does not exist."),
        (_with_master(wbs1="P900"), "Project P900 does not exist."),
        (_with_master(wbs1="p100"), "Project p100 does not exist."),
        (_with_master(wbs1="P300"), "Project P300 is not active."),
        (_with_master(wbs1="P400"), "Project P400 is not active."),
        (_with_master(wbs1="P200"), "Phase is required for Project P200."),
        (_with_master(wbs1="P200", WBS2="020"), "Task is required for Phase 020."),
        (_with_master(wbs1="P200", WBS2="030"), "Phase 030 does not exist."),
        (_with_master(wbs1="P200", WBS2="020", WBS3="A2"), "Task A2 does not exist."),
        (_with_master(wbs1=""), "Project is required."),
        (_with_master(invoice=""), "Invoice is required."),
        (_with_master(TransDate=""), "Transaction Date is required."),
        (_with_master(TransDate="2026-02-30"), "The value '2026-02-30' is not valid for field TransDate."),
        (_with_master(TransDate="10/05/2026"), "The value '10/05/2026' is not valid for field TransDate."),
        (_with_master(CurrencyCode="EUR"), "Currency Code EUR does not exist."),
        (_with_master(Seq="first"), "The value 'first' is not valid for field Seq."),
        (_with_detail(Account="4999"), "Account 4999 does not exist."),
        (_with_detail(Account="4100.00"), "Account 4100.00 is not active."),
        (_with_detail(Account="5000.00"), "Account 5000.00 is not mapped as a revenue or liability account."),
        (_with_detail(Account=""), "Account is required."),
        (_with_detail(Account=4000), "The value '4000' is not valid for field Account."),
        (_with_detail(InvoiceSection="X"), "Invoice Section X does not exist."),
        (_with_detail(InvoiceSection=""), "Invoice Section is required."),
        (_with_detail(TaxCode="NONE"), "Tax Code NONE does not exist."),
        (_with_detail(TaxCode="OLD"), "Tax Code OLD is not active."),
        (_with_detail(Amount=None), "Amount is required."),
        (_with_detail(Retainer="true"), "The value 'true' is not valid for field Retainer."),
        (_with_detail(Invoice="INV-1002"), f"Record {BATCH}|INV-1002|P100|| does not exist."),
        (_with_detail(WBS1="P500"), f"Record {BATCH}|INV-1001|P500|| does not exist."),
        (_with_detail(Batch="other"), "Record other does not exist."),
        (_with_master(Batch="other"), "Record other does not exist."),
        (
            invoice_file(BATCH, [master(), master()], []),
            f"Record {BATCH}|INV-1001|P100|| already exists and cannot be added.",
        ),
        (
            invoice_file(BATCH, [master()], [detail(PKey="K"), detail(PKey="K")]),
            f"Record {BATCH}|INV-1001|P100|||K already exists and cannot be added.",
        ),
        ({**one_invoice(BATCH), "inMaster": ["text"]}, "The value 'text' is not valid for field inMaster."),
    ],
)
def test_a_file_that_breaks_a_rule_is_refused_in_the_observed_style(
    office: Office, body: dict[str, Any], sentence: str
) -> None:
    assert office.refusal(body).strip() == sentence.strip()
    assert office.send("GET", f"DataEntry/inControl/{BATCH}").status_code == 404


@pytest.mark.parametrize("amount", ['"abc"', "true", "[]", '"NaN"', "1e15", '"1.00001"'])
def test_an_amount_that_is_no_amount_is_refused(office: Office, amount: str) -> None:
    control = f'"Batch":"{BATCH}","inMaster":[{{"Invoice":"INV-1001","WBS1":"P100","TransDate":"2026-10-05"}}]'
    line = f'{{"Invoice":"INV-1001","WBS1":"P100","InvoiceSection":"F","Account":"4000.00","Amount":{amount}}}'
    answer = office.enter(f'{{{control},"inDetail":[{line}]}}')
    assert answer.status_code == 400
    assert answer.json()["message"].endswith("is not valid for field Amount.")


def test_a_text_that_is_too_long_is_refused_in_sql_servers_words(office: Office) -> None:
    sentence = office.refusal(one_invoice(BATCH, "INV-123456789"))
    assert sentence == (
        "String or binary data would be truncated in table 'SUMMIT.dbo.inMaster', column 'Invoice'. "
        "Truncated value: 'INV-12345678'.\r\nThe statement has been terminated."
    )


@pytest.mark.parametrize(
    ("body", "column"),
    [
        (one_invoice("B" * 33), "Batch"),
        ({**one_invoice(BATCH), "Description": "D" * 41}, "Description"),
        (_with_master(TransComment="C" * 81), "TransComment"),
        (_with_detail(PKey="K" * 33), "PKey"),
        (_with_detail(Account="4" * 14), "Account"),
    ],
)
def test_every_text_has_its_length(office: Office, body: dict[str, Any], column: str) -> None:
    assert f"column '{column}'" in office.refusal(body)


def test_a_repeated_batch_is_refused_and_the_first_file_stays(office: Office) -> None:
    office.enter(one_invoice(BATCH, amount="100.00"))
    sentence = office.refusal(one_invoice(BATCH, amount="5.00"))
    assert sentence == f"Record {BATCH} already exists and cannot be added."
    assert office.get(f"DataEntry/inControl/{BATCH}")[0]["SumTotal"] == Decimal("100.00")


def test_a_batch_stays_taken_after_posting(office: Office) -> None:
    office.enter_and_post(one_invoice(BATCH))
    assert "already exists" in office.refusal(one_invoice(BATCH))


def test_one_wrong_record_refuses_the_whole_file_and_is_named(office: Office) -> None:
    masters = [master("INV-1001"), master("INV-1002", "P300"), master("INV-1003", "P900")]
    details = [detail("INV-1001"), detail("INV-1002", "P300"), detail("INV-1003", "P900")]
    answer = office.enter(invoice_file(BATCH, masters, details))
    assert answer.status_code == 400
    assert answer.json() == {"message": "Project P300 is not active.", "detail": "inMaster 2: INV-1002|P300||"}
    assert office.get("DataEntry/inLanding") == []


def test_the_wrong_record_can_go_unnamed(open_office: OpenOffice) -> None:
    answer = open_office(name_offending_record=False).enter(_with_detail(Account="4999", PKey="K7"))
    assert answer.json() == {"message": "Account 4999 does not exist.", "detail": ""}


def test_a_wrong_detail_is_named_with_its_key(office: Office) -> None:
    assert office.enter(_with_detail(Account="4999", PKey="K7")).json()["detail"] == "inDetail 1: INV-1001|P100|||K7"


def test_rules_can_answer_500_in_the_older_style(open_office: OpenOffice) -> None:
    answer = open_office(refusal_status=500, capital_error_keys=True).enter(_with_master(wbs1="P900"))
    assert (answer.status_code, answer.json()["Message"]) == (500, "Project P900 does not exist.")


@pytest.mark.parametrize("body", ["{not json", '{"Total": NaN}', "[]", '"text"', "", b"\xff"])
def test_a_body_that_is_no_object_is_400(office: Office, body: str | bytes) -> None:
    answer = office.send("POST", "DataEntry/inControl", body)
    assert (answer.status_code, set(answer.json())) == (400, {"message", "detail"})


def test_nothing_is_entered_in_a_closed_period(office: Office) -> None:
    office.twin.set_period_closed(202610, closed=True)
    sentence = office.refusal(one_invoice(BATCH))
    assert sentence == "Period 202610 is closed. Your role does not allow processing in closed periods."


def test_a_role_may_process_closed_periods(open_office: OpenOffice) -> None:
    office = open_office(role_processes_closed_periods=True)
    office.twin.set_period_closed(202610, closed=True)
    assert office.enter(one_invoice(BATCH)).status_code == 201


def test_without_the_right_to_enter_every_write_is_403(open_office: OpenOffice) -> None:
    office = open_office(role_may_enter=False)
    path = f"DataEntry/inControl/{BATCH}"
    assert office.enter(one_invoice(BATCH)).status_code == 403
    assert office.send("PUT", path, {}).status_code == 403
    assert office.send("DELETE", path).status_code == 403


def test_files_are_refused_where_the_database_does_not_use_them(open_office: OpenOffice) -> None:
    assert "Use inMaster" in open_office(use_files=False).refusal(one_invoice(BATCH))


def test_single_documents_are_refused_where_the_database_uses_files(office: Office) -> None:
    answer = office.send("POST", "DataEntry/inMaster/B1|INV-1001|P100", master())
    assert answer.status_code == 400
    assert answer.json()["message"] == (
        "Files are used to group transactions. Use inControl to create a transaction file."
    )


# --- Changing and deleting -------------------------------------------------------------------------------------------


def test_a_put_changes_only_what_it_names(office: Office) -> None:
    office.enter(one_invoice(BATCH))
    answer = office.send("PUT", f"DataEntry/inControl/{BATCH}", {"Description": "New", "Total": Decimal("1.5")})
    (control,) = exact(answer)
    assert (answer.status_code, control["Description"], control["Total"]) == (200, "New", Decimal("1.50"))
    assert control["SumTotal"] == Decimal("100.00")
    assert control["Creator"] == "integration"


def test_a_put_is_as_strict_as_a_post(office: Office) -> None:
    office.enter(one_invoice(BATCH))
    path = f"DataEntry/inControl/{BATCH}"
    assert office.send("PUT", path, {"Bogus": 1}).json()["message"].startswith("Field Bogus does not exist.")
    assert office.send("PUT", path, {"Batch": "other"}).status_code == 400
    assert office.send("PUT", "DataEntry/inControl/unknown", {}).status_code == 404


def test_an_unposted_file_can_be_deleted_and_its_batch_used_again(office: Office) -> None:
    office.enter(one_invoice(BATCH))
    assert office.send("DELETE", f"DataEntry/inControl/{BATCH}").status_code == 200
    assert office.send("DELETE", f"DataEntry/inControl/{BATCH}").status_code == 404
    assert office.enter(one_invoice(BATCH)).status_code == 201


def test_a_deleted_batch_can_be_made_unusable(open_office: OpenOffice) -> None:
    office = open_office(deleted_batch_reusable=False)
    office.enter(one_invoice(BATCH))
    office.send("DELETE", f"DataEntry/inControl/{BATCH}")
    assert "already exists" in office.refusal(one_invoice(BATCH))


def test_a_posted_file_can_be_neither_changed_nor_deleted(office: Office) -> None:
    office.enter_and_post(one_invoice(BATCH))
    path = f"DataEntry/inControl/{BATCH}"
    changed, deleted = office.send("PUT", path, {"Description": "New"}), office.send("DELETE", path)
    assert changed.json()["message"] == f"Record {BATCH} is posted and cannot be changed."
    assert deleted.json()["message"] == f"Record {BATCH} is posted and cannot be deleted."
    assert (changed.status_code, deleted.status_code) == (400, 400)


# --- Landing lists ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["inLanding", "allLanding"])
def test_landing_lists_say_what_is_posted(office: Office, path: str) -> None:
    office.enter_and_post(one_invoice("B1"))
    office.enter(one_invoice("B2"))
    rows = {row["Batch"]: row for row in office.get(f"DataEntry/{path}")}
    assert {batch: (row["Posted"], row["PostSeq"]) for batch, row in rows.items()} == {"B1": ("Y", 1), "B2": ("N", 0)}
    assert (rows["B1"]["Period"], rows["B1"]["RawPeriod"]) == ("10/2026", 202610)
    assert (rows["B1"]["PostDate"], rows["B1"]["PostUser"]) == ("2026-10-06T15:30:00.000", "integration")
    found = office.get(f"DataEntry/{path}", **where(("Batch", "in", "B2,B9")))
    assert [row["Batch"] for row in found] == ["B2"]


def test_limit_can_be_refused_in_favour_of_q_maxrows(open_office: OpenOffice) -> None:
    office = open_office(limit_refused_on_ledger_and_entry=True)
    office.enter(one_invoice(BATCH))
    for path in ("DataEntry/inLanding", f"DataEntry/inDetail/{BATCH}", "PSALedger/IN"):
        assert office.send("GET", path, params={"limit": "10"}).status_code == 500
        assert office.send("GET", path, params={"q.maxrows": "10"}).status_code == 200
    assert office.send("GET", "firm", params={"limit": "10"}).status_code == 200
