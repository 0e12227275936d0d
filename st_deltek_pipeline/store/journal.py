"""The journal in Postgres: events, transaction files, postings and outcomes.

Every change of state is written together with its event, in one transaction, under the poster's fence.
Nothing here decides; ``services.posting`` does.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import Row

from st_deltek_pipeline.domain.alignment import LineKey
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.domain.holds import Hold
from st_deltek_pipeline.domain.journal import (
    FIRST_HASH,
    OCCUPYING_STATES,
    OPEN_STATES,
    STANDING_STATES,
    Event,
    FileState,
    chain,
)
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.postings import MasterKey, Posting, PostingLine
from st_deltek_pipeline.domain.transaction_files import TransactionFile, line_key
from st_deltek_pipeline.store.copying import copy_rows
from st_deltek_pipeline.store.locks import PosterLock

_OPEN = sorted(state.value for state in OPEN_STATES)
_STANDING = sorted(state.value for state in STANDING_STATES)
_TAKEN = sorted(state.value for state in OCCUPYING_STATES | STANDING_STATES)
_OCCUPYING = sorted(state.value for state in OCCUPYING_STATES)


@dataclass(frozen=True)
class StoredFile:
    """A transaction file as the journal knows it.

    Attributes:
        sent_at: When it was last about to be sent; ``None`` if never.
        unchanged_for: Time since its last change of state, by the database's clock.
    """

    batch: str
    kind: Kind
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
    """A ledger row we read back, tied to its document."""

    batch: str
    line_key: str
    document: DocumentKey
    period: int
    post_sequence: int | None
    wbs1: str
    account: str
    invoice: str
    amount: Decimal


class JournalTransaction:
    """Writes of one database transaction; they become visible together or not at all."""

    def __init__(self, connection: Connection, connection_name: str, run_id: str) -> None:
        self._connection = connection
        self._name = connection_name
        self._run_id = run_id

    def append(self, events: Iterable[Event]) -> None:
        """Add events to the connection's chain."""
        head = self._connection.execute(
            text(
                """
                INSERT INTO journal.chain_heads (connection, sequence, hash) VALUES (:connection, 0, :first)
                ON CONFLICT (connection) DO UPDATE SET sequence = chain_heads.sequence
                RETURNING sequence, hash, clock_timestamp() AS now
                """
            ),
            {"connection": self._name, "first": FIRST_HASH},
        ).one()
        chained = list(
            chain(
                self._name,
                events,
                sequence=head.sequence,
                previous_hash=head.hash,
                occurred_at=head.now,
                run_id=self._run_id,
            )
        )
        if not chained:
            return
        copy_rows(
            self._connection,
            "journal.events",
            (
                "connection",
                "sequence",
                "occurred_at",
                "run_id",
                "event_type",
                "kind",
                "document_id",
                "revision",
                "batch",
                "body",
                "previous_hash",
                "hash",
            ),
            (
                (
                    link.connection,
                    link.sequence,
                    link.occurred_at.isoformat(),
                    link.run_id,
                    link.event.event_type.value,
                    link.event.document.kind.value if link.event.document else None,
                    link.event.document.document_id if link.event.document else None,
                    link.event.revision,
                    link.event.batch,
                    link.body,
                    link.previous_hash,
                    link.hash,
                )
                for link in chained
            ),
        )
        self._connection.execute(
            text("UPDATE journal.chain_heads SET sequence = :sequence, hash = :hash WHERE connection = :connection"),
            {"connection": self._name, "sequence": chained[-1].sequence, "hash": chained[-1].hash},
        )

    def add_files(self, files: Sequence[TransactionFile], *, parent_batch: str | None = None) -> None:
        """Freeze new transaction files with their postings.

        A file that is not in Vantagepoint (refused, or split and its parts refused) may be planned again under the
        same Batch; any other repetition is an error, and the transaction must not commit.

        Raises:
            BrokenError: A Batch or posting is already in use.
        """
        for file in files:
            self._connection.execute(
                text(
                    """
                    INSERT INTO journal.bodies (body_hash, body) VALUES (:body_hash, :body)
                    ON CONFLICT (body_hash) DO NOTHING
                    """
                ),
                {"body_hash": file.body_hash, "body": file.body},
            )
            written = self._connection.execute(
                text(
                    """
                    INSERT INTO journal.transaction_files (connection, batch, kind, company, period, business_day,
                        state, documents, amount, body_hash, parent_batch)
                    VALUES (:connection, :batch, :kind, :company, :period, :business_day,
                        'planned', :documents, :amount, :body_hash, :parent_batch)
                    ON CONFLICT (connection, batch) DO UPDATE SET
                        state = 'planned', company = :company, body_hash = :body_hash, business_day = :business_day,
                        amount = :amount, parent_batch = :parent_batch, words = '', sent_at = NULL, changed_at = now()
                    WHERE transaction_files.state IN ('refused', 'split')
                    """
                ),
                {
                    "connection": self._name,
                    "batch": file.batch,
                    "kind": file.kind.value,
                    "company": file.company,
                    "period": file.period,
                    "business_day": max(posting.business_day for posting in file.postings),
                    "documents": len(file.postings),
                    "amount": file.amount,
                    "body_hash": file.body_hash,
                    "parent_batch": parent_batch,
                },
            )
            if written.rowcount != 1:
                message = f"Transaction file {file.batch} is already in the journal and was not given up."
                raise BrokenError(message, advice="This must not happen; report it with the journal's events.")
        if parent_batch is None:
            self._add_postings(files)
        else:
            self._move_postings(files)

    def _add_postings(self, files: Sequence[TransactionFile]) -> None:
        # What was given up makes room: left behind, it would count as a part that is not posted yet.
        self._connection.execute(
            text(
                """
                DELETE FROM journal.postings USING journal.transaction_files AS file,
                    unnest(CAST(:kinds AS text[]), CAST(:ids AS bigint[])) AS wanted (kind, document_id)
                WHERE postings.connection = :connection AND postings.kind = wanted.kind
                  AND postings.document_id = wanted.document_id
                  AND file.connection = postings.connection AND file.batch = postings.batch
                  AND NOT (file.state = ANY(:taken) AND file.batch <> ALL(:batches))
                """
            ),
            {
                "connection": self._name,
                "kinds": [posting.document.kind.value for file in files for posting in file.postings],
                "ids": [posting.document.document_id for file in files for posting in file.postings],
                "taken": _TAKEN,
                "batches": [file.batch for file in files],
            },
        )
        copy_rows(
            self._connection,
            "journal.postings",
            (
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
                "invoice",
                "amount",
                "correction",
                "moved_from",
            ),
            (_posting_row(file.batch, posting) for file in files for posting in file.postings),
        )
        copy_rows(
            self._connection,
            "journal.posting_lines",
            (
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
            ),
            (
                _line_row(posting, number, line)
                for file in files
                for posting in file.postings
                for number, line in enumerate(posting.lines, start=1)
            ),
        )

    def _move_postings(self, files: Sequence[TransactionFile]) -> None:
        for file in files:
            self._connection.execute(
                text(
                    """
                    UPDATE journal.postings SET batch = :batch
                    FROM unnest(CAST(:ids AS bigint[]), CAST(:numbers AS int[])) AS moved (document_id, posting_no)
                    WHERE postings.connection = :connection AND postings.kind = :kind
                      AND postings.document_id = moved.document_id AND postings.posting_no = moved.posting_no
                    """
                ),
                {
                    "batch": file.batch,
                    "connection": self._name,
                    "kind": file.kind.value,
                    "ids": [posting.document.document_id for posting in file.postings],
                    "numbers": [posting.posting_no for posting in file.postings],
                },
            )

    def move_file(
        self,
        batch: str,
        state: FileState,
        *,
        before: Iterable[FileState],
        words: str = "",
        post_sequence: int | None = None,
        sent_now: bool = False,
    ) -> None:
        """Change a file's state, if it is still in one of the states the caller saw.

        Raises:
            BrokenError: It is not: somebody else moved it, and the transaction must not commit.
        """
        moved = self._connection.execute(
            text(
                """
                UPDATE journal.transaction_files SET
                    state = :state, words = :words, changed_at = clock_timestamp(),
                    post_sequence = coalesce(:post_sequence, post_sequence),
                    sent_at = CASE WHEN :sent_now THEN clock_timestamp() ELSE sent_at END
                WHERE connection = :connection AND batch = :batch AND state = ANY(:before)
                """
            ),
            {
                "state": state.value,
                "words": words,
                "post_sequence": post_sequence,
                "sent_now": sent_now,
                "connection": self._name,
                "batch": batch,
                "before": [earlier.value for earlier in before],
            },
        )
        if moved.rowcount != 1:
            message = f"Transaction file {batch} is not in the state this run saw; it cannot become {state.value}."
            raise BrokenError(message, advice="Run the day again; the journal knows where it stands.")

    def set_outcomes(self, outcomes: Sequence[DocumentOutcome]) -> None:
        """Record where documents stand now; ``since`` stays while outcome and reason do."""
        if not outcomes:
            return
        self._connection.execute(
            text(
                """
                INSERT INTO journal.outcomes AS now (connection, kind, document_id, revision, revision_hash,
                    business_day, outcome, reason, message, words, amount, project)
                SELECT :connection, new.* FROM unnest(
                    CAST(:kinds AS text[]), CAST(:ids AS bigint[]), CAST(:revisions AS int[]), CAST(:hashes AS text[]),
                    CAST(:days AS date[]), CAST(:outcomes AS text[]), CAST(:reasons AS text[]),
                    CAST(:messages AS text[]), CAST(:words AS text[]), CAST(:amounts AS numeric[]),
                    CAST(:projects AS text[])) AS new
                ON CONFLICT (connection, kind, document_id) DO UPDATE SET
                    revision = excluded.revision, revision_hash = excluded.revision_hash,
                    business_day = excluded.business_day, outcome = excluded.outcome, reason = excluded.reason,
                    message = excluded.message, words = excluded.words, amount = excluded.amount,
                    project = excluded.project, changed_at = now(),
                    since = CASE WHEN now.outcome = excluded.outcome AND now.reason = excluded.reason
                                 THEN now.since ELSE now() END
                """
            ),
            {
                "connection": self._name,
                "kinds": [outcome.document.kind.value for outcome in outcomes],
                "ids": [outcome.document.document_id for outcome in outcomes],
                "revisions": [outcome.revision for outcome in outcomes],
                "hashes": [outcome.revision_hash for outcome in outcomes],
                "days": [outcome.business_day for outcome in outcomes],
                "outcomes": [outcome.outcome.value for outcome in outcomes],
                "reasons": [outcome.reason for outcome in outcomes],
                "messages": [outcome.message for outcome in outcomes],
                "words": [outcome.words for outcome in outcomes],
                "amounts": [outcome.amount for outcome in outcomes],
                "projects": [outcome.project for outcome in outcomes],
            },
        )

    def hold(self, holds: Mapping[DocumentKey, tuple[Hold, str]]) -> None:
        """Put documents on hold; what of them is outside the ledger stays as it is.

        Args:
            holds: Why, and the project concerned.
        """
        self._connection.execute(
            text(
                """
                UPDATE journal.outcomes AS now SET
                    outcome = 'held', reason = held.reason, message = held.message, words = held.words,
                    project = held.project, changed_at = now(),
                    since = CASE WHEN now.outcome = 'held' AND now.reason = held.reason THEN now.since ELSE now() END
                FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS bigint[]), CAST(:reasons AS text[]),
                            CAST(:messages AS text[]), CAST(:words AS text[]), CAST(:projects AS text[]))
                    AS held (kind, document_id, reason, message, words, project)
                WHERE now.connection = :connection AND now.kind = held.kind AND now.document_id = held.document_id
                """
            ),
            {
                "connection": self._name,
                "kinds": [document.kind.value for document in holds],
                "ids": [document.document_id for document in holds],
                "reasons": [hold.reason.value for hold, _ in holds.values()],
                "messages": [hold.message for hold, _ in holds.values()],
                "words": [hold.words for hold, _ in holds.values()],
                "projects": [project for _, project in holds.values()],
            },
        )

    def land(self, batch: str) -> None:
        """Bring outcomes in line with a file that has just become a standing one.

        What it posted is no longer outside the ledger. A document whose current revision has nothing under way or
        refused any more is posted; one that changed meanwhile keeps waiting for its difference.
        """
        # MATERIALIZED: on tables that grew since they were last analysed, the planner would compute it once per row.
        self._connection.execute(
            text(
                """
                WITH landed AS MATERIALIZED (
                    SELECT kind, document_id, max(revision) AS revision, sum(amount) AS amount
                    FROM journal.postings WHERE connection = :connection AND batch = :batch
                    GROUP BY kind, document_id
                ), state AS MATERIALIZED (
                    SELECT landed.kind, landed.document_id, landed.revision, landed.amount,
                           bool_and(file.state = ANY(:standing)) AS complete
                    FROM landed
                    JOIN journal.postings AS posting
                      ON posting.connection = :connection AND posting.kind = landed.kind
                     AND posting.document_id = landed.document_id AND posting.revision = landed.revision
                    JOIN journal.transaction_files AS file
                      ON file.connection = posting.connection AND file.batch = posting.batch
                    GROUP BY landed.kind, landed.document_id, landed.revision, landed.amount
                ), next AS MATERIALIZED (
                    SELECT state.kind, state.document_id, outcome.amount - state.amount AS amount,
                           state.complete AND outcome.revision = state.revision AS posted
                    FROM state JOIN journal.outcomes AS outcome
                      ON outcome.connection = :connection AND outcome.kind = state.kind
                     AND outcome.document_id = state.document_id
                )
                UPDATE journal.outcomes AS now SET
                    amount = next.amount,
                    outcome = CASE WHEN next.posted THEN 'posted' ELSE now.outcome END,
                    reason = CASE WHEN next.posted THEN '' ELSE now.reason END,
                    message = CASE WHEN next.posted THEN '' ELSE now.message END,
                    words = CASE WHEN next.posted THEN '' ELSE now.words END,
                    since = CASE WHEN next.posted THEN now() ELSE now.since END,
                    changed_at = now()
                FROM next
                WHERE now.connection = :connection AND now.kind = next.kind AND now.document_id = next.document_id
                """
            ),
            {"connection": self._name, "batch": batch, "standing": _STANDING},
        )

    def save_ledger_rows(self, rows: Sequence[LedgerEvidence]) -> None:
        """Keep what the ledger showed, in place of what an earlier read-back of the same files showed."""
        self._connection.execute(
            text(
                """
                DELETE FROM journal.ledger_rows USING unnest(CAST(:batches AS text[]), CAST(:kinds AS text[]),
                    CAST(:ids AS bigint[])) AS again (batch, kind, document_id)
                WHERE ledger_rows.connection = :connection AND ledger_rows.batch = again.batch
                  AND ledger_rows.kind = again.kind AND ledger_rows.document_id = again.document_id
                """
            ),
            {
                "connection": self._name,
                "batches": [row.batch for row in rows],
                "kinds": [row.document.kind.value for row in rows],
                "ids": [row.document.document_id for row in rows],
            },
        )
        copy_rows(
            self._connection,
            "journal.ledger_rows",
            (
                "connection",
                "batch",
                "line_key",
                "kind",
                "document_id",
                "period",
                "post_sequence",
                "wbs1",
                "account",
                "invoice",
                "amount",
            ),
            (
                (
                    self._name,
                    row.batch,
                    row.line_key,
                    row.document.kind.value,
                    row.document.document_id,
                    row.period,
                    row.post_sequence,
                    row.wbs1,
                    row.account,
                    row.invoice,
                    row.amount,
                )
                for row in rows
            ),
        )

    def claim_invoice_numbers(
        self, target: str, claims: Sequence[tuple[str, str, DocumentKey]]
    ) -> Mapping[tuple[str, str], DocumentKey]:
        """Claim projects' invoice numbers for documents; who had a number first keeps it.

        Args:
            target: URL and database of Vantagepoint: two connections may share one.
            claims: Project, padded number, and the document that wants it.

        Returns:
            The owner of every number, by project and number.
        """
        ordered = sorted(claims)
        self._connection.execute(
            text(
                """
                INSERT INTO journal.invoice_numbers (target, wbs1, invoice, connection, kind, document_id)
                SELECT :target, claim.*
                FROM unnest(CAST(:projects AS text[]), CAST(:invoices AS text[]), CAST(:connections AS text[]),
                            CAST(:kinds AS text[]), CAST(:ids AS bigint[])) AS claim
                ON CONFLICT (target, wbs1, invoice) DO NOTHING
                """
            ),
            {
                "target": target,
                "projects": [project for project, _, _ in ordered],
                "invoices": [invoice for _, invoice, _ in ordered],
                "connections": [document.connection for _, _, document in ordered],
                "kinds": [document.kind.value for _, _, document in ordered],
                "ids": [document.document_id for _, _, document in ordered],
            },
        )
        return _number_owners(self._connection, target, [(project, invoice) for project, invoice, _ in ordered])

    def release_invoice_numbers(self, batch: str) -> None:
        """Give back the numbers of a file that was given up, where nothing else of their document needs them."""
        # Zeros in front may be padding; a number that is kept too long only means one hold more.
        self._connection.execute(
            text(
                """
                DELETE FROM journal.invoice_numbers AS owner USING journal.postings AS given_up
                WHERE given_up.connection = :connection AND given_up.batch = :batch
                  AND owner.connection = given_up.connection AND owner.kind = given_up.kind
                  AND owner.document_id = given_up.document_id AND owner.wbs1 = given_up.wbs1
                  AND ltrim(owner.invoice, '0') = ltrim(lower(btrim(given_up.invoice)), '0')
                  AND NOT EXISTS (
                    SELECT FROM journal.postings AS other
                    JOIN journal.transaction_files AS file
                      ON file.connection = other.connection AND file.batch = other.batch
                    WHERE other.connection = given_up.connection AND other.kind = given_up.kind
                      AND other.document_id = given_up.document_id AND other.wbs1 = given_up.wbs1
                      AND ltrim(lower(btrim(other.invoice)), '0') = ltrim(lower(btrim(given_up.invoice)), '0')
                      AND file.state = ANY(:taken)
                  )
                """
            ),
            {"connection": self._name, "batch": batch, "taken": _TAKEN},
        )

    def use_pin(self, kind: Kind, business_day: date) -> None:
        """Take a day's pin away, once the plan it allowed is frozen: the next plan of the day is another one."""
        self._connection.execute(
            text(
                """
                DELETE FROM journal.plan_pins
                WHERE connection = :connection AND kind = :kind AND business_day = :day
                """
            ),
            {"connection": self._name, "kind": kind.value, "day": business_day},
        )


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
                text(_SELECT_FILE + " WHERE connection = :connection AND batch = :batch"),
                {"connection": self._name, "batch": batch},
            ).one_or_none()
        if row is None:
            message = f"There is no transaction file {batch} in the journal of {self._name}."
            raise BrokenError(message)
        return _stored_file(row)

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
                    _SELECT_FILE
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
                    "states": _OPEN,
                    "day": business_day,
                    "ids": list(document_ids),
                },
            )
            return [_stored_file(row) for row in rows]

    def files_of_day(self, kind: Kind, business_day: date) -> list[StoredFile]:
        """Read every file of a business day, oldest first, whatever its state."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                text(
                    _SELECT_FILE
                    + """
                    WHERE connection = :connection AND kind = :kind AND business_day = :day
                    ORDER BY created_at, batch
                    """
                ),
                {"connection": self._name, "kind": kind.value, "day": business_day},
            )
            return [_stored_file(row) for row in rows]

    def postings_of(self, batch: str) -> tuple[Posting, ...]:
        """Read the postings of a file, as they were planned."""
        with self._engine.connect() as connection:
            return _load_postings(
                connection, "connection = :connection AND batch = :batch", {"connection": self._name, "batch": batch}
            )

    def standings(self, kind: Kind, document_ids: Sequence[int]) -> Mapping[int, DocumentStanding]:
        """Read what stands in Vantagepoint for documents; those never posted are left out."""
        parameters = {
            "connection": self._name,
            "kind": kind.value,
            "ids": list(document_ids),
            "standing": _STANDING,
            "taken": _TAKEN,
            "occupying": _OCCUPYING,
        }
        lines: dict[int, dict[tuple[date, LineKey], Decimal]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(text(_SELECT_STANDING_LINES), parameters):
                key = LineKey(
                    row.wbs1, row.wbs2, row.wbs3, row.invoice, row.account, row.section, row.tax_code, row.item
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
        with self._engine.connect() as connection:
            rows = connection.execute(
                text(
                    """
                    SELECT * FROM journal.outcomes
                    WHERE connection = :connection AND kind = :kind AND document_id = ANY(:ids)
                    """
                ),
                {"connection": self._name, "kind": kind.value, "ids": list(document_ids)},
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

    def invoice_number_owners(
        self, target: str, numbers: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], DocumentKey]:
        """Say which documents own projects' invoice numbers; free ones are left out."""
        with self._engine.connect() as connection:
            return _number_owners(connection, target, numbers)

    def days_with_work(self, kind: Kind) -> list[date]:
        """Return the business days with files under way or documents on hold, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                text(
                    """
                    SELECT business_day FROM journal.outcomes
                    WHERE connection = :connection AND kind = :kind AND outcome IN ('held', 'in_flight')
                      AND business_day IS NOT NULL
                    UNION
                    SELECT business_day FROM journal.transaction_files
                    WHERE connection = :connection AND kind = :kind AND state = ANY(:states)
                    ORDER BY business_day
                    """
                ),
                {"connection": self._name, "kind": kind.value, "states": _OPEN},
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


_SELECT_FILE = """
    SELECT file.*, body.body, clock_timestamp() - file.changed_at AS unchanged_for
    FROM journal.transaction_files AS file JOIN journal.bodies AS body USING (body_hash)
"""

_SELECT_STANDING_LINES = """
    SELECT posting.document_id, posting.trans_date, posting.wbs1, posting.wbs2, posting.wbs3, posting.invoice,
           line.account, line.section, line.tax_code, line.item, sum(line.amount) AS amount
    FROM journal.postings AS posting
    JOIN journal.transaction_files AS file USING (connection, batch)
    JOIN journal.posting_lines AS line
      ON line.connection = posting.connection AND line.kind = posting.kind
     AND line.document_id = posting.document_id AND line.posting_no = posting.posting_no
    WHERE posting.connection = :connection AND posting.kind = :kind AND posting.document_id = ANY(:ids)
      AND file.state = ANY(:standing)
    GROUP BY posting.document_id, posting.trans_date, posting.wbs1, posting.wbs2, posting.wbs3, posting.invoice,
             line.account, line.section, line.tax_code, line.item
"""

_SELECT_STANDINGS = """
    SELECT posting.document_id, 1 + max(posting.posting_no) FILTER (WHERE file.state = ANY(:taken)) AS next_posting_no,
           bool_or(file.state = ANY(:occupying)) AS occupied
    FROM journal.postings AS posting
    JOIN journal.transaction_files AS file USING (connection, batch)
    WHERE posting.connection = :connection AND posting.kind = :kind AND posting.document_id = ANY(:ids)
    GROUP BY posting.document_id
    HAVING bool_or(file.state = ANY(:taken))
"""


def _number_owners(
    connection: Connection, target: str, numbers: Sequence[tuple[str, str]]
) -> Mapping[tuple[str, str], DocumentKey]:
    rows = connection.execute(
        text(
            """
            SELECT owner.* FROM journal.invoice_numbers AS owner
            JOIN unnest(CAST(:projects AS text[]), CAST(:invoices AS text[])) AS asked (wbs1, invoice)
              ON owner.wbs1 = asked.wbs1 AND owner.invoice = asked.invoice
            WHERE owner.target = :target
            """
        ),
        {
            "target": target,
            "projects": [project for project, _ in numbers],
            "invoices": [invoice for _, invoice in numbers],
        },
    )
    return {(row.wbs1, row.invoice): DocumentKey(row.connection, Kind(row.kind), row.document_id) for row in rows}


def _stored_file(row: Row[Any]) -> StoredFile:
    return StoredFile(
        batch=row.batch,
        kind=Kind(row.kind),
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
        unchanged_for=row.unchanged_for,
    )


def _posting_row(batch: str, posting: Posting) -> Sequence[object]:
    document, master = posting.document, posting.master
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
        master.wbs1,
        master.wbs2,
        master.wbs3,
        master.invoice,
        posting.amount,
        posting.correction,
        posting.moved_from,
    )


def _line_row(posting: Posting, number: int, line: PostingLine) -> Sequence[object]:
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
    )


def _load_postings(connection: Connection, where: str, parameters: Mapping[str, Any]) -> tuple[Posting, ...]:
    rows = connection.execute(
        # The condition is written in this module; values only ever travel as parameters.
        text(f"SELECT * FROM journal.postings WHERE {where} ORDER BY document_id, posting_no"),  # noqa: S608
        parameters,
    ).all()
    lines: dict[tuple[int, int], list[Row[Any]]] = {}
    for line in connection.execute(
        text(
            f"""
            SELECT line.* FROM journal.posting_lines AS line
            JOIN (SELECT connection, kind, document_id, posting_no FROM journal.postings WHERE {where}) AS posting
            USING (connection, kind, document_id, posting_no)
            ORDER BY line.document_id, line.posting_no, line.line_no
            """  # noqa: S608
        ),
        parameters,
    ):
        lines.setdefault((line.document_id, line.posting_no), []).append(line)
    return tuple(_posting(row, lines.get((row.document_id, row.posting_no), [])) for row in rows)


def _posting(row: Row[Any], lines: Sequence[Row[Any]]) -> Posting:
    return Posting(
        document=DocumentKey(row.connection, Kind(row.kind), row.document_id),
        posting_no=row.posting_no,
        revision=row.revision,
        revision_hash=row.revision_hash,
        business_day=row.business_day,
        master=MasterKey(row.period, row.trans_date, row.wbs1, row.wbs2, row.wbs3, row.invoice),
        due_date=row.due_date,
        lines=tuple(
            PostingLine(
                key=LineKey(
                    row.wbs1, row.wbs2, row.wbs3, row.invoice, line.account, line.section, line.tax_code, line.item
                ),
                amount=line.amount,
                description=line.description,
                organization=line.organization,
                tax_basis=line.tax_basis,
            )
            for line in lines
        ),
        correction=row.correction,
        moved_from=row.moved_from,
    )
