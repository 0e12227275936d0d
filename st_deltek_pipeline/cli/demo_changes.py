"""What ServiceTitan's users do once the demo's month is posted: money applied later, moved, given back; amounts edited.

Each is done once, however often the demo is run. The documents are found in what was posted.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from st_deltek_pipeline.cli.sandbox_process import SandboxProcess
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import parse_amount, shown


@dataclass(frozen=True)
class Change:
    """One thing that somebody did in ServiceTitan.

    Attributes:
        what: What it is an example of.
        kind, document_id: The document that it changed or made.
        said: What was done, in a sentence.
    """

    what: str
    kind: str
    document_id: int
    said: str


@dataclass(frozen=True)
class _Call:
    """How it is done: a call of the sandbox's admin endpoints."""

    change: Change
    method: str
    path: str
    body: dict[str, Any]


# What is still owed on each posted invoice, as ServiceTitan has it.
_OPEN = """
WITH open AS (
    SELECT invoice.document_id, invoice.number, invoice.customer_id, invoice.total,
           invoice.total - coalesce(paid.amount, 0) - coalesce(credited.amount, 0) AS owed
    FROM staged.invoices AS invoice
    JOIN journal.outcomes AS outcome
      ON outcome.connection = invoice.connection AND outcome.kind = 'invoice'
     AND outcome.document_id = invoice.document_id AND outcome.outcome = 'posted'
    LEFT JOIN (
        SELECT applied.invoice_id, sum(applied.amount) AS amount
        FROM staged.payment_applications AS applied JOIN staged.payments AS payment USING (connection, document_id)
        WHERE applied.connection = :connection AND payment.active GROUP BY applied.invoice_id
    ) AS paid ON paid.invoice_id = invoice.document_id
    LEFT JOIN (
        SELECT split.invoice_id, sum(split.amount) AS amount FROM staged.credit_memo_splits AS split
        WHERE split.connection = :connection GROUP BY split.invoice_id
    ) AS credited ON credited.invoice_id = invoice.document_id
    WHERE invoice.connection = :connection AND invoice.active
), posted AS (
    SELECT payment.*, applied.invoice_id, applied.invoice_number, applied.amount AS applied
    FROM staged.payments AS payment
    JOIN journal.outcomes AS outcome
      ON outcome.connection = payment.connection AND outcome.kind = 'payment'
     AND outcome.document_id = payment.document_id AND outcome.outcome = 'posted'
    LEFT JOIN staged.payment_applications AS applied
      ON applied.connection = payment.connection AND applied.document_id = payment.document_id
    WHERE payment.connection = :connection AND payment.active AND payment.total > 0
      AND payment.document_id <> ALL(:taken)
      AND NOT EXISTS (
        SELECT FROM staged.payments AS refund
        WHERE refund.connection = payment.connection AND refund.refunded_payment_id = payment.document_id)
)
"""

_UNAPPLIED = """
SELECT posted.document_id, posted.unapplied AS amount, open.document_id AS invoice_id, open.number
FROM posted JOIN open ON open.customer_id = posted.customer_id AND open.owed >= posted.unapplied
WHERE posted.unapplied > 0 ORDER BY posted.document_id LIMIT 1
"""

_MOVABLE = """
SELECT posted.document_id, posted.applied AS amount, posted.invoice_id, posted.invoice_number,
       open.document_id AS target_id, open.number AS target
FROM posted JOIN open ON open.customer_id = posted.customer_id AND open.owed >= posted.applied
 AND open.document_id <> posted.invoice_id
WHERE posted.applied = posted.total ORDER BY posted.document_id LIMIT 1
"""

_PAID = """
SELECT document_id, total AS amount, invoice_number FROM posted
WHERE applied = total AND total BETWEEN 100 AND 1000 ORDER BY document_id LIMIT 1
"""

_UNPAID = """
SELECT document_id, number, total AS amount FROM open WHERE owed = total AND total > 200 ORDER BY document_id LIMIT 1
"""

_BILL = """
SELECT bill.document_id, bill.number, bill.total AS amount, bill.vendor_name
FROM staged.bills AS bill
JOIN journal.outcomes AS outcome
  ON outcome.connection = bill.connection AND outcome.kind = 'bill'
 AND outcome.document_id = bill.document_id AND outcome.outcome = 'posted'
WHERE bill.connection = :connection AND bill.active AND bill.total BETWEEN 100 AND 1000
ORDER BY bill.document_id LIMIT 1
"""

_MORE, _DEARER, _BACK = parse_amount("45.00"), parse_amount("12.50"), parse_amount("25.00")


def make_changes(engine: Engine, connection: str, sandbox: SandboxProcess, done: Path) -> Sequence[Change]:
    """Do what was not done before.

    Args:
        engine: The database, with the month posted.
        connection: The connection's name.
        sandbox: Where it is done.
        done: Remembers what was done; made when missing.

    Returns:
        What was done now, in its order; nothing when the demo is run again.
    """
    known = _read(done)
    before = {change.what for change in known}
    made: list[Change] = []
    taken = [change.document_id for change in known if change.kind == Kind.PAYMENT.value]
    with engine.connect() as db:
        for call in _calls(db, connection, taken, before):
            answer = sandbox.act(call.method, f"servicetitan/{call.path}", call.body)
            # A refund is a document of its own.
            change = Change(call.change.what, call.change.kind, int(answer["id"]), call.change.said)
            made.append(change)
            done.write_text(json.dumps([asdict(each) for each in (*known, *made)], indent=2) + "\n")
    return made


def posted_for(engine: Engine, connection: str, change: Change) -> str:
    """Say what was posted last for the document of a change.

    Args:
        engine: The database.
        connection: The connection's name.
        change: The change.
    """
    parameters = {"connection": connection, "kind": change.kind, "document_id": change.document_id}
    with engine.connect() as db:
        lines = db.execute(text(_LAST_POSTING), parameters).all()
    parts = [f"{line.amount:+,.2f} {_whereabouts(line)}" for line in lines if line.amount]
    return "; ".join(parts) or "nothing"


_LAST_POSTING = """
SELECT line.wbs1, line.invoice, line.account, sum(line.amount) AS amount
FROM journal.posting_lines AS line
JOIN journal.postings AS posting USING (connection, kind, document_id, posting_no)
JOIN journal.transaction_files AS file USING (connection, batch)
WHERE line.connection = :connection AND line.kind = :kind AND line.document_id = :document_id
  AND posting.revision = (
    SELECT max(revision) FROM journal.postings
    WHERE connection = :connection AND kind = :kind AND document_id = :document_id)
  AND file.state = 'posted'
GROUP BY line.wbs1, line.invoice, line.account ORDER BY amount
"""


def _whereabouts(line: Row[Any]) -> str:
    where = f"project {line.wbs1}" if line.wbs1 else f"account {line.account}"
    return f"invoice {line.invoice}, {where}" if line.invoice else where


def _read(done: Path) -> list[Change]:
    return [Change(**each) for each in json.loads(done.read_text())] if done.exists() else []


def _calls(db: Connection, connection: str, taken: list[int], before: set[str]) -> Iterator[_Call]:
    def find(what: str, statement: str) -> Row[Any] | None:
        if what in before:
            return None
        prefix = "" if statement is _BILL else _OPEN
        parameters = {"connection": connection, "taken": taken}
        found = db.execute(text(prefix + statement), parameters).one_or_none()
        if found is not None and prefix:
            taken.append(found.document_id)
        return found

    if row := find("applied later", _UNAPPLIED):
        said = f"{shown(row.amount)} of unapplied money is applied to invoice {row.number}"
        change = Change("applied later", Kind.PAYMENT.value, row.document_id, said)
        yield _Call(change, "POST", f"payments/{row.document_id}/apply", {"invoiceId": row.invoice_id})
    if row := find("moved", _MOVABLE):
        said = f"{shown(row.amount)} is moved from invoice {row.invoice_number} to invoice {row.target}"
        change = Change("moved", Kind.PAYMENT.value, row.document_id, said)
        body = {"from": row.invoice_id, "to": row.target_id}
        yield _Call(change, "POST", f"payments/{row.document_id}/move", body)
    if row := find("voided", _PAID):
        said = f"a payment of {shown(row.amount)} on invoice {row.invoice_number} is voided"
        change = Change("voided", Kind.PAYMENT.value, row.document_id, said)
        yield _Call(change, "POST", f"payments/{row.document_id}/void", {})
    if row := find("refunded", _PAID):
        said = f"{shown(_BACK)} of a payment of {shown(row.amount)} on invoice {row.invoice_number} is given back"
        change = Change("refunded", Kind.PAYMENT.value, row.document_id, said)
        yield _Call(change, "POST", f"payments/{row.document_id}/refund", {"amount": f"{_BACK:.2f}"})
    if row := find("invoice edited", _UNPAID):
        said = f"invoice {row.number} of {shown(row.amount)} is edited after posting: {shown(_MORE)} more"
        change = Change("invoice edited", Kind.INVOICE.value, row.document_id, said)
        yield _Call(change, "PATCH", f"invoices/{row.document_id}", {"total": f"{row.amount + _MORE:.2f}"})
    if row := find("bill edited", _BILL):
        said = f"{row.vendor_name}'s bill {row.number} of {shown(row.amount)} is edited after posting: {shown(_DEARER)} more"
        change = Change("bill edited", Kind.BILL.value, row.document_id, said)
        yield _Call(change, "PATCH", f"bills/{row.document_id}", {"billAmount": f"{row.amount + _DEARER:.2f}"})
