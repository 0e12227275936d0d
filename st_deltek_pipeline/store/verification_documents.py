"""Reads what documents are judged by, in streams: outcomes, amounts on every side, natural keys, events, periods.

The view they are read in, events and transaction files are in ``verification``. Nothing here judges or writes.
"""

from collections.abc import Iterator

from sqlalchemy import Connection

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.journal import EventType
from st_deltek_pipeline.domain.reconciliation import effect_of
from st_deltek_pipeline.domain.verified_documents import DocumentFacts, PostedEvents, SharedKey
from st_deltek_pipeline.domain.verified_sources import PeriodUse, PostedWhenClosed, WithoutPartner
from st_deltek_pipeline.store.file_states import OCCUPYING, STANDING, TAKEN
from st_deltek_pipeline.store.staged_tables import TABLES
from st_deltek_pipeline.store.verification import stream

_ABOUT_EXPORTS = [
    event.value
    for event in (
        EventType.DOCUMENT_EXPORTED,
        EventType.EXPORT_SENDING,
        EventType.EXPORT_IN_DOUBT,
        EventType.EXPORT_REFUSED,
    )
]

_STAGED = " UNION ALL ".join(
    f"""
    SELECT '{kind.value}' AS kind, document_id, revision_hash, CASE WHEN active THEN total ELSE 0.00 END AS total
    FROM {table.table} WHERE connection = :connection
    """  # noqa: S608 (constants)
    for kind, table in TABLES.items()
)


def documents(db: Connection, connection: str) -> Iterator[DocumentFacts]:
    """Read every document that has an outcome, a posting or an event, with its amounts on every side."""
    rows = stream(
        db,
        f"""
        WITH outcome AS (
            SELECT kind, document_id, outcome, revision_hash, amount FROM journal.outcomes
            WHERE connection = :connection
        ), posted AS (
            SELECT posting.kind, posting.document_id,
                   coalesce(sum(posting.amount) FILTER (WHERE file.state = ANY(:standing)), 0.00) AS standing,
                   count(*) FILTER (WHERE file.state = ANY(:standing)) AS parts,
                   count(*) FILTER (WHERE file.state = ANY(:occupying)) AS under_way
            FROM journal.postings AS posting JOIN journal.transaction_files AS file USING (connection, batch)
            WHERE posting.connection = :connection AND file.state = ANY(:taken)
            GROUP BY posting.kind, posting.document_id
        ), said AS (
            SELECT DISTINCT ON (kind, document_id) kind, document_id, event_type FROM journal.events
            WHERE connection = :connection AND document_id IS NOT NULL AND event_type <> ALL(:about_exports)
            ORDER BY kind, document_id, sequence DESC
        ), ledger AS (
            SELECT kind, document_id, sum(document_amount) AS amount FROM journal.ledger_rows
            WHERE connection = :connection GROUP BY kind, document_id
        ), staged AS ({_STAGED})
        SELECT kind, document_id, outcome.outcome, coalesce(outcome.amount, 0.00) AS outside,
               coalesce(posted.standing, 0.00) AS standing, coalesce(posted.parts, 0) AS parts,
               coalesce(posted.under_way, 0) AS under_way, ledger.amount AS ledger, said.event_type AS last_event,
               CASE WHEN staged.revision_hash = outcome.revision_hash THEN staged.total END AS total
        FROM outcome FULL JOIN posted USING (kind, document_id) FULL JOIN said USING (kind, document_id)
        LEFT JOIN ledger USING (kind, document_id) LEFT JOIN staged USING (kind, document_id)
        """,  # noqa: S608 (constants)
        {
            "connection": connection,
            "standing": STANDING,
            "occupying": OCCUPYING,
            "taken": TAKEN,
            "about_exports": _ABOUT_EXPORTS,
        },
    )
    for row in rows:
        yield DocumentFacts(
            document=f"{row.kind}:{row.document_id}",
            outcome=row.outcome,
            outside=row.outside,
            standing=row.standing,
            parts=row.parts,
            under_way=row.under_way,
            ledger=row.ledger,
            effect=None if row.total is None else effect_of(Kind(row.kind), row.total),
            last_event=row.last_event,
        )


def posted_events(db: Connection, connection: str) -> Iterator[PostedEvents]:
    """Find standing postings without exactly one event, and events without a standing posting."""
    rows = stream(
        db,
        """
        WITH told AS (
            SELECT kind, document_id, batch, CASE event_type WHEN 'document_posted' THEN 'posted' ELSE 'adopted' END AS state,
                   CASE event_type WHEN 'document_posted'
                        THEN CAST(CAST(body AS json) ->> 'posting_no' AS integer) ELSE 0 END AS posting_no,
                   count(*) AS events
            FROM journal.events
            WHERE connection = :connection AND event_type IN ('document_posted', 'document_adopted')
            GROUP BY 1, 2, 3, 4, 5
        ), standing AS (
            SELECT posting.kind, posting.document_id, posting.batch, file.state,
                   CASE file.state WHEN 'posted' THEN posting.posting_no ELSE 0 END AS posting_no, count(*) AS postings
            FROM journal.postings AS posting JOIN journal.transaction_files AS file USING (connection, batch)
            WHERE posting.connection = :connection AND file.state IN ('posted', 'adopted')
            GROUP BY 1, 2, 3, 4, 5
        )
        SELECT kind, document_id, batch, posting_no, coalesce(told.events, 0) AS events,
               coalesce(standing.postings, 0) AS postings
        FROM told FULL JOIN standing USING (kind, document_id, batch, state, posting_no)
        WHERE told.events IS DISTINCT FROM standing.postings
        """,
        {"connection": connection},
    )
    for row in rows:
        yield PostedEvents(
            document=f"{row.kind}:{row.document_id}",
            batch=row.batch,
            posting_no=row.posting_no or None,
            stands=bool(row.postings),
            events=row.events,
        )


def shared_keys(db: Connection, connection: str) -> Iterator[SharedKey]:
    """Find natural keys under which documents stand that do not own them and were not allowed to."""
    rows = stream(
        db,
        """
        WITH standing AS (
            SELECT posting.entry, posting.key_scope, posting.key_number, posting.kind, posting.document_id
            FROM journal.postings AS posting JOIN journal.transaction_files AS file USING (connection, batch)
            WHERE posting.connection = :connection AND file.state = ANY(:standing) AND posting.key_number <> ''
            GROUP BY 1, 2, 3, 4, 5 HAVING sum(posting.amount) <> 0
        ), foreigners AS (
            SELECT standing.* FROM standing
            LEFT JOIN journal.natural_keys AS own
              ON own.connection = :connection AND own.entry = standing.entry AND own.scope = standing.key_scope
             AND own.number = standing.key_number AND own.kind = standing.kind
             AND own.document_id = standing.document_id
            LEFT JOIN journal.allowances AS allowed
              ON allowed.connection = :connection AND allowed.kind = standing.kind
             AND allowed.document_id = standing.document_id AND allowed.entry = standing.entry
             AND allowed.key_scope = standing.key_scope AND allowed.key_number = standing.key_number
            WHERE own.connection IS NULL AND allowed.connection IS NULL
        )
        SELECT foreigners.entry, foreigners.key_scope AS scope, foreigners.key_number AS number,
               array_agg(DISTINCT foreigners.kind || ':' || foreigners.document_id) AS documents,
               coalesce(min(owner.kind || ':' || owner.document_id), '') AS owner
        FROM foreigners LEFT JOIN journal.natural_keys AS owner
          ON owner.connection = :connection AND owner.entry = foreigners.entry
         AND owner.scope = foreigners.key_scope AND owner.number = foreigners.key_number
        GROUP BY 1, 2, 3
        """,
        {"connection": connection, "standing": STANDING},
    )
    for row in rows:
        yield SharedKey(row.entry, row.scope, row.number, row.documents, row.owner)


def doubles(db: Connection, connection: str) -> Iterator[WithoutPartner]:
    """Find line keys that several postings have, and Batches that several connections have."""
    rows = stream(
        db,
        """
        SELECT min(line.kind || ':' || line.document_id) AS what,
               'line ' || line.line_key || ' stands ' || count(*) || ' times, last of '
                   || max(line.kind || ':' || line.document_id) AS words
        FROM journal.posting_lines AS line
        JOIN journal.postings AS posting USING (connection, kind, document_id, posting_no)
        JOIN journal.transaction_files AS file
          ON file.connection = posting.connection AND file.batch = posting.batch
        WHERE line.connection = :connection AND file.state = ANY(:taken)
        GROUP BY line.line_key HAVING count(*) > 1
        UNION ALL
        SELECT 'file ' || own.batch, 'connection ' || other.connection || ' has a file of that Batch as well'
        FROM journal.transaction_files AS own JOIN journal.transaction_files AS other
          ON other.batch = own.batch AND other.connection <> own.connection
        WHERE own.connection = :connection
        """,
        {"connection": connection, "taken": TAKEN},
    )
    for row in rows:
        yield WithoutPartner(row.what, row.words)


_OF_STANDING = """
    FROM journal.postings AS posting JOIN journal.transaction_files AS file USING (connection, batch)
    WHERE posting.connection = :connection AND file.state = ANY(:standing)
"""


def period_uses(db: Connection, connection: str) -> list[PeriodUse]:
    """Read in which periods postings of each date stand; a few rows however many postings there are."""
    rows = stream(
        db,
        f"SELECT DISTINCT posting.period, posting.trans_date, posting.moved_from {_OF_STANDING} ORDER BY 1, 2, 3",
        {"connection": connection, "standing": STANDING},
    )
    return [PeriodUse(*row) for row in rows]


def documents_of_use(db: Connection, connection: str, use: PeriodUse) -> Iterator[str]:
    """Name the documents of one such use."""
    rows = stream(
        db,
        f"""
        SELECT DISTINCT posting.kind || ':' || posting.document_id AS document {_OF_STANDING}
          AND posting.period = :period AND posting.trans_date = :day AND posting.moved_from IS NOT DISTINCT FROM :moved
        """,  # noqa: S608 (constants)
        {
            "connection": connection,
            "standing": STANDING,
            "period": use.period,
            "day": use.trans_date,
            "moved": use.moved_from,
        },
    )
    for row in rows:
        yield row.document


def moved_without_event(db: Connection, connection: str) -> Iterator[WithoutPartner]:
    """Find standing postings that were moved to another period, or stand in another one than sent, without it being recorded."""
    parameters = {"connection": connection, "standing": STANDING}
    for statement in _MOVED:
        for row in stream(db, statement, parameters):
            yield WithoutPartner(row.what, row.words)


_MOVED = (
    f"""
    SELECT posting.kind || ':' || posting.document_id AS what,
           'moved from period ' || posting.moved_from || ' to ' || posting.period || ', and no event says so' AS words
    {_OF_STANDING} AND posting.moved_from IS NOT NULL AND NOT EXISTS (
        SELECT FROM journal.events AS event
        WHERE event.connection = posting.connection AND event.kind = posting.kind
          AND event.document_id = posting.document_id AND event.event_type = 'document_planned'
          AND CAST(CAST(event.body AS json) ->> 'posting_no' AS integer) = posting.posting_no
          AND CAST(CAST(event.body AS json) ->> 'moved_from' AS integer) = posting.moved_from)
    """,  # noqa: S608 (constants)
    """
    SELECT DISTINCT shown.kind || ':' || shown.document_id AS what,
           'the ledger showed it in period ' || shown.period || ', and file ' || file.batch || ' is of ' || file.period AS words
    FROM journal.ledger_rows AS shown JOIN journal.transaction_files AS file USING (connection, batch)
    WHERE shown.connection = :connection AND file.state = 'posted' AND shown.period <> file.period
    """,
)


def posted_when_closed(db: Connection, connection: str, closed: list[int]) -> Iterator[PostedWhenClosed]:
    """Find files that we sent, planned after the last change of a period that is closed.

    Args:
        db: The open view.
        connection: The connection's name.
        closed: The periods that are closed.
    """
    rows = stream(
        db,
        """
        SELECT file.batch, file.kind, file.period, file.created_at, period.changed_at
        FROM journal.transaction_files AS file
        JOIN reference.snapshots AS period
          ON period.connection = file.connection AND period.kind = 'periods' AND period.key = CAST(file.period AS text)
        WHERE file.connection = :connection AND file.state = 'posted' AND file.sent_at IS NOT NULL
          AND file.period = ANY(:closed) AND period.gone_at IS NULL AND period.changed_at < file.created_at
        """,
        {"connection": connection, "closed": closed},
    )
    for row in rows:
        yield PostedWhenClosed(*row)
