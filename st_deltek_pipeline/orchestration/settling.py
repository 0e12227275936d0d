"""Settling a connection: every day was decided with what was known when deciding began, so nothing need be looked at again.

What counts as a change is noted by those who write it (``store.changes``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine

from st_deltek_pipeline.orchestration.day_runs import newest_day
from st_deltek_pipeline.orchestration.wiring import Wiring
from st_deltek_pipeline.store import changes


@dataclass(frozen=True)
class Settling:
    """One attempt, begun before anything is looked at. It counts only when it is ended."""

    engine: Engine
    wiring: Wiring
    noted: Sequence[int]
    business_day: date

    @classmethod
    def begin(cls, engine: Engine, wiring: Wiring) -> "Settling":
        """Note what has changed so far; what changes from now on is for the next attempt."""
        return cls(engine, wiring, changes.noted(engine, wiring.name), newest_day(wiring))

    def end(self, *, run_id: str) -> None:
        """Say that all of it was decided about.

        Args:
            run_id: Who did.
        """
        with self.engine.begin() as db:
            changes.forget(db, self.wiring.name, self.noted)
            changes.settle(
                db,
                self.wiring.name,
                settings_version=self.wiring.settings_version,
                business_day=self.business_day,
                run_id=run_id,
            )


def why_not_settled(engine: Engine, wiring: Wiring) -> str:
    """Say why days may have to be decided again; empty when nothing has changed since they were.

    Args:
        engine: The database.
        wiring: The connection.
    """
    return changes.unsettled(engine, wiring.name).why(wiring.settings_version, newest_day(wiring))
