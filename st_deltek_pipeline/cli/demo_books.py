"""Compares the demo's tie-out with what the sandbox has in its own books, which know nothing of our journal."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from st_deltek_pipeline.cli.tie_out_tables import named
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import ZERO, shown, total
from st_deltek_pipeline.domain.reconciliation import Amounts, Area, TieOut, effect_of

_NAMES = {
    Kind.INVOICE: "invoices",
    Kind.CREDIT_MEMO: "credit_memos",
    Kind.PAYMENT: "payments",
    Kind.BILL: "inventory_bills",
    Kind.AP_CREDIT: "ap_credits",
}
# Vantagepoint's ledger types, and the sign of their other side, which it posts by itself: the receivable, the bank and the
# payable.
_LEDGERS = {Area.AR: ("IN", 1), Area.CASH: ("CR", 1), Area.AP: ("AP", -1)}
_NOTHING = Amounts(0, ZERO, ZERO, ZERO, ZERO)


def month_of(connection: ConnectionSettings, calendar: BusinessCalendar, newest: date) -> Sequence[date]:
    """Return the business days of the demo's month that can be posted.

    Args:
        connection: The connection; its first month is meant.
        calendar: Its calendar.
        newest: The last business day that can be posted.

    Returns:
        The last one gathers what is dated on the month's last days off.
    """
    start = connection.start_date
    following = date(start.year + start.month // 12, start.month % 12 + 1, 1)
    last = min(calendar.business_day(date.fromordinal(following.toordinal() - 1)), newest)
    return list(calendar.business_days(calendar.business_day(start), last))


def differences(
    result: TieOut, totals: Mapping[str, Any], ledger: Iterable[Mapping[str, Any]], dates: Collection[date]
) -> list[str]:
    """Compare a tie-out with both systems of the sandbox.

    Args:
        result: Of the whole month.
        totals: What ``GET /_sandbox/totals`` answered.
        ledger: What ``GET /_sandbox/ledger`` answered.
        dates: The document dates of the month's business days.

    Returns:
        What differs, a sentence each; nothing when every cent agrees.
    """
    sides = [
        (
            f"ServiceTitan's {named(kind)}",
            total(
                effect_of(kind, Decimal(found["active_total"]))
                for day, found in totals["servicetitan"][name]["by_day"].items()
                if day and date.fromisoformat(day) in dates
            ),
            result.by_kind.get(kind, _NOTHING).servicetitan_total,
        )
        for kind, name in _NAMES.items()
    ]
    own_sides = _own_sides(ledger)
    sides += [
        (
            f"Vantagepoint's ledger of {area.value}",
            sign * own_sides.get(ledger_type, ZERO),
            result.by_area.get(area, _NOTHING).posted,
        )
        for area, (ledger_type, sign) in _LEDGERS.items()
    ]
    return [
        f"{name}: the sandbox has {shown(theirs)}, the tie-out says {shown(ours)}."
        for name, theirs, ours in sides
        if theirs - ours != ZERO
    ]


def _own_sides(ledger: Iterable[Mapping[str, Any]]) -> Mapping[str, Decimal]:
    found: dict[str, Decimal] = {}
    for row in ledger:
        if row["AutoEntry"] == "Y":
            found[row["TransType"]] = found.get(row["TransType"], ZERO) + Decimal(row["Amount"])
    return found
