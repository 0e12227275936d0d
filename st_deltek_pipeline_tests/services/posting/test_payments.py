"""Payments to cash receipts: what was received stands on the right invoice, to the cent, however money moves."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox
from st_deltek_pipeline_tests.services.posting.every_kind import posted_invoice
from st_deltek_pipeline_tests.services.posting.harness import Bench, bench

ZERO = Decimal("0.00")
POSTED = ("posted", "", ZERO)

Row = dict[str, Any]


@pytest.fixture(scope="module")
def shop(module_engine: Engine) -> Generator[tuple[Bench, Iterator[date]]]:
    """One sandbox for all tests: each has a day of its own."""
    with running_sandbox(invoices=20) as sandbox, bench(sandbox, module_engine) as connected:
        connected.take_in()
        yield connected, connected.calendar.business_days(date(2026, 11, 2), date(2026, 12, 31))


@dataclass
class Till(Bench):
    """The shared bench on a day of the test's own."""

    today: date = date.max

    def sells(self, **parts: str) -> Row:
        """An invoice of today that is posted."""
        invoice = self.add(self.today, **parts)
        self.run(self.today)
        return invoice

    def takes(self, *splits: tuple[Row, str], **wanted: Any) -> Row:
        """A payment of today, not posted yet."""
        return self.pay(*splits, day=wanted.pop("day", self.today), **wanted)

    def books(self) -> None:
        self.run(self.today, Kind.PAYMENT)

    def received_by_project(self, invoice: Row) -> dict[str, Decimal]:
        """What Vantagepoint's ledger says was received on an invoice number, by project and phase."""
        padded = invoice["referenceNumber"].rjust(7, "0")
        found: dict[str, Decimal] = {}
        for row in self.sandbox.ledger():
            if row["TransType"] == "CR" and row["Invoice"] == padded:
                place = f"{row['WBS1']} {row['WBS2']}".strip()
                found[place] = found.get(place, ZERO) - Decimal(row["Amount"])
        return found

    def assert_posted(self, *payments: Row) -> None:
        assert {payment["id"]: self.outcome(payment["id"]) for payment in payments} == {
            payment["id"]: POSTED for payment in payments
        }
        assert self.tie_out(self.today, None, Kind.PAYMENT).balanced


@pytest.fixture
def till(shop: tuple[Bench, Iterator[date]]) -> Till:
    connected, days = shop
    return Till(**{name: getattr(connected, name) for name in Bench.__dataclass_fields__}, today=next(days))


def place_of(invoice: Row) -> dict[str, Any]:
    """Whose money it is that is applied to no invoice."""
    return {"businessUnitId": invoice["businessUnit"]["id"], "customerId": invoice["customer"]["id"]}


def test_a_part_and_then_the_rest(till: Till) -> None:
    """T35: partial payments."""
    invoice = till.sells(PART_A="100.00")
    first = till.takes((invoice, "33.33"))
    till.books()
    assert till.received(invoice) == Decimal("33.33")
    rest = till.takes((invoice, "66.67"))
    till.books()
    assert till.received(invoice) == Decimal("100.00")
    till.assert_posted(first, rest)


def test_one_payment_pays_several_invoices_of_several_projects(till: Till) -> None:
    """T35: split over invoices."""
    one, two = till.sells(PART_A="100.00"), till.sells(PART_B="50.00")
    payment = till.takes((one, "100.00"), (two, "20.00"))
    till.books()
    assert (till.received(one), till.received(two)) == (Decimal("100.00"), Decimal("20.00"))
    projects = {row["WBS1"] for row in till.sandbox.ledger() if row["RefNo"] == f"P{payment['id']}" and row["Invoice"]}
    assert projects == {"CHS2026", "RHS2026"}
    till.assert_posted(payment)


def test_what_is_paid_on_an_invoice_of_several_projects_is_spread_by_what_each_is_owed(till: Till) -> None:
    invoice = till.sells(PART_A="60.00", PHASE_1="30.00", PHASE_2="10.00")
    payments = [till.takes((invoice, amount)) for amount in ("50.00", "50.00")]
    till.books()
    assert till.received_by_project(invoice) == {
        "CHS2026": Decimal("60.00"),
        "CHC2026 GEN": Decimal("30.00"),
        "CHC2026 TRIM": Decimal("10.00"),
    }
    till.assert_posted(*payments)


def test_a_payment_before_its_invoice_waits_and_goes_by_itself(till: Till) -> None:
    """T35: before its invoice."""
    invoice = till.add(till.today, PART_A="100.00")
    payment = till.takes((invoice, "100.00"))
    till.books()
    assert till.outcome(payment["id"]) == ("held", "waiting_for_invoice", Decimal("100.00"))
    till.run(till.today)
    till.books()
    assert till.received(invoice) == Decimal("100.00")
    till.assert_posted(payment)


def test_more_than_an_invoice_is_for_is_refused_before_it_is_sent(till: Till) -> None:
    invoice = till.sells(PART_A="100.00")
    first, second = till.takes((invoice, "60.00")), till.takes((invoice, "60.00"))
    till.books()
    assert till.outcome(first["id"]) == POSTED
    assert till.outcome(second["id"]) == ("held", "over_applied", Decimal("60.00"))
    assert "which is for 100.00 and of which 60.00 is received" in till.message(second["id"])
    assert till.received(invoice) == Decimal("60.00")
    till.change_payment(second, splits=[{"invoiceId": invoice["id"], "amount": "40.00"}], total="40.00")
    till.books()
    assert till.received(invoice) == Decimal("100.00")
    till.assert_posted(first, second)


def test_receipts_that_are_still_under_way_count(till: Till) -> None:
    invoice = till.sells(PART_A="100.00")
    first = till.takes((invoice, "60.00"))
    till.prepare(till.today, Kind.PAYMENT)
    batches = till.plan(till.today, Kind.PAYMENT).batches
    second = till.takes((invoice, "60.00"))
    till.prepare(till.today, Kind.PAYMENT)
    till.plan(till.today, Kind.PAYMENT)
    assert till.outcome(second["id"])[:2] == ("held", "over_applied")
    till.send(batches)
    assert till.outcome(first["id"]) == POSTED


def test_a_payment_that_needs_room_still_to_come_waits_for_the_invoice_and_says_so(till: Till) -> None:
    invoice = till.sells(PART_A="100.00")
    till.change(invoice, PART_A="150.00")
    till.sandbox.unpost_invoice(invoice["id"])
    till.take_in_invoices()
    till.run(till.today)
    assert till.outcome(invoice["id"])[:2] == ("held", "unposted_in_servicetitan")
    payment = till.takes((invoice, "150.00"))
    till.books()
    assert till.outcome(payment["id"])[:2] == ("held", "waiting_for_invoice")
    assert f"Of invoice:{invoice['id']}, 50.00 is not posted yet" in till.message(payment["id"])
    till.sandbox.edit_invoice(invoice["id"], syncStatus="Posted")
    till.take_in_invoices()
    till.run(till.today)
    till.books()
    assert till.received(invoice) == Decimal("150.00")
    till.assert_posted(payment)


def test_money_that_is_moved_is_one_receipt_of_nothing_that_lands(till: Till) -> None:
    """T35: moved to another invoice."""
    one, two = till.sells(PART_A="100.00"), till.sells(PART_A="100.00")
    payment = till.takes((one, "100.00"))
    till.books()
    till.change_payment(payment, "move", **{"from": one["id"], "to": two["id"]})
    (batch,) = till.run(till.today, Kind.PAYMENT).batches
    file = till.context.journal.file(batch)
    assert (file.state, file.amount, file.documents) == ("posted", ZERO, 1)
    assert (till.received(one), till.received(two)) == (ZERO, Decimal("100.00"))
    till.assert_posted(payment)


def test_payments_that_change_places_are_both_moved(till: Till) -> None:
    one, two = till.sells(PART_A="100.00"), till.sells(PART_A="100.00")
    first, second = till.takes((one, "100.00")), till.takes((two, "100.00"))
    till.books()
    till.change_payment(first, splits=[{"invoiceId": two["id"], "amount": "100.00"}], total="100.00")
    till.change_payment(second, splits=[{"invoiceId": one["id"], "amount": "100.00"}], total="100.00")
    till.books()
    assert (till.received(one), till.received(two)) == (Decimal("100.00"), Decimal("100.00"))
    till.assert_posted(first, second)


def test_unapplied_money_stands_on_the_project_and_is_applied_later(till: Till) -> None:
    """T35: unapplied, then applied."""
    invoice = till.sells(PART_A="100.00")
    payment = till.takes(total="80.00", **place_of(invoice))
    till.books()
    till.assert_posted(payment)
    on_account = [
        row for row in till.sandbox.ledger() if row["RefNo"] == f"P{payment['id']}" and row["AutoEntry"] == "N"
    ]
    assert [(row["Invoice"], Decimal(row["Amount"])) for row in on_account] == [("", Decimal("-80.00"))]
    till.change_payment(payment, "apply", invoiceId=invoice["id"], amount="50.00")
    till.books()
    assert till.received(invoice) == Decimal("50.00")
    till.assert_posted(payment)
    assert till.standing(payment["id"]) == Decimal("80.00")


def test_an_overpayment_leaves_the_rest_on_account(till: Till) -> None:
    """T35: over-payment."""
    invoice = till.sells(PART_A="100.00")
    payment = till.takes((invoice, "100.00"), total="120.00")
    till.books()
    assert till.received(invoice) == Decimal("100.00")
    assert till.standing(payment["id"]) == Decimal("120.00")
    till.assert_posted(payment)


@pytest.mark.parametrize(("unapplied", "retainer"), [("on_account", "N"), ("retainer", "Y")])
def test_unapplied_money_is_a_retainer_only_by_the_setting(till: Till, unapplied: str, retainer: str) -> None:
    invoice = till.sells(PART_A="100.00")
    till.changed(posting={"unapplied": unapplied})
    payment = till.takes(total="80.00", **place_of(invoice))
    (batch,) = till.run(till.today, Kind.PAYMENT).batches
    assert [row["Retainer"] for row in till.vantagepoint.read_details("cr", batch)] == [retainer]
    till.assert_posted(payment)


def test_unapplied_money_waits_where_the_connection_says_so(till: Till) -> None:
    invoice = till.sells(PART_A="100.00")
    till.changed(posting={"unapplied": "hold"})
    payment = till.takes(total="80.00", **place_of(invoice))
    till.books()
    assert till.outcome(payment["id"]) == ("held", "unapplied_money", Decimal("80.00"))


def test_a_refund_and_a_refund_of_the_refund(till: Till) -> None:
    """T35: refund of a refund."""
    invoice = till.sells(PART_A="100.00")
    payment = till.takes((invoice, "100.00"))
    till.books()
    refund = till.change_payment(payment, "refund", amount="30.00", date=till.today.isoformat())
    till.books()
    assert till.received(invoice) == Decimal("70.00")
    assert till.standing(refund["id"]) == Decimal("-30.00")
    back = till.change_payment(refund, "refund", amount="10.00", date=till.today.isoformat())
    till.books()
    assert till.received(invoice) == Decimal("80.00")
    till.assert_posted(payment, refund, back)


def test_a_refund_makes_room_for_another_payment_of_the_same_run(till: Till) -> None:
    invoice = till.sells(PART_A="100.00")
    payment = till.takes((invoice, "100.00"))
    till.books()
    other = till.takes((invoice, "40.00"))
    refund = till.change_payment(payment, "refund", amount="40.00", date=till.today.isoformat())
    till.books()
    assert till.received(invoice) == Decimal("100.00")
    till.assert_posted(payment, refund, other)


def test_a_payment_of_another_date_is_taken_back_there_and_received_here_under_one_reference(till: Till) -> None:
    invoice = till.sells(PART_A="100.00")
    payment = till.takes((invoice, "100.00"))
    till.books()
    later = till.calendar.business_day(till.today.replace(day=till.today.day + 1))
    till.change_payment(payment, date=f"{later.isoformat()}T00:00:00Z")
    till.run(later, Kind.PAYMENT)
    # Two masters of one reference cannot be in one file.
    files = till.rows(
        """
        SELECT batch FROM journal.postings WHERE document_id = :id AND correction GROUP BY batch
        """,
        id=payment["id"],
    )
    assert len(files) == 2
    assert till.received(invoice) == Decimal("100.00")
    assert till.banked(*(row.batch for row in files)) == {
        ("OPER", till.today.isoformat()): Decimal("-100.00"),
        ("OPER", later.isoformat()): Decimal("100.00"),
    }
    assert till.outcome(payment["id"]) == POSTED


def test_money_that_turns_out_to_be_in_another_bank_is_moved_there(till: Till) -> None:
    invoice = till.sells(PART_A="100.00")
    payment = till.takes((invoice, "100.00"))
    till.books()
    till.change_payment(payment, typeId=CARD)
    plan = till.run(till.today, Kind.PAYMENT)
    assert till.banked(*plan.batches) == {
        ("OPER", till.today.isoformat()): Decimal("-100.00"),
        ("MERC", till.today.isoformat()): Decimal("100.00"),
    }
    assert till.received(invoice) == Decimal("100.00")
    till.assert_posted(payment)


def test_journal_entries_are_left_out_with_the_reason(till: Till) -> None:
    invoice = till.sells(PART_A="100.00")
    payment = till.takes((invoice, "100.00"), by="Journal Entry")
    till.books()
    assert till.outcome(payment["id"])[:2] == ("ignored", "journal_entry_payment")
    assert till.received(invoice) == ZERO
    assert till.tie_out(till.today, None, Kind.PAYMENT).balanced


def test_a_reference_that_somebody_used_by_hand_with_other_amounts_holds_the_payment(till: Till) -> None:
    invoice = till.sells(PART_A="100.00")
    payment = till.takes((invoice, "100.00"))
    enter_receipt_by_hand(till, f"P{payment['id']}", invoice, "7.00", batch="BYHAND1")
    till.books()
    assert till.outcome(payment["id"])[:2] == ("held", "already_in_vantagepoint")
    assert till.received(invoice) == Decimal("7.00")


def test_a_receipt_that_somebody_entered_by_hand_is_adopted_when_it_says_the_same(till: Till) -> None:
    invoice = till.sells(PART_A="100.00")
    payment = till.takes((invoice, "100.00"))
    enter_receipt_by_hand(till, f"P{payment['id']}", invoice, "100.00", batch="BYHAND2")
    till.books()
    assert till.received(invoice) == Decimal("100.00")
    till.assert_posted(payment)


def enter_receipt_by_hand(till: Till, reference: str, invoice: Row, amount: str, *, batch: str) -> None:
    """Enter and post a receipt the way a person would."""
    receivables = next(row["Account"] for row in till.sandbox.ledger() if row["AutoEntry"] == "Y" and row["Invoice"])
    line = {"PKey": batch, "Seq": 1, "WBS1": "CHS2026", "Invoice": invoice["referenceNumber"], "Account": receivables}
    body = {
        "Batch": batch,
        "Total": Decimal(amount),
        "crMaster": [
            {"RefNo": reference, "TransDate": f"{till.today.isoformat()}T00:00:00.000", "BankCode": "OPER"},
        ],
        "crDetail": [{"RefNo": reference, **line, "Amount": Decimal(amount)}],
    }
    period = int(f"{till.today:%Y%m}")
    till.vantagepoint.set_active_period(period)
    till.vantagepoint.enter_file("cr", body)
    assert till.vantagepoint.post_file("cr", batch, company="01", period=period, description="by hand").posted


def test_an_invoice_that_moves_takes_its_payment_along(till: Till) -> None:
    invoice = till.sells(PART_A="100.00")
    payment = till.takes((invoice, "100.00"))
    till.books()
    till.change(invoice, PART_B="100.00")
    till.run(till.today)
    till.books()
    assert till.received_by_project(invoice) == {"CHS2026": ZERO, "RHS2026": Decimal("100.00")}
    till.assert_posted(payment)


CARD = 6103


def test_a_fresh_database_finds_every_receipt_again_whatever_became_of_it(
    engine: Engine, shop: tuple[Bench, Iterator[date]]
) -> None:
    first, days = shop
    today = next(days)
    one, two = posted_invoice(first, today), posted_invoice(first, today)
    moved = first.pay((one, "100.00"), day=today)
    grown = first.pay((one, "10.00"), day=today)
    rebanked = first.pay((two, "20.00"), day=today)
    first.run(today, Kind.PAYMENT)
    first.change_payment(moved, splits=[{"invoiceId": two["id"], "amount": "100.00"}], total="100.00")
    first.change_payment(grown, splits=[{"invoiceId": one["id"], "amount": "30.00"}], total="30.00")
    first.change_payment(rebanked, typeId=CARD)
    first.run(today, Kind.PAYMENT)
    before = first.sandbox.ledger()
    with bench(first.sandbox, engine) as second:
        second.take_in()
        second.run(today)
        second.run(today, Kind.PAYMENT)
        assert second.sandbox.ledger() == before
        assert {second.outcome(each["id"]) for each in (moved, grown, rebanked)} == {POSTED}


def test_instalments_that_do_not_divide_evenly_pay_every_project_to_the_cent(till: Till) -> None:
    invoice = till.sells(PART_A="50.00", PART_B="50.00")
    payments: list[Row] = []
    for amount in ("33.33", "33.33", "33.34"):
        payments.append(till.takes((invoice, amount)))
        till.books()
    till.assert_posted(*payments)
    assert till.received_by_project(invoice) == {"CHS2026": Decimal("50.00"), "RHS2026": Decimal("50.00")}


def test_instalments_of_one_day_pay_every_project_to_the_cent(till: Till) -> None:
    invoice = till.sells(PART_A="50.00", PART_B="50.00")
    payments = [till.takes((invoice, amount)) for amount in ("33.33", "33.33", "33.34")]
    till.books()
    till.assert_posted(*payments)
    assert till.received_by_project(invoice) == {"CHS2026": Decimal("50.00"), "RHS2026": Decimal("50.00")}
