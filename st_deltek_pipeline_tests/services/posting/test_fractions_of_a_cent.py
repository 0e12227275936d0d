"""A record that states fractions of a cent is held with exactly that, so that the tie-out stays exact."""

from decimal import Decimal

from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench


def test_half_a_cent_is_held_to_the_last_digit_and_nothing_differs(quiet: Bench) -> None:
    """T33: half a cent in the source is held."""
    invoice = quiet.add(PART_A="60.00")
    quiet.sandbox.edit_invoice(invoice["id"], verbatim=True, total="60.005")
    quiet.take_in_invoices()
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"]) == ("held", "unreadable", Decimal("60.005"))
    result = quiet.tie_out(QUIET_DAY)
    assert result.balanced
    assert sum((row.difference for row in result.rows), start=Decimal(0)) == 0
