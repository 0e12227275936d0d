"""Buys what the month's work and the warehouse need: who orders what where, and what arrives and is billed when.

Rows are written in ``payables``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate
from random import Random

from st_deltek_pipeline.domain.money import CENT, ZERO, round_to_cents, total
from st_deltek_pipeline.sandbox.contractor.bill_rows import GOODS, BoughtLine, Extras, buy
from st_deltek_pipeline.sandbox.contractor.business_units import BUSINESS_UNITS, UNITS_BY_ID, BusinessUnit
from st_deltek_pipeline.sandbox.contractor.pricebook import Sku
from st_deltek_pipeline.sandbox.contractor.streams import chance, stream
from st_deltek_pipeline.sandbox.contractor.vendors import Standing, Supplies, Vendor
from st_deltek_pipeline.sandbox.contractor.working_days import days_of, is_business_day, spread
from st_deltek_pipeline.sandbox.contractor.world import Row


class Fate(StrEnum):
    """What becomes of a delivery's bill."""

    POSTED = "posted"
    EXPORTED = "exported"
    PENDING = "pending"
    CANCELED = "canceled"
    RETURNED = "returned"
    FREE = "free"
    UNBILLED = "unbilled"
    NOT_DELIVERED = "not delivered"


class BillTrouble(StrEnum):
    """Why a bill cannot be posted; the value is the key in ``World.awkward``.

    Attributes:
        SAME_VENDOR_NUMBER: The second of two bills with one vendor's number and date; the first is fine.
    """

    VENDOR_MISSING = "bill_vendor_missing"
    VENDOR_WITHOUT_ACCOUNTING = "bill_vendor_without_accounting"
    VENDOR_WITHOUT_FIRM = "bill_vendor_without_firm"
    VENDOR_WITH_TWO_FIRMS = "bill_vendor_with_two_firms"
    VENDOR_CUSTOMER_ONLY = "bill_vendor_customer_only"
    VENDOR_NAME_TOO_LONG = "bill_vendor_name_too_long"
    THREE_DECIMALS = "bill_three_decimals"
    NEGATIVE_QUANTITY = "bill_negative_quantity"
    LINES_DO_NOT_ADD_UP = "bill_lines_do_not_add_up"
    SAME_VENDOR_NUMBER = "bill_same_vendor_number"
    BUSINESS_UNIT_MISSING = "bill_business_unit_missing"
    ACCOUNTS_MISSING = "bill_accounts_missing"
    CLOSED_PERIOD = "bill_closed_period"


@dataclass(slots=True)
class Delivery:
    """One shipment of an order and its bill.

    Attributes:
        day: When it was received and billed. dated: The date on the vendor's invoice.
        vendor_number: The vendor's invoice number.
    """

    order: "Order"
    day: date
    dated: date
    lines: list[BoughtLine]
    extras: Extras
    vendor_number: str
    fate: Fate = Fate.POSTED
    trouble: BillTrouble | None = None


@dataclass(slots=True)
class Order:
    """A purchase order.

    Attributes:
        job: The job it is for; ``None`` for stock.
    """

    day: date
    vendor: Vendor
    unit: BusinessUnit
    job: Row | None
    deliveries: list[Delivery] = field(default_factory=list[Delivery])


_FATES = {
    Fate.EXPORTED: 30,
    Fate.PENDING: 20,
    Fate.CANCELED: 12,
    Fate.RETURNED: 15,
    Fate.FREE: 8,
    Fate.UNBILLED: 12,
    Fate.NOT_DELIVERED: 30,
}
_THOUSAND = 1000
_FEWEST = 3
_JOB_PERCENT = 62
_SPLIT_IN = 18
_ONE_DAY = timedelta(days=1)
_LINE_COUNTS = (1, 2, 3, 4, 5, 6)
_LINE_COUNTS_UP_TO = tuple(accumulate((16, 26, 25, 17, 10, 6)))
_STANDINGS = {
    BillTrouble.VENDOR_WITHOUT_ACCOUNTING: Standing.WITHOUT_ACCOUNTING,
    BillTrouble.VENDOR_WITHOUT_FIRM: Standing.WITHOUT_FIRM,
    BillTrouble.VENDOR_WITH_TWO_FIRMS: Standing.WITH_TWO_FIRMS,
    BillTrouble.VENDOR_CUSTOMER_ONLY: Standing.CUSTOMER_ONLY,
    BillTrouble.VENDOR_NAME_TOO_LONG: Standing.NAME_TOO_LONG,
}
_SOON = 5
_UNIT_COST = Decimal("0.0001")
_NUMBER_STYLES = ("INV-{:06d}", "{:08d}", "S{:07d}.001", "{}-01")


class Buyer:
    """Decides one month's purchases.

    Args:
        seed: The world's seed.
        first: First day of the month.
        closed_days: Public holidays.
        vendors: From whom to buy.
        jobs: What to buy for, besides the warehouse; all of open projects and known business units.
    """

    def __init__(
        self, seed: int, first: date, closed_days: frozenset[date], vendors: Sequence[Vendor], jobs: Sequence[Row]
    ) -> None:
        self._rng = stream(seed, "purchases")
        self._first = first
        self._days = days_of(first)
        self._closed_days = closed_days
        self._jobs = jobs
        self._vendors = {
            standing: [
                vendor
                for vendor in vendors
                if vendor.standing is standing and vendor.supplies is Supplies.GOODS and vendor.row["active"]
            ]
            for standing in Standing
        }
        self._vendor_number = 4_100

    def order(self, bills: int, *, troubled: int) -> list[Order]:
        """Order what a month needs.

        Args:
            bills: About how many bills to make; some orders are billed later or never.
            troubled: How many bills of each trouble on top; one of each within the first five business days.

        Returns:
            Orders by day.
        """
        rng = self._rng
        orders: list[Order] = []
        for day, count in zip(self._days, spread(bills, self._days, self._closed_days, rng), strict=True):
            made = 0
            while made < count:
                order = self._order(day)
                orders.append(order)
                made += len(order.deliveries)
        deliveries = [delivery for order in orders for delivery in order.deliveries]
        self._decide(deliveries)
        orders += self._troubled(deliveries, troubled)
        return sorted(orders, key=lambda order: order.day)

    def _order(self, day: date) -> Order:
        rng = self._rng
        job = rng.choice(self._jobs) if self._jobs and chance(rng, _JOB_PERCENT) else None
        unit = UNITS_BY_ID[job["businessUnitId"]] if job else rng.choice(BUSINESS_UNITS)
        order = Order(day, rng.choice(self._vendors[Standing.KNOWN]), unit, job)
        offered = GOODS[unit.trade, unit.line]
        count = min(len(offered), rng.choices(_LINE_COUNTS, cum_weights=_LINE_COUNTS_UP_TO)[0])
        goods = rng.sample(offered, count)
        lines = [_line(sku, job, rng) for sku in goods]
        parts = [lines]
        if len(lines) > 1 and rng.randrange(_SPLIT_IN) == 0:
            parts = [lines[:1], lines[1:]]
        arrives = day
        for part in parts:
            arrives = min(self._days[-1], arrives + _ONE_DAY * rng.randint(0, 3))
            self._deliver(order, part, arrives)
        return order

    def _deliver(self, order: Order, lines: list[BoughtLine], day: date) -> Delivery:
        rng = self._rng
        self._vendor_number += rng.randint(1, 9)
        style = _NUMBER_STYLES[order.vendor.vendor_id % len(_NUMBER_STYLES)]
        delivery = Delivery(
            order,
            day,
            max(self._first, day - _ONE_DAY * rng.randint(0, 3)),
            lines,
            _extras(lines, order.vendor, rng),
            style.format(self._vendor_number),
        )
        order.deliveries.append(delivery)
        return delivery

    def _decide(self, deliveries: list[Delivery]) -> None:
        fates = [
            fate for fate, part in _FATES.items() for _ in range(max(_FEWEST, len(deliveries) * part // _THOUSAND))
        ]
        for delivery, fate in zip(self._rng.sample(deliveries, min(len(deliveries), len(fates))), fates, strict=False):
            delivery.fate = fate
            if fate is Fate.FREE:
                delivery.lines = [buy(line.sku, line.quantity, ZERO) for line in delivery.lines]
                delivery.extras = Extras()

    def _troubled(self, deliveries: list[Delivery], troubled: int) -> list[Order]:
        business_days = [day for day in self._days if is_business_day(day, self._closed_days)]
        plain = sorted(
            (each for each in deliveries if each.fate is Fate.POSTED and len(each.order.deliveries) == 1),
            key=lambda delivery: delivery.day,
        )
        orders: list[Order] = []
        for place, trouble in enumerate(BillTrouble):
            for number in range(troubled):
                position = (
                    place % _SOON if number == 0 else _SOON + (place * 4 + number * 5) % (len(business_days) - _SOON)
                )
                orders.append(self._order_in_trouble(trouble, number, business_days[position], plain))
        return orders

    def _order_in_trouble(self, trouble: BillTrouble, number: int, day: date, plain: list[Delivery]) -> Order:
        order = self._order(day)
        while len(order.deliveries) > 1:
            order.deliveries.pop()
        delivery = order.deliveries[0]
        delivery.day, delivery.dated, delivery.trouble = day, day, trouble
        standing = _STANDINGS.get(trouble)
        if standing is not None:
            order.vendor = self._vendors[standing][number % len(self._vendors[standing])]
        if trouble is BillTrouble.SAME_VENDOR_NUMBER and plain:
            earlier = plain[number % len(plain)]
            order.vendor = earlier.order.vendor
            delivery.vendor_number, delivery.dated = earlier.vendor_number, earlier.dated
            delivery.day = order.day = max(day, earlier.day)
        elif trouble is BillTrouble.BUSINESS_UNIT_MISSING:
            order.job = None
        elif trouble is BillTrouble.NEGATIVE_QUANTITY:
            line = delivery.lines[0]
            delivery.lines[0] = buy(line.sku, -line.quantity, line.cost)
            delivery.extras = Extras()
        elif trouble is BillTrouble.CLOSED_PERIOD:
            delivery.dated = self._first - _ONE_DAY * (number + 2)
        return order


def _line(sku: Sku, job: Row | None, rng: Random) -> BoughtLine:
    quantity = sku.quantity(rng) * (1 if job else rng.randint(1, 4))
    cost = sku.cost * Decimal(rng.randint(94, 112)) / 100
    # Vendors quote some goods, pipe by the foot for example, to the hundredth of a cent.
    decimals = _UNIT_COST if sku.cost.as_tuple().exponent == _UNIT_COST.as_tuple().exponent else CENT
    return buy(sku, quantity, cost.quantize(decimals))


def _extras(lines: Sequence[BoughtLine], vendor: Vendor, rng: Random) -> Extras:
    goods = total(line.amount for line in lines)
    return Extras(
        tax=round_to_cents(goods * vendor.row["defaultTaxRate"]),
        shipping=Decimal(rng.randint(950, 18_500)).scaleb(-2) if chance(rng, 28) else ZERO,
        other=Decimal(rng.randint(300, 6_000)).scaleb(-2) if chance(rng, 6) else ZERO,
        landed=chance(rng, 30),
    )
