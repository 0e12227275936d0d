"""Two workers at once: at the same gate, and one that was frozen past the loss of its lock."""

import os
import signal
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from st_deltek_pipeline.domain.boundaries import Boundary
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline_tests.crashes.conftest import Office
from st_deltek_pipeline_tests.crashes.invariants import assert_invariants
from st_deltek_pipeline_tests.crashes.workers import DONE, LOCK_LOST, Halt, ended, job_of, started, work, workers
from st_deltek_pipeline_tests.services.posting.every_kind import make_bill
from st_deltek_pipeline_tests.services.posting.harness import Bench
from st_deltek_pipeline_tests.services.posting.test_crashes import end_lock_session

_SECONDS = 120
_STOPPED = "T"


def test_two_runs_of_one_day_at_once_post_everything_once(office: Office) -> None:
    """T12: in two processes, which take in, plan and post the same documents."""
    acme, day = office.acme, office.day()
    invoices = [acme.sandbox.add_invoice(date=day.isoformat(), syncStatus="Posted", total=f"{n}.00") for n in (10, 20)]
    bill = make_bill(acme, day, "60.00").row
    gate = workers().Barrier(2)
    job = job_of(acme, day, feeds=["invoices", "inventory_bills"], kinds=[Kind.INVOICE, Kind.BILL])
    both = [started(work, job, gate) for _ in range(2)]
    assert [ended(each) for each in both] == [DONE, DONE]
    assert [acme.standing(each["id"]) for each in (*invoices, bill)] == [
        Decimal("10.00"),
        Decimal("20.00"),
        Decimal("60.00"),
    ]
    planned = acme.rows("SELECT count(*) AS n FROM journal.transaction_files WHERE business_day = :day", day=day)
    assert planned[0].n == 2
    assert_invariants(acme, day, [Kind.INVOICE, Kind.BILL])


def test_a_run_and_one_by_hand_and_a_waiting_webhook_at_once_post_everything_once(office: Office) -> None:
    """T12: three of them, and this process is one."""
    acme, day = office.acme, office.day()
    invoice = acme.add(day, PART_A="100.00", PART_B="40.00")
    gate = workers().Barrier(3)
    both = [started(work, job_of(acme, day, kinds=[Kind.INVOICE]), gate) for _ in range(2)]
    by_hand = threading.Thread(target=lambda: (gate.wait(_SECONDS), acme.run(day)))
    by_hand.start()
    assert [ended(each) for each in both] == [DONE, DONE]
    by_hand.join(_SECONDS)
    assert acme.standing(invoice["id"]) == Decimal("140.00")
    assert_invariants(acme, day)


_NOTHING_LEFT = {Boundary.LOOKED, Boundary.POSTING_RECORDED}


@pytest.mark.parametrize(
    "moment",
    [
        Boundary.DECIDED,
        Boundary.LOOKED,
        Boundary.SESSION_SET,
        Boundary.SENDING_RECORDED,
        Boundary.FILE_ANSWERED,
        Boundary.POSTING_RECORDED,
        Boundary.POST_ANSWERED,
        Boundary.LEDGER_READ,
    ],
    ids=lambda moment: moment.name,
)
def test_a_worker_that_wakes_up_after_its_lock_was_taken_over_is_fenced(office: Office, moment: Boundary) -> None:
    """T13: frozen with SIGSTOP, its session cut, its work done by another run, thawed with SIGCONT."""
    acme, day = office.acme, office.day()
    invoice = acme.add(day, PART_A="100.00", PART_B="40.00")
    frozen = started(work, job_of(acme, day, kinds=[Kind.INVOICE], halt=Halt(moment, by=signal.SIGSTOP)))
    assert frozen.pid is not None
    until(lambda: state_of(frozen.pid or 0) == _STOPPED)
    end_lock_session(acme)
    acme.run(day)
    ledger = acme.sandbox.ledger()
    events = written(acme)
    os.kill(frozen.pid, signal.SIGCONT)
    # Where nothing is left to write, it looks where the file stands now, as any other run.
    assert ended(frozen) == (DONE if moment in _NOTHING_LEFT else LOCK_LOST)
    assert written(acme) == events
    assert acme.sandbox.ledger() == ledger
    assert acme.standing(invoice["id"]) == Decimal("140.00")
    assert_invariants(acme, day)


def written(acme: Bench) -> int:
    """Count what is in the journal."""
    with acme.engine.connect() as db:
        return db.execute(text("SELECT count(*) FROM journal.events")).scalar_one()


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def state_of(pid: int) -> str:
    """Return the letter that Linux shows for a process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
