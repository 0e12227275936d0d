"""Both systems' sandbox over real HTTP: everything taken in, staged and read back, to the cent."""

from collections.abc import Generator
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.services.feeds import FEEDS
from st_deltek_pipeline.services.intake import take_in_feed
from st_deltek_pipeline.services.reference_data import poll_reference
from st_deltek_pipeline.services.staging import pending_days, stage_invoices
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.credentials import ServiceTitanCredentials
from st_deltek_pipeline.store import raw
from st_deltek_pipeline.store.reference import load_reference
from st_deltek_pipeline.store.staged import invoices_of_day
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.credentials import VantagepointCredentials
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest, running_sandbox


@pytest.fixture(scope="module")
def month() -> Generator[SandboxUnderTest]:
    """A month with all its awkward cases."""
    with running_sandbox(scenario="month") as running:
        yield running


@pytest.fixture
def connection(month: SandboxUnderTest) -> ConnectionSettings:
    said = month.ready_line
    return ConnectionSettings.model_validate(
        {
            **month.connection,
            "name": "acme",
            "allow_insecure_hosts": True,
            "servicetitan": {
                "api_url": said["servicetitan"]["api_url"],
                "auth_url": said["servicetitan"]["auth_url"],
                "tenant_id": said["servicetitan"]["tenant_id"],
            },
            "vantagepoint": {name: said["vantagepoint"][name] for name in ("base_url", "database", "company")},
        }
    )


def _servicetitan(month: SandboxUnderTest, connection: ConnectionSettings) -> ServiceTitanClient:
    said = month.ready_line["servicetitan"]
    return ServiceTitanClient(
        api_url=said["api_url"],
        auth_url=said["auth_url"],
        tenant_id=connection.servicetitan.tenant_id,
        credentials=ServiceTitanCredentials(said["client_id"], said["client_secret"], said["app_key"]),
        allow_insecure_hosts=True,
    )


def _vantagepoint(month: SandboxUnderTest) -> VantagepointClient:
    said = month.ready_line["vantagepoint"]
    names = ("username", "password", "client_id", "client_secret")
    return VantagepointClient(
        base_url=said["base_url"],
        database=said["database"],
        credentials=VantagepointCredentials(*(said[name] for name in names)),
        allow_insecure_hosts=True,
    )


def test_a_month_is_taken_in_and_staged_to_the_cent(
    engine: Engine, month: SandboxUnderTest, connection: ConnectionSettings
) -> None:
    calendar = business_calendar(connection.calendar, connection.start_date.year, connection.start_date.year + 1)
    with _servicetitan(month, connection) as client:
        first = {feed.name: take_in_feed(engine, client, "acme", feed, run_id="run") for feed in FEEDS}
        second = {feed.name: take_in_feed(engine, client, "acme", feed, run_id="run") for feed in FEEDS}
    assert all(result.new_versions and not result.unreadable for result in first.values())
    assert not any(result.new_versions for result in second.values())

    results = [
        stage_invoices(engine, connection, calendar, day, run_id="run")
        for day in pending_days(engine, connection, calendar)
    ]
    assert pending_days(engine, connection, calendar) == []
    with engine.connect() as db:
        query = "SELECT count(*), sum(total) FROM raw.latest WHERE kind = 'invoice' AND document_date >= :start"
        documents, total = db.execute(text(query), {"start": connection.start_date}).one()
        unfit = db.execute(text("SELECT count(*) FROM staged.set_aside WHERE kind <> 'invoice'")).scalar_one()
    assert unfit == 0
    assert sum(result.documents + result.set_aside for result in results) == documents
    if not any(result.set_aside for result in results):
        assert sum((result.total for result in results), Decimal(0)) == total

    invoices = [invoice for result in results for invoice in invoices_of_day(engine, "acme", result.business_day)]
    dates = sorted({invoice.document_date for invoice in invoices})
    totals = raw.document_totals(engine, "acme", "invoice", dates)
    assert all(totals[invoice.key.document_id].total == invoice.total for invoice in invoices)
    assert all(invoice.customer_type for invoice in invoices if invoice.customer_id is not None)
    assert all(invoice.job_type and invoice.job_status for invoice in invoices if invoice.job_id is not None)


def test_vantagepoints_master_data_is_read_and_read_again(
    engine: Engine, month: SandboxUnderTest, connection: ConnectionSettings
) -> None:
    with _vantagepoint(month) as client:
        company = connection.vantagepoint.company
        first = poll_reference(engine, client, "acme", run_id="run", company=company)
        second = poll_reference(engine, client, "acme", run_id="run", company=company)
    assert all(result.rows for result in first.values())
    assert not any((result.new, result.changed, result.gone) != (0, 0, 0) for result in second.values())
    reference = load_reference(engine, "acme")
    assert reference.company == company
    assert reference.receivables_account in reference.accounts
    assert all(
        level.organization in reference.organizations for level in reference.projects.values() if level.organization
    )
    assert {bool(wbs2) for _, wbs2, _ in reference.projects} == {True, False}
    period = reference.period_of(connection.start_date)
    assert period is not None
    assert not period.closed
