"""Templates into HTML. Everything is escaped by the template engine; what a page needs is in the page.

A page's style is one text in its head, allowed by its hash: neither a script nor a style of somebody else's can run, and
no address is asked for anything, in a saved file as well as from our own server.
"""

import base64
import hashlib
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from st_deltek_pipeline.domain.money import ZERO, shown
from st_deltek_pipeline.pages.cells import Cell, Code, Link, Mark, Simple

_PACKAGE = "st_deltek_pipeline.pages"
_DASH = "\N{EN DASH}"


def render(template: str, **values: object) -> str:
    """Fill a template.

    Args:
        template: The name of a file in ``templates``.
        values: What it speaks of; a name that it does not get is an error.

    Returns:
        A whole page, with everything escaped that is not markup of our own.
    """
    return _environment().get_template(template).render(**values)


@lru_cache(maxsize=1)
def style() -> Markup:
    """Return the style of every page."""
    # Our own file, and nothing else, is put into the page as it is.
    return Markup(files(_PACKAGE).joinpath("templates", "style.css").read_text(encoding="utf-8"))  # noqa: S704


@lru_cache(maxsize=1)
def content_security_policy() -> str:
    """Return what a page may do: show its own style, and send forms to the server that it came from."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; base-uri 'none'"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": shown,
        "cell": cell,
        "count": counted,
        "day": day_shown,
        "instant": instant_shown,
        "words": in_words,
    }
    environment.globals |= {"style": style, "content_security_policy": content_security_policy}
    return environment


def cell(value: Cell) -> Markup:
    """Write a cell as HTML, its texts escaped."""
    parts = value if isinstance(value, tuple) else (value,)
    if len(parts) == 1:
        return _simple(parts[0])
    lines = Markup().join(Markup("<span class='line'>{}</span>").format(_simple(part)) for part in parts)
    return Markup("<span>{}</span>").format(lines)


def _simple(value: Simple) -> Markup:  # noqa: PLR0911 (a table of types)
    if value is None:
        return Markup("<span class='nothing'>{}</span>").format(_DASH)
    if isinstance(value, Link):
        return Markup("<a href='{}'>{}</a>").format(value.address, value.text)
    if isinstance(value, Code):
        return Markup("<code>{}</code>").format(value.text)
    if isinstance(value, Mark):
        return Markup("<span class='mark {}'>{}</span>").format(value.tone.value, value.text)
    if isinstance(value, Decimal):
        return Markup("<span class='amount{}'>{}</span>").format(" negative" if value < ZERO else "", shown(value))
    if isinstance(value, datetime):
        return escape(instant_shown(value))
    if isinstance(value, date):
        return Markup("<span class='date'>{}</span>").format(day_shown(value))
    return escape(counted(value) if isinstance(value, int) else value)


def plain(value: Cell) -> str:
    """Write a cell as text, its parts after each other."""
    if isinstance(value, tuple):
        return " ".join(plain(part) for part in value)
    return cell(value).striptags()


def counted(number: int) -> str:
    """Write a number of things."""
    return f"{number:,}"


def day_shown(day: date) -> str:
    """Write a day so that nobody takes its month for its day: ``Thu 29 Oct 2026``."""
    return f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def instant_shown(instant: datetime) -> str:
    """Write an instant in the time zone it has, to the minute: ``30 Oct 2026 00:15 MDT``."""
    zone = f" {name}" if (name := instant.tzname()) else ""
    return f"{instant.day} {_MONTHS[instant.month - 1]} {instant.year} {instant:%H:%M}{zone}"


def month_shown(day: date) -> str:
    """Write the month of a day: ``October 2026``."""
    return f"{_LONG_MONTHS[day.month - 1]} {day.year}"


def in_words(name: object) -> str:
    """Write a stored code for people: ``no_rule`` is ``no rule``."""
    return str(name).replace("_", " ")


# Written out, since the names of strftime follow the server's language.
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONG_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MONTHS = tuple(name[:3] for name in _LONG_MONTHS)
