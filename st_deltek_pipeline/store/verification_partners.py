"""Reads what stands alone: a person's decision, a body, a close or an export without its event, and an event without its row.

The view it is read in is ``verification``'s. Nothing here judges or writes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from st_deltek_pipeline.domain.journal import EventType
from st_deltek_pipeline.domain.verified_sources import WithoutPartner
from st_deltek_pipeline.store.verification import stream


def without_partner(db: Connection, connection: str) -> Iterator[WithoutPartner]:
    """Find rows about decisions, bodies, closes and exports without an event that says the same, and the other way round."""
    for statement in _PARTNERS:
        for row in stream(db, statement, {"connection": connection}):
            yield WithoutPartner(row.what, row.words)


def _without_event(table: str, event_type: str, words: str, condition: str = "", *, said: str = "") -> str:
    return f"""
        SELECT decided.kind || ':' || decided.document_id AS what, '{words}' AS words FROM {table} AS decided
        WHERE decided.connection = :connection {condition} AND NOT EXISTS (
            SELECT FROM journal.events AS event
            WHERE event.connection = decided.connection AND event.kind = decided.kind
              AND event.document_id = decided.document_id AND event.event_type = '{event_type}'
              AND event.revision = decided.revision {said})
    """  # noqa: S608 (constants)


@dataclass(frozen=True)
class _Decision:
    """How a person's decision is kept: in a row that says how things stand now, and in an event.

    Attributes:
        person: The row's column with the name.
        taken_back: What only that release says which takes such a decision back; empty where none does.
    """

    table: str
    event_type: EventType
    verb: str
    person: str
    taken_back: str = ""

    @property
    def same(self) -> str:
        return (
            f"AND CAST(event.body AS json) ->> 'by' = decided.{self.person} "
            "AND CAST(event.body AS json) ->> 'why' = decided.reason"
        )

    def without_event(self) -> str:
        words = f"a person {self.verb} it, and no event says so"
        return _without_event(self.table, self.event_type.value, words, said=self.same)

    def without_row(self) -> str:
        """The newest such event of a document, unless a person took that decision back later, has its row."""
        return f"""
            SELECT event.kind || ':' || event.document_id AS what,
                   'event ' || event.sequence || ' says that a person {self.verb} it, and no row says the same' AS words
            FROM (
                SELECT DISTINCT ON (kind, document_id) * FROM journal.events
                WHERE connection = :connection AND (
                    event_type = '{self.event_type.value}' AND CAST(body AS json) ->> 'by' IS NOT NULL
                    OR event_type = 'document_released' AND CAST(body AS json) ->> '{self.taken_back}' IS NOT NULL)
                ORDER BY kind, document_id, sequence DESC
            ) AS event
            WHERE event.event_type = '{self.event_type.value}' AND NOT EXISTS (
                SELECT FROM {self.table} AS decided
                WHERE decided.connection = event.connection AND decided.kind = event.kind
                  AND decided.document_id = event.document_id AND decided.revision = event.revision {self.same})
        """  # noqa: S608 (constants)


_DECISIONS = (
    _Decision("journal.ignored_documents", EventType.DOCUMENT_IGNORED, "ignored", "ignored_by", "ignored_by"),
    _Decision("journal.reversed_documents", EventType.DOCUMENT_REVERSED, "reversed", "reversed_by", "reversed_by"),
    _Decision("journal.allowances", EventType.DOCUMENT_ALLOWED, "allowed", "allowed_by"),
)

_PARTNERS: Sequence[str] = (
    *(each.without_event() for each in _DECISIONS),
    *(each.without_row() for each in _DECISIONS),
    _without_event(
        "journal.write_backs",
        "document_exported",
        "ServiceTitan was told of it, and no event says so",
        "AND decided.state = 'exported'",
    ),
    """
    SELECT event.kind || ':' || event.document_id AS what,
           'event ' || event.sequence || ' says that ServiceTitan was told of it, and no row does' AS words
    FROM journal.events AS event
    WHERE event.connection = :connection AND event.event_type = 'document_exported' AND NOT EXISTS (
        SELECT FROM journal.write_backs AS told
        WHERE told.connection = event.connection AND told.kind = event.kind AND told.document_id = event.document_id
          AND told.revision = event.revision)
    """,
    """
    SELECT 'file ' || event.batch AS what, 'the body that event ' || event.sequence || ' froze is not there' AS words
    FROM journal.events AS event
    WHERE event.connection = :connection AND event.event_type = 'file_planned' AND NOT EXISTS (
        SELECT FROM journal.bodies AS body WHERE body.body_hash = CAST(event.body AS json) ->> 'body_hash')
    """,
    # Of a part that was split off before that event named the body, only the event of sending it does.
    """
    SELECT 'file ' || batch AS what, 'its frozen body is not the one that event ' || said.sequence || ' froze' AS words
    FROM journal.transaction_files AS file
    JOIN (
        SELECT DISTINCT ON (batch) batch, sequence, CAST(body AS json) ->> 'body_hash' AS body_hash FROM journal.events
        WHERE connection = :connection AND batch IS NOT NULL
          AND (event_type IN ('file_planned', 'file_split')
               OR event_type = 'file_sending' AND CAST(body AS json) ->> 'body_hash' IS NOT NULL)
        ORDER BY batch, sequence DESC
    ) AS said USING (batch)
    WHERE file.connection = :connection AND said.body_hash <> file.body_hash
    """,
    """
    SELECT coalesce('close ' || kept.number || ' of ' || kept.business_day, 'event ' || told.sequence) AS what,
           CASE WHEN told.sequence IS NULL THEN 'no event says so' ELSE 'it says that a day was closed, and no close of it is kept'
           END AS words
    FROM (
        SELECT sequence, CAST(body AS json) ->> 'business_day' AS day, CAST(body AS json) ->> 'figures_hash' AS figures
        FROM journal.events WHERE connection = :connection AND event_type = 'day_closed'
    ) AS told
    FULL JOIN (
        SELECT number, business_day, CAST(business_day AS text) AS day, figures_hash AS figures FROM journal.closes
        WHERE connection = :connection
    ) AS kept USING (day, figures)
    WHERE told.sequence IS NULL OR kept.number IS NULL
    """,
)
