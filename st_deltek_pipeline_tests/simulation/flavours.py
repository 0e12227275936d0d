"""In which ways a connection moves documents: what a simulation varies beside its steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

INVOICES = ("invoice",)
CASH = ("invoice", "payment")
CREDITS = ("invoice", "credit_memo")
RECEIVABLES = ("invoice", "credit_memo", "payment")
PAYABLES = ("bill", "ap_credit")
BILLS = ("bill",)
EVERYTHING = (*RECEIVABLES, *PAYABLES)


@dataclass(frozen=True)
class Flavour:
    """How the connection under simulation is set up.

    Attributes:
        kinds: The kinds of document it moves.
        posting, vantagepoint: Settings of these sections that differ from the usual.
        books: Switches of the Vantagepoint twin.
        titan: Switches of the ServiceTitan twin.
    """

    kinds: tuple[str, ...] = INVOICES
    posting: Mapping[str, str] = field(default_factory=dict)
    vantagepoint: Mapping[str, Any] = field(default_factory=dict)
    books: Mapping[str, Any] = field(default_factory=dict)
    titan: Mapping[str, Any] = field(default_factory=dict)

    @property
    def changes(self) -> dict[str, dict[str, Any]]:
        """What differs in the connection's settings, by section."""
        return {"posting": {"documents": self.kinds, **self.posting}, "vantagepoint": dict(self.vantagepoint)}
