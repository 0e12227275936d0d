"""Decides which firm each customer and vendor is: linked, ambiguous or missing, and why.

In this order: what a person said, the link of an earlier run, the tenant's own column with ServiceTitan's id, the exact
name with an address that agrees, the exact name alone where it is unique on both sides, and last a score. What is
certain is linked. Whatever else a firm may be waits for a person: a wrong link is worse than a question.

Two parties of a kind share a firm only where each link is certain by itself; a firm that certainly is one of them, at
another address, is no candidate for the other. A merged party has its survivor's firm. Nothing is created or written
here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import StrEnum

from st_deltek_pipeline.domain.firm_links import Candidate, DecidedBy, LinkState, PartyKey, PartyKind
from st_deltek_pipeline.domain.firm_scores import FULL, KnownFirm, Party, Score, Weights, face_of, score
from st_deltek_pipeline.domain.firm_search import FirmSearch
from st_deltek_pipeline.domain.names import clean_name, exact_name, stored_length

_MOST_CANDIDATES = 5
# Firms whose words are alike, before address and contact are looked at.
_MOST_SCORED = 10
# What a name needs so that address and contact can still lift the score to where a person is asked.
_NAME_SLACK = 15
_LONGEST_MERGE_CHAIN = 50

STRONG = frozenset({DecidedBy.PERSON, DecidedBy.EXTERNAL_ID, DecidedBy.NAME_AND_ADDRESS, DecidedBy.CREATED})
"""What is certain by itself; such links may share a firm."""


class Decision(StrEnum):
    """What a person decided about a party; stored, so a value never changes."""

    LINK = "link"
    NEW = "new"
    UNLINK = "unlink"


@dataclass(frozen=True, slots=True)
class PersonsDecision:
    """A person's latest word about a party.

    Attributes:
        firm_id: The firm to link, or the one that it is not; empty for ``NEW``.
        by: Who decided.
    """

    decision: Decision
    firm_id: str
    by: str


@dataclass(frozen=True, slots=True)
class EarlierLink:
    """A link that an earlier run stored."""

    firm_id: str
    decided_by: DecidedBy
    score: int


@dataclass(frozen=True)
class MatchRules:
    """What a connection decides about matching.

    Attributes:
        link_from: Score from which a firm is linked; 100 links by score only what agrees in full.
        ask_from: Score from which a firm is a candidate for a person.
        lead: How many points ahead of the next one a firm must be to be linked by score.
        name_alone: A unique exact name is enough where an address is missing on either side.
        address_alone: Somebody of another name at the address, who is nobody else, is asked about: it may be a former
            name.
        longest_name: The longest firm name Vantagepoint holds.
    """

    weights: Weights = field(default_factory=Weights)
    link_from: int = FULL
    ask_from: int = 80
    lead: int = 5
    name_alone: bool = True
    address_alone: bool = True
    longest_name: int = 100


@dataclass(frozen=True, slots=True)
class FirmMatch:
    """What was decided about one party.

    Attributes:
        firm: The firm it is; ``None`` where the state has none. For ``GONE`` only ``firm_id`` is known.
        firm_id: That firm's key; empty without one.
        score: 0 to 100; 0 without a firm.
        message: What is wrong, as the end of a sentence about the party; empty when linked.
        merged_into: The party that is left after merges, when it is another one.
        by: The person, where one decided.
    """

    party: Party
    state: LinkState
    firm: KnownFirm | None = None
    firm_id: str = ""
    decided_by: DecidedBy | None = None
    score: int = 0
    candidates: tuple[Candidate, ...] = ()
    message: str = ""
    merged_into: int | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class _Scored:
    firm: KnownFirm
    score: Score


def match_parties(
    parties: Sequence[Party],
    search: FirmSearch,
    rules: MatchRules,
    *,
    decisions: Mapping[PartyKey, PersonsDecision],
    earlier: Mapping[PartyKey, EarlierLink],
) -> list[FirmMatch]:
    """Decide about every party of a connection.

    Args:
        parties: All customers and vendors; the decision about one depends on the others.
        search: All firms of Vantagepoint.
        rules: The connection's rules.
        decisions: The latest word of a person, by party.
        earlier: Links of earlier runs, by party.

    Returns:
        One match per party, in their order.
    """
    survivors = surviving_parties(parties)
    living = [party for party in parties if survivors[party.key] == party.key]
    matched = _Matching(search, rules, _Before(decisions, earlier, survivors), living).all()
    return [
        matched[party.key]
        if survivors[party.key] == party.key
        else _of_merged(party, survivors[party.key], matched.get(survivors[party.key]))
        for party in parties
    ]


def surviving_parties(parties: Iterable[Party]) -> dict[PartyKey, PartyKey]:
    """Follow merges to the party that is left.

    Args:
        parties: All of them.

    Returns:
        For each party the one it counts as. A survivor that is not among the parties is named all the same. Parties
        merged in a circle have no survivor: each stays itself.
    """
    following = {party.key: party.merged_into for party in parties}
    found: dict[PartyKey, PartyKey] = {}
    for key in following:
        last = key
        for _ in range(_LONGEST_MERGE_CHAIN):
            next_id = following.get(last)
            if next_id is None:
                break
            last = PartyKey(key.kind, next_id)
        else:
            last = key
        found[key] = last
    return found


def match_to(party: Party, firm: KnownFirm, decided_by: DecidedBy, points: int = FULL, *, by: str = "") -> FirmMatch:
    """Link a party to a firm, as far as the firm allows.

    Args:
        party: Who.
        firm: The firm it certainly is.
        decided_by: What that rests on.
        points: The score.
        by: The person who decided, where one did.
    """
    state, message = LinkState.LINKED, ""
    if not firm.active:
        state, message = LinkState.INACTIVE, f"is firm {firm.label} {firm.name!r}, which is not active."
    elif not firm.has_role(party.key.kind):
        role = "a client" if party.key.kind is PartyKind.CUSTOMER else "a vendor"
        state, message = LinkState.ROLE_MISSING, f"is firm {firm.label} {firm.name!r}, which is not marked as {role}."
    return FirmMatch(party, state, firm, firm.client_id, decided_by, points, (), message, by=by)


def match_one(
    party: Party, search: FirmSearch, rules: MatchRules, *, shares_name: bool, taken: AbstractSet[str]
) -> FirmMatch:
    """Decide about a party by itself, with nothing stored: what a look just before creating its firm does.

    Args:
        party: Who.
        search: The firms in question.
        rules: The connection's rules.
        shares_name: Another party of its kind has the same name.
        taken: Firms that certainly are another party of its kind.
    """
    alone = replace(rules, name_alone=rules.name_alone and not shares_name)
    matching = _Matching(search, alone, _Before(), [party])
    matching.taken[party.key.kind] |= taken
    match = matching.all()[party.key]
    if match.firm_id in taken and match.decided_by not in STRONG:
        return matching.contested(match, ["another one"])
    return match


@dataclass(frozen=True)
class _Before:
    """What was known before: decisions of people, links of earlier runs, and who was merged into whom."""

    decisions: Mapping[PartyKey, PersonsDecision] = field(default_factory=dict[PartyKey, PersonsDecision])
    earlier: Mapping[PartyKey, EarlierLink] = field(default_factory=dict[PartyKey, EarlierLink])
    survivors: Mapping[PartyKey, PartyKey] = field(default_factory=dict[PartyKey, PartyKey])


class _Matching:
    """One decision about everybody."""

    def __init__(self, search: FirmSearch, rules: MatchRules, before: _Before, living: Sequence[Party]) -> None:
        self._search = search
        self._rules = rules
        self._decisions = before.decisions
        self._earlier = before.earlier
        self._living = living
        self._faces = {party.key: face_of(party) for party in living}
        self._names = Counter((party.key.kind, self._faces[party.key].exact) for party in living)
        self._scores: dict[tuple[PartyKey, str], _Scored] = {}
        self.taken: defaultdict[PartyKind, set[str]] = defaultdict(set)
        self._predecessors: defaultdict[PartyKey, list[PartyKey]] = defaultdict(list)
        for key, survivor in before.survivors.items():
            if key != survivor:
                self._predecessors[survivor].append(key)

    def all(self) -> dict[PartyKey, FirmMatch]:
        """Decide about everybody: first what is certain, then, knowing that, the rest."""
        matched: dict[PartyKey, FirmMatch] = {}
        for party in self._living:
            found = self._told(party) or self._known(party) or self._certain(party)
            if found is not None:
                matched[party.key] = found
                if found.decided_by in STRONG:
                    self.taken[party.key.kind].add(found.firm_id)
        for party in self._living:
            found = matched.get(party.key) or self._likely(party)
            if not found.firm_id:
                found = self._inherited(party) or found
            matched[party.key] = found
        self._keep_apart(matched)
        # In the order of the parties, whatever the order of deciding.
        return {party.key: matched[party.key] for party in self._living}

    # --- What was decided before ----------------------------------------------------------------------------------

    def _told(self, party: Party) -> FirmMatch | None:
        """Obey a person who named the firm."""
        decision = self._decisions.get(party.key)
        if decision is None or decision.decision is not Decision.LINK:
            return None
        return self._linked_before(party, decision.firm_id, DecidedBy.PERSON, FULL, by=decision.by)

    def _known(self, party: Party) -> FirmMatch | None:
        """Keep the link of an earlier run, whatever the names are by now."""
        earlier = self._earlier.get(party.key)
        # A person who has taken the link back is gone from its reasons; one who wants another firm is obeyed.
        if earlier is None or earlier.decided_by is DecidedBy.PERSON or self._is_not(party, earlier.firm_id):
            return None
        if self._search.firm(earlier.firm_id) is None:
            found = self._certain(party)
            if found is not None:
                return found
        return self._linked_before(party, earlier.firm_id, earlier.decided_by, earlier.score)

    def _linked_before(
        self, party: Party, firm_id: str, decided_by: DecidedBy, points: int, *, by: str = ""
    ) -> FirmMatch:
        firm = self._search.firm(firm_id)
        if firm is not None:
            return match_to(party, firm, decided_by, points, by=by)
        message = f"was linked to firm {firm_id}, which Vantagepoint does not show any more."
        return FirmMatch(party, LinkState.GONE, None, firm_id, decided_by, points, (), message, by=by)

    def _is_not(self, party: Party, firm_id: str) -> bool:
        """Whether a person said that a party is not this firm, or that it is none that exists."""
        decision = self._decisions.get(party.key)
        if decision is None or decision.decision is Decision.LINK:
            return False
        earlier = self._earlier.get(party.key)
        if decision.decision is Decision.NEW:
            created = earlier is not None and earlier.decided_by is DecidedBy.CREATED
            return not (created and earlier is not None and earlier.firm_id == firm_id)
        return decision.firm_id == firm_id

    def _inherited(self, party: Party) -> FirmMatch | None:
        """Take over the firm of those that were merged into a party: a second firm for it would be one too many."""
        before = {
            earlier.firm_id
            for key in self._predecessors.get(party.key, ())
            if (earlier := self._earlier.get(key)) is not None and not self._is_not(party, earlier.firm_id)
        }
        firms = [firm for key in sorted(before) if (firm := self._search.firm(key)) is not None]
        if not firms or self._wants_new(party):
            return None
        if len(firms) == 1:
            return match_to(party, firms[0], DecidedBy.MERGED)
        scored = [self._score(party, firm) for firm in firms]
        return _ambiguous(party, scored, "had several firms before it was merged")

    # --- What is found anew ---------------------------------------------------------------------------------------

    def _likely(self, party: Party) -> FirmMatch:
        if self._wants_new(party):
            return self._missing(party, f"{self._decisions[party.key].by} said that it is none of the firms there are")
        named = [each for each in self._named(party) if not self._is_somebody_else(party, each)]
        return self._by_name(party, named) if named else self._by_score(party)

    def _is_somebody_else(self, party: Party, each: _Scored) -> bool:
        """Whether a firm certainly is another party, who lives elsewhere."""
        address = each.score.address
        return each.firm.client_id in self.taken[party.key.kind] and address.likeness is not None and not address.agree

    def _wants_new(self, party: Party) -> bool:
        decision = self._decisions.get(party.key)
        return decision is not None and decision.decision is Decision.NEW

    def _certain(self, party: Party) -> FirmMatch | None:
        """Find the one firm that a party is by the tenant's own column, or by name and address."""
        if self._wants_new(party):
            return None
        return self._by_reference(party) or self._by_name_and_address(party)

    def _by_reference(self, party: Party) -> FirmMatch | None:
        referring = self._search.referring_to(party.key.kind, party.key.party_id)
        if len(referring) > 1:
            scored = [self._score(party, firm) for firm in referring]
            return _ambiguous(party, scored, "is named by several firms in the column for ServiceTitan's id")
        if referring and not self._is_not(party, referring[0].client_id):
            return match_to(party, referring[0], DecidedBy.EXTERNAL_ID)
        return None

    def _by_name_and_address(self, party: Party) -> FirmMatch | None:
        there = [each for each in self._named(party) if each.score.address.agree]
        # Among several, the one that can be used without being changed is meant.
        usable = [each for each in there if _is_usable(party, each.firm)]
        active = [each for each in there if each.firm.active]
        fitting = usable or active or there
        if not fitting:
            return None
        if len(fitting) > 1:
            return _ambiguous(party, there, "has the name and address of several firms")
        (one,) = fitting
        if self._is_not(party, one.firm.client_id):
            return _ambiguous(party, there, "has the name and address of a firm that a person said it is not")
        return match_to(party, one.firm, DecidedBy.NAME_AND_ADDRESS, one.score.points)

    def _named(self, party: Party) -> list[_Scored]:
        return [self._score(party, firm) for firm in self._search.named(self._faces[party.key].exact)]

    def _by_name(self, party: Party, named: Sequence[_Scored]) -> FirmMatch:
        """Decide about firms of a party's exact name, none of which has its address for certain."""
        usable = [each for each in named if _is_usable(party, each.firm)]
        # Somebody else's name may stand at the party's own address, with an error in it.
        others = [each for each in self._near(party)[0] if each not in named]
        because = self._doubt_by_name(party, named, usable, others)
        if because:
            return _ambiguous(party, [*named, *others], because)
        (one,) = usable
        return match_to(party, one.firm, DecidedBy.NAME, one.score.points)

    def _doubt_by_name(
        self, party: Party, named: Sequence[_Scored], usable: Sequence[_Scored], others: Sequence[_Scored]
    ) -> str:
        """Say why an exact name alone does not decide, or nothing when it does."""
        refused = [each for each in named if self._is_not(party, each.firm.client_id)]
        shared = self._names[party.key.kind, self._faces[party.key].exact] > 1
        doubts = (
            (bool(refused), "has the name of a firm that a person said it is not"),
            (
                any(each.score.address.agree for each in others),
                "has the name of a firm, and a similar one is at its address",
            ),
            (
                any(each.score.address.likeness is not None for each in named),
                "has the name of a firm at another address",
            ),
            (len(usable) > 1, "has the name of several firms"),
            (not usable, "has the name of a firm that is not active or not marked as what it needs"),
            (shared, "shares its name with others in ServiceTitan, and no address tells them apart"),
            (not self._rules.name_alone, "has the name of a firm, and there is no address to compare"),
        )
        return next((because for applies, because in doubts if applies), "")

    def _by_score(self, party: Party) -> FirmMatch:
        rules = self._rules
        cut = self._search.named(exact_name(clean_name(party.name)[: rules.longest_name]))
        if cut and stored_length(clean_name(party.name)) > rules.longest_name:
            return _ambiguous(party, [self._score(party, firm) for firm in cut], "may be a firm whose name was cut off")
        scored, neighbours = self._near(party)
        if not scored and neighbours and rules.address_alone:
            return _ambiguous(
                party, neighbours, "has the address of a firm with another name, which may be a former one"
            )
        if not scored:
            return self._missing(party, "")
        best = scored[0]
        ahead = best.score.points - max((each.score.points for each in scored[1:]), default=0)
        certain = best.score.points >= rules.link_from and ahead >= rules.lead and not best.score.looks_alike
        if certain and _is_usable(party, best.firm) and not self._is_not(party, best.firm.client_id):
            return match_to(party, best.firm, DecidedBy.SCORE, best.score.points)
        return _ambiguous(party, scored, "may be a firm that is spelled or placed differently")

    def _near(self, party: Party) -> tuple[list[_Scored], list[_Scored]]:
        """Find the firms worth asking a person about, the likeliest first, and strangers at the party's own address."""
        rules = self._rules
        like = self._search.like(
            self._faces[party.key],
            at_least=max(rules.ask_from - _NAME_SLACK, 0),
            most=_MOST_SCORED,
            taken=self.taken[party.key.kind],
        )
        scored = [each for firm in like if not self._is_somebody_else(party, each := self._score(party, firm))]
        near = [each for each in scored if each.score.points >= rules.ask_from or each.score.looks_alike]
        neighbours = [each for each in scored if each.score.address.agree and self._is_stranger(party, each.firm)]
        return sorted(near, key=_by_points), sorted(neighbours, key=_by_points)

    def _is_stranger(self, party: Party, firm: KnownFirm) -> bool:
        """Whether a firm could be used and is, as far as is known, nobody else of this kind."""
        known = firm.client_id in self.taken[party.key.kind]
        namesake = self._names[party.key.kind, self._search.face(firm.client_id).exact]
        return _is_usable(party, firm) and not known and not namesake

    def _score(self, party: Party, firm: KnownFirm) -> _Scored:
        key = (party.key, firm.client_id)
        found = self._scores.get(key)
        if found is None:
            points = score(self._faces[party.key], self._search.face(firm.client_id), self._rules.weights)
            found = self._scores[key] = _Scored(firm, points)
        return found

    def _missing(self, party: Party, because: str) -> FirmMatch:
        message = f"{because}; there is no firm for it yet." if because else "matches no firm of Vantagepoint."
        state = LinkState.MISSING
        length = stored_length(clean_name(party.name))
        if length > self._rules.longest_name:
            state = LinkState.TOO_LONG
            message = (
                f"matches no firm, and its name has {length} characters where a firm's name holds "
                f"{self._rules.longest_name}: {party.name.strip()[:40]!r}..."
            )
        elif not self._faces[party.key].exact:
            message = "has no name in ServiceTitan."
        return FirmMatch(party, state, message=message)

    # --- Two parties of one kind, one firm ------------------------------------------------------------------------

    def _keep_apart(self, matched: dict[PartyKey, FirmMatch]) -> None:
        """Take back the links that would make two parties one without being certain about it."""
        claims: defaultdict[tuple[PartyKind, str], list[FirmMatch]] = defaultdict(list)
        for match in matched.values():
            if match.firm is not None:
                claims[match.party.key.kind, match.firm_id].append(match)
        for sharing in claims.values():
            if len(sharing) == 1:
                continue
            standing = [match for match in sharing if self._stands(match)]
            weak_standing = [match for match in standing if match.decided_by not in STRONG]
            for match in sharing:
                if match in standing or (match.decided_by in STRONG and not weak_standing):
                    continue
                others = sorted(str(other.party.key) for other in sharing if other is not match)
                matched[match.party.key] = self.contested(match, others)

    def _stands(self, match: FirmMatch) -> bool:
        if match.decided_by is DecidedBy.PERSON:
            return True
        earlier = self._earlier.get(match.party.key)
        return earlier is not None and earlier.firm_id == match.firm_id

    def contested(self, match: FirmMatch, others: Sequence[str]) -> FirmMatch:
        """Ask a person instead of sharing a firm without certainty."""
        firm = match.firm
        scored = [self._score(match.party, firm)] if firm is not None else []
        shown = ", ".join(others[:_MOST_CANDIDATES]) + (" and others" if len(others) > _MOST_CANDIDATES else "")
        return _ambiguous(match.party, scored, f"would share its firm with {shown}")


def _is_usable(party: Party, firm: KnownFirm) -> bool:
    return firm.active and firm.has_role(party.key.kind)


def _by_points(each: _Scored) -> tuple[int, str]:
    return -each.score.points, each.firm.client_id


def _ambiguous(party: Party, scored: Iterable[_Scored], because: str) -> FirmMatch:
    best = sorted(scored, key=_by_points)[:_MOST_CANDIDATES]
    candidates = tuple(
        Candidate(each.firm.client_id, each.firm.number, each.firm.name, each.score.points, _why(party, each))
        for each in best
    )
    shown = ", ".join(each.number or each.firm_id for each in candidates)
    message = f"{because} ({shown}); a person has to say which it is."
    return FirmMatch(party, LinkState.AMBIGUOUS, candidates=candidates, message=message)


def _why(party: Party, each: _Scored) -> str:
    why = [*each.score.why]
    if not each.firm.active:
        why.append("not active")
    if not each.firm.has_role(party.key.kind):
        why.append("not a client" if party.key.kind is PartyKind.CUSTOMER else "not a vendor")
    return "; ".join(why)


def _of_merged(party: Party, survivor: PartyKey, match: FirmMatch | None) -> FirmMatch:
    if match is None:
        message = f"was merged into {survivor}, which was not taken in."
        return FirmMatch(party, LinkState.MISSING, message=message, merged_into=survivor.party_id)
    message = f"was merged into {survivor}, which {match.message}" if match.message else ""
    return replace(match, party=party, message=message, merged_into=survivor.party_id)
