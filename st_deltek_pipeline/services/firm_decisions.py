"""What people decide about firms: link, new firm, take a link back; one at a time or many from a file.

A decision is recorded and takes effect at once: everybody is matched again, since one link may settle or contest others.
Vantagepoint is not asked; firms are those that were read last. Reading and writing the file is the command line's part.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.firm_links import PartyKey
from st_deltek_pipeline.domain.firm_matching import Decision, PersonsDecision
from st_deltek_pipeline.domain.firm_scores import KnownFirm
from st_deltek_pipeline.domain.names import exact_name
from st_deltek_pipeline.services.firm_matching import firm_reader, match_firms
from st_deltek_pipeline.store.firm_decisions import add_decisions, latest_decisions
from st_deltek_pipeline.store.firm_mappings import FirmMapping, lock_mappings, stored_mappings
from st_deltek_pipeline.store.known_firms import load_known_firms

NEW_FIRM = "new"
"""What stands in place of a firm when a person wants a new one."""


@dataclass(frozen=True)
class WantedLink:
    """A line of a file: what a person wants.

    Attributes:
        line: Its number in the file.
        firm: ClientID or number of a firm, or ``new``.
        name: The party's name as the file has it, to notice lines that were mixed up; ``None`` where it has none.
    """

    line: int
    key: PartyKey
    firm: str
    name: str | None = None


@dataclass(frozen=True)
class BadLine:
    """A line that was not applied, and why."""

    line: int
    problem: str


@dataclass(frozen=True)
class Decided:
    """What became of decisions.

    Attributes:
        applied: Parties decided about now.
        unchanged: Lines that say what a person has said before.
        bad: Lines that were not applied, in their order.
        mappings: How the parties decided about stand now.
    """

    applied: int
    unchanged: int
    bad: Sequence[BadLine]
    mappings: Mapping[PartyKey, FirmMapping]


class FirmDirectory:
    """Finds a firm by what people type: its ClientID or its number, also without the zeros a spreadsheet has eaten."""

    def __init__(self, firms: Iterable[KnownFirm]) -> None:
        self._by_key: dict[str, KnownFirm] = {}
        self._by_number: dict[str, list[KnownFirm]] = {}
        for firm in firms:
            self._by_key[firm.client_id.casefold()] = firm
            for number in {firm.number.casefold(), _without_zeros(firm.number)}:
                if number:
                    self._by_number.setdefault(number, []).append(firm)

    def find(self, typed: str) -> KnownFirm:
        """Return the firm that somebody means.

        Args:
            typed: ClientID or number.

        Raises:
            ConfigurationError: There is none, or more than one.
        """
        wanted = typed.strip().casefold()
        exact = self._by_key.get(wanted)
        if exact is not None:
            return exact
        found = self._by_number.get(wanted) or self._by_number.get(_without_zeros(typed)) or []
        if len(found) == 1:
            return found[0]
        if not found:
            message = f"There is no firm {typed.strip()!r} among those read from Vantagepoint."
            raise ConfigurationError(
                message, advice="Give its ClientID or number; a new firm is seen after the next run."
            )
        message = f"{typed.strip()!r} could be any of {', '.join(firm.client_id for firm in found)}."
        raise ConfigurationError(message, advice="Give the ClientID.")


def link_party(
    engine: Engine, settings: ConnectionSettings, key: PartyKey, firm: str, *, by: str, run_id: str
) -> FirmMapping:
    """Link a party to a firm, or ask for a new one.

    Args:
        engine: The application's database.
        settings: The connection.
        key: The party.
        firm: ClientID or number of a firm, or ``new``.
        by: Who decides.
        run_id: Recorded with the mappings.

    Returns:
        How the party stands now.

    Raises:
        ConfigurationError: There is no such party or firm, or the party was merged away.
    """
    decided = apply_decisions(engine, settings, [WantedLink(1, key, firm)], by=by, run_id=run_id)
    if decided.bad:
        raise ConfigurationError(decided.bad[0].problem)
    return decided.mappings[key]


def unlink_party(engine: Engine, settings: ConnectionSettings, key: PartyKey, *, by: str, run_id: str) -> FirmMapping:
    """Say that a party is not the firm it is linked to.

    Args:
        engine: The application's database.
        settings: The connection.
        key: The party.
        by: Who decides.
        run_id: Recorded with the mappings.

    Returns:
        How the party stands now.

    Raises:
        ConfigurationError: There is no such party, it has no firm, or it was merged away.
    """

    def decide(_db: Connection, stored: Mapping[PartyKey, FirmMapping]) -> dict[PartyKey, PersonsDecision]:
        mapping = _mapping(stored, key)
        if not mapping.firm_id:
            message = f"{key} {mapping.name.strip()!r} is linked to no firm."
            raise ConfigurationError(message, advice="There is nothing to take back.")
        return {key: PersonsDecision(Decision.UNLINK, mapping.firm_id, by)}

    _record(engine, settings, decide)
    return _rematched(engine, settings, [key], run_id)[key]


def apply_decisions(
    engine: Engine, settings: ConnectionSettings, wanted: Sequence[WantedLink], *, by: str, run_id: str
) -> Decided:
    """Apply what a person wants for many parties; a line that makes no sense stops no other.

    Args:
        engine: The application's database.
        settings: The connection.
        wanted: The lines.
        by: Who decides.
        run_id: Recorded with the mappings.

    Returns:
        What became of them.
    """
    bad: list[BadLine] = []
    unchanged = 0
    applied: list[PartyKey] = []

    def decide(db: Connection, stored: Mapping[PartyKey, FirmMapping]) -> dict[PartyKey, PersonsDecision]:
        nonlocal unchanged
        directory = FirmDirectory(load_known_firms(db, settings.name, firm_reader(settings.firms)))
        known = latest_decisions(db, settings.name)
        seen: dict[PartyKey, PersonsDecision] = {}
        decisions: dict[PartyKey, PersonsDecision] = {}
        for line in wanted:
            try:
                decision = _read(line, stored, directory, by, seen=seen)
            except ConfigurationError as error:
                bad.append(BadLine(line.line, str(error)))
                continue
            seen[line.key] = decision
            before = known.get(line.key)
            if before is not None and (before.decision, before.firm_id) == (decision.decision, decision.firm_id):
                unchanged += 1
            else:
                decisions[line.key] = decision
        applied.extend(decisions)
        return decisions

    _record(engine, settings, decide)
    keys = [line.key for line in wanted]
    return Decided(len(applied), unchanged, bad, _rematched(engine, settings, keys, run_id))


def _read(
    line: WantedLink,
    stored: Mapping[PartyKey, FirmMapping],
    directory: FirmDirectory,
    by: str,
    *,
    seen: Mapping[PartyKey, PersonsDecision],
) -> PersonsDecision:
    mapping = _mapping(stored, line.key)
    if line.name is not None and exact_name(line.name) != exact_name(mapping.name):
        message = f"{line.key} is {mapping.name.strip()!r} now, not {line.name.strip()!r}."
        raise ConfigurationError(message, advice="Lines may have been mixed up, or it was renamed; decide again.")
    if line.firm.strip().casefold() == NEW_FIRM:
        decision = PersonsDecision(Decision.NEW, "", by)
    else:
        decision = PersonsDecision(Decision.LINK, directory.find(line.firm).client_id, by)
    earlier = seen.get(line.key)
    if earlier is not None and earlier != decision:
        message = f"{line.key} was decided differently in an earlier line."
        raise ConfigurationError(message, advice="Leave one of them.")
    return decision


def _mapping(stored: Mapping[PartyKey, FirmMapping], key: PartyKey) -> FirmMapping:
    mapping = stored.get(key)
    if mapping is None:
        message = f"There is no {key} among what was taken in from ServiceTitan."
        raise ConfigurationError(message, advice="Check the id; it is ServiceTitan's own, not a number.")
    if mapping.merged_into is not None:
        message = f"{key} was merged into {PartyKey(key.kind, mapping.merged_into)}."
        raise ConfigurationError(message, advice="Decide about that one; it counts for both.")
    return mapping


_Decide = Callable[[Connection, Mapping[PartyKey, FirmMapping]], dict[PartyKey, PersonsDecision]]


def _record(engine: Engine, settings: ConnectionSettings, decide: _Decide) -> None:
    with engine.begin() as db:
        lock_mappings(db, settings.name)
        add_decisions(db, settings.name, decide(db, stored_mappings(db, settings.name)))


def _rematched(
    engine: Engine, settings: ConnectionSettings, keys: Sequence[PartyKey], run_id: str
) -> dict[PartyKey, FirmMapping]:
    match_firms(engine, settings, run_id=run_id)
    with engine.connect() as db:
        stored = stored_mappings(db, settings.name)
    return {key: stored[key] for key in keys if key in stored}


def _without_zeros(number: str) -> str:
    return number.strip().lstrip("0").casefold()
