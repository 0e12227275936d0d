"""From a seed to a script: a small world in which much happens. The same seed gives the same script everywhere."""

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from st_deltek_pipeline_tests.simulation import flavours, steps, titan_steps
from st_deltek_pipeline_tests.simulation.flavours import Flavour
from st_deltek_pipeline_tests.simulation.simulation import Script
from st_deltek_pipeline_tests.simulation.step import PARTS, Step
from st_deltek_pipeline_tests.simulation.troubles import EFFECTS

T = TypeVar("T")

_KINDS = (
    (30, flavours.INVOICES),
    (22, flavours.CASH),
    (10, flavours.CREDITS),
    (6, flavours.RECEIVABLES),
    (10, flavours.BILLS),
    (17, flavours.PAYABLES),
    (5, flavours.EVERYTHING),
)
# Where our side is in the middle of something, or merely reads.
_BUSY = ("enter", "enter", "enter", "post", "post", "ledger", "look", "session")
_READING = ("books", "feed", "list", "token")
_BEFORE = tuple(name for name in EFFECTS if not name.endswith("after"))
# In how many moments a synchronisation reads both systems; it sends something behind that.
_READING_MOMENTS = 45
_ROUNDS = (2, 2, 2, 3, 3, 4)


def draw(seed: int) -> Script:
    """Return the script of a seed."""
    return _Drawing(seed).script()


class _Drawing:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rng = random.Random(f"simulation {seed}")
        self._kinds: tuple[str, ...] = ()
        self._days: Sequence[int] = ()
        self._tenants = 1
        self._made = 0

    def script(self) -> Script:
        """Draw everything."""
        flavour = self._flavour()
        self._kinds = flavour.kinds
        self._days = self._rng.choice(((0,), (0,), (1,), (1,), (3,), (0, 1), (1, 2), (1, 4), (3, 5)))
        drawn: list[Step] = []
        for _ in range(self._rng.randint(1, 2)):
            drawn += self._people_in_titan(new=True)
        for _ in range(self._rng.choice(_ROUNDS)):
            for _ in range(self._rng.randint(0, 2)):
                drawn += self._weighted(
                    (40, self._people_in_titan),
                    (20, self._webhooks),
                    (20, self._people_in_vantagepoint),
                    (20, self._time),
                )()
            # Something to do, some trouble while it is done, and perhaps the end of the process in the middle of it.
            drawn += self._people_in_titan()
            drawn += [steps.DeliverAll(self._tenant())] if self._chance(50) else []
            drawn += self._our_side()
        return Script(self._seed, flavour, tuple(drawn))

    # --- The connection ----------------------------------------------------------------------------------------------

    def _flavour(self) -> Flavour:
        posting: dict[str, str] = {}
        vantagepoint: dict[str, Any] = {"documents_per_file": self._rng.choice((1, 2, 3, 3, 3))}
        books: dict[str, Any] = {}
        titan: dict[str, Any] = {}
        for chance, section, name, value in (
            (20, posting, "closed_period", "first_open"),
            (10, posting, "zero_documents", "post"),
            (15, posting, "invoice_lines", "item"),
            (25, posting, "bills_as", "journal_entry"),
            (35, posting, "bill_extras", "allocated"),
            (15, posting, "duplicate_vendor_invoice", "allow"),
            (15, posting, "customer_firm", "optional"),
            (12, posting, "write_back", "exported"),
            (30, books, "role_processes_closed_periods", True),
            (15, books, "refusal_status", 500),
            (10, books, "single_answers_as_object", True),
            (10, books, "capital_error_keys", True),
            (15, books, "batch_unique_per", "database"),
            (15, books, "closed_period_can_be_active", False),
            (15, books, "receipt_over_balance", "refuse"),
            (30, titan, "export_page_size", 2),
            (20, titan, "unsorted_lists", True),
            (15, titan, "recent_changes_repeat", 3),
        ):
            if self._rng.randrange(100) < chance:
                section[name] = value
        if self._rng.randrange(100) < 12:
            vantagepoint["entry"], books["use_files"] = "single", False
        return Flavour(self._weighted(*_KINDS), posting, vantagepoint, books, titan)

    # --- Steps -------------------------------------------------------------------------------------------------------

    def _people_in_titan(self, *, new: bool = False) -> list[Step]:
        choices: list[tuple[int, Callable[[], Step]]] = []
        if "invoice" in self._kinds:
            choices.append((30, self._make_invoice))
            if not new:
                choices += [
                    (14, lambda: titan_steps.EditInvoice(self._which(), self._parts(), self._tenant())),
                    (4, lambda: titan_steps.RedateInvoice(self._which(), self._day(), self._tenant())),
                    (3, lambda: titan_steps.RenumberInvoice(self._which(), self._tenant())),
                    (2, lambda: titan_steps.MisstateInvoice(self._which(), self._off(), self._tenant())),
                    (2, lambda: titan_steps.MergeCustomer(self._which(), self._which(), self._tenant())),
                    (1, lambda: titan_steps.RenameCustomer(self._which(), self._tenant())),
                ]
        if "payment" in self._kinds and not new:
            choices += [
                (26, self._pay),
                (6, lambda: titan_steps.EditPayment(self._which(), self._which(), self._cents(), self._tenant())),
                (4, lambda: titan_steps.ApplyPayment(self._which(), self._which(), self._tenant())),
                (6, lambda: titan_steps.Refund(self._which(), self._day(), self._cents() // 3, self._tenant())),
            ]
        if "credit_memo" in self._kinds and not new:
            choices.append(
                (14, lambda: titan_steps.Credit(self._which(), self._day(), self._cents() // 4, self._tenant()))
            )
        if "bill" in self._kinds:
            choices.append((20, self._bill))
            if not new:
                choices.append((10, lambda: titan_steps.EditBill(self._which(), self._cents(), self._tenant())))
        if "ap_credit" in self._kinds and not new:
            choices.append(
                (12, lambda: titan_steps.ReturnGoods(self._which(), self._day(), self._cents() // 5, self._tenant()))
            )
        if not new:
            kind = self._rng.choice(self._kinds)
            choices += [
                (12, lambda: titan_steps.Void(kind, self._which(), self._tenant())),
                (4, lambda: titan_steps.Unpost(kind, self._which(), self._tenant())),
                (4, lambda: titan_steps.Repost(kind, self._which(), self._tenant())),
            ]
        step = self._weighted(*choices)()
        told = [steps.DeliverAll(getattr(step, "tenant", 0))] if self._chance(45) else []
        return [step, *told]

    def _make_invoice(self) -> Step:
        self._made += 1
        return titan_steps.MakeInvoice(self._day(), self._parts(), self._tenant())

    def _pay(self) -> Step:
        unapplied = self._rng.choice((0, 0, 0, 1, 2500))
        return titan_steps.Pay(self._which(), self._day(), self._cents() // 2, unapplied, self._tenant())

    def _bill(self) -> Step:
        extras = self._rng.choice(((0, 0), (0, 0), (333, 0), (801, 1999)))
        return titan_steps.Bill(self._day(), self._cents(), *extras, self._tenant())

    def _webhooks(self) -> list[Step]:
        tenant = self._tenant()
        return [
            self._weighted(
                (30, steps.DeliverAll(tenant)),
                (25, steps.Deliver(self._which(), self._rng.choice((1, 1, 2, 3)), tenant)),
                (20, steps.Redeliver(self._which(), tenant)),
                (25, steps.Lose(self._which(), tenant)),
            )
        ]

    def _people_in_vantagepoint(self) -> list[Step]:
        period = self._rng.choice((0, 0, 0, 1))
        return [
            self._weighted(
                (30, steps.ClosePeriod(period)),
                (22, steps.ReopenPeriod(period)),
                (10, steps.SuspendProject(self._rng.randrange(len(PARTS)))),
                (6, steps.SuspendProject(self._rng.randrange(len(PARTS)), "A")),
                (
                    20 if "invoice" in self._kinds else 0,
                    steps.EnterByHand(self._which(), self._rng.choice((0, 0, 100))),
                ),
                (10, steps.LedgerLags(self._rng.choice((5, 45, 3600)))),
                (4, steps.LedgerLags(0)),
            )
        ]

    def _time(self) -> list[Step]:
        if self._tenants == 1 and self._chance(7):
            self._tenants = 2
            return [steps.AddConnection()]
        return [
            self._weighted(
                (60, steps.Pass(self._rng.choice((1, 20, 90, 600, 1440)))),
                (15, steps.ExpireTokens(self._tenant())),
                (15, steps.FeedsLag(self._rng.choice((0, 60, 900)), self._tenant())),
                (10, steps.Calm()),
            )
        ]

    def _our_side(self) -> list[Step]:
        found: list[Step] = []
        while self._chance(45) and len(found) < 2:
            found.append(self._trouble())
        tenant, crash = self._tenant(), self._rng.randint(1, _READING_MOMENTS) if self._chance(35) else 0
        late = crash + _READING_MOMENTS if crash and self._chance(70) else crash
        # Webhooks tell of invoices only.
        live, sync = (45, 20) if self._kinds == flavours.INVOICES else (15, 50)
        found.append(
            self._weighted(
                (live, lambda: steps.Live(crash, settle=self._chance(70), tenant=tenant)),
                (sync, lambda: steps.Sync(late, tenant)),
                (8, lambda: steps.Poll(crash, tenant, full=self._chance(25))),
                (10, lambda: steps.RunDay(self._day(), crash, tenant)),
                (10, lambda: steps.Reread(self._rng.choice(self._kinds), self._which(), crash, tenant)),
                (5, lambda: steps.SyncDay(self._day(), late, tenant)),
            )()
        )
        return found

    def _trouble(self) -> Step:
        if self._chance(15):
            return steps.ArrivesLate(self._rng.choice(("enter", "enter", "post")), self._rng.choice((1, 20, 60, 900)))
        if self._chance(70):
            place, effect = self._rng.choice(_BUSY), self._rng.choice(tuple(EFFECTS))
        else:
            place, effect = self._rng.choice(_READING), self._rng.choice(_BEFORE)
        return steps.Trouble(place, effect, self._rng.choice((1, 1, 1, 2, 3)), self._rng.choice((1, 1, 1, 2, 6)))

    # --- Numbers -----------------------------------------------------------------------------------------------------

    def _chance(self, percent: int) -> bool:
        return self._rng.randrange(100) < percent

    def _weighted(self, *choices: tuple[int, T]) -> T:
        return self._rng.choices([value for _, value in choices], [weight for weight, _ in choices])[0]

    def _tenant(self) -> int:
        return self._rng.randrange(self._tenants)

    def _which(self) -> int:
        return self._rng.randrange(4)

    def _day(self) -> int:
        return self._rng.choice(self._days)

    def _cents(self) -> int:
        return self._rng.choice((1, 100, 3333, 10000, 12345, 99999, 100001))

    def _parts(self) -> tuple[int, ...]:
        return tuple(self._rng.choice((0, 1, 3333, 3334, 10000, 20001)) for _ in range(self._rng.choice((1, 1, 2, 3))))

    def _off(self) -> str:
        return self._rng.choice(("0.01", "-1.00", "0.005"))
