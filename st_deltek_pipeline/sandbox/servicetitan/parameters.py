"""Reading a query string the way ServiceTitan does: names in any case, unknown names ignored.

A blank value counts as absent; a value that cannot be read is a 400 that names the parameter.
"""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl

from st_deltek_pipeline.sandbox.servicetitan.answers import bad_value
from st_deltek_pipeline.sandbox.servicetitan.instants import parse_instant

# "max 50 where stated" (servicetitan.md section 2); invoices state none, so 50 is assumed there too.
MOST_IDS = 50

_LARGEST_ID = 2**63 - 1


class Parameters:
    """The parameters of one call.

    Args:
        query_string: As it came over the wire.
    """

    def __init__(self, query_string: bytes) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True):
            if value.strip():
                self._values.setdefault(name.lower(), []).append(value)

    def key(self, *, without: Iterable[str] = ()) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return a value that is equal for equal questions, leaving some names out."""
        left_out = set(without)
        return tuple(sorted((name, tuple(found)) for name, found in self._values.items() if name not in left_out))

    def names(self) -> list[str]:
        """Return the names that have a value, in lower case."""
        return list(self._values)

    def text(self, name: str) -> str | None:
        """Return the last value, or ``None``."""
        found = self._values.get(name.lower())
        return found[-1] if found else None

    def texts(self, name: str) -> list[str]:
        """Return every value of a repeated parameter."""
        return self._values.get(name.lower(), [])

    def whole(self, name: str) -> int | None:
        """Return a whole number, or ``None``.

        Raises:
            ApiError: 400 when it is not one.
        """
        text = self.text(name)
        return None if text is None else _whole(name, text)

    def wholes(self, name: str) -> list[int]:
        """Return the numbers of a repeated parameter.

        Raises:
            ApiError: 400 when one is not a whole number.
        """
        return [_whole(name, text) for text in self.texts(name)]

    def comma_texts(self, name: str) -> list[str] | None:
        """Return the parts of a comma-delimited list, or ``None``; one that is repeated is one list.

        Raises:
            ApiError: 400 when there are more than fifty.
        """
        texts = self.texts(name)
        if not texts:
            return None
        parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
        if len(parts) > MOST_IDS:
            raise bad_value(name, f"The maximum number of items is {MOST_IDS}.")
        return parts

    def comma_wholes(self, name: str) -> list[int] | None:
        """Return the numbers of a comma-delimited list, or ``None``.

        Raises:
            ApiError: 400 when there are more than fifty, or one is not a whole number.
        """
        parts = self.comma_texts(name)
        return None if parts is None else [_whole(name, part) for part in parts]

    def flag(self, name: str) -> bool | None:
        """Return true or false, or ``None``.

        Raises:
            ApiError: 400 when it is neither.
        """
        text = self.text(name)
        if text is None:
            return None
        if text.lower() not in {"true", "false"}:
            raise bad_value(name, f"The value '{text}' is not valid.")
        return text.lower() == "true"

    def instant(self, name: str) -> int | None:
        """Return an instant in ticks, or ``None``.

        Raises:
            ApiError: 400 when it is not an instant.
        """
        text = self.text(name)
        if text is None:
            return None
        try:
            return parse_instant(text)
        except ValueError:
            raise bad_value(name, f"The value '{text}' is not valid.") from None

    def amount(self, name: str) -> Decimal | None:
        """Return a decimal number, or ``None``.

        Raises:
            ApiError: 400 when it is not a finite number.
        """
        text = self.text(name)
        if text is None:
            return None
        try:
            amount = Decimal(text)
        except InvalidOperation:
            raise bad_value(name, f"The value '{text}' is not valid.") from None
        if not amount.is_finite():
            raise bad_value(name, f"The value '{text}' is not valid.")
        return amount

    def choice(self, name: str, values: Iterable[str]) -> str | None:
        """Return one value of an enumeration in its own spelling, or ``None``.

        Raises:
            ApiError: 400 when it is not one of them.
        """
        text = self.text(name)
        return None if text is None else _choice(name, text, values)

    def choices(self, name: str, values: Iterable[str]) -> list[str]:
        """Return every value of a repeated enumeration parameter.

        Raises:
            ApiError: 400 when one is not in the enumeration.
        """
        allowed = list(values)
        return [_choice(name, text, allowed) for text in self.texts(name)]

    def comma_choices(self, name: str, values: Iterable[str]) -> list[str]:
        """Return every value of a comma-delimited enumeration parameter.

        Raises:
            ApiError: 400 when one is not in the enumeration.
        """
        allowed = list(values)
        return [_choice(name, text, allowed) for text in self.comma_texts(name) or []]


def _whole(name: str, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise bad_value(name, f"The value '{text}' is not valid.") from None
    if abs(number) > _LARGEST_ID:
        raise bad_value(name, f"The value '{text}' is not valid.")
    return number


def _choice(name: str, text: str, values: Iterable[str]) -> str:
    for value in values:
        if value.lower() == text.strip().lower():
            return value
    raise bad_value(name, f"The value '{text}' is not valid.")
