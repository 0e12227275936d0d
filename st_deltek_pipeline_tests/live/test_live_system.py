"""The live system with parts of it lost, doubled, killed and taken away: every invoice is in the ledger, and once.

The tests follow one system, each going on where the one before it ended.
"""

import os
import signal
from collections.abc import Generator

import dagster as dg
import pytest

from st_deltek_pipeline.orchestration.run_tags import TRIGGER_TAG
from st_deltek_pipeline_tests.live.system import ENTERS, POSTS, SYNC, LiveSystem, live_system


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Generator[LiveSystem]:
    with live_system(tmp_path_factory.mktemp("live")) as running:
        yield running


@pytest.fixture(scope="module")
def untold(live: LiveSystem) -> int:
    """An invoice of which no webhook tells, since nobody has subscribed yet."""
    invoice = live.add("11.00")
    live.subscribe()
    return invoice


@pytest.fixture(autouse=True)
def _in_order(live: LiveSystem, untold: int) -> None:
    """Have each test begin when nothing is under way."""
    assert untold in live.added
    live.until(lambda: live.is_quiet)


def test_an_invoice_posted_in_servicetitan_is_in_the_ledger_without_anybody_doing_anything(live: LiveSystem) -> None:
    invoice = live.add("21.00")
    live.insist_posted_once([invoice])
    (run_id,) = live.handled_by(invoice)
    run = live.instance.get_run_by_id(run_id)
    assert run is not None
    assert (run.job_name, run.status) == (SYNC, dg.DagsterRunStatus.SUCCESS)


def test_a_daemon_killed_when_a_tick_has_requested_a_run_loses_and_doubles_nothing(live: LiveSystem) -> None:
    """T14: the daemon ends within a tick, and looks again when it is back."""
    before = {run.run_id for run in live.runs()}
    invoice = live.add("31.00")
    live.until(lambda: any(run.run_id not in before for run in live.runs()))
    live.daemon.kill(all_of_it=False)
    live.daemon.start()
    live.insist_posted_once([invoice])


def test_a_run_goes_on_when_the_daemon_is_killed_beside_it(live: LiveSystem) -> None:
    """T14: in mid-run."""
    invoice = live.add("41.00")
    with live.under_way(invoice, POSTS, milliseconds=15_000) as worker:
        live.daemon.kill(all_of_it=False)
        live.daemon.start()
    live.insist_posted_once([invoice])
    (run,) = live.runs(run_ids=[worker.run_id])
    assert run.status is dg.DagsterRunStatus.SUCCESS


@pytest.mark.parametrize("call", [ENTERS, POSTS])
def test_a_run_killed_while_vantagepoint_answers_is_run_again_and_posts_once(live: LiveSystem, call: str) -> None:
    """T01: as Dagster runs it."""
    invoice = live.add("51.00")
    with live.under_way(invoice, call) as worker:
        os.kill(worker.pid, signal.SIGKILL)
    live.insist_posted_once([invoice])


def test_after_a_power_cut_runs_are_ended_and_what_they_had_begun_is_brought_to_its_end(live: LiveSystem) -> None:
    invoice = live.add("61.00")
    with live.under_way(invoice, POSTS) as worker:
        live.daemon.kill(all_of_it=True)
        live.until(lambda: not worker.is_running)
        live.daemon.start()
    live.insist_posted_once([invoice])


def test_when_postgresql_crashes_in_the_middle_of_it_nothing_acknowledged_is_lost_and_the_daemon_recovers(
    live: LiveSystem,
) -> None:
    """T11: with the daemon, its event log and the receiver on the same server."""
    since = len(live.deliveries())
    invoices = [live.add("71.00")]

    def refused() -> int:
        return sum(any(each["status"] == 503 for each in one["attempts"]) for one in live.deliveries()[since:])

    with live.under_way(invoices[0], POSTS, milliseconds=10_000):
        live.crash_database()
        try:
            invoices += [live.add(f"{number}.00") for number in range(72, 78)]
            live.until(lambda: refused() == 6)
        finally:
            live.start_database()
    # What was refused is sent again by ServiceTitan.
    live.until(lambda: {each["state"] for each in live.deliveries()[since:]} == {"delivered"})
    live.insist_posted_once(invoices)
    assert all(len(live.handled_by(invoice)) == 1 and all(live.handled_by(invoice)) for invoice in invoices)
    assert live.daemon.is_running


def test_a_burst_of_doubled_and_reordered_events_makes_few_runs(live: LiveSystem) -> None:
    live.subscribe(double_every=2, reorder_every=3)
    before = len(live.runs())
    # Every second of 40 events comes twice.
    invoices = [live.add(f"{number}.00", f"2026-10-{28 + number % 3}") for number in range(100, 140)]
    live.insist_posted_once(invoices)
    assert len(live.runs()) - before <= 10


def test_an_invoice_of_which_no_webhook_tells_is_found_by_the_poll(live: LiveSystem, untold: int) -> None:
    live.insist_posted_once([untold])
    assert live.handled_by(untold) == []
    assert live.runs(None, tags={TRIGGER_TAG: "schedule"})


def test_in_the_end_nothing_is_under_way_and_no_invoice_is_missing(live: LiveSystem) -> None:
    assert live.posted() == live.added
