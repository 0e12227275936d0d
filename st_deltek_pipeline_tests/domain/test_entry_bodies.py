"""The bodies of transaction entry, by type: what is sent sums up, balances, and carries what finds it again."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.coded_amounts import RETAINER, Heading, LineKey
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.entry_bodies import as_single_document
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.postings import MasterKey, Posting, PostingLine
from st_deltek_pipeline.domain.transaction_files import build_file
from st_deltek_pipeline_tests.domain.builders import DAY
from st_deltek_pipeline_tests.domain.test_transaction_files import posting as invoice_posting

RECEIPT = Heading(EntryType.RECEIPTS, "P7", bank="OPER")
VOUCHER = Heading(EntryType.VOUCHERS, "88-1", vendor="000056", bank="OPER", liability="AP")
JOURNAL = Heading(EntryType.JOURNAL_ENTRIES, "B7", liability="200.00")
KINDS = {EntryType.RECEIPTS: Kind.PAYMENT, EntryType.VOUCHERS: Kind.BILL, EntryType.JOURNAL_ENTRIES: Kind.BILL}


def posting(heading: Heading, *amounts: str, document_id: int = 7, **changes: Any) -> Posting:
    lines = tuple(
        PostingLine(
            LineKey(heading, "HVAC", "", "", "", "500.00", item=str(number)),
            Decimal(amount),
            "Furnace filters, 16 x 20",
            "",
            ZERO,
            purchase_order="PO-9",
        )
        for number, amount in enumerate(amounts)
    )
    made = Posting(
        document=DocumentKey("acme", KINDS[heading.entry], document_id),
        posting_no=1,
        revision=1,
        revision_hash=f"{document_id:064x}",
        business_day=DAY,
        master=MasterKey(202610, DAY, heading),
        due_date=None,
        lines=lines,
        correction=False,
        moved_from=None,
        terms="Next" if heading.entry is EntryType.VOUCHERS else "",
    )
    return replace(made, **changes)


def body_of(*postings: Posting) -> dict[str, Any]:
    return json.loads(build_file("acme", "01", postings).body, parse_float=Decimal)


def test_a_receipt_names_bank_project_invoice_and_account() -> None:
    made = posting(RECEIPT, "100.00")
    (line,) = made.lines
    body = body_of(replace(made, lines=(replace(line, key=replace(line.key, invoice="104417")),)))
    (master,), (detail,) = body["crMaster"], body["crDetail"]
    assert (master["RefNo"], master["BankCode"], master["TransDate"]) == ("P7", "OPER", "2026-10-07T00:00:00.000")
    assert master["TransComment"] == "ServiceTitan payment:7 revision 1"
    assert (detail["RefNo"], detail["Invoice"], detail["WBS1"], detail["Account"]) == ("P7", "104417", "HVAC", "500.00")
    assert (detail["Amount"], detail["Retainer"]) == (Decimal("100.00"), "N")
    assert body["Total"] == Decimal("100.00")


def test_money_kept_as_a_retainer_says_so() -> None:
    made = posting(RECEIPT, "100.00")
    (line,) = made.lines
    body = body_of(replace(made, lines=(replace(line, key=replace(line.key, section=RETAINER)),)))
    assert body["crDetail"][0]["Retainer"] == "Y"


def test_money_moved_between_invoices_is_a_receipt_of_nothing_with_both_lines() -> None:
    body = body_of(posting(RECEIPT, "-100.00", "100.00"))
    assert body["Total"] == ZERO
    assert [detail["Amount"] for detail in body["crDetail"]] == [Decimal("-100.00"), Decimal("100.00")]


def test_a_voucher_names_vendor_number_liability_terms_and_order() -> None:
    body = body_of(posting(VOUCHER, "100.00", "5.50"))
    (master,) = body["apMaster"]
    named = ("Vendor", "Invoice", "LiabCode", "BankCode", "PayTerms", "PayDate")
    assert [master[name] for name in named] == ["000056", "88-1", "AP", "OPER", "Next", "2026-10-07T00:00:00.000"]
    assert {detail["MasterPKey"] for detail in body["apDetail"]} == {master["MasterPKey"]}
    assert {detail["PONumber"] for detail in body["apDetail"]} == {"PO-9"}
    assert body["Total"] == total(detail["NetAmount"] for detail in body["apDetail"]) == Decimal("105.50")


def test_two_vouchers_of_one_vendor_and_number_have_keys_of_their_own() -> None:
    body = body_of(posting(VOUCHER, "100.00"), posting(VOUCHER, "100.00", document_id=8))
    assert len({master["MasterPKey"] for master in body["apMaster"]}) == 2


def test_what_takes_an_invoice_down_carries_the_credit_memos_reference() -> None:
    made = invoice_posting(7, "-20.00")
    heading = replace(made.heading, credit_memo="C7")
    (line,) = made.lines
    credit = replace(
        made,
        document=DocumentKey("acme", Kind.CREDIT_MEMO, 7),
        master=replace(made.master, heading=heading),
        lines=(replace(line, key=replace(line.key, heading=heading)),),
    )
    assert [detail["CreditMemoRefNo"] for detail in body_of(credit)["inDetail"]] == ["C7"]
    assert "CreditMemoRefNo" not in body_of(made)["inDetail"][0]


_amounts = st.lists(st.integers(-100_000, 100_000).map(lambda cents: str(Decimal(cents) / 100)), min_size=1, max_size=6)


@given(_amounts, _amounts)
def test_journal_entries_balance_each_and_the_control_states_both_sides(one: list[str], other: list[str]) -> None:
    body = body_of(posting(JOURNAL, *one), posting(replace(JOURNAL, number="B8"), *other, document_id=8))
    for master in body["jeMaster"]:
        own = [detail for detail in body["jeDetail"] if detail["RefNo"] == master["RefNo"]]
        assert total(detail["DebitAmount"] for detail in own) == total(detail["CreditAmount"] for detail in own)
        assert all(min(detail["DebitAmount"], detail["CreditAmount"]) == 0 for detail in own)
    assert body["Total"] == body["CreditsTotal"] == total(detail["DebitAmount"] for detail in body["jeDetail"])


@pytest.mark.parametrize(
    ("heading", "key"),
    [(RECEIPT, ("P7",)), (JOURNAL, ("B7",)), (VOUCHER, None)],
    ids=["receipt", "journal-entry", "voucher"],
)
def test_a_document_alone_has_its_key_and_lines_and_nothing_of_the_file(
    heading: Heading, key: tuple[str, ...] | None
) -> None:
    body = body_of(posting(heading, "100.00"))
    found, document = as_single_document(heading.entry, body)
    (master,) = body[f"{heading.entry}Master"]
    assert found == (key or (master["MasterPKey"],))
    assert document == {**master, f"{heading.entry}Detail": body[f"{heading.entry}Detail"]}
    assert not {"Total", "Period", "Company", "Selected"} & set(document)


def test_an_invoice_alone_is_named_by_number_and_every_project_level() -> None:
    key, _ = as_single_document(EntryType.INVOICES, body_of(invoice_posting(7)))
    assert key == ("100007", "HVAC", "", "")
