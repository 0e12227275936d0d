"""Journal entries (vantagepoint.md section 4.5)."""

from decimal import Decimal

import pytest

from st_deltek_pipeline_tests.sandbox.vantagepoint.conftest import OpenOffice
from st_deltek_pipeline_tests.sandbox.vantagepoint.full_books import full_books, journal
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import Office, exact

BALANCED = [("5000.00", "144.00", ""), ("2000.00", "", "144.00")]
UNBALANCED = [("5000.00", "144.00", ""), ("2000.00", "", "75.00")]


def test_an_entry_posts_its_debits_and_credits_and_nothing_by_itself(books: Office) -> None:
    rows = books.book("je", journal("J1", BALANCED))
    assert [(row["Account"], row["Amount"], row["AutoEntry"]) for row in rows] == [
        ("5000.00", Decimal("144.00"), "N"),
        ("2000.00", Decimal("-144.00"), "N"),
    ]
    assert (rows[0]["RefNo"], rows[0]["TransType"], rows[0]["Desc2"], rows[0]["Org"]) == (
        "JE-1",
        "JE",
        "Accrual",
        "A0.10",
    )


def test_an_unbalanced_entry_is_accepted_and_shows_both_differences(books: Office) -> None:
    answer = books.enter_as("je", {**journal("J1", UNBALANCED), "Total": 0, "CreditsTotal": 0})
    assert answer.status_code == 201
    (control,) = exact(answer)
    assert (control["SumDebitsTotal"], control["SumCreditsTotal"]) == (Decimal("144.00"), Decimal("75.00"))
    assert (control["DiffDebitsTotal"], control["DiffCreditsTotal"]) == (Decimal("-144.00"), Decimal("-75.00"))


def test_an_unbalanced_entry_is_not_posted(books: Office) -> None:
    books.enter_as("je", journal("J1", UNBALANCED))
    result = books.post("J1", transtype="JE")
    assert result.posted == ["0"]
    assert result.message == "Journal Entries, File: J1, 0 of 1 records posted, File J1 is out of balance.[CRLF]"


def test_entries_of_one_file_do_not_balance_each_other(books: Office) -> None:
    body = journal("J1", UNBALANCED)
    other = journal("J1", [("5000.00", "", "69.00")])
    body["jeMaster"].append({**other["jeMaster"][0], "RefNo": "JE-2"})
    body["jeDetail"].append({**other["jeDetail"][0], "RefNo": "JE-2"})
    body["CreditsTotal"] = Decimal("144.00")
    (control,) = exact(books.enter_as("je", body))
    assert (control["DiffDebitsTotal"], control["DiffCreditsTotal"]) == (0, 0)
    assert "File J1 is out of balance." in books.post("J1", transtype="JE").message


def test_a_tenant_can_post_an_unbalanced_entry(open_office: OpenOffice) -> None:
    office = open_office(world=full_books(), unbalanced_journal_entries="post")
    assert sum(row["Amount"] for row in office.book("je", journal("J1", UNBALANCED))) == Decimal("69.00")


def test_a_total_that_differs_stops_the_posting(books: Office) -> None:
    books.enter_as("je", {**journal("J1", BALANCED), "CreditsTotal": Decimal("143.99")})
    assert "File J1 is out of balance." in books.post("J1", transtype="JE").message


def test_a_tax_row_balances_with_the_lines(books: Office) -> None:
    body = journal("J1", [("5000.00", "100.00", ""), ("2000.00", "", "108.81")])
    body["jeDetail"][0]["PKey"] = "K1"
    body["jeDetailTax"] = [{"RefNo": "JE-1", "PKey": "K1", "TaxCode": "CO-TAX", "TaxDebitAmount": "8.81"}]
    rows = books.book("je", {**body, "Total": Decimal("108.81")})
    assert [(row["Account"], row["Amount"]) for row in rows] == [
        ("5000.00", Decimal("100.00")),
        ("2200.00", Decimal("8.81")),
        ("2000.00", Decimal("-108.81")),
    ]


@pytest.mark.parametrize(
    ("master", "detail", "sentence"),
    [
        ({"RefNo": ""}, {}, "Reference Number is required."),
        ({"TransDate": ""}, {}, "Transaction Date is required."),
        ({}, {"Account": "9999"}, "Account 9999 does not exist."),
        ({}, {"WBS1": ""}, "Project is required."),
        ({}, {"Amount": "5"}, "Field Amount does not exist. Field Amount does not exist."),
        ({}, {"DebitAmount": "much"}, "The value 'much' is not valid for field DebitAmount."),
    ],
)
def test_an_entry_that_breaks_a_rule_is_refused(
    books: Office, master: dict[str, str], detail: dict[str, str], sentence: str
) -> None:
    body = journal("J1", BALANCED)
    body["jeMaster"][0].update(master)
    body["jeDetail"][0].update(detail)
    assert books.refusal_as("je", body) == sentence
    assert books.get("DataEntry/jeLanding") == []
