"""Creating the firms that are missing in Vantagepoint, and marking existing ones as client or vendor as well.

Vantagepoint has no key of ours for a firm, so nothing but this keeps one from being created twice: right before, it is
looked for once more; the request is written down before it leaves; and one without a clear answer is looked for and
never simply sent again. Which parties lack a firm is decided by ``firm_matching``.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.errors import (
    ConfigurationError,
    InDoubtError,
    PermissionMissingError,
    PipelineError,
    RefusedError,
)
from st_deltek_pipeline.domain.firm_creation import ADDRESS_LABEL, added_role, new_address, new_firm
from st_deltek_pipeline.domain.firm_links import DecidedBy, LinkState, PartyKind
from st_deltek_pipeline.domain.firm_matching import STRONG, Decision, FirmMatch, match_one, match_to
from st_deltek_pipeline.domain.firm_scores import KnownFirm, Party
from st_deltek_pipeline.domain.firm_search import FirmSearch
from st_deltek_pipeline.domain.names import clean_name, exact_name
from st_deltek_pipeline.services.firm_matching import creation_rules, firm_reader, match_rules, with_creation
from st_deltek_pipeline.services.reference_data import keep_read_back
from st_deltek_pipeline.store.firm_creations import (
    Creation,
    CreationState,
    begin_creation,
    end_address,
    end_creation,
    latest_creations,
)
from st_deltek_pipeline.store.firm_decisions import latest_decisions
from st_deltek_pipeline.store.firm_mappings import (
    FirmMapping,
    lock_mappings,
    mapping_of,
    needed_parties,
    stored_mappings,
    write_mappings,
)
from st_deltek_pipeline.store.parties import load_parties
from st_deltek_pipeline.store.reference import ReferenceKind, known_hashes
from st_deltek_pipeline.transport.exact_json import dumps

Row = dict[str, Any]

# Created firms whose numbers are read back in one call.
_CHUNK = 50
# As many refusals in the same words, or lost answers, in a row mean that the next ones would fare no better.
_MOST_ALIKE = 5
_ASK_AGAIN_AFTER = timedelta(days=1)
_WITHOUT_FIRM = frozenset({LinkState.MISSING, LinkState.REFUSED, LinkState.IN_DOUBT})


class FirmClient(Protocol):
    """The part of ``VantagepointClient`` that this calls."""

    def firms(self, column: str, values: Sequence[str]) -> list[Row]:
        """Read the firms that have one of some values in a column."""
        ...

    def read_firm(self, client_id: str) -> Row | None:
        """Read one firm."""
        ...

    def firm_addresses(self, client_id: str) -> list[Row]:
        """Read the addresses of a firm."""
        ...

    def create_firm(self, body: Mapping[str, Any]) -> Row:
        """Create a firm."""
        ...

    def change_firm(self, client_id: str, body: Mapping[str, Any]) -> None:
        """Change fields of a firm."""
        ...

    def create_firm_address(self, client_id: str, body: Mapping[str, Any]) -> None:
        """Add an address to a firm."""
        ...


@dataclass
class CreationResult:
    """What was done.

    Attributes:
        created: New firms.
        found: Firms that somebody else had created in between, or that an earlier run had without knowing it.
        marked: Existing firms that are now a client or vendor as well.
        refused: Requests that Vantagepoint refused.
        in_doubt: Requests whose answer was lost and whose firm is not there, or not there yet.
        problems: What a person should know, in whole sentences.
    """

    created: int = 0
    found: int = 0
    marked: int = 0
    refused: int = 0
    in_doubt: int = 0
    problems: list[str] = field(default_factory=list[str])

    @property
    def changed_firms(self) -> bool:
        """Whether there are firms now that matching has not seen as they are."""
        return bool(self.created or self.found or self.marked)


class _EnoughError(Exception):
    """Going on would fare no better."""


def create_missing_firms(
    engine: Engine,
    client: FirmClient,
    settings: ConnectionSettings,
    *,
    run_id: str,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Callable[[int, int], None] | None = None,
) -> CreationResult:
    """Find out about requests without a clear answer, and create what is missing where the connection allows it.

    Only active parties that documents name, and those that a person asked a new firm for, get one.

    Args:
        engine: The application's database, with mappings up to date.
        client: Vantagepoint.
        settings: The connection.
        run_id: Recorded with every request.
        now: The clock.
        progress: Told how many of how many parties are done.

    Returns:
        What was done; look at its problems.

    Raises:
        TransientError: Vantagepoint cannot be reached now. What was done is stored.
    """
    work = _Creating(engine, client, settings, run_id, now)
    work.finish_earlier_requests()
    if settings.firms.create == "yes":
        work.create(progress)
    return work.result


class _Creating:
    """One run over everybody without a usable firm."""

    def __init__(
        self, engine: Engine, client: FirmClient, settings: ConnectionSettings, run_id: str, now: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._client = client
        self._settings = settings
        self._name = settings.name
        self._run_id = run_id
        self._now = now
        self._reader = firm_reader(settings.firms)
        self._match_rules = match_rules(settings.firms)
        self._rules = creation_rules(settings.firms)
        self._created: dict[str, Party] = {}
        self._alike: Counter[str] = Counter()
        self.result = CreationResult()
        with engine.connect() as db:
            self._mappings = stored_mappings(db, self._name)
            self._creations = latest_creations(db, self._name)
            self._decisions = latest_decisions(db, self._name)
            needed = needed_parties(db, self._name)
            wanted = {key for key, each in self._decisions.items() if each.decision is Decision.NEW}
            self._open = [
                key
                for key, mapping in self._mappings.items()
                if mapping.state in _WITHOUT_FIRM | {LinkState.ROLE_MISSING}
                and mapping.merged_into is None
                and (key in needed or key in wanted)
            ]
            without_address = [
                key
                for key, each in self._creations.items()
                if each.state is CreationState.CREATED and each.address is not None and not each.address_done
            ]
            sending = [key for key, each in self._creations.items() if each.state is CreationState.SENDING]
            keys = sorted({*self._open, *without_address, *sending})
            self._parties = {party.key: party for party in load_parties(db, self._name, keys)}
            # A person who wants a new firm has seen those that there were.
            self._seen = set(known_hashes(db, self._name, ReferenceKind.FIRMS)) if wanted else set[str]()
        self._without_address = without_address
        self._names = Counter((key.kind, exact_name(mapping.name)) for key, mapping in self._mappings.items())
        self._taken: defaultdict[PartyKind, set[str]] = defaultdict(set)
        for key, mapping in self._mappings.items():
            if mapping.firm_id and mapping.decided_by in STRONG:
                self._taken[key.kind].add(mapping.firm_id)

    # --- What an earlier run left behind --------------------------------------------------------------------------

    def finish_earlier_requests(self) -> None:
        """Look for the firms of requests without a clear answer, and send addresses that were not sent."""
        for key, creation in list(self._creations.items()):
            party = self._parties.get(key)
            if creation.state is CreationState.SENDING and party is not None:
                if self._mappings[key].firm_id:
                    self._linked_meanwhile(creation)
                else:
                    self._resolve(party, creation)
        for key in self._without_address:
            party = self._parties.get(key)
            if party is not None:
                self._send_address(self._creations[key], look_first=True)
        self._read_back()

    def _linked_meanwhile(self, creation: Creation) -> None:
        """End a request whose party has got a firm without it: the one it created, or another."""
        mapping = self._mappings[creation.key]
        same_name = exact_name(mapping.firm_name) == exact_name(str(creation.body.get("Name") or ""))
        if same_name and mapping.firm_id not in creation.firms_before:
            self._end(creation, CreationState.CREATED, mapping, firm_id=mapping.firm_id)
            self._without_address.append(creation.key)
            return
        self._end(creation, CreationState.ABSENT, mapping)
        message = (
            f"{creation.key}: a firm was being created for it when it was linked to firm {mapping.firm_number or mapping.firm_id}; "
            "look whether Vantagepoint has it twice."
        )
        self.result.problems.append(message)

    def _resolve(self, party: Party, creation: Creation) -> bool:
        """Look whether a request whose answer was lost has created its firm; ``False`` while that is open."""
        name = str(creation.body.get("Name") or "")
        appeared = [firm for firm in self._search_for(party, name) if firm.client_id not in creation.firms_before]
        if len(appeared) > 1:
            search = FirmSearch(appeared)
            match = match_one(party, search, self._match_rules, shares_name=True, taken=self._taken[party.key.kind])
            if not match.firm_id:
                self._end(creation, CreationState.ABSENT, mapping_of(match))
                message = (
                    f"{party.key} {party.name.strip()!r}: several firms of its name have appeared; say which it is."
                )
                self.result.problems.append(message)
                return True
            appeared = [firm for firm in appeared if firm.client_id == match.firm_id]
        if appeared:
            (firm,) = appeared
            self._linked_to_created(party, creation, firm)
            self.result.found += 1
            return True
        settled = timedelta(seconds=self._settings.vantagepoint.settling_seconds)
        if self._now() - creation.sent_at < settled:
            self.result.in_doubt += 1
            return False
        match = FirmMatch(party, LinkState.MISSING, message="matches no firm of Vantagepoint.")
        self._end(creation, CreationState.ABSENT, mapping_of(match))
        return True

    # --- Creating -------------------------------------------------------------------------------------------------

    def create(self, progress: Callable[[int, int], None] | None) -> None:
        """Create what is missing, in the order of the parties."""
        pending = sorted(key for key in self._open if key in self._parties and self._parties[key].active)
        try:
            for number, key in enumerate(pending, start=1):
                self._give_firm(self._parties[key])
                if len(self._created) >= _CHUNK:
                    self._read_back()
                if progress is not None:
                    progress(number, len(pending))
        except _EnoughError as enough:
            self.result.problems.append(str(enough))
        except PermissionMissingError as error:
            message = f"No firm was created: {error.message} {error.advice} Or set firms.create to no."
            self.result.problems.append(message)
        finally:
            self._read_back()

    def _give_firm(self, party: Party) -> None:
        mapping = self._mappings[party.key]
        if mapping.state is LinkState.ROLE_MISSING:
            self._add_role(party, mapping)
            return
        # What was in doubt may be settled by now, either way.
        waits = mapping.state not in {LinkState.MISSING, LinkState.REFUSED}
        if waits or not exact_name(party.name) or self._is_refused_for_now(party):
            return
        found = self._search_for(party, party.name)
        fresh = [firm for firm in found if firm.client_id not in self._seen] if self._wants_new(party) else found
        match = match_one(
            party,
            FirmSearch(fresh),
            self._match_rules,
            shares_name=self._names[party.key.kind, exact_name(party.name)] > 1,
            taken=self._taken[party.key.kind],
        )
        if match.state is not LinkState.MISSING:
            self._found_in_between(match)
            return
        self._send(party, found)

    def _wants_new(self, party: Party) -> bool:
        decision = self._decisions.get(party.key)
        return decision is not None and decision.decision is Decision.NEW

    def _is_refused_for_now(self, party: Party) -> bool:
        """Whether the same request was refused not long ago."""
        earlier = self._creations.get(party.key)
        if earlier is None or earlier.state is not CreationState.REFUSED or earlier.ended_at is None:
            return False
        same = dict(earlier.body) == new_firm(party, self._rules)
        return same and self._now() - earlier.ended_at < _ASK_AGAIN_AFTER

    def _search_for(self, party: Party, name: str) -> list[KnownFirm]:
        """Ask Vantagepoint itself for firms of a party's id or name."""
        column = self._rules.column(party.key.kind)
        rows: list[Row] = []
        if column is not None:
            rows += self._referring(column, party)
        rows += self._client.firms("Name", [clean_name(name), name.strip()])
        found = {firm.client_id: firm for firm in map(self._firm, rows)}
        wanted = exact_name(name)
        refers = str(party.key.party_id)
        return [
            firm
            for firm in found.values()
            if exact_name(firm.name) == wanted or refers == _reference(firm, party.key.kind)
        ]

    def _referring(self, column: str, party: Party) -> list[Row]:
        try:
            return self._client.firms(column, [str(party.key.party_id)])
        except RefusedError as error:
            message = f"Vantagepoint does not look for firms by {column}: {error.words}"
            raise ConfigurationError(message, advice="Correct firms.external_id_column in the connection.") from error

    def _found_in_between(self, match: FirmMatch) -> None:
        firm = match.firm
        if firm is not None:
            self.result.found += 1
            self._created[firm.client_id] = match.party
            if match.decided_by in STRONG:
                self._taken[match.party.key.kind].add(firm.client_id)
        mapping = mapping_of(match)
        self._write([mapping])
        if match.state is LinkState.ROLE_MISSING:
            self._add_role(match.party, mapping)

    def _send(self, party: Party, found: Sequence[KnownFirm]) -> None:
        body, address = new_firm(party, self._rules), new_address(party, self._rules)
        with self._engine.begin() as db:
            lock_mappings(db, self._name)
            if latest_decisions(db, self._name, [party.key]).get(party.key) != self._decisions.get(party.key):
                # A person has just said something about it: the next run goes by that.
                return
            before = [firm.client_id for firm in found]
            number = begin_creation(
                db, self._name, party.key, body=body, address=address, firms_before=before, run_id=self._run_id
            )
        creation = Creation(
            creation_no=number,
            key=party.key,
            state=CreationState.SENDING,
            body=body,
            address=address,
            address_done=False,
            firms_before=frozenset(before),
            firm_id="",
            words="",
            sent_at=self._now(),
            ended_at=None,
        )
        try:
            answer = self._client.create_firm(body)
        except InDoubtError as error:
            self._lost(party, creation, error)
            return
        except RefusedError as error:
            self._refused(party, creation, error)
            return
        except PipelineError:
            # It surely had no effect: turned away before anything was done.
            with self._engine.begin() as db:
                end_creation(db, number, CreationState.NOT_SENT)
            raise
        self._alike.clear()
        said = {name: value for name, value in answer.items() if value not in (None, "")}
        self._linked_to_created(party, creation, self._firm({**body, **said}))
        self.result.created += 1

    def _lost(self, party: Party, creation: Creation, error: InDoubtError) -> None:
        match = FirmMatch(party, LinkState.MISSING)
        self._write([with_creation(match, creation)])
        self._creations[party.key] = creation
        if not self._resolve(party, creation):
            self._stop_when_alike("lost", f"Vantagepoint does not answer clearly any more: {error.message}")

    def _refused(self, party: Party, creation: Creation, error: RefusedError) -> None:
        self.result.refused += 1
        refused = _ended(creation, CreationState.REFUSED, words=error.words)
        mapping = with_creation(FirmMatch(party, LinkState.MISSING), refused)
        self._end(creation, CreationState.REFUSED, mapping, words=error.words)
        self._stop_when_alike(error.words, f"Vantagepoint refuses to create firms: {error.words}")

    def _stop_when_alike(self, what: str, message: str) -> None:
        known = self._alike[what]
        self._alike.clear()
        self._alike[what] = known + 1
        if known + 1 >= _MOST_ALIKE:
            reason = f"{message} After {_MOST_ALIKE} in a row the others were not tried."
            raise _EnoughError(reason)

    def _linked_to_created(self, party: Party, creation: Creation, firm: KnownFirm) -> None:
        """Store the link and the end of the request at once, then send the address."""
        match = match_to(party, firm, DecidedBy.CREATED)
        self._taken[party.key.kind].add(firm.client_id)
        self._end(creation, CreationState.CREATED, mapping_of(match), firm_id=firm.client_id)
        self._created[firm.client_id] = party
        if creation.address is not None:
            self._send_address(_ended(creation, CreationState.CREATED, firm_id=firm.client_id), look_first=False)

    def _send_address(self, creation: Creation, *, look_first: bool) -> None:
        """Send a created firm's address once: a repeated one would be a second address on some tenants."""
        if creation.address is None:
            return
        words = ""
        if not (look_first and self._has_address(creation.firm_id)):
            try:
                self._client.create_firm_address(creation.firm_id, creation.address)
            except InDoubtError:
                if not self._has_address(creation.firm_id):
                    return
            except RefusedError as error:
                words = error.words
                message = f"{creation.key}: Vantagepoint refused the address of its firm {creation.firm_id}: {words}"
                self.result.problems.append(message)
        with self._engine.begin() as db:
            end_address(db, creation.creation_no, words=words)

    def _has_address(self, firm_id: str) -> bool:
        label = ADDRESS_LABEL.casefold()
        rows = self._client.firm_addresses(firm_id)
        return any(str(row.get("Address") or "").strip().casefold() == label for row in rows)

    # --- A client that becomes a vendor, and the reverse ----------------------------------------------------------

    def _add_role(self, party: Party, mapping: FirmMapping) -> None:
        row = self._client.read_firm(mapping.firm_id)
        if row is None:
            return
        firm = self._firm(row)
        words = ""
        if not firm.has_role(party.key.kind):
            try:
                self._client.change_firm(firm.client_id, added_role(party, firm, row, self._rules))
            except RefusedError as error:
                words = error.words
                self.result.refused += 1
            except InDoubtError:
                # Marking twice is marking once: the read below tells, or the next run does it again.
                self.result.in_doubt += 1
            row = self._client.read_firm(firm.client_id) or row
            firm = self._firm(row)
            self.result.marked += firm.has_role(party.key.kind)
        match = match_to(
            party, firm, mapping.decided_by or DecidedBy.NAME_AND_ADDRESS, mapping.score, by=mapping.person
        )
        keep_read_back(self._engine, self._name, ReferenceKind.FIRMS, [row], run_id=self._run_id)
        self._write([mapping_of(match, words=words)])
        if words:
            self._stop_when_alike(words, f"Vantagepoint refuses to change firms: {words}")

    # --- Storing --------------------------------------------------------------------------------------------------

    def _read_back(self) -> None:
        """Read what was created: numbers given by Vantagepoint are not in its answers."""
        if not self._created:
            return
        created, self._created = self._created, {}
        rows = self._client.firms("ClientID", list(created))
        keep_read_back(self._engine, self._name, ReferenceKind.FIRMS, rows, run_id=self._run_id)
        changed: list[FirmMapping] = []
        for firm in map(self._firm, rows):
            party = created[firm.client_id]
            known = self._mappings[party.key]
            match = match_to(party, firm, known.decided_by or DecidedBy.CREATED, known.score, by=known.person)
            changed.append(mapping_of(match))
        self._write(changed)

    def _end(
        self, creation: Creation, state: CreationState, mapping: FirmMapping, *, firm_id: str = "", words: str = ""
    ) -> None:
        with self._engine.begin() as db:
            lock_mappings(db, self._name)
            end_creation(db, creation.creation_no, state, firm_id=firm_id, words=words)
            write_mappings(db, self._name, [mapping], run_id=self._run_id)
        self._mappings[mapping.key] = mapping
        self._creations[creation.key] = _ended(creation, state, firm_id=firm_id, words=words)

    def _write(self, mappings: Iterable[FirmMapping]) -> None:
        changed = [mapping for mapping in mappings if self._mappings.get(mapping.key) != mapping]
        if changed:
            with self._engine.begin() as db:
                lock_mappings(db, self._name)
                write_mappings(db, self._name, changed, run_id=self._run_id)
            self._mappings.update((mapping.key, mapping) for mapping in changed)

    def _firm(self, row: Mapping[str, Any]) -> KnownFirm:
        return self._reader.read(str(row.get("ClientID") or "").strip(), dumps(row).decode())


def _ended(creation: Creation, state: CreationState, *, firm_id: str = "", words: str = "") -> Creation:
    return replace(creation, state=state, firm_id=firm_id, words=words)


def _reference(firm: KnownFirm, kind: PartyKind) -> str:
    return firm.customer_ref if kind is PartyKind.CUSTOMER else firm.vendor_ref
