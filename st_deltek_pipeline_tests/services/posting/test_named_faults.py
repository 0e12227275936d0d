"""Whatever goes wrong by a name, what stands in Vantagepoint in the end is what ServiceTitan says, and stands once.

One small world for all of them. Each has documents of its own on a day of its own: work goes on under the fault, in rounds as
schedules have it, until nothing changes any more; then the fault ends, what a person has to do is done, and it goes on.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from itertools import cycle
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import PipelineError
from st_deltek_pipeline.sandbox.fault_plans import NAMED_FAULTS
from st_deltek_pipeline.services.feeds import FEEDS_BY_NAME
from st_deltek_pipeline.services.firm_alignment import align_firms
from st_deltek_pipeline.services.holds import release_document
from st_deltek_pipeline.services.intake import take_in_feed
from st_deltek_pipeline.services.reference_data import poll_reference
from st_deltek_pipeline.transport.options import Timing, TransportOptions
from st_deltek_pipeline_tests.crashes.invariants import assert_periods_fit, unfinished
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest, running_sandbox
from st_deltek_pipeline_tests.services.posting.harness import TYPE_IDS, Bench, bench
from st_deltek_pipeline_tests.services.posting.test_crashes import assert_chain_holds

ZERO = Decimal("0.00")
_ROUNDS = 2
_KINDS = (Kind.INVOICE, Kind.PAYMENT, Kind.BILL)
_SUMS = {"IN": Decimal("215.00"), "CR": Decimal("60.00"), "AP": Decimal("-33.30")}
_NO_SLEEP = Timing(sleep=lambda _: None)
_PATIENT = TransportOptions(timing=_NO_SLEEP)
# Less than a dripping answer takes.
_IMPATIENT = replace(_PATIENT, answer_seconds=0.15)


@dataclass
class World:
    """Both systems and the connection's database, and the days that nothing has happened on yet."""

    sandbox: SandboxUnderTest
    engine: Engine
    stack: ExitStack
    days: Iterator[date]
    acme: Bench = field(init=False)

    def connect(self, options: TransportOptions = _PATIENT) -> Bench:
        """Connect with the credentials of now."""
        self.acme = self.stack.enter_context(bench(self.sandbox, self.engine, options=options))
        return self.acme


@pytest.fixture(scope="module")
def world(taken_in: Callable[..., Any]) -> Generator[World]:
    with ExitStack() as stack:
        engine = stack.enter_context(taken_in(invoices=20))
        sandbox = stack.enter_context(running_sandbox(invoices=20))
        made = World(sandbox, engine, stack, iter(()))
        # From one period to the other and back, since the period that the session is in is what faults are about too.
        months = [
            made.connect().calendar.business_days(date(2026, month, 3), date(2026, month, 23)) for month in (11, 12)
        ]
        made.days = cycle([day for days in zip(*months, strict=False) for day in days])
        yield made


@dataclass(frozen=True)
class Documents:
    """What people did in ServiceTitan, and what has to stand in the ledger for it."""

    invoice: dict[str, Any]
    second: dict[str, Any]
    payment: dict[str, Any]
    bill: dict[str, Any]

    @property
    def standing(self) -> dict[int, Decimal]:
        return {
            self.invoice["id"]: Decimal("140.00"),
            self.second["id"]: Decimal("75.00"),
            self.payment["id"]: Decimal("60.00"),
            self.bill["id"]: Decimal("33.30"),
        }


def make_documents(sandbox: SandboxUnderTest, day: date) -> Documents:
    """Do a day's work in ServiceTitan, of which nobody knows yet."""

    def invoice(**parts: str) -> dict[str, Any]:
        made = sandbox.add_invoice(date=day.isoformat(), syncStatus="Posted", total="1.00")
        (first,) = made["items"]
        items = [
            {**first, "id": first["id"] + number, "skuName": sku.replace("_", "-"), "price": amount, "total": amount}
            for number, (sku, amount) in enumerate(parts.items(), start=1)
        ]
        return sandbox.edit_invoice(made["id"], items=items)

    paid = invoice(PART_A="100.00", PART_B="40.00")
    payment = sandbox.add_payment(
        date=day.isoformat(), typeId=TYPE_IDS["Check"], splits=[{"invoiceId": paid["id"], "amount": "60.00"}]
    )
    bill = sandbox.add_bill(date=day.isoformat(), total="33.30")
    return Documents(paid, invoice(PART_A="75.00"), payment, bill)


class Attempts:
    """Steps of the product, each for itself: what one says stops none of the others."""

    def __init__(self) -> None:
        self.errors: list[PipelineError] = []

    @contextmanager
    def __call__(self) -> Generator[None]:
        try:
            yield
        except PipelineError as error:
            self.errors.append(error)


_FEEDS = ("jobs", "purchase_orders", "invoices", "payments", "journal_entry_payments", "inventory_bills")


def work(
    acme: Bench, day: date, feeds: Sequence[str] = _FEEDS, *, full: bool = False, lists: bool = False
) -> list[PipelineError]:
    """Do once what schedules do again and again, and return what was said."""
    attempt = Attempts()
    for name in feeds:
        with attempt():
            feed = FEEDS_BY_NAME[name]
            take_in_feed(acme.engine, acme.servicetitan, acme.settings.name, feed, run_id="test", full=full)
    if lists:
        with attempt():
            company = acme.settings.vantagepoint.company
            poll_reference(acme.engine, acme.vantagepoint, acme.settings.name, run_id="test", company=company)
        with attempt():
            align_firms(acme.engine, acme.vantagepoint, acme.settings, run_id="test")
    for kind in _KINDS:
        with attempt():
            acme.prepare(day, kind)
            for batch in acme.plan(day, kind).batches:
                with attempt():
                    acme.send((batch,))
    return attempt.errors


def is_done(acme: Bench, documents: Documents) -> bool:
    """Say whether all of it is posted; what is held until then says why."""
    rows = acme.rows(
        "SELECT outcome, reason, message FROM journal.outcomes WHERE document_id = ANY(:ids)",
        ids=list(documents.standing),
    )
    assert all(row.reason and row.message for row in rows if row.outcome == "held")
    return [row.outcome for row in rows] == ["posted"] * len(documents.standing)


def do_what_a_person_has_to_do(world: World) -> None:
    """Open periods, enter a new secret, and delete what stands in Vantagepoint as nobody sent it."""
    sandbox = world.sandbox
    for period in (202610, 202611, 202612):
        sandbox.set_period(period, closed=False)
    acme = world.connect()
    held = """
        SELECT DISTINCT ON (batch) batch, file.entry, file.kind, document_id FROM journal.transaction_files AS file
        JOIN journal.postings USING (connection, batch) WHERE file.state = 'held'
        """
    for file in acme.rows(held):
        acme.vantagepoint.delete_file(file.entry, file.batch)
        release_document(acme.context, DocumentKey("acme", Kind(file.kind), file.document_id), by="jane")


def sums_of_the_day(sandbox: SandboxUnderTest, day: date) -> dict[str, Decimal]:
    """Return what Vantagepoint says of a day by itself: receivables, money received, payables."""
    sums: dict[str, Decimal] = {}
    for row in sandbox.ledger():
        if row["TransDate"][:10] == day.isoformat() and row["AutoEntry"] == "Y":
            sums[row["TransType"]] = sums.get(row["TransType"], ZERO) + Decimal(row["Amount"])
    return sums


@pytest.mark.parametrize("name", [each.name for each in NAMED_FAULTS])
def test_what_stands_in_the_end_is_the_truth(world: World, name: str) -> None:
    """T02, T03, T04, T05, T06, T07, T15, T16, T17, T18, T19, T20, T32: by the name of the fault."""
    acme = world.connect(_IMPATIENT if name == "slow_drip" else _PATIENT)
    sandbox = world.sandbox
    day = next(world.days)
    stood = sums_of_the_day(sandbox, day)
    documents = make_documents(sandbox, day)
    sandbox.admin("POST", "faults/named", {"faults": name, "seed": 7})
    said: list[PipelineError] = []
    for number in range(_ROUNDS):
        heard = work(acme, day, lists=number == 0)
        said += heard
        if not heard and is_done(acme, documents):
            break
    assert any(each["hits"] for each in sandbox.admin("GET", "faults")), "the fault never struck"
    assert all(error.message for error in said)

    sandbox.no_faults()
    do_what_a_person_has_to_do(world)
    acme = world.acme
    assert [str(error) for error in work(acme, day, full=True, lists=name == "period_closed")] == []

    assert {key: acme.standing(key) for key in documents.standing} == documents.standing, [str(each) for each in said]
    stands = sums_of_the_day(sandbox, day)
    assert {kind: stands[kind] - stood.get(kind, ZERO) for kind in stands} == _SUMS
    assert [acme.outcome(key) for key in documents.standing] == [("posted", "", ZERO)] * 4
    assert acme.tie_out(day, None, *_KINDS).balanced
    assert unfinished(acme) == []
    sequence, ledger = acme.context.journal.last_sequence(), len(sandbox.ledger())
    assert work(acme, day, ()) == []
    assert (acme.context.journal.last_sequence(), len(sandbox.ledger())) == (sequence, ledger)


def test_in_the_end_no_line_stands_twice_and_the_journal_is_whole(world: World) -> None:
    lines = [row["PKey"] for row in world.sandbox.ledger() if row["AutoEntry"] == "N"]
    assert len(lines) > 4 * len(NAMED_FAULTS)
    assert len(set(lines)) == len(lines)
    assert_periods_fit(world.acme)
    assert_chain_holds(world.acme)
