"""Why a document cannot be aligned may have been said by Vantagepoint: its words stand with the hold."""

from alembic import op

revision = "0012_words_of_alignment_holds"
down_revision = "0011_jobs_of_bill_lines"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep the words; alignments stored before are compared and written again by the next alignment of their day."""
    op.execute("ALTER TABLE mapping.alignments ADD COLUMN words text NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE mapping.alignments ALTER COLUMN words DROP DEFAULT")
