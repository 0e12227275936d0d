"""Settings that decide whether a document is posted at all, each in both positions, through the whole protocol."""

from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench

POSTED = ("posted", "", Decimal("0.00"))


def pending(quiet: Bench) -> dict[str, Any]:
    """An invoice that is not posted in ServiceTitan, of a job that is done."""
    invoice = quiet.sandbox.add_invoice(date=QUIET_DAY.isoformat(), syncStatus="Pending", total="1.00")
    quiet.change(invoice, PART_A="60.00")
    quiet.take_in(firms=False)
    return invoice


@pytest.mark.parametrize(
    ("ready_when", "outcome"),
    [("posted", ("held", "not_ready", Decimal("60.00"))), ("completed", POSTED)],
)
def test_a_pending_invoice_of_a_completed_job_is_posted_only_where_the_connection_says_completed(
    quiet: Bench, ready_when: str, outcome: tuple[str, str, Decimal]
) -> None:
    quiet.changed(posting={"ready_when": ready_when})
    invoice = pending(quiet)
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"]) == outcome
    assert quiet.tie_out(QUIET_DAY).balanced


@pytest.mark.parametrize(
    ("customer_firm", "outcome"),
    [("required", ("held", "customer_without_firm", Decimal("60.00"))), ("optional", POSTED)],
)
def test_an_invoice_of_a_customer_without_a_firm_is_posted_only_where_the_connection_says_optional(
    quiet: Bench, customer_firm: str, outcome: tuple[str, str, Decimal]
) -> None:
    quiet.changed(posting={"customer_firm": customer_firm})
    invoice = quiet.add(PART_A="60.00")
    with quiet.engine.begin() as db:
        # As a matching leaves it that found nobody.
        db.exec_driver_sql(
            "UPDATE mapping.firm_mappings SET state = 'missing', firm_id = '' WHERE party_id = %s",
            (invoice["customer"]["id"],),
        )
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"]) == outcome
    assert quiet.tie_out(QUIET_DAY).balanced
