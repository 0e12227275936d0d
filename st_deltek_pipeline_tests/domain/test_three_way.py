"""The three-way comparison: it names exactly what was done to a ledger, in the right class, and its sums agree."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.three_way import DifferenceClass, LedgerDifference, Place, ThreeWay, ThreeWayRow
from st_deltek_pipeline.domain.three_way_comparison import (
    Comparison,
    DocumentLines,
    JournalLine,
    LedgerLine,
    LineState,
    Particulars,
    document_differences,
    line_state,
)
from st_deltek_pipeline.domain.three_way_strangers import Stranger, system_side

DAY = date(2026, 10, 7)
CENT = Decimal("0.01")
PLACE = Place(202610, "HVAC", "401.00")
TOLD = Particulars(DAY, "0000123", "|")


def _document(number: int = 1, *amounts: str, kind: Kind = Kind.INVOICE) -> DocumentLines:
    """A document that stands on all sides, a line of each amount on an account of its own."""
    lines = [
        JournalLine(
            f"{number}-{place}",
            EntryType.INVOICES,
            f"F{number}",
            replace(PLACE, account=f"40{place}.00"),
            Decimal(amount),
            LineState.STANDING,
            TOLD,
        )
        for place, amount in enumerate(amounts or ("100.00",), start=1)
    ]
    return DocumentLines(
        kind=kind,
        document_id=number,
        business_day=DAY,
        servicetitan=sum((line.amount for line in lines), start=ZERO),
        outside=ZERO,
        outcome="posted",
        undecided=False,
        home="HVAC",
        reference=f"AR invoice {number}",
        journal=lines,
        ledger=[LedgerLine(line.key, line.batch, line.place, line.amount, line.particulars) for line in lines],
    )


def _classes(document: DocumentLines, tolerance: Decimal = CENT) -> list[DifferenceClass]:
    return [each.difference_class for each in document_differences(document, tolerance)]


def _compared(*documents: DocumentLines, strangers: Sequence[Stranger] = ()) -> ThreeWay:
    comparison = Comparison(CENT)
    for document in documents:
        comparison.add_document(document)
    for stranger in strangers:
        comparison.add_stranger(stranger)
    rows, differences = comparison.result()
    return ThreeWay(DAY, DAY, rows, differences)


def _stranger(amount: str = "100.00", *, account: str = "401.00", owner: str = "", number: str = "X1") -> Stranger:
    lines = {replace(PLACE, account=account): Decimal(amount)}
    stranger = Stranger(number, f"AR invoice {number}, file BYHAND", DAY, lines)
    if not owner:
        return stranger
    return replace(stranger, owner=owner, owner_kind=Kind.INVOICE, standing={PLACE: Decimal("100.00")})


def test_what_stands_as_posted_has_no_difference() -> None:
    result = _compared(_document(1, "60.00", "40.00"), _document(2))
    assert result.clean
    assert not result.differences
    assert result.documents == 2
    assert all(row.agrees for row in result.rows)
    assert result.total.ledger == Decimal("200.00")


def test_a_document_the_ledger_lost_is_missing_with_its_file_named() -> None:
    (found,) = document_differences(replace(_document(1, "60.00", "40.00"), ledger=()), CENT)
    assert found.difference_class is DifferenceClass.MISSING
    assert (found.document, found.journal, found.ledger, found.amount) == (
        "invoice:1",
        Decimal("100.00"),
        ZERO,
        Decimal("-100.00"),
    )
    assert "F1" in found.advice
    assert found.account == "401.00, 402.00"


def test_lines_that_stand_twice_are_double() -> None:
    document = _document(1, "60.00", "40.00")
    (found,) = document_differences(replace(document, ledger=[*document.ledger, *document.ledger]), CENT)
    assert (found.difference_class, found.ledger) == (DifferenceClass.DOUBLE, Decimal("200.00"))


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"amount": Decimal("99.00")}, "amount"),
        ({"place": replace(PLACE, account="499.00")}, "account"),
        ({"place": replace(PLACE, project="PLUMB")}, "project"),
        ({"place": replace(PLACE, period=202611)}, "period"),
        ({"particulars": replace(TOLD, trans_date=DAY + timedelta(days=1))}, "date"),
        ({"particulars": replace(TOLD, number="0000124")}, "number"),
        ({"particulars": replace(TOLD, phase="01|")}, "phase"),
    ],
)
def test_whatever_of_a_line_was_changed_is_named(changed: dict[str, object], what: str) -> None:
    document = _document()
    (row,) = document.ledger
    (found,) = document_differences(replace(document, ledger=[replace(row, **changed)]), CENT)  # type: ignore[arg-type]
    assert found.difference_class is DifferenceClass.ALTERED
    assert f"another {what} " in found.words
    assert found.needs_someone


def test_what_one_side_does_not_know_is_not_compared() -> None:
    document = _document()
    (row,) = document.ledger
    assert not document_differences(replace(document, ledger=[replace(row, particulars=Particulars())]), CENT)


def test_a_cent_is_rounding_and_two_are_not() -> None:
    document = _document()
    (row,) = document.ledger
    for cents, expected in ((1, DifferenceClass.ROUNDING), (2, DifferenceClass.ALTERED)):
        changed = replace(document, ledger=[replace(row, amount=row.amount - cents * CENT)])
        assert _classes(changed) == [expected]
    assert _classes(replace(document, ledger=[replace(row, amount=row.amount - CENT)]), ZERO) == [
        DifferenceClass.ALTERED
    ]


def test_what_is_posted_and_not_confirmed_yet_is_timing() -> None:
    document = _document()
    under_way = replace(
        document,
        outcome="in_flight",
        outside=Decimal("100.00"),
        journal=[replace(line, state=LineState.UNDER_WAY) for line in document.journal],
    )
    result = _compared(under_way)
    assert result.by_class == {DifferenceClass.TIMING: 1}
    assert result.clean
    assert not document_differences(replace(under_way, ledger=()), CENT)


@pytest.mark.parametrize("state", [LineState.HELD, LineState.GIVEN_UP])
def test_a_file_that_does_not_count_and_stands_all_the_same_needs_someone(state: LineState) -> None:
    document = _document()
    held = replace(
        document,
        outcome="held",
        outside=Decimal("100.00"),
        journal=[replace(line, state=state) for line in document.journal],
    )
    assert _classes(held) == [DifferenceClass.ALTERED]


def test_a_document_in_a_later_period_than_its_date_is_timing_and_moves_no_amount() -> None:
    document = _document()
    result = _compared(replace(document, journal=[replace(line, moved_from=202609) for line in document.journal]))
    (found,) = result.differences
    assert (found.difference_class, found.amount) == (DifferenceClass.TIMING, ZERO)
    assert "202609" in found.words
    assert result.clean


def test_lines_that_somebody_added_to_our_file_are_altered() -> None:
    extra = LedgerLine("", "F1", replace(PLACE, account="471.00"), Decimal("5.00"), Particulars())
    result = _compared(replace(_document(), added=[extra]))
    assert [(each.difference_class, each.amount) for each in result.differences] == [
        (DifferenceClass.ALTERED, Decimal("5.00"))
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"outcome": None}, DifferenceClass.MISSING),
        ({"undecided": True}, DifferenceClass.TIMING),
        ({}, DifferenceClass.ALTERED),
    ],
)
def test_what_servicetitan_states_beyond_our_journal_is_named(
    change: dict[str, object], expected: DifferenceClass
) -> None:
    document = replace(_document(), servicetitan=Decimal("130.00"), **change)  # type: ignore[arg-type]
    result = _compared(document)
    assert [each.difference_class for each in result.differences] == [expected]
    assert result.total.unexplained == Decimal("30.00")


def test_a_document_without_an_outcome_is_named_even_when_it_is_worth_nothing() -> None:
    assert _classes(replace(_document(1, "0.00"), journal=(), ledger=(), outcome=None)) == [DifferenceClass.MISSING]


def test_what_others_posted_is_foreign_and_has_rows_of_its_own() -> None:
    result = _compared(_document(), strangers=[_stranger("70.00")])
    (found,) = result.differences
    assert (found.difference_class, found.document, found.kind) == (DifferenceClass.FOREIGN, "", None)
    assert "file BYHAND" in found.reference
    assert result.by_kind[None].ledger == Decimal("70.00")
    assert result.by_kind[Kind.INVOICE].agrees


def test_what_others_posted_and_took_back_is_not_foreign() -> None:
    back = replace(_stranger("-70.00"), reference="AR invoice X1, file BACK")
    assert _compared(_document(), strangers=[_stranger("70.00"), back]).clean


@pytest.mark.parametrize(
    ("amount", "expected", "words"),
    [
        ("100.00", DifferenceClass.DOUBLE, "stands twice"),
        ("-100.00", DifferenceClass.ALTERED, "taken back by others"),
        ("7.00", DifferenceClass.ALTERED, "something else under its number"),
    ],
)
def test_what_others_posted_under_our_number_is_named_by_our_document(
    amount: str, expected: DifferenceClass, words: str
) -> None:
    result = _compared(_document(), strangers=[_stranger(amount, owner="invoice:1")])
    (found,) = result.differences
    assert (found.difference_class, found.document) == (expected, "invoice:1")
    assert words in found.words
    assert result.total.difference == Decimal(amount)


def test_a_missing_document_that_somebody_entered_again_as_it_was_is_in_order() -> None:
    lost = replace(_document(), ledger=())
    result = _compared(lost, strangers=[_stranger(owner="invoice:1")])
    assert result.clean
    assert all(row.agrees for row in result.rows)


def test_a_missing_document_entered_again_with_another_amount_is_not_called_double() -> None:
    result = _compared(replace(_document(), ledger=()), strangers=[_stranger("90.00", owner="invoice:1")])
    assert set(result.by_class) == {DifferenceClass.MISSING, DifferenceClass.ALTERED}


def test_the_side_that_vantagepoint_posts_is_known_or_the_largest() -> None:
    sums = {"401.00": Decimal("-60.00"), "402.00": Decimal("-40.00"), "121.00": Decimal("100.00")}
    assert system_side(EntryType.INVOICES, sums, frozenset()) == {"121.00"}
    assert system_side(EntryType.INVOICES, sums, frozenset({"402.00"})) == {"402.00"}
    assert system_side(EntryType.VOUCHERS, {"131.00": Decimal("5.00"), "201.00": Decimal("-5.00")}, frozenset()) == {
        "201.00"
    }
    assert not system_side(EntryType.JOURNAL_ENTRIES, sums, frozenset({"121.00"}))
    assert not system_side(EntryType.RECEIPTS, {"121.00": Decimal("-5.00")}, frozenset())


def test_every_state_of_a_file_says_something_about_its_lines() -> None:
    assert {state: line_state(state) for state in FileState if line_state(state) is not LineState.UNDER_WAY} == {
        FileState.POSTED: LineState.STANDING,
        FileState.ADOPTED: LineState.STANDING,
        FileState.HELD: LineState.HELD,
        FileState.REFUSED: LineState.GIVEN_UP,
        FileState.SPLIT: LineState.GIVEN_UP,
    }


# --- Whatever is done to a ledger ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Injected:
    """What was done, and how it should be named."""

    documents: Sequence[DocumentLines]
    strangers: Sequence[Stranger]
    expected: Counter[tuple[DifferenceClass, str]]


_CENTS = st.integers(-50_000, 50_000).filter(lambda cents: abs(cents) > 2)
_DEEDS = st.sampled_from(
    ("nothing", "nothing", "missing", "double", "amount", "account", "date", "rounding", "unlike", "copy")
)


def _change_first(document: DocumentLines, **changes: object) -> DocumentLines:
    first, *rest = document.ledger
    return replace(document, ledger=[replace(first, **changes), *rest])  # type: ignore[arg-type]


def _done(document: DocumentLines, deed: str, more: Decimal) -> tuple[DocumentLines, DifferenceClass | None]:
    """Do something to a document's ledger lines, or to what ServiceTitan states; and say how it should be classed."""
    first = document.ledger[0]
    elsewhere = replace(first.place, account="999.00")
    later = replace(first.particulars, trans_date=date(2026, 12, 1))
    deeds: dict[str, tuple[DocumentLines, DifferenceClass | None]] = {
        "nothing": (document, None),
        "missing": (replace(document, ledger=()), DifferenceClass.MISSING),
        "double": (replace(document, ledger=[*document.ledger] * 2), DifferenceClass.DOUBLE),
        "amount": (_change_first(document, amount=first.amount + more), DifferenceClass.ALTERED),
        "account": (_change_first(document, place=elsewhere), DifferenceClass.ALTERED),
        "date": (_change_first(document, particulars=later), DifferenceClass.ALTERED),
        "rounding": (_change_first(document, amount=first.amount + CENT), DifferenceClass.ROUNDING),
        "unlike": (replace(document, servicetitan=document.servicetitan + more), DifferenceClass.ALTERED),
    }
    return deeds[deed]


@st.composite
def _ledgers(draw: st.DrawFn) -> _Injected:
    documents: list[DocumentLines] = []
    strangers: list[Stranger] = []
    expected: Counter[tuple[DifferenceClass, str]] = Counter()
    for number in range(1, draw(st.integers(1, 8)) + 1):
        amounts = draw(st.lists(_CENTS, min_size=1, max_size=3))
        kind = draw(st.sampled_from((Kind.INVOICE, Kind.BILL)))
        document = _document(number, *(str(Decimal(cents) / 100) for cents in amounts), kind=kind)
        deed = draw(_DEEDS)
        if deed == "copy":
            sums = {line.place: line.amount for line in document.journal}
            strangers.append(Stranger(f"N{number}", f"copy {number}", DAY, sums, document.name, kind, sums))
            named = DifferenceClass.DOUBLE
        else:
            document, named = _done(document, deed, Decimal(draw(_CENTS)) / 100)
        if named is not None:
            expected[named, document.name] += 1
        documents.append(document)
    for number in range(draw(st.integers(0, 3))):
        strangers.append(_stranger(str(Decimal(draw(_CENTS)) / 100), number=f"X{number}"))
        expected[DifferenceClass.FOREIGN, ""] += 1
    return _Injected(documents, strangers, expected)


@given(_ledgers())
@settings(max_examples=150, deadline=None)
def test_exactly_what_was_done_to_a_ledger_is_named_and_the_sums_agree_to_the_cent(injected: _Injected) -> None:
    """T43: whatever set of troubles there is, each is named once, nothing else is, and rows are their sum."""
    result = _compared(*injected.documents, strangers=injected.strangers)
    assert Counter((each.difference_class, each.document) for each in result.differences) == injected.expected
    assert result.documents == len(injected.documents) + injected.expected[DifferenceClass.FOREIGN, ""]
    assert _of_rows(result.rows) == _of_parts(result.differences)


_Sums = dict[tuple[Kind | None, Place], tuple[Decimal, Decimal]]


def _of_rows(rows: Sequence[ThreeWayRow]) -> _Sums:
    sums: _Sums = {}
    for row in rows:
        before = sums.get((row.kind, row.place), (ZERO, ZERO))
        sums[row.kind, row.place] = (before[0] + row.difference, before[1] + row.unexplained)
    return {key: amounts for key, amounts in sums.items() if any(amounts)}


def _of_parts(differences: Sequence[LedgerDifference]) -> _Sums:
    sums: _Sums = {}
    for each in differences:
        for part in each.parts:
            before = sums.get((each.kind, part.place), (ZERO, ZERO))
            own = (part.ledger - part.journal, part.servicetitan - part.journal)
            sums[each.kind, part.place] = (before[0] + own[0], before[1] + own[1])
    return {key: amounts for key, amounts in sums.items() if any(amounts)}
