"""A document as people type it: ``invoice:123``, by ServiceTitan's id."""

import click

from st_deltek_pipeline.domain.documents import Kind

_KINDS = {kind.value: kind for kind in Kind}
_LARGEST_ID = 2**63 - 1
_MOST_DIGITS = len(str(_LARGEST_ID))


def read_document(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[Kind, int]:
    """Read ``KIND:ID``; the callback of an argument.

    Args:
        value: What was typed.

    Returns:
        Kind and ServiceTitan's id.

    Raises:
        click.BadParameter: It is no document.
    """
    kind, _, number = value.partition(":")
    is_id = number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS
    if kind not in _KINDS or not is_id or int(number) > _LARGEST_ID:
        message = f"{value!r} is no document; type KIND:ID, such as invoice:123 (kinds: {', '.join(_KINDS)})."
        raise click.BadParameter(message)
    return _KINDS[kind], int(number)
