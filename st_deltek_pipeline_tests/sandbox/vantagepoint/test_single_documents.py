"""Databases that do not use files: one document at a time (vantagepoint.md section 4)."""

from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from st_deltek_pipeline_tests.sandbox.vantagepoint.conftest import OpenOffice
from st_deltek_pipeline_tests.sandbox.vantagepoint.full_books import (
    MASTER_KEY,
    check,
    cost,
    full_books,
    journal,
    receipt,
    voucher,
)
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import Office, detail, exact, master


def _document(prefix: str) -> tuple[str, dict[str, Any]]:
    """Return key and body of one document of a type, its lines without a key of their own."""
    if prefix == "in":
        return "INV-1001|P100", {**master(), "inDetail": [detail()]}
    if prefix == "cr":
        line = {"WBS1": "P100", "Account": "1100.00", "Amount": "40.00", "Invoice": ""}
        return "PAY-1", {**receipt(), "crDetail": [line]}
    if prefix == "ap":
        line = {name: value for name, value in cost().items() if name != "MasterPKey"}
        return MASTER_KEY, {**voucher(), "apDetail": [line]}
    if prefix == "je":
        body = journal("", [("5000.00", "9.00", ""), ("2000.00", "", "9.00")])
        return "JE-1", {**body["jeMaster"][0], "jeDetail": body["jeDetail"]}
    body = check(prefix, "")
    return "5551", {**body[f"{prefix}Master"][0], f"{prefix}Detail": body[f"{prefix}Detail"]}


@pytest.fixture
def single(open_office: OpenOffice) -> Office:
    """Return the full books of a database that does not use files."""
    return open_office(world=full_books(), use_files=False)


@pytest.mark.parametrize("prefix", ["in", "cr", "ap", "cv", "cd", "je"])
def test_one_document_of_any_type_is_entered_read_and_posted(single: Office, prefix: str) -> None:
    key, body = _document(prefix)
    answer = single.send("POST", f"DataEntry/{prefix}Master/B1|{key}", body)
    assert answer.status_code == 201, answer.text
    (row,) = exact(answer)
    assert (row["Batch"], row["TransDate"][:7], row["Posted"]) == ("B1", "2026-10", "N")
    assert answer.headers["Location"].startswith(f"{single.url}/DataEntry/{prefix}Master/B1{quote('|')}")
    (control,) = single.get(f"DataEntry/{prefix}Control/B1")
    assert [value for name, value in control.items() if name.startswith("Diff")] in ([0], [0, 0])
    assert len(single.get(f"DataEntry/{prefix}Master/B1|{key}")) == 1
    assert len(single.get(f"DataEntry/{prefix}Detail/B1")) >= 1
    assert single.post("B1", transtype=prefix.upper()).posted == ["1"]
    assert sum(line["Amount"] for line in single.get(f"PSALedger/{prefix.upper()}")) == 0


def test_the_key_of_the_path_may_be_left_out_of_the_body_but_not_contradicted(single: Office) -> None:
    _, body = _document("cr")
    del body["RefNo"]
    path = "DataEntry/crMaster/B1|PAY-7"
    other = single.send("POST", path, {**body, "RefNo": "PAY-8"})
    assert other.json()["message"] == "The value 'PAY-8' is not valid for field RefNo."
    assert single.send("POST", path, body).status_code == 201
    assert single.get("DataEntry/crDetail/B1")[0]["RefNo"] == "PAY-7"


def test_the_same_document_again_is_refused_and_another_one_joins_its_batch(single: Office) -> None:
    _, body = _document("cr")
    del body["RefNo"]
    assert single.send("POST", "DataEntry/crMaster/B1|PAY-1", body).status_code == 201
    again = single.send("POST", "DataEntry/crMaster/B1|PAY-1", body)
    assert (again.status_code, again.json()["message"]) == (400, "Record B1|PAY-1 already exists and cannot be added.")
    assert single.send("POST", "DataEntry/crMaster/B1|PAY-2", body).status_code == 201
    assert single.get("DataEntry/crControl/B1")[0]["Total"] == Decimal("80.00")
    assert [row["RefNo"] for row in single.get("DataEntry/crMaster/B1")] == ["PAY-1", "PAY-2"]
    single.post("B1", transtype="CR")
    late = single.send("POST", "DataEntry/crMaster/B1|PAY-3", body)
    assert late.json()["message"] == "Record B1 is posted and cannot be changed."


def test_a_document_that_breaks_a_rule_leaves_nothing_behind(single: Office) -> None:
    key, body = _document("ap")
    answer = single.send("POST", f"DataEntry/apMaster/B1|{key}", {**body, "Vendor": "56"})
    assert answer.json()["message"] == "Vendor 56 does not exist."
    assert single.get("DataEntry/apLanding") == []
    assert single.send("GET", f"DataEntry/apMaster/B1|{key}").status_code == 404


@pytest.mark.parametrize("prefix", ["in", "cr", "ap", "cv", "cd", "je"])
def test_each_way_is_refused_in_a_database_that_uses_the_other(
    single: Office, open_office: OpenOffice, prefix: str
) -> None:
    sentence = single.send("POST", f"DataEntry/{prefix}Control", {}).json()["message"]
    assert sentence == (f"Files are not used to group transactions. Use {prefix}Master to create transactions.")
    key, body = _document(prefix)
    answer = open_office(world=full_books()).send("POST", f"DataEntry/{prefix}Master/B1|{key}", body)
    assert f"Use {prefix}Control" in answer.json()["message"]


def test_an_invoice_is_found_by_the_parts_of_its_key(single: Office) -> None:
    body = {**master("4711", "P200", WBS2="010"), "inDetail": [detail("4711", "P200", WBS2="010")]}
    answer = single.send("POST", "DataEntry/inMaster/B1|4711|P200|010", body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"].endswith(quote("B1|0004711|P200|010|"))
    assert len(single.get("DataEntry/inMaster/B1|0004711|P200")) == 1
    assert single.send("GET", "DataEntry/inMaster/B1|0004711|P100").status_code == 404
    assert single.send("POST", "DataEntry/inMaster/B1|1|2|3|4|5", body).status_code == 404
