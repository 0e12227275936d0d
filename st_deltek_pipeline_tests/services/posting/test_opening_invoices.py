"""Going live: money for invoices that somebody else posted before the start is received on them, to the cent or not at all.

An earlier integration (another database) has posted what is dated before the start. Ours has never posted an invoice of
that time, and never does.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.services.opening_invoices import (
    OpeningReading,
    opening_invoices_to_read,
    read_opening_invoices,
)
from st_deltek_pipeline.store import changes
from st_deltek_pipeline.store.reference import load_reference
from st_deltek_pipeline.vantagepoint.rows import LedgerRow
from st_deltek_pipeline_tests.conftest import CopiedDatabase
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench, bench

ZERO = Decimal("0.00")
POSTED = ("posted", "", ZERO)
START = date(2026, 10, 20)

Row = dict[str, Any]


@dataclass
class Live(Bench):
    """The connection that has just gone live, beside the integration before it."""

    earlier: Bench | None = None
    today: date = date.max

    @property
    def before(self) -> Bench:
        assert self.earlier is not None
        return self.earlier

    @property
    def receivables_account(self) -> str:
        account = load_reference(self.engine, self.settings.name).receivables_account
        assert account is not None
        return account

    def old_invoice(self, **parts: str) -> Row:
        """An invoice from before the start that the earlier integration posted."""
        invoice = self.before.add(QUIET_DAY, **parts)
        self.before.run(QUIET_DAY)
        self.take_in_feeds("invoices")
        return invoice

    def unposted_old_invoice(self, amount: str) -> Row:
        """An invoice from before the start that nobody has entered in Vantagepoint."""
        invoice = self.sandbox.add_invoice(date=QUIET_DAY.isoformat(), syncStatus="Posted", total=amount)
        self.take_in_feeds("invoices")
        return invoice

    def takes(self, *splits: tuple[Row, str], **wanted: Any) -> Row:
        return self.pay(*splits, day=self.today, **wanted)

    def ask(self) -> OpeningReading:
        return read_opening_invoices(self.engine, self.vantagepoint, self.settings, run_id="test")

    def books(self, kind: Kind = Kind.PAYMENT) -> None:
        """Everything a run does with a day's documents of a kind."""
        self.ask()
        self.run(self.today, kind)

    def credits(self, invoice: Row, amount: str, *, day: date | None = None) -> Row:
        wanted = {"invoiceId": invoice["id"], "total": amount, "date": (day or self.today).isoformat()}
        memo = self.sandbox.admin("POST", "servicetitan/credit-memos", wanted)
        self.take_in_feeds("credit_memos", "credit_memo_items")
        return memo

    def receipt_by_hand(self, invoice: Row, wbs1: str, amount: str, *, reference: str, batch: str) -> None:
        """Receive money on an invoice the way a person would."""
        line = {
            "PKey": batch,
            "RefNo": reference,
            "Batch": batch,
            "Seq": 1,
            "WBS1": wbs1,
            "WBS2": "",
            "WBS3": "",
            "Invoice": invoice["referenceNumber"],
            "Account": self.receivables_account,
            "Amount": Decimal(amount),
        }
        master = {
            "Batch": batch,
            "RefNo": reference,
            "TransDate": f"{self.today.isoformat()}T00:00:00.000",
            "BankCode": "OPER",
        }
        body = {
            "Batch": batch,
            "Total": Decimal(amount),
            "DefaultBank": "OPER",
            "crMaster": [master],
            "crDetail": [line],
        }
        period = int(self.today.strftime("%Y%m"))
        self.vantagepoint.set_active_period(period)
        self.vantagepoint.enter_file("cr", body)
        assert self.vantagepoint.post_file("cr", batch, company="01", period=period, description="by hand").posted

    def calls(self) -> int:
        """How often Vantagepoint has been called."""
        return sum(entry.system == "vantagepoint" for entry in self.sandbox.hooks.log.entries())

    def receivable(self, number: str) -> Decimal:
        """What is open on an invoice number in Vantagepoint."""
        padded = number.rjust(7, "0")
        return sum(
            (
                Decimal(row["Amount"])
                for row in self.sandbox.ledger()
                if row["Invoice"] == padded and row["Account"] == self.receivables_account
            ),
            start=ZERO,
        )

    def to_read(self, **options: Any) -> list[int]:
        return opening_invoices_to_read(self.engine, self.settings, **options)


def _started(settings: ConnectionSettings, start: date) -> ConnectionSettings:
    plain = settings.model_dump()
    return ConnectionSettings.model_validate({**plain, "start_date": start})


@pytest.fixture(scope="module")
def shops(copied_database: CopiedDatabase, migrated_template: str) -> Generator[tuple[Live, Iterator[date]]]:
    """A month posted up to the start by an earlier integration, and a connection that takes over."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(running_sandbox(invoices=24))

        def database() -> Engine:
            return stack.enter_context(copied_database(migrated_template))

        earlier = stack.enter_context(bench(sandbox, database(), name="earlier"))
        earlier.changed(posting={"documents": ("invoice", "credit_memo", "payment")})
        earlier.take_in()
        for day in earlier.days():
            if day < START:
                earlier.run_every_kind(day)
        for row in earlier.rows(
            "SELECT DISTINCT business_day FROM journal.outcomes WHERE reason = 'waiting_for_invoice' ORDER BY business_day"
        ):
            earlier.run(row.business_day, Kind.PAYMENT)
        now = stack.enter_context(bench(sandbox, database(), name="acme"))
        live = Live(**{name: getattr(now, name) for name in Bench.__dataclass_fields__}, earlier=earlier)
        live.changed(posting={"documents": ("invoice", "credit_memo", "payment")})
        live.settings = _started(live.settings, START)
        live.take_in()
        yield live, live.calendar.business_days(date(2026, 11, 2), date(2026, 12, 31))


@pytest.fixture
def live(shops: tuple[Live, Iterator[date]]) -> Live:
    connected, days = shops
    return replace(connected, today=next(days))


# The month comes first: the tests after it add documents of their own.
def test_the_month_after_the_start_is_received_on_the_invoices_before_it(shops: tuple[Live, Iterator[date]]) -> None:
    """T47: old invoices are paid."""
    live, _ = shops
    reading = live.ask()
    assert reading.asked == reading.found > 0
    days = live.days()
    assert min(days) >= START
    for day in days:
        live.run_every_kind(day)
    live.take_in_feeds("invoices")
    on_old = """
        SELECT paid.document_id, applied.invoice_number, applied.amount
        FROM staged.payments AS paid JOIN staged.payment_applications AS applied USING (connection, document_id)
        JOIN raw.latest AS old
          ON old.kind = 'invoice' AND old.record_id = applied.invoice_id AND old.document_date < :start
        WHERE paid.active AND paid.sync_status IN ('Posted', 'Exported')
    """
    paid = {(f"P{row[0]}", row[1].rjust(7, "0")): row[2] for row in live.rows(on_old, start=START)}
    assert len(paid) > 2
    received: dict[tuple[str, str], Decimal] = {}
    for row in live.sandbox.ledger():
        if row["TransType"] == "CR" and (row["RefNo"], row["Invoice"]) in paid:
            key = (row["RefNo"], row["Invoice"])
            received[key] = received.get(key, ZERO) - Decimal(row["Amount"])
    assert received == paid
    balances = live.rows(
        """
        SELECT record.payload ->> 'referenceNumber' AS number, CAST(record.payload ->> 'balance' AS numeric) AS balance
        FROM raw.latest AS old JOIN raw.records AS record USING (seq)
        WHERE old.kind = 'invoice' AND old.document_date < :start AND old.active
          AND record.payload ->> 'syncStatus' IN ('Posted', 'Exported')
        """,
        start=START,
    )
    assert len(balances) > len(paid)
    assert {row.number: live.receivable(row.number) for row in balances} == {
        row.number: row.balance for row in balances
    }
    assert not live.rows("SELECT FROM journal.postings WHERE kind = 'invoice' AND trans_date < :start", start=START)
    assert live.tie_out(START, date(2026, 11, 30), *live.settings.posting.documents).balanced


def test_a_payment_is_received_where_others_posted_the_invoice(live: Live) -> None:
    invoice = live.old_invoice(PHASE_1="60.00", PHASE_2="40.00")
    payment = live.takes((invoice, "50.00"))
    live.books()
    assert live.outcome(payment["id"]) == POSTED
    received = [row for row in live.sandbox.ledger() if row["RefNo"] == f"P{payment['id']}" and row["Invoice"]]
    assert {row["WBS2"]: Decimal(row["Amount"]) for row in received} == {
        "GEN": Decimal("-30.00"),
        "TRIM": Decimal("-20.00"),
    }
    assert live.receivable(invoice["referenceNumber"]) == Decimal("50.00")


def test_running_again_posts_nothing_new_and_asks_for_nothing(live: Live) -> None:
    invoice = live.old_invoice(PART_A="100.00")
    payment = live.takes((invoice, "100.00"))
    live.books()
    rows = len(live.sandbox.ledger())
    calls = live.calls()
    assert live.ask() == OpeningReading()
    assert live.calls() == calls
    live.run(live.today, Kind.PAYMENT)
    assert len(live.sandbox.ledger()) == rows
    assert live.outcome(payment["id"]) == POSTED


def test_no_more_is_received_than_others_left_open(live: Live) -> None:
    invoice = live.old_invoice(PART_A="100.00")
    live.before.pay((invoice, "70.00"), day=QUIET_DAY)
    live.before.run(QUIET_DAY, Kind.PAYMENT)
    fits, too_much = live.takes((invoice, "20.00")), live.takes((invoice, "10.01"))
    live.books()
    assert live.outcome(fits["id"]) == POSTED
    assert live.outcome(too_much["id"]) == ("held", "over_applied", Decimal("10.01"))
    assert "which is for 100.00 and of which 90.00 is received" in live.message(too_much["id"])
    live.change_payment(too_much, splits=[{"invoiceId": invoice["id"], "amount": "10.00"}], total="10.00")
    live.books()
    assert live.outcome(too_much["id"]) == POSTED
    assert live.receivable(invoice["referenceNumber"]) == ZERO


def test_what_a_person_receives_after_the_start_counts_and_our_own_does_not_count_twice(live: Live) -> None:
    invoice = live.old_invoice(PART_A="100.00")
    ours = live.takes((invoice, "30.00"))
    live.books()
    live.receipt_by_hand(invoice, "CHS2026", "50.00", reference="CHK 77", batch="BYHANDCR1")
    rest, too_much = live.takes((invoice, "20.00")), live.takes((invoice, "0.01"))
    live.books()
    assert [live.outcome(each["id"])[:2] for each in (ours, rest, too_much)] == [
        ("posted", ""),
        ("posted", ""),
        ("held", "over_applied"),
    ]
    assert live.receivable(invoice["referenceNumber"]) == ZERO


def test_a_receipt_that_the_earlier_integration_posted_under_our_reference_is_taken_over(live: Live) -> None:
    invoice = live.old_invoice(PART_A="100.00")
    payment = live.takes((invoice, "60.00"))
    live.receipt_by_hand(invoice, "CHS2026", "60.00", reference=f"P{payment['id']}", batch="BYHANDCR2")
    later, too_much = live.takes((invoice, "40.00")), live.takes((invoice, "0.01"))
    live.books()
    assert live.outcome(payment["id"]) == POSTED
    assert live.outcome(later["id"]) == POSTED
    assert live.outcome(too_much["id"])[:2] == ("held", "over_applied")
    assert live.received(invoice) == Decimal("100.00")
    live.ask()
    assert live.ask().changed == 0


def test_an_invoice_that_vantagepoint_does_not_have_is_waited_for(live: Live) -> None:
    invoice = live.unposted_old_invoice("80.00")
    payment = live.takes((invoice, "80.00"))
    live.run(live.today, Kind.PAYMENT)
    assert live.outcome(payment["id"]) == ("held", "opening_invoice_not_read", Decimal("80.00"))
    live.books()
    live.ask()
    assert live.outcome(payment["id"]) == ("held", "opening_invoice_missing", Decimal("80.00"))
    assert f"no invoice {invoice['referenceNumber']}" in live.message(payment["id"])
    noted = len(changes.noted(live.engine, live.settings.name))
    assert (live.ask().changed, live.ask().problems) == (0, ())
    assert len(changes.noted(live.engine, live.settings.name)) == noted
    live.enter_by_hand(invoice, "CHS2026", "80.00", batch="BYHAND1")
    assert live.ask().changed == 1
    assert len(changes.noted(live.engine, live.settings.name)) == noted + 1
    live.run(live.today, Kind.PAYMENT)
    assert live.outcome(payment["id"]) == POSTED
    assert live.receivable(invoice["referenceNumber"]) == ZERO


def test_a_number_on_two_projects_and_amounts_that_differ_are_not_guessed(live: Live) -> None:
    twice, other = live.old_invoice(PART_A="100.00"), live.old_invoice(PART_A="50.00")
    live.enter_by_hand(twice, "RHS2026", "25.00", batch="BYHAND2")
    live.enter_by_hand(other, "CHS2026", "1.00", batch="BYHAND3")
    on_both, on_other = live.takes((twice, "10.00")), live.takes((other, "10.00"))
    live.books()
    assert live.outcome(on_both["id"])[:2] == ("held", "opening_invoice_ambiguous")
    assert "100.00 on project CHS2026, 25.00 on project RHS2026" in live.message(on_both["id"])
    assert live.outcome(on_other["id"])[:2] == ("held", "opening_invoice_differs")
    assert "on project CHS2026 with 51.00, ServiceTitan says 50.00" in live.message(on_other["id"])
    assert (live.received(twice), live.received(other)) == (ZERO, ZERO)


def test_a_credit_memo_takes_off_an_old_invoice_and_leaves_less_to_receive(live: Live) -> None:
    invoice = live.old_invoice(PART_A="100.00")
    memo = live.credits(invoice, "30.00")
    live.books(Kind.CREDIT_MEMO)
    assert live.outcome(memo["id"]) == POSTED
    assert live.receivable(invoice["referenceNumber"]) == Decimal("70.00")
    too_much, rest = live.takes((invoice, "70.01")), live.takes((invoice, "70.00"))
    live.books()
    assert live.outcome(too_much["id"])[:2] == ("held", "over_applied")
    assert live.outcome(rest["id"]) == POSTED
    assert live.receivable(invoice["referenceNumber"]) == ZERO


def test_payments_on_old_invoices_are_edited_moved_and_voided_like_others(live: Live) -> None:
    first, second = live.old_invoice(PART_A="100.00"), live.old_invoice(PART_B="40.00")
    payment = live.takes((first, "60.00"))
    live.books()
    live.change_payment(payment, splits=[{"invoiceId": first["id"], "amount": "20.00"}], total="20.00")
    live.books()
    assert (live.received(first), live.received(second)) == (Decimal("20.00"), ZERO)
    live.change_payment(payment, splits=[{"invoiceId": second["id"], "amount": "20.00"}], total="20.00")
    live.books()
    assert (live.received(first), live.received(second)) == (ZERO, Decimal("20.00"))
    live.change_payment(payment, "void")
    live.books()
    assert (live.received(first), live.received(second)) == (ZERO, ZERO)
    assert live.outcome(payment["id"]) == POSTED


def test_without_asking_payments_on_old_invoices_are_held(live: Live) -> None:
    live.changed(posting={"opening_invoices": "hold"})
    invoice = live.old_invoice(PART_A="100.00")
    payment = live.takes((invoice, "100.00"))
    calls = live.calls()
    assert live.ask() == OpeningReading()
    assert live.calls() == calls
    live.run(live.today, Kind.PAYMENT)
    assert live.outcome(payment["id"]) == ("held", "invoice_before_start", Decimal("100.00"))
    assert live.received(invoice) == ZERO


def test_what_was_read_lately_is_not_asked_for_again_by_runs_that_must_be_quick(live: Live) -> None:
    invoice = live.unposted_old_invoice("80.00")
    live.takes((invoice, "80.00"))
    assert invoice["id"] in live.to_read()
    live.books()
    assert invoice["id"] in live.to_read()
    lately = {"older_than": timedelta(minutes=10)}
    assert invoice["id"] not in live.to_read(**lately)
    assert invoice["id"] in live.to_read(**lately, now=lambda: datetime.now(UTC) + timedelta(minutes=11))


def test_an_answer_that_forgets_an_invoice_is_not_believed(live: Live) -> None:
    invoice = live.old_invoice(PART_A="100.00")
    live.takes((invoice, "10.00"))
    live.ask()
    (known,) = live.rows("SELECT number FROM reference.opening_rows WHERE invoice_id = :id LIMIT 1", id=invoice["id"])

    class Forgetful:
        def ledger_rows(self, trans_type: str, *, invoices: Sequence[str] | None = None) -> list[LedgerRow]:
            assert trans_type in {"IN", "CR"}
            assert known.number in (invoices or ())
            return []

    reading = read_opening_invoices(live.engine, Forgetful(), live.settings, run_id="test")
    assert any(invoice["referenceNumber"] in problem for problem in reading.problems)
    assert live.rows("SELECT FROM reference.opening_rows WHERE invoice_id = :id", id=invoice["id"])


# --- Nothing older is posted ---------------------------------------------------------------------------------------------


def test_an_old_invoice_that_is_edited_or_voided_after_the_start_posts_nothing(live: Live) -> None:
    """T47: an edit of what is older posts nothing."""
    edited, voided = live.old_invoice(PART_A="100.00"), live.old_invoice(PART_A="70.00")
    rows = len(live.sandbox.ledger())
    live.change(edited, PART_A="120.00")
    live.sandbox.void_invoice(voided["id"])
    live.take_in_feeds("invoices")
    for day in (QUIET_DAY, *live.days()):
        live.run(day)
    assert len(live.sandbox.ledger()) == rows
    payments = live.takes((edited, "10.00")), live.takes((voided, "10.00"))
    live.books()
    assert [live.outcome(payment["id"])[1] for payment in payments] == [
        "opening_invoice_differs",
        "applied_to_voided_invoice",
    ]


def test_an_old_invoice_that_is_dated_after_the_start_is_not_posted_again_though_rules_say_another_project(
    live: Live,
) -> None:
    invoice = live.old_invoice(PART_A="100.00")
    live.sandbox.edit_invoice(invoice["id"], invoiceDate=live.today.isoformat())
    live.change(invoice, PART_B="100.00")
    live.run(live.today)
    assert live.outcome(invoice["id"])[1] == "opening_invoice_not_read"
    live.books(Kind.INVOICE)
    assert live.outcome(invoice["id"])[:2] == ("held", "already_in_vantagepoint")
    assert "entered by others: 100.00 on project CHS2026" in live.message(invoice["id"])
    payment = live.takes((invoice, "100.00"))
    live.books()
    assert live.outcome(payment["id"]) == POSTED
    assert live.owed(invoice) == {"CHS2026": Decimal("100.00")}
    assert live.receivable(invoice["referenceNumber"]) == ZERO


def test_an_old_invoice_that_nobody_entered_is_posted_once_it_is_dated_after_the_start(live: Live) -> None:
    invoice = live.unposted_old_invoice("1.00")
    live.sandbox.edit_invoice(invoice["id"], invoiceDate=live.today.isoformat())
    live.change(invoice, PART_A="80.00")
    payment = live.takes((invoice, "80.00"))
    live.books(Kind.INVOICE)
    live.books()
    assert live.outcome(invoice["id"]) == POSTED
    assert live.outcome(payment["id"]) == POSTED
    assert live.receivable(invoice["referenceNumber"]) == ZERO


def test_an_invoice_of_ours_that_is_dated_before_the_start_stays_as_it_is_posted(live: Live) -> None:
    invoice = live.add(live.today, PART_A="100.00")
    live.run(live.today)
    rows = len(live.sandbox.ledger())
    live.sandbox.edit_invoice(invoice["id"], invoiceDate=QUIET_DAY.isoformat())
    live.take_in_feeds("invoices")
    live.books(Kind.INVOICE)
    assert len(live.sandbox.ledger()) == rows
    assert live.outcome(invoice["id"])[:2] == ("held", "unreadable")
    payment = live.takes((invoice, "100.00"))
    live.books()
    assert live.outcome(payment["id"]) == POSTED
    assert live.receivable(invoice["referenceNumber"]) == ZERO


def test_bills_and_credits_from_before_the_start_are_never_looked_at(live: Live) -> None:
    """T47: nothing older is posted."""
    live.changed(posting={"documents": POSTING_ORDER})
    bill = live.sandbox.add_bill(date=QUIET_DAY.isoformat(), total="50.00")
    credit = live.sandbox.bill(bill["id"], "credit", amount="20.00", date=QUIET_DAY.isoformat())
    memo = live.credits(live.old_invoice(PART_A="30.00"), "5.00", day=QUIET_DAY)
    live.take_in_feeds("purchase_orders", "inventory_bills", "ap_credits", "vendors")
    rows = len(live.sandbox.ledger())
    assert {bill["id"], credit["id"], memo["id"]} <= {
        row.record_id for row in live.rows("SELECT record_id FROM raw.latest")
    }
    assert min(live.days(), default=START) >= START
    live.run_every_kind(QUIET_DAY)
    assert len(live.sandbox.ledger()) == rows
    assert not live.rows(
        "SELECT FROM journal.outcomes WHERE document_id = ANY(:ids)", ids=[bill["id"], credit["id"], memo["id"]]
    )
