"""What is compared: the twins' own rows, and what our database says, each read in a few queries."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.chain_check import ChainPosition, RecordedLink
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.reconciliation import effect_of
from st_deltek_pipeline.sandbox.servicetitan.instants import ticks_of
from st_deltek_pipeline.sandbox.servicetitan.payables import AP_CREDITS, INVENTORY_BILLS
from st_deltek_pipeline.sandbox.servicetitan.receivables import CREDIT_MEMOS, INVOICES, PAYMENTS
from st_deltek_pipeline.sandbox.servicetitan.resource import Resource
from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.services.feeds import Feed, Reading, feeds_of
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.store import chain_checks

if TYPE_CHECKING:
    from st_deltek_pipeline_tests.simulation.simulation import Simulation

DocumentId = tuple[str, Kind, int]

# The resource of a kind, its date and its amount.
_DOCUMENTS: Mapping[Kind, tuple[Resource, str, str]] = {
    Kind.INVOICE: (INVOICES, "invoiceDate", "total"),
    Kind.CREDIT_MEMO: (CREDIT_MEMOS, "date", "total"),
    Kind.PAYMENT: (PAYMENTS, "date", "total"),
    Kind.BILL: (INVENTORY_BILLS, "billDate", "billAmount"),
    Kind.AP_CREDIT: (AP_CREDITS, "date", "amount"),
}
# What a line of ours adds to the ledger for each cent of its document.
_SIGNS = {"in": -1, "cr": -1, "ap": 1, "je": 1}


@dataclass(frozen=True)
class InTitan:
    """A document as ServiceTitan has it now."""

    dated: date
    effect: Decimal


@dataclass(frozen=True)
class Seen:
    """The newest version of a document that was taken in."""

    seq: int
    active: bool
    total: Decimal


@dataclass(frozen=True)
class Outcome:
    """Where our side says a document stands; ``outside`` is what is not in the ledger."""

    outcome: str
    reason: str
    message: str
    outside: Decimal


@dataclass(frozen=True)
class Line:
    """A line that our journal planned."""

    document: DocumentId
    posting_no: int
    state: str
    amount: Decimal
    sign: int
    wbs1: str
    number: str


@dataclass(frozen=True)
class Standing:
    """What one posting of a document adds, and the state of its file."""

    state: str
    amount: Decimal


@dataclass
class Facts:
    """Everything at one moment.

    Attributes:
        titan: Documents of the kinds that are moved.
        seen: What was taken in of them.
        lines: Our lines by their keys.
        states: Of our files, by Batch.
        ledger: The rows of Vantagepoint, oldest posting first.
        entered: How often a line's key is in Vantagepoint's files.
        balances: Sums of posted files by Batch.
    """

    titan: Mapping[DocumentId, InTitan]
    seen: Mapping[DocumentId, Seen]
    outcomes: Mapping[DocumentId, Outcome]
    lines: Mapping[str, Line]
    states: Mapping[str, str]
    adopted: Mapping[DocumentId, Sequence[Line]]
    ledger: Sequence[Row]
    entered: Counter[str]
    balances: Mapping[str, Decimal]

    def __post_init__(self) -> None:
        self._stands: dict[DocumentId, Decimal] = {}
        self._postings: dict[DocumentId, dict[int, Standing]] = {}
        for row in self.ledger:
            line = self.lines.get(row["PKey"])
            if line is not None:
                amount = line.sign * row["Amount"]
                self._stands[line.document] = self._stands.get(line.document, ZERO) + amount
        for document, lines in self.adopted.items():
            places = {(line.wbs1, line.number) for line in lines}
            keys = {key for key, line in self.lines.items() if line.document == document}
            for wbs1, number in places:
                amount = -sum(
                    (row["Amount"] for row in self._invoice_rows(wbs1, number) if row["PKey"] not in keys), start=ZERO
                )
                self._stands[document] = self._stands.get(document, ZERO) + amount
        for line in self.lines.values():
            postings = self._postings.setdefault(line.document, {})
            before = postings.get(line.posting_no, Standing(line.state, ZERO))
            postings[line.posting_no] = Standing(line.state, before.amount + line.amount)

    def standing(self, document: DocumentId) -> Decimal:
        """Return what Vantagepoint's ledger shows of a document, with its sign."""
        return self._stands.get(document, ZERO)

    def standings(self, connection: str) -> Mapping[DocumentId, Collection[Standing]]:
        """Return what our journal says of the documents of a connection."""
        return {key: found.values() for key, found in self._postings.items() if key[0] == connection}

    def under_way(self, document: DocumentId) -> list[Decimal]:
        """Return the amounts of a document that are in files under way or held."""
        found = self._postings.get(document, {}).values()
        return [each.amount for each in found if each.state not in {"posted", "adopted", "refused", "split"}]

    def under_number(self, wbs1: str, number: str, *, besides: str) -> Decimal:
        """Return what stands under an invoice number besides one line."""
        rows = (row for row in self._invoice_rows(wbs1, number) if row["PKey"] != besides)
        return -sum((row["Amount"] for row in rows), start=ZERO)

    def _invoice_rows(self, wbs1: str, number: str) -> Iterator[Row]:
        for row in self.ledger:
            of_project = row["TransType"] == "IN" and row["AutoEntry"] != "Y" and row["WBS1"] == wbs1
            if of_project and row["Invoice"].lstrip("0") == number.lstrip("0"):
                yield row


def read(world: "Simulation") -> Facts:
    """Read everything."""
    vantagepoint = world.systems.vantagepoint
    files = vantagepoint.state.files.values()
    ledger = vantagepoint.ledger_dump()
    balances: dict[str, Decimal] = {}
    for row in ledger:
        batch = f"{row['TransType']} {row['Batch']}"
        balances[batch] = balances.get(batch, ZERO) + row["Amount"]
    with world.engine.connect() as db:
        lines, states, adopted = _lines(db)
        outcomes = {
            (row.connection, Kind(row.kind), row.document_id): Outcome(row.outcome, row.reason, row.message, row.amount)
            for row in db.execute(text("SELECT * FROM journal.outcomes"))
        }
        seen = {
            (row.connection, Kind(row.kind), row.record_id): Seen(row.seq, row.active, row.total or ZERO)
            for row in db.execute(_SEEN, {"kinds": [kind.value for kind in _DOCUMENTS], "since": _since(world)})
        }
    return Facts(
        titan=_titan(world),
        seen=seen,
        outcomes=outcomes,
        lines=lines,
        states=states,
        adopted=adopted,
        ledger=ledger,
        entered=Counter(str(detail["PKey"]) for file in files for detail in file.details),
        balances=balances,
    )


_SEEN = text(
    """
    SELECT connection, kind, record_id, seq, active, total FROM raw.latest
    WHERE kind = ANY(:kinds) AND document_date >= :since
    """
)
_LINES = text(
    """
    SELECT line.connection, line.kind, line.document_id, line.posting_no, line.line_key, line.amount, line.wbs1,
        posting.number, posting.entry, file.batch, file.state
    FROM journal.transaction_files AS file
    LEFT JOIN journal.postings AS posting USING (connection, batch)
    LEFT JOIN journal.posting_lines AS line
      ON line.connection = posting.connection AND line.kind = posting.kind
     AND line.document_id = posting.document_id AND line.posting_no = posting.posting_no
    """
)


def _since(world: "Simulation") -> date:
    return world.sides[0].wiring.connection.start_date


def _lines(db: Any) -> tuple[dict[str, Line], dict[str, str], dict[DocumentId, list[Line]]]:
    lines: dict[str, Line] = {}
    states: dict[str, str] = {}
    adopted: dict[DocumentId, list[Line]] = {}
    for row in db.execute(_LINES):
        states[row.batch] = row.state
        if row.line_key is None:
            continue
        key = (row.connection, Kind(row.kind), row.document_id)
        line = Line(key, row.posting_no, row.state, row.amount, _SIGNS[row.entry], row.wbs1, row.number)
        lines[row.line_key] = line
        if row.state == "adopted":
            adopted.setdefault(key, []).append(line)
    return lines, states, adopted


def _titan(world: "Simulation") -> dict[DocumentId, InTitan]:
    found: dict[DocumentId, InTitan] = {}
    for number, side in enumerate(world.sides):
        book = world.systems.tenants[number].twin.book
        for kind in side.wiring.kinds:
            resource, dated, amount = _DOCUMENTS[kind]
            for key, row in book.rows(resource).items():
                active = row.get("active", True) and row.get("status") != "Canceled"
                stated = Decimal(str(row[amount])) if active else ZERO
                found[side.wiring.name, kind, key] = InTitan(
                    date.fromisoformat(row[dated][:10]), effect_of(kind, stated)
                )
    return found


def versions(engine: Engine, connection: str) -> dict[tuple[Kind, int], int]:
    """Return the newest version of each document of a connection that was taken in."""
    with engine.connect() as db:
        rows = db.execute(
            text("SELECT kind, record_id, seq FROM raw.latest WHERE connection = :name AND kind = ANY(:kinds)"),
            {"name": connection, "kinds": [kind.value for kind in _DOCUMENTS]},
        )
        return {(Kind(row.kind), row.record_id): row.seq for row in rows}


def progress(engine: Engine) -> object:
    """Return what changes when a document is decided otherwise, a file changes its state, or a version is taken in."""
    with engine.connect() as db:
        return db.execute(_PROGRESS).all()


_PROGRESS = text(
    """
    SELECT connection, kind, document_id::text, outcome || reason || revision_hash || amount FROM journal.outcomes
    UNION ALL SELECT connection, kind, batch, state FROM journal.transaction_files
    UNION ALL SELECT '', '', '', max(seq)::text FROM raw.records
    ORDER BY 1, 2, 3
    """
)


def planned_keys(engine: Engine) -> str:
    """Return all bodies that our journal froze, as one text: in it are the keys of lines that belong to no document."""
    with engine.connect() as db:
        return str(db.scalar(text("SELECT string_agg(body, ' ') FROM journal.bodies")))


def closed_periods(engine: Engine, connection: str) -> frozenset[int]:
    """Return the periods of which our side knows that they are closed."""
    with engine.connect() as db:
        rows = db.execute(
            text("SELECT row FROM reference.snapshots WHERE connection = :name AND kind = 'periods'"),
            {"name": connection},
        )
        return frozenset(
            int(row.row["Period"])
            for row in rows
            if "Y" in {row.row.get("ActiveCompanyClosed"), row.row.get("AllCompaniesClosed")}
        )


def chain(engine: Engine, connection: str, after: int) -> tuple[list[RecordedLink], ChainPosition]:
    """Return the events behind a place, and the head of the chain."""
    with engine.connect() as db:
        return chain_checks.links(db, connection, after, limit=100_000), chain_checks.head(db, connection)


def confirmed(links: Sequence[RecordedLink]) -> Iterator[tuple[str, int]]:
    """Yield the documents and numbers of the postings that events confirm."""
    for link in links:
        if link.event_type == "document_posted":
            yield link.document, int(json.loads(link.body)["posting_no"])


def skipped(world: "Simulation") -> Iterator[tuple[str, str, int]]:
    """Yield the records of documents that a feed would not give any more and that are not stored as they are."""
    with world.engine.connect() as db:
        cursors = {
            (row.connection, row.feed): row.continue_from
            for row in db.execute(text("SELECT connection, feed, continue_from FROM raw.cursors"))
        }
        stored = {
            (row.connection, RecordKind(row.kind), row.record_id): row.modified_on
            for row in db.execute(
                text("SELECT connection, kind, record_id, modified_on FROM raw.latest WHERE kind = ANY(:kinds)"),
                {"kinds": [kind.value for kind in _DOCUMENTS]},
            )
        }
    for number, side in enumerate(world.sides):
        twin = world.systems.tenants[number].twin
        for feed in feeds_of(side.wiring.connection):
            token = cursors.get((side.wiring.name, feed.name))
            if token is None or feed.kind.value not in {kind.value for kind in _DOCUMENTS}:
                continue
            table = twin.tables[feed.resource.replace("/export/", "/")]
            for record in _behind(twin, table, feed, token):
                kept = stored.get((side.wiring.name, feed.kind, record))
                if kept is None or kept.timestamp() * 1e7 < ticks_of(table.rows[record]["modifiedOn"]) - 100:
                    yield side.wiring.name, feed.name, record


def _behind(twin: Any, table: Any, feed: Feed, token: str) -> Iterator[int]:
    """Yield the records that reading on from a cursor would not give."""
    if feed.reading is Reading.EXPORT:
        position = twin._feeds._position(table, token)
        ahead = set(table.changes(position, 1_000_000)[0])
        yield from (key for key in table.rows if key not in ahead)
    elif feed.reading is Reading.MODIFIED:
        mark = ticks_of(token)
        yield from (key for key, row in table.rows.items() if ticks_of(row["modifiedOn"]) <= mark)
