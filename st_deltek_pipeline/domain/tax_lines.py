"""Sales tax as lines to code, of invoices and credit memos: one line, or one per authority and an explicit rounding.

How a tax is split is ``sales_tax``'s business.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from st_deltek_pipeline.domain.alignment import LineToCode
from st_deltek_pipeline.domain.coding import LineFacts, LineKind
from st_deltek_pipeline.domain.documents import DocumentKey
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.invoices import InvoiceLine
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.sales_tax import TaxSplit, TaxZone, split_sales_tax


def split_of(zone: TaxZone | None, lines: Sequence[InvoiceLine], sales_tax: Decimal) -> TaxSplit | None:
    """Split a document's sales tax by its zone's authorities.

    Args:
        zone: ``None`` when it is not known, or not to be split.
        lines: The document's items.
        sales_tax: As the document states it.

    Returns:
        ``None`` where the tax stays one line.
    """
    # A customer who is exempt pays nothing in any zone.
    return split_sales_tax(zone, lines, sales_tax) if zone is not None and sales_tax != ZERO else None


def tax_lines(
    split: TaxSplit | None, sales_tax: Decimal, taxable: Decimal, facts: LineFacts, required: tuple[str, ...]
) -> Iterable[LineToCode]:
    """Yield the lines of a document's sales tax; they sum to it exactly.

    Args:
        split: By authority; ``None`` for one line.
        sales_tax: As the document states it.
        taxable: What it was charged on, where it is not split.
        facts: Of the whole tax.
        required: The fields that rules must give each line.
    """
    if split is None:
        if sales_tax != ZERO:
            yield LineToCode(facts, sales_tax, "Sales tax", "tax", required, tax_basis=taxable)
    elif len(split.parts) == 1:
        (part,) = split.parts
        named = replace(facts, tax_name=part.rate.name)
        yield LineToCode(named, part.amount, "Sales tax", "tax", required, tax_basis=part.basis)
    else:
        for part in split.parts:
            if part.amount != ZERO:
                named, words = replace(facts, tax_name=part.rate.name), f"Sales tax {part.rate.name}".rstrip()
                yield LineToCode(
                    named, part.amount, words, part.item, required, stands_alone=True, tax_basis=part.basis
                )
        if split.rounding != ZERO:
            rounding = replace(facts, line=LineKind.TAX_ROUNDING)
            yield LineToCode(
                rounding, split.rounding, "Sales tax rounding", "tax_rounding", required, stands_alone=True
            )


def tax_hold(document: DocumentKey, zone: TaxZone | None, split: TaxSplit | None, sales_tax: Decimal) -> Hold | None:
    """Hold a document whose sales tax is to be split by authority and is not what the zone's rates give.

    Args:
        document: For the message.
        zone: Whose rates they are.
        split: From ``split_of``.
        sales_tax: As the document states it.
    """
    if zone is None or split is None or split.adds_up:
        return None
    computed = total(part.amount for part in split.parts)
    message = (
        f"{document}: the rates of tax zone {zone.name!r} ({', '.join(map(str, zone.rates))}) give {computed}, the "
        f"sales tax is {sales_tax}. More than one cent per rate is no rounding: the rates may have changed "
        f"since, or others were charged. With posting.tax_lines: by_zone the tax is one line."
    )
    return Hold(HoldReason.AMOUNTS_DO_NOT_ADD_UP, message)


def zone_named(zones: Mapping[int, TaxZone], name: str) -> TaxZone | None:
    """Find the zone that a document names only by its name, which is nobody else's.

    Args:
        zones: By id.
        name: As the document states it; may be empty.
    """
    wanted = name.strip().casefold()
    found = [zone for zone in zones.values() if zone.name.strip().casefold() == wanted]
    return found[0] if wanted and len(found) == 1 else None
