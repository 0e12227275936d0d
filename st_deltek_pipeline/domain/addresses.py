"""Addresses as two systems spell them: whether they are the same place, another one, or cannot be compared.

An address decides between parties of one name, so it is compared generously in its spelling and strictly in its
numbers: ``123 North Main Street`` is ``123 N. Main St``, and ``125 N Main St`` is somebody else.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz

from st_deltek_pipeline.domain.names import exact_name, name_words

SAME = 100
_SAME_STREET = 88
# What is left of an address when one of its parts is another one: never enough to agree.
_OTHER_NUMBER, _OTHER_UNIT, _OTHER_PLACE = 30, 60, 50

_ABBREVIATIONS = {
    "street": "st", "str": "st", "avenue": "ave", "av": "ave", "road": "rd", "drive": "dr", "drv": "dr", "lane": "ln",
    "boulevard": "blvd", "court": "ct", "circle": "cir", "place": "pl", "highway": "hwy", "parkway": "pkwy",
    "terrace": "ter", "trail": "trl", "square": "sq", "way": "wy", "mount": "mt", "saint": "st", "fort": "ft",
    "north": "n", "south": "s", "east": "e", "west": "w", "northeast": "ne", "northwest": "nw", "southeast": "se",
    "southwest": "sw",
}  # fmt: skip
_UNIT_WORDS = frozenset({"apt", "apartment", "unit", "ste", "suite", "rm", "room", "bldg", "building", "fl", "floor"})
_DIGITS = re.compile(r"\d+")
_US_ZIP = re.compile(r"\d{5}(?:-?\d{4})?")
_US_ZIP_LENGTH = 5


@dataclass(frozen=True, slots=True)
class Address:
    """An address as somebody typed it; every part may be empty."""

    street: str = ""
    unit: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""


NOWHERE = Address()


@dataclass(frozen=True, slots=True)
class PlainAddress:
    """An address in the form it is compared in.

    Attributes:
        number: House number; empty where the street has none.
        street: The rest of the street, abbreviated.
        unit: Apartment or suite.
        place: ZIP code, without its last four digits; empty where none is stated.
        city: City, compared where a ZIP code is missing.
    """

    number: str
    street: str
    unit: str
    place: str
    city: str

    @property
    def is_known(self) -> bool:
        """Whether there is enough to compare: a street, and where that is."""
        return bool((self.number or self.street) and (self.place or self.city))


@dataclass(frozen=True, slots=True)
class Comparison:
    """How near two addresses are.

    Attributes:
        likeness: 0 to 100; ``None`` when one of them is not known well enough.
        agree: They are the same place.
    """

    likeness: int | None
    agree: bool


UNKNOWN = Comparison(None, agree=False)


def plain_address(address: Address) -> PlainAddress:
    """Bring an address into the form it is compared in.

    Args:
        address: As typed. A unit may stand in its own field or at the end of the street.
    """
    words = _words(address.street.replace("#", " unit "))
    unit = [word for word in _words(address.unit.replace("#", " ")) if word not in _UNIT_WORDS]
    designator = next((at for at, word in enumerate(words) if at and word in _UNIT_WORDS), None)
    if designator is not None:
        unit = unit or words[designator + 1 :]
        words = words[:designator]
    number = words[0] if words and _DIGITS.search(words[0]) else ""
    zip_code = "".join(address.zip.split()).casefold()
    return PlainAddress(
        number=number,
        street=" ".join(words[1:] if number else words),
        unit="".join(word for word in unit if word not in _UNIT_WORDS),
        place=zip_code[:_US_ZIP_LENGTH] if _US_ZIP.fullmatch(zip_code) else zip_code,
        city=_plain_city(address.city),
    )


def compare(one: PlainAddress, other: PlainAddress) -> Comparison:
    """Compare two addresses.

    Args:
        one: Either of them.
        other: The other.
    """
    if not (one.is_known and other.is_known):
        return UNKNOWN
    same_place = _same_place(one, other)
    if same_place is None:
        return UNKNOWN
    likeness = round(fuzz.ratio(one.street, other.street))
    agree = likeness >= _SAME_STREET
    if _DIGITS.findall(one.street) != _DIGITS.findall(other.street) or one.number != other.number:
        likeness, agree = min(likeness, _OTHER_NUMBER), False
    if one.unit and other.unit and one.unit != other.unit:
        likeness, agree = min(likeness, _OTHER_UNIT), False
    if not same_place:
        likeness, agree = min(likeness, _OTHER_PLACE), False
    return Comparison(likeness, agree)


def _same_place(one: PlainAddress, other: PlainAddress) -> bool | None:
    if one.place and other.place:
        return one.place == other.place
    if one.city and other.city:
        return one.city == other.city
    return None


@lru_cache(maxsize=4096)
def _plain_city(city: str) -> str:
    return " ".join(name_words(exact_name(city)))


def _words(text: str) -> list[str]:
    return [_ABBREVIATIONS.get(word, word) for word in name_words(exact_name(text))]
