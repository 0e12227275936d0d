"""``connection check`` against both twins: every way of not fitting is named, with what to do about it."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.firm_links import LinkState, PartyKey, PartyKind
from st_deltek_pipeline.sandbox.fault_rules import FaultRule
from st_deltek_pipeline.sandbox.server import RunningSandbox, Sandbox, SandboxSettings
from st_deltek_pipeline.services.connection_check import check_connection
from st_deltek_pipeline.services.feeds import feeds_of
from st_deltek_pipeline.services.findings import Cause, Finding, Level
from st_deltek_pipeline.servicetitan.scopes import read_scope
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.firm_mappings import FirmMapping, write_mappings
from st_deltek_pipeline.store.vault import open_vault

_NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)


@pytest.fixture
def running() -> Generator[RunningSandbox]:
    with Sandbox(SandboxSettings(invoices=30, scenario="clean")).start() as sandbox:
        yield sandbox


@dataclass
class Bench:
    """A connection to the sandbox that a test can spoil."""

    settings: Settings
    engine: Engine
    sandbox: RunningSandbox
    document: dict[str, Any]
    secrets: dict[str, dict[str, str]]

    def check(self, now: datetime = _NOW) -> list[Finding]:
        connection = ConnectionSettings.model_validate(self.document)
        vault = open_vault(self.engine, self.settings)
        for system, values in self.secrets.items():
            vault.put(connection.name, system, values)
        return check_connection(self.settings, connection, engine=self.engine, vault=vault, now=now)

    def problems(self, now: datetime = _NOW) -> list[Finding]:
        return [finding for finding in self.check(now) if finding.level is Level.PROBLEM]


@pytest.fixture
def bench(settings: Settings, engine: Engine, running: RunningSandbox) -> Bench:
    return _bench(settings, engine, running)


def _bench(settings: Settings, engine: Engine, running: RunningSandbox) -> Bench:
    ready = running.ready_line
    document = {
        "name": "acme",
        **ready["connection"],
        "servicetitan": {name: ready["servicetitan"][name] for name in ("api_url", "auth_url", "tenant_id")},
        "vantagepoint": {name: ready["vantagepoint"][name] for name in ("base_url", "database", "company")},
    }
    return Bench(settings, engine, running, document, running.credentials)


def grant(bench: Bench, *more: str) -> None:
    """Let the app read what the connection has to, and otherwise only do what is named."""
    feeds = feeds_of(ConnectionSettings.model_validate(bench.document))
    scopes = sorted({scope for feed in feeds if (scope := read_scope(feed.resource)) is not None})
    bench.sandbox.sandbox.servicetitan.set_switches({"scopes": [*scopes, *more]})


def test_a_connection_that_fits_has_no_problem_and_no_warning(bench: Bench) -> None:
    grant(bench)
    findings = bench.check()
    assert [finding for finding in findings if finding.level is not Level.OK] == []
    assert [finding.subject for finding in findings] == [
        "ServiceTitan login",
        "ServiceTitan scopes",
        "ServiceTitan write scopes",
        "Vantagepoint login",
        "Vantagepoint company",
        "Vantagepoint role",
        "Vantagepoint AR invoices",
        "Vantagepoint cash receipts",
        "Vantagepoint AP vouchers",
        "Vantagepoint entry",
        "business units",
        "payment types",
        "coding rules",
        "receivables account",
        "accounting period",
    ]


def test_an_app_that_may_write_without_need_is_pointed_out(bench: Bench) -> None:
    grant(bench, "tn.acc.invoices:w", "tn.inv.receipts:w")
    [finding] = [finding for finding in bench.check() if finding.level is not Level.OK]
    assert (finding.level, finding.subject) == (Level.WARNING, "ServiceTitan write scopes")
    assert finding.message.endswith("tn.acc.invoices:w, tn.inv.receipts:w.")


@pytest.mark.parametrize("scope", ["tn.crm.bookings:r", "tn.acc.apbills:r", "tn.acc.journalentries:r"])
def test_an_app_that_may_read_what_the_connection_never_reads_is_pointed_out(bench: Bench, scope: str) -> None:
    grant(bench, scope)
    [finding] = [finding for finding in bench.check() if finding.level is not Level.OK]
    assert (finding.level, finding.subject) == (Level.WARNING, "ServiceTitan scopes")
    assert finding.message.endswith(f"ever does: {scope}.")


def test_the_other_view_of_bills_and_journal_entries_are_read_where_they_are_set(bench: Bench) -> None:
    bench.document["posting"] = {**bench.document["posting"], "bills_source": "ap_bills"}
    bench.document["reconciliation"] = {"journal_entries": "summaries"}
    grant(bench, "tn.acc.journalentries:r")
    assert {finding.level for finding in bench.check()} == {Level.OK}
    grant(bench, "tn.acc.journalentries:r", "tn.acc.inventorybills:r")
    [finding] = [finding for finding in bench.check() if finding.level is not Level.OK]
    assert finding.message.endswith("ever does: tn.acc.inventorybills:r.")


def test_a_role_that_may_more_than_it_needs_is_pointed_out(bench: Bench) -> None:
    grant(bench)
    more = {"role_other_types": ["EX", "TS"], "role_sees_employees": True}
    bench.sandbox.sandbox.vantagepoint.set_switches(more)
    found = [finding for finding in bench.check() if finding.level is not Level.OK]
    assert {(finding.level, finding.subject) for finding in found} == {(Level.WARNING, "Vantagepoint role")}
    assert [finding.message for finding in found] == [
        "The role may enter or post transactions that this connection never does: EX (EX), TS (TS).",
        "The role sees employees, which this program never reads.",
    ]


def test_rights_that_could_not_be_looked_at_are_said_so(bench: Bench) -> None:
    grant(bench)
    faults = bench.sandbox.sandbox.hooks.faults
    faults.add(FaultRule(path="employee", effect="answer", status=404, body='{"Message": "No such list."}'))
    assert {finding.level for finding in bench.check()} == {Level.OK}
    faults.clear()
    faults.add(FaultRule(path="allLanding", effect="answer", status=400, body='{"Message": "Not today."}'))
    [finding] = [finding for finding in bench.check() if finding.level is not Level.OK]
    assert (finding.level, finding.subject) == (Level.WARNING, "Vantagepoint role")
    assert "could not be looked at" in finding.message
    assert "Not today." in finding.message


def test_writing_back_needs_the_scopes_of_the_kinds_that_are_moved_and_no_others(bench: Bench) -> None:
    bench.document["posting"] = {
        **bench.document["posting"],
        "write_back": "exported",
        "documents": ["invoice", "bill"],
    }
    grant(bench, "tn.acc.invoices:w")
    [problem] = bench.problems()
    assert (problem.cause, problem.subject) == (Cause.PERMISSION, "ServiceTitan write scopes")
    assert problem.message == "The app may not write tn.acc.inventorybills:w, which posting.write_back: exported needs."
    grant(bench, "tn.acc.invoices:w", "tn.acc.inventorybills:w")
    assert {finding.level for finding in bench.check()} == {Level.OK}


def test_only_what_the_moved_kinds_need_is_asked_for(bench: Bench) -> None:
    bench.document["posting"] = {**bench.document["posting"], "documents": ["invoice"]}
    grant(bench)
    assert {finding.level for finding in bench.check()} == {Level.OK}


def test_bills_as_journal_entries_are_looked_for_among_journal_entries(bench: Bench) -> None:
    grant(bench)
    bench.document["posting"] = {**bench.document["posting"], "bills_as": "journal_entry"}
    findings = {finding.subject: finding for finding in bench.check()}
    assert findings["Vantagepoint journal entries"].level is Level.OK
    assert findings["journal entries"].level is Level.PROBLEM
    assert "Vantagepoint AP vouchers" not in findings


def test_a_payment_type_without_a_bank_is_a_warning(bench: Bench) -> None:
    grant(bench)
    bench.document["coding"] = [
        rule for rule in bench.document["coding"] if "Check" not in rule.get("when", {}).get("payment_type", [])
    ]
    subjects = [finding.subject for finding in bench.check() if finding.level is Level.WARNING]
    assert "payment type 'Check'" in subjects


def test_customers_without_a_firm_are_counted_once_they_were_matched(bench: Bench) -> None:
    grant(bench)
    rows = [
        FirmMapping(
            key=PartyKey(PartyKind.CUSTOMER, number),
            name=f"Customer {number}",
            active=True,
            merged_into=None,
            state=state,
            firm_id="",
            firm_number="",
            firm_name="",
            vendor="",
            decided_by=None,
            score=0,
            candidates="[]",
            message="",
            words="",
            person="",
        )
        for number, state in enumerate((LinkState.LINKED, LinkState.AMBIGUOUS, LinkState.MISSING), start=1)
    ]
    with bench.engine.begin() as db:
        write_mappings(db, "acme", rows, run_id="test")
        # The third is named by no document.
        db.exec_driver_sql("UPDATE mapping.firm_mappings SET needed = true WHERE party_id < 3")
    [finding] = [finding for finding in bench.check() if finding.subject == "customers"]
    assert (finding.level, finding.message) == (
        Level.WARNING,
        "1 of 2 customers that documents name have no firm to post to.",
    )
    assert "firms review acme" in finding.advice


def test_the_check_writes_nothing_to_either_system(bench: Bench) -> None:
    before = len(bench.sandbox.hooks.log.entries())
    files = dict(bench.sandbox.sandbox.vantagepoint.state.files)
    bench.check()
    entries = bench.sandbox.hooks.log.entries()[before:]
    writes = [entry for entry in entries if entry.method != "GET" and not entry.path.endswith("/token")]
    assert [(entry.method, entry.path.rsplit("/", 1)[-1]) for entry in writes] == [("POST", "inControl")]
    assert all(entry.status == 400 for entry in writes)
    assert bench.sandbox.sandbox.vantagepoint.state.files == files


@pytest.mark.parametrize("use_files", [True, False])
@pytest.mark.parametrize("entry", ["files", "single"])
def test_the_way_of_entry_is_held_against_the_tenants(bench: Bench, entry: str, *, use_files: bool) -> None:
    bench.sandbox.sandbox.vantagepoint.set_switches({"use_files": use_files})
    bench.document["vantagepoint"]["entry"] = entry
    (finding,) = [finding for finding in bench.check() if finding.subject == "Vantagepoint entry"]
    fits = use_files == (entry == "files")
    assert (finding.level, finding.cause) == ((Level.OK, None) if fits else (Level.PROBLEM, Cause.CONFIGURATION))
    assert fits or "vantagepoint.entry" in finding.advice


def test_a_role_that_may_not_enter_transactions_is_a_problem(bench: Bench) -> None:
    bench.sandbox.sandbox.vantagepoint.set_switches({"role_may_enter": False})
    (finding,) = [finding for finding in bench.problems() if finding.subject == "Vantagepoint entry"]
    assert finding.cause is Cause.PERMISSION


@pytest.mark.parametrize(
    ("spoil", "subject", "cause", "words"),
    [
        pytest.param(
            lambda bench: bench.secrets["servicetitan"].update(client_secret="wrong"),
            "ServiceTitan login",
            Cause.CREDENTIALS,
            "",
            id="wrong ServiceTitan secret",
        ),
        pytest.param(
            lambda bench: bench.secrets["vantagepoint"].update(password="wrong"),
            "Vantagepoint login",
            Cause.CREDENTIALS,
            "",
            id="wrong Vantagepoint password",
        ),
        pytest.param(
            lambda bench: bench.secrets.pop("vantagepoint"),
            "Vantagepoint login",
            Cause.CREDENTIALS,
            "No vantagepoint credentials are stored",
            id="no Vantagepoint credentials",
        ),
        pytest.param(
            lambda bench: bench.document["servicetitan"].update(tenant_id=1),
            "ServiceTitan login",
            Cause.PERMISSION,
            "may read nothing of tenant 1.",
            id="wrong tenant",
        ),
        pytest.param(
            lambda bench: bench.document["vantagepoint"].update(database="other"),
            "Vantagepoint login",
            Cause.CREDENTIALS,
            "",
            id="wrong database",
        ),
        pytest.param(
            lambda bench: bench.document["vantagepoint"].update(company="99"),
            "Vantagepoint company",
            Cause.CONFIGURATION,
            "Company 99 does not exist",
            id="wrong company",
        ),
        pytest.param(
            lambda bench: bench.document["servicetitan"].update(api_url="http://127.0.0.1:9"),
            "ServiceTitan login",
            Cause.UNREACHABLE,
            "",
            id="ServiceTitan unreachable",
        ),
        pytest.param(
            lambda bench: bench.document["vantagepoint"].update(base_url="http://127.0.0.1:9/api"),
            "Vantagepoint login",
            Cause.UNREACHABLE,
            "",
            id="Vantagepoint unreachable",
        ),
        pytest.param(
            lambda bench: bench.document["vantagepoint"].update(base_url="https://example.com/api"),
            "Vantagepoint login",
            Cause.CONFIGURATION,
            "example.com is not a known Vantagepoint host",
            id="strange host",
        ),
        pytest.param(
            lambda bench: bench.document.update(allow_insecure_hosts=False),
            "ServiceTitan login",
            Cause.CONFIGURATION,
            "anybody on the way can read",
            id="plain http without permission",
        ),
        pytest.param(
            lambda bench: bench.sandbox.sandbox.servicetitan.set_switches({"scopes": ["tn.acc.invoices:r"]}),
            "ServiceTitan customers",
            Cause.PERMISSION,
            "tn.crm.customers:r",
            id="missing scope",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_its_cause_and_a_next_step(
    bench: Bench, spoil: Callable[[Bench], object], subject: str, cause: Cause, words: str
) -> None:
    spoil(bench)
    [found] = [finding for finding in bench.problems() if finding.subject == subject]
    assert found.cause is cause
    assert words in found.message + found.advice
    assert found.message
    assert found.advice
    assert not any(secret in str(found) for values in bench.secrets.values() for secret in values.values())


def test_one_unreachable_system_does_not_hide_what_is_wrong_with_the_other(bench: Bench) -> None:
    bench.document["servicetitan"]["api_url"] = "http://127.0.0.1:9"
    bench.secrets["vantagepoint"]["password"] = "wrong"
    assert [finding.subject for finding in bench.problems()] == ["ServiceTitan login", "Vantagepoint login"]


def test_a_field_that_the_role_hides_is_a_warning(bench: Bench) -> None:
    grant(bench)
    bench.sandbox.sandbox.vantagepoint.set_switches({"hidden_fields": ["project.BillingClientID", "firm.Status"]})
    warnings = [finding for finding in bench.check() if finding.level is Level.WARNING]
    assert [(finding.subject, "BillingClientID" in finding.message) for finding in warnings] == [
        ("Vantagepoint firms", False),
        ("Vantagepoint projects", True),
    ]


def test_rules_are_held_against_what_exists(bench: Bench) -> None:
    grant(bench)
    bench.document["coding"] = [
        {"name": "typo", "when": {"business_unit": "Nobody"}, "give": {"wbs1": "NOPE"}},
        *bench.document["coding"],
        {"name": "ledger", "give": {"account": "999.99", "section": "L"}},
    ]
    findings = bench.check()
    assert [(finding.subject, finding.level) for finding in findings if finding.level is not Level.OK] == [
        ("coding rule 'typo'", Level.WARNING),
        ("coding rule 'typo'", Level.PROBLEM),
        ("coding rule 'ledger'", Level.PROBLEM),
    ]


def test_a_business_unit_without_a_rule_is_a_warning(settings: Settings, engine: Engine) -> None:
    with Sandbox(SandboxSettings(invoices=30, scenario="month")).start() as sandbox:
        findings = _bench(settings, engine, sandbox).check()
    assert any(
        finding.level is Level.WARNING and finding.message.startswith("No coding rule gives wbs1 for it")
        for finding in findings
    )


def test_a_time_without_an_open_period_is_a_problem(bench: Bench) -> None:
    [finding] = bench.problems(now=_NOW.replace(year=2040))
    assert finding.subject == "accounting period"
    assert "2040-10-20" in finding.message


def test_the_rate_limit_is_shared_through_the_data_folder(bench: Bench) -> None:
    bench.check()
    assert len(list((bench.settings.data_dir / "rate_limits").iterdir())) == 2


def test_another_installation_has_its_own_key_and_is_told_so(bench: Bench) -> None:
    bench.check()
    bench.settings = replace(bench.settings, data_dir=bench.settings.data_dir / "other")
    bench.secrets = {}
    found = bench.problems()
    assert [finding.cause for finding in found] == [Cause.CREDENTIALS, Cause.CREDENTIALS]
    assert "master.key" in found[0].advice
