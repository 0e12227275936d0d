"""Both systems' sandbox over real HTTP: everything taken in, staged and read back, to the cent."""

from collections.abc import Generator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.services.feeds import feeds_of
from st_deltek_pipeline.services.intake import take_in_feed
from st_deltek_pipeline.services.reference_data import poll_reference
from st_deltek_pipeline.services.staging import pending_days, stage_day
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.credentials import ServiceTitanCredentials
from st_deltek_pipeline.store import raw
from st_deltek_pipeline.store.reference import load_reference
from st_deltek_pipeline.store.staged_documents import documents_of_day
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


@pytest.mark.parametrize("bills_source", ["inventory_bills", "ap_bills"])
def test_a_month_of_every_kind_is_taken_in_and_staged_to_the_cent(
    engine: Engine, month: SandboxUnderTest, connection: ConnectionSettings, bills_source: str
) -> None:
    posting = connection.posting.model_copy(update={"bills_source": bills_source})
    connection = connection.model_copy(update={"posting": posting})
    calendar = business_calendar(connection.calendar, connection.start_date.year, connection.start_date.year + 1)
    feeds = feeds_of(connection)
    with _servicetitan(month, connection) as client:
        readings = [
            {feed.name: take_in_feed(engine, client, "acme", feed, run_id="run") for feed in feeds} for _ in range(3)
        ]
    assert all(result.new_versions and not result.unreadable for result in readings[0].values())
    # The first reading by id shows open bills in the list's form, which differs from the feed's.
    assert {name for name, result in readings[1].items() if result.new_versions} <= {"inventory_bills"}
    assert not any(result.new_versions for result in readings[2].values())

    stated = month.totals()["servicetitan"]
    for kind, name in _TOTALS.items():
        start = connection.start_date.isoformat()
        said = [sums for day, sums in stated[name or bills_source]["by_day"].items() if day >= start]
        results = [
            stage_day(engine, connection, calendar, kind, day, run_id="run")
            for day in pending_days(engine, connection, calendar, (kind,))
        ]
        assert pending_days(engine, connection, calendar, (kind,)) == []
        assert sum(result.documents + result.set_aside for result in results) == sum(each["count"] for each in said)

        documents = [
            document for result in results for document in documents_of_day(engine, "acme", kind, result.business_day)
        ]
        dates = [dated for result in results for dated in calendar.document_dates(result.business_day)]
        kept = raw.document_totals(engine, "acme", kind, [dated for dated in dates if dated >= connection.start_date])
        assert all(kept[document.key.document_id].total == document.total for document in documents)
        active = [each.total or ZERO for each in kept.values() if each.active]
        assert len(active) == sum(each["active"] for each in said)
        assert sum(active, ZERO) == sum((Decimal(each["active_total"]) for each in said), ZERO)
        assert {document.revision for document in documents} == {1}
    with engine.connect() as db:
        documents_set_aside = "SELECT count(*) FROM staged.set_aside WHERE NOT kind = ANY(:kinds)"
        assert db.execute(text(documents_set_aside), {"kinds": [kind.value for kind in Kind]}).scalar_one() == 0


_TOTALS = {
    Kind.INVOICE: "invoices",
    Kind.PAYMENT: "payments",
    Kind.CREDIT_MEMO: "credit_memos",
    Kind.BILL: "",
    Kind.AP_CREDIT: "ap_credits",
}


def test_what_documents_name_is_looked_up(
    engine: Engine, month: SandboxUnderTest, connection: ConnectionSettings
) -> None:
    calendar = business_calendar(connection.calendar, connection.start_date.year, connection.start_date.year + 1)
    with _servicetitan(month, connection) as client:
        for feed in feeds_of(connection):
            take_in_feed(engine, client, "acme", feed, run_id="run")
    documents: dict[Kind, list[Any]] = {}
    for kind in POSTING_ORDER:
        for day in pending_days(engine, connection, calendar, (kind,)):
            stage_day(engine, connection, calendar, kind, day, run_id="run")
            documents.setdefault(kind, []).extend(documents_of_day(engine, "acme", kind, day))
    invoices, payments, bills = (documents[kind] for kind in (Kind.INVOICE, Kind.PAYMENT, Kind.BILL))
    assert all(invoice.customer_type for invoice in invoices if invoice.customer_id is not None)
    assert all(invoice.job_type and invoice.job_status for invoice in invoices if invoice.job_id is not None)
    assert any(payment.is_journal_entry for payment in payments)
    assert any(payment.deposit_date for payment in payments)
    assert any(payment.refunded_payment_id for payment in payments)
    assert all(payment.type_name for payment in payments)
    assert all(bill.purchase_order != str(bill.purchase_order_id) for bill in bills if bill.purchase_order_id)
    assert all(bill.job_type and bill.job_number for bill in bills if bill.job_id is not None)
    assert all(memo.lines for memo in documents[Kind.CREDIT_MEMO] if memo.active)


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
