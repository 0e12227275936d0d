"""Staged payments, bills, AP credits and credit memos beside invoices; days and lookups of every kind; open bills."""

from alembic import op

revision = "0007_documents_of_every_kind"
down_revision = "0006_postings_of_every_kind"
branch_labels = None
depends_on = None

# A list states what is so now. A record that was changed and changed back is a version again, so that the same
# payload may stand in raw.records twice.
_RAW = """
ALTER TABLE raw.records DROP CONSTRAINT records_version;
CREATE INDEX records_version ON raw.records (connection, kind, record_id, payload_hash);

ALTER TABLE raw.records ADD COLUMN is_open boolean NOT NULL DEFAULT false;
ALTER TABLE raw.latest ADD COLUMN is_open boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN raw.latest.is_open IS
    'A bill that is not posted yet: it may be edited without its modifiedOn saying so, and is read again each time.';
CREATE INDEX latest_open ON raw.latest (connection, kind, record_id) WHERE is_open;
"""

_DAYS = """
ALTER TABLE staged.days ADD COLUMN kind text NOT NULL DEFAULT 'invoice';
ALTER TABLE staged.days ALTER COLUMN kind DROP DEFAULT;
ALTER TABLE staged.days DROP CONSTRAINT days_pkey;
ALTER TABLE staged.days ADD PRIMARY KEY (connection, kind, business_day);

ALTER TABLE staged.lookups ADD COLUMN part_of bigint;
COMMENT ON COLUMN staged.lookups.part_of IS 'A job''s project.';
CREATE INDEX lookups_by_whole ON staged.lookups (connection, kind, part_of) WHERE part_of IS NOT NULL;
"""

_HEADER = """
    connection text NOT NULL,
    document_id bigint NOT NULL,
    revision integer NOT NULL,
    revision_hash text NOT NULL,
    business_day date NOT NULL,
    document_date date NOT NULL,
    due_date date,
    number text NOT NULL,
    sync_status text NOT NULL,
    active boolean NOT NULL,
    business_unit_id bigint,
    business_unit_name text NOT NULL,
    total numeric(19, 2) NOT NULL,
    raw_seq bigint NOT NULL,
    shape smallint NOT NULL,
    staged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection, document_id)
"""

_PART = """
    connection text NOT NULL,
    document_id bigint NOT NULL,
    line_no integer NOT NULL,
    PRIMARY KEY (connection, document_id, line_no)
"""

_SOLD = """
    line_id bigint NOT NULL,
    item_type text NOT NULL,
    sku text NOT NULL,
    description text NOT NULL,
    gl_account text,
    business_unit_id bigint,
    taxable boolean NOT NULL,
    quantity numeric NOT NULL,
    total numeric(19, 2) NOT NULL
"""

# Indexes begin with what distinguishes, never like the primary key; see 0002.
_PAYMENTS = f"""
CREATE TABLE staged.payments (
    customer_id bigint,
    customer_name text NOT NULL,
    billing_customer_id bigint,
    type_id bigint,
    type_name text NOT NULL,
    is_journal_entry boolean NOT NULL,
    deposit_id bigint,
    deposit_date date,
    refunded_payment_id bigint,
    memo text NOT NULL,
    unapplied numeric(19, 2) NOT NULL,
    {_HEADER}
);
CREATE INDEX payments_by_day ON staged.payments (business_day, connection);
CREATE INDEX payments_by_customer ON staged.payments (customer_id, connection);
CREATE INDEX payments_by_deposit ON staged.payments (deposit_id, connection);

CREATE TABLE staged.payment_applications (
    application_id bigint NOT NULL,
    invoice_id bigint NOT NULL,
    invoice_number text NOT NULL,
    amount numeric(19, 2) NOT NULL,
    applied_on date,
    {_PART}
);
CREATE INDEX payment_applications_by_invoice ON staged.payment_applications (invoice_id, connection);
"""

_BILLS = f"""
CREATE TABLE staged.bills (
    vendor_id bigint,
    vendor_name text NOT NULL,
    vendor_invoice text NOT NULL,
    purchase_order_id bigint,
    purchase_order text NOT NULL,
    job_id bigint,
    job_number text NOT NULL,
    job_type text NOT NULL,
    job_status text NOT NULL,
    project_number text NOT NULL,
    tax_zone_id bigint,
    tax_zone_name text NOT NULL,
    term_name text NOT NULL,
    tax numeric(19, 2) NOT NULL,
    shipping numeric(19, 2) NOT NULL,
    other numeric(19, 2) NOT NULL,
    {_HEADER}
);
CREATE INDEX bills_by_day ON staged.bills (business_day, connection);
CREATE INDEX bills_by_job ON staged.bills (job_id, connection);
CREATE INDEX bills_by_order ON staged.bills (purchase_order_id, connection);
CREATE INDEX bills_by_vendor_invoice ON staged.bills (vendor_id, vendor_invoice, connection);

CREATE TABLE staged.bill_lines (
    line_id bigint NOT NULL,
    item_type text NOT NULL,
    sku text NOT NULL,
    description text NOT NULL,
    gl_account text,
    cost_account text,
    asset_account text,
    business_unit_id bigint,
    business_unit_name text NOT NULL,
    job_id bigint,
    job_number text NOT NULL,
    quantity numeric NOT NULL,
    amount numeric(19, 2) NOT NULL,
    allocated_tax numeric,
    allocated_shipping numeric,
    allocated_other numeric,
    {_PART}
);
CREATE INDEX bill_lines_by_job ON staged.bill_lines (job_id, connection) WHERE job_id IS NOT NULL;

CREATE TABLE staged.ap_credits (
    vendor_id bigint,
    vendor_name text NOT NULL,
    vendor_invoice text NOT NULL,
    job_id bigint,
    job_number text NOT NULL,
    job_type text NOT NULL,
    project_number text NOT NULL,
    memo text NOT NULL,
    {_HEADER}
);
CREATE INDEX ap_credits_by_day ON staged.ap_credits (business_day, connection);
CREATE INDEX ap_credits_by_job ON staged.ap_credits (job_id, connection);

CREATE TABLE staged.ap_credit_splits (
    split_id bigint NOT NULL,
    bill_id bigint NOT NULL,
    amount numeric(19, 2) NOT NULL,
    {_PART}
);
"""

_CREDIT_MEMOS = f"""
CREATE TABLE staged.credit_memos (
    customer_id bigint,
    customer_name text NOT NULL,
    billing_customer_id bigint,
    customer_type text NOT NULL,
    description text NOT NULL,
    subtotal numeric(19, 2) NOT NULL,
    sales_tax numeric(19, 2) NOT NULL,
    balance numeric(19, 2) NOT NULL,
    tax_name text NOT NULL,
    {_HEADER}
);
CREATE INDEX credit_memos_by_day ON staged.credit_memos (business_day, connection);
CREATE INDEX credit_memos_by_customer ON staged.credit_memos (customer_id, connection);

CREATE TABLE staged.credit_memo_lines (
    {_SOLD},
    {_PART}
);

CREATE TABLE staged.credit_memo_splits (
    split_id bigint NOT NULL,
    invoice_id bigint NOT NULL,
    invoice_number text NOT NULL,
    amount numeric(19, 2) NOT NULL,
    {_PART}
);

CREATE TABLE staged.credit_memo_items (
    connection text NOT NULL,
    credit_memo_id bigint NOT NULL,
    active boolean NOT NULL,
    problem text NOT NULL,
    {_SOLD},
    PRIMARY KEY (connection, line_id)
);
COMMENT ON TABLE staged.credit_memo_items IS 'Items as they came, apart from their memos; staging a memo copies them.';
COMMENT ON COLUMN staged.credit_memo_items.problem IS 'Why the item cannot be read, and so its memo neither.';
CREATE INDEX credit_memo_items_by_memo ON staged.credit_memo_items (credit_memo_id, connection);
"""


def upgrade() -> None:
    """Change what is there, and create the new kinds' tables."""
    for script in (_RAW, _DAYS, _PAYMENTS, _BILLS, _CREDIT_MEMOS):
        op.execute(script)
