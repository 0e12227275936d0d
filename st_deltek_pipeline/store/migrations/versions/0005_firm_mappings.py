"""Customers and vendors as typed rows, and which firm of Vantagepoint each of them is."""

from alembic import op

revision = "0005_firm_mappings"
down_revision = "0004_ignored_documents"
branch_labels = None
depends_on = None

_PARTIES = """
CREATE TABLE staged.parties (
    connection text NOT NULL,
    party_kind text NOT NULL CHECK (party_kind IN ('customer', 'vendor')),
    party_id bigint NOT NULL,
    name text NOT NULL,
    active boolean NOT NULL,
    merged_into bigint,
    street text NOT NULL,
    unit text NOT NULL,
    city text NOT NULL,
    state text NOT NULL,
    zip text NOT NULL,
    country text NOT NULL,
    phone text NOT NULL,
    email text NOT NULL,
    raw_seq bigint NOT NULL,
    PRIMARY KEY (connection, party_kind, party_id)
);
COMMENT ON TABLE staged.parties IS 'What tells who a customer or vendor is; a change of anything else writes nothing.';
COMMENT ON COLUMN staged.parties.merged_into IS 'The next one in a chain of merges, as ServiceTitan says.';

CREATE TABLE staged.party_progress (
    connection text NOT NULL,
    kind text NOT NULL,
    raw_seq_high bigint NOT NULL,
    changed_seq bigint NOT NULL,
    since date,
    PRIMARY KEY (connection, kind)
);
COMMENT ON COLUMN staged.party_progress.changed_seq IS 'The last raw version that changed something here.';
COMMENT ON COLUMN staged.party_progress.since IS 'Of documents: the start date that decided which of them count.';
"""

_MAPPING = """
CREATE TABLE mapping.firm_needs (
    connection text NOT NULL,
    party_kind text NOT NULL,
    party_id bigint NOT NULL,
    PRIMARY KEY (connection, party_kind, party_id)
);
COMMENT ON TABLE mapping.firm_needs IS 'Parties that a document since the start date names: only these need a firm.';

CREATE TABLE mapping.firm_mappings (
    connection text NOT NULL,
    party_kind text NOT NULL CHECK (party_kind IN ('customer', 'vendor')),
    party_id bigint NOT NULL,
    name text NOT NULL,
    active boolean NOT NULL,
    needed boolean NOT NULL DEFAULT false,
    merged_into bigint,
    state text NOT NULL,
    firm_id text NOT NULL,
    firm_number text NOT NULL,
    firm_name text NOT NULL,
    vendor text NOT NULL,
    decided_by text,
    score integer NOT NULL,
    candidates json NOT NULL,
    message text NOT NULL,
    words text NOT NULL,
    person text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    run_id text NOT NULL,
    PRIMARY KEY (connection, party_kind, party_id)
);
COMMENT ON COLUMN mapping.firm_mappings.merged_into IS 'The party that is left after all merges.';
COMMENT ON COLUMN mapping.firm_mappings.since IS 'When it came into its state, or to its firm.';
CREATE INDEX firm_mappings_by_state ON mapping.firm_mappings (state, connection);

CREATE TABLE mapping.firm_decisions (
    decision_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection text NOT NULL,
    party_kind text NOT NULL CHECK (party_kind IN ('customer', 'vendor')),
    party_id bigint NOT NULL,
    decision text NOT NULL CHECK (decision IN ('link', 'new', 'unlink')),
    firm_id text NOT NULL,
    decided_by text NOT NULL CHECK (decided_by <> ''),
    decided_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((decision = 'new') = (firm_id = ''))
);
COMMENT ON TABLE mapping.firm_decisions IS 'What people decided; the latest about a party counts. Rows are never changed.';
CREATE INDEX firm_decisions_by_party ON mapping.firm_decisions (connection, party_kind, party_id, decision_no);

CREATE FUNCTION mapping.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'mapping.% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER decisions_are_append_only BEFORE UPDATE OR DELETE ON mapping.firm_decisions
    FOR EACH ROW EXECUTE FUNCTION mapping.refuse_change();
CREATE TRIGGER decisions_are_never_truncated BEFORE TRUNCATE ON mapping.firm_decisions
    FOR EACH STATEMENT EXECUTE FUNCTION mapping.refuse_change();

CREATE TABLE mapping.firm_creations (
    creation_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection text NOT NULL,
    party_kind text NOT NULL,
    party_id bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('sending', 'created', 'refused', 'not_sent', 'absent')),
    body json NOT NULL,
    address json,
    address_done boolean NOT NULL DEFAULT false,
    firms_before text[] NOT NULL,
    firm_id text NOT NULL DEFAULT '',
    words text NOT NULL DEFAULT '',
    sent_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    run_id text NOT NULL
);
COMMENT ON TABLE mapping.firm_creations IS
    'Every request that creates a firm, written before it leaves; one without a clear answer stays ''sending''.';
COMMENT ON COLUMN mapping.firm_creations.firms_before IS
    'Firms of the same name that existed before: another one afterwards is the one that was created.';
CREATE UNIQUE INDEX firm_creations_under_way ON mapping.firm_creations (connection, party_kind, party_id)
    WHERE state = 'sending';

CREATE TABLE mapping.vendor_accounting (
    connection text NOT NULL,
    firm_id text NOT NULL,
    company text NOT NULL,
    vendor text NOT NULL,
    has_accounting boolean NOT NULL,
    liability_code text NOT NULL,
    bank_code text NOT NULL,
    pay_terms text NOT NULL,
    read_at timestamptz NOT NULL,
    PRIMARY KEY (connection, firm_id)
);
COMMENT ON TABLE mapping.vendor_accounting IS 'Accounting data of linked vendors in the connection''s company.';

CREATE TABLE mapping.firm_alignments (
    connection text PRIMARY KEY,
    fingerprint text NOT NULL,
    aligned_at timestamptz NOT NULL DEFAULT now(),
    run_id text NOT NULL
);
COMMENT ON TABLE mapping.firm_alignments IS 'What the mappings were made from; the same again changes nothing.';
"""


def upgrade() -> None:
    """Create the tables."""
    for script in (_PARTIES, _MAPPING):
        op.execute(script)
