"""Finding and classing the differences of a three-way reconciliation. The result's values are ``three_way``.

Pure: documents and what others posted are given to a ``Comparison`` one by one, so that memory grows with rows and
differences, never with documents. Amounts have the sign of what a document does.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.journal import OPEN_STATES, STANDING_STATES, FileState
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.three_way import (
    DifferenceClass,
    DifferencePart,
    LedgerDifference,
    Place,
    ThreeWayRow,
    merge_parts,
    place_order,
)
from st_deltek_pipeline.domain.three_way_strangers import (
    Stranger,
    copied,
    foreign,
    is_missing,
    left_over,
    stood_in_for,
)
from st_deltek_pipeline.domain.three_way_words import (
    added_words,
    altered_words,
    double_words,
    held_words,
    missing_words,
    moved_words,
    rounding_words,
    servicetitan_words,
    under_way_words,
)


class LineState(StrEnum):
    """What our journal says of a line."""

    STANDING = "standing"
    UNDER_WAY = "under_way"
    HELD = "held"
    GIVEN_UP = "given_up"


def line_state(state: FileState) -> LineState:
    """Say what a transaction file's state means for its lines."""
    if state in STANDING_STATES:
        return LineState.STANDING
    if state in OPEN_STATES:
        return LineState.UNDER_WAY
    return LineState.HELD if state is FileState.HELD else LineState.GIVEN_UP


@dataclass(frozen=True, slots=True)
class Particulars:
    """What a line says beside its place and amount; two sides are compared where both know it.

    Attributes:
        trans_date: The document's date as posted; ``None`` is not known.
        number: Folded invoice number, or vendor and number; empty is not known.
        phase: WBS2 and WBS3 joined by a bar; ``None`` is not known.
    """

    trans_date: date | None = None
    number: str = ""
    phase: str | None = None

    def agrees_with(self, other: "Particulars") -> bool:
        """Whether nothing that both know differs."""
        return (
            (self.trans_date is None or other.trans_date is None or self.trans_date == other.trans_date)
            and (not self.number or not other.number or self.number == other.number)
            and (self.phase is None or other.phase is None or self.phase == other.phase)
        )


@dataclass(frozen=True, slots=True)
class JournalLine:
    """A line as our journal has it.

    Attributes:
        key: Finds it in the ledger: the detail's PKey, with its Batch for lines that others entered and we took over.
        entry, batch: Type of its transaction file, and the file.
        moved_from: The closed period the document's date belongs to, when it was posted in a later one.
    """

    key: str
    entry: EntryType
    batch: str
    place: Place
    amount: Decimal
    state: LineState
    particulars: Particulars
    moved_from: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A line as the ledger shows it now; ``key`` as in ``JournalLine``, empty where nothing of ours has it."""

    key: str
    batch: str
    place: Place
    amount: Decimal
    particulars: Particulars


@dataclass(frozen=True)
class DocumentLines:
    """One document on all three sides.

    Attributes:
        servicetitan: The payload's own total with the document's sign.
        outside: What the recorded outcome says is not in the ledger.
        outcome: A value of ``OutcomeKind``, or ``None`` when nothing is known of it.
        undecided: ServiceTitan has a newer version that nothing was decided about yet.
        home: The project it counts on where it stands nowhere; may be empty.
        reference: For accountants.
        ledger: Every row of the ledger under the keys of ``journal``.
        added: Rows in our files that we did not send, beside the side that Vantagepoint posts itself.
    """

    kind: Kind
    document_id: int
    business_day: date | None
    servicetitan: Decimal
    outside: Decimal
    outcome: str | None
    undecided: bool
    home: str
    reference: str
    journal: Sequence[JournalLine] = ()
    ledger: Sequence[LedgerLine] = ()
    added: Sequence[LedgerLine] = ()

    @property
    def name(self) -> str:
        """``KIND:ID``."""
        return f"{self.kind.value}:{self.document_id}"

    @property
    def unexplained(self) -> Decimal:
        """What ServiceTitan states beyond what stands by our journal and what is outside."""
        return unexplained(self.servicetitan, self.outside, self.journal)


def unexplained(servicetitan: Decimal, outside: Decimal, journal: Iterable[JournalLine]) -> Decimal:
    """Say what ServiceTitan states of a document beyond what stands by our journal and what is outside."""
    return servicetitan - outside - total(line.amount for line in journal if line.state is LineState.STANDING)


_RowKey = tuple[date | None, Kind | None, Place]


class Comparison:
    """Takes documents and strangers, in any order, and gives rows and differences.

    Args:
        tolerance: The largest difference of a line that is rounding.
    """

    def __init__(self, tolerance: Decimal) -> None:
        self._tolerance = tolerance
        self._sums: dict[_RowKey, list[Decimal]] = {}
        self._counts: dict[_RowKey, int] = {}
        self._differences: list[LedgerDifference] = []
        self._strangers: list[Stranger] = []

    def add_document(self, document: DocumentLines) -> Sequence[LedgerDifference]:
        """Compare one document, and return what differs."""
        found = document_differences(document, self._tolerance)
        self._differences += found
        self._count(document)
        return found

    def add_stranger(self, stranger: Stranger) -> None:
        """Take in what others posted; what one entered and another took back is left out in the end."""
        self._strangers.append(stranger)

    def result(self) -> tuple[tuple[ThreeWayRow, ...], tuple[LedgerDifference, ...]]:
        """Return rows and differences in their order."""
        differences = list(self._differences)
        for stranger in left_over(self._strangers):
            missing = stood_in_for(stranger, differences)
            if missing is not None:
                differences.remove(missing)
                self._count_stranger(replace(stranger, business_day=missing.business_day))
                continue
            self._count_stranger(stranger)
            if stranger.owner:
                whole = not any(is_missing(each, stranger.owner) for each in self._differences)
                differences.append(copied(stranger, stands=whole))
            else:
                differences.append(foreign(stranger))
        rows = [
            ThreeWayRow(self._counts.get(key, 0), *self._amounts(key), *key)
            for key in sorted({*self._sums, *self._counts}, key=_row_order)
        ]
        return tuple(rows), tuple(sorted(differences, key=_difference_order))

    def _count(self, document: DocumentLines) -> None:
        day, kind = document.business_day, document.kind
        home = Place(None, document.home, "")
        places = sorted({line.place for line in document.journal if line.state is LineState.STANDING}, key=place_order)
        counted = (day, kind, places[0] if places else home)
        self._counts[counted] = self._counts.get(counted, 0) + 1
        standing = ZERO
        for line in document.journal:
            if line.state is LineState.STANDING:
                self._add((day, kind, line.place), (line.amount, ZERO, line.amount, ZERO))
                standing += line.amount
        if document.servicetitan != standing or document.outside:
            self._add((day, kind, home), (document.servicetitan - standing, document.outside, ZERO, ZERO))
        for row in (*document.ledger, *document.added):
            self._add((day, kind, row.place), (ZERO, ZERO, ZERO, row.amount))

    def _count_stranger(self, stranger: Stranger) -> None:
        kind = stranger.owner_kind
        for number, (place, amount) in enumerate(sorted(stranger.lines.items(), key=lambda item: place_order(item[0]))):
            key = (stranger.business_day, kind, place)
            if kind is None and number == 0:
                self._counts[key] = self._counts.get(key, 0) + 1
            self._add(key, (ZERO, ZERO, ZERO, amount))

    def _amounts(self, key: _RowKey) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        servicetitan, outside, journal, ledger = self._sums.get(key, [ZERO] * 4)
        return servicetitan, outside, journal, ledger

    def _add(self, key: _RowKey, amounts: Iterable[Decimal]) -> None:
        row = self._sums.setdefault(key, [ZERO] * 4)
        for column, amount in enumerate(amounts):
            row[column] += amount


# --- One document ----------------------------------------------------------------------------------------------------


def document_differences(document: DocumentLines, tolerance: Decimal) -> list[LedgerDifference]:
    """Find what differs of one document: at most one difference of each class and cause.

    Args:
        document: On all three sides.
        tolerance: The largest difference of a line that is rounding.
    """
    ours: dict[str, list[JournalLine]] = {}
    for line in document.journal:
        ours.setdefault(line.key, []).append(line)
    theirs: dict[str, list[LedgerLine]] = {}
    for row in document.ledger:
        theirs.setdefault(row.key, []).append(row)
    found = _Found(document)
    for key, lines in ours.items():
        _compare_line(found, lines, theirs.get(key, []), tolerance)
    if document.added:
        found.add(DifferenceClass.ALTERED, added_words, _parts((), document.added))
    if document.unexplained != ZERO or document.outcome is None:
        _compare_servicetitan(found, tolerance)
    if not found.any:
        _look_for_moved(found)
    return found.differences()


class _Found:
    """Collects the parts of a document's differences by class and by the words that say why."""

    def __init__(self, document: DocumentLines) -> None:
        self.document = document
        self._parts: dict[tuple[DifferenceClass, Callable[..., tuple[str, str]]], list[DifferencePart]] = {}
        self._details: dict[tuple[DifferenceClass, Callable[..., tuple[str, str]]], set[str]] = {}

    @property
    def any(self) -> bool:
        return bool(self._parts)

    def add(
        self,
        difference_class: DifferenceClass,
        words: Callable[..., tuple[str, str]],
        parts: Iterable[DifferencePart],
        *details: str,
    ) -> None:
        self._parts.setdefault((difference_class, words), []).extend(parts)
        self._details.setdefault((difference_class, words), set()).update(details)

    def differences(self) -> list[LedgerDifference]:
        document, found = self.document, list[LedgerDifference]()
        for (difference_class, words), parts in self._parts.items():
            merged = merge_parts(parts)
            said, advice = words(document.reference, merged, sorted(self._details[difference_class, words]))
            found.append(
                LedgerDifference(
                    difference_class,
                    document.kind,
                    document.name,
                    document.reference,
                    document.business_day,
                    merged,
                    said,
                    advice,
                )
            )
        return found


def _compare_line(found: _Found, lines: Sequence[JournalLine], rows: Sequence[LedgerLine], tolerance: Decimal) -> None:
    standing = [line for line in lines if line.state is LineState.STANDING]
    if not standing:
        if rows and any(line.state is LineState.UNDER_WAY for line in lines):
            found.add(DifferenceClass.TIMING, under_way_words, _parts((), rows))
        elif rows:
            found.add(DifferenceClass.ALTERED, held_words, _parts((), rows), *(line.batch for line in lines))
        return
    if not rows:
        found.add(DifferenceClass.MISSING, missing_words, _parts(standing, ()), *(line.batch for line in standing))
        return
    agree = all(line.particulars.agrees_with(row.particulars) for line in standing for row in rows)
    ours, theirs = _by_place(standing), _by_place(rows)
    if agree and ours == theirs and len(rows) == len(standing):
        return
    batches = {row.batch for row in rows}
    times = len(rows) // len(standing)
    if agree and times > 1 and {place: amount * times for place, amount in ours.items()} == theirs:
        found.add(DifferenceClass.DOUBLE, double_words, _parts(standing, rows), *batches)
        return
    if agree and ours.keys() == theirs.keys() and all(abs(theirs[each] - ours[each]) <= tolerance for each in ours):
        if ours != theirs:
            found.add(DifferenceClass.ROUNDING, rounding_words, _parts(standing, rows))
        return
    found.add(DifferenceClass.ALTERED, altered_words, _parts(standing, rows), *_what_differs(standing, rows))


def _what_differs(lines: Sequence[JournalLine], rows: Sequence[LedgerLine]) -> list[str]:
    """Name what of a line is not as posted."""
    line, row = lines[0], rows[0]
    pairs = (
        ("amount", total(each.amount for each in lines), total(each.amount for each in rows)),
        ("account", {each.place.account for each in lines}, {each.place.account for each in rows}),
        ("project", {each.place.project for each in lines}, {each.place.project for each in rows}),
        ("period", {each.place.period for each in lines}, {each.place.period for each in rows}),
    )
    found = [name for name, ours, theirs in pairs if ours != theirs]
    ours, theirs = line.particulars, row.particulars
    if ours.trans_date is not None and theirs.trans_date is not None and ours.trans_date != theirs.trans_date:
        found.append("date")
    if ours.number and theirs.number and ours.number != theirs.number:
        found.append("number")
    if ours.phase is not None and theirs.phase is not None and ours.phase != theirs.phase:
        found.append("phase")
    return found or ["number of lines"]


def _compare_servicetitan(found: _Found, tolerance: Decimal) -> None:
    document = found.document
    part = DifferencePart(Place(None, document.home, ""), document.unexplained, ZERO, ZERO)
    if document.outcome is None:
        difference_class = DifferenceClass.MISSING
    elif document.undecided:
        difference_class = DifferenceClass.TIMING
    elif abs(document.unexplained) <= tolerance:
        difference_class = DifferenceClass.ROUNDING
    else:
        difference_class = DifferenceClass.ALTERED
    state = "no outcome" if document.outcome is None else "newer version" if document.undecided else document.outcome
    found.add(difference_class, servicetitan_words, [part], state)


def _look_for_moved(found: _Found) -> None:
    """A document that is in order may stand in a later period than its date: the month does not agree, and nobody errs."""
    moved = [
        line for line in found.document.journal if line.state is LineState.STANDING and line.moved_from is not None
    ]
    sums = {place: amount for place, amount in _by_place(moved).items() if amount != ZERO}
    if sums:
        parts = [DifferencePart(place, amount, amount, amount) for place, amount in sums.items()]
        periods = {str(line.moved_from) for line in moved}
        found.add(DifferenceClass.TIMING, moved_words, parts, *periods)


def _by_place(lines: Iterable[JournalLine | LedgerLine]) -> dict[Place, Decimal]:
    sums: dict[Place, Decimal] = {}
    for line in lines:
        sums[line.place] = sums.get(line.place, ZERO) + line.amount
    return sums


def _parts(lines: Iterable[JournalLine], rows: Iterable[LedgerLine]) -> list[DifferencePart]:
    ours, theirs = _by_place(lines), _by_place(rows)
    return [
        DifferencePart(place, ours.get(place, ZERO), ours.get(place, ZERO), theirs.get(place, ZERO))
        for place in {**ours, **theirs}
    ]


# --- Order -----------------------------------------------------------------------------------------------------------


def _kind_order(kind: Kind | None) -> int:
    if kind is None:
        return len(POSTING_ORDER) + 1
    return POSTING_ORDER.index(kind) if kind in POSTING_ORDER else len(POSTING_ORDER)


def _row_order(key: _RowKey) -> tuple[object, ...]:
    day, kind, place = key
    return (day or date.max, _kind_order(kind), *place_order(place))


_CLASS_ORDER = tuple(DifferenceClass)


def _difference_order(difference: LedgerDifference) -> tuple[object, ...]:
    identifier = difference.document.rpartition(":")[2]
    return (
        not difference.needs_someone,
        _CLASS_ORDER.index(difference.difference_class),
        _kind_order(difference.kind),
        int(identifier) if identifier.lstrip("-").isdigit() else 0,
        difference.business_day or date.max,
        difference.reference,
    )
