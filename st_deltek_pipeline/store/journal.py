"""One connection's journal in Postgres: opened for writing under the poster's fence, and read.

What is written, and how, is ``journal_transaction``.
"""

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.allowances import Allowance
from st_deltek_pipeline.domain.coded_amounts import LineKey
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.ignores import PersonalIgnore
from st_deltek_pipeline.domain.journal import Event
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.posting_keys import NaturalKey
from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline.domain.reversals import PersonalReversal, PostedPart
from st_deltek_pipeline.store import allowances, ignores, natural_keys, reversals
from st_deltek_pipeline.store.file_states import OCCUPYING, OPEN, STANDING, TAKEN
from st_deltek_pipeline.store.journal_rows import (
    SELECT_FILE,
    DocumentStanding,
    StoredFile,
    heading_of,
    load_postings,
    stored_file,
)
from st_deltek_pipeline.store.journal_transaction import JournalTransaction
from st_deltek_pipeline.store.locks import PosterLock


class Journal:
    """One connection's journal."""

    def __init__(self, engine: Engine, connection_name: str, *, run_id: str) -> None:
        self._engine = engine
        self._name = connection_name
        self._run_id = run_id

    @contextmanager
    def writing(self, lock: PosterLock) -> Generator[JournalTransaction]:
        """Open a transaction under the poster's fence; it commits when the block ends without an error.

        Raises:
            LockLostError: Another worker has taken over.
        """
        with self._engine.begin() as connection:
            lock.check(connection)
            yield JournalTransaction(connection, self._name, self._run_id)

    def file(self, batch: str) -> StoredFile:
        """Read one transaction file.

        Raises:
            BrokenError: There is none with this Batch.
        """
        with self._engine.connect() as connection:
            row = connection.execute(
                text(SELECT_FILE + " WHERE connection = :connection AND batch = :batch"),
                {"connection": self._name, "batch": batch},
            ).one_or_none()
        if row is None:
            message = f"There is no transaction file {batch} in the journal of {self._name}."
            raise BrokenError(message)
        return stored_file(row)

    def open_files(self, kind: Kind, business_day: date, document_ids: Sequence[int]) -> list[StoredFile]:
        """Read the files a run of a business day must go on with, oldest first.

        Args:
            kind: The kind of document.
            business_day: The day.
            document_ids: The day's documents; they may have been planned on another day, which may even have
                become a day off since.
        """
        with self._engine.connect() as connection:
            rows = connection.execute(
                text(
                    SELECT_FILE
                    + """
                    WHERE connection = :connection AND kind = :kind AND state = ANY(:states)
                      AND (business_day = :day OR EXISTS (
                        SELECT FROM journal.postings AS posting
                        WHERE posting.connection = file.connection AND posting.batch = file.batch
                          AND posting.document_id = ANY(:ids)))
                    ORDER BY created_at, batch
                    """
                ),
                {
                    "connection": self._name,
                    "kind": kind.value,
                    "states": OPEN,
                    "day": business_day,
                    "ids": list(document_ids),
                },
            )
            return [stored_file(row) for row in rows]

    def files_of_day(self, kind: Kind, business_day: date) -> list[StoredFile]:
        """Read every file of a business day, oldest first, whatever its state."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                text(
                    SELECT_FILE
                    + """
                    WHERE connection = :connection AND kind = :kind AND business_day = :day
                    ORDER BY created_at, batch
                    """
                ),
                {"connection": self._name, "kind": kind.value, "day": business_day},
            )
            return [stored_file(row) for row in rows]

    def postings_of(self, batch: str) -> tuple[Posting, ...]:
        """Read the postings of a file, as they were planned."""
        with self._engine.connect() as connection:
            return load_postings(
                connection, "connection = :connection AND batch = :batch", {"connection": self._name, "batch": batch}
            )

    def standings(self, kind: Kind, document_ids: Sequence[int]) -> Mapping[int, DocumentStanding]:
        """Read what stands in Vantagepoint for documents; those never posted are left out."""
        parameters = {
            "connection": self._name,
            "kind": kind.value,
            "ids": list(document_ids),
            "standing": STANDING,
            "taken": TAKEN,
            "occupying": OCCUPYING,
        }
        lines: dict[int, dict[tuple[date, LineKey], Decimal]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(text(_SELECT_STANDING_LINES), parameters):
                key = LineKey(
                    heading_of(row),
                    row.line_wbs1,
                    row.line_wbs2,
                    row.line_wbs3,
                    row.invoice,
                    row.account,
                    row.section,
                    row.tax_code,
                    row.item,
                )
                lines.setdefault(row.document_id, {})[(row.trans_date, key)] = row.amount
            return {
                row.document_id: DocumentStanding(
                    lines.get(row.document_id, {}), row.next_posting_no, occupied=row.occupied
                )
                for row in connection.execute(text(_SELECT_STANDINGS), parameters)
            }

    def outcomes(self, kind: Kind, document_ids: Sequence[int]) -> Mapping[int, DocumentOutcome]:
        """Read where documents stand; those never planned are left out."""
        return self._outcomes(kind, "document_id = ANY(:ids)", ids=list(document_ids))

    def held(self, kind: Kind) -> Mapping[int, DocumentOutcome]:
        """Read the outcomes of the documents on hold, by ServiceTitan's id."""
        return self._outcomes(kind, "outcome = 'held'")

    def _outcomes(self, kind: Kind, which: str, **parameters: object) -> Mapping[int, DocumentOutcome]:
        with self._engine.connect() as connection:
            rows = connection.execute(
                text(
                    f"SELECT * FROM journal.outcomes WHERE connection = :connection AND kind = :kind AND {which}"  # noqa: S608 (constants)
                ),
                {"connection": self._name, "kind": kind.value, **parameters},
            )
            return {
                row.document_id: DocumentOutcome(
                    document=DocumentKey(self._name, kind, row.document_id),
                    revision=row.revision,
                    revision_hash=row.revision_hash,
                    business_day=row.business_day,
                    outcome=OutcomeKind(row.outcome),
                    reason=row.reason,
                    message=row.message,
                    words=row.words,
                    amount=row.amount,
                    project=row.project,
                )
                for row in rows
            }

    def ignored(self, kind: Kind, document_ids: Sequence[int]) -> Mapping[int, PersonalIgnore]:
        """Read what persons decided to ignore (``ignores.ignored``)."""
        with self._engine.connect() as connection:
            return ignores.ignored(connection, self._name, kind, document_ids)

    def reversals(self, kind: Kind, document_ids: Sequence[int]) -> Mapping[int, PersonalReversal]:
        """Read what persons decided to reverse (``reversals.reversals``)."""
        with self._engine.connect() as connection:
            return reversals.reversals(connection, self._name, kind, document_ids)

    def posted_parts(self, kind: Kind, document_ids: Sequence[int]) -> Mapping[int, tuple[PostedPart, ...]]:
        """Read the postings of documents one by one, with their files (``reversals.posted_parts``)."""
        with self._engine.connect() as connection:
            return reversals.posted_parts(connection, self._name, kind, document_ids)

    def allowances(self, kind: Kind, document_ids: Sequence[int]) -> Mapping[int, Allowance]:
        """Read what persons allowed (``allowances.allowances``)."""
        with self._engine.connect() as connection:
            return allowances.allowances(connection, self._name, kind, document_ids)

    def natural_key_owners(self, target: str, keys: Sequence[NaturalKey]) -> Mapping[NaturalKey, DocumentKey]:
        """Say which documents own natural keys; free ones are left out."""
        with self._engine.connect() as connection:
            return natural_keys.owners(connection, target, keys)

    def days_under_way(self, kind: Kind) -> list[date]:
        """Return the business days with transaction files under way, or documents in them, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                text(
                    """
                    SELECT business_day FROM journal.outcomes
                    WHERE connection = :connection AND kind = :kind AND outcome = 'in_flight'
                      AND business_day IS NOT NULL
                    UNION
                    SELECT business_day FROM journal.transaction_files
                    WHERE connection = :connection AND kind = :kind AND state = ANY(:states)
                    ORDER BY business_day
                    """
                ),
                {"connection": self._name, "kind": kind.value, "states": OPEN},
            )
            return [row.business_day for row in rows]

    def days_left_waiting(self, kind: Kind, *, reasons: Collection[HoldReason]) -> list[date]:
        """Return the business days with a document that waited for a transaction file which is finished since.

        Args:
            kind: The kind of document.
            reasons: For which a document is held while its file is not finished.
        """
        with self._engine.connect() as connection:
            rows = connection.execute(
                text(
                    """
                    SELECT DISTINCT waiting.business_day FROM journal.outcomes AS waiting
                    WHERE waiting.connection = :connection AND waiting.kind = :kind
                      AND (waiting.outcome = 'in_flight' OR waiting.outcome = 'held' AND waiting.reason = ANY(:reasons))
                      AND waiting.business_day IS NOT NULL AND NOT EXISTS (
                        SELECT FROM journal.postings AS posting
                        JOIN journal.transaction_files AS file USING (connection, batch)
                        WHERE posting.connection = waiting.connection AND posting.kind = waiting.kind
                          AND posting.document_id = waiting.document_id AND file.state = ANY(:occupying))
                    ORDER BY waiting.business_day
                    """
                ),
                {
                    "connection": self._name,
                    "kind": kind.value,
                    "reasons": [reason.value for reason in reasons],
                    "occupying": OCCUPYING,
                },
            )
            return [row.business_day for row in rows]

    def pinned_plan(self, kind: Kind, business_day: date) -> str | None:
        """Return the plan hash somebody pinned for a day."""
        with self._engine.connect() as connection:
            return connection.execute(
                text(
                    """
                    SELECT plan_hash FROM journal.plan_pins
                    WHERE connection = :connection AND kind = :kind AND business_day = :day
                    """
                ),
                {"connection": self._name, "kind": kind.value, "day": business_day},
            ).scalar()

    def pin_plan(self, kind: Kind, business_day: date, plan_hash: str, *, event: Event, pinned_by: str) -> None:
        """Pin a day's plan, in place of an earlier pin."""
        with self._engine.begin() as connection:
            connection.execute(
                text(
                    """
                    INSERT INTO journal.plan_pins (connection, kind, business_day, plan_hash, pinned_by)
                    VALUES (:connection, :kind, :day, :plan_hash, :pinned_by)
                    ON CONFLICT (connection, kind, business_day)
                    DO UPDATE SET plan_hash = :plan_hash, pinned_by = :pinned_by, pinned_at = now()
                    """
                ),
                {
                    "connection": self._name,
                    "kind": kind.value,
                    "day": business_day,
                    "plan_hash": plan_hash,
                    "pinned_by": pinned_by,
                },
            )
            JournalTransaction(connection, self._name, self._run_id).append([event])

    def last_sequence(self) -> int:
        """Return the sequence number of the last event; 0 when there is none."""
        with self._engine.connect() as connection:
            found = connection.execute(
                text("SELECT sequence FROM journal.chain_heads WHERE connection = :connection"),
                {"connection": self._name},
            ).scalar()
        return found or 0


_HEADING = """posting.entry, posting.number, posting.wbs1, posting.wbs2, posting.wbs3, posting.vendor, posting.bank,
           posting.liability, posting.credit_memo"""

_LINE = "line.invoice, line.account, line.section, line.tax_code, line.item"

_SELECT_STANDING_LINES = f"""
    SELECT posting.document_id, posting.trans_date, {_HEADING}, line.wbs1 AS line_wbs1, line.wbs2 AS line_wbs2,
           line.wbs3 AS line_wbs3, {_LINE}, sum(line.amount) AS amount
    FROM journal.postings AS posting
    JOIN journal.transaction_files AS file USING (connection, batch)
    JOIN journal.posting_lines AS line
      ON line.connection = posting.connection AND line.kind = posting.kind
     AND line.document_id = posting.document_id AND line.posting_no = posting.posting_no
    WHERE posting.connection = :connection AND posting.kind = :kind AND posting.document_id = ANY(:ids)
      AND file.state = ANY(:standing)
    GROUP BY posting.document_id, posting.trans_date, {_HEADING}, line.wbs1, line.wbs2, line.wbs3, {_LINE}
"""  # noqa: S608 (constants)

_SELECT_STANDINGS = """
    SELECT posting.document_id, 1 + max(posting.posting_no) FILTER (WHERE file.state = ANY(:taken)) AS next_posting_no,
           bool_or(file.state = ANY(:occupying)) AS occupied
    FROM journal.postings AS posting
    JOIN journal.transaction_files AS file USING (connection, batch)
    WHERE posting.connection = :connection AND posting.kind = :kind AND posting.document_id = ANY(:ids)
    GROUP BY posting.document_id
    HAVING bool_or(file.state = ANY(:taken))
"""
