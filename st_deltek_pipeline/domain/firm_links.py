"""Which firm each customer and vendor is in Vantagepoint: what alignment asks for. Finding it is ``firm_matching``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class LinkState(StrEnum):
    """How far the search for a party's firm has come; stored."""

    LINKED = "linked"
    AMBIGUOUS = "ambiguous"
    MISSING = "missing"


@dataclass(frozen=True)
class FirmLink:
    """A customer's or vendor's firm.

    Attributes:
        party_id: ServiceTitan's id of the customer or vendor.
        name: As ServiceTitan spells it.
        firm_id: ``ClientID`` of the firm; empty unless linked.
        message: Why it is not linked, in words, naming candidates; empty when linked.
    """

    party_id: int
    name: str
    state: LinkState
    firm_id: str = ""
    message: str = ""


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
        accounting: ``None`` when it has none in the company.
    """

    vendor: str = ""
    accounting: VendorAccounting | None = None


@dataclass(frozen=True)
class FirmLinks:
    """The firms of a connection's customers and vendors, by ServiceTitan's ids."""

    customers: Mapping[int, FirmLink] = field(default_factory=dict[int, FirmLink])
    vendors: Mapping[int, VendorLink] = field(default_factory=dict[int, VendorLink])
