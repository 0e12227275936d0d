"""No clear answer: Vantagepoint is read back, and nothing is ever entered or posted twice."""

import json
from collections.abc import Callable, Generator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.domain.errors import PipelineError, TransientError
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import Bench, bench

DAY = date(2026, 10, 7)

LOST = [
    pytest.param({"effect": "drop_after_effect"}, id="connection-cut-after-the-effect"),
    pytest.param({"effect": "drop_before_effect"}, id="connection-cut-before-the-effect"),
    pytest.param({"effect": "answer_after_effect", "status": 500, "body": ""}, id="500-after-the-effect"),
    pytest.param({"effect": "answer_after_effect", "status": 502, "html": True}, id="502-html-after-the-effect"),
    pytest.param({"effect": "answer_after_effect", "status": 504, "html": True}, id="504-after-the-effect"),
    pytest.param({"effect": "answer_after_effect", "status": 200, "html": True}, id="html-with-200-after-the-effect"),
    pytest.param({"effect": "answer", "status": 503, "html": True}, id="503-before-the-effect"),
    pytest.param({"effect": "answer", "status": 500, "body": "{}"}, id="500-before-the-effect"),
    pytest.param({"effect": "truncate"}, id="answer-truncated"),
]


def run_until_done(acme: Bench) -> None:
    """Run the day as an operator would, again after each failure."""
    for _ in range(4):
        try:
            acme.run(DAY)
        except PipelineError:
            continue
        return
    pytest.fail("the day did not settle in four runs")


def assert_posted_once(acme: Bench) -> None:
    planned = acme.rows("SELECT sum(amount) AS amount FROM journal.posting_lines")[0].amount
    lines = [row for row in acme.sandbox.ledger() if row["AutoEntry"] == "N"]
    assert len({row["PKey"] for row in lines}) == len(lines)
    assert acme.ledger_total() == planned
    tie_out = acme.tie_out(DAY)
    assert tie_out.balanced
    assert tie_out.held.keys() <= {"not_ready"}
    assert set(acme.file_states()) == {"posted"}


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_to_entering_never_doubles(acme: Bench, fault: dict[str, Any]) -> None:
    """T02, T03, T04: cut, 500, 502, 504 and HTML, before and after the file was entered."""
    acme.sandbox.fault(system="vantagepoint", method="POST", path="inControl", nth=1, **fault)
    run_until_done(acme)
    assert_posted_once(acme)


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_to_posting_never_doubles(acme: Bench, fault: dict[str, Any]) -> None:
    """T02, T03, T04, T07: the same when the file was posted."""
    acme.sandbox.fault(system="vantagepoint", method="PUT", path="PostTransFile", nth=1, **fault)
    run_until_done(acme)
    assert_posted_once(acme)


def test_every_second_call_to_vantagepoint_failing_still_ends_posted_once(acme: Bench) -> None:
    acme.sandbox.fault(system="vantagepoint", path="/api/", every=2, effect="drop_after_effect")
    for _ in range(3):
        try:
            acme.run(DAY)
        except PipelineError:
            continue
    acme.sandbox.no_faults()
    run_until_done(acme)
    assert_posted_once(acme)


def test_a_file_in_doubt_is_not_sent_again_before_it_has_settled(acme: Bench) -> None:
    """T05: no second sending while it is unclear."""
    acme.changed(vantagepoint={"settling_seconds": 3600})
    acme.prepare(DAY)
    plan = acme.plan(DAY)
    acme.sandbox.fault(system="vantagepoint", method="POST", path="inControl", effect="drop_before_effect")
    waited_out = RuntimeError("settling")

    def stop_waiting(_seconds: float) -> None:
        raise waited_out

    acme.sleep = stop_waiting
    with pytest.raises(RuntimeError, match="settling"):
        acme.send(plan.batches)
    posts = [
        call
        for call in acme.sandbox.admin("GET", "requests")["requests"]
        if call["method"] == "POST" and "inControl" in call["path"]
    ]
    assert len(posts) == 1
    assert acme.file_states() == {"in_doubt": 1}
    assert acme.tie_out(DAY).balanced
    acme.sandbox.no_faults()
    acme.sleep = acme.waited.append
    acme.changed(vantagepoint={"settling_seconds": 0})
    run_until_done(acme)
    assert_posted_once(acme)


def test_a_file_that_never_gets_an_answer_is_shown_as_held_and_goes_out_once_it_does(acme: Bench) -> None:
    """T05: shown as held after the limit, posted once in the end."""
    acme.sandbox.fault(system="vantagepoint", method="POST", path="inControl", effect="answer", status=500, html=True)
    acme.run(DAY)
    assert acme.file_states() == {"planned": 1}
    tie_out = acme.tie_out(DAY)
    assert tie_out.balanced
    assert set(tie_out.held) - {"not_ready"} == {"no_clear_answer"}
    acme.sandbox.no_faults()
    run_until_done(acme)
    assert_posted_once(acme)


def test_a_refused_connection_leaves_the_file_planned(acme: Bench) -> None:
    acme.prepare(DAY)
    plan = acme.plan(DAY)
    acme.sandbox.fault(system="vantagepoint", method="POST", path="inControl", effect="answer", status=429)
    with pytest.raises(TransientError):
        acme.send(plan.batches)
    assert acme.file_states() == {"planned": 1}
    acme.sandbox.no_faults()
    run_until_done(acme)
    assert_posted_once(acme)


def test_a_ledger_that_lags_is_read_again_until_it_shows_the_file(acme: Bench) -> None:
    """T05: a read-back that lags."""
    acme.sandbox.admin("PUT", "vantagepoint/switches", {"ledger_lag_seconds": 3600})
    acme.run(DAY)
    assert acme.file_states() == {"posting": 1}
    tie_out = acme.tie_out(DAY)
    assert tie_out.balanced
    assert set(tie_out.held) - {"not_ready"} == {"in_flight"}
    acme.sandbox.admin("PUT", "vantagepoint/switches", {"ledger_lag_seconds": 0})
    acme.run(DAY)
    assert_posted_once(acme)


def test_a_file_a_person_deleted_in_vantagepoint_is_entered_again(acme: Bench) -> None:
    acme.prepare(DAY)
    (batch,) = acme.plan(DAY).batches
    acme.sandbox.fault(system="vantagepoint", method="PUT", path="PostTransFile", effect="answer", status=400)
    acme.send((batch,))
    assert acme.file_states() == {"entered": 1}
    acme.vantagepoint.delete_file("in", batch)
    acme.sandbox.no_faults()
    acme.run(DAY)
    acme.run(DAY)
    assert_posted_once(acme)


def test_a_file_a_person_posted_in_vantagepoint_is_confirmed_and_not_posted_again(acme: Bench) -> None:
    acme.prepare(DAY)
    (batch,) = acme.plan(DAY).batches
    acme.sandbox.fault(system="vantagepoint", method="PUT", path="PostTransFile", nth=1, effect="answer", status=400)
    acme.send((batch,))
    acme.vantagepoint.set_active_period(202610)
    acme.vantagepoint.post_file("in", batch, company="01", period=202610, description="by hand")
    acme.run(DAY)
    assert_posted_once(acme)


def test_a_file_changed_by_a_person_before_it_was_known_as_entered_is_held_with_an_alarm(acme: Bench) -> None:
    acme.prepare(DAY)
    (batch,) = acme.plan(DAY).batches
    body = acme.context.journal.file(batch).body
    first = acme.rows("SELECT line_key, amount FROM journal.posting_lines ORDER BY line_key LIMIT 1")[0]
    altered = body.replace(f'"Amount":{first.amount},', '"Amount":0.01,', 1)
    assert altered != body
    acme.vantagepoint.enter_file("in", json.loads(altered, parse_float=Decimal))
    acme.send((batch,))
    assert acme.file_states() == {"held": 1}
    assert set(acme.tie_out(DAY).held) - {"not_ready"} == {"different_in_vantagepoint"}
    again = acme.run(DAY)
    assert again.batches == ()
    assert acme.ledger_total() == Decimal(0)
    assert acme.tie_out(DAY).balanced


@pytest.fixture
def replayed(
    sandbox: Callable[..., SandboxUnderTest], engine: Engine, module_engine: Engine
) -> Generator[tuple[Bench, Bench]]:
    """One Vantagepoint, two databases that know nothing of each other."""
    running = sandbox(invoices=200)
    with bench(running, engine) as first, bench(running, module_engine) as second:
        first.take_in()
        yield first, second


def test_replaying_everything_on_a_fresh_database_posts_nothing_new(replayed: tuple[Bench, Bench]) -> None:
    first, second = replayed
    edited = first.sandbox.add_invoice(date=DAY.isoformat(), syncStatus="Posted", total="100.00")
    first.take_in()
    first.run(DAY)
    first.sandbox.edit_invoice(edited["id"], total="130.00")
    first.take_in()
    first.run(DAY)
    before = first.sandbox.ledger()
    second.take_in()
    second.run(DAY)
    assert first.sandbox.ledger() == before
    tie_out = second.tie_out(DAY)
    assert tie_out.balanced
    assert tie_out.held.keys() <= {"not_ready"}
    assert second.outcome(edited["id"])[0] == "posted"


def test_an_invoice_somebody_entered_by_hand_with_other_amounts_is_held(acme: Bench) -> None:
    invoice = acme.sandbox.add_invoice(date=DAY.isoformat(), syncStatus="Posted", total="100.00")
    acme.take_in()
    acme.prepare(DAY)
    (line,) = acme.rows("SELECT * FROM mapping.coded_lines WHERE document_id = :id LIMIT 1", id=invoice["id"])
    key = {"Batch": "BYHAND", "Invoice": line.invoice, "WBS1": line.wbs1, "WBS2": line.wbs2, "WBS3": line.wbs3}
    acme.vantagepoint.set_active_period(202610)
    acme.vantagepoint.enter_file(
        "in",
        {
            "Batch": "BYHAND",
            "Total": Decimal("55.00"),
            "inMaster": [{**key, "TransDate": "2026-10-07T00:00:00.000"}],
            "inDetail": [
                {
                    **key,
                    "PKey": "byhand1",
                    "Seq": 1,
                    "InvoiceSection": line.section,
                    "Account": line.account,
                    "Amount": Decimal("55.00"),
                }
            ],
        },
    )
    acme.vantagepoint.post_file("in", "BYHAND", company="01", period=202610, description="by hand")
    acme.run(DAY)
    assert acme.outcome(invoice["id"]) == ("held", "already_in_vantagepoint", Decimal("100.00"))
    assert acme.receivables(invoice["referenceNumber"]) == Decimal("55.00")
    assert acme.tie_out(DAY).balanced
