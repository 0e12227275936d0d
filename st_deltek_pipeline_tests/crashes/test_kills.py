"""A worker is killed with SIGKILL at each named moment: the next run ends with everything there, and there once."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.domain.boundaries import Boundary
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.services.holds import release_document
from st_deltek_pipeline.services.write_back import write_back_day
from st_deltek_pipeline_tests.crashes.conftest import Office
from st_deltek_pipeline_tests.crashes.invariants import assert_invariants
from st_deltek_pipeline_tests.crashes.workers import Halt, ended, job_of, started, work
from st_deltek_pipeline_tests.services.posting.every_kind import make_bill
from st_deltek_pipeline_tests.services.posting.harness import Bench

KILLED = -signal.SIGKILL
_ENTERS: dict[str, Any] = {"system": "vantagepoint", "method": "POST", "path": "inControl", "nth": 1}
_POSTS: dict[str, Any] = {"system": "vantagepoint", "method": "PUT", "path": "PostTransFile", "nth": 1}


@dataclass
class Scene:
    """What happens on the day of a crash.

    Attributes:
        parts: Lines of the invoices that are made.
        fault: What goes wrong in Vantagepoint while the worker lives.
        before, after: What else people do before it, and after it.
        standing: What stands of each invoice in the end.
    """

    parts: tuple[dict[str, str], ...] = ({"PART_A": "100.00", "PART_B": "40.00"},)
    fault: dict[str, Any] = field(default_factory=dict[str, Any])
    before: Callable[[Bench, list[dict[str, Any]]], None] = lambda _bench, _invoices: None
    after: Callable[[Bench, list[dict[str, Any]]], None] = lambda _bench, _invoices: None
    standing: tuple[str, ...] = ("140.00",)


def _close_project(bench: Bench, _invoices: list[dict[str, Any]]) -> None:
    bench.project("RHS2026", "I")


def _open_project(bench: Bench, _invoices: list[dict[str, Any]]) -> None:
    bench.project("RHS2026", "A")


def _enter_by_hand(bench: Bench, invoices: list[dict[str, Any]]) -> None:
    bench.enter_by_hand(invoices[0], "CHS2026", "100.00", batch=f"HAND{invoices[0]['id']}")


def _delete_and_release(bench: Bench, invoices: list[dict[str, Any]]) -> None:
    for file in bench.rows("SELECT batch FROM journal.transaction_files WHERE state = 'held'"):
        bench.vantagepoint.delete_file("in", file.batch)
        release_document(bench.context, DocumentKey("acme", Kind.INVOICE, invoices[0]["id"]), by="jane")


_USUAL = Scene()
_POISON = Scene(
    parts=({"PART_A": "10.00"}, {"PART_B": "20.00"}),
    before=_close_project,
    after=_open_project,
    standing=("10.00", "20.00"),
)
_LOST = Scene(fault={**_ENTERS, "effect": "drop_before_effect"})
_SCENES = {
    # What stands by hand has no key of ours, and nothing of ours has to stand beside it.
    Boundary.FOUND_RECORDED: Scene(parts=({"PART_A": "100.00"},), before=_enter_by_hand, standing=("0.00",)),
    Boundary.REFUSAL_HEARD: _POISON,
    Boundary.REFUSAL_RECORDED: _POISON,
    Boundary.SPLIT_RECORDED: _POISON,
    Boundary.DOUBT_HEARD: _LOST,
    Boundary.DOUBT_RECORDED: _LOST,
    Boundary.ABSENCE_RECORDED: _LOST,
    Boundary.HOLD_RECORDED: Scene(fault={**_ENTERS, "half": True}, after=_delete_and_release),
    Boundary.POST_REFUSAL_RECORDED: Scene(fault={**_POSTS, "effect": "answer", "status": 400}),
}
_EXPORTS = (Boundary.EXPORT_RECORDED, Boundary.EXPORT_ANSWERED, Boundary.EXPORTED_RECORDED)
_PAGES = (Boundary.PAGE_READ, Boundary.PAGE_WRITTEN, Boundary.PAGE_STORED)
_DELIVERIES = (Boundary.DELIVERY_WRITTEN, Boundary.DELIVERY_KEPT)
_POSTING = [each for each in Boundary if each not in {*_EXPORTS, *_PAGES, *_DELIVERIES}]


def kill(bench: Bench, day: date, halt: Halt, **what: Any) -> None:
    """Let a worker do something until it is killed."""
    assert ended(started(work, job_of(bench, day, halt=halt, **what))) == KILLED


@pytest.mark.parametrize("moment", _POSTING, ids=lambda moment: moment.name)
def test_a_worker_killed_while_it_posts_invoices(office: Office, moment: Boundary) -> None:
    """T01: at every moment of the posting protocol."""
    acme, day = office.acme, office.day()
    scene = _SCENES.get(moment, _USUAL)
    invoices = [acme.add(day, **parts) for parts in scene.parts]
    scene.before(acme, invoices)
    if scene.fault:
        acme.sandbox.fault(**scene.fault)
    kill(acme, day, Halt(moment), kinds=[Kind.INVOICE])
    acme.sandbox.no_faults()
    acme.run(day)
    scene.after(acme, invoices)
    acme.run(day)
    assert [acme.standing(each["id"]) for each in invoices] == [Decimal(each) for each in scene.standing]
    assert [acme.outcome(each["id"])[0] for each in invoices] == ["posted"] * len(invoices)
    assert_invariants(acme, day)


@pytest.mark.parametrize("moment", [Boundary.SESSION_SET, Boundary.LOCKED], ids=lambda moment: moment.name)
def test_a_worker_killed_at_a_moment_that_comes_again(office: Office, moment: Boundary) -> None:
    """T01: before it posts what it has entered."""
    acme, day = office.acme, office.day()
    invoice = acme.add(day, PART_A="100.00")
    kill(acme, day, Halt(moment, nth=2 if moment is Boundary.SESSION_SET else 4), kinds=[Kind.INVOICE])
    acme.run(day)
    assert acme.standing(invoice["id"]) == Decimal("100.00")
    assert_invariants(acme, day)


_WRITING = (
    Boundary.SENDING_RECORDED,
    Boundary.FILE_ANSWERED,
    Boundary.POSTING_RECORDED,
    Boundary.POST_ANSWERED,
    Boundary.LEDGER_READ,
)


@pytest.mark.parametrize("moment", _WRITING, ids=lambda moment: moment.name)
@pytest.mark.parametrize("kind", [Kind.PAYMENT, Kind.BILL])
def test_a_worker_killed_while_it_posts_another_kind(office: Office, kind: Kind, moment: Boundary) -> None:
    """T01: with money and with bills."""
    acme, day = office.acme, office.day()
    if kind is Kind.PAYMENT:
        document = acme.pay((acme.add(day, PART_A="100.00"), "60.00"), day=day)
        acme.run(day)
    else:
        document = make_bill(acme, day, "60.00").row
    kill(acme, day, Halt(moment), kinds=[kind])
    acme.run(day, kind)
    assert acme.standing(document["id"]) == Decimal("60.00")
    assert acme.outcome(document["id"])[0] == "posted"
    assert_invariants(acme, day, [kind])


@pytest.mark.parametrize("moment", _EXPORTS, ids=lambda moment: moment.name)
def test_a_worker_killed_while_it_tells_servicetitan(office: Office, moment: Boundary) -> None:
    """T08: what is told is told again; what is posted is not."""
    acme, day = office.acme, office.day()
    quiet = acme.settings
    try:
        acme.changed(posting={"write_back": "exported"})
        invoice = acme.add(day, PART_A="100.00")
        kill(acme, day, Halt(moment), kinds=[Kind.INVOICE], write_back=True)
        posted = acme.sandbox.ledger()
        told = write_back_day(acme.engine, acme.settings, acme.servicetitan, day, run_id="test")
        assert told.warnings == ()
        acme.take_in_invoices()
        acme.run(day)
    finally:
        acme.settings = quiet
    table = acme.sandbox.running.sandbox.servicetitan.invoices
    assert table.rows[invoice["id"]]["syncStatus"] == "Exported"
    assert acme.sandbox.ledger() == posted
    assert_invariants(acme, day)


@pytest.mark.parametrize("moment", _PAGES, ids=lambda moment: moment.name)
@pytest.mark.parametrize("kind", [Kind.INVOICE, Kind.CREDIT_MEMO])
def test_a_worker_killed_while_it_takes_in(office: Office, kind: Kind, moment: Boundary) -> None:
    """T01: from a feed and from a list, no mark is ahead of its records, and none is stored twice."""
    acme, day = office.acme, office.day()
    wanted = {"date": day.isoformat(), "total": "1.00"}
    if kind is Kind.INVOICE:
        record = acme.sandbox.add_invoice(**wanted, syncStatus="Pending")
    else:
        invoice = next(iter(acme.sandbox.running.sandbox.servicetitan.invoices.rows))
        record = acme.sandbox.admin("POST", "servicetitan/credit-memos", {**wanted, "invoiceId": invoice})
    kill(acme, day, Halt(moment), feeds=[f"{kind.value}s"])
    acme.take_in_feeds(f"{kind.value}s")
    found = acme.rows(
        "SELECT count(*) AS versions FROM raw.records WHERE kind = :kind AND record_id = :id",
        kind=kind.value,
        id=record["id"],
    )
    assert found[0].versions == 1
