"""Reads everything that is recorded about one document, for its audit trail. Nothing here writes.

Every look-up is by an index, however large the journal is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.domain.audit_trail import (
    Delivered,
    LedgerLine,
    PayloadVersion,
    PersonSaid,
    PostedPart,
    SentLine,
    Told,
)
from st_deltek_pipeline.domain.documents import DocumentKey
from st_deltek_pipeline.domain.firm_links import PartyKind
from st_deltek_pipeline.domain.payload_changes import payload_changes


@dataclass(frozen=True)
class FileWithBody:
    """A transaction file that the document is or was in, and a body that was frozen for it."""

    batch: str
    entry: str
    state: str
    period: int
    documents: int
    body_hash: str
    body: Mapping[str, Any]


def connections_of(engine: Engine, kind: str, document_id: int) -> list[str]:
    """Return the connections that know a document."""
    with engine.connect() as db:
        return list(
            db.scalars(
                text(
                    """
                    SELECT connection FROM raw.latest WHERE kind = :kind AND record_id = :id
                    UNION SELECT connection FROM journal.outcomes WHERE kind = :kind AND document_id = :id ORDER BY 1
                    """
                ),
                {"kind": kind, "id": document_id},
            )
        )


def versions(db: Connection, document: DocumentKey) -> list[PayloadVersion]:
    """Read every version of the payload, in the order in which they came."""
    rows = db.execute(
        text(
            """
            SELECT record.seq, record.fetched_at, record.run_id, record.modified_on, record.payload_hash,
                   CAST(record.payload AS text) AS payload, latest.seq IS NOT NULL AS latest
            FROM raw.records AS record LEFT JOIN raw.latest AS latest USING (connection, kind, record_id, seq)
            WHERE record.connection = :connection AND record.kind = :kind AND record.record_id = :id
            ORDER BY record.seq
            """
        ),
        _parameters(document),
    ).all()
    return [
        PayloadVersion(
            number=number,
            seq=row.seq,
            fetched_at=row.fetched_at,
            run_id=row.run_id,
            modified_on=row.modified_on,
            payload_hash=row.payload_hash,
            latest=row.latest,
            changes=payload_changes(rows[number - 2].payload, row.payload) if number > 1 else (),
            payload=row.payload,
        )
        for number, row in enumerate(rows, start=1)
    ]


def deliveries(db: Connection, document: DocumentKey) -> list[Delivered]:
    """Read the webhooks that named the document."""
    rows = db.execute(
        text(
            """
            SELECT event_type, received_at, deliveries, state, handled_at, handled_by_run FROM inbox.events
            WHERE connection = :connection AND record_kind = :kind AND record_id = :id ORDER BY seq
            """
        ),
        _parameters(document),
    )
    return [Delivered(*row) for row in rows]


def events(db: Connection, document: DocumentKey) -> list[Told]:
    """Read the document's events and those of its transaction files, in the order of the chain."""
    rows = db.execute(
        text(
            """
            WITH own AS MATERIALIZED (
                SELECT * FROM journal.events WHERE connection = :connection AND kind = :kind AND document_id = :id
            )
            SELECT sequence, occurred_at, run_id, event_type, revision, coalesce(batch, '') AS batch, true AS document, body,
                   hash
            FROM own
            UNION ALL
            SELECT sequence, occurred_at, run_id, event_type, revision, batch, false, body, hash FROM journal.events
            WHERE connection = :connection AND document_id IS NULL AND batch IN (SELECT batch FROM own)
            ORDER BY sequence
            """
        ),
        _parameters(document),
    )
    return [
        Told(
            row.sequence,
            row.occurred_at,
            row.run_id,
            row.event_type,
            row.revision,
            row.batch,
            row.document,
            json.loads(row.body, parse_float=Decimal),
            row.hash,
        )
        for row in rows
    ]


def parts(db: Connection, document: DocumentKey) -> list[PostedPart]:
    """Read the document's postings with their lines, those that were given up included."""
    lines: dict[int, list[SentLine]] = {}
    for row in db.execute(
        text(
            """
            SELECT posting_no, line_key, concat_ws(' ', nullif(wbs1, ''), nullif(wbs2, ''), nullif(wbs3, '')) AS project,
                   account, invoice, amount
            FROM journal.posting_lines
            WHERE connection = :connection AND kind = :kind AND document_id = :id ORDER BY posting_no, line_no
            """
        ),
        _parameters(document),
    ):
        lines.setdefault(row.posting_no, []).append(
            SentLine(row.line_key, row.project, row.account, row.invoice, row.amount)
        )
    rows = db.execute(
        text(
            """
            SELECT posting.*, file.state, file.post_sequence FROM journal.postings AS posting
            JOIN journal.transaction_files AS file USING (connection, batch)
            WHERE posting.connection = :connection AND posting.kind = :kind AND posting.document_id = :id
            ORDER BY posting.posting_no
            """
        ),
        _parameters(document),
    )
    return [
        PostedPart(
            posting_no=row.posting_no,
            revision=row.revision,
            batch=row.batch,
            state=row.state,
            entry=row.entry,
            period=row.period,
            moved_from=row.moved_from,
            number=row.number,
            vendor=row.vendor,
            amount=row.amount,
            correction=row.correction,
            reverses=row.reverses,
            key_scope=row.key_scope,
            key_number=row.key_number,
            post_sequence=row.post_sequence,
            lines=tuple(lines.get(row.posting_no, ())),
        )
        for row in rows
    ]


def ledger_lines(db: Connection, document: DocumentKey) -> list[LedgerLine]:
    """Read what Vantagepoint's ledger showed of the document."""
    rows = db.execute(
        text(
            """
            SELECT batch, line_key, period, post_sequence, wbs1, account, invoice, document_amount, read_at
            FROM journal.ledger_rows WHERE connection = :connection AND kind = :kind AND document_id = :id
            ORDER BY read_at, batch, line_key
            """
        ),
        _parameters(document),
    )
    return [LedgerLine(*row) for row in rows]


def bodies(db: Connection, connection: str, told: Sequence[Told]) -> list[FileWithBody]:
    """Read the bodies that were frozen for the transaction files of some events, oldest first.

    Args:
        db: An open connection.
        connection: The connection's name.
        told: The events; what was planned again has a body for each time.
    """
    planned = {
        (event.batch, str(event.body["body_hash"])) for event in told if event.batch and event.body.get("body_hash")
    }
    rows = db.execute(
        text(
            """
            SELECT file.batch, file.entry, file.state, file.period, file.documents, body.body_hash, body.body
            FROM journal.transaction_files AS file
            CROSS JOIN LATERAL (
                SELECT file.body_hash UNION
                SELECT hash FROM unnest(CAST(:batches AS text[]), CAST(:hashes AS text[])) AS planned (batch, hash)
                WHERE planned.batch = file.batch
            ) AS known (body_hash)
            JOIN journal.bodies AS body ON body.body_hash = known.body_hash
            WHERE file.connection = :connection AND file.batch = ANY(:all)
            ORDER BY file.created_at, file.batch, body.body_hash = file.body_hash
            """
        ),
        {
            "connection": connection,
            "batches": [batch for batch, _ in planned],
            "hashes": [body_hash for _, body_hash in planned],
            "all": sorted({event.batch for event in told if event.batch}),
        },
    )
    return [
        FileWithBody(
            row.batch,
            row.entry,
            row.state,
            row.period,
            row.documents,
            row.body_hash,
            json.loads(row.body, parse_float=Decimal),
        )
        for row in rows
    ]


def firm_decisions(db: Connection, connection: str, party_kind: PartyKind, party_id: int) -> list[PersonSaid]:
    """Read what people decided about the firm of a customer or vendor."""
    rows = db.execute(
        text(
            """
            SELECT decided_at, decided_by, decision, firm_id FROM mapping.firm_decisions
            WHERE connection = :connection AND party_kind = :party_kind AND party_id = :party_id ORDER BY decision_no
            """
        ),
        {"connection": connection, "party_kind": party_kind.value, "party_id": party_id},
    )
    return [
        PersonSaid(
            row.decided_at, row.decided_by, f"{party_kind.value} {party_id}: {row.decision} firm {row.firm_id}", ""
        )
        for row in rows
    ]


def _parameters(document: DocumentKey) -> dict[str, object]:
    return {"connection": document.connection, "kind": document.kind.value, "id": document.document_id}
