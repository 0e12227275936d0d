"""Rows of the journal's tables, to and from the values of ``domain``; and those values the store adds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.engine import Row

from st_deltek_pipeline.domain.coded_amounts import Heading, LineKey
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.posting_keys import NaturalKey, line_key
from st_deltek_pipeline.domain.postings import MasterKey, Posting, PostingLine


@dataclass(frozen=True)
class StoredFile:
    """A transaction file as the journal knows it.

    Attributes:
        entry: Vantagepoint's type of transaction.
        together: It is posted whole or not at all, for the reason named; else empty.
        sent_at: When it was last about to be sent; ``None`` if never.
        unchanged_for: Time since its last change of state, by the database's clock.
    """

    batch: str
    kind: Kind
    entry: EntryType
    company: str
    period: int
    business_day: date
    state: FileState
    documents: int
    amount: Decimal
    body: str
    body_hash: str
    parent_batch: str | None
    sent_at: datetime | None
    post_sequence: int | None
    words: str
    together: str
    unchanged_for: timedelta


@dataclass(frozen=True)
class DocumentStanding:
    """What our journal says of one document's place in Vantagepoint.

    Attributes:
        lines: Amounts that stand in the ledger; what was taken back stays, as a zero.
        next_posting_no: The first number no occupying or standing posting has used.
        occupied: A transaction file with this document is under way or held.
    """

    lines: Mapping[tuple[date, LineKey], Decimal]
    next_posting_no: int
    occupied: bool

    @property
    def amount(self) -> Decimal:
        """Sum of what stands."""
        return sum(self.lines.values(), start=Decimal("0.00"))


NOT_STANDING = DocumentStanding({}, 1, occupied=False)


@dataclass(frozen=True)
class LedgerEvidence:
    """A ledger row we read back, tied to its document.

    Attributes:
        amount: With the ledger's sign.
        document_amount: With the document's: what the row adds to receivable, money received or payable.
    """

    batch: str
    line_key: str
    document: DocumentKey
    period: int
    post_sequence: int | None
    wbs1: str
    account: str
    invoice: str
    amount: Decimal
    document_amount: Decimal


SELECT_FILE = """
    SELECT file.*, body.body, clock_timestamp() - file.changed_at AS unchanged_for
    FROM journal.transaction_files AS file JOIN journal.bodies AS body USING (body_hash)
"""

POSTING_COLUMNS = (
    "connection",
    "kind",
    "document_id",
    "posting_no",
    "revision",
    "revision_hash",
    "business_day",
    "batch",
    "period",
    "trans_date",
    "due_date",
    "wbs1",
    "wbs2",
    "wbs3",
    "number",
    "amount",
    "correction",
    "moved_from",
    "entry",
    "vendor",
    "bank",
    "liability",
    "credit_memo",
    "terms",
    "together",
    "reverses",
    "key_scope",
    "key_number",
)

LINE_COLUMNS = (
    "connection",
    "kind",
    "document_id",
    "posting_no",
    "line_no",
    "line_key",
    "account",
    "section",
    "tax_code",
    "item",
    "organization",
    "description",
    "amount",
    "tax_basis",
    "wbs1",
    "wbs2",
    "wbs3",
    "invoice",
    "purchase_order",
)


def stored_file(row: Row[Any]) -> StoredFile:
    """Read a row of ``SELECT_FILE``."""
    return StoredFile(
        batch=row.batch,
        kind=Kind(row.kind),
        entry=EntryType(row.entry),
        company=row.company,
        period=row.period,
        business_day=row.business_day,
        state=FileState(row.state),
        documents=row.documents,
        amount=row.amount,
        body=row.body,
        body_hash=row.body_hash,
        parent_batch=row.parent_batch,
        sent_at=row.sent_at,
        post_sequence=row.post_sequence,
        words=row.words,
        together=row.together,
        unchanged_for=row.unchanged_for,
    )


def posting_row(batch: str, posting: Posting, natural_key: NaturalKey) -> Sequence[object]:
    """Write a posting as a row of ``journal.postings``, in the order of ``POSTING_COLUMNS``."""
    document, master, heading = posting.document, posting.master, posting.heading
    return (
        document.connection,
        document.kind.value,
        document.document_id,
        posting.posting_no,
        posting.revision,
        posting.revision_hash,
        posting.business_day,
        batch,
        master.period,
        master.trans_date,
        posting.due_date,
        heading.wbs1,
        heading.wbs2,
        heading.wbs3,
        heading.number,
        posting.amount,
        posting.correction,
        posting.moved_from,
        heading.entry.value,
        heading.vendor,
        heading.bank,
        heading.liability,
        heading.credit_memo,
        posting.terms,
        posting.together,
        posting.reverses,
        natural_key.scope,
        natural_key.number,
    )


def posting_line_row(posting: Posting, number: int, line: PostingLine) -> Sequence[object]:
    """Write a line as a row of ``journal.posting_lines``, in the order of ``LINE_COLUMNS``."""
    document = posting.document
    return (
        document.connection,
        document.kind.value,
        document.document_id,
        posting.posting_no,
        number,
        line_key(posting, line),
        line.key.account,
        line.key.section,
        line.key.tax_code,
        line.key.item,
        line.organization,
        line.description,
        line.amount,
        line.tax_basis,
        line.key.wbs1,
        line.key.wbs2,
        line.key.wbs3,
        line.key.invoice,
        line.purchase_order,
    )


def load_postings(connection: Connection, where: str, parameters: Mapping[str, Any]) -> tuple[Posting, ...]:
    """Read postings as they were planned.

    Args:
        connection: An open connection.
        where: A condition of this package on ``journal.postings``; values only travel as parameters.
        parameters: Its values.
    """
    rows = connection.execute(
        # The condition is written in this module; values only ever travel as parameters.
        text(f"SELECT * FROM journal.postings WHERE {where} ORDER BY kind, document_id, posting_no"),  # noqa: S608
        parameters,
    ).all()
    lines: dict[tuple[str, int, int], list[Row[Any]]] = {}
    for line in connection.execute(
        text(
            f"""
            SELECT line.* FROM journal.posting_lines AS line
            JOIN (SELECT connection, kind, document_id, posting_no FROM journal.postings WHERE {where}) AS posting
            USING (connection, kind, document_id, posting_no)
            ORDER BY line.kind, line.document_id, line.posting_no, line.line_no
            """  # noqa: S608
        ),
        parameters,
    ):
        lines.setdefault((line.kind, line.document_id, line.posting_no), []).append(line)
    return tuple(_posting(row, lines.get((row.kind, row.document_id, row.posting_no), [])) for row in rows)


def heading_of(row: Row[Any]) -> Heading:
    """Read a heading from a row that has the columns of ``journal.postings``."""
    return Heading(
        entry=EntryType(row.entry),
        number=row.number,
        wbs1=row.wbs1,
        wbs2=row.wbs2,
        wbs3=row.wbs3,
        vendor=row.vendor,
        bank=row.bank,
        liability=row.liability,
        credit_memo=row.credit_memo,
    )


def _posting(row: Row[Any], lines: Sequence[Row[Any]]) -> Posting:
    heading = heading_of(row)
    return Posting(
        document=DocumentKey(row.connection, Kind(row.kind), row.document_id),
        posting_no=row.posting_no,
        revision=row.revision,
        revision_hash=row.revision_hash,
        business_day=row.business_day,
        master=MasterKey(row.period, row.trans_date, heading),
        due_date=row.due_date,
        lines=tuple(
            PostingLine(
                key=LineKey(
                    heading,
                    line.wbs1,
                    line.wbs2,
                    line.wbs3,
                    line.invoice,
                    line.account,
                    line.section,
                    line.tax_code,
                    line.item,
                ),
                amount=line.amount,
                description=line.description,
                organization=line.organization,
                tax_basis=line.tax_basis,
                purchase_order=line.purchase_order,
            )
            for line in lines
        ),
        correction=row.correction,
        moved_from=row.moved_from,
        terms=row.terms,
        together=row.together,
        reverses=row.reverses,
    )
