"""Aligning a day again: only what is found anew is written."""

from collections.abc import Callable
from datetime import date

from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.services.alignment import align_day
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import Bench, bench

DAY = date(2026, 10, 7)


def versions(acme: Bench) -> set[tuple[int, str]]:
    """Each stored alignment with the transaction that wrote it."""
    rows = acme.rows("SELECT document_id, xmin::text AS written_by FROM mapping.alignments")
    return {(row.document_id, row.written_by) for row in rows}


def test_aligning_an_unchanged_day_again_writes_nothing(
    sandbox: Callable[..., SandboxUnderTest], engine: Engine
) -> None:
    with bench(sandbox(invoices=200), engine) as acme:
        acme.take_in()
        acme.prepare(DAY)
        before = versions(acme)
        first = align_day(acme.engine, acme.settings, Kind.INVOICE, DAY, run_id="again")
        assert first.documents == len(before) > 0
        assert versions(acme) == before


def test_a_changed_invoice_and_a_changed_rule_are_aligned_anew(
    sandbox: Callable[..., SandboxUnderTest], engine: Engine
) -> None:
    with bench(sandbox(invoices=200), engine) as acme:
        invoice = acme.sandbox.add_invoice(date=DAY.isoformat(), syncStatus="Posted", total="100.00")
        acme.take_in()
        acme.prepare(DAY)
        before = versions(acme)
        acme.sandbox.edit_invoice(invoice["id"], total="120.00")
        acme.take_in()
        acme.prepare(DAY)
        assert {document for document, _ in versions(acme) - before} == {invoice["id"]}
        rules = [rule for rule in acme.settings.model_dump()["coding"] if "account" not in rule["give"]]
        acme.settings = acme.settings.model_validate({**acme.settings.model_dump(), "coding": rules})
        result = align_day(acme.engine, acme.settings, Kind.INVOICE, DAY, run_id="rules")
        assert result.held["no_rule"] > 0
