"""Carrying out a seed and saying what became of it: for the tests and for the command."""

from dataclasses import dataclass

from st_deltek_pipeline_tests.simulation.database import Databases
from st_deltek_pipeline_tests.simulation.drawing import draw
from st_deltek_pipeline_tests.simulation.script import as_python
from st_deltek_pipeline_tests.simulation.shrinking import shrink
from st_deltek_pipeline_tests.simulation.simulation import Script, Summary, carry_out
from st_deltek_pipeline_tests.simulation.violation import Violation


@dataclass(frozen=True)
class Failure:
    """A script that does not hold.

    Attributes:
        words: What does not hold, and where.
        script: The smallest script that was found.
    """

    words: str
    script: Script

    def __str__(self) -> str:
        """Return what a person needs to look into it."""
        return (
            f"seed {self.script.seed}: {self.words}\n\n{as_python(self.script)}\n"
            "Put this script into a file and carry it out again:\n"
            "    .venv/bin/python -m st_deltek_pipeline_tests.simulation --replay FILE"
        )


def judge(databases: Databases, script: Script, *, tries: int = 150) -> Summary | Failure:
    """Carry out a script; one that fails is shrunk.

    Args:
        databases: Where its database is copied.
        script: The script.
        tries: How many smaller ones to try at most.
    """
    try:
        return carry_out(databases, script)
    except Violation as violation:
        smallest, last = shrink(script, violation, lambda smaller: _violation(databases, smaller), tries=tries)
        return Failure("\n".join([str(last), *getattr(last, "__notes__", [])]), smallest)


def judge_seed(databases: Databases, seed: int) -> Summary | Failure:
    """Carry out the script of a seed."""
    return judge(databases, draw(seed))


def _violation(databases: Databases, script: Script) -> Violation | None:
    try:
        carry_out(databases, script)
    except Violation as violation:
        return violation
    return None
