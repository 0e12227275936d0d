"""The figures of closed days as they were, and who may look at the close report."""

from alembic import op

revision = "0019_closes"
down_revision = "0018_poster_names"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE journal.closes (
        connection text NOT NULL,
        business_day date NOT NULL,
        number integer NOT NULL,
        made_at timestamptz NOT NULL,
        run_id text NOT NULL,
        state text NOT NULL CHECK (state IN ('closed', 'waiting', 'different', 'not_compared')),
        verdict text NOT NULL,
        is_over boolean NOT NULL,
        journal_head bigint NOT NULL,
        figures text NOT NULL,
        figures_hash text NOT NULL,
        PRIMARY KEY (connection, business_day, number)
    )
    """,
    "COMMENT ON COLUMN journal.closes.figures IS 'The close report in canonical JSON, amounts exactly.'",
    "COMMENT ON COLUMN journal.closes.figures_hash IS 'Its SHA-256; the journal''s event day_closed has it too.'",
    """
    CREATE TRIGGER closes_are_append_only BEFORE UPDATE OR DELETE ON journal.closes
        FOR EACH ROW EXECUTE FUNCTION journal.refuse_change()
    """,
    """
    CREATE TRIGGER closes_are_never_truncated BEFORE TRUNCATE ON journal.closes
        FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse_change()
    """,
    """
    CREATE TABLE vault.page_users (
        name text PRIMARY KEY,
        salt bytea NOT NULL,
        password_hash bytea NOT NULL,
        cost integer NOT NULL,
        connections text[],
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "COMMENT ON COLUMN vault.page_users.password_hash IS 'scrypt of the password; the password is stored nowhere.'",
    "COMMENT ON COLUMN vault.page_users.connections IS 'Which connections they may see; NULL means all.'",
    """
    CREATE TABLE vault.page_sessions (
        token_hash bytea PRIMARY KEY,
        user_name text NOT NULL REFERENCES vault.page_users (name) ON DELETE CASCADE,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL
    )
    """,
    "COMMENT ON COLUMN vault.page_sessions.token_hash IS 'SHA-256 of a random token that only the browser has.'",
)


def upgrade() -> None:
    """Create the tables. Nothing is in them until a day is run, and a person is let in."""
    for statement in _STATEMENTS:
        op.execute(statement)
