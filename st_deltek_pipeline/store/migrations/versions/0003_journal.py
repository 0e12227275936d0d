"""Coded lines, the journal, transaction files, postings, outcomes and the poster's lock."""

from alembic import op

revision = "0003_journal"
down_revision = "0002_intake"
branch_labels = None
depends_on = None

# As in 0002_intake, second indexes do not begin like their table's primary key: a table that has just grown has no
# statistics, and a foreign key's look-ups would then walk the whole day for every row.
_STATEMENTS = (
    "CREATE SCHEMA IF NOT EXISTS mapping",
    "CREATE SCHEMA IF NOT EXISTS journal",
    """
    CREATE TABLE mapping.alignments (
        connection text NOT NULL,
        kind text NOT NULL,
        document_id bigint NOT NULL,
        revision integer NOT NULL,
        revision_hash text NOT NULL,
        business_day date NOT NULL,
        reason text,
        message text,
        firm_id text,
        total numeric(19, 2) NOT NULL,
        run_id text NOT NULL,
        aligned_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (connection, kind, document_id)
    )
    """,
    "CREATE INDEX alignments_by_day ON mapping.alignments (business_day, connection, kind)",
    """
    CREATE TABLE mapping.coded_lines (
        connection text NOT NULL,
        kind text NOT NULL,
        document_id bigint NOT NULL,
        line_no integer NOT NULL,
        wbs1 text NOT NULL,
        wbs2 text NOT NULL,
        wbs3 text NOT NULL,
        invoice text NOT NULL,
        account text NOT NULL,
        section text NOT NULL,
        tax_code text NOT NULL,
        item text NOT NULL,
        organization text NOT NULL,
        description text NOT NULL,
        amount numeric(19, 2) NOT NULL,
        tax_basis numeric(19, 2) NOT NULL,
        decided_by text NOT NULL,
        PRIMARY KEY (connection, kind, document_id, line_no),
        FOREIGN KEY (connection, kind, document_id)
            REFERENCES mapping.alignments (connection, kind, document_id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE journal.chain_heads (
        connection text PRIMARY KEY,
        sequence bigint NOT NULL,
        hash text NOT NULL
    )
    """,
    """
    CREATE TABLE journal.events (
        connection text NOT NULL,
        sequence bigint NOT NULL,
        occurred_at timestamptz NOT NULL,
        run_id text NOT NULL,
        event_type text NOT NULL,
        kind text,
        document_id bigint,
        revision integer,
        batch text,
        body text NOT NULL,
        previous_hash text NOT NULL,
        hash text NOT NULL,
        PRIMARY KEY (connection, sequence)
    )
    """,
    "CREATE INDEX events_by_document ON journal.events (connection, kind, document_id) WHERE document_id IS NOT NULL",
    "CREATE INDEX events_by_batch ON journal.events (connection, batch) WHERE batch IS NOT NULL",
    """
    CREATE FUNCTION journal.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'journal.% is append-only: % is refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'integrity_constraint_violation';
    END
    $$
    """,
    """
    CREATE TRIGGER events_are_append_only BEFORE UPDATE OR DELETE ON journal.events
        FOR EACH ROW EXECUTE FUNCTION journal.refuse_change()
    """,
    """
    CREATE TRIGGER events_are_never_truncated BEFORE TRUNCATE ON journal.events
        FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse_change()
    """,
    """
    CREATE TABLE journal.bodies (
        body_hash text PRIMARY KEY,
        body text NOT NULL
    )
    """,
    """
    CREATE TRIGGER bodies_are_append_only BEFORE UPDATE OR DELETE ON journal.bodies
        FOR EACH ROW EXECUTE FUNCTION journal.refuse_change()
    """,
    """
    CREATE TRIGGER bodies_are_never_truncated BEFORE TRUNCATE ON journal.bodies
        FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse_change()
    """,
    """
    CREATE TABLE journal.transaction_files (
        connection text NOT NULL,
        batch text NOT NULL,
        kind text NOT NULL,
        company text NOT NULL,
        period integer NOT NULL,
        business_day date NOT NULL,
        state text NOT NULL CHECK (state IN (
            'planned', 'sending', 'in_doubt', 'entered', 'posting', 'posted', 'adopted', 'refused', 'split', 'held')),
        documents integer NOT NULL,
        amount numeric(19, 2) NOT NULL,
        body_hash text NOT NULL REFERENCES journal.bodies (body_hash),
        parent_batch text,
        words text NOT NULL DEFAULT '',
        post_sequence integer,
        sent_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        changed_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (connection, batch)
    )
    """,
    "CREATE INDEX transaction_files_by_day ON journal.transaction_files (business_day, connection, kind)",
    """
    CREATE INDEX open_transaction_files ON journal.transaction_files (connection)
        WHERE state IN ('planned', 'sending', 'in_doubt', 'entered', 'posting')
    """,
    """
    CREATE TABLE journal.postings (
        connection text NOT NULL,
        kind text NOT NULL,
        document_id bigint NOT NULL,
        posting_no integer NOT NULL,
        revision integer NOT NULL,
        revision_hash text NOT NULL,
        business_day date NOT NULL,
        batch text NOT NULL,
        period integer NOT NULL,
        trans_date date NOT NULL,
        due_date date,
        wbs1 text NOT NULL,
        wbs2 text NOT NULL,
        wbs3 text NOT NULL,
        invoice text NOT NULL,
        amount numeric(19, 2) NOT NULL,
        correction boolean NOT NULL,
        moved_from integer,
        PRIMARY KEY (connection, kind, document_id, posting_no),
        FOREIGN KEY (connection, batch) REFERENCES journal.transaction_files (connection, batch)
    )
    """,
    "CREATE INDEX postings_by_batch ON journal.postings (batch, connection)",
    """
    CREATE TABLE journal.posting_lines (
        connection text NOT NULL,
        kind text NOT NULL,
        document_id bigint NOT NULL,
        posting_no integer NOT NULL,
        line_no integer NOT NULL,
        line_key text NOT NULL,
        account text NOT NULL,
        section text NOT NULL,
        tax_code text NOT NULL,
        item text NOT NULL,
        organization text NOT NULL,
        description text NOT NULL,
        amount numeric(19, 2) NOT NULL,
        tax_basis numeric(19, 2) NOT NULL,
        PRIMARY KEY (connection, kind, document_id, posting_no, line_no),
        FOREIGN KEY (connection, kind, document_id, posting_no)
            REFERENCES journal.postings (connection, kind, document_id, posting_no) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE journal.outcomes (
        connection text NOT NULL,
        kind text NOT NULL,
        document_id bigint NOT NULL,
        revision integer NOT NULL,
        revision_hash text NOT NULL,
        business_day date,
        outcome text NOT NULL CHECK (outcome IN ('posted', 'held', 'ignored', 'in_flight')),
        reason text NOT NULL DEFAULT '',
        message text NOT NULL DEFAULT '',
        words text NOT NULL DEFAULT '',
        amount numeric(19, 2) NOT NULL,
        project text NOT NULL DEFAULT '',
        since timestamptz NOT NULL DEFAULT now(),
        changed_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (connection, kind, document_id)
    )
    """,
    "CREATE INDEX outcomes_by_day ON journal.outcomes (business_day, connection, kind)",
    """
    CREATE TABLE journal.ledger_rows (
        connection text NOT NULL,
        batch text NOT NULL,
        line_key text NOT NULL,
        kind text NOT NULL,
        document_id bigint NOT NULL,
        period integer NOT NULL,
        post_sequence integer,
        wbs1 text NOT NULL,
        account text NOT NULL,
        invoice text NOT NULL,
        amount numeric(19, 4) NOT NULL,
        read_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX ledger_rows_by_document ON journal.ledger_rows (connection, kind, document_id)",
    "CREATE INDEX ledger_rows_by_batch ON journal.ledger_rows (batch, connection)",
    """
    CREATE TABLE journal.invoice_numbers (
        target text NOT NULL,
        wbs1 text NOT NULL,
        invoice text NOT NULL,
        connection text NOT NULL,
        kind text NOT NULL,
        document_id bigint NOT NULL,
        PRIMARY KEY (target, wbs1, invoice)
    )
    """,
    "CREATE INDEX invoice_numbers_by_document ON journal.invoice_numbers (connection, kind, document_id)",
    """
    CREATE TABLE journal.poster_locks (
        poster text PRIMARY KEY,
        fence bigint NOT NULL,
        holder text NOT NULL,
        acquired_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE journal.plan_pins (
        connection text NOT NULL,
        kind text NOT NULL,
        business_day date NOT NULL,
        plan_hash text NOT NULL,
        pinned_by text NOT NULL,
        pinned_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (connection, kind, business_day)
    )
    """,
)


def upgrade() -> None:
    """Create the tables."""
    for statement in _STATEMENTS:
        op.execute(statement)
