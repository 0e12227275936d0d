"""What must not change cannot: payload versions, deliveries, standing files and their postings, the end of the chain.

Events, frozen bodies and decisions about firms have refused every change since they were created. A role with the rights
of the owner could still drop a trigger; the roles that the program works with own nothing.
"""

from alembic import op

revision = "0017_append_only"
down_revision = "0016_opening_items"
branch_labels = None
depends_on = None

_NEVER_EMPTIED = (
    "journal.chain_heads",
    "journal.transaction_files",
    "journal.postings",
    "journal.posting_lines",
    "journal.outcomes",
    "journal.ledger_rows",
    "journal.natural_keys",
    "journal.ignored_documents",
    "journal.reversed_documents",
    "journal.allowances",
    "journal.write_backs",
    "raw.records",
    "raw.unreadable",
    "inbox.events",
)
_NEVER_REMOVED = (
    "journal.chain_heads",
    "journal.transaction_files",
    "journal.outcomes",
    "journal.allowances",
    "journal.write_backs",
    "inbox.events",
)
_NEVER_CHANGED = ("raw.records", "raw.unreadable")

_STATEMENTS = (
    *(
        f"""
        CREATE OR REPLACE FUNCTION journal.{name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '%.% is append-only: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
                USING ERRCODE = 'integrity_constraint_violation';
        END
        $$
        """
        # Whoever grants rights sees by the first that a table is only ever added to; the others have rows that move on.
        for name in ("refuse_change", "refuse_removal", "refuse_rewriting")
    ),
    *(
        f"""
        CREATE TRIGGER rows_are_append_only BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION journal.refuse_change()
        """
        for table in _NEVER_CHANGED
    ),
    *(
        f"CREATE TRIGGER rows_stay BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION journal.refuse_removal()"
        for table in _NEVER_REMOVED
    ),
    *(
        f"""
        CREATE TRIGGER never_truncated BEFORE TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse_removal()
        """
        for table in _NEVER_EMPTIED
    ),
    """
    CREATE TRIGGER the_end_of_the_chain_only_moves_on BEFORE UPDATE ON journal.chain_heads FOR EACH ROW
        WHEN (NEW.sequence < OLD.sequence OR NEW.connection <> OLD.connection
              OR NEW.sequence = OLD.sequence AND NEW.hash <> OLD.hash)
        EXECUTE FUNCTION journal.refuse_rewriting()
    """,
    # A Batch is derived from kind, period and revisions: a file that has one keeps them. Only a file that was given up
    # may be planned again, which freezes another body. What stands is final.
    """
    CREATE TRIGGER what_stands_is_final BEFORE UPDATE ON journal.transaction_files FOR EACH ROW
        WHEN (OLD.state IN ('posted', 'adopted') OR NEW.connection <> OLD.connection OR NEW.batch <> OLD.batch
              OR NEW.kind <> OLD.kind OR NEW.period <> OLD.period OR NEW.created_at <> OLD.created_at
              OR NEW.body_hash <> OLD.body_hash
                 AND NOT (OLD.state IN ('refused', 'split') AND NEW.state = 'planned'))
        EXECUTE FUNCTION journal.refuse_rewriting()
    """,
    """
    CREATE FUNCTION journal.refuse_rewriting_of_standing() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        standing boolean;
    BEGIN
        IF TG_TABLE_NAME = 'postings' THEN
            SELECT file.state IN ('posted', 'adopted') INTO standing FROM journal.transaction_files AS file
            WHERE file.connection = OLD.connection AND file.batch = OLD.batch;
        ELSE
            -- Lines go with a posting that was given up, which is no longer there by then.
            SELECT file.state IN ('posted', 'adopted') INTO standing
            FROM journal.postings AS posting JOIN journal.transaction_files AS file USING (connection, batch)
            WHERE posting.connection = OLD.connection AND posting.kind = OLD.kind
              AND posting.document_id = OLD.document_id AND posting.posting_no = OLD.posting_no;
        END IF;
        IF standing THEN
            RAISE EXCEPTION 'journal.% of what stands is append-only: % is refused', TG_TABLE_NAME, TG_OP
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END
    $$
    """,
    """
    CREATE TRIGGER postings_that_stand_stay BEFORE UPDATE OR DELETE ON journal.postings
        FOR EACH ROW EXECUTE FUNCTION journal.refuse_rewriting_of_standing()
    """,
    """
    CREATE TRIGGER lines_that_stand_stay BEFORE DELETE ON journal.posting_lines
        FOR EACH ROW EXECUTE FUNCTION journal.refuse_rewriting_of_standing()
    """,
    """
    CREATE TRIGGER lines_are_never_changed BEFORE UPDATE ON journal.posting_lines
        FOR EACH ROW EXECUTE FUNCTION journal.refuse_rewriting()
    """,
    # Only its state and its count of deliveries ever change.
    """
    CREATE TRIGGER what_was_delivered_stays BEFORE UPDATE ON inbox.events FOR EACH ROW
        WHEN (NEW.seq <> OLD.seq OR NEW.connection <> OLD.connection OR NEW.occurrence <> OLD.occurrence
              OR NEW.event_type <> OLD.event_type OR NEW.delivery_id <> OLD.delivery_id OR NEW.body <> OLD.body
              OR NEW.record_kind IS DISTINCT FROM OLD.record_kind OR NEW.record_id IS DISTINCT FROM OLD.record_id
              OR NEW.received_at <> OLD.received_at OR NEW.occurred_at IS DISTINCT FROM OLD.occurred_at
              OR NEW.tenant_id IS DISTINCT FROM OLD.tenant_id OR NEW.deliveries < OLD.deliveries)
        EXECUTE FUNCTION journal.refuse_rewriting()
    """,
)


def upgrade() -> None:
    """Create the triggers; nothing of what is stored changes."""
    for statement in _STATEMENTS:
        op.execute(statement)
