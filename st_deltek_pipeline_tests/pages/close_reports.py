"""Close reports for tests of how they look: with everything in them that a report can have."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from st_deltek_pipeline.domain.close_report import (
    CloseReport,
    FileOfDay,
    JournalRange,
    KindTotal,
    LedgerComparison,
    RunOfDay,
    WaitingDocument,
)
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.domain.reconciliation import OutsideSum, effect_of
from st_deltek_pipeline.domain.three_way import (
    DifferenceClass,
    DifferencePart,
    LedgerDifference,
    Place,
    ThreeWay,
    ThreeWayRow,
)

DAY = date(2026, 10, 29)
MADE = datetime(2026, 10, 30, 6, 15, tzinfo=UTC)
ZERO = Decimal("0.00")
RUN = "5f0c9a34-1b2d-4c6e-8f90-a1b2c3d4e5f6"


def kind_total(
    kind: Kind, posted: str, held: str = "0.00", *, ignored: str = "0.00", off: str = "0.00", day: date | None = DAY
) -> KindTotal:
    """Return a row whose difference is ``off``; amounts are those that documents of the kind state."""
    p, h, i, o = (effect_of(kind, Decimal(each)) for each in (posted, held, ignored, off))
    return KindTotal(3, p + h + i + o, p, h, i, day, kind)


def waiting(
    document_id: int, amount: str, days: int, reason: str = "no_rule", kind: Kind = Kind.INVOICE, **changes: Any
) -> WaitingDocument:
    """Return a document on hold."""
    plain = WaitingDocument(
        kind=kind,
        document=f"{kind.value}:{document_id}",
        number=f"N-{document_id}",
        party="Baker & Sons",
        business_day=DAY,
        reason=reason,
        amount=effect_of(kind, Decimal(amount)),
        days=days,
        message="No rule gives an account for business unit 7.",
    )
    return replace(plain, **changes)


def difference(
    difference_class: DifferenceClass,
    number: int = 1,
    journal: str = "100.00",
    ledger: str = "0.00",
    **changes: Any,
) -> LedgerDifference:
    """Return a difference with the ledger."""
    foreign = difference_class is DifferenceClass.FOREIGN
    part = DifferencePart(Place(202610, "CHS2026", "11100"), Decimal(journal), Decimal(journal), Decimal(ledger))
    plain = LedgerDifference(
        difference_class,
        None if foreign else Kind.INVOICE,
        "" if foreign else f"invoice:{number}",
        f"invoice N-{number} on CHS2026, batch {number:032x}",
        DAY,
        (part,),
        "It is not what was posted.",
        "Compare it in Vantagepoint.",
    )
    return replace(plain, **changes)


def compared(*differences: LedgerDifference, days: Sequence[date] = (DAY,)) -> LedgerComparison:
    """Return a comparison with the ledger of some days."""
    rows = tuple(
        ThreeWayRow(
            3, Decimal("100.00"), ZERO, Decimal("100.00"), Decimal("100.00"), day, kind, Place(202610, "P", "A")
        )
        for day in days
        for kind in (Kind.INVOICE, Kind.PAYMENT)
    )
    return LedgerComparison(ThreeWay(days[0], days[-1], rows, differences, ledger_lines=42), read_at=MADE)


def held_sums(*documents: WaitingDocument) -> tuple[OutsideSum, ...]:
    """Sum documents on hold up by kind and reason."""
    groups: dict[tuple[Kind, str], list[WaitingDocument]] = {}
    for each in documents:
        groups.setdefault((each.kind, each.reason), []).append(each)
    return tuple(
        OutsideSum(
            kind,
            "held",
            reason,
            tuple(int(each.document.split(":")[1]) for each in group),
            sum((each.amount for each in group), start=ZERO),
        )
        for (kind, reason), group in groups.items()
    )


def a_report(*documents: WaitingDocument, **changes: Any) -> CloseReport:
    """Return the report of a day that is over and closed to the cent, but for some documents on hold."""
    plain = CloseReport(
        connection="acme",
        first=DAY,
        last=DAY,
        days=(DAY,),
        made_at=MADE,
        time_zone="America/Denver",
        over=True,
        totals=tuple(
            kind_total(kind, "100.00", str(sum((effect_of(kind, d.amount) for d in documents if d.kind is kind), ZERO)))
            for kind in POSTING_ORDER
        ),
        unaccounted=(),
        outside=held_sums(*documents),
        waiting=documents,
        files=(FileOfDay(Kind.INVOICE, "ab" * 16, DAY, "posted", 202610, 3, Decimal("100.00"), 77, ""),),
        runs=(RunOfDay(RUN, 12, MADE - timedelta(hours=2), MADE),),
        journal=JournalRange(100, 111, 4_321),
        ledger=compared(),
    )
    return replace(plain, **changes)
