"""Invoice numbers: one document per number and project, whatever its spelling and whoever asks."""

from collections.abc import Callable, Generator
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench, bench


def renumber(quiet: Bench, invoice: dict[str, object], number: str) -> None:
    quiet.sandbox.edit_invoice(int(str(invoice["id"])), referenceNumber=number)
    invoice["referenceNumber"] = number
    quiet.take_in_invoices()


def test_a_number_whose_document_was_refused_is_free_for_another(quiet: Bench) -> None:
    first = quiet.add(PART_A="60.00")
    renumber(quiet, first, "7001")
    quiet.prepare(QUIET_DAY)
    batches = quiet.plan(QUIET_DAY).batches
    quiet.project("CHS2026", "I")
    quiet.send(batches)
    quiet.project("CHS2026", "A")
    renumber(quiet, first, "7002")
    second = quiet.add(PART_A="40.00")
    renumber(quiet, second, "7001")
    quiet.run(QUIET_DAY)
    assert quiet.owed(first) == {"CHS2026": Decimal("60.00")}
    assert quiet.owed(second) == {"CHS2026": Decimal("40.00")}
    assert quiet.tie_out(QUIET_DAY).held == {}


@pytest.mark.parametrize("spelling", ["0007001", "07001", " 7001 "])
def test_spellings_of_one_number_are_one_number(quiet: Bench, spelling: str) -> None:
    first = quiet.add(PART_A="60.00")
    renumber(quiet, first, "7001")
    quiet.run(QUIET_DAY)
    second = quiet.add(PART_A="40.00")
    renumber(quiet, second, spelling)
    quiet.run(QUIET_DAY)
    assert quiet.outcome(second["id"]) == ("held", "invoice_number_taken", Decimal("40.00"))
    assert quiet.owed(first) == {"CHS2026": Decimal("60.00")}
    assert quiet.tie_out(QUIET_DAY).balanced


def test_case_does_not_make_another_number(quiet: Bench) -> None:
    first = quiet.add(PART_A="60.00")
    renumber(quiet, first, "adj7001")
    quiet.run(QUIET_DAY)
    second = quiet.add(PART_A="40.00")
    renumber(quiet, second, "ADJ7001")
    quiet.run(QUIET_DAY)
    assert quiet.outcome(second["id"]) == ("held", "invoice_number_taken", Decimal("40.00"))


def test_a_new_number_takes_the_amount_away_from_the_old_one(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="60.00")
    renumber(quiet, invoice, "7001")
    quiet.run(QUIET_DAY)
    old = dict(invoice)
    renumber(quiet, invoice, "7002")
    quiet.run(QUIET_DAY)
    assert quiet.owed(old) == {}
    assert quiet.owed(invoice) == {"CHS2026": Decimal("60.00")}
    assert quiet.tie_out(QUIET_DAY).balanced


def test_a_new_number_that_somebody_entered_by_hand_is_found_before_it_is_sent(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="60.00")
    renumber(quiet, invoice, "7001")
    quiet.run(QUIET_DAY)
    renumber(quiet, invoice, "7002")
    quiet.enter_by_hand(invoice, "CHS2026", "5.00")
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"])[:2] == ("held", "already_in_vantagepoint")
    assert quiet.tie_out(QUIET_DAY).balanced


@pytest.fixture
def neighbours(sandbox: Callable[..., SandboxUnderTest], engine: Engine) -> Generator[tuple[Bench, Bench]]:
    """Two connections of one installation that share a Vantagepoint."""
    running = sandbox(invoices=20)
    with bench(running, engine) as acme, bench(running, engine, name="zenith") as zenith:
        acme.take_in()
        yield acme, zenith


def test_two_connections_that_share_a_vantagepoint_do_not_share_a_number(neighbours: tuple[Bench, Bench]) -> None:
    acme, zenith = neighbours
    invoice = acme.add(PART_A="60.00")
    zenith.take_in()
    acme.run(QUIET_DAY)
    zenith.run(QUIET_DAY)
    assert acme.owed(invoice) == {"CHS2026": Decimal("60.00")}
    (row,) = zenith.rows(
        "SELECT * FROM journal.outcomes WHERE connection = 'zenith' AND document_id = :id", id=invoice["id"]
    )
    assert (row.outcome, row.reason, row.amount) == ("held", "invoice_number_taken", Decimal("60.00"))
    assert zenith.tie_out(QUIET_DAY).balanced
