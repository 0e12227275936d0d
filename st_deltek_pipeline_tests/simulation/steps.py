"""What happens outside ServiceTitan, as steps: webhooks, people in Vantagepoint, trouble, and what our side does.

A step is data and prints as the Python that makes it, so that a failure is a script. One that makes no sense where it
stands (there is nothing to deliver yet) does nothing, so any part of a script is a script.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.orchestration.syncing import SyncRequest
from st_deltek_pipeline_tests.simulation import troubles
from st_deltek_pipeline_tests.simulation.step import DAYS, PARTS, PERIODS, Step

if TYPE_CHECKING:
    from st_deltek_pipeline_tests.simulation.simulation import Simulation


# --- Webhooks --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deliver(Step):
    """One of the waiting webhooks is delivered, out of order unless it is the first, perhaps more than once."""

    which: int = 0
    times: int = 1
    tenant: int = 0

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        simulation.deliver(self.tenant, self.which, self.times)


@dataclass(frozen=True)
class DeliverAll(Step):
    """Every waiting webhook is delivered, in its order."""

    tenant: int = 0

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        while simulation.deliver(self.tenant, 0, 1):
            pass


@dataclass(frozen=True)
class Redeliver(Step):
    """A webhook that was delivered comes once more."""

    which: int
    tenant: int = 0

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        simulation.redeliver(self.tenant, self.which)


@dataclass(frozen=True)
class Lose(Step):
    """One of the waiting webhooks never comes."""

    which: int = 0
    tenant: int = 0

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        simulation.lose(self.tenant, self.which)


# --- People in Vantagepoint ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClosePeriod(Step):
    """An accountant closes a period."""

    period: int

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        simulation.systems.vantagepoint.set_period_closed(PERIODS[self.period], closed=True)


@dataclass(frozen=True)
class ReopenPeriod(Step):
    """An accountant opens a period again."""

    period: int

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        simulation.systems.vantagepoint.set_period_closed(PERIODS[self.period], closed=False)


@dataclass(frozen=True)
class SuspendProject(Step):
    """A project manager closes the project of a part, or opens it again."""

    part: int
    status: str = "I"

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        simulation.systems.vantagepoint.update_project(PARTS[self.part][1]["wbs1"], {"Status": self.status})


@dataclass(frozen=True)
class EnterByHand(Step):
    """Somebody enters an invoice in Vantagepoint by hand and posts it, some cents off or not."""

    which: int
    off: int = 0

    def do(self, simulation: "Simulation") -> None:
        """Let it happen, if nobody has entered it before."""
        simulation.enter_by_hand(self.which, self.off)


# --- Trouble ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trouble(Step):
    """From now on, the nth request of a place goes wrong."""

    place: str
    effect: str
    nth: int = 1
    times: int = 1

    def do(self, simulation: "Simulation") -> None:
        """Let it be so."""
        simulation.systems.hooks.faults.add(troubles.rule(self.place, self.effect, self.nth, self.times))


@dataclass(frozen=True)
class ArrivesLate(Step):
    """The next request of a place is given up by our side and arrives so many seconds later."""

    place: str
    seconds: int

    def do(self, simulation: "Simulation") -> None:
        """Let it be so."""
        simulation.systems.network.late.append(troubles.late(self.place, self.seconds))


@dataclass(frozen=True)
class Calm(Step):
    """Nothing goes wrong any more."""

    def do(self, simulation: "Simulation") -> None:
        """Let it be so."""
        simulation.calm()


@dataclass(frozen=True)
class LedgerLags(Step):
    """The ledger shows what was posted so many seconds later."""

    seconds: int

    def do(self, simulation: "Simulation") -> None:
        """Let it be so."""
        simulation.systems.vantagepoint.set_switches({"ledger_lag_seconds": self.seconds})


@dataclass(frozen=True)
class FeedsLag(Step):
    """The export feeds show changes so many seconds later."""

    seconds: int
    tenant: int = 0

    def do(self, simulation: "Simulation") -> None:
        """Let it be so."""
        simulation.twin(self.tenant).set_switches({"export_lag_seconds": self.seconds})


@dataclass(frozen=True)
class ExpireTokens(Step):
    """ServiceTitan forgets the tokens that it gave out."""

    tenant: int = 0

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        simulation.twin(self.tenant).access.expire_tokens()


@dataclass(frozen=True)
class Pass(Step):
    """Time passes."""

    minutes: int

    def do(self, simulation: "Simulation") -> None:
        """Let it pass."""
        simulation.clock.sleep(60 * self.minutes)
        simulation.systems.network.arrive()


# --- Our side --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AddConnection(Step):
    """A second company's connection is added, whose books are in the same database."""

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        simulation.add_connection()


@dataclass(frozen=True)
class Poll(Step):
    """The feeds are read. ``crash`` is the moment at which our process dies in it; 0 is never, here and below."""

    crash: int = 0
    tenant: int = 0
    full: bool = False

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        simulation.ours(self.tenant, self.crash, lambda side: side.runner().take_in(full=self.full))


@dataclass(frozen=True)
class Live(Step):
    """The live system's run: what webhooks name, and what has changed."""

    crash: int = 0
    settle: bool = True
    tenant: int = 0

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        decides_all = self.settle
        simulation.ours(self.tenant, self.crash, lambda side: side.live(settle=self.settle), decides_all=decides_all)


@dataclass(frozen=True)
class Sync(Step):
    """``st-deltek sync``: everything is read, and everything that has changed is posted."""

    crash: int = 0
    tenant: int = 0

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        simulation.ours(self.tenant, self.crash, lambda side: side.tie_out(), decides_all=True)


@dataclass(frozen=True)
class RunDay(Step):
    """A day is materialized again, from what is stored: the replay."""

    day: int
    crash: int = 0
    tenant: int = 0

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        day = simulation.side(self.tenant).wiring.calendar.business_day(DAYS[self.day])
        if simulation.can_be_posted(self.tenant, day):
            simulation.ours(self.tenant, self.crash, lambda side: side.replay({day: side.wiring.kinds}))


@dataclass(frozen=True)
class Reread(Step):
    """A document is read again by its id and its day run: the replay of a document."""

    kind: str
    which: int
    crash: int = 0
    tenant: int = 0

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        document = simulation.known(Kind(self.kind), self.which, self.tenant)
        if document is not None:
            simulation.ours(self.tenant, self.crash, lambda side: side.reread(Kind(self.kind), document))


@dataclass(frozen=True)
class SyncDay(Step):
    """``st-deltek sync --from DAY --to DAY``."""

    day: int
    crash: int = 0
    tenant: int = 0

    def do(self, simulation: "Simulation") -> None:
        """Let it happen."""
        side = simulation.side(self.tenant)
        day = side.wiring.calendar.business_day(DAYS[self.day])
        if simulation.can_be_posted(self.tenant, day):
            request = SyncRequest(side.wiring.name, days=(day,))
            simulation.ours(self.tenant, self.crash, lambda ours: ours.sync(request))
