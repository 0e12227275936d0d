"""Hypothesis draws what happens, on top of the same world: rules are steps, and the model is a plain table of amounts."""

from contextlib import ExitStack
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline_tests.simulation import flavours, steps, titan_steps
from st_deltek_pipeline_tests.simulation.database import Databases
from st_deltek_pipeline_tests.simulation.flavours import Flavour
from st_deltek_pipeline_tests.simulation.simulation import Script, Simulation, simulation
from st_deltek_pipeline_tests.simulation.step import Step
from st_deltek_pipeline_tests.simulation.troubles import EFFECTS
from st_deltek_pipeline_tests.simulation.violation import Violation

_STEPS = 14
_MOST_OURS = 4

_which = st.integers(0, 3)
_day = st.sampled_from((0, 1, 3))
_cents = st.sampled_from((1, 100, 3333, 10000, 99999))
_crash = st.one_of(st.just(0), st.integers(1, 60))
_FLAVOURS = (
    Flavour(flavours.INVOICES),
    Flavour(flavours.CASH, vantagepoint={"documents_per_file": 2}),
    Flavour(flavours.CASH, books={"role_processes_closed_periods": True}),
    Flavour(flavours.PAYABLES, posting={"bill_extras": "allocated"}),
)


class Machine(RuleBasedStateMachine):
    """One world that Hypothesis acts in.

    Attributes:
        model: What ServiceTitan's users made each document of: the ledger as it should be.
    """

    databases: Databases

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[tuple[Kind, int], Decimal] = {}
        self._open = ExitStack()
        self._world: Simulation | None = None
        self._ours = 0

    @property
    def world(self) -> Simulation:
        """The world, once it is made."""
        assert self._world is not None
        return self._world

    @initialize(flavour=st.sampled_from(_FLAVOURS))
    def begin(self, flavour: Flavour) -> None:
        self._world = self._open.enter_context(simulation(self.databases, Script(0, flavour, ())))

    def teardown(self) -> None:
        try:
            if self._world is not None:
                self.world.end()
                self._compare()
        finally:
            self._open.close()

    def _do(self, step: Step) -> None:
        self.world.do(step, repr(step))

    def _moves(self, kind: str) -> bool:
        return self._world is not None and kind in self.world.script.flavour.kinds

    def _has(self, kind: Kind) -> bool:
        return self._world is not None and self.world.known(kind, 0, 0) is not None

    def _may_run(self) -> bool:
        return self._world is not None and self._ours < _MOST_OURS

    # --- People ------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self._moves("invoice"))
    @rule(day=_day, cents=_cents)
    def make(self, day: int, cents: int) -> None:
        self._do(titan_steps.MakeInvoice(day, (cents,)))
        self._note(Kind.INVOICE, -1, cents)

    @precondition(lambda self: self._has(Kind.INVOICE))
    @rule(which=_which, cents=_cents)
    def edit(self, which: int, cents: int) -> None:
        self._do(titan_steps.EditInvoice(which, (cents,)))
        if self.world.invoice(which, 0)["active"]:
            self._note(Kind.INVOICE, which, cents)

    @precondition(lambda self: self._has(Kind.INVOICE) and self._moves("payment"))
    @rule(which=_which, day=_day, cents=_cents)
    def pay(self, which: int, day: int, cents: int) -> None:
        self._do(titan_steps.Pay(which, day, cents))
        self._note(Kind.PAYMENT, -1, cents)

    @precondition(lambda self: self._has(Kind.PAYMENT))
    @rule(which=_which, day=_day)
    def refund(self, which: int, day: int) -> None:
        before = len(self.world.payments())
        self._do(titan_steps.Refund(which, day, 1))
        if len(self.world.payments()) > before:
            paid = self.model[Kind.PAYMENT, self.world.document(Kind.PAYMENT, which, 0)]
            # Of a refund something is taken back.
            self._note(Kind.PAYMENT, -1, -1 if paid > 0 else 1)

    @precondition(lambda self: self._moves("bill"))
    @rule(day=_day, cents=_cents, tax=st.sampled_from((0, 333)))
    def bill(self, day: int, cents: int, tax: int) -> None:
        self._do(titan_steps.Bill(day, cents, tax))
        self._note(Kind.BILL, -1, cents + tax)

    @precondition(lambda self: self._has(Kind.BILL) and self._moves("ap_credit"))
    @rule(which=_which, day=_day, cents=_cents)
    def send_back(self, which: int, day: int, cents: int) -> None:
        self._do(titan_steps.ReturnGoods(which, day, cents))
        self._note(Kind.AP_CREDIT, -1, -cents)

    @precondition(lambda self: self._world is not None)
    @rule(kind=st.sampled_from((Kind.INVOICE, Kind.PAYMENT, Kind.BILL)), which=_which)
    def void(self, kind: Kind, which: int) -> None:
        if self._has(kind):
            self._do(titan_steps.Void(kind.value, which))
            self._note(kind, which, 0)

    @precondition(lambda self: self._world is not None)
    @rule(period=st.integers(0, 1), closed=st.booleans())
    def close_period(self, period: int, closed: bool) -> None:  # noqa: FBT001 - a rule's value
        self._do(steps.ClosePeriod(period) if closed else steps.ReopenPeriod(period))

    # --- The wire ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self._has(Kind.INVOICE))
    @rule(which=_which, times=st.integers(1, 3))
    def deliver_webhook(self, which: int, times: int) -> None:
        self._do(steps.Deliver(which, times))

    @precondition(lambda self: self._has(Kind.INVOICE))
    @rule(which=_which)
    def drop_webhook(self, which: int) -> None:
        self._do(steps.Lose(which))

    @precondition(lambda self: self._world is not None)
    @rule(place=st.sampled_from(("enter", "post", "ledger", "look")), effect=st.sampled_from(tuple(EFFECTS)))
    def trouble(self, place: str, effect: str) -> None:
        self._do(steps.Trouble(place, effect))

    @precondition(lambda self: self._world is not None)
    @rule(minutes=st.sampled_from((1, 90, 1440)))
    def let_time_pass(self, minutes: int) -> None:
        self._do(steps.Pass(minutes))

    # --- Our side ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self._may_run())
    @rule(crash=_crash)
    def live(self, crash: int) -> None:
        self._our(steps.Live(crash))

    @precondition(lambda self: self._may_run())
    @rule(crash=_crash)
    def poll(self, crash: int) -> None:
        self._our(steps.Poll(crash))

    @precondition(lambda self: self._may_run())
    @rule(crash=_crash)
    def synchronise(self, crash: int) -> None:
        self._our(steps.Sync(crash))

    @precondition(lambda self: self._may_run())
    @rule(day=_day, crash=_crash)
    def replay(self, day: int, crash: int) -> None:
        self._our(steps.RunDay(day, crash))

    # --- The model ---------------------------------------------------------------------------------------------------

    def _our(self, step: Step) -> None:
        self._ours += 1
        self._do(step)

    def _note(self, kind: Kind, which: int, cents: int) -> None:
        self.model[kind, self.world.document(kind, which, 0)] = Decimal(cents) / 100

    def _compare(self) -> None:
        """What the model says of a document stands in Vantagepoint, or is held or ignored to the cent."""
        for (kind, document), amount in self.model.items():
            stands, outside = self.world.books.shown(self.world.side(0), kind, document)
            if stands + outside != amount + ZERO:
                message = f"{kind} {document} was made {amount}; {stands} stands in Vantagepoint, {outside} is outside"
                raise Violation(message)


def run(databases: Databases, *, examples: int, random: bool = False) -> None:
    """Let Hypothesis look for what does not hold.

    Args:
        databases: Where the worlds' databases are copied.
        examples: How many worlds.
        random: Others each time; by default always the same.

    Raises:
        Violation: Found; Hypothesis prints its smallest example.
    """

    class Bound(Machine):
        """The machine with its databases."""

    Bound.databases = databases
    # A world takes a second, and nothing about a short example says that it is easier to find.
    options: dict[str, Any] = {
        "max_examples": examples,
        "stateful_step_count": _STEPS,
        "derandomize": not random,
        "deadline": None,
        "database": None,
        "print_blob": False,
        "suppress_health_check": tuple(HealthCheck),
        "phases": (Phase.generate, Phase.shrink),
    }
    run_state_machine_as_test(Bound, settings=settings(**options))
