"""What every step is, and the days, periods and projects that steps name by number."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from st_deltek_pipeline_tests.simulation.simulation import Simulation

DAYS = tuple(date(2026, 11, 25) + timedelta(days=days) for days in (0, 2, 3, 5, 6, 7))
"""Wednesday, Friday and Saturday before the simulation begins; Monday, its first day; two days of the next month."""

PERIODS = (202611, 202612)

PARTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("PART-A", {"wbs1": "CHS2026", "organization": "01:HV:CS"}),
    ("PART-B", {"wbs1": "RHS2026", "organization": "01:HV:RS"}),
    ("PHASE-1", {"wbs1": "CHC2026", "wbs2": "GEN", "organization": "01:HV:CC"}),
)
"""SKUs whose lines go to projects of their own, so that one document stands on several."""


@dataclass(frozen=True)
class Step:
    """One thing that happens."""

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        raise NotImplementedError
