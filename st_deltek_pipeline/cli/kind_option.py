"""``--kind``: kinds of document, as people type them."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind

_F = TypeVar("_F", bound=Callable[..., Any])


def kinds_option(meaning: str) -> Callable[[_F], _F]:
    """Give a command ``--kind``, which may be repeated, passed to it as ``kinds``.

    Args:
        meaning: What is done with the kinds, for ``--help``.
    """
    return click.option(
        "--kind",
        "kinds",
        type=click.Choice([kind.value for kind in POSTING_ORDER]),
        multiple=True,
        callback=_read,
        help=f"{meaning} May be repeated; default: every kind that the connection moves.",
    )


def _read(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[Kind, ...]:
    return tuple(Kind(value) for value in values)
