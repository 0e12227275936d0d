"""Alerts: what is wrong, who was told of it and when, runs that failed, and how far the hash chain was checked."""

from alembic import op

revision = "0015_alerts"
down_revision = "0014_changes"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "CREATE SCHEMA IF NOT EXISTS alerts",
    """
    CREATE TABLE alerts.alerts (
        connection text NOT NULL,
        cause text NOT NULL,
        severity text NOT NULL CHECK (severity IN ('critical', 'error', 'warning')),
        title text NOT NULL,
        what_happened text NOT NULL,
        what_to_do text NOT NULL,
        since timestamptz NOT NULL,
        subjects text[] NOT NULL,
        subject_count integer NOT NULL,
        first_seen timestamptz NOT NULL,
        last_seen timestamptz NOT NULL,
        last_told timestamptz,
        resolved_at timestamptz,
        openings integer NOT NULL,
        PRIMARY KEY (connection, cause)
    )
    """,
    """
    CREATE TABLE alerts.messages (
        id text PRIMARY KEY,
        connection text NOT NULL,
        cause text NOT NULL,
        channel text NOT NULL,
        body text NOT NULL,
        created_at timestamptz NOT NULL,
        next_attempt_at timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        last_error text NOT NULL DEFAULT '',
        sent_at timestamptz,
        dropped_at timestamptz
    )
    """,
    """
    CREATE INDEX messages_waiting ON alerts.messages (connection, next_attempt_at)
    WHERE sent_at IS NULL AND dropped_at IS NULL
    """,
    "CREATE INDEX messages_of_cause ON alerts.messages (connection, cause, channel, created_at)",
    """
    COMMENT ON COLUMN alerts.messages.dropped_at IS
        'A later message about the same cause took its place, its channel is gone, or it was tried for too long.'
    """,
    """
    CREATE TABLE alerts.run_failures (
        connection text NOT NULL,
        run_id text NOT NULL,
        work text NOT NULL,
        error_class text NOT NULL,
        system text NOT NULL,
        what_happened text NOT NULL,
        what_next text NOT NULL,
        failed_at timestamptz NOT NULL,
        made_good_at timestamptz,
        PRIMARY KEY (connection, run_id, work)
    )
    """,
    """
    CREATE TABLE alerts.chain_checks (
        connection text PRIMARY KEY,
        newest_sequence bigint NOT NULL,
        newest_hash text NOT NULL,
        round_sequence bigint NOT NULL,
        round_hash text NOT NULL
    )
    """,
    """
    COMMENT ON TABLE alerts.chain_checks IS
        'newest: up to where new events were checked as they came; round: where checking everything again stands.'
    """,
)


def upgrade() -> None:
    """Create the tables. They may be emptied at any time: the journal and the inbox do not need them."""
    for statement in _STATEMENTS:
        op.execute(statement)
