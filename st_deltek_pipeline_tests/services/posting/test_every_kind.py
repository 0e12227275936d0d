"""What holds for every kind of document, in files and one by one: entered, posted, confirmed, exactly once."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox
from st_deltek_pipeline_tests.services.posting.every_kind import FLOWS, Flow, set_up_for
from st_deltek_pipeline_tests.services.posting.harness import Bench, Entry, bench

ZERO = Decimal("0.00")
POSTED = ("posted", "", ZERO)


@dataclass
class Office:
    """One sandbox for all tests of a way of entry: each test of a flow has a day of its own."""

    bench: Bench
    days: dict[str, Iterator[date]] = field(default_factory=dict)

    def day(self, flow: Flow) -> date:
        days = self.bench.calendar.business_days(date(2026, 11, 3), date(2026, 12, 31))
        # Vouchers and journal entries are of one kind.
        return next(self.days.setdefault(f"{flow.kind} {flow.entry}", days))


@pytest.fixture(scope="module", params=["files", "single"])
def office(request: pytest.FixtureRequest, module_engine: Engine) -> Generator[Office]:
    entry: Entry = request.param
    with (
        running_sandbox(invoices=20, vantagepoint={"use_files": entry == "files"}) as sandbox,
        bench(sandbox, module_engine, name=f"acme_{entry}", entry=entry) as connected,
    ):
        connected.take_in()
        yield Office(connected)


@pytest.fixture(params=FLOWS)
def flow(request: pytest.FixtureRequest) -> Flow:
    return FLOWS[request.param]


@pytest.fixture
def acme(office: Office, flow: Flow) -> Generator[Bench]:
    connected = set_up_for(office.bench, flow)
    yield connected
    connected.sandbox.no_faults()


def assert_done(acme: Bench, flow: Flow, document_id: int, day: date, expected: Decimal) -> None:
    assert acme.standing(document_id) == expected
    assert acme.outcome(document_id) == POSTED
    assert acme.tie_out(day, None, flow.kind).balanced
    lines = [row["PKey"] for row in acme.sandbox.ledger() if row["AutoEntry"] == "N"]
    assert len(set(lines)) == len(lines)


def test_it_is_entered_posted_and_confirmed_and_a_second_run_sends_nothing(
    office: Office, acme: Bench, flow: Flow
) -> None:
    day = office.day(flow)
    made = flow.make(acme, day, "123.45")
    (batch,) = acme.run(day, flow.kind).batches
    assert_done(acme, flow, made.id, day, flow.effect("123.45"))
    file = acme.context.journal.file(batch)
    assert (file.state, file.entry, file.documents) == ("posted", flow.entry, 1)
    before, sequence = acme.sandbox.ledger(), acme.context.journal.last_sequence()
    assert acme.run(day, flow.kind).batches == ()
    assert acme.sandbox.ledger() == before
    assert acme.context.journal.last_sequence() == sequence


@pytest.mark.parametrize("call", ["enter", "post"])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"effect": "drop_after_effect"}, id="lost-after-the-effect"),
        pytest.param({"effect": "drop_before_effect"}, id="lost-before-the-effect"),
        pytest.param({"effect": "answer_after_effect", "status": 500, "body": ""}, id="500-after-the-effect"),
    ],
)
def test_a_lost_answer_never_doubles(office: Office, acme: Bench, flow: Flow, call: str, fault: dict[str, Any]) -> None:
    """T02, T03, T04: for every kind of document."""
    day = office.day(flow)
    made = flow.make(acme, day, "123.45")
    master = f"{flow.entry}Master" if acme.context.one_by_one else flow.control
    method, path = ("POST", master) if call == "enter" else ("PUT", "PostTransFile")
    acme.sandbox.fault(system="vantagepoint", method=method, path=path, nth=1, **fault)
    acme.run(day, flow.kind)
    acme.run(day, flow.kind)
    assert_done(acme, flow, made.id, day, flow.effect("123.45"))


def test_a_batch_that_is_there_already_is_compared_and_goes_on(office: Office, acme: Bench, flow: Flow) -> None:
    """T07: entered, and the posting refused."""
    day = office.day(flow)
    made = flow.make(acme, day, "123.45")
    acme.prepare(day, flow.kind)
    (batch,) = acme.plan(day, flow.kind).batches
    acme.sandbox.fault(system="vantagepoint", method="PUT", path="PostTransFile", nth=1, effect="answer", status=400)
    acme.send((batch,))
    assert acme.outcome(made.id)[:2] == ("held", "post_refused")
    with acme.engine.begin() as connection:
        # As a process leaves it that died before it heard of its own success.
        connection.exec_driver_sql("UPDATE journal.transaction_files SET state = 'sending' WHERE batch = %s", (batch,))
    acme.run(day, flow.kind)
    assert_done(acme, flow, made.id, day, flow.effect("123.45"))


def test_edits_are_posted_as_differences_there_and_back(office: Office, acme: Bench, flow: Flow) -> None:
    """T36: amounts there and back, for every kind."""
    day = office.day(flow)
    made = flow.make(acme, day, "100.00")
    for total in ("100.00", "140.00", "60.00", "100.00"):
        flow.edit(acme, made, total)
        acme.run(day, flow.kind)
        assert_done(acme, flow, made.id, day, flow.effect(total))


def test_what_is_voided_after_it_was_posted_is_reversed(office: Office, acme: Bench, flow: Flow) -> None:
    """T37: voided after posting, for every kind."""
    day = office.day(flow)
    made = flow.make(acme, day, "100.00")
    acme.run(day, flow.kind)
    flow.void(acme, made)
    plan = acme.run(day, flow.kind)
    assert plan.total == -flow.effect("100.00")
    assert_done(acme, flow, made.id, day, ZERO)


def test_what_is_voided_before_it_was_posted_is_never_sent(office: Office, acme: Bench, flow: Flow) -> None:
    """T37: voided before posting."""
    day = office.day(flow)
    made = flow.make(acme, day, "100.00")
    flow.void(acme, made)
    assert acme.run(day, flow.kind).batches == ()
    assert acme.outcome(made.id) == ("ignored", "voided_before_posting", ZERO)
    assert acme.tie_out(day, None, flow.kind).balanced


def test_a_refused_document_is_held_in_vantagepoints_words_and_goes_once_the_cause_is_gone(
    office: Office, acme: Bench, flow: Flow
) -> None:
    """T55: in the queue with Vantagepoint's words, posted once the cause is gone."""
    day = office.day(flow)
    made = flow.make(acme, day, "100.00")
    acme.prepare(day, flow.kind)
    batches = acme.plan(day, flow.kind).batches
    project = acme.rows(
        "SELECT wbs1 FROM mapping.coded_lines WHERE connection = :name AND document_id = :id LIMIT 1",
        name=acme.settings.name,
        id=made.id,
    )[0].wbs1
    # Our reference data does not know: the project is closed after it was read.
    acme.project(project, "I")
    acme.send(batches)
    acme.project(project, "A")
    assert acme.outcome(made.id) == ("held", "refused", flow.effect("100.00"))
    assert project in acme.held_words(made.id)
    assert acme.tie_out(day, None, flow.kind).balanced
    acme.run(day, flow.kind)
    assert_done(acme, flow, made.id, day, flow.effect("100.00"))


def test_a_file_that_a_person_reviews_waits_and_is_followed(office: Office, acme: Bench, flow: Flow) -> None:
    day = office.day(flow)
    made = flow.make(acme, day, "100.00")
    acme.changed(posting={"posting": "review"})
    (batch,) = acme.run(day, flow.kind).batches
    assert acme.outcome(made.id) == ("held", "awaiting_review", flow.effect("100.00"))
    assert acme.standing(made.id) == ZERO
    period = int(f"{day:%Y%m}")
    acme.vantagepoint.set_active_period(period)
    assert acme.vantagepoint.post_file(flow.entry, batch, company="01", period=period, description="reviewed").posted
    acme.run(day, flow.kind)
    assert_done(acme, flow, made.id, day, flow.effect("100.00"))


def test_a_month_end_inside_a_partition_is_two_files(acme: Bench, flow: Flow) -> None:
    # 31 October 2026 is a Saturday: its documents belong to Monday's partition and to October's period.
    monday, last = date(2026, 11, 2), date(2026, 10, 31)
    made = [flow.make(acme, day, "10.00") for day in (last, monday)]
    plan = acme.run(monday, flow.kind)
    assert {acme.context.journal.file(batch).period for batch in plan.batches} == {202610, 202611}
    for each in made:
        assert_done(acme, flow, each.id, monday, flow.effect("10.00"))


def test_a_new_date_across_a_month_end_reverses_there_and_posts_here(office: Office, acme: Bench, flow: Flow) -> None:
    """T36: another date."""
    old, new = date(2026, 10, 30), office.day(flow)
    made = flow.make(acme, old, "100.00")
    acme.run(old, flow.kind)
    _REDATED[flow.kind.value](acme, made.id, new)
    acme.run(old, flow.kind)
    acme.run(new, flow.kind)
    assert_done(acme, flow, made.id, new, flow.effect("100.00"))
    periods = acme.rows(
        """
        SELECT period, sum(amount) AS amount FROM journal.postings
        WHERE connection = :name AND document_id = :id GROUP BY period
        """,
        name=acme.settings.name,
        id=made.id,
    )
    assert {row.period: row.amount for row in periods} == {
        202610: ZERO,
        int(f"{new:%Y%m}"): flow.effect("100.00"),
    }


def _redate(path: str, name: str, *feeds: str) -> Any:
    def redate(acme: Bench, document_id: int, day: date) -> None:
        acme.sandbox.admin("PATCH", f"servicetitan/{path}/{document_id}", {name: f"{day.isoformat()}T00:00:00Z"})
        acme.take_in_feeds(*feeds)

    return redate


_REDATED = {
    "invoice": _redate("invoices", "invoiceDate", "invoices"),
    "payment": _redate("payments", "date", "payments"),
    "bill": _redate("bills", "billDate", "inventory_bills"),
    "ap_credit": _redate("rows/accounting/ap-credits", "date", "ap_credits"),
    "credit_memo": _redate("rows/accounting/credit-memos", "date", "credit_memos"),
}


def test_a_closed_period_holds_and_the_first_open_one_takes_it_only_by_the_setting(acme: Bench, flow: Flow) -> None:
    """T31: held, or the first open period by the setting, for every kind."""
    day = date(2026, 10, 30)
    made = flow.make(acme, day, "100.00")
    acme.sandbox.set_period(202610, closed=True)
    try:
        acme.take_in(firms=False)
        acme.run(day, flow.kind)
        assert acme.outcome(made.id) == ("held", "period_closed", flow.effect("100.00"))
        acme.changed(posting={"closed_period": "first_open"})
        acme.run(day, flow.kind)
        assert_done(acme, flow, made.id, day, flow.effect("100.00"))
        moved = acme.rows(
            "SELECT period, moved_from FROM journal.postings WHERE connection = :name AND document_id = :id",
            name=acme.settings.name,
            id=made.id,
        )
        assert [(row.period, row.moved_from) for row in moved] == [(202611, 202610)]
    finally:
        acme.sandbox.set_period(202610, closed=False)
        acme.take_in(firms=False)
