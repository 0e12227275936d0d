"""Postings of every kind of document: entry types, headings, lines with a project of their own, natural keys."""

from alembic import op

revision = "0006_postings_of_every_kind"
down_revision = "0005_firm_mappings"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # What alignment said is made anew by the next run; a posting rests on nothing of it.
    "DELETE FROM mapping.alignments",
    """
    ALTER TABLE mapping.alignments ADD COLUMN terms text NOT NULL DEFAULT ''
    """,
    """
    ALTER TABLE mapping.coded_lines
        ADD COLUMN entry text NOT NULL,
        ADD COLUMN number text NOT NULL,
        ADD COLUMN heading_wbs1 text NOT NULL,
        ADD COLUMN heading_wbs2 text NOT NULL,
        ADD COLUMN heading_wbs3 text NOT NULL,
        ADD COLUMN vendor text NOT NULL,
        ADD COLUMN bank text NOT NULL,
        ADD COLUMN liability text NOT NULL,
        ADD COLUMN credit_memo text NOT NULL,
        ADD COLUMN purchase_order text NOT NULL
    """,
    """
    ALTER TABLE journal.transaction_files
        ADD COLUMN entry text NOT NULL DEFAULT 'in' CHECK (entry IN ('in', 'cr', 'ap', 'je')),
        ADD COLUMN together text NOT NULL DEFAULT ''
    """,
    "ALTER TABLE journal.transaction_files ALTER COLUMN entry DROP DEFAULT",
    "ALTER TABLE journal.postings RENAME COLUMN invoice TO number",
    """
    ALTER TABLE journal.postings
        ADD COLUMN entry text NOT NULL DEFAULT 'in' CHECK (entry IN ('in', 'cr', 'ap', 'je')),
        ADD COLUMN vendor text NOT NULL DEFAULT '',
        ADD COLUMN bank text NOT NULL DEFAULT '',
        ADD COLUMN liability text NOT NULL DEFAULT '',
        ADD COLUMN credit_memo text NOT NULL DEFAULT '',
        ADD COLUMN terms text NOT NULL DEFAULT '',
        ADD COLUMN together text NOT NULL DEFAULT '',
        ADD COLUMN key_scope text NOT NULL DEFAULT '',
        ADD COLUMN key_number text NOT NULL DEFAULT '',
        ADD COLUMN reverses integer
    """,
    """
    UPDATE journal.postings AS posting SET key_scope = posting.wbs1, key_number = coalesce((
        SELECT owner.invoice FROM journal.invoice_numbers AS owner
        WHERE owner.connection = posting.connection AND owner.kind = posting.kind
          AND owner.document_id = posting.document_id AND owner.wbs1 = posting.wbs1
          AND ltrim(owner.invoice, '0') = ltrim(lower(btrim(posting.number)), '0')
        LIMIT 1), lower(btrim(posting.number)))
    """,
    "ALTER TABLE journal.postings ALTER COLUMN entry DROP DEFAULT",
    """
    CREATE UNIQUE INDEX reversed_once ON journal.postings (document_id, reverses, kind, connection)
        WHERE reverses IS NOT NULL
    """,
    """
    ALTER TABLE journal.posting_lines
        ADD COLUMN wbs1 text NOT NULL DEFAULT '',
        ADD COLUMN wbs2 text NOT NULL DEFAULT '',
        ADD COLUMN wbs3 text NOT NULL DEFAULT '',
        ADD COLUMN invoice text NOT NULL DEFAULT '',
        ADD COLUMN purchase_order text NOT NULL DEFAULT ''
    """,
    """
    UPDATE journal.posting_lines AS line
    SET wbs1 = posting.wbs1, wbs2 = posting.wbs2, wbs3 = posting.wbs3, invoice = posting.number
    FROM journal.postings AS posting
    WHERE posting.connection = line.connection AND posting.kind = line.kind
      AND posting.document_id = line.document_id AND posting.posting_no = line.posting_no
    """,
    # What may be received on an invoice is asked by project and number, over all documents.
    "CREATE INDEX posting_lines_by_invoice ON journal.posting_lines (invoice, wbs1, connection) WHERE invoice <> ''",
    "ALTER TABLE journal.ledger_rows ADD COLUMN document_amount numeric(19, 4) NOT NULL DEFAULT 0",
    "UPDATE journal.ledger_rows SET document_amount = -amount",
    "ALTER TABLE journal.ledger_rows ALTER COLUMN document_amount DROP DEFAULT",
    "ALTER TABLE journal.invoice_numbers RENAME TO natural_keys",
    "ALTER TABLE journal.natural_keys RENAME COLUMN wbs1 TO scope",
    "ALTER TABLE journal.natural_keys RENAME COLUMN invoice TO number",
    "ALTER TABLE journal.natural_keys ADD COLUMN entry text NOT NULL DEFAULT 'in'",
    "ALTER TABLE journal.natural_keys ALTER COLUMN entry DROP DEFAULT",
    "ALTER TABLE journal.natural_keys DROP CONSTRAINT invoice_numbers_pkey",
    "ALTER TABLE journal.natural_keys ADD PRIMARY KEY (target, entry, scope, number)",
    "ALTER INDEX journal.invoice_numbers_by_document RENAME TO natural_keys_by_document",
)


def upgrade() -> None:
    """Change the tables; what was posted before is kept as AR invoices."""
    for statement in _STATEMENTS:
        op.execute(statement)
