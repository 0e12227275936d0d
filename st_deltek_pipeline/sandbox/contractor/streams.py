"""Independent streams of chance, one per purpose, all derived from the world's seed."""

import random


def stream(seed: int, name: str) -> random.Random:
    """Return the stream of one purpose.

    A stream per purpose keeps worlds comparable: drawing one more number for locations does not change
    what invoices get.

    Args:
        seed: The world's seed.
        name: The purpose, for example ``customers``.

    Returns:
        A generator that gives the same numbers in every process and on every machine.
    """
    return random.Random(f"{seed}:{name}")  # noqa: S311 - repeatable on purpose, never a secret


def hexadecimal(rng: random.Random, digits: int) -> str:
    """Return that many upper-case hexadecimal digits, as Vantagepoint's keys have them."""
    return f"{rng.getrandbits(4 * digits):0{digits}X}"


def chance(rng: random.Random, percent: int) -> bool:
    """Say yes in that many of a hundred cases."""
    return rng.random() * 100 < percent
