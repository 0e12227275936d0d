"""Tenants that enter transactions one by one: the same protocol and journal, one document per Batch."""

from collections.abc import Callable, Generator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench, Entry, bench
from st_deltek_pipeline_tests.services.posting.test_in_doubt import LOST

ZERO = Decimal("0.00")


@pytest.fixture
def single(sandbox: Callable[..., SandboxUnderTest], quiet_engine: Engine) -> Generator[Bench]:
    running = sandbox(invoices=20, vantagepoint={"use_files": False})
    with bench(running, quiet_engine, entry="single") as connected:
        yield connected


def calls(single: Bench, method: str, part: str) -> list[str]:
    requests = single.sandbox.admin("GET", "requests")["requests"]
    return [call["path"] for call in requests if call["method"] == method and part in call["path"]]


def test_every_document_is_entered_under_a_batch_of_its_own(single: Bench) -> None:
    invoices = [single.add(PART_A="60.00"), single.add(PART_B="40.00")]
    plan = single.run(QUIET_DAY)
    assert len(plan.batches) == 2
    assert len(calls(single, "POST", "inMaster")) == 2
    assert calls(single, "POST", "inControl") == []
    assert single.owed(invoices[0]) == {"CHS2026": Decimal("60.00")}
    assert single.owed(invoices[1]) == {"RHS2026": Decimal("40.00")}
    assert single.tie_out(QUIET_DAY).balanced
    assert single.run(QUIET_DAY).batches == ()


def test_phases_and_corrections_come_through_one_by_one(single: Bench) -> None:
    invoice = single.add(PHASE_1="60.00", PHASE_2="40.00")
    single.run(QUIET_DAY)
    single.change(invoice, PHASE_1="70.00", PART_A="5.00")
    single.run(QUIET_DAY)
    assert single.owed(invoice) == {"CHC2026 GEN": Decimal("70.00"), "CHS2026": Decimal("5.00")}
    assert single.outcome(invoice["id"]) == ("posted", "", ZERO)
    assert single.tie_out(QUIET_DAY).balanced


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize(("method", "path"), [("POST", "inMaster"), ("PUT", "PostTransFile")])
def test_a_lost_answer_never_doubles(single: Bench, fault: dict[str, Any], method: str, path: str) -> None:
    invoice = single.add(PART_A="60.00")
    single.sandbox.fault(system="vantagepoint", method=method, path=path, nth=1, **fault)
    single.run(QUIET_DAY)
    single.run(QUIET_DAY)
    assert single.owed(invoice) == {"CHS2026": Decimal("60.00")}
    assert single.file_states() == {"posted": 1}
    assert single.outcome(invoice["id"]) == ("posted", "", ZERO)


def test_a_refused_document_does_not_hold_up_the_others(single: Bench) -> None:
    refused, accepted = single.add(PART_B="40.00"), single.add(PART_A="60.00")
    single.prepare(QUIET_DAY)
    batches = single.plan(QUIET_DAY).batches
    single.project("RHS2026", "I")
    single.send(batches)
    assert single.outcome(refused["id"]) == ("held", "refused", Decimal("40.00"))
    assert single.outcome(accepted["id"]) == ("posted", "", ZERO)
    single.project("RHS2026", "A")
    single.run(QUIET_DAY)
    assert single.outcome(refused["id"]) == ("posted", "", ZERO)


def test_a_fresh_database_posts_nothing_new(single: Bench, module_engine: Engine) -> None:
    single.add(PART_A="60.00")
    single.run(QUIET_DAY)
    before = single.sandbox.ledger()
    with bench(single.sandbox, module_engine, entry="single") as second:
        second.take_in()
        second.run(QUIET_DAY)
        assert second.sandbox.ledger() == before
        # The very same Batch is found.
        assert second.file_states() == {"posted": 1}


@pytest.mark.parametrize(("entry", "other"), [("files", "single"), ("single", "files")])
def test_a_setting_that_does_not_fit_the_tenant_stops_with_advice_and_nothing_is_held(
    sandbox: Callable[..., SandboxUnderTest], engine: Engine, entry: Entry, other: Entry
) -> None:
    running = sandbox(invoices=20, vantagepoint={"use_files": other == "files"})
    with bench(running, engine, entry=entry) as connected:
        connected.take_in()
        invoices = [connected.add(PART_A="60.00"), connected.add(PART_B="40.00")]
        connected.prepare(QUIET_DAY)
        with pytest.raises(ConfigurationError, match="Use Files to Group Transactions"):
            connected.send(connected.plan(QUIET_DAY).batches)
        assert set(connected.file_states()) == {"planned"}
        assert {connected.outcome(invoice["id"])[0] for invoice in invoices} == {"in_flight"}
        connected.changed(vantagepoint={"entry": other})
        connected.run(QUIET_DAY)
        assert {connected.outcome(invoice["id"]) for invoice in invoices} == {("posted", "", ZERO)}
        assert connected.ledger_total() == Decimal("100.00")
