"""A connection whose small month is posted in every kind, with what makes a history: edits, a void, holds, people's decisions."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import date

from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.services.holds import ignore_document
from st_deltek_pipeline.services.reversing import reverse
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench, bench

LAST_DAY = date(2026, 10, 7)
"""The month is posted up to here: enough of every kind, and nothing more than is needed."""

NAME = "<b>Ann & Co</b><script>alert(1)</script>"
"""What somebody has called a customer."""


@contextmanager
def audited_books(engine: Engine) -> Generator[Bench]:
    """Post the beginning of a small month, and let people decide about some documents of ``QUIET_DAY``.

    ``engine``'s database has the clean month of 20 invoices taken in.
    """
    with running_sandbox(invoices=20) as sandbox, bench(sandbox, engine) as acme:
        for day in acme.days():
            if day <= LAST_DAY:
                acme.run_every_kind(day)
        _edited(acme)
        _reversed(acme)
        _ignored(acme)
        yield acme


def _edited(acme: Bench) -> None:
    """Post an invoice, change its amount and its customer's name, and post the difference."""
    invoice = acme.add(PART_A="60.00", PART_B="40.00")
    acme.run(QUIET_DAY)
    acme.change(invoice, PART_A="70.00", PART_B="40.00")
    acme.sandbox.edit_invoice(invoice["id"], customer={**invoice["customer"], "name": NAME})
    acme.take_in_invoices()
    acme.run(QUIET_DAY)


def _reversed(acme: Bench) -> None:
    """Post an invoice, and have it reversed by a person."""
    invoice = acme.add(PART_A="25.00")
    acme.run(QUIET_DAY)
    document = DocumentKey(acme.settings.name, Kind.INVOICE, invoice["id"])
    reverse(acme.context, document, reason="entered by hand", by="jane")


def _ignored(acme: Bench) -> None:
    """Hold an invoice for a wrong account, and let a person ignore it."""
    invoice = acme.sandbox.add_invoice(date=QUIET_DAY.isoformat(), syncStatus="Posted", total="10.00")
    acme.sandbox.edit_invoice(invoice["id"], businessUnit=None)
    acme.take_in_invoices()
    acme.run(QUIET_DAY)
    document = DocumentKey(acme.settings.name, Kind.INVOICE, invoice["id"])
    ignore_document(acme.context, document, reason="a duplicate <of> another", by="=jane")


def documents_of(acme: Bench, condition: str) -> list[int]:
    """Return the ids of invoices whose outcome satisfies a condition of a test."""
    rows = acme.rows(f"SELECT document_id FROM journal.outcomes WHERE kind = 'invoice' AND {condition} ORDER BY 1")  # noqa: S608
    return [row.document_id for row in rows]
