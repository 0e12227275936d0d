"""Who decides something, and why, as options of a command: kept in the journal, so neither may be blank."""

import getpass
from collections.abc import Callable
from typing import Any, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any])


def words(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Read a person's words; the callback of an option.

    Args:
        value: What was typed.

    Returns:
        It on one line, without blanks around it.
    """
    return " ".join(value.split())


def required_words(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Read a person's words, which may not be missing; the callback of an option.

    Raises:
        click.BadParameter: There are none.
    """
    said = words(context, parameter, value)
    if not said:
        message = "may not be empty."
        raise click.BadParameter(message, param=parameter)
    return said


def by_option(command: _F) -> _F:
    """Give a command ``--by``, passed to it as ``by``."""
    return click.option(
        "--by",
        default=_login_name,
        callback=required_words,
        metavar="WHO",
        help="Who decides it. Default: your login name.",
    )(command)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        message = "Your login has no name here; say who decides it with --by."
        raise click.UsageError(message) from error
