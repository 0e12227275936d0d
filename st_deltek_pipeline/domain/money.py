"""Money as Decimal: reading it, rounding it, splitting it exactly. Nothing here knows of accounts."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation

CENT = Decimal("0.01")
ZERO = Decimal("0.00")

# Vantagepoint's amounts are SQL Server decimal(19,4); anything larger is a mistake in the data.
LARGEST_AMOUNT = Decimal("999999999999.99")

# Enough digits for the share of any amount in any weights.
_SHARES = Context(prec=64, rounding=ROUND_HALF_UP)


class AmountError(ValueError):
    """A text is not an amount of money we can book to the cent."""


def parse_amount(text: object) -> Decimal:
    """Read an amount exactly.

    Args:
        text: ServiceTitan's decimal string (``"1234.50"``), or a JSON number already read as Decimal.

    Returns:
        The amount in whole cents, always with two decimals.

    Raises:
        AmountError: Not a finite decimal number, more than two significant decimals, or out of range.
    """
    if isinstance(text, bool) or not isinstance(text, (str, Decimal, int)):
        message = f"{text!r} is not an amount; a decimal string was expected"
        raise AmountError(message)
    try:
        amount = Decimal(text)
    except InvalidOperation:
        message = f"{text!r} is not an amount"
        raise AmountError(message) from None
    # Nearly every amount is written with two decimals, and bulk staging reads millions of them.
    if amount.same_quantum(CENT) and -LARGEST_AMOUNT <= amount <= LARGEST_AMOUNT:
        return amount or ZERO  # turns -0.00 into 0.00
    if not amount.is_finite() or abs(amount) > LARGEST_AMOUNT:
        message = f"{text!r} is not an amount that can be booked"
        raise AmountError(message)
    cents = amount.quantize(CENT)
    if cents != amount:
        message = f"{text!r} has a fraction of a cent"
        raise AmountError(message)
    return cents + ZERO  # turns -0.00 into 0.00


def round_to_cents(amount: Decimal) -> Decimal:
    """Round half away from zero to whole cents, as Vantagepoint's own screens do."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP) + ZERO


def shown(amount: Decimal) -> str:
    """Write an amount for people, exactly: thousands separators, two decimals, and more only for a fraction of a cent."""
    return f"{amount:,.2f}" if amount == round_to_cents(amount) else f"{amount.normalize():,f}"


def written(amount: Decimal) -> str:
    """Write an amount for machines, exactly: at least two decimals, no separators."""
    return shown(amount).replace(",", "")


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts; an empty list is 0.00."""
    return sum(amounts, start=ZERO)


def allocate(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Split an amount over weights so that the parts sum to it exactly.

    Args:
        amount: Whole cents, any sign.
        weights: Relative shares; at least one, and not summing to zero.

    Returns:
        One part per weight, in whole cents; the last part with a weight takes the remainder. Weights of one sign give
        no part of the other sign: once rounding up has used up the amount, the parts that are left get nothing.

    Raises:
        ValueError: No weights, or they sum to zero.
    """
    whole = sum(weights, start=Decimal(0))
    if whole == 0:
        message = "weights must not sum to zero"
        raise ValueError(message)
    bounded = _of_one_sign(weights)
    last = max(place for place, weight in enumerate(weights) if weight != 0)
    parts = [ZERO] * len(weights)
    left = amount
    for place, weight in enumerate(weights[:last]):
        part = _SHARES.quantize(_SHARES.divide(_SHARES.multiply(amount, weight), whole), CENT) + ZERO
        parts[place] = min(part, left, key=abs) if bounded else part
        left -= parts[place]
    parts[last] = left
    return parts


def spread(rows: Sequence[Decimal], columns: Sequence[Decimal]) -> list[list[Decimal]]:
    """Split amounts over targets so that every amount and every target comes out exactly.

    Args:
        rows: The amounts, whole cents.
        columns: What each target gets in all, whole cents; they sum to what the amounts sum to.

    Returns:
        Per target, its part of each amount. Targets sum to ``columns``, amounts to ``rows``. Where all of them have one
        sign, every part has it too.

    Raises:
        ValueError: The sums differ.
    """
    if total(rows) != total(columns):
        message = "amounts and targets must have the same sum"
        raise ValueError(message)
    bounded = _of_one_sign([*rows, *columns])
    left = list(rows)
    found: list[list[Decimal]] = []
    for number, column in enumerate(columns, start=1):
        if number == len(columns) or not left:
            parts = list(left)
        elif bounded:
            parts = _within(column, left)
        else:
            # What takes itself back has no shares; then each amount counts alike.
            parts = allocate(column, left if total(left) else [Decimal(1)] * len(left))
        left = [amount - part for amount, part in zip(left, parts, strict=True)]
        found.append(parts)
    return found


def _of_one_sign(amounts: Sequence[Decimal]) -> bool:
    return all(amount >= 0 for amount in amounts) or all(amount <= 0 for amount in amounts)


def _within(column: Decimal, left: Sequence[Decimal]) -> list[Decimal]:
    """Take a target's amount out of what is left of each amount, by share, and of none more than it has."""
    if total(left) == ZERO:
        return [ZERO] * len(left)
    parts = allocate(column, left)
    # The last one took the remainder, which may be more than it has; earlier ones have the room.
    missing = ZERO
    for place in range(len(left) - 1, -1, -1):
        wanted = parts[place] + missing
        parts[place] = min(wanted, left[place], key=abs)
        missing = wanted - parts[place]
    return parts
