"""A document's whole life as values: versions, deliveries, requests and answers, and everything that happened in its order.

Reading it is ``store.audit_trail``, putting it together ``services.audit_trail``, showing it ``pages.audit_page`` and the
command line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from st_deltek_pipeline.domain.coded_amounts import CodedAmount
from st_deltek_pipeline.domain.documents import Document, DocumentKey
from st_deltek_pipeline.domain.hold_queue import HeldDocument
from st_deltek_pipeline.domain.outcomes import DocumentOutcome
from st_deltek_pipeline.domain.payload_changes import FieldChange


@dataclass(frozen=True)
class PayloadVersion:
    """One version of the payload, as it was taken in.

    Attributes:
        number: Counts from 1.
        seq: Of ``raw.records``.
        modified_on: When ServiceTitan says it was changed.
        latest: It is the one that counts.
        changes: What differs from the version before; none in the first.
        payload: The JSON as sent.
    """

    number: int
    seq: int
    fetched_at: datetime
    run_id: str
    modified_on: datetime | None
    payload_hash: str
    latest: bool
    changes: tuple[FieldChange, ...]
    payload: str = field(repr=False)


@dataclass(frozen=True)
class Delivered:
    """A webhook that named the document.

    Attributes:
        handled_by_run: The run that read the record again; ``None`` while it waits.
    """

    event_type: str
    received_at: datetime
    deliveries: int
    state: str
    handled_at: datetime | None
    handled_by_run: str | None


@dataclass(frozen=True)
class Told:
    """An event of the journal.

    Attributes:
        document: Whether it is about the document itself, not a transaction file with it.
        body: Its details, as recorded.
    """

    sequence: int
    occurred_at: datetime
    run_id: str
    event_type: str
    revision: int | None
    batch: str
    document: bool
    body: Mapping[str, Any]
    hash: str


@dataclass(frozen=True)
class SentLine:
    """A line of a posting, and where it is found again in Vantagepoint."""

    line_key: str
    project: str
    account: str
    invoice: str
    amount: Decimal


@dataclass(frozen=True)
class PostedPart:
    """A posting of the document.

    Attributes:
        reverses: The posting that it takes back because a person said so.
        key_scope, key_number: Its natural key.
    """

    posting_no: int
    revision: int
    batch: str
    state: str
    entry: str
    period: int
    moved_from: int | None
    number: str
    vendor: str
    amount: Decimal
    correction: bool
    reverses: int | None
    key_scope: str
    key_number: str
    post_sequence: int | None
    lines: tuple[SentLine, ...]


@dataclass(frozen=True)
class LedgerLine:
    """What the ledger showed when it was read back."""

    batch: str
    line_key: str
    period: int
    post_sequence: int | None
    wbs1: str
    account: str
    invoice: str
    amount: Decimal
    read_at: datetime


@dataclass(frozen=True)
class Exchange:
    """What was sent to Vantagepoint in a transaction file, and what it answered.

    Attributes:
        request: The part of the frozen body that is this document's; ``None`` when it cannot be told from the others.
        sent: When the file was sent; several times where there was no clear answer.
        answers: When, and in which words.
    """

    batch: str
    entry: str
    state: str
    period: int
    documents: int
    body_hash: str
    request: Mapping[str, Any] | None
    sent: tuple[datetime, ...]
    answers: tuple[tuple[datetime, str], ...]


@dataclass(frozen=True)
class PersonSaid:
    """What a person decided about the document, or about the firm of its customer or vendor."""

    at: datetime
    by: str
    what: str
    why: str


@dataclass(frozen=True)
class RunOfDocument:
    """A run, or a person's command, that did something to the document."""

    run_id: str
    first: datetime
    last: datetime
    did: tuple[str, ...]


@dataclass(frozen=True)
class Moment:
    """One thing that happened.

    Attributes:
        sequence: Of the journal's event; ``None`` for what the journal does not tell.
        details: In words.
    """

    at: datetime
    what: str
    details: tuple[str, ...]
    run_id: str
    batch: str = ""
    sequence: int | None = None


@dataclass(frozen=True)
class AuditTrail:
    """A document's whole life.

    Attributes:
        staged: Its newest revision as it was read; ``None`` for a record that never fitted.
        coded: Its lines as aligned last, with the rule that decided each field.
        outcome: Where it stands; ``None`` before it was decided about.
        held: The same as a hold, with age and advice.
        moments: Everything that happened, in order.
    """

    document: DocumentKey
    staged: Document | None
    coded: tuple[CodedAmount, ...]
    outcome: DocumentOutcome | None
    held: HeldDocument | None
    versions: tuple[PayloadVersion, ...]
    deliveries: tuple[Delivered, ...]
    events: tuple[Told, ...]
    parts: tuple[PostedPart, ...]
    exchanges: tuple[Exchange, ...]
    ledger: tuple[LedgerLine, ...]
    people: tuple[PersonSaid, ...]
    moments: tuple[Moment, ...]
    runs: tuple[RunOfDocument, ...]


_QUIET = frozenset({"", None})
_LONGEST = 300
_MOST_CHANGES = 6
_HASH_DIGITS = 12


def moments(
    versions: Sequence[PayloadVersion], deliveries: Sequence[Delivered], events: Sequence[Told]
) -> tuple[Moment, ...]:
    """Put everything that happened in its order.

    Args:
        versions: Of the payload.
        deliveries: Webhooks about it.
        events: Of the journal.
    """
    found = [
        *(
            Moment(
                each.received_at, f"webhook {each.event_type} received", _of_delivery(each), each.handled_by_run or ""
            )
            for each in deliveries
        ),
        *(
            Moment(
                each.fetched_at,
                "taken in" if each.number == 1 else f"version {each.number} taken in",
                _of_version(each),
                each.run_id,
            )
            for each in versions
        ),
        *(
            Moment(
                each.occurred_at,
                each.event_type.replace("_", " "),
                tuple(details_of(each.body)),
                each.run_id,
                each.batch,
                each.sequence,
            )
            for each in events
        ),
    ]
    return tuple(sorted(found, key=lambda each: (each.at, each.sequence or 0)))


def details_of(body: Mapping[str, Any]) -> list[str]:
    """Write an event's details for people: without what is empty, hashes shortened.

    Args:
        body: As recorded.
    """
    return [
        f"{name.replace('_', ' ')}: {_short(value[:_HASH_DIGITS] if name.endswith('_hash') else value)}"
        for name, value in body.items()
        if not isinstance(value, list | dict) and value is not False and value not in _QUIET
    ] + [f"{name.replace('_', ' ')}: {_short(_inner(value))}" for name, value in body.items() if _is_full(value)]


def _is_full(value: object) -> bool:
    return isinstance(value, list | dict) and value not in ([], {})


def _inner(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_inner(inner)}" for name, inner in cast("dict[str, object]", value).items())
    if isinstance(value, list):
        return "; ".join(map(_inner, cast("list[object]", value)))
    return str(value)


def _of_delivery(found: Delivered) -> tuple[str, ...]:
    times = f"delivered {found.deliveries} times, " if found.deliveries > 1 else ""
    return (f"{times}{found.state.replace('_', ' ')}",)


def _of_version(version: PayloadVersion) -> tuple[str, ...]:
    shown = [
        f"{change.path}: {_short(change.before or 'nothing')} -> {_short(change.after or 'nothing')}"
        for change in version.changes[:_MOST_CHANGES]
    ]
    more = len(version.changes) - len(shown)
    return (*shown, *([f"{more} more fields changed"] if more > 0 else []))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def runs_of(found: Sequence[Moment]) -> tuple[RunOfDocument, ...]:
    """Sum up what each run did, in the order in which they began."""
    runs: dict[str, list[Moment]] = {}
    for moment in found:
        if moment.run_id:
            runs.setdefault(moment.run_id, []).append(moment)
    return tuple(
        RunOfDocument(run_id, members[0].at, members[-1].at, tuple(dict.fromkeys(moment.what for moment in members)))
        for run_id, members in runs.items()
    )


_ANSWERS = {
    "file_entered": "accepted",
    "file_in_doubt": "no clear answer",
    "file_absent": "not there",
    "file_refused": "refused",
    "file_held": "held",
    "file_post_answered": "told to post: answered",
    "file_posted": "the ledger shows it",
}


def answers_of(events: Sequence[Told], batch: str) -> tuple[tuple[datetime, str], ...]:
    """Return what was answered about a file, in words, as the journal has it."""
    return tuple(
        (event.occurred_at, ": ".join(filter(None, (_ANSWERS[event.event_type], ", ".join(details_of(event.body))))))
        for event in events
        if event.batch == batch and event.event_type in _ANSWERS
    )


def people_of(events: Sequence[Told]) -> list[PersonSaid]:
    """Return what people decided about the document, as the journal has it."""
    return [
        PersonSaid(
            event.occurred_at,
            str(event.body["by"]),
            event.event_type.replace("_", " "),
            str(event.body.get("why") or event.body.get("message") or ""),
        )
        for event in events
        if event.body.get("by")
    ]


def part_of_body(
    body: Mapping[str, Any], *, entry: str, document: str, line_keys: frozenset[str]
) -> Mapping[str, Any] | None:
    """Take one document's masters and details out of a frozen body.

    Args:
        body: The whole request.
        entry: Its type.
        document: ``invoice:123``; what was given up is found by the comment that names it.
        line_keys: Of its postings in the file.

    Returns:
        The part, or ``None`` when nothing in the body is known to be the document's.
    """
    masters, details = body.get(f"{entry}Master", []), body.get(f"{entry}Detail", [])
    names = [
        name for name in ("MasterPKey", "RefNo", "Invoice", "WBS1", "WBS2", "WBS3") if masters and name in masters[0]
    ]
    names = ["MasterPKey"] if "MasterPKey" in names else names

    def key(row: Mapping[str, Any]) -> tuple[object, ...]:
        return tuple(row.get(name) for name in names)

    own = {key(row) for row in details if row.get("PKey") in line_keys}
    own |= {
        key(row)
        for row in masters
        if f"{row.get('TransComment') or row.get('Description') or ''} ".startswith(f"ServiceTitan {document} ")
    }
    if not own:
        return None
    return {
        f"{entry}Master": [row for row in masters if key(row) in own],
        f"{entry}Detail": [row for row in details if key(row) in own],
    }
