"""What persons decide: revisions that stay reversed, and bills that may share a vendor's invoice number."""

from alembic import op

revision = "0009_reversals"
down_revision = "0008_exact_amounts_outside"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE journal.reversed_documents (
        connection text NOT NULL,
        kind text NOT NULL,
        document_id bigint NOT NULL,
        revision integer NOT NULL,
        revision_hash text NOT NULL,
        posting_nos integer[] NOT NULL,
        message text NOT NULL,
        reason text NOT NULL CHECK (reason <> ''),
        reversed_by text NOT NULL CHECK (reversed_by <> ''),
        reversed_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (connection, kind, document_id)
    )
    """,
    "COMMENT ON COLUMN journal.reversed_documents.message IS 'What the document''s outcome says while it is reversed.'",
    """
    CREATE TABLE journal.allowances (
        connection text NOT NULL,
        kind text NOT NULL,
        document_id bigint NOT NULL,
        revision integer NOT NULL,
        revision_hash text NOT NULL,
        entry text NOT NULL,
        key_scope text NOT NULL,
        key_number text NOT NULL,
        reason text NOT NULL CHECK (reason <> ''),
        allowed_by text NOT NULL CHECK (allowed_by <> ''),
        allowed_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (connection, kind, document_id)
    )
    """,
    # What a run posted is asked for by a person who wants it reversed; every other event is not indexed.
    """
    CREATE INDEX events_by_run ON journal.events (run_id text_pattern_ops, connection)
        WHERE event_type IN ('file_posted', 'document_adopted')
    """,
)


def upgrade() -> None:
    """Create the tables."""
    for statement in _STATEMENTS:
        op.execute(statement)
