"""Finds the few firms worth scoring among tens of thousands: by key, by exact name, by what names have in common.

Comparing everybody with everybody would be billions of comparisons. A firm is filed under words of its name, each
together with the first letter of another word, and under its house number and ZIP code; a party is looked up under the
same. A name whose every word is spelled differently, at another address, is not found, and should not be.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from rapidfuzz import fuzz, process

from st_deltek_pipeline.domain.firm_links import PartyKind
from st_deltek_pipeline.domain.firm_scores import Face, KnownFirm, face_of

# Words of a name that are filed, the longest first; more would say nothing new.
_MOST_WORDS = 6
# A drawer with more firms than this says nothing: those in it are found by another word, or not at all.
_FULLEST_DRAWER = 200
# A word on its own says something when it is long and few firms have it.
_SHORTEST_WORD = 4
_FULLEST_OF_ONE_WORD = 40
_BEGINNING = 6
_ONE_WORD = "#"


class FirmSearch:
    """The firms of one Vantagepoint database, filed once for many look-ups.

    Args:
        firms: All of them, active or not.
    """

    def __init__(self, firms: Iterable[KnownFirm]) -> None:
        self._firms = list(firms)
        self._faces = [face_of(firm) for firm in self._firms]
        self._places = [_place_key(face) for face in self._faces]
        self._words = [face.sorted_words for face in self._faces]
        self._keys = [firm.client_id for firm in self._firms]
        self._by_key = {firm.client_id: at for at, firm in enumerate(self._firms)}
        self._by_name: defaultdict[str, list[int]] = defaultdict(list)
        self._by_reference: defaultdict[tuple[PartyKind, str], list[int]] = defaultdict(list)
        for at, firm in enumerate(self._firms):
            if self._faces[at].exact:
                self._by_name[self._faces[at].exact].append(at)
            if firm.customer_ref:
                self._by_reference[PartyKind.CUSTOMER, firm.customer_ref].append(at)
            if firm.vendor_ref:
                self._by_reference[PartyKind.VENDOR, firm.vendor_ref].append(at)
        # Filed when somebody is looked for who has no firm of the exact name.
        self._drawers: dict[str, list[int]] | None = None

    def firm(self, client_id: str) -> KnownFirm | None:
        """Return a firm by its key."""
        at = self._by_key.get(client_id)
        return None if at is None else self._firms[at]

    def face(self, client_id: str) -> Face:
        """Return what is compared of a firm that exists."""
        return self._faces[self._by_key[client_id]]

    def referring_to(self, kind: PartyKind, party_id: int) -> Sequence[KnownFirm]:
        """Return the firms whose own column says that they are a party."""
        return [self._firms[at] for at in self._by_reference.get((kind, str(party_id)), ())]

    def named(self, exact: str) -> Sequence[KnownFirm]:
        """Return the firms of an exact name (``names.exact_name``)."""
        return [self._firms[at] for at in self._by_name.get(exact, ())]

    def like(self, face: Face, *, at_least: int, most: int, taken: AbstractSet[str]) -> Sequence[KnownFirm]:
        """Return firms that may be a party, the likeliest names first.

        Args:
            face: What is compared of the party.
            at_least: Likeness of words below which a firm is not worth scoring, 0 to 100; firms that look the same,
                and those at the same address, are returned whatever their words.
            most: How many to return of those whose words are alike.
            taken: Firms that certainly are somebody else; only those at the party's own address are returned.
        """
        if not face.exact:
            return []
        drawers = self._filed()
        place = _place_key(face)
        near: set[int] = set()
        for key in _word_keys(face):
            drawer = drawers.get(key)
            fullest = _FULLEST_OF_ONE_WORD if key.startswith(_ONE_WORD) else _FULLEST_DRAWER
            if drawer is not None and len(drawer) <= fullest:
                near.update(drawer)
        if place is not None and taken:
            places, keys = self._places, self._keys
            near = {at for at in near if places[at] == place or places[at] is None or keys[at] not in taken}
        in_order = sorted(near)
        found = process.extract(
            face.sorted_words,
            [self._words[at] for at in in_order],
            scorer=fuzz.ratio,
            score_cutoff=at_least,
            limit=most,
        )
        alike = dict.fromkeys(drawers.get(_look_key(face), ()))
        alike.update((in_order[position], None) for _, _, position in found)
        there = drawers.get(place, ()) if place is not None else ()
        if len(there) <= _FULLEST_DRAWER:
            alike.update(dict.fromkeys(there))
        return [self._firms[at] for at in alike]

    def _filed(self) -> dict[str, list[int]]:
        if self._drawers is None:
            drawers: defaultdict[str, list[int]] = defaultdict(list)
            for at, face in enumerate(self._faces):
                if face.exact:
                    place = self._places[at]
                    for key in {_look_key(face), *_word_keys(face), *([place] if place else [])}:
                        drawers[key].append(at)
            self._drawers = dict(drawers)
        return self._drawers


def _look_key(face: Face) -> str:
    return f"={face.look}"


def _place_key(face: Face) -> str | None:
    address = face.address
    return f"@{address.number} {address.place}" if address.number and address.place else None


def _word_keys(face: Face) -> Iterable[str]:
    words = sorted(set(face.words), key=lambda word: (-len(word), word))[:_MOST_WORDS]
    for word in words:
        if len(word) >= _SHORTEST_WORD:
            yield f"{_ONE_WORD}{word}"
        for other in words:
            if other is not word:
                yield f"{word} {other[0]}"
    joined = "".join(sorted(words))
    yield f"^{joined[:_BEGINNING]}"
    yield f"${joined[-_BEGINNING:]}"
