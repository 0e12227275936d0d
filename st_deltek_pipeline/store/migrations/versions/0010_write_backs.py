"""What ServiceTitan was told about posted documents, by revision."""

from alembic import op

revision = "0010_write_backs"
down_revision = "0009_reversals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.execute(
        """
        CREATE TABLE journal.write_backs (
            connection text NOT NULL,
            kind text NOT NULL,
            document_id bigint NOT NULL,
            revision integer NOT NULL,
            revision_hash text NOT NULL,
            state text NOT NULL CHECK (state IN ('sending', 'in_doubt', 'exported', 'refused')),
            external_id text NOT NULL,
            message text NOT NULL,
            words text NOT NULL DEFAULT '',
            sent integer NOT NULL DEFAULT 1,
            changed_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (connection, kind, document_id, revision)
        )
        """
    )
