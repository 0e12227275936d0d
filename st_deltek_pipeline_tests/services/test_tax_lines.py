"""Sales tax by zone and by authority, from the sandbox's tax zones to its ledger."""

from collections.abc import Callable, Generator
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.sandbox.contractor.taxes import ZONES_BY_CITY
from st_deltek_pipeline.services.rules import explain_document, find_gaps
from st_deltek_pipeline.services.tax_zones import tax_zones_to_split_by
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import Bench, bench
from st_deltek_pipeline_tests.services.staged_invoices import invoices_of_day

DENVER = ZONES_BY_CITY["Denver"]


@pytest.fixture
def acme(sandbox: Callable[..., SandboxUnderTest], engine: Engine) -> Generator[Bench]:
    """A clean month of 60 invoices taken in."""
    with bench(sandbox(invoices=60), engine) as connected:
        connected.take_in()
        yield connected


def _tax_rows(acme: Bench) -> list[tuple[int, str, str, Decimal]]:
    rows = acme.rows(
        """
        SELECT line.document_id, line.account, line.tax_code, line.amount
        FROM mapping.coded_lines AS line JOIN staged.invoices AS invoice USING (connection, document_id)
        WHERE invoice.tax_zone_id = :zone AND line.section = 'T'
        """,
        zone=DENVER.zone_id,
    )
    return [(row.document_id, row.account, row.tax_code, row.amount) for row in rows]


def test_by_zone_reads_no_rates_and_gives_one_line(acme: Bench) -> None:
    assert tax_zones_to_split_by(acme.engine, acme.settings) == {}
    for day in acme.days():
        acme.prepare(day)
    rows = _tax_rows(acme)
    assert rows
    assert {(account, code) for _, account, code, _ in rows} == {("221.10", "DEN")}
    assert len({document for document, *_ in rows}) == len(rows)


def test_by_authority_splits_each_tax_exactly_and_every_line_has_its_rule(acme: Bench) -> None:
    acme.changed(posting={"tax_lines": "by_authority"})
    zones = tax_zones_to_split_by(acme.engine, acme.settings)
    assert [rate.name for rate in zones[DENVER.zone_id].rates] == [name for name, _ in DENVER.rates]
    checked = 0
    for day in acme.days():
        acme.prepare(day)
        for invoice in invoices_of_day(acme.engine, acme.settings.name, day):
            explained = explain_document(acme.engine, acme.settings, Kind.INVOICE, invoice.key.document_id)
            assert explained.hold is None
            assert total(line.amount for line in explained.postings) == invoice.total
            if invoice.tax_zone_id == DENVER.zone_id and invoice.sales_tax:
                taxes = [line for line in explained.lines if line.facts["line"] != "item"]
                assert total(line.amount for line in taxes) == invoice.sales_tax
                assert {"Colorado State", "City of Denver"} <= {line.facts.get("tax_name") for line in taxes}
                checked += 1
    assert checked
    codes = {(account, code) for _, account, code, _ in _tax_rows(acme)}
    assert {("221.00", "CO-STATE"), ("221.10", "CO-DENVER"), ("221.70", "CO-RTD")} <= codes
    assert find_gaps(acme.engine, acme.settings).gaps == ()


def test_a_split_tax_is_posted_and_the_books_agree_to_the_cent(acme: Bench) -> None:
    """T34: several rates."""
    acme.changed(posting={"tax_lines": "by_authority"})
    days = acme.rows(
        """
        SELECT min(latest.document_date) AS day FROM raw.latest JOIN raw.records USING (seq)
        WHERE latest.kind = 'invoice' AND latest.active AND payload ->> 'taxZoneId' = :zone
            AND payload ->> 'salesTax' <> '0.00'
        """,
        zone=str(DENVER.zone_id),
    )
    day = acme.calendar.business_day(days[0].day)
    plan = acme.run(day)
    assert (plan.held, plan.planned > 0) == (0, True)
    assert acme.tie_out(day).balanced
    posted = {row["TaxCode"] for row in acme.sandbox.ledger()}
    assert {"CO-STATE", "CO-DENVER"} <= posted
    assert acme.run(day).batches == ()
