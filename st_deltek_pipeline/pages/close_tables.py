"""The tables and figures of a close report. They are the same on the page, in the file and on paper."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from st_deltek_pipeline.domain.close_changes import KeptClose
from st_deltek_pipeline.domain.close_report import BLOCKING, CloseReport, CloseState, WaitingDocument
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.hold_ages import HoldAge, hold_age
from st_deltek_pipeline.domain.money import ZERO, shown, total
from st_deltek_pipeline.domain.reconciliation import AREAS, Amounts, Area, OutsideSum, area_of
from st_deltek_pipeline.domain.three_way import DifferenceClass, LedgerDifference
from st_deltek_pipeline.pages.cells import Card, Cell, Code, Mark, Row, Simple, Table, Tone, columns
from st_deltek_pipeline.pages.close_links import CloseLinks
from st_deltek_pipeline.pages.rendering import counted, day_shown, in_words

MOST_ROWS = 500
"""The most rows of a table; what is beyond is counted, and its note says where it is."""

_SHOWN_AT_ONCE = 30
_NAMES = 12
_AMOUNTS = (">documents", ">ServiceTitan", ">posted", ">held", ">ignored", ">difference")

TONES: Mapping[CloseState, Tone] = {
    CloseState.CLOSED: Tone.GOOD,
    CloseState.WAITING: Tone.WARN,
    CloseState.DIFFERENT: Tone.BAD,
    CloseState.NOT_COMPARED: Tone.QUIET,
}
SAID: Mapping[CloseState, str] = {
    CloseState.CLOSED: "closed",
    CloseState.WAITING: "waiting",
    CloseState.DIFFERENT: "differs",
    CloseState.NOT_COMPARED: "not compared",
}


def kind_named(kind: Kind) -> str:
    """Return what documents of a kind are called."""
    return f"{in_words(kind.value)}s".replace("ap ", "AP ")


def state_mark(state: CloseState) -> Mark:
    """Show a state as a word that stands out."""
    return Mark(SAID[state], TONES[state])


def cards(report: CloseReport) -> list[Card]:
    """Return the figures that are seen first: what is posted of each area, what waits, and what differs."""
    waiting = sum(each.documents for each in report.held_or_under_way)
    differences = len(report.differences_of(*BLOCKING)) + len(report.unaccounted)
    found = [
        Card(
            f"{area.value} posted",
            shown(amounts.posted),
            f"of {shown(amounts.servicetitan_total)} in {counted(amounts.documents)} documents",
            Tone.GOOD if amounts.posted == amounts.servicetitan_total else Tone.QUIET,
        )
        for area, amounts in report.by_area.items()
    ]
    wait = ", ".join(f"{area.value} {shown(amount)}" for area, amount in report.waiting_by_area.items())
    found.append(Card("waiting", counted(waiting), wait or "no document", Tone.WARN if waiting else Tone.GOOD))
    found.append(
        Card(
            "difference",
            shown(report.difference),
            _differ(differences),
            Tone.BAD if differences or report.difference != ZERO else Tone.GOOD,
        )
    )
    return found


def totals_table(report: CloseReport) -> Table:
    """Lay out a row per kind, and a total of each area that has several."""
    rows: list[Row] = []
    for area, kinds in AREAS.items():
        found = [kind for kind in kinds if kind in report.by_kind]
        rows += [Row((kind_named(kind), area.value, *_amounts(report.by_kind[kind]))) for kind in found]
        if len(found) > 1:
            rows.append(Row((f"all {area.value}", area.value, *_amounts(report.by_area[area])), total=True))
    return Table(
        "ServiceTitan = posted + held + ignored",
        columns("kind", "area", *_AMOUNTS),
        rows,
        empty="no documents.",
    )


def day_table(report: CloseReport, links: CloseLinks, kept: Mapping[date, KeptClose]) -> Table:
    """Lay out a row per business day: its state when it was last run, and what it came to in each area."""
    areas = list(report.by_area)
    by_day = report.by_day_and_area
    days: list[date | None] = [*report.days]
    days += [None] if any(day is None for day, _ in by_day) else []
    rows: list[Row] = []
    for day in days:
        found = {area: by_day[day, area] for area in areas if (day, area) in by_day}
        documents = sum(each.documents for each in found.values())
        difference = total(abs(row.difference) for row in report.totals if row.business_day == day)
        name: Simple = "no readable date"
        state: Cell = None
        if day is not None:
            name = links.day(report.connection, day, text=day_shown(day))
            state = state_mark(kept[day].state) if day in kept else Mark("not run", Tone.QUIET)
        amounts: list[Cell] = []
        for area in areas:
            each = found.get(area)
            amounts += [each.posted, each.held] if each else [None, None]
        rows.append(Row((name, state, documents, *amounts, difference), tone=Tone.BAD if difference else None))
    totals: list[Cell] = []
    for area in areas:
        totals += [report.by_area[area].posted, report.by_area[area].held]
    rows.append(Row(("all days", None, report.documents, *totals, report.difference), total=True))
    headings = [heading for area in areas for heading in (f">{area.value} posted", f">{area.value} held")]
    return Table("By business day", columns("day", "last run", ">documents", *headings, ">difference"), rows)


def ledger_table(report: CloseReport) -> Table | None:
    """Lay out the three sides by kind; nothing where the ledger was not compared."""
    result = report.ledger.result
    if result is None:
        return None
    rows = [
        Row(
            (
                kind_named(kind) if kind else "posted by others",
                sides.documents,
                sides.servicetitan,
                sides.outside,
                sides.journal,
                sides.ledger,
                sides.difference,
            ),
            tone=None if sides.agrees else Tone.BAD,
        )
        for kind, sides in result.by_kind.items()
    ]
    return Table(
        "ServiceTitan, our journal and Vantagepoint's ledger",
        columns(
            "kind", ">documents", ">ServiceTitan", ">held or ignored", ">our journal", ">Vantagepoint", ">difference"
        ),
        rows,
        empty="nothing to compare.",
        note="The difference is Vantagepoint's ledger less our journal.",
    )


def difference_table(report: CloseReport) -> Table:
    """Lay out every difference with the ledger, with its document and what to do."""
    found = report.ledger.differences
    return Table(
        "Differences with Vantagepoint's ledger",
        columns("document", "class", ">our journal", ">Vantagepoint", ">difference", "*what is wrong, what to do"),
        [_difference_row(report.connection, each) for each in found[:MOST_ROWS]],
        empty="none." if report.ledger.complete else "none found so far.",
        note=_more(len(found)),
    )


def unaccounted_table(report: CloseReport) -> Table | None:
    """Lay out the documents without an outcome; nothing where there is none."""
    if not report.unaccounted:
        return None
    return Table(
        "Documents without an outcome",
        columns("document", "*what to do"),
        [
            Row(
                (name, ("Run the day again; it is safe.", Code(f"st-deltek holds show {report.connection} {name}"))),
                tone=Tone.BAD,
            )
            for name in report.unaccounted[:MOST_ROWS]
        ],
        note=_more(len(report.unaccounted)),
    )


def balance_table(report: CloseReport) -> Table | None:
    """Lay out invoices whose open amount differs; nothing where there is none."""
    result = report.ledger.result
    if result is None or not result.balances:
        return None
    return Table(
        "Open amounts in Vantagepoint's receivables that are not what our journal makes of them",
        columns("project and invoice", ">by our journal", ">in Vantagepoint", ">difference"),
        [
            Row((f"{each.project} {each.invoice}", each.expected, each.shown, each.difference), tone=Tone.WARN)
            for each in result.balances[:MOST_ROWS]
        ],
        note=_more(len(result.balances)) or "What is dated after these days counts too.",
    )


def age_table(report: CloseReport) -> Table:
    """Lay out how long documents have been waiting, and what they are for in each area."""
    areas = [area for area in AREAS if any(area_of(each.kind) is area for each in report.waiting)]
    rows: list[Row] = []
    for age in HoldAge:
        found = [each for each in report.waiting if hold_age(each.days) is age]
        rows.append(Row((age.value, len(found), *(_of_area(found, area) for area in areas))))
    return Table(
        "How long they have been waiting",
        columns("waiting for", ">documents", *(f">{area.value}" for area in areas)),
        rows if report.waiting else [],
        empty="no document is on hold.",
    )


def reason_table(report: CloseReport) -> Table:
    """Lay out why documents wait, and what would release them."""
    waiting = report.held_or_under_way
    return Table(
        "Why they wait, and what would release them",
        columns("kind", "reason", ">documents", ">amount", "*what to do"),
        [
            Row((kind_named(each.kind), in_words(each.reason), each.documents, each.amount, each.advice or None))
            for each in waiting
        ],
        empty="nothing waits.",
        note="Its amounts add up to the column held.",
    )


def waiting_table(report: CloseReport) -> Table:
    """Lay out the documents on hold, those that wait longest first."""
    return Table(
        "Documents on hold",
        columns("document", "for", ">amount", ">days", "*what is wrong, what to do"),
        [_waiting_row(report.connection, each) for each in report.waiting[:MOST_ROWS]],
        empty="none.",
        note=_more(len(report.waiting)),
        open=len(report.waiting) <= _SHOWN_AT_ONCE,
    )


def ignored_table(report: CloseReport) -> Table:
    """Lay out what will not be posted, and why."""
    return Table(
        "What is ignored, and why",
        columns("kind", "reason", ">documents", ">amount", "which"),
        [
            Row((kind_named(each.kind), in_words(each.reason), each.documents, each.amount, _names(each)))
            for each in report.ignored
        ],
        empty="nothing.",
    )


def file_table(report: CloseReport) -> Table:
    """Lay out the transaction files."""
    return Table(
        "Transaction files in Vantagepoint",
        columns("batch", "kind", "day", "state", ">documents", ">amount", ">period", ">posting", "words"),
        [
            Row(
                (
                    Code(each.batch),
                    kind_named(each.kind),
                    each.business_day,
                    in_words(each.state),
                    each.documents,
                    each.amount,
                    str(each.period),
                    None if each.post_sequence is None else str(each.post_sequence),
                    each.words or None,
                )
            )
            for each in report.files[:MOST_ROWS]
        ],
        empty="none.",
        note=_more(len(report.files)),
        open=len(report.files) <= _SHOWN_AT_ONCE,
    )


def run_table(report: CloseReport, links: CloseLinks, zone: ZoneInfo) -> Table:
    """Lay out the runs that did something about these days."""
    return Table(
        "Runs",
        columns("run", ">events in the journal", "first", "last"),
        [
            Row((links.run(each.run_id), each.events, each.first_at.astimezone(zone), each.last_at.astimezone(zone)))
            for each in report.runs[:MOST_ROWS]
        ],
        empty="none recorded anything.",
        note=_more(len(report.runs), "st-deltek close --json"),
        open=len(report.runs) <= _SHOWN_AT_ONCE,
    )


def _differ(documents: int) -> str:
    if documents == 1:
        return "1 document differs"
    return f"{counted(documents)} documents differ" if documents else "no document differs"


def _amounts(amounts: Amounts) -> tuple[Cell, ...]:
    found = (amounts.servicetitan_total, amounts.posted, amounts.held, amounts.ignored, amounts.difference)
    return (amounts.documents, *found)


def _difference_row(connection: str, each: LedgerDifference) -> Row:
    bad = each.difference_class in BLOCKING
    tone = Tone.BAD if bad else Tone.WARN if each.difference_class is DifferenceClass.FOREIGN else Tone.QUIET
    said: list[Simple] = [each.words, each.advice] if each.advice else [each.words]
    if each.document:
        said.append(Code(f"st-deltek holds show {connection} {each.document}"))
    return Row(
        (
            (each.document, each.reference) if each.document else each.reference,
            Mark(each.difference_class.value, tone),
            each.journal,
            each.ledger,
            each.amount,
            tuple(said),
        ),
        tone=tone,
    )


def _waiting_row(connection: str, each: WaitingDocument) -> Row:
    named = f"{in_words(each.kind.value)} {each.number}" if each.number else each.document
    said = (
        each.message or in_words(each.reason),
        each.advice,
        Code(f"st-deltek holds show {connection} {each.document}"),
    )
    return Row(
        (
            (named, each.document) if each.number else named,
            each.party or None,
            each.amount,
            each.days,
            tuple(part for part in said if part),
        )
    )


def _of_area(waiting: Sequence[WaitingDocument], area: Area) -> Decimal:
    return total(each.amount for each in waiting if area_of(each.kind) is area)


def _names(each: OutsideSum) -> str:
    names = ", ".join(str(number) for number in each.document_ids[:_NAMES])
    more = len(each.document_ids) - _NAMES
    return f"{names} and {counted(more)} more" if more > 0 else names


def _more(rows: int, where: str = "the CSV") -> str:
    return f"{counted(rows - MOST_ROWS)} more are in {where}." if rows > MOST_ROWS else ""
