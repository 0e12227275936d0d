"""What a user of ServiceTitan adds later: one more invoice.

It is only made here; the sandbox's server stores it, moves ``modifiedOn``, and edits and voids invoices.
"""

from datetime import date
from decimal import Decimal
from random import Random

from st_deltek_pipeline.sandbox.contractor.business_units import UNITS_BY_ID
from st_deltek_pipeline.sandbox.contractor.invoice_rows import set_totals, totals_of
from st_deltek_pipeline.sandbox.contractor.line_items import ItemRows, sell, visit
from st_deltek_pipeline.sandbox.contractor.pricebook import OPENERS
from st_deltek_pipeline.sandbox.contractor.working_days import servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row, World

_NOON_IN_DENVER = 18 * 3600
_TRIES = 200
_ITEMS_PER_INVOICE = 100
_NUMBER_DIGITS = 6


def new_invoice(
    world: World,
    day: date,
    *,
    total: Decimal | None = None,
    business_unit_id: int | None = None,
    customer_id: int | None = None,
    rng: Random,
) -> Row:
    """Make one more posted invoice that can be posted in Vantagepoint. It is not added to the world.

    It takes customer, location, business unit and job from an invoice of the month that fits what is asked
    for, so that everything it names exists; its lines are new.

    Args:
        world: The contractor; the new id and number follow its highest ones, so store the row before the next call.
        day: The invoice's date; it is created and modified at noon in Denver of that day.
        total: Exactly this total, on one untaxed line; ``None`` sells what a usual visit sells.
        business_unit_id: Only this business unit; ``None`` takes any.
        customer_id: Only this customer; ``None`` takes any.
        rng: Decides everything else.

    Returns:
        An export row of an invoice.

    Raises:
        ValueError: No invoice of the month has that business unit and customer.
    """
    model = _model(world, rng, business_unit_id=business_unit_id, customer_id=customer_id)
    unit = UNITS_BY_ID[model["businessUnit"]["id"]]
    invoice = dict(model)
    invoice["id"] = max(world.servicetitan.invoices) + 1
    invoice["referenceNumber"] = _next_number(world)
    instant = servicetitan_instant(day, _NOON_IN_DENVER)
    invoice["createdOn"] = invoice["modifiedOn"] = instant
    invoice["invoiceDate"] = invoice["dueDate"] = servicetitan_instant(day, 0)
    invoice["summary"] = None
    invoice["paidOn"] = invoice["depositedOn"] = invoice["exportId"] = invoice["batch"] = None
    invoice["syncStatus"] = "Posted"
    lines = visit(unit, rng) if total is None else [sell(OPENERS[unit.trade, unit.line][0], Decimal(1), total)]
    set_totals(invoice, totals_of(lines, _rate(world, invoice)))
    # Items of the month were numbered in fives at most per line, so this range is above all of them.
    items = ItemRows(invoice["id"] * _ITEMS_PER_INVOICE)
    invoice["items"] = items.write(
        lines, unit=invoice["businessUnit"], instant=instant, service_date=instant, technician_id=None, rng=rng
    )
    return invoice


def _rate(world: World, invoice: Row) -> Decimal:
    zone = world.servicetitan.tax_zones.get(invoice["taxZoneId"])
    if zone is None:
        return Decimal(0)
    rates: list[Row] = zone["rates"]
    return sum((rate["taxRate"] for rate in rates), start=Decimal(0))


def _next_number(world: World) -> str:
    numbers = (str(row["referenceNumber"])[:_NUMBER_DIGITS] for row in world.servicetitan.invoices.values())
    return str(max((int(number) for number in numbers if number.isdecimal()), default=104_000) + 1)


def _model(world: World, rng: Random, *, business_unit_id: int | None, customer_id: int | None) -> Row:
    troubled = {invoice_id for ids in world.awkward.values() for invoice_id in ids}

    def fits(row: Row) -> bool:
        return (
            row["id"] not in troubled
            and row["active"]
            and row["syncStatus"] in ("Posted", "Exported")
            and row["adjustmentToId"] is None
            and bool(row["items"])
            and row["businessUnit"] is not None
            and (business_unit_id is None or row["businessUnit"]["id"] == business_unit_id)
            and (customer_id is None or row["customer"]["id"] == customer_id)
        )

    rows = list(world.servicetitan.invoices.values())
    for _ in range(_TRIES):
        row = rng.choice(rows)
        if fits(row):
            return row
    fitting = [row for row in rows if fits(row)]
    if not fitting:
        message = (
            f"no invoice of {world.month} that can be posted has business unit {business_unit_id} "
            f"and customer {customer_id}; choose ids of an invoice that does"
        )
        raise ValueError(message)
    return rng.choice(fitting)
