"""The database itself refuses to change, remove or empty what an auditor reads, whoever asks with ordinary rights."""

from collections.abc import Generator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

_ROWS = (
    "INSERT INTO journal.bodies VALUES ('b', '{}'), ('other', '[]')",
    "INSERT INTO journal.chain_heads VALUES ('acme', 7, 'h')",
    """
    INSERT INTO journal.transaction_files
        (connection, batch, kind, entry, company, period, business_day, state, documents, amount, body_hash)
    VALUES ('acme', 'B1', 'invoice', 'in', '', 202610, '2026-10-07', 'posted', 1, 1.00, 'b'),
           ('acme', 'B2', 'invoice', 'in', '', 202610, '2026-10-07', 'planned', 1, 1.00, 'b'),
           ('acme', 'B3', 'invoice', 'in', '', 202610, '2026-10-07', 'refused', 1, 1.00, 'b')
    """,
    """
    INSERT INTO journal.postings (connection, kind, document_id, posting_no, revision, revision_hash, business_day, batch,
        period, trans_date, wbs1, wbs2, wbs3, number, amount, correction, entry)
    SELECT 'acme', 'invoice', id, 1, 1, 'r', '2026-10-07', batch, 202610, '2026-10-07', 'P', '', '', '1', 1.00, false, 'in'
    FROM (VALUES (1, 'B1'), (2, 'B2')) AS new (id, batch)
    """,
    """
    INSERT INTO journal.posting_lines (connection, kind, document_id, posting_no, line_no, line_key, account, section,
        tax_code, item, organization, description, amount, tax_basis)
    SELECT 'acme', 'invoice', id, 1, 1, 'k' || id, '401', 'L', '', '', '', '', 1.00, 0 FROM generate_series(1, 2) AS id
    """,
    """
    INSERT INTO journal.outcomes (connection, kind, document_id, revision, revision_hash, outcome, amount)
    VALUES ('acme', 'invoice', 1, 1, 'r', 'posted', 0)
    """,
    """
    INSERT INTO journal.allowances
        (connection, kind, document_id, revision, revision_hash, entry, key_scope, key_number, reason, allowed_by)
    VALUES ('acme', 'bill', 3, 1, 'r', 'vo', 'V', '1', 'no duplicate', 'jane')
    """,
    """
    INSERT INTO journal.write_backs (connection, kind, document_id, revision, revision_hash, state, external_id, message)
    VALUES ('acme', 'invoice', 1, 1, 'r', 'exported', 'B1', '')
    """,
    """
    INSERT INTO journal.ledger_rows
        (connection, batch, line_key, kind, document_id, period, wbs1, account, invoice, amount, document_amount)
    VALUES ('acme', 'B1', 'k1', 'invoice', 1, 202610, 'P', '401', '1', -1.00, 1.00)
    """,
    """
    INSERT INTO raw.records (connection, kind, record_id, payload, payload_hash, active, run_id)
    VALUES ('acme', 'invoice', 1, '{"id": 1}', 'p', true, 'run')
    """,
    "INSERT INTO raw.unreadable (connection, kind, payload_hash, payload, reason, run_id) VALUES ('a', 'b', 'p', '', '', '')",
    """
    INSERT INTO inbox.events (connection, occurrence, event_type, delivery_id, body, state)
    VALUES ('acme', 'o', 'invoice.updated', 'd', '{}', 'not_needed')
    """,
)
_COUNTED = (
    "journal.chain_heads",
    "journal.transaction_files",
    "journal.postings",
    "journal.posting_lines",
    "journal.outcomes",
    "journal.allowances",
    "journal.write_backs",
    "journal.ledger_rows",
    "raw.records",
    "raw.unreadable",
    "inbox.events",
)


@pytest.fixture(scope="module")
def book(module_engine: Engine) -> Generator[Engine]:
    with module_engine.begin() as db:
        for row in _ROWS:
            # As the driver takes it: a colon in a payload is no parameter.
            db.exec_driver_sql(row)
    before = _content(module_engine)
    yield module_engine
    assert _content(module_engine) == before


def _content(engine: Engine) -> dict[str, list[str]]:
    with engine.connect() as db:
        return {
            table: list(db.scalars(text(f"SELECT CAST(t AS text) FROM {table} AS t ORDER BY 1")))  # noqa: S608
            for table in _COUNTED
        }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE raw.records SET payload = '{}'",
        "UPDATE raw.records SET payload = payload",
        "DELETE FROM raw.records",
        "UPDATE raw.unreadable SET reason = 'other'",
        "DELETE FROM raw.unreadable",
        "UPDATE inbox.events SET body = '{\"a\": 1}'",
        "UPDATE inbox.events SET record_id = 9",
        "UPDATE inbox.events SET deliveries = 0",
        "DELETE FROM inbox.events",
        "DELETE FROM journal.chain_heads",
        "UPDATE journal.chain_heads SET sequence = 6",
        "UPDATE journal.chain_heads SET hash = 'other'",
        "UPDATE journal.transaction_files SET state = 'held' WHERE batch = 'B1'",
        "UPDATE journal.transaction_files SET amount = 2 WHERE batch = 'B1'",
        "UPDATE journal.transaction_files SET period = 202611 WHERE batch = 'B2'",
        "UPDATE journal.transaction_files SET kind = 'bill' WHERE batch = 'B2'",
        "UPDATE journal.transaction_files SET body_hash = 'other' WHERE batch = 'B2'",
        "UPDATE journal.transaction_files SET body_hash = 'other' WHERE batch = 'B3'",
        "DELETE FROM journal.transaction_files WHERE batch = 'B2'",
        "UPDATE journal.postings SET amount = 2 WHERE batch = 'B1'",
        "UPDATE journal.postings SET batch = 'B2' WHERE batch = 'B1'",
        "DELETE FROM journal.postings WHERE batch = 'B1'",
        "UPDATE journal.posting_lines SET amount = 2 WHERE document_id = 2",
        "DELETE FROM journal.posting_lines WHERE document_id = 1",
        "DELETE FROM journal.outcomes",
        "DELETE FROM journal.allowances",
        "DELETE FROM journal.write_backs",
        *(f"TRUNCATE {table} CASCADE" for table in _COUNTED),
        "TRUNCATE journal.natural_keys, journal.ignored_documents",
        "TRUNCATE journal.reversed_documents",
    ],
)
def test_what_was_recorded_is_neither_changed_nor_removed(book: Engine, statement: str) -> None:
    with pytest.raises(IntegrityError, match=r"append-only: \w+ is refused"), book.begin() as db:
        db.exec_driver_sql(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal.chain_heads SET sequence = sequence",
        "UPDATE journal.chain_heads SET sequence = 8, hash = 'next'",
        "UPDATE journal.transaction_files SET state = 'posted', post_sequence = 1 WHERE batch = 'B2'",
        "UPDATE journal.transaction_files SET state = 'planned', body_hash = 'other' WHERE batch = 'B3'",
        "UPDATE journal.allowances SET revision = 2",
        "UPDATE journal.outcomes SET outcome = 'held'",
        "UPDATE inbox.events SET state = 'handled', handled_at = now(), deliveries = deliveries + 1",
        "DELETE FROM journal.postings WHERE batch = 'B2'",
    ],
)
def test_what_moves_on_may_move_on(book: Engine, statement: str) -> None:
    with book.connect() as db:
        assert db.exec_driver_sql(statement).rowcount == 1
        db.rollback()
