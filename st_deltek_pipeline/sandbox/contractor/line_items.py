"""The lines of an invoice: what is sold, priced and extended, and the item rows that show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from st_deltek_pipeline.domain.money import ZERO, round_to_cents
from st_deltek_pipeline.sandbox.contractor.business_units import BusinessUnit
from st_deltek_pipeline.sandbox.contractor.ledger_accounts import item_account
from st_deltek_pipeline.sandbox.contractor.pricebook import (
    AGREEMENT,
    BY_WORK,
    DISCOUNTS,
    FOLLOWERS,
    LINE_COUNTS,
    LINE_COUNTS_UP_TO,
    OPENERS,
    PROGRESS,
    RETAINAGE,
    Kind,
    Sku,
)
from st_deltek_pipeline.sandbox.contractor.streams import chance
from st_deltek_pipeline.sandbox.contractor.world import Row

_ONE = Decimal(1)
_SMALLEST_DISCOUNTED = Decimal(300)


@dataclass(slots=True)
class SoldLine:
    """One line: price per unit and extended total, the latter in whole cents."""

    sku: Sku
    quantity: Decimal
    price: Decimal
    total: Decimal


def sell(sku: Sku, quantity: Decimal, price: Decimal | None = None) -> SoldLine:
    """Extend one line: quantity times price, rounded half away from zero to the cent."""
    unit_price = sku.price if price is None else price
    return SoldLine(sku, quantity, unit_price, round_to_cents(quantity * unit_price))


def visit(unit: BusinessUnit, rng: Random) -> list[SoldLine]:
    """Sell what a visit sells: a service, then what else is needed, sometimes a discount; one to eight lines."""
    work = (unit.trade, unit.line)
    count = rng.choices(LINE_COUNTS, cum_weights=LINE_COUNTS_UP_TO)[0]
    opener = rng.choice(OPENERS[work])
    lines = [sell(opener, opener.quantity(rng))]
    if not lines[0].total:
        count = max(count, 2)
    discounted = count > 1 and chance(rng, 14)
    followers = FOLLOWERS[work]
    for _ in range(count - 1 - discounted):
        sku = rng.choice(followers)
        lines.append(sell(sku, sku.quantity(rng)))
    if not any(line.total for line in lines):
        sku = BY_WORK[work][0]
        lines.append(sell(sku, _ONE))
    above = sum((line.total for line in lines), start=ZERO)
    if discounted and above >= _SMALLEST_DISCOUNTED:
        lines.append(_discount(rng.choice(DISCOUNTS), above))
    return lines


def _discount(sku: Sku, above: Decimal) -> SoldLine:
    if sku.percent is None:
        return sell(sku, _ONE)
    return sell(sku, _ONE, -round_to_cents(above * sku.percent))


def progress(unit: BusinessUnit, rng: Random) -> list[SoldLine]:
    """Bill a part of a contract, mostly less retainage."""
    amount = Decimal(rng.randint(180_000, 3_200_000)) / 100
    lines = [sell(PROGRESS[unit.trade], _ONE, amount)]
    if chance(rng, 60):
        lines.append(_discount(RETAINAGE, amount))
    return lines


def agreement(unit: BusinessUnit) -> list[SoldLine]:
    """Sell a maintenance agreement."""
    return [sell(AGREEMENT[unit.trade], _ONE)]


def over_the_counter(unit: BusinessUnit, rng: Random) -> list[SoldLine]:
    """Sell materials without a visit."""
    goods = [sku for sku in BY_WORK[unit.trade, unit.line] if sku.kind in (Kind.MATERIAL, Kind.EQUIPMENT)]
    return [sell(sku, sku.quantity(rng)) for sku in rng.sample(goods, rng.randint(1, 3))]


class ItemRows:
    """Writes item rows.

    Reference objects (accounts, business units) are shared between rows: replace them, never change them.

    Args:
        first_id: The id of the first item.
    """

    def __init__(self, first_id: int) -> None:
        self._next_id = first_id
        self._templates: dict[int, Row] = {}
        self._accounts: dict[str, Row] = {}

    def write(
        self,
        lines: Sequence[SoldLine],
        *,
        unit: Row | None,
        instant: str,
        service_date: str | None,
        technician_id: int | None,
        rng: Random,
    ) -> list[Row]:
        """Write the item rows of one invoice.

        Args:
            lines: What was sold.
            unit: The business unit as items show it.
            instant: When the items were entered.
            service_date: When the work was done.
            technician_id: Who sold and did it.
            rng: Decides which optional fields are null.

        Returns:
            One row per line, in order.
        """
        rows = [self._row(line, order, instant) for order, line in enumerate(lines, start=1)]
        for row in rows:
            row["serviceDate"] = service_date
            row["technicianId"] = technician_id
            chosen = rng.random()
            if chosen < 0.9:  # noqa: PLR2004 - one line in ten names no business unit of its own
                row["businessUnit"] = unit
            elif chosen < 0.92:  # noqa: PLR2004 - and a few have lost their account
                row["generalLedgerAccount"] = None
        return rows

    def _row(self, line: SoldLine, order: int, instant: str) -> Row:
        sku = line.sku
        self._next_id += 1 + order
        row = (self._templates.get(sku.sku_id) or self._template(sku)).copy()
        row["id"] = self._next_id
        row["quantity"] = str(line.quantity)
        row["totalCost"] = str(round_to_cents(line.quantity * sku.cost))
        row["price"] = str(line.price)
        row["total"] = str(line.total)
        row["createdOn"] = row["modifiedOn"] = instant
        row["order"] = order
        return row

    def _template(self, sku: Sku) -> Row:
        hvac = sku.income is None or sku.income in {"4010", "4020", "4030", "4040", "4050", "4200"}
        goods = sku.kind in (Kind.MATERIAL, Kind.EQUIPMENT)
        row: Row = {
            "id": 0,
            "description": sku.name,
            "quantity": "0",
            "cost": str(sku.cost),
            "totalCost": "0.00",
            "budgetCodeId": None,
            "inventoryLocationId": None,
            "inventoryLocation": "Truck" if goods else None,
            "price": "0.00",
            "type": sku.kind.value,
            "skuName": sku.code,
            "skuId": sku.sku_id,
            "total": "0.00",
            "inventory": goods,
            "taxable": sku.taxable,
            "isChargeable": sku.code != "INCL-MISC",
            "generalLedgerAccount": self._account(sku.income) if sku.income else None,
            "costOfSaleAccount": self._account("5010" if hvac else "5110") if goods else None,
            "assetAccount": self._account("1310") if goods else None,
            "membershipTypeId": 0,
            "itemGroup": None,
            "displayName": sku.name,
            "soldHours": Decimal("1.5") if sku.kind is Kind.SERVICE else None,
            "createdOn": "",
            "modifiedOn": "",
            "serviceDate": None,
            "order": 0,
            "businessUnit": None,
            "createdById": 70121,
            "displayInAmount": None,
            "importId": None,
            "exportId": None,
            "inventoryStatus": None,
            "addOn": False,
            "memberPrice": None,
            "technicianId": None,
            "installedEquipmentId": None,
            "estimateItemId": None,
        }
        self._templates[sku.sku_id] = row
        return row

    def _account(self, number: str) -> Row:
        if number not in self._accounts:
            self._accounts[number] = item_account(number)
        return self._accounts[number]
