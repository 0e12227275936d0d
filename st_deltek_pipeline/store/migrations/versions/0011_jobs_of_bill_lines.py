"""An expense of a bill may name a job of its own: what that job is like decides where the expense is booked."""

from alembic import op

revision = "0011_jobs_of_bill_lines"
down_revision = "0010_write_backs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give lines of bills the type and project of their own job; staging fills them in."""
    op.execute("ALTER TABLE staged.bill_lines ADD COLUMN job_type text NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE staged.bill_lines ADD COLUMN project_number text NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE staged.bill_lines ALTER COLUMN job_type DROP DEFAULT")
    op.execute("ALTER TABLE staged.bill_lines ALTER COLUMN project_number DROP DEFAULT")
