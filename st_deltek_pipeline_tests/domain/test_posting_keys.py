"""Keys: derived from the document, short enough, never twice, and the same for ever."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.coded_amounts import Heading, LineKey, invoice_line
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.posting_keys import (
    LONGEST_REFERENCE,
    NaturalKey,
    balance_key,
    entry_key,
    invoice_natural_key,
    line_key,
    master_key,
    natural_key,
    posting_identity,
    reference_of,
)
from st_deltek_pipeline.domain.postings import MasterKey, Posting, PostingLine
from st_deltek_pipeline_tests.domain.builders import DAY

RECEIPT = Heading(EntryType.RECEIPTS, "P5001", bank="OPER")
VOUCHER = Heading(EntryType.VOUCHERS, "FR-77120", vendor="000901", bank="OPER", liability="AP")


def posting(kind: Kind, *keys: LineKey, number: int = 1) -> Posting:
    return Posting(
        document=DocumentKey("acme", kind, 5001),
        posting_no=number,
        revision=1,
        revision_hash="a" * 64,
        business_day=DAY,
        master=MasterKey(202610, DAY, keys[0].heading),
        due_date=None,
        lines=tuple(PostingLine(key, Decimal("1.00"), "", "", ZERO) for key in keys),
        correction=False,
        moved_from=None,
    )


def receipt_line(wbs1: str = "HVAC", invoice: str = "N1", section: str = "", heading: Heading = RECEIPT) -> LineKey:
    return LineKey(heading, wbs1, "", "", invoice, "110.00", section)


@pytest.mark.parametrize(
    ("kind", "document_id", "reference"),
    [
        (Kind.PAYMENT, 5001, "P5001"),
        (Kind.BILL, 99_999_999_999, "B99999999999"),
        (Kind.AP_CREDIT, 7, "A7"),
        (Kind.CREDIT_MEMO, 0, "C0"),
        (Kind.PAYMENT, 100_000_000_000, "PXD8EAA624B5"),
    ],
)
def test_a_reference_never_changes(kind: Kind, document_id: int, reference: str) -> None:
    # What was posted is found again by it.
    assert reference_of(DocumentKey("acme", kind, document_id)) == reference


@given(st.sampled_from(list(Kind)), st.integers(-(2**63), 2**63 - 1))
def test_a_reference_fits_whatever_the_id(kind: Kind, document_id: int) -> None:
    reference = reference_of(DocumentKey("acme", kind, document_id))
    assert 0 < len(reference) <= LONGEST_REFERENCE
    assert reference.isascii()
    assert reference.isalnum()
    assert reference == reference_of(DocumentKey("other", kind, document_id))


@given(
    st.tuples(st.sampled_from(list(Kind)), st.integers(0, 2**63 - 1)),
    st.tuples(st.sampled_from(list(Kind)), st.integers(0, 2**63 - 1)),
)
def test_two_documents_have_two_references(one: tuple[Kind, int], other: tuple[Kind, int]) -> None:
    same = reference_of(DocumentKey("acme", *one)) == reference_of(DocumentKey("acme", *other))
    assert same is (one == other)


def test_two_hundred_thousand_ids_that_do_not_fit_have_as_many_references() -> None:
    references = {reference_of(DocumentKey("acme", Kind.PAYMENT, 10**15 + place)) for place in range(200_000)}
    assert len(references) == 200_000


def test_a_receipt_is_known_by_its_reference_whatever_its_bank() -> None:
    assert natural_key(RECEIPT, padded_to=7) == natural_key(replace(RECEIPT, bank="MERC"), padded_to=7)


def test_an_invoice_number_belongs_to_its_project_however_it_is_padded() -> None:
    plain = Heading(EntryType.INVOICES, "104417", "HVAC")
    assert natural_key(plain, padded_to=7) == NaturalKey(EntryType.INVOICES, "HVAC", "0104417")
    assert natural_key(replace(plain, number=" 0104417"), padded_to=7) == natural_key(plain, padded_to=7)
    assert natural_key(replace(plain, wbs1="PHASED"), padded_to=7) != natural_key(plain, padded_to=7)
    assert natural_key(plain, padded_to=9).number == "000104417"
    credited = natural_key(replace(plain, credit_memo="C6001"), padded_to=7)
    assert credited == NaturalKey(EntryType.INVOICES, "HVAC|0104417", "c6001")
    assert credited == invoice_natural_key("HVAC", "104417", "C6001", padded_to=7)


def test_a_reference_belongs_to_the_whole_database_and_a_number_to_its_entry_type() -> None:
    assert natural_key(RECEIPT, padded_to=7) == NaturalKey(EntryType.RECEIPTS, "", "p5001")
    assert natural_key(replace(RECEIPT, vendor="000901"), padded_to=7) == natural_key(RECEIPT, padded_to=7)
    assert natural_key(VOUCHER, padded_to=7) == NaturalKey(EntryType.VOUCHERS, "000901", "fr-77120")


def test_a_vendors_number_belongs_to_that_vendor_only() -> None:
    assert natural_key(VOUCHER, padded_to=7) != natural_key(replace(VOUCHER, vendor="000902"), padded_to=7)
    assert natural_key(VOUCHER, padded_to=7) == natural_key(replace(VOUCHER, number=" fr-77120"), padded_to=7)


def test_a_memo_does_not_occupy_the_number_of_the_invoice_it_credits() -> None:
    plain = invoice_natural_key("HVAC", "104417", "", padded_to=7)
    credited = invoice_natural_key("HVAC", "104417", "C6001", padded_to=7)
    assert plain != credited
    assert credited == invoice_natural_key("HVAC", "0104417", "c6001 ", padded_to=7)


def test_lines_of_one_posting_have_keys_of_their_own() -> None:
    lines = (
        receipt_line(),
        receipt_line("PHASED"),
        receipt_line(invoice="N2"),
        receipt_line(invoice=""),
        receipt_line(invoice="", section="retainer"),
    )
    made = posting(Kind.PAYMENT, *lines)
    keys = [line_key(made, line) for line in made.lines]
    assert len(set(keys)) == len(lines)
    assert all(len(key) == 32 for key in keys)


def test_a_line_taken_back_in_one_bank_and_entered_in_another_has_two_keys() -> None:
    old, new = (
        posting(Kind.PAYMENT, receipt_line()),
        posting(Kind.PAYMENT, receipt_line(heading=replace(RECEIPT, bank="MERC"))),
    )
    assert line_key(old, old.lines[0]) != line_key(new, new.lines[0])


def test_a_later_posting_of_the_same_line_has_another_key() -> None:
    first, second = posting(Kind.PAYMENT, receipt_line()), posting(Kind.PAYMENT, receipt_line(), number=2)
    assert line_key(first, first.lines[0]) != line_key(second, second.lines[0])


def test_keys_of_an_invoices_lines_are_those_of_the_first_release() -> None:
    key = invoice_line(("HVAC", "", ""), "104417", account="401.00", section="F")
    made = posting(Kind.INVOICE, key)
    assert line_key(made, made.lines[0]) == "0dd1d89184dab024bcce94d6403efacb"


def test_what_a_credit_memo_takes_off_has_a_key_that_names_the_memo() -> None:
    key = invoice_line(("HVAC", "", ""), "104417", account="401.00", section="F", credit_memo="C5001")
    other = replace(key, heading=replace(key.heading, credit_memo="C5002"))
    one, two = posting(Kind.CREDIT_MEMO, key), posting(Kind.CREDIT_MEMO, other)
    assert line_key(one, one.lines[0]) != line_key(two, two.lines[0])


def test_a_deposit_in_the_file_of_its_payments_is_not_mixed_up_with_the_payment_of_the_same_id() -> None:
    identities = {posting_identity(posting(kind, receipt_line())) for kind in (Kind.PAYMENT, Kind.BANK_DEPOSIT)}
    assert identities == {"00000000000000005001:000001", "bank_deposit:00000000000000005001:000001"}


def test_a_vouchers_master_and_a_journal_entrys_balance_have_keys_of_their_own() -> None:
    voucher = posting(Kind.BILL, LineKey(VOUCHER, "HVAC", "", "", "", "501.00", item="1"))
    entry = Heading(EntryType.JOURNAL_ENTRIES, "B5001", liability="202.00")
    journal = posting(Kind.BILL, LineKey(entry, "HVAC", "", "", "", "501.00", item="1"))
    keys = {
        line_key(voucher, voucher.lines[0]),
        master_key(voucher),
        line_key(journal, journal.lines[0]),
        balance_key(journal),
    }
    assert len(keys) == 4
    # For ever: what was posted is found again by them.
    assert master_key(voucher) == "5193180e1ffdf033111a12dcbdc71b77"  # pragma: allowlist secret
    assert balance_key(journal) == "e438a83e748742ac6cc9e9532effa258"  # pragma: allowlist secret
    assert line_key(voucher, voucher.lines[0]) == "c4af90dac9fcf68dcaf4ae27f19ff288"  # pragma: allowlist secret
    assert entry_key(voucher) == (master_key(voucher),)
    assert entry_key(journal) == ("B5001",)
