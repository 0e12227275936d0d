"""What has changed since a connection's days were last decided, so that looking whether there is work costs one query."""

from alembic import op

revision = "0014_changes"
down_revision = "0013_inbox"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables; every connection counts as not settled."""
    op.execute("CREATE SCHEMA IF NOT EXISTS live")
    op.execute(
        """
        CREATE TABLE live.changes (
            change_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            connection text NOT NULL,
            what text NOT NULL,
            run_id text NOT NULL,
            noted_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX changes_by_connection ON live.changes (connection, change_no)")
    op.execute(
        """
        CREATE TABLE live.settled (
            connection text PRIMARY KEY,
            settings_version text NOT NULL,
            business_day date NOT NULL,
            settled_at timestamptz NOT NULL DEFAULT now(),
            run_id text NOT NULL
        )
        """
    )
