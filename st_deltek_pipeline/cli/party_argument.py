"""A customer or vendor as people type it: ``customer:123``, by ServiceTitan's id."""

import click

from st_deltek_pipeline.domain.firm_links import PartyKey, PartyKind

_KINDS = {kind.value: kind for kind in PartyKind}
_LARGEST_ID = 2**63 - 1
_MOST_DIGITS = len(str(_LARGEST_ID))


def party_of(text: str) -> PartyKey | None:
    """Read ``KIND:ID``, or return ``None`` when it is no customer or vendor.

    Args:
        text: What was typed.
    """
    kind, _, number = text.strip().partition(":")
    is_id = number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS
    if kind not in _KINDS or not is_id or int(number) > _LARGEST_ID:
        return None
    return PartyKey(_KINDS[kind], int(number))


def read_party(_context: click.Context, _parameter: click.Parameter, value: str) -> PartyKey:
    """Read ``KIND:ID``; the callback of an argument.

    Args:
        value: What was typed.

    Raises:
        click.BadParameter: It is no customer or vendor.
    """
    key = party_of(value)
    if key is None:
        message = f"{value!r} is nobody; type KIND:ID, such as customer:123 (kinds: {', '.join(_KINDS)})."
        raise click.BadParameter(message)
    return key
