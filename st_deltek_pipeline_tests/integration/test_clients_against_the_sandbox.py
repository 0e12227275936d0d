"""Both clients against both twins: what one promises is what the other gives."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.domain.errors import (
    AlreadyExistsError,
    CredentialsError,
    InDoubtError,
    PermissionMissingError,
    RefusedError,
)
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.credentials import ServiceTitanCredentials
from st_deltek_pipeline.servicetitan.errors import FeedTokenRefusedError
from st_deltek_pipeline.transport.exchange import ExchangeRecord
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.credentials import VantagepointCredentials
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest, running_sandbox

FEEDS = {
    "accounting/export/invoices": "invoices",
    "crm/export/customers": "customers",
    "crm/export/locations": "locations",
    "settings/export/business-units": "business_units",
    "jpm/export/jobs": "jobs",
    "jpm/export/projects": "projects",
}
LISTS = {
    "accounting/gl-accounts": "gl_accounts",
    "accounting/tax-zones": "tax_zones",
    "accounting/payment-types": "payment_types",
    "jpm/job-types": "job_types",
    "settings/business-units": "business_units",
}
REFERENCE = {
    "firm": "firms",
    "organization": "organizations",
    "Accounts/": "accounts",
    "TaxCodeEntity/": "tax_codes",
    "BankCode/CFGBANKS": "banks",
    "Settings/Company": "companies",
    "Settings/Period": "periods",
}


def titan_client(sandbox: SandboxUnderTest, **changes: Any) -> ServiceTitanClient:
    settings: dict[str, Any] = {
        "api_url": sandbox.servicetitan_url,
        "auth_url": sandbox.servicetitan_auth_url,
        "tenant_id": sandbox.ready_line["servicetitan"]["tenant_id"],
        "credentials": ServiceTitanCredentials(**sandbox.credentials["servicetitan"]),
        "allow_insecure_hosts": True,
    }
    return ServiceTitanClient(**{**settings, **changes})


def office_client(sandbox: SandboxUnderTest, **changes: Any) -> VantagepointClient:
    settings: dict[str, Any] = {
        "base_url": sandbox.vantagepoint_url,
        "database": sandbox.ready_line["vantagepoint"]["database"],
        "credentials": VantagepointCredentials(**sandbox.credentials["vantagepoint"]),
        "calls_per_second": 60,
        "allow_insecure_hosts": True,
    }
    return VantagepointClient(**{**settings, **changes})


@pytest.fixture(scope="module")
def titan(shared_sandbox: SandboxUnderTest) -> Iterator[ServiceTitanClient]:
    with titan_client(shared_sandbox) as client:
        yield client


@pytest.fixture(scope="module")
def office(shared_sandbox: SandboxUnderTest) -> Iterator[VantagepointClient]:
    with office_client(shared_sandbox) as client:
        yield client


# --- ServiceTitan -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feed", FEEDS)
def test_every_feed_is_read_to_its_end_without_loss(
    titan: ServiceTitanClient, shared_sandbox: SandboxUnderTest, feed: str
) -> None:
    world = shared_sandbox.running.sandbox.world.servicetitan
    seen: set[int] = set()
    token, more = None, True
    while more:
        page = titan.export_feed(feed, token)
        seen.update(json.loads(row)["id"] for row in page.rows)
        token, more = page.continue_from, page.has_more
    assert seen == set(getattr(world, FEEDS[feed]))
    again = titan.export_feed(feed, token)
    assert (again.rows, again.has_more) == ([], False)


@pytest.mark.parametrize("resource", LISTS)
def test_every_list_is_read_to_its_end(
    titan: ServiceTitanClient, shared_sandbox: SandboxUnderTest, resource: str
) -> None:
    rows = [json.loads(row) for page in titan.list_pages(resource, active="Any") for row in page]
    assert {row["id"] for row in rows} == set(
        getattr(shared_sandbox.running.sandbox.world.servicetitan, LISTS[resource])
    )


def test_invoices_are_read_by_their_ids(titan: ServiceTitanClient, shared_sandbox: SandboxUnderTest) -> None:
    wanted = list(shared_sandbox.running.sandbox.world.servicetitan.invoices)[:120]
    rows = [json.loads(row) for row in titan.by_ids("accounting/invoices", wanted, activeState="All")]
    assert sorted(row["id"] for row in rows) == sorted(wanted)


def test_a_made_up_token_is_refused_as_a_token(titan: ServiceTitanClient) -> None:
    with pytest.raises(FeedTokenRefusedError):
        titan.export_feed("accounting/export/invoices", "made up!")


def test_wrong_secrets_are_credentials_errors(shared_sandbox: SandboxUnderTest) -> None:
    good = shared_sandbox.credentials
    wrong_titan = ServiceTitanCredentials(**{**good["servicetitan"], "client_secret": "wrong"})
    with titan_client(shared_sandbox, credentials=wrong_titan) as client, pytest.raises(CredentialsError):
        client.ping()
    wrong_office = VantagepointCredentials(**{**good["vantagepoint"], "password": "wrong"})
    with (
        office_client(shared_sandbox, credentials=wrong_office) as client,
        pytest.raises(CredentialsError, match="user name or password"),
    ):
        client.ping()


# --- Vantagepoint -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", REFERENCE)
def test_all_reference_data_is_read(office: VantagepointClient, shared_sandbox: SandboxUnderTest, path: str) -> None:
    rows = [row for page in office.rows(path) for row in page]
    assert len(rows) == len(getattr(shared_sandbox.running.sandbox.world.vantagepoint, REFERENCE[path]))


def test_projects_are_read_level_by_level(office: VantagepointClient, shared_sandbox: SandboxUnderTest) -> None:
    keys = [
        (str(row["WBS1"]).strip(), str(row["WBS2"]).strip(), str(row["WBS3"]).strip())
        for level in ("wbs1", "wbs2", "wbs3")
        for page in office.rows("project", parameters={"wbstype": level})
        for row in page
    ]
    assert len(keys) == len(set(keys))
    assert set(keys) == set(shared_sandbox.running.sandbox.world.vantagepoint.projects)


def test_the_session_has_a_company_and_a_period(office: VantagepointClient, shared_sandbox: SandboxUnderTest) -> None:
    assert office.active_company() == shared_sandbox.ready_line["vantagepoint"]["company"]
    assert office.active_period() in shared_sandbox.running.sandbox.world.vantagepoint.periods


class File:
    """A transaction file of two invoices that the sandbox's Vantagepoint can take."""

    def __init__(self, sandbox: SandboxUnderTest, batch: str = "48aed4940d014a319758a9921362510f") -> None:
        world = sandbox.running.sandbox.world.vantagepoint
        self.batch, self.company = batch, world.company
        self.period = max(
            period for period in world.periods if not sandbox.running.sandbox.vantagepoint.state.is_closed(period)
        )
        leaves = [
            key
            for key, row in world.projects.items()
            if row["Status"] == "A" and row["SubLevel"] != "Y" and row["ChargeType"] == "R"
        ]
        self.wbs = leaves[0]
        accounts = [code for code, row in world.accounts.items() if str(row["Type"]) == "4" and row["Status"] == "A"]
        self.account = accounts[0]
        self.invoices = ["ST-1001", "12"]
        self.amounts = [Decimal("100.10"), Decimal("-0.05")]

    def body(self) -> dict[str, Any]:
        day = f"{self.period // 100}-{self.period % 100:02d}-15T00:00:00.000"
        wbs = dict(zip(("WBS1", "WBS2", "WBS3"), self.wbs, strict=True))
        return {
            "Batch": self.batch,
            "Description": "Two invoices",
            "Total": sum(self.amounts, Decimal(0)),
            "Company": self.company,
            "Period": self.period,
            "inMaster": [
                {"Batch": self.batch, "Invoice": invoice, **wbs, "TransDate": day, "DueDate": day}
                for invoice in self.invoices
            ],
            "inDetail": [
                {
                    "Batch": self.batch,
                    "Invoice": invoice,
                    **wbs,
                    "PKey": f"{self.batch[:20]}{position}",
                    "Seq": 1,
                    "InvoiceSection": "F",
                    "Account": self.account,
                    "Amount": amount,
                }
                for position, (invoice, amount) in enumerate(zip(self.invoices, self.amounts, strict=True))
            ],
        }


@pytest.mark.parametrize("row_limit_parameter", ["limit", "q.maxrows"])
@pytest.mark.parametrize("as_object", [False, True])
def test_a_file_is_entered_posted_and_read_back(row_limit_parameter: str, *, as_object: bool) -> None:
    records: list[ExchangeRecord] = []
    switches = {
        "single_answers_as_object": as_object,
        "limit_refused_on_ledger_and_entry": row_limit_parameter == "q.maxrows",
    }
    with (
        running_sandbox(invoices=50, vantagepoint=switches) as sandbox,
        office_client(sandbox, row_limit_parameter=row_limit_parameter, request_log=records.append) as office,
    ):
        file = File(sandbox)
        office.set_active_company(file.company)
        office.set_active_period(file.period)
        assert office.active_period() == file.period
        assert office.read_control("in", file.batch) is None
        assert office.read_masters("in", file.batch) == []

        entered = office.enter_file("in", file.body())
        assert entered["Batch"] == file.batch
        control = office.read_control("in", file.batch)
        assert control is not None
        assert Decimal(control["SumTotal"]) == Decimal("100.05")
        assert control["Posted"] != "Y"
        assert len(office.read_masters("in", file.batch)) == 2
        details = office.read_details("in", file.batch)
        assert sorted(Decimal(detail["Amount"]) for detail in details) == [Decimal("-0.05"), Decimal("100.10")]
        assert office.ledger_rows("IN", batches=[file.batch]) == []

        with pytest.raises(AlreadyExistsError):
            office.enter_file("in", file.body())

        answer = office.post_file("in", file.batch, company=file.company, period=file.period, description="Two")
        assert (answer.posted, answer.period, answer.post_sequence) == (True, file.period, 1)
        rows = office.ledger_rows("IN", batches=[file.batch])
        ours = {row.line_key: row for row in rows if row.line_key.startswith(file.batch[:20])}
        assert sorted(row.amount for row in ours.values()) == [Decimal("-100.10"), Decimal("0.05")]
        assert {(row.wbs1, row.wbs2, row.wbs3) for row in rows} == {file.wbs}
        assert sum(row.amount for row in rows) == 0
        assert {row.period for row in rows} == {file.period}
        # A number shorter than seven characters is stored padded; both are found.
        found = office.ledger_rows("IN", invoices=["ST-1001", "12", "0000012", "999"])
        assert {row.invoice for row in found} == {"ST-1001", "0000012"}

        again = office.post_file("in", file.batch, company=file.company, period=file.period, description="Two")
        assert again.posted is False
        assert "already posted" in again.message
        with pytest.raises(RefusedError):
            office.delete_file("in", file.batch)
    assert {record.system for record in records} == {"vantagepoint"}


def test_a_long_list_of_files_is_asked_for_in_one_call_or_in_chunks(
    office: VantagepointClient, shared_sandbox: SandboxUnderTest
) -> None:
    batches = [f"{number:032x}" for number in range(150)]
    assert office.ledger_rows("IN", batches=batches) == []
    with office_client(shared_sandbox, long_queries_as_post=False) as chunked:
        assert chunked.ledger_rows("IN", batches=batches) == []


def test_a_lost_answer_is_in_doubt_and_the_read_back_settles_it(sandbox: Any) -> None:
    running = sandbox(invoices=50)
    with office_client(running) as office:
        file = File(running)
        office.set_active_period(file.period)
        running.fault(system="vantagepoint", method="POST", path="inControl", first=1, effect="drop_after_effect")
        with pytest.raises(InDoubtError):
            office.enter_file("in", file.body())
        running.no_faults()
        assert office.read_control("in", file.batch) is not None
        office.delete_file("in", file.batch)
        assert office.read_control("in", file.batch) is None


def test_refusals_come_with_vantagepoints_words(sandbox: Any) -> None:
    running = sandbox(invoices=50, vantagepoint={"refusal_status": 500, "capital_error_keys": True})
    with office_client(running) as office:
        file = File(running)
        office.set_active_period(file.period)
        wrong = file.body()
        wrong["inDetail"][0]["Account"] = "999.99"
        with pytest.raises(RefusedError, match=r"999\.99 does not exist"):
            office.enter_file("in", wrong)
        assert office.read_control("in", file.batch) is None
        running.admin("PUT", "vantagepoint/switches", {"role_may_enter": False})
        with pytest.raises(PermissionMissingError):
            office.enter_file("in", file.body())


def test_tokens_that_lapse_all_the_time_do_not_stop_anything(sandbox: Any) -> None:
    """T16: tokens that expire all the time."""
    running = sandbox(invoices=50, vantagepoint={"token_seconds": 1, "refresh_token_reusable": False})
    with office_client(running) as office:
        for _ in range(30):
            office.ping()
