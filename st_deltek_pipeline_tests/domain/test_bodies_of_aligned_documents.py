"""The bodies of every entry type: the fields Vantagepoint takes, exact amounts, and sums that agree."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.alignment import Alignment
from st_deltek_pipeline.domain.bill_alignment import align_ap_credit, align_bill
from st_deltek_pipeline.domain.bills import Bill
from st_deltek_pipeline.domain.coding import Rule
from st_deltek_pipeline.domain.credit_memo_alignment import align_credit_memo
from st_deltek_pipeline.domain.holds import Hold
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.payment_alignment import align_payment
from st_deltek_pipeline.domain.postings import Posting, Standing, Target, plan_postings
from st_deltek_pipeline.domain.transaction_files import TransactionFile, build_file, build_files
from st_deltek_pipeline_tests.domain.builders import DAY, PERIODS, REFERENCE
from st_deltek_pipeline_tests.domain.document_builders import (
    ALL_LINKS,
    RULES_FOR_ALL_KINDS,
    RULES_OF_ALL_KINDS,
    ap_credit,
    bill,
    bill_line,
    credit_memo,
    memo_line,
    payment,
    posted,
)

JOURNAL = replace(
    RULES_FOR_ALL_KINDS,
    bills_as="journal_entry",
    coding=(Rule("payables", {"line": frozenset({"payable"})}, {"liability": "202.00"}), *RULES_OF_ALL_KINDS),
)


def planned(alignment: Alignment, standing: Standing | None = None, **changes: object) -> tuple[Posting, ...]:
    assert alignment.hold is None
    document = alignment.document
    lines = alignment.lines if document.active else ()
    target = Target(
        document.key,
        1,
        document.revision_hash,
        DAY,
        document.document_date,
        document.due_date,
        lines,
        terms=alignment.terms,
    )
    postings = plan_postings(
        replace(target, **changes),  # type: ignore[arg-type]
        standing or {},
        PERIODS,
        first_open_allowed=False,
        next_posting_no=1,
    )
    assert not isinstance(postings, Hold)
    return postings


def file_of(*postings: Posting) -> tuple[TransactionFile, dict[str, Any]]:
    file = build_file("acme", "01", postings)
    return file, json.loads(file.body, parse_float=Decimal)


def bill_file(document: Bill, rules: Any = RULES_FOR_ALL_KINDS) -> dict[str, Any]:
    return file_of(*planned(align_bill(document, rules, REFERENCE, ALL_LINKS)))[1]


def test_a_receipt_names_its_bank_once_and_every_invoice_with_its_project_and_the_receivables_account() -> None:
    aligned = align_payment(
        payment((7001, "100.00"), unapplied="8.00"), RULES_FOR_ALL_KINDS, REFERENCE, ALL_LINKS, posted(i7001="108.00")
    )
    file, body = file_of(*planned(aligned))
    assert (file.entry, body["Total"]) == ("cr", Decimal("108.00"))
    (master,) = body["crMaster"]
    assert (master["RefNo"], master["BankCode"], master["TransDate"]) == ("P5001", "OPER", "2026-10-07T00:00:00.000")
    assert [
        (row["WBS1"], row["Invoice"], row["Account"], row["Amount"], row["Retainer"]) for row in body["crDetail"]
    ] == [
        ("HVAC", "", "110.00", Decimal("8.00"), "N"),
        ("HVAC", "N7001", "110.00", Decimal("100.00"), "N"),
    ]


def test_a_retainer_is_called_one() -> None:
    rules = replace(RULES_FOR_ALL_KINDS, unapplied="retainer")
    aligned = align_payment(payment(unapplied="8.00"), rules, REFERENCE, ALL_LINKS, posted())
    _, body = file_of(*planned(aligned))
    assert [row["Retainer"] for row in body["crDetail"]] == ["Y"]


def test_money_moved_between_invoices_is_a_receipt_of_nothing_in_all() -> None:
    invoices = posted(i1="100.00", i2="100.00")
    before, after = (
        align_payment(payment((target, "100.00")), RULES_FOR_ALL_KINDS, REFERENCE, ALL_LINKS, invoices)
        for target in (1, 2)
    )
    _, body = file_of(*planned(after, {(DAY, line.key): line.amount for line in before.lines}))
    assert body["Total"] == ZERO
    assert sorted(row["Amount"] for row in body["crDetail"]) == [Decimal("-100.00"), Decimal("100.00")]


def test_a_voucher_carries_vendor_number_codes_terms_and_purchase_order() -> None:
    body = bill_file(bill(bill_line("100.00"), shipping="15.00", due_date=date(2026, 11, 6)))
    (master,) = body["apMaster"]
    assert {name: master[name] for name in ("Vendor", "Invoice", "LiabCode", "BankCode", "PayTerms", "PayDate")} == {
        "Vendor": "000901",
        "Invoice": "FR-77120",
        "LiabCode": "AP",
        "BankCode": "OPER",
        "PayTerms": "Next",
        "PayDate": "2026-11-06T00:00:00.000",
    }
    assert master["InvoiceDate"] == master["TransDate"] == "2026-10-07T00:00:00.000"
    assert {row["MasterPKey"] for row in body["apDetail"]} == {master["MasterPKey"]}
    assert [(row["Account"], row["Amount"], row["NetAmount"], row["PONumber"]) for row in body["apDetail"]] == [
        ("501.00", Decimal("100.00"), Decimal("100.00"), "PO-440"),
        ("509.00", Decimal("15.00"), Decimal("15.00"), "PO-440"),
    ]
    assert body["Total"] == Decimal("115.00")


def test_what_a_voucher_does_not_say_is_left_out() -> None:
    aligned = align_bill(bill(bill_line("1.00"), purchase_order=""), RULES_FOR_ALL_KINDS, REFERENCE, ALL_LINKS)
    bankless = tuple(
        replace(line, key=replace(line.key, heading=replace(line.key.heading, bank=""))) for line in aligned.lines
    )
    _, body = file_of(*planned(replace(aligned, lines=bankless)))
    assert "BankCode" not in body["apMaster"][0]
    assert "PONumber" not in body["apDetail"][0]


def test_a_reversal_has_terms_even_when_nobody_knows_the_vendors_any_more() -> None:
    aligned = align_bill(bill(bill_line("1.00")), RULES_FOR_ALL_KINDS, REFERENCE, ALL_LINKS)
    standing = {(DAY, line.key): line.amount for line in aligned.lines}
    gone = replace(aligned, document=replace(aligned.document, active=False), lines=(), terms="")
    _, body = file_of(*planned(gone, standing))
    assert (body["apMaster"][0]["PayTerms"], body["Total"]) == ("Date", Decimal("-1.00"))


def test_an_ap_credit_is_a_negative_voucher() -> None:
    _, body = file_of(*planned(align_ap_credit(ap_credit("45.00"), RULES_FOR_ALL_KINDS, REFERENCE, ALL_LINKS)))
    assert (body["Total"], body["apMaster"][0]["Invoice"]) == (Decimal("-45.00"), "FR-CR-12")


def test_a_journal_entry_balances_on_the_liability_account() -> None:
    body = bill_file(bill(bill_line("100.00"), tax="8.00"), JOURNAL)
    assert (body["Total"], body["CreditsTotal"]) == (Decimal("108.00"), Decimal("108.00"))
    assert [(row["Account"], row["DebitAmount"], row["CreditAmount"]) for row in body["jeDetail"]] == [
        ("501.00", Decimal("100.00"), ZERO),
        ("501.00", Decimal("8.00"), ZERO),
        ("202.00", ZERO, Decimal("108.00")),
    ]
    assert body["jeMaster"][0]["RefNo"] == "B3001"


def test_a_journal_entry_that_only_moves_between_accounts_owes_nothing_more() -> None:
    before = align_bill(bill(bill_line("10.00")), JOURNAL, REFERENCE, ALL_LINKS)
    stock = bill(bill_line("10.00"), job_id=None, job_number="")
    after = align_bill(stock, JOURNAL, REFERENCE, ALL_LINKS)
    _, body = file_of(*planned(after, {(DAY, line.key): line.amount for line in before.lines}))
    assert [(row["Account"], row["DebitAmount"], row["CreditAmount"]) for row in body["jeDetail"]] == [
        ("120.00", Decimal("10.00"), ZERO),
        ("501.00", ZERO, Decimal("10.00")),
    ]


def test_a_credit_memo_is_entered_on_the_invoice_with_its_own_reference() -> None:
    memo = credit_memo(memo_line("80.00"), tax="6.44", splits=[(7001, "86.44")])
    aligned = align_credit_memo(memo, RULES_FOR_ALL_KINDS, REFERENCE, ALL_LINKS, posted(i7001="108.00"))
    file, body = file_of(*planned(aligned))
    assert (file.entry, body["Total"]) == ("in", Decimal("-86.44"))
    assert (body["inMaster"][0]["Invoice"], body["inMaster"][0]["WBS1"]) == ("N7001", "HVAC")
    assert [(row["CreditMemoRefNo"], row["Amount"], row["TaxBasis"]) for row in body["inDetail"]] == [
        ("C6001", Decimal("-6.44"), Decimal("-80.00")),
        ("C6001", Decimal("-80.00"), ZERO),
    ]


def test_two_credit_memos_of_one_invoice_go_into_two_files() -> None:
    # Their masters would have one key: number and project of the invoice.
    memos = [
        credit_memo(
            memo_line("8.00"), splits=[(7001, "8.00")], key=replace(credit_memo(splits=[]).key, document_id=number)
        )
        for number in (6001, 6002)
    ]
    postings = [
        posting
        for memo in memos
        for posting in planned(
            align_credit_memo(memo, RULES_FOR_ALL_KINDS, REFERENCE, ALL_LINKS, posted(i7001="108.00"))
        )
    ]
    assert [len(file.postings) for file in build_files("acme", "01", postings, documents_per_file=10)] == [1, 1]


@given(st.lists(st.decimals("-500", "5000", places=2), min_size=1, max_size=6), st.decimals("-20", "90", places=2))
def test_every_journal_entry_balances_to_the_cent(amounts: list[Decimal], shipping: Decimal) -> None:
    lines = [bill_line(str(amount), line_id=place) for place, amount in enumerate(amounts, start=1)]
    aligned = align_bill(bill(*lines, shipping=str(shipping)), JOURNAL, REFERENCE, ALL_LINKS)
    for posting in planned(aligned):
        _, body = file_of(posting)
        debits = total(row["DebitAmount"] for row in body["jeDetail"])
        assert debits == total(row["CreditAmount"] for row in body["jeDetail"]) == body["Total"] == body["CreditsTotal"]
        assert all(ZERO in {row["DebitAmount"], row["CreditAmount"]} for row in body["jeDetail"])
