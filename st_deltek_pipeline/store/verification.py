"""Reads what the invariants are judged by, in streams: one view of the database, memory that does not grow with its rows.

Events, payloads and transaction files; documents and their amounts are in ``verification_documents``, what has to stand
beside an event in ``verification_partners``. Nothing here judges or writes.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import Row

from st_deltek_pipeline.domain.chain_check import RecordedLink
from st_deltek_pipeline.domain.file_lives import FILE_EVENTS, SPLIT_UP, FileEvent
from st_deltek_pipeline.domain.verified_files import FileFacts, FileLife
from st_deltek_pipeline.domain.verified_sources import Ahead, Altered
from st_deltek_pipeline.store.file_states import STANDING, TAKEN
from st_deltek_pipeline.store.raw import NOT_STORABLE

_ROWS_AT_ONCE = 2000
# A transaction file has hundreds of documents, and its body has all their lines.
_FILES_AT_ONCE = 10
# A big connection's sorts take longer than a run's statement may, and the last row is wanted, not the first.
_SESSION = (
    "SET TRANSACTION READ ONLY",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL cursor_tuple_fraction = 1.0",
)


@contextmanager
def one_view(engine: Engine) -> Generator[Connection]:
    """Open a connection that only reads, and sees everything as it was at one moment however long it reads."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as db:
        for statement in _SESSION:
            db.execute(text(statement))
        yield db


def stream(
    db: Connection, statement: str, parameters: Mapping[str, Any], *, at_once: int = _ROWS_AT_ONCE
) -> Iterator[Row[Any]]:
    """Read rows by a cursor of the server, some at a time.

    Args:
        db: An open connection.
        statement: SQL; values only travel as parameters.
        parameters: Its values.
        at_once: How many rows are in memory at a time.

    Yields:
        The rows.
    """
    options = {"stream_results": True, "yield_per": at_once}
    yield from db.execute(text(statement), dict(parameters), execution_options=options)


def links(db: Connection, connection: str) -> Iterator[RecordedLink]:
    """Read a connection's whole chain, in its order."""
    rows = stream(
        db,
        """
        SELECT connection, sequence, occurred_at, run_id, event_type,
            coalesce(kind || ':' || document_id, '') AS document, coalesce(revision, 0) AS revision,
            coalesce(batch, '') AS batch, body, previous_hash, hash
        FROM journal.events WHERE connection = :connection ORDER BY sequence
        """,
        {"connection": connection},
    )
    for row in rows:
        yield RecordedLink(*row)


def altered(db: Connection, connection: str) -> Iterator[Altered]:
    """Find payload versions, frozen bodies and closes whose hash is not the one stored with them."""
    rows = stream(
        db,
        """
        SELECT kind || ':' || record_id || ' version ' || seq AS what FROM raw.records
        WHERE connection = :connection
          AND payload_hash <> encode(sha256(convert_to(CAST(payload AS text), 'UTF8')), 'hex')
        UNION ALL
        SELECT 'frozen body of file ' || file.batch
        FROM journal.transaction_files AS file JOIN journal.bodies AS body USING (body_hash)
        WHERE file.connection = :connection AND body_hash <> encode(sha256(convert_to(body, 'UTF8')), 'hex')
        UNION ALL
        SELECT 'close ' || number || ' of ' || business_day FROM journal.closes
        WHERE connection = :connection AND figures_hash <> encode(sha256(convert_to(figures, 'UTF8')), 'hex')
        """,
        {"connection": connection},
    )
    for row in rows:
        yield Altered(row.what)


def files(db: Connection, connection: str) -> Iterator[FileFacts]:
    """Read every transaction file with its frozen body and the lines of its postings."""
    rows = stream(
        db,
        """
        SELECT file.batch, file.kind, file.entry, file.state, file.amount, file.documents, body.body,
               posted.postings, posted.amount AS posted, lines.keys, lines.amounts
        FROM journal.transaction_files AS file JOIN journal.bodies AS body USING (body_hash)
        CROSS JOIN LATERAL (
            SELECT count(*) AS postings, coalesce(sum(posting.amount), 0.00) AS amount FROM journal.postings AS posting
            WHERE posting.batch = file.batch AND posting.connection = file.connection
        ) AS posted
        CROSS JOIN LATERAL (
            SELECT array_agg(line.line_key) AS keys, array_agg(line.amount) AS amounts
            FROM journal.postings AS posting JOIN journal.posting_lines AS line
              ON line.connection = posting.connection AND line.kind = posting.kind
             AND line.document_id = posting.document_id AND line.posting_no = posting.posting_no
            WHERE posting.batch = file.batch AND posting.connection = file.connection
        ) AS lines
        WHERE file.connection = :connection
        """,
        {"connection": connection},
        at_once=_FILES_AT_ONCE,
    )
    for row in rows:
        yield FileFacts(
            batch=row.batch,
            kind=row.kind,
            entry=row.entry,
            state=row.state,
            amount=row.amount,
            documents=row.documents,
            body=row.body,
            postings=row.postings,
            posted=row.posted,
            lines=tuple(zip(row.keys or (), row.amounts or (), strict=True)),
        )


def lives(db: Connection, connection: str) -> Iterator[FileLife]:
    """Read the events that moved each transaction file, and its state."""
    rows = stream(
        db,
        """
        WITH told AS (
            SELECT batch, sequence, event_type FROM journal.events
            WHERE connection = :connection AND batch IS NOT NULL AND event_type = ANY(:types)
            UNION ALL
            SELECT CAST(body AS json) ->> 'from', sequence, :split_up FROM journal.events
            WHERE connection = :connection AND event_type = 'file_split'
        )
        SELECT coalesce(told.batch, file.batch) AS batch, file.state, told.sequence, told.event_type
        FROM told FULL JOIN (
            SELECT batch, state FROM journal.transaction_files WHERE connection = :connection
        ) AS file USING (batch)
        ORDER BY 1, told.sequence
        """,
        {"connection": connection, "types": list(FILE_EVENTS), "split_up": SPLIT_UP},
    )
    for batch, members in groupby(rows, key=attrgetter("batch")):
        of_file = list(members)
        events = [FileEvent(row.sequence, row.event_type) for row in of_file if row.sequence is not None]
        yield FileLife(batch, of_file[0].state, events)


@dataclass(frozen=True)
class Counts:
    """How much there is of what is only read where it is wrong.

    Attributes:
        payloads: Payload versions, frozen bodies and closes.
        once: Lines of postings that were not given up, and postings among these that have a natural key.
        standing: Postings that stand.
        cursors: Cursors that can be compared, and records whose latest version is named.
    """

    payloads: int
    once: int
    standing: int
    cursors: int


def counts(db: Connection, connection: str, lists: Mapping[str, str]) -> Counts:
    """Count what is looked through.

    Args:
        db: The open view.
        connection: The connection's name.
        lists: As for ``ahead``.
    """
    row = db.execute(
        text(
            """
            SELECT (SELECT count(*) FROM raw.records WHERE connection = :connection)
                   + (SELECT count(*) FROM journal.transaction_files WHERE connection = :connection)
                   + (SELECT count(*) FROM journal.closes WHERE connection = :connection) AS payloads,
                   (SELECT count(*) FROM journal.posting_lines AS line
                    JOIN journal.postings AS posting USING (connection, kind, document_id, posting_no)
                    JOIN journal.transaction_files AS file
                      ON file.connection = posting.connection AND file.batch = posting.batch
                    WHERE line.connection = :connection AND file.state = ANY(:taken)) AS lines,
                   (SELECT count(*) FROM raw.latest WHERE connection = :connection)
                   + (SELECT count(*) FROM raw.cursors
                      WHERE connection = :connection AND feed = ANY(:feeds) AND continue_from IS NOT NULL) AS cursors,
                   posted.keys, posted.standing
            FROM (
                SELECT count(*) FILTER (WHERE file.state = ANY(:standing)) AS standing,
                       count(*) FILTER (WHERE posting.key_number <> '') AS keys
                FROM journal.postings AS posting JOIN journal.transaction_files AS file USING (connection, batch)
                WHERE posting.connection = :connection AND file.state = ANY(:taken)
            ) AS posted
            """
        ),
        {"connection": connection, "feeds": list(lists), "standing": STANDING, "taken": TAKEN},
    ).one()
    return Counts(row.payloads, row.lines + row.keys, row.standing, row.cursors)


def ahead(db: Connection, connection: str, lists: Mapping[str, str]) -> Iterator[Ahead]:
    """Find what is ahead of the stored records: cursors, staged rows, and which version is called the latest.

    Args:
        db: The open view.
        connection: The connection's name.
        lists: Kind of record by feed, of the feeds whose cursor is the newest modification seen.
    """
    parameters = {
        "connection": connection,
        "feeds": list(lists),
        "kinds": list(lists.values()),
        # Such a row has moved the cursor and is no record; a row that cannot be read moves nothing.
        "not_storable": NOT_STORABLE,
    }
    for statement in _AHEAD:
        for row in stream(db, statement, parameters):
            yield Ahead(row.what, str(row.says), str(row.stored))


_AHEAD: Sequence[str] = (
    """
    SELECT latest.kind || ':' || latest.record_id AS what, 'its latest version is ' || latest.seq AS says,
           'that there is no such version of it' AS stored
    FROM raw.latest AS latest LEFT JOIN raw.records AS record
      ON record.seq = latest.seq AND record.connection = latest.connection AND record.kind = latest.kind
     AND record.record_id = latest.record_id AND record.payload_hash = latest.payload_hash
    WHERE latest.connection = :connection AND record.seq IS NULL
    """,
    """
    SELECT record.kind || ':' || record.record_id AS what,
           CASE WHEN latest.seq IS NULL THEN 'nothing of it' ELSE 'its latest version is ' || latest.seq END AS says,
           'that version ' || max(record.seq) || ' is newer' AS stored
    FROM raw.records AS record LEFT JOIN raw.latest AS latest USING (connection, kind, record_id)
    WHERE record.connection = :connection AND (latest.seq IS NULL
       OR (coalesce(record.modified_on, '-infinity'), record.seq) > (coalesce(latest.modified_on, '-infinity'), latest.seq))
    GROUP BY record.kind, record.record_id, latest.seq
    """,
    """
    SELECT progress.what, 'version ' || progress.high AS says, 'version ' || coalesce(stored.high, 0) AS stored
    FROM (
        SELECT 'staged day ' || business_day AS what, raw_seq_high AS high FROM staged.days
        WHERE connection = :connection
        UNION ALL
        SELECT 'staged words of ' || kind, raw_seq_high FROM staged.lookup_progress WHERE connection = :connection
        UNION ALL
        SELECT 'staged parties by ' || kind, raw_seq_high FROM staged.party_progress WHERE connection = :connection
    ) AS progress
    CROSS JOIN (SELECT max(seq) AS high FROM raw.records WHERE connection = :connection) AS stored
    WHERE progress.high > coalesce(stored.high, 0)
    """,
    """
    SELECT 'feed ' || cursor.feed AS what, cursor.continue_from AS says,
           coalesce(CAST(stored.newest AT TIME ZONE 'UTC' AS text), 'nothing') AS stored
    FROM raw.cursors AS cursor
    JOIN unnest(CAST(:feeds AS text[]), CAST(:kinds AS text[])) AS list (feed, kind) USING (feed)
    CROSS JOIN LATERAL (
        SELECT greatest(max(record.modified_on), max(CAST(record.payload ->> 'createdOn' AS timestamptz))) AS newest
        FROM raw.records AS record WHERE record.connection = cursor.connection AND record.kind = list.kind
    ) AS stored
    WHERE cursor.connection = :connection AND cursor.continue_from IS NOT NULL
      AND (stored.newest IS NULL OR CAST(cursor.continue_from AS timestamptz) > stored.newest)
      AND NOT EXISTS (
        SELECT FROM raw.unreadable AS unreadable
        WHERE unreadable.connection = cursor.connection AND unreadable.kind = list.kind
          AND starts_with(unreadable.reason, :not_storable))
    """,
)
