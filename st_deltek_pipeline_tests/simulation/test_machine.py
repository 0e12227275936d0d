"""Hypothesis acts in the simulated world: always the same examples here, others by the command's ``--examples``."""

from st_deltek_pipeline_tests.simulation import machine
from st_deltek_pipeline_tests.simulation.database import Databases


def test_no_sequence_of_rules_that_hypothesis_draws_makes_the_ledger_differ_from_the_model(
    databases: Databases,
) -> None:
    """T49: rules are make, edit, void, pay, refund, bill, close, deliver, drop, crash, poll, replay; the model is a table."""
    machine.run(databases, examples=6)
