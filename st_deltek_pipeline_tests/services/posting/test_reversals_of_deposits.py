"""Reversing receipts that went in by bank deposit: the whole file with what the bank kept, or one payment of it."""

from collections.abc import Callable, Generator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.services.holds import release_document
from st_deltek_pipeline.services.reversing import FileSelection, ReversalResult, Selection, reverse
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import MONEY_DAY, Bench, bench
from st_deltek_pipeline_tests.services.posting.test_deposits import sold, with_fee_rule

ZERO = Decimal("0.00")
REVERSED = ("ignored", "reversed_by_person")
IN_THE_BANK = {("MERC", "2026-11-18"): Decimal("146.11")}


@pytest.fixture
def counter(sandbox: Callable[..., SandboxUnderTest], quiet_engine: Engine) -> Generator[Bench]:
    """A connection that posts receipts by deposit."""
    with bench(sandbox(invoices=20), quiet_engine) as connected:
        connected.changed(posting={"receipt_files": "by_deposit"})
        with_fee_rule(connected)
        yield connected


@pytest.fixture
def deposited(counter: Bench) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    """A posted deposit of two payments, of which the bank kept a fee: its file, its payments, itself."""
    one, two = sold(counter, "100.00", "50.00")
    payments = [counter.pay((one, "100.00"), by="Credit Card"), counter.pay((two, "50.00"), by="Credit Card")]
    deposit = counter.deposit(*payments, day=MONEY_DAY, fees="3.89")
    (batch,) = counter.run(MONEY_DAY, Kind.PAYMENT).batches
    assert counter.banked() == IN_THE_BANK
    return batch, payments, deposit


def take_back(counter: Bench, selection: Selection) -> ReversalResult:
    return reverse(counter.context, selection, reason="Deposited twice.", by="jane")


def key(kind: Kind, row: dict[str, Any]) -> DocumentKey:
    return DocumentKey("acme", kind, row["id"])


def test_a_deposits_file_is_reversed_whole_in_one_file_with_what_the_bank_kept(
    counter: Bench, deposited: tuple[str, list[dict[str, Any]], dict[str, Any]]
) -> None:
    batch, payments, deposit = deposited
    result = take_back(counter, FileSelection(batch))
    assert result.complete
    (file,) = result.plan.files
    assert counter.banked(file.batch) == {("MERC", "2026-11-18"): Decimal("-146.11")}
    assert counter.banked() == {}
    assert counter.outcome(deposit["id"]) == (*REVERSED, Decimal("-3.89"))
    assert [counter.outcome(each["id"]) for each in payments] == [
        (*REVERSED, Decimal("100.00")),
        (*REVERSED, Decimal("50.00")),
    ]
    assert counter.tie_out(MONEY_DAY, None, Kind.PAYMENT).balanced
    before = counter.context.journal.last_sequence()
    assert take_back(counter, FileSelection(batch)).complete
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert counter.context.journal.last_sequence() == before
    assert counter.banked() == {}


def test_one_payment_is_reversed_without_its_deposit(
    counter: Bench, deposited: tuple[str, list[dict[str, Any]], dict[str, Any]]
) -> None:
    _, payments, deposit = deposited
    assert take_back(counter, key(Kind.PAYMENT, payments[0])).complete
    assert counter.banked() == {("MERC", "2026-11-18"): Decimal("46.11")}
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert counter.banked() == {("MERC", "2026-11-18"): Decimal("46.11")}
    assert counter.outcome(deposit["id"]) == ("posted", "", ZERO)
    assert counter.outcome(payments[1]["id"]) == ("posted", "", ZERO)
    assert counter.tie_out(MONEY_DAY, None, Kind.PAYMENT).balanced


def test_what_the_bank_kept_is_reversed_alone_and_stays_so(
    counter: Bench, deposited: tuple[str, list[dict[str, Any]], dict[str, Any]]
) -> None:
    _, payments, deposit = deposited
    assert take_back(counter, key(Kind.BANK_DEPOSIT, deposit)).complete
    assert counter.banked() == {("MERC", "2026-11-18"): Decimal("150.00")}
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert counter.banked() == {("MERC", "2026-11-18"): Decimal("150.00")}
    assert counter.outcome(deposit["id"]) == (*REVERSED, Decimal("-3.89"))
    assert {counter.outcome(each["id"]) for each in payments} == {("posted", "", ZERO)}


def test_a_deposit_that_is_taken_back_from_its_reversal_is_posted_again(
    counter: Bench, deposited: tuple[str, list[dict[str, Any]], dict[str, Any]]
) -> None:
    batch, payments, deposit = deposited
    take_back(counter, FileSelection(batch))
    for document in (*(key(Kind.PAYMENT, each) for each in payments), key(Kind.BANK_DEPOSIT, deposit)):
        release_document(counter.context, document, by="joe")
    counter.run(MONEY_DAY, Kind.PAYMENT)
    counter.run(MONEY_DAY, Kind.PAYMENT)
    assert counter.banked() == IN_THE_BANK
    assert {counter.outcome(each["id"]) for each in (*payments, deposit)} == {("posted", "", ZERO)}
    assert counter.tie_out(MONEY_DAY, None, Kind.PAYMENT).balanced
