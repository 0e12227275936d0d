"""Receipts by bank deposit: the file is the deposit, and the bank's line is that of the statement."""

from collections.abc import Callable, Generator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.services.day_documents import days_of_deposits
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import MONEY_DAY, Bench, bench

ZERO = Decimal("0.00")
DEPOSITED = date(2026, 11, 20)


@pytest.fixture
def counter(sandbox: Callable[..., SandboxUnderTest], quiet_engine: Engine) -> Generator[Bench]:
    """A connection that posts receipts by deposit; nothing was received on ``MONEY_DAY`` yet."""
    with bench(sandbox(invoices=20), quiet_engine) as connected:
        connected.changed(posting={"receipt_files": "by_deposit"})
        yield connected


def with_fee_rule(counter: Bench) -> None:
    overhead = next(
        rule["give"] for rule in counter.sandbox.connection["coding"] if rule.get("name", "").startswith("overhead of")
    )
    place = {name: overhead[name] for name in ("wbs1", "wbs2", "wbs3")}
    plain = counter.settings.model_dump()
    rule = {"when": {"document": "payment", "line": "fee"}, "give": {**place, "account": "761.00"}}
    counter.settings = type(counter.settings).model_validate({**plain, "coding": [rule, *plain["coding"]]})


def sold(counter: Bench, *amounts: str) -> list[dict[str, Any]]:
    """Invoices that are posted already."""
    invoices = [counter.add(MONEY_DAY, PART_A=amount) for amount in amounts]
    counter.run(MONEY_DAY)
    return invoices


def test_the_payments_of_a_deposit_are_one_file_dated_as_the_deposit_whatever_their_own_days(counter: Bench) -> None:
    one, two = sold(counter, "100.00", "50.00")
    first = counter.pay((one, "100.00"))
    second = counter.pay((two, "50.00"), day=date(2026, 11, 19))
    counter.deposit(first, second, day=DEPOSITED)
    for day in (MONEY_DAY, date(2026, 11, 19)):
        assert counter.run(day, Kind.PAYMENT).batches == ()
    assert {counter.outcome(each["id"])[:2] for each in (first, second)} == {("held", "waiting_for_deposit")}
    assert "business day 2026-11-20" in counter.message(first["id"])
    assert days_of_deposits(counter.engine, counter.settings, counter.calendar) == [DEPOSITED]
    (batch,) = counter.run(DEPOSITED, Kind.PAYMENT).batches
    assert counter.banked(batch) == {("OPER", "2026-11-20"): Decimal("150.00")}
    assert {counter.outcome(each["id"]) for each in (first, second)} == {("posted", "", ZERO)}
    assert counter.received(one) == Decimal("100.00")
    assert days_of_deposits(counter.engine, counter.settings, counter.calendar) == []
    assert counter.tie_out(MONEY_DAY, DEPOSITED, Kind.PAYMENT).balanced
    for day in (MONEY_DAY, date(2026, 11, 19), DEPOSITED):
        assert counter.run(day, Kind.PAYMENT).batches == ()


def test_two_deposits_of_one_day_are_two_files(counter: Bench) -> None:
    one, two = sold(counter, "100.00", "50.00")
    payments = [counter.pay((one, "100.00")), counter.pay((two, "50.00"), by="Credit Card")]
    for payment in payments:
        counter.deposit(payment, day=MONEY_DAY)
    batches = counter.run(MONEY_DAY, Kind.PAYMENT).batches
    assert len(batches) == 2
    assert counter.banked() == {("OPER", "2026-11-18"): Decimal("100.00"), ("MERC", "2026-11-18"): Decimal("50.00")}


def test_money_that_is_in_no_deposit_waits_and_money_that_goes_out_does_not(counter: Bench) -> None:
    (invoice,) = sold(counter, "100.00")
    payment = counter.pay((invoice, "100.00"))
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert counter.outcome(payment["id"]) == ("held", "waiting_for_deposit", Decimal("100.00"))
    counter.deposit(payment, day=MONEY_DAY)
    counter.run(MONEY_DAY, Kind.PAYMENT)
    refund = counter.change_payment(payment, "refund", amount="30.00", date=MONEY_DAY.isoformat())
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert counter.outcome(refund["id"]) == ("posted", "", ZERO)
    assert counter.received(invoice) == Decimal("70.00")


def test_a_deposit_that_is_still_open_waits(counter: Bench) -> None:
    (invoice,) = sold(counter, "100.00")
    payment = counter.pay((invoice, "100.00"))
    deposit = counter.deposit(payment, day=MONEY_DAY)
    edit = f"servicetitan/rows/accounting/bank-deposits/{deposit['id']}"
    counter.sandbox.admin("PATCH", edit, {"depositStatus": "Open"})
    counter.take_in_feeds("bank_deposits")
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert counter.outcome(payment["id"])[:2] == ("held", "waiting_for_deposit")
    counter.sandbox.admin("PATCH", edit, {"depositStatus": "Deposited"})
    counter.take_in_feeds("bank_deposits")
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert counter.outcome(payment["id"]) == ("posted", "", ZERO)


def test_one_payment_that_cannot_be_posted_holds_its_whole_deposit_and_is_named(counter: Bench) -> None:
    (invoice,) = sold(counter, "100.00")
    late = counter.add(MONEY_DAY, PART_A="50.00")
    good, bad = counter.pay((invoice, "100.00")), counter.pay((late, "50.00"))
    other = counter.pay(
        total="8.00", businessUnitId=invoice["businessUnit"]["id"], customerId=invoice["customer"]["id"]
    )
    counter.deposit(good, bad, day=MONEY_DAY)
    counter.deposit(other, day=MONEY_DAY)
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert counter.outcome(bad["id"])[:2] == ("held", "waiting_for_invoice")
    assert counter.outcome(good["id"])[:2] == ("held", "deposit_incomplete")
    assert f"payment:{bad['id']} is held (waiting_for_invoice)" in counter.message(good["id"])
    assert counter.outcome(other["id"])[0] == "posted"
    assert counter.tie_out(MONEY_DAY, None, Kind.PAYMENT).balanced
    counter.run(MONEY_DAY)
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert {counter.outcome(each["id"]) for each in (good, bad)} == {("posted", "", ZERO)}


def test_what_the_bank_kept_is_taken_off_in_the_same_file_so_that_the_bank_shows_the_statement(counter: Bench) -> None:
    with_fee_rule(counter)
    one, two = sold(counter, "100.00", "50.00")
    payments = [counter.pay((one, "100.00"), by="Credit Card"), counter.pay((two, "50.00"), by="Credit Card")]
    deposit = counter.deposit(*payments, day=MONEY_DAY, fees="3.89")
    (batch,) = counter.run(MONEY_DAY, Kind.PAYMENT).batches
    assert counter.banked(batch) == {("MERC", "2026-11-18"): Decimal("146.11")}
    fees = [row for row in counter.sandbox.ledger() if row["Batch"] == batch and row["Account"] == "761.00"]
    assert [(Decimal(row["Amount"]), row["RefNo"]) for row in fees] == [(Decimal("3.89"), f"D{deposit['id']}")]
    assert counter.received(one) == Decimal("100.00")
    assert counter.outcome(deposit["id"]) == ("posted", "", ZERO)
    assert {counter.outcome(each["id"]) for each in payments} == {("posted", "", ZERO)}
    assert counter.tie_out(MONEY_DAY, None, Kind.PAYMENT).balanced
    assert counter.run(MONEY_DAY, Kind.PAYMENT).batches == ()


def test_fees_without_a_rule_hold_the_deposit(counter: Bench) -> None:
    (invoice,) = sold(counter, "100.00")
    payment = counter.pay((invoice, "100.00"))
    deposit = counter.deposit(payment, day=MONEY_DAY, fees="2.59")
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert counter.outcome(payment["id"]) == ("held", "no_rule", Decimal("100.00"))
    assert "line: fee" in counter.message(payment["id"])
    assert counter.outcome(deposit["id"]) == ("held", "no_rule", Decimal("-2.59"))
    assert counter.banked() == {}
    with_fee_rule(counter)
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert counter.banked() == {("OPER", "2026-11-18"): Decimal("97.41")}
    assert {counter.outcome(each["id"]) for each in (payment, deposit)} == {("posted", "", ZERO)}


def test_fees_that_become_known_or_change_later_follow_as_the_difference(counter: Bench) -> None:
    with_fee_rule(counter)
    (invoice,) = sold(counter, "100.00")
    payment = counter.pay((invoice, "100.00"))
    deposit = counter.deposit(payment, day=MONEY_DAY)
    counter.run(MONEY_DAY, Kind.PAYMENT)
    for fees, net in (("2.59", "97.41"), ("2.00", "98.00"), ("0.00", "100.00")):
        counter.sandbox.admin(
            "PATCH",
            f"servicetitan/rows/accounting/bank-deposits/{deposit['id']}",
            {"fees": fees, "netAmount": net},
        )
        counter.take_in_feeds("bank_deposits")
        counter.run(MONEY_DAY, Kind.PAYMENT)
        assert counter.banked() == {("OPER", "2026-11-18"): Decimal(net)}
        assert counter.outcome(deposit["id"]) == ("posted", "", ZERO)


def test_a_deposit_whose_payments_do_not_make_its_amount_waits(counter: Bench) -> None:
    (invoice,) = sold(counter, "100.00")
    payment = counter.pay((invoice, "100.00"))
    deposit = counter.deposit(payment, day=MONEY_DAY)
    counter.sandbox.admin(
        "PATCH",
        f"servicetitan/rows/accounting/bank-deposits/{deposit['id']}",
        {"grossAmount": "130.00", "netAmount": "130.00"},
    )
    counter.take_in_feeds("bank_deposits")
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert counter.outcome(payment["id"])[:2] == ("held", "deposit_differs")
    assert "states 130.00" in counter.message(payment["id"])


def test_a_deposit_in_two_banks_waits(counter: Bench) -> None:
    one, two = sold(counter, "100.00", "50.00")
    payments = [counter.pay((one, "100.00")), counter.pay((two, "50.00"), by="Credit Card")]
    counter.deposit(*payments, day=MONEY_DAY)
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert {counter.outcome(each["id"])[:2] for each in payments} == {("held", "deposit_differs")}
    assert "MERC, OPER" in counter.message(payments[0]["id"])


def test_a_refused_deposit_is_not_split(counter: Bench) -> None:
    one = counter.add(MONEY_DAY, PART_A="100.00")
    two = counter.add(MONEY_DAY, PART_B="50.00")
    counter.run(MONEY_DAY)
    payments = [counter.pay((one, "100.00")), counter.pay((two, "50.00"))]
    counter.deposit(*payments, day=MONEY_DAY)
    counter.prepare(MONEY_DAY, Kind.PAYMENT)
    batches = counter.plan(MONEY_DAY, Kind.PAYMENT).batches
    counter.project("RHS2026", "I")
    counter.send(batches)
    assert {counter.outcome(each["id"])[:2] for each in payments} == {("held", "refused")}
    assert counter.banked() == {}
    counter.project("RHS2026", "A")
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert counter.banked() == {("OPER", "2026-11-18"): Decimal("150.00")}


def test_a_deposited_payment_is_corrected_without_its_deposit(counter: Bench) -> None:
    one, two = sold(counter, "100.00", "100.00")
    payments = [counter.pay((one, "100.00")), counter.pay((two, "20.00"))]
    counter.deposit(*payments, day=MONEY_DAY)
    counter.run(MONEY_DAY, Kind.PAYMENT)
    counter.change_payment(payments[0], "move", **{"from": one["id"], "to": two["id"], "amount": "70.00"})
    (batch,) = counter.run(MONEY_DAY, Kind.PAYMENT).batches
    assert (counter.received(one), counter.received(two)) == (Decimal("30.00"), Decimal("90.00"))
    assert counter.banked(batch) == {}
    assert counter.banked() == {("OPER", "2026-11-18"): Decimal("120.00")}


def test_a_deposit_of_many_payments_is_never_cut(counter: Bench) -> None:
    counter.changed(vantagepoint={"documents_per_file": 1})
    invoices = sold(counter, "10.00", "20.00", "30.00")
    payments = [
        counter.pay((invoice, amount)) for invoice, amount in zip(invoices, ("10.00", "20.00", "30.00"), strict=True)
    ]
    counter.deposit(*payments, day=MONEY_DAY)
    assert len(counter.run(MONEY_DAY, Kind.PAYMENT).batches) == 1
    assert counter.banked() == {("OPER", "2026-11-18"): Decimal("60.00")}


def test_a_fresh_database_adopts_a_deposit_and_posts_nothing_new(counter: Bench, module_engine: Engine) -> None:
    with_fee_rule(counter)
    (invoice,) = sold(counter, "100.00")
    payment = counter.pay((invoice, "100.00"))
    deposit = counter.deposit(payment, day=MONEY_DAY, fees="2.59")
    counter.run(MONEY_DAY, Kind.PAYMENT)
    before = counter.sandbox.ledger()
    with bench(counter.sandbox, module_engine) as second:
        second.settings = counter.settings
        second.take_in()
        second.run(MONEY_DAY)
        second.run(MONEY_DAY, Kind.PAYMENT)
        assert second.sandbox.ledger() == before
        assert {second.outcome(each["id"]) for each in (payment, deposit)} == {("posted", "", ZERO)}


def test_receipts_go_by_day_unless_the_connection_asks_for_deposits(counter: Bench) -> None:
    counter.changed(posting={"receipt_files": "by_day"})
    one, two = sold(counter, "100.00", "50.00")
    payments = [counter.pay((one, "100.00")), counter.pay((two, "50.00"))]
    counter.deposit(payments[0], day=DEPOSITED)
    assert len(counter.run(MONEY_DAY, Kind.PAYMENT).batches) == 1
    assert counter.banked() == {("OPER", "2026-11-18"): Decimal("150.00")}
    assert days_of_deposits(counter.engine, counter.settings, counter.calendar) == []


def test_deposits_cannot_be_kept_together_where_documents_are_entered_one_by_one(counter: Bench) -> None:
    with pytest.raises(ValidationError, match="by_deposit needs"):
        counter.changed(vantagepoint={"entry": "single"})


def test_a_reference_that_somebody_used_by_hand_holds_the_whole_deposit(counter: Bench) -> None:
    one, two = sold(counter, "100.00", "50.00")
    payments = [counter.pay((one, "100.00")), counter.pay((two, "50.00"))]
    counter.deposit(*payments, day=MONEY_DAY)
    by_hand(counter, f"P{payments[0]['id']}", one, "7.00")
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert counter.outcome(payments[0]["id"])[:2] == ("held", "already_in_vantagepoint")
    assert counter.outcome(payments[1]["id"])[:2] == ("held", "deposit_incomplete")
    assert counter.banked() == {("OPER", "2026-11-18"): Decimal("7.00")}


def by_hand(counter: Bench, reference: str, invoice: dict[str, Any], amount: str) -> None:
    """Enter and post a receipt the way a person would."""
    receivables = next(row["Account"] for row in counter.sandbox.ledger() if row["AutoEntry"] == "Y")
    line = {
        "PKey": "BYHAND",
        "Seq": 1,
        "WBS1": "CHS2026",
        "Invoice": invoice["referenceNumber"],
        "Account": receivables,
    }
    body = {
        "Batch": "BYHAND",
        "Total": Decimal(amount),
        "crMaster": [{"RefNo": reference, "TransDate": "2026-11-18T00:00:00.000", "BankCode": "OPER"}],
        "crDetail": [{"RefNo": reference, **line, "Amount": Decimal(amount)}],
    }
    counter.vantagepoint.set_active_period(202611)
    counter.vantagepoint.enter_file("cr", body)
    assert counter.vantagepoint.post_file("cr", "BYHAND", company="01", period=202611, description="by hand").posted
