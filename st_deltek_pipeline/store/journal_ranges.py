"""Which part of a connection's journal a piece of work wrote, or rests on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.documents import Kind


@dataclass(frozen=True)
class JournalRange:
    """Some events of a connection's chain, by their sequence numbers.

    Attributes:
        first, last: ``None`` when there are none. Between them may be events of others.
        events: How many there are.
    """

    first: int | None
    last: int | None
    events: int


def written(engine: Engine, connection: str, *, run_id: str, after: int, kind: Kind | None = None) -> JournalRange:
    """Find the events that a run has written since a point of the journal.

    Args:
        engine: The database.
        connection: The connection's name.
        run_id: The run; what others wrote meanwhile is not counted.
        after: The journal's last event when the work began.
        kind: Only about documents and transaction files of this kind: a run posts several kinds.
    """
    return _found(
        engine,
        """
        SELECT min(sequence), max(sequence), count(*) FROM journal.events AS event
        WHERE connection = :connection AND sequence > :after AND run_id = :run_id
          AND (CAST(:kind AS text) IS NULL OR event.kind = :kind OR event.batch IN (
                SELECT batch FROM journal.transaction_files WHERE connection = :connection AND kind = :kind))
        """,
        {"connection": connection, "after": after, "run_id": run_id, "kind": kind.value if kind else None},
    )


def about_day(engine: Engine, connection: str, business_day: date) -> JournalRange:
    """Find all events about the documents of a business day, whichever runs wrote them.

    Args:
        engine: The database.
        connection: The connection's name.
        business_day: The day.
    """
    return _found(
        engine,
        """
        SELECT min(event.sequence), max(event.sequence), count(*)
        FROM journal.outcomes AS outcome JOIN journal.events AS event
          ON event.connection = outcome.connection AND event.kind = outcome.kind
         AND event.document_id = outcome.document_id
        WHERE outcome.connection = :connection AND outcome.business_day = :day
        """,
        {"connection": connection, "day": business_day},
    )


def _found(engine: Engine, statement: str, parameters: Mapping[str, object]) -> JournalRange:
    with engine.connect() as db:
        return JournalRange(*db.execute(text(statement), dict(parameters)).one())
