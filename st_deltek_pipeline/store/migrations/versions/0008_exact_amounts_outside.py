"""What is outside the ledger is kept exactly: a record that cannot be read may state fractions of a cent."""

from alembic import op

revision = "0008_exact_amounts_outside"
down_revision = "0007_documents_of_every_kind"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let amounts have as many decimals as were stated; what is there stays as it is."""
    op.execute("ALTER TABLE journal.outcomes ALTER COLUMN amount TYPE numeric")
    op.execute("ALTER TABLE journal.ignored_documents ALTER COLUMN amount TYPE numeric")
