"""A database of the first release, which knew AR invoices only, opens and goes on: what it posted is still posted."""

import json
from collections.abc import Generator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.coded_amounts import invoice_line
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.posting_keys import invoice_natural_key
from st_deltek_pipeline.store import migrations
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.journal import Journal
from st_deltek_pipeline.store.migrate import VERSION_SCHEMA, known_revisions, migrate
from st_deltek_pipeline.store.tie_out import journaled_by_project, posted_by_project

_FIRST_RELEASE = "0004_ignored_documents"
_BATCH = "9e4de64dde43e863d6f175a1d73eab1a"
_DAY = date(2026, 10, 7)
_DOCUMENT = DocumentKey("acme", Kind.INVOICE, 7001)

_ROWS = (
    "INSERT INTO journal.bodies VALUES ('b', '{}')",
    """
    INSERT INTO journal.transaction_files
        (connection, batch, kind, company, period, business_day, state, documents, amount, body_hash)
    VALUES ('acme', :batch, 'invoice', '01', 202610, '2026-10-07', 'posted', 1, 108.00, 'b')
    """,
    """
    INSERT INTO journal.postings (connection, kind, document_id, posting_no, revision, revision_hash, business_day, batch,
        period, trans_date, wbs1, wbs2, wbs3, invoice, amount, correction)
    VALUES ('acme', 'invoice', 7001, 1, 1, 'h', '2026-10-07', :batch, 202610, '2026-10-07', 'HVAC', 'GEN', '', '104417',
        108.00, false)
    """,
    """
    INSERT INTO journal.posting_lines (connection, kind, document_id, posting_no, line_no, line_key, account, section,
        tax_code, item, organization, description, amount, tax_basis)
    VALUES ('acme', 'invoice', 7001, 1, 1, 'k1', '401.00', 'L', '', '', '01', 'Labor', 100.00, 0),
           ('acme', 'invoice', 7001, 1, 2, 'k2', '230.00', 'T', 'CO', '', '01', 'Sales tax', 8.00, 100.00)
    """,
    """
    INSERT INTO journal.ledger_rows (connection, batch, line_key, kind, document_id, period, wbs1, account, invoice, amount)
    VALUES ('acme', :batch, 'k1', 'invoice', 7001, 202610, 'HVAC', '401.00', '0104417', -100.00),
           ('acme', :batch, 'k2', 'invoice', 7001, 202610, 'HVAC', '230.00', '0104417', -8.00)
    """,
    "INSERT INTO journal.invoice_numbers VALUES ('target', 'HVAC', '0104417', 'acme', 'invoice', 7001)",
)


@pytest.fixture
def upgraded(empty_database_url: str) -> Generator[Engine]:
    engine = engine_for(empty_database_url)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {VERSION_SCHEMA}"))
        connection.commit()
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__path__[0])).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        config.attributes["version_schema"] = VERSION_SCHEMA
        command.upgrade(config, _FIRST_RELEASE)
        connection.commit()
        for row in _ROWS:
            connection.execute(text(row), {"batch": _BATCH} if ":batch" in row else {})
        connection.commit()
    migrate(engine)
    yield engine
    engine.dispose()


def test_the_first_release_is_still_in_the_chain() -> None:
    assert _FIRST_RELEASE in known_revisions()


def test_what_was_posted_before_still_stands_line_by_line(upgraded: Engine) -> None:
    """T54: a database of the first release."""
    standing = Journal(upgraded, "acme", run_id="test").standings(Kind.INVOICE, [7001])[7001]
    project = ("HVAC", "GEN", "")
    assert standing.lines == {
        (_DAY, invoice_line(project, "104417", account="401.00", section="L")): Decimal("100.00"),
        (_DAY, invoice_line(project, "104417", account="230.00", section="T", tax_code="CO")): Decimal("8.00"),
    }
    assert standing.next_posting_no == 2
    assert not standing.occupied


def test_its_files_and_postings_read_as_ar_invoices(upgraded: Engine) -> None:
    journal = Journal(upgraded, "acme", run_id="test")
    file = journal.file(_BATCH)
    assert (file.entry, file.state, file.together) == (EntryType.INVOICES, FileState.POSTED, "")
    assert json.loads(file.body) == {}
    (posting,) = journal.postings_of(_BATCH)
    assert posting.document == _DOCUMENT
    assert posting.amount == Decimal("108.00")
    assert posting.project == "HVAC"


def test_an_invoice_number_stays_its_owners(upgraded: Engine) -> None:
    key = invoice_natural_key("HVAC", "104417", "", padded_to=7)
    owners = Journal(upgraded, "acme", run_id="test").natural_key_owners("target", [key])
    assert owners == {key: _DOCUMENT}
    with upgraded.connect() as db:
        stored = db.execute(text("SELECT key_scope, key_number FROM journal.postings")).one()
    assert tuple(stored) == (key.scope, key.number)


def test_the_tie_out_of_what_was_posted_before_has_not_changed(upgraded: Engine) -> None:
    expected = {7001: {"HVAC": Decimal("108.00")}}
    assert posted_by_project(upgraded, "acme", Kind.INVOICE, [7001]) == expected
    assert journaled_by_project(upgraded, "acme", Kind.INVOICE, [7001]) == expected
