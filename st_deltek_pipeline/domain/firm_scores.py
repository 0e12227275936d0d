"""How likely a firm is a party: likeness of name, address and contact, weighed into a score of 0 to 100.

A score of 100 is reserved for an exact name whose other known parts agree in full. What a score leads to is decided in
``firm_matching``.
"""

import re
from dataclasses import dataclass

from rapidfuzz import fuzz

from st_deltek_pipeline.domain.addresses import NOWHERE, Address, Comparison, PlainAddress, compare, plain_address
from st_deltek_pipeline.domain.firm_links import PartyKey, PartyKind
from st_deltek_pipeline.domain.names import exact_name, foreign_letters, look_alike, name_words

FULL = 100
# The most that a name can have which is not the exact one.
_NEARLY = 99
# Of two names whose numbers differ: branch 114 is not branch 115.
_OTHER_NUMBERS = 75


@dataclass(frozen=True, slots=True)
class Party:
    """A customer or vendor of ServiceTitan.

    Attributes:
        merged_into: The party it was merged into, as ServiceTitan says; the next one only, not the last.
        phone, email: Empty where ServiceTitan's record has none.
    """

    key: PartyKey
    name: str
    active: bool = True
    merged_into: int | None = None
    address: Address = NOWHERE
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class KnownFirm:
    """A firm of Vantagepoint with everything that tells who it is.

    Attributes:
        client_id: ``ClientID``.
        number: ``Client``; may be empty.
        vendor: ``Vendor``, its code as a vendor; may be empty.
        customer_ref, vendor_ref: ServiceTitan's ids that the columns of the tenant's own say it is.
    """

    client_id: str
    number: str
    name: str
    active: bool
    is_client: bool
    is_vendor: bool
    vendor: str = ""
    address: Address = NOWHERE
    phone: str = ""
    email: str = ""
    customer_ref: str = ""
    vendor_ref: str = ""

    def has_role(self, kind: PartyKind) -> bool:
        """Whether it is marked as what a party of this kind needs: a client or a vendor."""
        return self.is_client if kind is PartyKind.CUSTOMER else self.is_vendor

    @property
    def label(self) -> str:
        """What people call it: its number, or its key where it has none."""
        return self.number or self.client_id


@dataclass(frozen=True)
class Weights:
    """How much each part counts; those that cannot be compared do not count at all."""

    name: int = 60
    address: int = 30
    contact: int = 10


@dataclass(frozen=True, slots=True)
class Face:
    """What of a party or firm is compared, folded once.

    Attributes:
        exact: For certainty.
        look: What the name looks like.
        words: What of the name says who it is.
        sorted_words: The same in an order of their own: "Smith, John" is "John Smith".
        numbers: The words with digits.
    """

    exact: str
    look: str
    words: tuple[str, ...]
    sorted_words: str
    numbers: tuple[str, ...]
    address: PlainAddress
    phone: str
    email: str


_DIGIT = re.compile(r"\d")
_PHONE_DIGITS = 10
_FEWEST_PHONE_DIGITS = 7


def face_of(who: Party | KnownFirm) -> Face:
    """Fold what is compared of a party or firm."""
    exact = exact_name(who.name)
    words = name_words(exact)
    in_order = sorted(words)
    digits = "".join(_DIGIT.findall(who.phone))[-_PHONE_DIGITS:]
    return Face(
        exact=exact,
        look=look_alike(exact),
        words=words,
        sorted_words=" ".join(in_order),
        numbers=tuple(word for word in in_order if _DIGIT.search(word)) if _DIGIT.search(exact) else (),
        address=plain_address(who.address),
        phone=digits if len(digits) >= _FEWEST_PHONE_DIGITS else "",
        email=who.email.strip().casefold() if "@" in who.email else "",
    )


@dataclass(frozen=True, slots=True)
class Score:
    """How likely a firm is a party, and what that rests on.

    Attributes:
        points: 0 to 100.
        looks_alike: The names look the same and are not: never certain.
        why: What speaks for and against it, for people.
    """

    points: int
    same_name: bool
    looks_alike: bool
    address: Comparison
    why: tuple[str, ...]


def name_likeness(one: Face, other: Face) -> int:
    """Compare two names: 100 for exact ones, less for any others.

    Args:
        one: Either.
        other: The other.
    """
    if one.exact == other.exact:
        return FULL
    if one.look == other.look:
        return _NEARLY
    likeness = max(
        fuzz.ratio(one.sorted_words, other.sorted_words), fuzz.ratio("".join(one.words), "".join(other.words))
    )
    return min(round(likeness), _NEARLY if one.numbers == other.numbers else _OTHER_NUMBERS)


def score(party: Face, firm: Face, weights: Weights) -> Score:
    """Weigh name, address and contact.

    Args:
        party: Who is looked for.
        firm: Who it may be.
        weights: How much each part counts.
    """
    name = name_likeness(party, firm)
    same_name = name == FULL
    looks_alike = not same_name and party.look == firm.look
    why = [_name_words(party, firm, name, looks_alike=looks_alike)]
    address = compare(party.address, firm.address)
    parts = [(weights.name, name)]
    if address.likeness is None:
        why.append("no address to compare")
    else:
        parts.append((weights.address, FULL if address.agree else min(address.likeness, _NEARLY)))
        why.append("same address" if address.agree else f"another address ({address.likeness})")
    contact = _contact(party, firm)
    if contact is not None:
        parts.append((weights.contact, contact))
        why.append("same contact" if contact == FULL else "another contact")
    weight = sum(each for each, _ in parts)
    # Rounded down, so that only what agrees in full is 100.
    points = sum(each * likeness for each, likeness in parts) // weight if weight else name
    return Score(points, same_name, looks_alike, address, tuple(why))


def _name_words(party: Face, firm: Face, likeness: int, *, looks_alike: bool) -> str:
    if likeness == FULL:
        return "same name"
    if looks_alike:
        foreign = foreign_letters(party.exact) or foreign_letters(firm.exact)
        return f"name looks the same but has {', '.join(foreign)}" if foreign else "name looks the same but differs"
    return f"similar name ({likeness})"


def _contact(one: Face, other: Face) -> int | None:
    compared = [a == b for a, b in ((one.phone, other.phone), (one.email, other.email)) if a and b]
    return None if not compared else FULL if any(compared) else 0
