"""Names of people and companies, usual and unusual. Who they are to the contractor is in ``customers``."""

from random import Random

from st_deltek_pipeline.sandbox.contractor.streams import chance


def _words(text: str, between: str) -> tuple[str, ...]:
    return tuple(text.split(between))


_FIRST = _words(
    "Aaron Abigail Alan Alejandra Amanda Amy Andre Andrea Angela Anthony Arturo Ashley Barbara Benjamin Beth Brandon "
    "Brian Brittany Bruce Carlos Carmen Carol Catherine Charles Chen Christina Christopher Craig Cynthia Daniel Darius "
    "David Deborah Dennis Diana Donald Donna Douglas Edward Elena Elizabeth Emily Eric Esther Evelyn Fatima Felix "
    "Frank Gabriel Gary George Gloria Grace Gregory Hannah Harold Heather Helen Henry Ian Irene Isaac Jack Jacob "
    "Jamal James Janet Jason Jennifer Jerome Jessica Joan Joe John Jose Joshua Juan Judith Julia Karen Kathleen Keith "
    "Kelly Kenneth Kevin Kimberly Larry Laura Leila Leon Linda Lisa Luis Marcus Margaret Maria Mark Martha Mary Matthew "
    "Megan Mei Michael Michelle Miguel Nancy Natalie Nathan Nicole Nora Olivia Omar Oscar Pamela Patricia Patrick Paul "
    "Peter Priya Rachel Ramon Raymond Rebecca Richard Robert Roger Rosa Ruth Ryan Samantha Samuel Sandra Sara Scott "
    "Sean Sharon Sofia Stephen Susan Tamara Teresa Thomas Tiffany Timothy Tyler Victor Victoria Vincent Walter Wendy "
    "William Xavier Yolanda Zachary",
    " ",
)
_LAST = _words(
    "Abbott Adams Aguilar Allen Alvarez Anderson Archuleta Bailey Baker Barnes Bell Bennett Black Boyd Brooks Brown "
    "Bryant Burke Butler Campbell Carlson Carter Castillo Chang Chavez Clark Cole Coleman Collins Cook Cooper Cox Cruz "
    "Cunningham Davis Delgado Diaz Dixon Duncan Dunn Edwards Elliott Ellis Evans Fisher Fleming Flores Ford Foster "
    "Freeman Garcia Gibson Gomez Gonzales Gordon Graham Grant Gray Green Griffin Gupta Gutierrez Hall Hamilton Hansen "
    "Harris Hayes Henderson Hernandez Herrera Hill Hoffman Holmes Howard Hughes Hunt Jackson Jacobs James Jenkins "
    "Jensen Jimenez Johnson Jones Jordan Kelley Kennedy Kim King Kowalski Larson Lee Lewis Li Long Lopez Lucero Lynch "
    "Maestas Marshall Martin Martinez Mason McCarthy McDonald Medina Mendoza Meyer Miller Mitchell Montoya Moore Morales "
    "Morgan Morris Murphy Murray Myers Nelson Newman Nguyen Novak Obrien Okafor Oliver Olson Ortega Owens Park Parker "
    "Patel Patterson Perez Perry Peterson Phillips Pierce Porter Powell Price Quintana Ramirez Reed Reyes Reynolds "
    "Richardson Rivera Roberts Robinson Rodriguez Rogers Romero Ross Russell Ryan Salazar Sanchez Sanders Sandoval "
    "Schmidt Schultz Scott Shaw Silva Simmons Simpson Smith Snyder Stevens Stewart Stone Sullivan Tanaka Taylor Thomas "
    "Thompson Torres Trujillo Tucker Turner Valdez Vargas Vasquez Vigil Wagner Walker Wallace Ward Warren Washington "
    "Watson Weaver Webb Weber Welch Wells West Wheeler White Williams Willis Wilson Wood Wright Yang Young Zamora "
    "Zimmerman",
    " ",
)
_INITIALS = "ABCDEFGHJKLMNPRSTW"

_COMPANY_PLACES = _words(
    "Alpine|Arapahoe|Aspen|Baseline|Bear Creek|Belmar|Big Sky|Blue Spruce|Boulder Creek|Broadway|Cherry Creek|Chautauqua|"
    "Cimarron|Clear Creek|Colfax|Columbine|Confluence|Copper Ridge|Cottonwood|Crestline|Evergreen|Federal|Flatiron|"
    "Foothills|Front Range|Golden Gate|Gunbarrel|Highline|Horizon|Jefferson|Juniper|Lookout|Lowry|Meridian|Mesa|Mile High|"
    "Montclair|Mountain View|Niwot|Northfield|Overland|Peak|Pearl Street|Pikes|Pioneer|Platte River|Ponderosa|Prairie|"
    "Quarry|Red Rocks|Ridgeline|Rocky Mountain|Sable|Santa Fe|Silver Creek|Skyline|South Park|Stapleton|Sterling|"
    "Table Mesa|Tamarack|Timberline|Trailhead|Union Station|Valley|Wadsworth|Westwood|Willow",
    "|",
)
_COMPANY_TRADES = (
    "Apartments", "Brewing Company", "Business Park", "Cafe", "Cold Storage", "Dental Group", "Dry Cleaners",
    "Elementary School", "Fitness", "Foods", "Grill", "Holdings", "Hotel", "Lutheran Church", "Manufacturing", "Market",
    "Medical Center", "Office Plaza", "Pharmacy", "Property Management", "Senior Living", "Shopping Center",
    "Storage", "Veterinary Clinic", "Winery",
)  # fmt: skip
_COMPANY_FORMS = ("", "", " LLC", " LLC", " Inc.", " Inc.", " Partners", " HOA", " Ltd.")

# Every one of these has broken somebody's import. Spaces and case apart, each is a different name.
UNUSUAL_RESIDENTIAL: tuple[str, ...] = (
    "Zoë Ångström",
    "Jose\N{COMBINING ACUTE ACCENT} Nun\N{COMBINING TILDE}ez",
    "Nguye\N{COMBINING CIRCUMFLEX ACCENT}\N{COMBINING TILDE}n Thi\N{COMBINING DOT BELOW} Minh Khai",
    "مريم الحسيني",
    "נועה לוי",
    "李小龍",
    "👩‍👩‍👧 Harmon Family",
    "Patricia Delgado-Weiss  ",
    "Martin  van  Okafor",
    "  Leading Larkspur",
    "Robert'); DROP TABLE customers;--",
    "Siobhán O'Connor-Śmigły",
    "Null",
    "Beauregard <b>Thibodeaux</b> & Co",
)
UNUSUAL_COMMERCIAL: tuple[str, ...] = (
    '=HYPERLINK("http://example.invalid","Sum Rentals")',
    "+1 Property Group",
    "@Home Senior Living",
    "-Dash- Car Wash",
    "🔥 Hot Tub Haven 🔥",
    'Smith, Jones "and" Daughters; Fine|Foods\\Deli',
    "The Very Long Named Homeowners Association of the Upper and Lower Meadows at Stonebridge Crossing",
    "Straße & Söhne Café",
    "0012345",
)


_CYRILLIC = {
    "a": "\N{CYRILLIC SMALL LETTER A}",
    "e": "\N{CYRILLIC SMALL LETTER IE}",
    "o": "\N{CYRILLIC SMALL LETTER O}",
    "i": "\N{CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I}",
    "y": "\N{CYRILLIC SMALL LETTER U}",
}


def person_name(rng: Random) -> str:
    """Return a usual name of a person, sometimes with an initial."""
    if chance(rng, 15):
        return f"{rng.choice(_FIRST)} {rng.choice(_INITIALS)}. {rng.choice(_LAST)}"
    return f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"


def company_name(rng: Random) -> str:
    """Return a usual name of a company."""
    return f"{rng.choice(_COMPANY_PLACES)} {rng.choice(_COMPANY_TRADES)}{rng.choice(_COMPANY_FORMS)}"


def folded(name: str) -> str:
    """Return what two spellings of one name have in common: neither case nor spacing matters."""
    return " ".join(name.split()).casefold()


class NameBook:
    """Hands out names that nobody else has, spacing and case apart."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._taken: set[str] = set()

    def reserve(self, name: str) -> str:
        """Take a given name and return it unchanged."""
        self._taken.add(folded(name))
        return name

    def person(self) -> str:
        """Return a new person's name."""
        return self._new(person_name(self._rng), "Jr.")

    def company(self) -> str:
        """Return a new company's name."""
        return self._new(company_name(self._rng), "No.")

    def _new(self, name: str, addition: str) -> str:
        candidate, number = name, 2
        while folded(candidate) in self._taken:
            candidate = f"{name} {addition} {number}" if addition == "No." else self._with_middle_name(name)
            number += 1
        return self.reserve(candidate)

    def _with_middle_name(self, name: str) -> str:
        first, *_, last = name.split()
        return f"{first} {self._rng.choice(_FIRST)} {self._rng.choice(_INITIALS)}. {last}"


def respelled(name: str, rng: Random) -> str:
    """Spell a name as a second system would have it: the same up to spacing and case.

    Args:
        name: The first system's spelling.
        rng: Decides how.

    Returns:
        Mostly the name with single spaces; sometimes in capitals, with a doubled or a trailing space. Letters
        beyond ASCII keep their case, since upper case is not always the way back.
    """
    neat = " ".join(name.split())
    if neat.isascii() and chance(rng, 8):
        return neat.upper()
    if chance(rng, 4):
        return neat.replace(" ", "  ", 1)
    if chance(rng, 3):
        return f"{neat} "
    return neat


def look_alike(name: str) -> str:
    """Return a name that looks the same and is another one: its first letter that Cyrillic has too is Cyrillic."""
    place, letter = next((place, letter) for place, letter in enumerate(name) if letter in _CYRILLIC)
    return f"{name[:place]}{_CYRILLIC[letter]}{name[place + 1 :]}"
