"""Lists of the sandbox over real HTTP: bare arrays, what was modified, and bills that are edited without saying so."""

from collections.abc import Generator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.sandbox.contractor.payment_types import JOURNAL_ENTRY, TYPE_IDS
from st_deltek_pipeline.services.feeds import feeds_of
from st_deltek_pipeline.services.intake import take_in_feed
from st_deltek_pipeline.services.staging import pending_days, stage_day
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.credentials import ServiceTitanCredentials
from st_deltek_pipeline.store.staged_documents import documents_by_id
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest, running_sandbox
from st_deltek_pipeline_tests.services.servicetitan_rows import settings

_DAY = "2026-10-14"


@pytest.fixture(scope="module")
def titan() -> Generator[SandboxUnderTest]:
    """A clean month whose lists come in no order. Tests change their own records only."""
    with running_sandbox(invoices=200, servicetitan={"unsorted_lists": True, "rate_limit": 0}) as running:
        yield running


class _Tenant:
    """The sandbox's tenant, taken in and staged by the product."""

    def __init__(self, engine: Engine, titan: SandboxUnderTest, connection: ConnectionSettings, page_size: int) -> None:
        said = titan.ready_line["servicetitan"]
        self.engine = engine
        self.titan = titan
        self.connection = connection
        self.client = ServiceTitanClient(
            api_url=said["api_url"],
            auth_url=said["auth_url"],
            tenant_id=said["tenant_id"],
            credentials=ServiceTitanCredentials(said["client_id"], said["client_secret"], said["app_key"]),
            page_size=page_size,
            calls_per_second=1000,
            allow_insecure_hosts=True,
        )

    def take_in(self, *names: str) -> dict[str, int]:
        """Take feeds in, all without names, and return what was new in those that had news."""
        found = {
            feed.name: take_in_feed(self.engine, self.client, "acme", feed, run_id="run").new_versions
            for feed in feeds_of(self.connection)
            if not names or feed.name in names
        }
        return {name: new for name, new in found.items() if new}

    def staged(self, kind: Kind, document_id: int) -> Any:
        """Stage what is pending, and return one document."""
        calendar = business_calendar(self.connection.calendar, 2026, 2027)
        for day in pending_days(self.engine, self.connection, calendar, (kind,)):
            stage_day(self.engine, self.connection, calendar, kind, day, run_id="run")
        return documents_by_id(self.engine, "acme", kind, [document_id])[0]

    def edit_silently(self, path: str, record_id: int, **fields: Any) -> None:
        """Change a record without a new ``modifiedOn``, as ServiceTitan does now and then."""
        table = self.titan.running.sandbox.servicetitan.tables[path]
        table.put({**table.rows[record_id], **fields})


def _tenant(engine: Engine, titan: SandboxUnderTest, page_size: int = 5000, **posting: Any) -> Generator[_Tenant]:
    tenant = _Tenant(engine, titan, settings(**posting), page_size)
    with tenant.client:
        yield tenant


@pytest.fixture(params=["inventory_bills", "ap_bills"])
def tenant(engine: Engine, titan: SandboxUnderTest, request: pytest.FixtureRequest) -> Generator[_Tenant]:
    yield from _tenant(engine, titan, bills_source=request.param)


@pytest.fixture
def small_pages(engine: Engine, titan: SandboxUnderTest) -> Generator[_Tenant]:
    """Every list takes several pages."""
    yield from _tenant(engine, titan, page_size=7, bills_source="ap_bills")


def test_a_bare_array_is_read_page_by_page_and_by_ids_fifty_at_a_time(small_pages: _Tenant) -> None:
    rows = small_pages.titan.running.sandbox.servicetitan.tables["accounting/inventory-bills"].rows
    active = [key for key, row in rows.items() if row["active"]]
    pages = list(small_pages.client.list_pages("accounting/inventory-bills"))
    assert {len(page) for page in pages[:-1]} == {7}
    assert sum(map(len, pages)) == len(active)
    log = small_pages.titan.hooks.log
    log.clear()
    wanted = active[:52]
    assert len(list(small_pages.client.by_ids("accounting/inventory-bills", wanted))) == len(wanted) == 52
    # Fifty of them take eight pages of seven, the last two a page of their own.
    assert log.calls("servicetitan") == 9


def test_lists_of_many_pages_in_no_order_are_read_whole(small_pages: _Tenant) -> None:
    first = small_pages.take_in()
    said = small_pages.titan.totals()["servicetitan"]
    assert first["ap_bills"] == said["ap_bills"]["count"]
    assert first["credit_memos"] == said["credit_memos"]["count"]
    assert first["ap_credits"] == said["ap_credits"]["count"]
    assert small_pages.take_in() == {}


def test_only_what_users_changed_is_new(tenant: _Tenant) -> None:
    titan, source = tenant.titan, tenant.connection.posting.bills_source
    tenant.take_in()
    tenant.take_in(source)
    invoice = titan.add_invoice(date=_DAY, total="200.00", syncStatus="Posted")
    payment = titan.add_payment(
        splits=[{"invoiceId": invoice["id"], "amount": "50.00"}], date=_DAY, syncStatus="Posted"
    )
    bill = titan.add_bill(date=_DAY, items=[{"quantity": "2", "cost": "10.005"}], syncStatus="Posted")
    titan.admin("POST", "servicetitan/bank-deposits", {"paymentIds": [payment["id"]], "date": "2026-10-15"})
    titan.admin("POST", "servicetitan/credit-memos", {"invoiceId": invoice["id"], "total": "20.00", "date": _DAY})
    titan.bill(bill["id"], "credit", amount="5.00", date=_DAY)
    found = tenant.take_in()
    # Balances of customers move along.
    assert found.pop("customers") == 1
    assert found == {
        "invoices": 1,
        "payments": 1,
        "credit_memos": 1,
        "credit_memo_items": 1,
        "bank_deposits": 1,
        "ap_credits": 1,
        source: 1,
    }
    assert str(tenant.staged(Kind.PAYMENT, payment["id"]).deposit_date) == "2026-10-15"
    (line,) = tenant.staged(Kind.BILL, bill["id"]).lines
    assert line.amount == Decimal("20.01")


def test_a_bill_is_edited_silently_canceled_and_never_comes_back(tenant: _Tenant) -> None:
    titan, source = tenant.titan, tenant.connection.posting.bills_source
    bill = titan.add_bill(date=_DAY, items=[{"quantity": "1", "cost": "100.00"}], syncStatus="Pending")
    tenant.take_in()
    before = tenant.staged(Kind.BILL, bill["id"])
    path = f"accounting/{source.replace('_', '-')}"
    for revision, amount in enumerate(("90.00", "100.00"), start=2):
        tenant.edit_silently(path, bill["id"], billAmount=amount)
        tenant.take_in(source)
        changed = tenant.staged(Kind.BILL, bill["id"])
        assert (changed.total, changed.revision) == (Decimal(amount), revision)
    assert changed.revision_hash == before.revision_hash
    titan.bill(bill["id"], "cancel")
    # A tenant may list canceled bills, where nothing tells them from others.
    titan.admin("PUT", "servicetitan/switches", {"list_canceled_inventory_bills": True})
    for _ in range(2):
        tenant.take_in(source)
        assert tenant.staged(Kind.BILL, bill["id"]).active is False
    titan.admin("PUT", "servicetitan/switches", {"list_canceled_inventory_bills": False})


def test_enumerations_that_arrive_as_numbers_change_no_revision(tenant: _Tenant) -> None:
    titan, source = tenant.titan, tenant.connection.posting.bills_source
    bill = titan.add_bill(date=_DAY, items=[{"quantity": "1", "cost": "100.00"}])
    tenant.take_in()
    assert tenant.staged(Kind.BILL, bill["id"]).revision == 1
    titan.admin("PUT", "servicetitan/switches", {"landed_cost_method_as_number": True})
    tenant.take_in(source)
    titan.admin("PUT", "servicetitan/switches", {"landed_cost_method_as_number": False})
    assert tenant.staged(Kind.BILL, bill["id"]).revision == 1


def test_a_row_of_the_same_instant_as_the_newest_is_not_lost(tenant: _Tenant) -> None:
    deposits = tenant.titan.running.sandbox.servicetitan.tables["accounting/bank-deposits"]
    tenant.take_in("bank_deposits")
    newest = max(deposits.rows.values(), key=lambda row: row["modifiedOn"])
    tenant.edit_silently("accounting/bank-deposits", newest["id"], name=tenant.connection.posting.bills_source)
    assert tenant.take_in("bank_deposits") == {"bank_deposits": 1}


def test_only_the_filtered_list_tells_a_journal_entry_from_money(tenant: _Tenant) -> None:
    titan = tenant.titan
    tenant.take_in()
    wanted = {"total": "50.00", "date": _DAY, "syncStatus": "Posted"}
    plain = titan.add_payment(**wanted, splits=[])
    entry = titan.add_payment(**wanted, splits=[], typeId=TYPE_IDS[JOURNAL_ENTRY])
    tenant.take_in()
    assert tenant.staged(Kind.PAYMENT, entry["id"]).is_journal_entry is True
    assert tenant.staged(Kind.PAYMENT, plain["id"]).is_journal_entry is False
