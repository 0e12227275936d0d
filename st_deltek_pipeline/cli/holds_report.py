"""What ``st-deltek holds list`` prints, to people and to machines. In JSON money is text with two decimals."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import Enum, auto
from typing import Any

from st_deltek_pipeline.cli.output import print_csv, print_json, print_table, say
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.hold_queue import HeldDocument, ReasonSum, sum_by_reason
from st_deltek_pipeline.domain.money import shown
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.holds import held_documents

_CSV_COLUMNS = (
    "document",
    "kind",
    "number",
    "party",
    "business_day",
    "reason",
    "since",
    "amount",
    "project",
    "message",
    "words",
    "advice",
)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class Shape(Enum):
    """How the queue is printed."""

    TABLE = auto()
    CSV = auto()
    JSON = auto()


def show_queue(
    settings: Settings, name: str, *, kind: Kind | None, reason: str | None, day: date | None, shape: Shape
) -> None:
    """Print the queue of a connection.

    Args:
        settings: The installation.
        name: The connection.
        kind: Only this kind of document.
        reason: Only this reason code.
        day: Only this business day.
        shape: For whom.

    Raises:
        ConfigurationError: There is no such connection, or its file is wrong.
    """
    find_connection(settings, name)
    engine = ready_database(settings)
    try:
        kinds = tuple(Kind) if kind is None else (kind,)
        held = held_documents(engine, name, kinds, reason=reason, business_day=day)
    finally:
        engine.dispose()
    sums = sum_by_reason(held)
    if shape is Shape.JSON:
        print_json(
            {
                "connection": name,
                "documents": len(held),
                "holds": [held_as_data(each) for each in held],
                "reasons": [_sum_as_data(each) for each in sums],
            }
        )
    elif shape is Shape.CSV:
        print_csv(_CSV_COLUMNS, ([held_as_data(each)[column] for column in _CSV_COLUMNS] for each in held))
    elif not held:
        say("Nothing is held.")
    else:
        _show(name, held, sums)


def held_as_data(held: HeldDocument) -> dict[str, Any]:
    """Return a hold as plain data for JSON.

    Args:
        held: A document on hold.
    """
    outcome = held.outcome
    return {
        "document": str(outcome.document),
        "kind": outcome.document.kind,
        "number": held.number,
        "party": held.party,
        "business_day": outcome.business_day,
        "reason": outcome.reason,
        "since": held.since,
        "age_seconds": int(held.age.total_seconds()),
        "amount": outcome.amount,
        "project": outcome.project,
        "message": outcome.message,
        "words": outcome.words,
        "advice": held.advice,
    }


def age_text(age: timedelta) -> str:
    """Say an age in the unit that people wait in: minutes, hours or days, rounded down."""
    if age < _HOUR:
        return f"{age // timedelta(minutes=1)} min"
    return f"{age // _HOUR} h" if age < 2 * _DAY else f"{age // _DAY} days"


def moment_text(moment: datetime) -> str:
    """Write an instant to the minute, in the time zone of this machine."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _sum_as_data(each: ReasonSum) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "reason": each.reason,
        "documents": each.documents,
        "amount": each.amount,
        "oldest": each.oldest,
        "advice": each.advice,
    }


def _show(name: str, held: Sequence[HeldDocument], sums: Sequence[ReasonSum]) -> None:
    print_table(
        ("document", "number", "name", "day", "reason", "since", ">age", ">amount", "what is wrong"),
        (
            (
                each.outcome.document,
                each.number,
                each.party,
                each.outcome.business_day or "no date",
                each.outcome.reason,
                moment_text(each.since),
                age_text(each.age),
                shown(each.outcome.amount),
                _wrong(each),
            )
            for each in held
        ),
    )
    print_table(
        ("kind", "reason", ">documents", ">amount", "oldest since", "what would release it"),
        (
            (
                each.kind.value,
                each.reason,
                f"{each.documents:,}",
                shown(each.amount),
                moment_text(each.oldest),
                each.advice,
            )
            for each in sums
        ),
        title=f"Held, by reason: {len(held):,} documents",
    )
    say(f"One of them in full: st-deltek holds show {name} {held[0].outcome.document}")


def _wrong(held: HeldDocument) -> str:
    """Return what is wrong, without the document's own name in front, and Vantagepoint's words."""
    message = held.outcome.message.removeprefix(f"{held.outcome.document}: ")
    return f"{message} Vantagepoint: {held.outcome.words}" if held.outcome.words else message
