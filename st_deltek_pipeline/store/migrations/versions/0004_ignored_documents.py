"""Documents that a person ignores: one revision each, with the reason, the name, and the hold it took the place of."""

from alembic import op

revision = "0004_ignored_documents"
down_revision = "0003_journal"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.execute(
        """
        CREATE TABLE journal.ignored_documents (
            connection text NOT NULL,
            kind text NOT NULL,
            document_id bigint NOT NULL,
            revision integer NOT NULL,
            revision_hash text NOT NULL,
            business_day date,
            reason text NOT NULL CHECK (reason <> ''),
            ignored_by text NOT NULL CHECK (ignored_by <> ''),
            ignored_at timestamptz NOT NULL DEFAULT now(),
            held_as text NOT NULL CHECK (held_as IN ('held', 'in_flight')),
            held_reason text NOT NULL,
            held_message text NOT NULL,
            held_words text NOT NULL,
            amount numeric(19, 2) NOT NULL,
            project text NOT NULL,
            PRIMARY KEY (connection, kind, document_id)
        )
        """
    )
