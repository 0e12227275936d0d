"""What must hold after every step, judged by what the twins hold and never by our journal alone.

The facts that are compared are read by ``facts``. Each rule names the invariant of the design it is about.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING

from st_deltek_pipeline.domain.chain_check import BEFORE_THE_FIRST, ChainBreak, ChainPosition, against_head, follow
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.journal import OPEN_STATES, STANDING_STATES
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.reconciliation import effect_of
from st_deltek_pipeline.orchestration.day_runs import newest_day
from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline_tests.simulation import facts
from st_deltek_pipeline_tests.simulation.by_hand import ByHand, enter
from st_deltek_pipeline_tests.simulation.facts import Facts, Standing
from st_deltek_pipeline_tests.simulation.violation import Violation

if TYPE_CHECKING:
    from st_deltek_pipeline_tests.simulation.process import OurSide
    from st_deltek_pipeline_tests.simulation.simulation import Simulation

_OPEN = frozenset(state.value for state in OPEN_STATES)
_STANDING = frozenset(state.value for state in STANDING_STATES)

# Why a document may be held when all trouble has gone: what people did in ServiceTitan and nobody has put right.
_LASTING = frozenset(
    {
        "unreadable",
        "not_ready",
        "unposted_in_servicetitan",
        "amounts_do_not_add_up",
        "already_in_vantagepoint",
        "invoice_number_taken",
        "waiting_for_invoice",
        "applied_to_voided_invoice",
        "over_applied",
        "duplicate_vendor_invoice",
        "unapplied_money",
        "negative_quantity",
        "credit_not_applied",
    }
)

DocumentId = tuple[str, Kind, int]
"""Connection, kind and ServiceTitan's id."""


class Books:
    """Looks at both systems and our database after each step.

    Attributes:
        touched: Something was asked of our database since the last look.
        happened: Events of the journals, by type.
    """

    def __init__(self, world: "Simulation") -> None:
        self._world = world
        self.touched = True
        self.happened: Counter[str] = Counter()
        self._chains: dict[str, ChainPosition] = {}
        self._posted: set[tuple[str, str, int]] = set()
        self._closed_before: dict[str, frozenset[int]] = {}
        self._ledger_rows = 0
        self._decided: dict[DocumentId, int] = {}
        self._by_hand: list[ByHand] = []
        self._looked_at: tuple[int, int] = (-1, -1)

    # --- For the simulation ------------------------------------------------------------------------------------------

    def check(self) -> None:
        """See whether everything holds; nothing is looked at where nothing has happened to our side or the books.

        Raises:
            Violation: It does not.
        """
        vantagepoint = self._world.systems.vantagepoint
        files = vantagepoint.state.files
        now = (len(files), sum(file.posting is not None for file in files.values()))
        if not self.touched and now == self._looked_at:
            return
        self._looked_at = now
        found = facts.read(self._world)
        self._files_balance(found)
        self._nothing_is_there_twice(found)
        self._nothing_in_a_closed_period(found)
        for side in self._world.sides:
            self._chain_holds(side.wiring.name)
            self._sums_agree(side, found)
        self._cursors_are_behind()
        self.touched = False

    def all_decided(self, side: "OurSide") -> None:
        """Note that whatever one connection has taken in is decided about."""
        for key, seen in facts.versions(self._world.engine, side.wiring.name).items():
            self._decided[(side.wiring.name, *key)] = seen

    def enter_by_hand(self, invoice: Row, off: Decimal) -> None:
        """Enter an invoice as a person does, unless its number is there."""
        made = enter(self._world, invoice, off)
        if made is not None:
            self._by_hand.append(made)

    def state(self) -> object:
        """Return what changes whenever anything was decided or sent."""
        return facts.progress(self._world.engine), self.sent()

    def sent(self) -> object:
        """Return what changes whenever anything was sent to Vantagepoint."""
        files = self._world.systems.vantagepoint.state.files
        return sorted((key, file.posting is not None) for key, file in files.items())

    def days(self, side: "OurSide") -> Mapping[date, Sequence[Kind]]:
        """Return the business days of a connection's documents that can be run, with their kinds."""
        newest, start = newest_day(side.wiring), side.wiring.connection.start_date
        found: dict[date, set[Kind]] = {}
        for (name, kind, _), document in facts.read(self._world).titan.items():
            if name == side.wiring.name and document.dated >= start:
                found.setdefault(side.wiring.calendar.business_day(document.dated), set()).add(kind)
        return {
            day: [kind for kind in side.wiring.kinds if kind in kinds]
            for day, kinds in sorted(found.items())
            if day <= newest
        }

    def shown(self, side: "OurSide", kind: Kind, document_id: int) -> tuple[Decimal, Decimal]:
        """Return what stands of a document in Vantagepoint, and what our side says is outside."""
        found, key = facts.read(self._world), (side.wiring.name, kind, document_id)
        outcome = found.outcomes.get(key)
        return found.standing(key), ZERO if outcome is None else outcome.outside

    def check_end(self) -> None:
        """See whether every document of ServiceTitan has come to its end.

        Raises:
            Violation: One has not.
        """
        found = facts.read(self._world)
        for side in self._world.sides:
            name, newest = side.wiring.name, newest_day(side.wiring)
            for key, document in found.titan.items():
                if key[0] != name or document.dated < side.wiring.connection.start_date:
                    continue
                if side.wiring.calendar.business_day(document.dated) > newest:
                    continue
                what = f"{key[1]} {key[2]} of {name}"
                outcome = found.outcomes.get(key)
                if outcome is None:
                    message = f"{what} has no outcome"
                    raise Violation(message)
                if outcome.outcome == "in_flight":
                    message = f"{what} is under way for ever: {outcome.message}"
                    raise Violation(message)
                if outcome.outcome == "held" and outcome.reason not in _LASTING:
                    message = f"{what} is held for {outcome.reason} though nothing is wrong any more: {outcome.message}"
                    raise Violation(message)
                stands = found.standing(key)
                if stands + outcome.outside != document.effect:
                    message = (
                        f"{what} is {document.effect} in ServiceTitan; {stands} stands in Vantagepoint and "
                        f"{outcome.outside} is {outcome.outcome} ({outcome.reason})"
                    )
                    raise Violation(message)
        if open_files := [batch for batch, state in found.states.items() if state in _OPEN]:
            message = f"files are open for ever: {open_files}"
            raise Violation(message)

    # --- The invariants ----------------------------------------------------------------------------------------------

    def _files_balance(self, found: Facts) -> None:
        """Debits are credits in every posted file."""
        for batch, amount in found.balances.items():
            if amount != ZERO:
                message = f"file {batch} does not balance: {amount}"
                raise Violation(message)

    def _nothing_is_there_twice(self, found: Facts) -> None:
        """Our reference exists 0 or 1 times in Vantagepoint, and nothing of ours that our journal does not know."""
        doubled = [key for key, times in found.entered.items() if times > 1]
        if doubled:
            message = f"{len(doubled)} lines of ours are in Vantagepoint more than once, such as {doubled[0]}"
            raise Violation(message)
        unknown = found.entered.keys() - found.lines.keys() - {each.line for each in self._by_hand}
        bodies = facts.planned_keys(self._world.engine) if unknown else ""
        if any(key not in bodies for key in unknown):
            message = f"{len(unknown)} lines are in Vantagepoint that our journal does not know"
            raise Violation(message)
        for each in self._by_hand:
            ours = found.under_number(each.project, each.number, besides=each.line)
            if ours and not each.after_ours:
                message = (
                    f"invoice {each.number} stands on {each.project} as entered by hand and once more by us: {ours}"
                )
                raise Violation(message)

    def _nothing_in_a_closed_period(self, found: Facts) -> None:
        """Nothing is posted into a period of which our side knew that it was closed."""
        rows = found.ledger[self._ledger_rows :]
        self._ledger_rows = len(found.ledger)
        closed = {
            side.wiring.name: facts.closed_periods(self._world.engine, side.wiring.name) for side in self._world.sides
        }
        for row in rows:
            line = found.lines.get(row["PKey"])
            if line is None:
                continue
            name, period = line.document[0], row["Period"]
            # A reading in between may have told of the closing only after it was posted.
            if period in closed[name] and period in self._closed_before.get(name, frozenset()):
                message = f"{line.document[1]} {line.document[2]} of {name} was posted into {period}, which is closed"
                raise Violation(message)
        self._closed_before = closed

    def _chain_holds(self, name: str) -> None:
        """The journal's hash chain holds, and no posting was confirmed twice: a revision has one outcome."""
        start = self._chains.get(name, BEFORE_THE_FIRST)
        links, head = facts.chain(self._world.engine, name, start.sequence)
        at = follow(links, start)
        broken = at if isinstance(at, ChainBreak) else against_head(at, head, complete=True)
        if isinstance(broken, ChainBreak) or isinstance(at, ChainBreak):
            message = f"the journal of {name} is broken: {broken}"
            raise Violation(message)
        self._chains[name] = at
        self.happened.update(link.event_type for link in links)
        for document, number in facts.confirmed(links):
            key = (name, document, number)
            if key in self._posted:
                message = f"posting {number} of {document} was confirmed twice"
                raise Violation(message)
            self._posted.add(key)

    def _sums_agree(self, side: "OurSide", found: Facts) -> None:
        """ServiceTitan = posted + held + ignored to the cent, for what was decided; nothing else stands anywhere."""
        name = side.wiring.name
        for key, standings in found.standings(name).items():
            self._stands_as_journaled(key, standings, found)
        for key, seen in found.seen.items():
            outcome = found.outcomes.get(key)
            if key[0] != name or outcome is None or self._decided.get(key) != seen.seq:
                continue
            if outcome.outcome == "posted" and outcome.outside != ZERO and not found.under_way(key):
                message = f"{key[1]} {key[2]} of {name} is posted, and {outcome.outside} of it is not in the ledger"
                raise Violation(message)
            expected = effect_of(key[1], seen.total if seen.active else ZERO)
            difference = found.standing(key) + outcome.outside - expected
            if difference not in _sums(found.under_way(key)):
                message = (
                    f"{key[1]} {key[2]} of {name}: ServiceTitan says {expected}, Vantagepoint {found.standing(key)}, "
                    f"{outcome.outcome} {outcome.outside} ({outcome.reason})"
                )
                raise Violation(message)

    def _stands_as_journaled(self, key: DocumentId, standings: Collection[Standing], found: Facts) -> None:
        """What the ledger shows of a document is what its finished files say, and perhaps those under way."""
        finished = sum((each.amount for each in standings if each.state in _STANDING), start=ZERO)
        under_way = [each.amount for each in standings if each.state in _OPEN or each.state == "held"]
        stands = found.standing(key)
        if stands - finished not in _sums(under_way):
            message = f"{key[1]} {key[2]} of {key[0]}: {stands} stands in Vantagepoint, and our journal says {finished}"
            raise Violation(message)

    def _cursors_are_behind(self) -> None:
        """No cursor is ahead of the rows: what a feed would not give any more is stored."""
        for name, feed, record in facts.skipped(self._world):
            message = f"the cursor of {feed} of {name} is ahead of record {record}, which is not stored"
            raise Violation(message)


def _sums(amounts: Collection[Decimal]) -> set[Decimal]:
    """Return every sum of some of the amounts; of none it is zero."""
    few = list(amounts)[:6]
    return {sum(chosen, start=ZERO) for size in range(len(few) + 1) for chosen in combinations(few, size)}
