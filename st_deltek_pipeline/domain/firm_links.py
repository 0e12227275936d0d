"""Which firm each customer and vendor is in Vantagepoint: what alignment of documents asks for.

Finding it is ``firm_matching``; what a firm that does not exist yet is created with is ``firm_creation``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from st_deltek_pipeline.domain.holds import Hold, HoldReason


class PartyKind(StrEnum):
    """Who ServiceTitan deals with; stored, so a value never changes."""

    CUSTOMER = "customer"
    VENDOR = "vendor"


class LinkState(StrEnum):
    """How far the search for a party's firm has come; stored. Only ``LINKED`` can be posted to."""

    LINKED = "linked"
    AMBIGUOUS = "ambiguous"
    MISSING = "missing"
    TOO_LONG = "too_long"
    INACTIVE = "inactive"
    ROLE_MISSING = "role_missing"
    GONE = "gone"
    REFUSED = "refused"
    IN_DOUBT = "in_doubt"


class DecidedBy(StrEnum):
    """What a link rests on; stored, so a value never changes."""

    PERSON = "person"
    EXTERNAL_ID = "external_id"
    NAME_AND_ADDRESS = "name_and_address"
    NAME = "name"
    SCORE = "score"
    CREATED = "created"
    MERGED = "merged"


LINK_STATES_WITH_FIRM = frozenset({LinkState.LINKED, LinkState.INACTIVE, LinkState.ROLE_MISSING, LinkState.GONE})
"""States in which it is known which firm it is."""


@dataclass(frozen=True, order=True, slots=True)
class PartyKey:
    """One customer or vendor."""

    kind: PartyKind
    party_id: int

    def __str__(self) -> str:
        """Return ``customer:123``, the form people type."""
        return f"{self.kind.value}:{self.party_id}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A firm that a party may be.

    Attributes:
        firm_id: ``ClientID``.
        number: ``Client``, the firm number people know; may be empty.
        score: 0 to 100.
        why: What speaks for and against it.
    """

    firm_id: str
    number: str
    name: str
    score: int
    why: str


# What a document is held with, for a customer and for a vendor.
_REASONS: Mapping[LinkState, tuple[HoldReason, HoldReason]] = {
    LinkState.AMBIGUOUS: (HoldReason.CUSTOMER_FIRM_AMBIGUOUS, HoldReason.VENDOR_FIRM_AMBIGUOUS),
    LinkState.MISSING: (HoldReason.CUSTOMER_WITHOUT_FIRM, HoldReason.VENDOR_WITHOUT_FIRM),
    LinkState.TOO_LONG: (HoldReason.FIRM_NAME_TOO_LONG, HoldReason.FIRM_NAME_TOO_LONG),
    LinkState.INACTIVE: (HoldReason.FIRM_INACTIVE, HoldReason.FIRM_INACTIVE),
    LinkState.ROLE_MISSING: (HoldReason.FIRM_ROLE_MISSING, HoldReason.FIRM_ROLE_MISSING),
    LinkState.GONE: (HoldReason.CUSTOMER_WITHOUT_FIRM, HoldReason.VENDOR_WITHOUT_FIRM),
    LinkState.REFUSED: (HoldReason.FIRM_REFUSED, HoldReason.FIRM_REFUSED),
    LinkState.IN_DOUBT: (HoldReason.FIRM_IN_DOUBT, HoldReason.FIRM_IN_DOUBT),
}


@dataclass(frozen=True)
class FirmLink:
    """A customer's or vendor's firm.

    Attributes:
        party_id: ServiceTitan's id of the customer or vendor.
        name: As ServiceTitan spells it.
        firm_id: ``ClientID`` of the firm; empty unless it is known which one it is.
        message: Why nothing can be posted to it, as the end of a sentence about the party, naming candidates; empty
            when linked.
        words: Vantagepoint's own text when it refused to create the firm.
        decided_by: What the link rests on; ``None`` without a firm.
    """

    party_id: int
    name: str
    state: LinkState
    firm_id: str = ""
    message: str = ""
    words: str = ""
    decided_by: DecidedBy | None = None

    def hold(self, label: str) -> Hold | None:
        """Say why documents of this party cannot be posted; ``None`` when they can.

        Args:
            label: The document and the party, as the beginning of a sentence.
        """
        if self.state is LinkState.LINKED:
            return None
        return Hold(_REASONS[self.state][isinstance(self, VendorLink)], f"{label} {self.message}", self.words)


@dataclass(frozen=True)
class VendorAccounting:
    """A vendor's accounting data in the connection's company (vantagepoint.md section 3); an unset code is empty."""

    liability: str
    bank: str
    terms: str


@dataclass(frozen=True)
class VendorLink(FirmLink):
    """A vendor's firm.

    Attributes:
        vendor: Vendor code as Vantagepoint stores it; empty while the firm has none.
        accounting: ``None`` when it has none in the company, or nobody has looked yet.
    """

    vendor: str = ""
    accounting: VendorAccounting | None = None


@dataclass(frozen=True)
class FirmLinks:
    """The firms of a connection's customers and vendors, by ServiceTitan's ids.

    Attributes:
        customers: One that was merged away has its survivor's firm.
    """

    customers: Mapping[int, FirmLink] = field(default_factory=dict[int, FirmLink])
    vendors: Mapping[int, VendorLink] = field(default_factory=dict[int, VendorLink])
