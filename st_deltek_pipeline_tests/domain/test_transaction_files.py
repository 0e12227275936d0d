"""Transaction files: derived, frozen, bounded, and the same on every machine."""

import hashlib
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.coded_amounts import Heading, LineKey, invoice_line
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.postings import MasterKey, Posting, PostingLine
from st_deltek_pipeline.domain.transaction_files import build_file, build_files, derive_batch, plan_hash
from st_deltek_pipeline_tests.domain.builders import DAY


def posting(document_id: int, amount: str = "100.00", *, number: str | None = None, period: int = 202610) -> Posting:
    key = invoice_line(("HVAC", "", ""), number or f"10{document_id:04d}", account="401.00", section="F")
    return Posting(
        document=DocumentKey("acme", Kind.INVOICE, document_id),
        posting_no=1,
        revision=1,
        revision_hash=f"{document_id:064x}",
        business_day=DAY,
        master=MasterKey(period, DAY, key.heading),
        due_date=date(2026, 11, 6),
        lines=(PostingLine(key, Decimal(amount), "", "", ZERO),),
        correction=False,
        moved_from=None,
    )


def test_the_batch_is_32_hex_digits_and_never_changes() -> None:
    """T06: the key is the same whatever happens, so a late arrival meets itself."""
    # A changed derivation would let an already sent revision be sent again under a new Batch.
    assert derive_batch("acme", Kind.INVOICE, 202610, [posting(1), posting(2)]) == "9e4de64dde43e863d6f175a1d73eab1a"


def test_the_batch_does_not_depend_on_the_order_of_revisions() -> None:
    one = derive_batch("acme", Kind.INVOICE, 202610, [posting(1), posting(2)])
    other = derive_batch("acme", Kind.INVOICE, 202610, [posting(2), posting(1)])
    assert one == other


@pytest.mark.parametrize(
    "changed",
    [
        lambda: derive_batch("other", Kind.INVOICE, 202610, [posting(1)]),
        lambda: derive_batch("acme", Kind.INVOICE, 202611, [posting(1)]),
        lambda: derive_batch("acme", Kind.INVOICE, 202610, [posting(1), posting(2)]),
        lambda: derive_batch("acme", Kind.INVOICE, 202610, [replace(posting(1), revision_hash="b" * 64)]),
        lambda: derive_batch("acme", Kind.INVOICE, 202610, [replace(posting(1), posting_no=2)]),
    ],
)
def test_any_other_content_gives_another_batch(changed: object) -> None:
    assert callable(changed)
    assert changed() != derive_batch("acme", Kind.INVOICE, 202610, [posting(1)])


def test_the_body_carries_exact_amounts_and_the_files_total() -> None:
    file = build_file("acme", "01", [posting(1, "0.10"), posting(2, "0.20")])
    body = json.loads(file.body, parse_float=Decimal)
    assert body["Total"] == Decimal("0.30")
    assert '"Amount":0.10' in file.body
    assert body["Batch"] == file.batch
    assert body["Period"] == 202610
    assert {row["PKey"] for row in body["inDetail"]} == {
        row["PKey"] for row in body["inDetail"] if len(row["PKey"]) == 32
    }


def test_the_same_postings_give_the_same_bytes() -> None:
    one = build_files("acme", "01", [posting(1), posting(2)], documents_per_file=10)
    other = build_files("acme", "01", [posting(2), posting(1)], documents_per_file=10)
    assert [file.body for file in one] == [file.body for file in other]
    assert plan_hash(one) == plan_hash(other)


def test_a_cent_more_changes_the_plans_hash() -> None:
    one = build_files("acme", "01", [posting(1)], documents_per_file=10)
    other = build_files("acme", "01", [posting(1, "100.01")], documents_per_file=10)
    assert plan_hash(one) != plan_hash(other)


def test_periods_never_share_a_file() -> None:
    files = build_files("acme", "01", [posting(1), posting(2, period=202611)], documents_per_file=10)
    assert [file.period for file in files] == [202610, 202611]


def test_one_number_twice_on_a_project_goes_into_two_files() -> None:
    files = build_files("acme", "01", [posting(1, number="104417"), posting(2, number="104417")], documents_per_file=10)
    assert [len(file.postings) for file in files] == [1, 1]


def test_what_belongs_together_is_one_file_however_many_there_are_and_nobody_else_is_in_it() -> None:
    deposits = [replace(posting(number), together=f"bank deposit {number % 2}") for number in range(1, 8)]
    files = build_files("acme", "01", [*deposits, posting(8), posting(9), posting(10)], documents_per_file=2)
    assert sorted((file.together, len(file.postings)) for file in files) == [
        ("", 1),
        ("", 2),
        ("bank deposit 0", 3),
        ("bank deposit 1", 4),
    ]


def test_a_file_is_for_one_company_kind_type_and_period_and_says_so() -> None:
    file = build_file("acme", "01", [posting(2), posting(1)])
    assert (file.connection, file.company, file.kind, file.entry, file.period) == (
        "acme",
        "01",
        Kind.INVOICE,
        EntryType.INVOICES,
        202610,
    )
    assert [each.document.document_id for each in file.postings] == [1, 2]
    assert (file.amount, file.together) == (Decimal("200.00"), "")
    assert file.body_hash == hashlib.sha256(file.body.encode()).hexdigest()
    named = [replace(posting(number), together=f"bank deposit {number}") for number in (1, 2)]
    assert build_file("acme", "01", named).together == ""
    assert build_file("acme", "01", named[:1]).together == "bank deposit 1"


def test_files_come_in_a_fixed_order_whatever_the_order_of_postings() -> None:
    members = [posting(number, number=f"1{number % 3:05d}") for number in range(1, 12)]
    members += [posting(number, period=202611) for number in range(20, 24)]
    files = build_files("acme", "01", members, documents_per_file=3)
    assert [file.batch for file in build_files("acme", "01", members[::-1], documents_per_file=3)] == [
        file.batch for file in files
    ]
    # The first file that has room takes a document; a full one is closed.
    assert [len(file.postings) for file in files if file.period == 202610] == [3, 3, 3, 2]
    assert [len(file.postings) for file in files if file.period == 202611] == [3, 1]


def test_a_file_stays_open_while_it_has_room_and_documents_keep_their_order() -> None:
    members = [posting(1, number="100001"), posting(2, number="100001"), posting(3), posting(4), posting(5)]
    files = build_files("acme", "01", members, documents_per_file=3)
    assert [[each.document.document_id for each in file.postings] for file in files] == [[1, 3, 4], [2, 5]]
    assert {(file.connection, file.company) for file in files} == {("acme", "01")}


def test_what_the_bank_kept_is_in_the_file_of_its_payments() -> None:
    heading = Heading(EntryType.RECEIPTS, "P7", bank="OPER")
    line = PostingLine(LineKey(heading, "HVAC", "", "", "", "110.00"), Decimal("-1.00"), "", "", ZERO)
    receipt = replace(
        posting(7),
        document=DocumentKey("acme", Kind.PAYMENT, 7),
        master=replace(posting(7).master, heading=heading),
        lines=(line,),
    )
    fees_heading = replace(heading, number="D7")
    fees = replace(
        receipt,
        document=DocumentKey("acme", Kind.BANK_DEPOSIT, 7),
        master=replace(receipt.master, heading=fees_heading),
        lines=(replace(line, key=replace(line.key, heading=fees_heading)),),
    )
    (file,) = build_files("acme", "01", [receipt, fees], documents_per_file=10)
    assert (file.kind, len(file.postings)) == (Kind.PAYMENT, 2)


def test_the_hash_of_a_plan_does_not_depend_on_the_order_of_its_files_and_is_never_the_same_for_another() -> None:
    one, two = build_file("acme", "01", [posting(1)]), build_file("acme", "01", [posting(2)])
    assert plan_hash([one, two]) == plan_hash([two, one])
    assert len({plan_hash(files) for files in ([], [one], [two], [one, two])}) == 4
    assert plan_hash([one])[:16] == "f1d4de86f16cb1ab"  # pragma: allowlist secret


def test_a_file_with_one_master_key_twice_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="two masters"):
        build_file("acme", "01", [posting(1, number="104417"), posting(2, number="104417")])


def test_a_file_over_two_periods_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="one period"):
        build_file("acme", "01", [posting(1), posting(2, period=202611)])


@given(
    st.lists(
        st.tuples(st.integers(1, 500), st.sampled_from([202610, 202611])), max_size=60, unique_by=lambda pair: pair[0]
    ),
    st.integers(1, 7),
)
def test_every_posting_is_in_exactly_one_file_of_bounded_size(members: list[tuple[int, int]], most: int) -> None:
    postings = [posting(document_id, number=f"{document_id % 9}", period=period) for document_id, period in members]
    files = build_files("acme", "01", postings, documents_per_file=most)
    placed = [member.document.document_id for file in files for member in file.postings]
    assert sorted(placed) == sorted(document_id for document_id, _ in members)
    assert all(len(file.postings) <= most for file in files)
    assert total(file.amount for file in files) == total(member.amount for member in postings)
    assert len({file.batch for file in files}) == len(files)
