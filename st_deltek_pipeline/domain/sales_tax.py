"""Sales tax by authority: what each rate of a tax zone is of an invoice's sales tax, to the cent.

ServiceTitan states one sales tax per invoice, and its items say only whether they are taxable; what each authority
gets has to be computed from the zone's rates (servicetitan.md sections 3.1 and 3.4). The parts and an explicit
rounding always sum to the stated tax. Coding the parts is ``alignment``'s business.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from st_deltek_pipeline.domain.invoices import InvoiceLine
from st_deltek_pipeline.domain.money import CENT, ZERO, round_to_cents, total


class TaxBase(StrEnum):
    """What a rate is charged on, of the taxable items (servicetitan.md section 3.4)."""

    SUBTOTAL = "Subtotal"
    LABOR = "Labor"
    MATERIAL = "Material"


# Which item types a base means is not documented; a sum that differs from the stated tax is held.
_ITEM_TYPES: dict[TaxBase, frozenset[str]] = {
    TaxBase.LABOR: frozenset({"Service"}),
    TaxBase.MATERIAL: frozenset({"Material", "Equipment"}),
}


@dataclass(frozen=True)
class TaxRate:
    """One authority's rate in a tax zone.

    Attributes:
        name: What ServiceTitan calls it; empty when it does not say.
        rate: A fraction, above zero: 0.029 is 2.9 per cent.
    """

    name: str
    rate: Decimal
    bases: frozenset[TaxBase]

    def __str__(self) -> str:
        """Return name and percentage."""
        percent = (self.rate * 100).normalize()
        return f"{self.name or 'no name'} {percent:f}%"


@dataclass(frozen=True)
class TaxZone:
    """A tax zone that is active and whose rates are all known; rates of zero are left out."""

    zone_id: int
    name: str
    rates: tuple[TaxRate, ...]


@dataclass(frozen=True)
class TaxPart:
    """What one authority gets.

    Attributes:
        item: Tells the parts of an invoice apart, even where names repeat.
        basis: What it was computed on.
    """

    rate: TaxRate
    item: str
    amount: Decimal
    basis: Decimal


@dataclass(frozen=True)
class TaxSplit:
    """An invoice's sales tax by authority.

    Attributes:
        parts: In the zone's order.
        rounding: What the parts leave of the stated tax, of any sign.
    """

    parts: tuple[TaxPart, ...]
    rounding: Decimal

    @property
    def adds_up(self) -> bool:
        """Whether the rounding is at most one cent per part; more means that other rates were charged."""
        return abs(self.rounding) <= CENT * len(self.parts)


def split_sales_tax(zone: TaxZone, lines: Iterable[InvoiceLine], sales_tax: Decimal) -> TaxSplit:
    """Compute what each authority of a zone gets.

    Args:
        zone: The invoice's zone, with at least one rate.
        lines: The invoice's items.
        sales_tax: As the invoice states it, in whole cents. A zone with a single rate gets all of it.

    Returns:
        Parts and rounding, which sum to the sales tax exactly.
    """
    taxable = [line for line in lines if line.taxable]
    found: list[TaxPart] = []
    for rate, item in zip(zone.rates, _items(zone.rates), strict=True):
        basis = total(line.total for line in taxable if _is_charged_on(rate, line))
        found.append(TaxPart(rate, item, round_to_cents(basis * rate.rate), basis))
    if len(found) == 1:
        return TaxSplit((TaxPart(found[0].rate, found[0].item, sales_tax, found[0].basis),), ZERO)
    return TaxSplit(tuple(found), sales_tax - total(part.amount for part in found))


def _is_charged_on(rate: TaxRate, line: InvoiceLine) -> bool:
    return TaxBase.SUBTOTAL in rate.bases or any(line.item_type in _ITEM_TYPES[base] for base in rate.bases)


def _items(rates: Sequence[TaxRate]) -> list[str]:
    """Name each rate's line by the rate, so that a zone whose rates change their order stays the same."""
    counts: dict[str, int] = {}
    found: list[str] = []
    for rate in rates:
        counts[rate.name] = counts.get(rate.name, 0) + 1
        repeated = f" ({counts[rate.name]})" if counts[rate.name] > 1 else ""
        found.append(f"tax {rate.name}{repeated}")
    return found
