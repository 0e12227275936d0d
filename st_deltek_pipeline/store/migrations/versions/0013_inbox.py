"""What ServiceTitan's webhooks delivered: kept before it is answered, until its effect is in the journal."""

from alembic import op

revision = "0013_inbox"
down_revision = "0012_words_of_alignment_holds"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the inbox. Only its state and its count of deliveries ever change."""
    op.execute("CREATE SCHEMA IF NOT EXISTS inbox")
    op.execute(
        """
        CREATE TABLE inbox.events (
            seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            connection text NOT NULL,
            occurrence text NOT NULL,
            event_type text NOT NULL,
            delivery_id text NOT NULL,
            occurred_at timestamptz,
            tenant_id bigint,
            record_kind text,
            record_id bigint,
            body bytea NOT NULL,
            state text NOT NULL CHECK (state IN ('waiting', 'handled', 'not_needed', 'refused')),
            reason text NOT NULL DEFAULT '',
            deliveries integer NOT NULL DEFAULT 1,
            received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            last_received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            handled_at timestamptz,
            handled_by_run text,
            UNIQUE (connection, occurrence),
            CHECK (state <> 'waiting' OR record_kind IS NOT NULL AND record_id IS NOT NULL)
        )
        """
    )
    op.execute(
        """
        CREATE INDEX events_waiting ON inbox.events (connection, seq) INCLUDE (record_kind, record_id, received_at)
        WHERE state = 'waiting'
        """
    )
    op.execute("CREATE INDEX events_received ON inbox.events (connection, last_received_at)")
