"""Reads the lines of posted transaction files for comparing them with Vantagepoint's ledger, in a stream."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from sqlalchemy import Connection

from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.store.verification import stream


@dataclass(frozen=True)
class StandingLine:
    """One line that we posted.

    Attributes:
        document: ``invoice:123``.
        number: What its document is known by in Vantagepoint: an invoice's number or a reference.
        amount: With the document's sign.
    """

    document: str
    line_key: str
    number: str
    amount: Decimal


def posted_files(db: Connection, connection: str) -> Iterator[tuple[str, EntryType, Sequence[StandingLine]]]:
    """Read every file that we posted with its lines, by entry type.

    What was adopted stands in somebody else's file and is left out.

    Args:
        db: An open view.
        connection: The connection's name.

    Yields:
        Batch, entry type and lines.
    """
    rows = stream(
        db,
        """
        SELECT file.entry, file.batch, posting.kind || ':' || posting.document_id AS document, line.line_key,
               posting.number, line.amount
        FROM journal.transaction_files AS file
        JOIN journal.postings AS posting USING (connection, batch)
        JOIN journal.posting_lines AS line
          ON line.connection = posting.connection AND line.kind = posting.kind
         AND line.document_id = posting.document_id AND line.posting_no = posting.posting_no
        WHERE file.connection = :connection AND file.state = 'posted'
        ORDER BY file.entry, file.batch
        """,
        {"connection": connection},
    )
    for (entry, batch), lines in groupby(rows, key=lambda row: (row.entry, row.batch)):
        yield (
            batch,
            EntryType(entry),
            [StandingLine(row.document, row.line_key, row.number, row.amount) for row in lines],
        )
