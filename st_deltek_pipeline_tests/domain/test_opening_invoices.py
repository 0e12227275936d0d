"""Old invoices stand where Vantagepoint's ledger shows them, or what is applied to them waits: nothing is guessed."""

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.opening_invoices import (
    NOT_READ,
    OpeningInvoice,
    OpeningProblem,
    OpeningRow,
    opening_items,
    redated_words,
    stands_under_references,
    with_opening,
)
from st_deltek_pipeline.domain.payment_alignment import PostedInvoices, align_payment
from st_deltek_pipeline.domain.receivables import OpenItem, Receivable, over_applications
from st_deltek_pipeline_tests.domain.builders import REFERENCE
from st_deltek_pipeline_tests.domain.document_builders import ALL_LINKS, RULES_FOR_ALL_KINDS, payment

AR = "110.00"
CENTS = st.integers(-100_000, 100_000).map(lambda cents: Decimal(cents).scaleb(-2))


def billed(
    amount: str | Decimal, wbs1: str = "HVAC", *, wbs2: str = "", number: str = "0007001", credit_memo: str = ""
) -> list[OpeningRow]:
    """An invoice's line as the ledger has it, with the other side that Vantagepoint posts."""
    value = Decimal(amount)
    here = (wbs1, wbs2, "", number)
    return [
        OpeningRow(EntryType.INVOICES, *here, "401.00", credit_memo, "OLD", "1", value),
        OpeningRow(EntryType.INVOICES, *here, AR, credit_memo, "OLD", "2", -value),
    ]


def received(
    amount: str | Decimal, wbs1: str = "HVAC", *, wbs2: str = "", number: str = "0007001", reference: str = "CHK 1"
) -> list[OpeningRow]:
    """What somebody received on it."""
    return [OpeningRow(EntryType.RECEIPTS, wbs1, wbs2, "", number, AR, reference, "OLDCR", "1", Decimal(amount))]


def found(*rows: list[OpeningRow], number: str = "7001") -> OpeningInvoice:
    return OpeningInvoice(number, [row for part in rows for row in part])


def items(invoice: OpeningInvoice, stated: str) -> Sequence[OpenItem]:
    answer = opening_items(invoice, Decimal(stated), AR)
    assert not isinstance(answer, OpeningProblem), answer
    return answer


def problem(invoice: OpeningInvoice, stated: str | None, receivables: str | None = AR) -> OpeningProblem:
    answer = opening_items(invoice, None if stated is None else Decimal(stated), receivables)
    assert isinstance(answer, OpeningProblem), answer
    return answer


def test_an_invoice_stands_where_the_ledger_has_it_and_under_its_number_there() -> None:
    assert items(found(billed("108.00")), "108.00") == [OpenItem("HVAC", "", "", "0007001", Decimal("108.00"))]


def test_a_tenant_that_shows_only_the_credit_side_gives_the_same() -> None:
    one_side = OpeningInvoice("7001", billed("108.00")[:1])
    assert items(one_side, "108.00") == items(found(billed("108.00")), "108.00")


def test_phases_of_one_project_are_several_places() -> None:
    several = items(found(billed("60.00", wbs2="GEN"), billed("40.00", wbs2="TRIM")), "100.00")
    assert [(item.wbs2, item.amount) for item in several] == [("GEN", Decimal("60.00")), ("TRIM", Decimal("40.00"))]


def test_what_others_received_counts_where_it_stands() -> None:
    (gen, trim) = items(
        found(billed("60.00", wbs2="GEN"), billed("40.00", wbs2="TRIM"), received("25.00", wbs2="GEN")), "100.00"
    )
    assert (gen.others, trim.others) == (Decimal("25.00"), ZERO)


def test_what_was_credited_does_not_make_the_invoice_another_one() -> None:
    credited = found(billed("108.00"), billed("-8.00", credit_memo="CM 4"))
    assert [item.amount for item in items(credited, "108.00")] == [Decimal("108.00")]


def test_an_invoice_that_was_taken_back_and_entered_on_another_project_stands_there_only() -> None:
    moved = found(billed("108.00"), billed("-108.00"), billed("108.00", "WEST"))
    assert [item.wbs1 for item in items(moved, "108.00")] == ["WEST"]


def test_a_number_on_two_projects_is_not_guessed_though_one_of_them_has_the_amount() -> None:
    two = problem(found(billed("108.00"), billed("50.00", "WEST")), "108.00")
    assert two.reason is HoldReason.OPENING_INVOICE_AMBIGUOUS
    assert "108.00 on project HVAC, 50.00 on project WEST" in two.words


def test_two_spellings_of_a_number_are_two_invoices() -> None:
    two = problem(found(billed("50.00"), billed("50.00", number="7001")), "100.00")
    assert two.reason is HoldReason.OPENING_INVOICE_AMBIGUOUS
    assert "50.00 on project HVAC as 0007001" in two.words


def test_amounts_that_differ_are_both_said() -> None:
    differs = problem(found(billed("108.00")), "100.00")
    assert differs.reason is HoldReason.OPENING_INVOICE_DIFFERS
    assert "on project HVAC with 108.00, ServiceTitan says 100.00" in differs.words
    assert problem(found(billed("108.00")), None).reason is HoldReason.OPENING_INVOICE_DIFFERS


def test_an_invoice_that_was_taken_back_wholly_differs_from_one_that_is_owed() -> None:
    gone = problem(found(billed("108.00"), billed("-108.00")), "108.00")
    assert gone.reason is HoldReason.OPENING_INVOICE_DIFFERS
    assert "with 0.00, ServiceTitan says 108.00" in gone.words


def test_an_invoice_for_nothing_takes_nothing() -> None:
    assert problem(found(billed("5.00"), billed("-5.00")), "0.00").reason is HoldReason.OVER_APPLIED


def test_what_vantagepoint_does_not_have_is_missing_though_somebody_received_money_on_the_number() -> None:
    assert problem(found(), "108.00").reason is HoldReason.OPENING_INVOICE_MISSING
    assert "no invoice 7001" in problem(found(received("5.00")), "108.00").words
    assert problem(found(number=""), "108.00").reason is HoldReason.OPENING_INVOICE_MISSING


def test_without_a_receivables_account_nobody_knows_which_side_is_which() -> None:
    assert problem(found(billed("1.00")), "1.00", None).reason is HoldReason.RECEIVABLES_ACCOUNT_UNKNOWN


def test_a_payment_on_an_old_invoice_is_received_where_it_stands() -> None:
    where = items(found(billed("60.00", wbs2="GEN"), billed("40.00", wbs2="TRIM")), "100.00")
    old = PostedInvoices({7001: where}, frozenset({7001}), before_start=frozenset({7001}))
    aligned = align_payment(payment((7001, "50.00")), RULES_FOR_ALL_KINDS, REFERENCE, ALL_LINKS, old)
    assert [(line.key.wbs2, line.key.invoice, line.amount) for line in aligned.lines] == [
        ("GEN", "0007001", Decimal("30.00")),
        ("TRIM", "0007001", Decimal("20.00")),
    ]


def test_a_payment_on_an_old_invoice_that_is_not_certain_says_why() -> None:
    old = PostedInvoices({}, frozenset({7001}), before_start=frozenset({7001}), opening_problems={7001: NOT_READ})
    hold = align_payment(payment((7001, "50.00")), RULES_FOR_ALL_KINDS, REFERENCE, ALL_LINKS, old).hold
    assert hold is not None
    assert hold.reason is HoldReason.OPENING_INVOICE_NOT_READ
    assert hold.message.startswith("payment:5001 is applied to invoice 7001 (N7001), which is dated before")


def test_no_more_is_received_than_is_left_after_what_others_received_and_credited() -> None:
    rows = found(billed("108.00"), billed("-8.00", credit_memo="CM 4"), received("70.00")).rows
    standing = with_opening({}, rows, receivables_account=AR, padded_to=7)
    key = ("HVAC", "0007001")
    assert standing == {key: Receivable(Decimal("100.00"), Decimal("70.00"))}
    assert not over_applications([{key: Decimal("30.00")}], standing)
    assert over_applications([{key: Decimal("30.01")}], standing)


def test_our_own_journal_and_the_others_add_up() -> None:
    key = ("HVAC", "0007001")
    ours = {key: Receivable(Decimal("-10.00"), Decimal("20.00")), ("WEST", "0000009"): Receivable()}
    rows = found(billed("108.00"), received("70.00")).rows
    assert with_opening(ours, rows, receivables_account=AR, padded_to=7) == {
        key: Receivable(Decimal("98.00"), Decimal("90.00")),
        ("WEST", "0000009"): Receivable(),
    }


def test_a_receipt_that_has_our_reference_is_known_by_it() -> None:
    rows = [*received("70.00", reference="p5001"), *received("5.00", reference=" "), *billed("1.00", credit_memo="C1")]
    assert stands_under_references(rows, receivables_account=AR, padded_to=7) == {
        "p5001": {("HVAC", "0007001"): Decimal("70.00")}
    }


def test_an_invoice_that_was_dated_over_the_start_says_where_it_stands() -> None:
    assert "entered by others: 108.00 on project HVAC" in redated_words(found(billed("108.00")), AR)
    assert not found(received("5.00")).stands
    assert found(billed("5.00")).stands


@given(st.lists(st.tuples(st.sampled_from(["", "A", "B", "C"]), CENTS), min_size=1, max_size=8), st.lists(CENTS))
def test_what_is_certain_adds_up_to_the_invoice_and_to_what_was_received(
    lines: list[tuple[str, Decimal]], receipts: list[Decimal]
) -> None:
    rows = found(
        *(billed(amount, wbs2=phase) for phase, amount in lines), *(received(amount, wbs2="A") for amount in receipts)
    )
    stated = total(amount for _, amount in lines)
    answer = opening_items(rows, stated, AR)
    standing = with_opening({}, rows.rows, receivables_account=AR, padded_to=7)["HVAC", "0007001"]
    assert standing == Receivable(stated, total(receipts))
    if stated == ZERO:
        assert isinstance(answer, OpeningProblem)
        return
    assert not isinstance(answer, OpeningProblem)
    assert total(item.amount for item in answer) == stated
    assert all(item.amount != ZERO for item in answer)
    phases = {item.wbs2: item for item in answer}
    assert "A" not in phases or phases["A"].others == total(receipts)
