"""Where customers live: streets and the cities whose names are also the tax zones'."""

from decimal import Decimal
from itertools import accumulate
from random import Random

from st_deltek_pipeline.sandbox.contractor.streams import chance
from st_deltek_pipeline.sandbox.contractor.world import Row

_NAMES = (
    "Alameda", "Arapahoe", "Birch", "Bluebell", "Canyon", "Cedar", "Clarkson", "Colfax", "Dahlia", "Downing", "Elati",
    "Evans", "Forest", "Galena", "Harlan", "Hover", "Iliff", "Jewell", "Kipling", "Logan", "Main", "Marion", "Navajo",
    "Orchard", "Pennsylvania", "Quebec", "Raleigh", "Sheridan", "Tejon", "Union", "Vine", "Wolff", "Yosemite", "Zuni",
)  # fmt: skip
_KINDS = ("St", "St", "St", "Ave", "Ave", "Ct", "Way", "Blvd", "Ln")
_DIRECTIONS = ("N", "S", "E", "W")

# City, zip prefix, latitude, longitude, how many of a hundred customers.
_CITIES = (
    ("Denver", "802", "39.74", "-104.99", 38),
    ("Aurora", "800", "39.72", "-104.83", 20),
    ("Lakewood", "802", "39.70", "-105.08", 15),
    ("Boulder", "803", "40.01", "-105.27", 12),
    ("Longmont", "805", "40.16", "-105.10", 8),
    ("Castle Rock", "801", "39.37", "-104.85", 7),
)
_CITIES_UP_TO = list(accumulate(city[-1] for city in _CITIES))


def crm_address(rng: Random) -> Row:
    """Make an address in the CRM's shape, coordinates sometimes absent."""
    city, zip_prefix, latitude, longitude, _ = rng.choices(_CITIES, cum_weights=_CITIES_UP_TO)[0]
    located = chance(rng, 90)
    offset = Decimal(rng.randint(-4000, 4000)) / 100000
    return {
        "street": f"{rng.randint(100, 9999)} {rng.choice(_DIRECTIONS)} {rng.choice(_NAMES)} {rng.choice(_KINDS)}",
        "unit": f"Unit {rng.randint(1, 420)}" if chance(rng, 12) else None,
        "city": city,
        "state": "CO",
        "zip": f"{zip_prefix}{rng.randint(1, 39):02d}",
        "country": "USA",
        "latitude": Decimal(latitude) + offset if located else None,
        "longitude": Decimal(longitude) - offset if located else None,
    }


def invoice_address(address: Row) -> Row:
    """Return a CRM address as an invoice shows it: without coordinates."""
    return {name: address[name] for name in ("street", "unit", "city", "state", "zip", "country")}
