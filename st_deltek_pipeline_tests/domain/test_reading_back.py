"""Reading back: only exactly our lines count as ours."""

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from st_deltek_pipeline.domain.coded_amounts import Heading, LineKey
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.numbers import same_invoice_number
from st_deltek_pipeline.domain.posting_keys import line_key
from st_deltek_pipeline.domain.postings import MasterKey, Posting, PostingLine
from st_deltek_pipeline.domain.reading_back import (
    balancing_accounts,
    carries_our_lines,
    file_differences,
    ledger_differences,
    missing_from_ledger,
    nets_to_nothing,
    our_rows,
    stands_already,
)
from st_deltek_pipeline.domain.transaction_files import TransactionFile, build_file
from st_deltek_pipeline_tests.domain.test_entry_bodies import posting as other_posting
from st_deltek_pipeline_tests.domain.test_transaction_files import posting

FILE = build_file("acme", "01", [posting(1, "100.00"), posting(2, "-20.50")])
BODY: dict[str, Any] = json.loads(FILE.body, parse_float=Decimal)


@dataclass(frozen=True)
class Row:
    line_key: str
    wbs1: str
    account: str
    invoice: str
    amount: Decimal
    period: int = 202610
    vendor: str = ""


def details(**changes: object) -> list[dict[str, Any]]:
    """The rows Vantagepoint answers: padded numbers, blank levels, more decimals."""
    rows = [
        dict(row, Invoice=row["Invoice"].rjust(7, "0"), WBS2=" ", WBS3=" ", Amount=Decimal(f"{row['Amount']}00"))
        for row in BODY["inDetail"]
    ]
    rows[0].update(changes)
    return rows


def ledger() -> list[Row]:
    rows = [Row(d["PKey"], d["WBS1"], d["Account"], d["Invoice"].rjust(7, "0"), -d["Amount"]) for d in BODY["inDetail"]]
    return [*rows, Row("", "HVAC", "110.00", "0100001", Decimal("79.50"))]


def test_padding_blank_levels_and_extra_decimals_are_no_difference() -> None:
    assert file_differences(BODY, details(), entry=EntryType.INVOICES, padded_to=7) == []


def test_any_other_amount_account_or_project_is_a_difference() -> None:
    for change in ({"Amount": Decimal("100.01")}, {"Account": "402.00"}, {"WBS1": "PLUMB"}, {"Invoice": "9"}):
        assert len(file_differences(BODY, details(**change), entry=EntryType.INVOICES, padded_to=7)) == 1


def test_a_missing_and_a_foreign_line_are_both_named() -> None:
    found = file_differences(BODY, details(PKey="foreign"), entry=EntryType.INVOICES, padded_to=7)
    assert len(found) == 2
    assert any("is missing" in text for text in found)
    assert any("is not ours" in text for text in found)


def test_the_ledger_agrees_with_reversed_signs_and_the_systems_own_receivable_row() -> None:
    assert ledger_differences(BODY, ledger(), entry=EntryType.INVOICES, padded_to=7) == []
    assert missing_from_ledger(BODY, ledger(), entry=EntryType.INVOICES) == []


def test_a_line_the_ledger_lacks_is_missing() -> None:
    assert missing_from_ledger(BODY, ledger()[1:], entry=EntryType.INVOICES) == [BODY["inDetail"][0]["PKey"]]


def test_a_line_that_stands_twice_differs() -> None:
    assert len(ledger_differences(BODY, [*ledger(), ledger()[0]], entry=EntryType.INVOICES, padded_to=7)) == 1


def test_a_line_on_another_account_differs() -> None:
    rows = ledger()
    rows[0] = replace(rows[0], account="402.00")
    rows[1] = replace(rows[1], invoice="0000009")
    assert ledger_differences(BODY, rows, entry=EntryType.INVOICES, padded_to=7) == sorted(
        [
            f"line {rows[0].line_key} stands on HVAC 402.00",
            f"line {rows[1].line_key} stands under invoice 0000009",
        ]
    )


def test_a_line_in_another_period_differs() -> None:
    rows = ledger()
    rows[0] = replace(rows[0], period=202611)
    assert ledger_differences(BODY, rows, entry=EntryType.INVOICES, padded_to=7) == [
        f"line {rows[0].line_key} stands in period 202611, not 202610"
    ]


VOUCHER = build_file(
    "acme", "01", [other_posting(Heading(EntryType.VOUCHERS, "88-1", vendor="000056"), "100.00", "5.50")]
)
JOURNAL = build_file(
    "acme", "01", [other_posting(Heading(EntryType.JOURNAL_ENTRIES, "B7", liability="200.00"), "100.00")]
)


def body_of(file: TransactionFile) -> dict[str, Any]:
    return json.loads(file.body, parse_float=Decimal)


def voucher_rows(**changes: Any) -> list[Row]:
    rows = [
        Row(detail["PKey"], "HVAC", "500.00", " 88-1", detail["Amount"], vendor="000056 ")
        for detail in body_of(VOUCHER)["apDetail"]
    ]
    return [replace(rows[0], **changes), *rows[1:]]


def test_a_voucher_stands_under_its_vendor_and_the_vendors_number() -> None:
    def differences(**changes: Any) -> list[str]:
        return ledger_differences(body_of(VOUCHER), voucher_rows(**changes), entry=EntryType.VOUCHERS, padded_to=7)

    assert differences() == []
    key = voucher_rows()[0].line_key
    assert differences(vendor="000057") == [f"line {key} stands under invoice  88-1 of vendor 000057"]
    assert differences(invoice="88-2") == [f"line {key} stands under invoice 88-2 of vendor 000056 "]
    assert differences(account="501.00") == [f"line {key} stands on HVAC 501.00"]
    assert differences(amount=Decimal("99.99")) == [f"line {key} stands with 99.99, we sent 100.00"]


def test_a_journal_entry_agrees_side_by_side_and_has_no_invoice() -> None:
    body = body_of(JOURNAL)
    details = [dict(row) for row in body["jeDetail"]]
    assert file_differences(body, details, entry=EntryType.JOURNAL_ENTRIES, padded_to=7) == []
    # An empty side may come back as nothing at all.
    blank = [{name: value or None for name, value in row.items()} for row in details]
    assert file_differences(body, blank, entry=EntryType.JOURNAL_ENTRIES, padded_to=7) == []
    turned = [{**row, "DebitAmount": row["CreditAmount"], "CreditAmount": row["DebitAmount"]} for row in details]
    assert len(file_differences(body, turned, entry=EntryType.JOURNAL_ENTRIES, padded_to=7)) == len(details)
    rows = [
        Row(row["PKey"], row["WBS1"] or " ", row["Account"], "", row["DebitAmount"] - row["CreditAmount"])
        for row in details
    ]
    assert ledger_differences(body, rows, entry=EntryType.JOURNAL_ENTRIES, padded_to=7) == []
    swapped = [replace(row, amount=-row.amount) for row in rows]
    assert len(ledger_differences(body, swapped, entry=EntryType.JOURNAL_ENTRIES, padded_to=7)) == len(rows)
    numbered = [replace(rows[0], invoice="1"), *rows[1:]]
    assert ledger_differences(body, numbered, entry=EntryType.JOURNAL_ENTRIES, padded_to=7) == [
        f"line {rows[0].line_key} stands under invoice 1"
    ]


def test_a_line_of_nothing_may_come_back_without_an_amount() -> None:
    body = body_of(build_file("acme", "01", [posting(1, "0.00")]))
    (detail,) = body["inDetail"]
    assert file_differences(body, [{**detail, "Amount": None}], entry=EntryType.INVOICES, padded_to=7) == []
    one = [{**detail, "Amount": Decimal("1.00")}]
    assert len(file_differences(body, one, entry=EntryType.INVOICES, padded_to=7)) == 1


def test_a_line_without_a_key_is_not_ours() -> None:
    found = file_differences(BODY, [*details(), {"Amount": "1.00"}], entry=EntryType.INVOICES, padded_to=7)
    assert found == ["line  is not ours"]


def test_case_blanks_and_padding_do_not_make_another_number() -> None:
    assert same_invoice_number(" adj7 ", "000ADJ7", padded_to=7)
    assert not same_invoice_number("adj7", "adj70", padded_to=7)


def test_what_was_reversed_account_by_account_nets_to_nothing() -> None:
    there = Row("theirs", "HVAC", "401.00", "0100001", Decimal("-100.00"))
    assert nets_to_nothing([])
    assert nets_to_nothing([there, replace(there, amount=Decimal("100.00"))])
    assert not nets_to_nothing([there, replace(there, amount=Decimal("100.00"), account="402.00")])


def test_an_invoice_entered_by_somebody_else_with_the_same_amounts_stands_already() -> None:
    rows = [
        Row("theirs", "HVAC", "401.00", "0100001", Decimal("-100.00")),
        Row("", "HVAC", "110.00", "0100001", Decimal(100)),
    ]
    assert stands_already(posting(1, "100.00"), rows, own_accounts=frozenset({"110.00"}), padded_to=7)
    assert not stands_already(posting(1, "100.01"), rows, own_accounts=frozenset({"110.00"}), padded_to=7)


def test_lines_on_one_account_may_stand_as_one_row_on_any_project() -> None:
    # Whoever entered it by hand booked the two lines together; the account and its sum are what counts.
    one = posting(1, "60.00")
    (line,) = one.lines
    both = replace(one, lines=(line, replace(line, key=replace(line.key, wbs1="PHASED"), amount=Decimal("40.00"))))
    rows = [Row("theirs", "PHASED", "401.00", "0100001", Decimal("-100.00"))]
    assert stands_already(both, rows, own_accounts=frozenset({"110.00"}), padded_to=7)
    assert not stands_already(one, rows, own_accounts=frozenset({"110.00"}), padded_to=7)


def test_without_a_known_receivables_account_nothing_is_taken_for_ours() -> None:
    rows = [Row("theirs", "HVAC", "401.00", "0100001", Decimal("-100.00"))]
    assert not stands_already(posting(1, "100.00"), rows, own_accounts=frozenset(), padded_to=7)


def receipt(amount: str, *, posting_no: int = 1, account: str = "110.00", bank: str = "OPER") -> Posting:
    heading = Heading(EntryType.RECEIPTS, "P7", bank=bank)
    line = PostingLine(LineKey(heading, "HVAC", "", "", "100001", account), Decimal(amount), "", "", ZERO)
    return replace(
        posting(7),
        document=DocumentKey("acme", Kind.PAYMENT, 7),
        posting_no=posting_no,
        master=MasterKey(202610, posting(7).master.trans_date, heading),
        lines=(line,),
    )


def received(amount: str, *, bank_account: str = "101.00", key: str = "") -> list[Row]:
    """A receipt of 100.00 as it stands in the ledger: the receivable falls, the bank rises."""
    return [
        Row(key, "HVAC", "110.00", "0100001", -Decimal(amount)),
        Row("auto", "", bank_account, "", Decimal(amount)),
    ]


def test_the_bank_is_found_by_what_balances_a_receipt() -> None:
    assert balancing_accounts(receipt("100.00"), received("100.00")) == {"101.00"}


def test_a_bank_that_a_receipt_was_moved_away_from_does_not_hide_the_other() -> None:
    rows = [*received("100.00"), *received("-100.00"), *received("100.00", bank_account="102.00")]
    own = balancing_accounts(receipt("100.00"), rows)
    assert own == {"102.00"}
    assert stands_already(receipt("100.00"), rows, own_accounts=own, padded_to=7)


def test_accounts_that_only_together_balance_a_receipt_are_not_taken_for_its_bank() -> None:
    split = [
        Row("", "HVAC", "110.00", "0100001", Decimal("-100.00")),
        Row("auto", "", "101.00", "", Decimal("60.00")),
        Row("auto", "", "102.00", "", Decimal("40.00")),
    ]
    assert balancing_accounts(receipt("100.00"), split) == frozenset()
    assert balancing_accounts(receipt("100.00"), [split[0], split[1]]) == frozenset()


def test_a_receipt_on_another_invoice_does_not_stand_already() -> None:
    rows = [replace(row, invoice="0100002" if row.invoice else "") for row in received("100.00")]
    assert not stands_already(receipt("100.00"), rows, own_accounts=frozenset({"101.00"}), padded_to=7)


def test_what_a_correction_took_away_wholly_does_not_count_when_amounts_are_compared() -> None:
    recoded = [
        Row("a", "HVAC", "402.00", "0100001", Decimal("-100.00")),
        Row("b", "HVAC", "402.00", "0100001", Decimal("100.00")),
        Row("c", "HVAC", "401.00", "0100001", Decimal("-100.00")),
        Row("", "HVAC", "110.00", "0100001", Decimal("100.00")),
    ]
    assert stands_already(posting(1, "100.00"), recoded, own_accounts=frozenset({"110.00"}), padded_to=7)


def test_our_own_lines_are_known_again_although_a_database_forgot_their_corrections() -> None:
    first, correction = receipt("100.00"), receipt("30.00", posting_no=2)
    rows = [
        *received("100.00", key=line_key(first, first.lines[0])),
        *received("30.00", key=line_key(correction, correction.lines[0])),
    ]
    assert [row.amount for row in our_rows(receipt("130.00"), rows)] == [Decimal("-100.00"), Decimal("-30.00")]
    assert carries_our_lines(receipt("130.00"), rows)
    assert not carries_our_lines(receipt("100.00"), rows)
