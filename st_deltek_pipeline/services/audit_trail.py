"""Puts a document's whole life together: how it came, what was decided, sent, answered and proved, and by whom."""

from sqlalchemy import Connection, Engine

from st_deltek_pipeline.domain.audit_trail import (
    AuditTrail,
    Exchange,
    PersonSaid,
    answers_of,
    moments,
    part_of_body,
    people_of,
    runs_of,
)
from st_deltek_pipeline.domain.documents import Document, DocumentKey
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.firm_links import PartyKind
from st_deltek_pipeline.services.document_history import DocumentHistory, document_history
from st_deltek_pipeline.store import audit_trail as stored

_PARTIES = (("customer_id", PartyKind.CUSTOMER), ("vendor_id", PartyKind.VENDOR))


def audit_trail(engine: Engine, document: DocumentKey) -> AuditTrail:
    """Read everything that is recorded about one document; writes nothing.

    Args:
        engine: The database.
        document: The document.

    Raises:
        ConfigurationError: Nothing is known of it.
    """
    with engine.connect() as db:
        versions = stored.versions(db, document)
        deliveries = stored.deliveries(db, document)
        told = stored.events(db, document)
        parts = stored.parts(db, document)
        ledger = stored.ledger_lines(db, document)
        bodies = stored.bodies(db, document.connection, told)
        history = _history(engine, document, known=bool(versions or told))
        staged = history.staged if history else None
        people = [*people_of(told), *_firm_decisions(db, document, staged)]
    keys: dict[str, frozenset[str]] = {}
    for part in parts:
        keys[part.batch] = keys.get(part.batch, frozenset()) | {line.line_key for line in part.lines}
    exchanges = tuple(
        Exchange(
            batch=file.batch,
            entry=file.entry,
            state=file.state,
            period=file.period,
            documents=file.documents,
            body_hash=file.body_hash,
            request=part_of_body(
                file.body, entry=file.entry, document=str(document), line_keys=keys.get(file.batch, frozenset())
            ),
            sent=tuple(
                event.occurred_at
                for event in told
                if event.batch == file.batch
                and event.event_type == "file_sending"
                and event.body.get("body_hash") == file.body_hash
            ),
            answers=answers_of(told, file.batch),
        )
        for file in bodies
    )
    happened = moments(versions, deliveries, told)
    return AuditTrail(
        document=document,
        staged=staged,
        coded=history.alignment.lines if history and history.alignment else (),
        outcome=history.outcome if history else None,
        held=history.held if history else None,
        versions=tuple(versions),
        deliveries=tuple(deliveries),
        events=tuple(told),
        parts=tuple(parts),
        exchanges=exchanges,
        ledger=tuple(ledger),
        people=tuple(sorted(people, key=lambda said: said.at)),
        moments=happened,
        runs=runs_of(happened),
    )


def _history(engine: Engine, document: DocumentKey, *, known: bool) -> DocumentHistory | None:
    try:
        return document_history(engine, document)
    except ConfigurationError:
        # It was taken in and could never be read as a document: its versions are all there is.
        if not known:
            raise
        return None


def _firm_decisions(db: Connection, document: DocumentKey, staged: Document | None) -> list[PersonSaid]:
    return [
        said
        for name, kind in _PARTIES
        if (party_id := getattr(staged, name, None)) is not None
        for said in stored.firm_decisions(db, document.connection, kind, party_id)
    ]
