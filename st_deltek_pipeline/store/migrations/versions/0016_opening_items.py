"""What Vantagepoint's ledger shows of invoices from before a connection's start, which others posted."""

from alembic import op

revision = "0016_opening_items"
down_revision = "0015_alerts"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE reference.opening_invoices (
        connection text NOT NULL,
        invoice_id bigint NOT NULL,
        number text NOT NULL,
        read_at timestamptz NOT NULL,
        run_id text NOT NULL,
        PRIMARY KEY (connection, invoice_id)
    )
    """,
    """
    COMMENT ON TABLE reference.opening_invoices IS
        'Invoices that Vantagepoint''s ledger was asked for, and when last; without rows it does not have them.'
    """,
    """
    CREATE TABLE reference.opening_rows (
        connection text NOT NULL,
        invoice_id bigint NOT NULL,
        row_no integer NOT NULL,
        entry text NOT NULL CHECK (entry IN ('in', 'cr')),
        wbs1 text NOT NULL,
        wbs2 text NOT NULL,
        wbs3 text NOT NULL,
        number text NOT NULL,
        account text NOT NULL,
        reference text NOT NULL,
        batch text NOT NULL,
        line_key text NOT NULL,
        amount numeric NOT NULL,
        PRIMARY KEY (connection, invoice_id, row_no),
        FOREIGN KEY (connection, invoice_id) REFERENCES reference.opening_invoices ON DELETE CASCADE
    )
    """,
    "CREATE INDEX opening_rows_by_number ON reference.opening_rows (number, wbs1, connection)",
    """
    COMMENT ON COLUMN reference.opening_rows.amount IS
        'With the sign of the document: what an invoice bills and what a receipt receives is positive.'
    """,
)


def upgrade() -> None:
    """Create the tables. They may be emptied at any time: the next reading fills them again."""
    for statement in _STATEMENTS:
        op.execute(statement)
