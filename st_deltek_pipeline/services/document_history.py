"""Everything that is known about one document: what was staged, how it is coded, where it stands, what happened."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import Document, DocumentKey
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.hold_queue import HeldDocument
from st_deltek_pipeline.domain.ignores import PersonalIgnore
from st_deltek_pipeline.domain.outcomes import DocumentOutcome
from st_deltek_pipeline.domain.reversals import PersonalReversal
from st_deltek_pipeline.store.holds import (
    FileOfDocument,
    RecordedEvent,
    events_of_document,
    files_of_document,
    held_documents,
)
from st_deltek_pipeline.store.journal import Journal
from st_deltek_pipeline.store.journal_rows import NOT_STANDING, DocumentStanding
from st_deltek_pipeline.store.mapping import StoredAlignment, alignments_of
from st_deltek_pipeline.store.staged_documents import documents_by_id
from st_deltek_pipeline.store.write_backs import WriteBack, write_backs_of

_READER = "history"


@dataclass(frozen=True)
class DocumentHistory:
    """One document, from what ServiceTitan said to what the ledger shows.

    Attributes:
        staged: Its newest revision; ``None`` while none could be read.
        alignment: How its lines are coded and which rules decided, or why they are not.
        outcome: Where it stands; ``None`` before it was decided about.
        held: The same as a hold, with age and advice.
        ignored, reversal: What a person decided about this or an earlier revision.
        standing: What stands in Vantagepoint.
        write_backs: What ServiceTitan was told about it, by revision.
    """

    document: DocumentKey
    staged: Document | None
    alignment: StoredAlignment | None
    outcome: DocumentOutcome | None
    held: HeldDocument | None
    ignored: PersonalIgnore | None
    reversal: PersonalReversal | None
    standing: DocumentStanding
    files: tuple[FileOfDocument, ...]
    events: tuple[RecordedEvent, ...]
    write_backs: tuple[WriteBack, ...]

    @property
    def age(self) -> timedelta | None:
        """How long it has been held for this reason; ``None`` when it is not held."""
        return self.held.age if self.held else None


def document_history(engine: Engine, document: DocumentKey) -> DocumentHistory:
    """Read everything that is known about one document; writes nothing.

    Args:
        engine: The database.
        document: The document.

    Raises:
        ConfigurationError: Nothing is known of it.
    """
    name, kind, ids = document.connection, document.kind, [document.document_id]
    journal = Journal(engine, name, run_id=_READER)
    staged = next(iter(documents_by_id(engine, name, kind, ids)), None)
    held = next(iter(held_documents(engine, name, [kind], document_ids=ids)), None)
    outcome = journal.outcomes(kind, ids).get(document.document_id) or (held.outcome if held else None)
    if staged is None and outcome is None:
        message = f"Nothing is known of {document}."
        raise ConfigurationError(message, advice="Check the id; what is new is known after st-deltek sync.")
    alignment = None
    if staged is not None:
        with engine.connect() as connection:
            found = alignments_of(connection, connection_name=name, kind=kind, document_ids=ids)
            alignment = found.get(document.document_id)
    return DocumentHistory(
        document=document,
        staged=staged,
        alignment=alignment,
        outcome=outcome,
        held=held,
        ignored=journal.ignored(kind, ids).get(document.document_id),
        reversal=journal.reversals(kind, ids).get(document.document_id),
        standing=journal.standings(kind, ids).get(document.document_id, NOT_STANDING),
        files=tuple(files_of_document(engine, document)),
        events=tuple(events_of_document(engine, document)),
        write_backs=tuple(write_backs_of(engine, document)),
    )
