"""Writing the journal: every change of state together with its event, in one transaction.

Opened by ``store.journal`` under the poster's fence. Nothing here decides; ``services.posting`` does.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.allowances import Allowance
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.domain.exports import DueExport, ExportState
from st_deltek_pipeline.domain.holds import Hold, IgnoreReason
from st_deltek_pipeline.domain.ignores import PersonalIgnore
from st_deltek_pipeline.domain.journal import FIRST_HASH, Event, FileState, chain
from st_deltek_pipeline.domain.outcomes import DocumentOutcome
from st_deltek_pipeline.domain.posting_keys import NaturalKey, natural_key
from st_deltek_pipeline.domain.reversals import PersonalReversal
from st_deltek_pipeline.domain.transaction_files import TransactionFile
from st_deltek_pipeline.store import allowances, ignores, natural_keys, reversals, write_backs
from st_deltek_pipeline.store.changes import note_change
from st_deltek_pipeline.store.copying import copy_rows
from st_deltek_pipeline.store.file_states import STANDING, TAKEN
from st_deltek_pipeline.store.journal_rows import (
    LINE_COLUMNS,
    POSTING_COLUMNS,
    LedgerEvidence,
    posting_line_row,
    posting_row,
)


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

    def add_files(self, files: Sequence[TransactionFile], *, padded_to: int, parent_batch: str | None = None) -> None:
        """Freeze new transaction files with their postings.

        A file that is not in Vantagepoint (refused, or split and its parts refused) may be planned again under the
        same Batch; any other repetition is an error, and the transaction must not commit.

        Args:
            files: The files.
            padded_to: Width of padded AR invoice numbers.
            parent_batch: The file they are parts of.

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
                    INSERT INTO journal.transaction_files (connection, batch, kind, entry, company, period,
                        business_day, state, documents, amount, body_hash, parent_batch, together)
                    VALUES (:connection, :batch, :kind, :entry, :company, :period, :business_day,
                        'planned', :documents, :amount, :body_hash, :parent_batch, :together)
                    ON CONFLICT (connection, batch) DO UPDATE SET
                        state = 'planned', entry = :entry, company = :company, body_hash = :body_hash,
                        business_day = :business_day, amount = :amount, together = :together,
                        parent_batch = :parent_batch, words = '', sent_at = NULL, changed_at = now()
                    WHERE transaction_files.state IN ('refused', 'split')
                    """
                ),
                {
                    "connection": self._name,
                    "batch": file.batch,
                    "kind": file.kind.value,
                    "entry": file.entry.value,
                    "together": file.together,
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
            self._add_postings(files, padded_to)
        else:
            self._move_postings(files)

    def _add_postings(self, files: Sequence[TransactionFile], padded_to: int) -> None:
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
                "taken": TAKEN,
                "batches": [file.batch for file in files],
            },
        )
        copy_rows(
            self._connection,
            "journal.postings",
            POSTING_COLUMNS,
            (
                posting_row(file.batch, posting, natural_key(posting.heading, padded_to=padded_to))
                for file in files
                for posting in file.postings
            ),
        )
        copy_rows(
            self._connection,
            "journal.posting_lines",
            LINE_COLUMNS,
            (
                posting_line_row(posting, number, line)
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
                    FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS bigint[]), CAST(:numbers AS int[]))
                        AS moved (kind, document_id, posting_no)
                    WHERE postings.connection = :connection AND postings.kind = moved.kind
                      AND postings.document_id = moved.document_id AND postings.posting_no = moved.posting_no
                    """
                ),
                {
                    "batch": file.batch,
                    "connection": self._name,
                    "kinds": [posting.document.kind.value for posting in file.postings],
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
        refused any more is posted, or ignored where a person had it reversed; one that changed meanwhile keeps waiting
        for its difference. Natural keys under which nothing stands any more are free again.
        """
        natural_keys.release_reversed(self._connection, self._name, batch)
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
                           state.complete AND outcome.revision = state.revision AS complete, reversal.message AS reversed
                    FROM state JOIN journal.outcomes AS outcome
                      ON outcome.connection = :connection AND outcome.kind = state.kind
                     AND outcome.document_id = state.document_id
                    LEFT JOIN journal.reversed_documents AS reversal
                      ON reversal.connection = :connection AND reversal.kind = state.kind
                     AND reversal.document_id = state.document_id AND reversal.revision = outcome.revision
                )
                UPDATE journal.outcomes AS now SET
                    amount = next.amount,
                    outcome = CASE WHEN NOT next.complete THEN now.outcome
                                   WHEN next.reversed IS NULL THEN 'posted' ELSE 'ignored' END,
                    reason = CASE WHEN NOT next.complete THEN now.reason
                                  WHEN next.reversed IS NULL THEN '' ELSE :reversed END,
                    message = CASE WHEN next.complete THEN coalesce(next.reversed, '') ELSE now.message END,
                    words = CASE WHEN next.complete THEN '' ELSE now.words END,
                    since = CASE WHEN next.complete THEN now() ELSE now.since END,
                    changed_at = now()
                FROM next
                WHERE now.connection = :connection AND now.kind = next.kind AND now.document_id = next.document_id
                """
            ),
            {
                "connection": self._name,
                "batch": batch,
                "standing": STANDING,
                "reversed": IgnoreReason.REVERSED_BY_PERSON.value,
            },
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
                "document_amount",
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
                    row.document_amount,
                )
                for row in rows
            ),
        )

    def claim_natural_keys(
        self, target: str, claims: Sequence[tuple[NaturalKey, DocumentKey]]
    ) -> Mapping[NaturalKey, DocumentKey]:
        """Claim natural keys for documents (``natural_keys.claim``)."""
        return natural_keys.claim(self._connection, target, claims)

    def release_natural_keys(self, batch: str) -> None:
        """Give back the natural keys of a file that was given up (``natural_keys.release``)."""
        natural_keys.release(self._connection, self._name, batch)

    def ignore(self, ignored: PersonalIgnore) -> None:
        """Record that a person ignores a revision (``ignores.put``)."""
        ignores.put(self._connection, ignored)
        self._note("ignored_documents")

    def forget_ignore(self, document: DocumentKey) -> None:
        """Record that a person took it back (``ignores.remove``)."""
        ignores.remove(self._connection, document)
        self._note("ignored_documents")

    def reverse(self, decided: Sequence[PersonalReversal]) -> None:
        """Record what a person wants reversed (``reversals.put``)."""
        if decided:
            reversals.put(self._connection, decided)
            self._note("reversals")

    def forget_reversal(self, document: DocumentKey) -> None:
        """Record that a person took a reversal back (``reversals.remove``)."""
        reversals.remove(self._connection, document)
        self._note("reversals")

    def allow(self, allowance: Allowance) -> None:
        """Record what a person allows a document (``allowances.put``)."""
        allowances.put(self._connection, allowance)
        self._note("allowances")

    def tell(self, exports: Sequence[DueExport], state: ExportState, words: Iterable[str] = ()) -> None:
        """Record how far telling ServiceTitan has come (``write_backs.put``)."""
        if exports:
            write_backs.put(self._connection, exports, state, words or [""] * len(exports))

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

    def _note(self, what: str) -> None:
        """Let the next synchronisation decide again with what a person said."""
        note_change(self._connection, self._name, what, run_id=self._run_id)
