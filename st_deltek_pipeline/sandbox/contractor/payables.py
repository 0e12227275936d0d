"""Everything vendors deliver and bill in a month: writes orders, receipts, bills and credits as ServiceTitan's rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from st_deltek_pipeline.sandbox.contractor.ap_credits import ApCredits
from st_deltek_pipeline.sandbox.contractor.bill_rows import (
    BillHeader,
    BillRows,
    add_to_order,
    bill_rows,
    expense_bill,
    order_row,
    receipt_row,
)
from st_deltek_pipeline.sandbox.contractor.purchasing import BillTrouble, Buyer, Delivery, Fate, Order
from st_deltek_pipeline.sandbox.contractor.staff import Staff
from st_deltek_pipeline.sandbox.contractor.streams import chance, stream
from st_deltek_pipeline.sandbox.contractor.taxes import TAX_ZONES
from st_deltek_pipeline.sandbox.contractor.vendors import Standing, Supplies, Vendor
from st_deltek_pipeline.sandbox.contractor.working_days import (
    days_of,
    next_business_day,
    servicetitan_instant,
)
from st_deltek_pipeline.sandbox.contractor.world import Row, World

FIRST_ORDER_ID = 88_000_000
FIRST_RECEIPT_ID = 89_000_000
FIRST_BILL_ID = 90_000_000
FIRST_BILL_ITEM_ID = 620_000_000
ITEMS_PER_BILL = 20
FIRST_BILL_BATCH_ID = 9_800_000_000

# Five bills for twelve invoices are 2,500 in a month of 120 field staff.
_BILLS_PER_INVOICES = (5, 12)
_FEWEST_BILLS = 30
_EXPENSES_IN = 30
_DAY_BEGINS = 15 * 3600
_DAY_LASTS = 8 * 3600
_POSTED_AT = 14 * 3600 + 1260
_EXPORTED_AT = 20 * 3600 + 660
_CANCELED_AT = 17 * 3600
_ROWS_PER_TICK = 5
_TICKS = 5_010_001
_WRONG_BY = Decimal("10.00")
_ONE_DAY = timedelta(days=1)
_READY = ("Posted", "Exported")

_OVERHEADS = (
    ("Fleet fuel", "6310"),
    ("Shop rent", "6210"),
    ("Blades, bits and gloves", "6320"),
    ("Paper, toner and coffee", "6410"),
)


@dataclass(slots=True)
class _Expense:
    """A bill without an order."""

    day: date
    vendor: Vendor
    unit: Row
    job: Row | None
    lines: list[tuple[str, str, Decimal]]


def purchase(
    world: World, first: date, *, closed_days: frozenset[date], vendors: Sequence[Vendor], staff: Staff, troubled: int
) -> None:
    """Make a month's purchase orders, receipts, bills and vendor credits.

    Args:
        world: Its invoices, jobs and business units are there; only the tables of purchasing and ``awkward``
            are filled.
        first: First day of the month.
        closed_days: Public holidays.
        vendors: From whom to buy; their rows are in the world already.
        staff: Who works in the office.
        troubled: How many bills of each trouble; 0 in the clean scenario.
    """
    tenant = world.servicetitan
    awkward = {key for ids in world.awkward.values() for key in ids}
    jobs = [
        tenant.jobs[row["job"]["id"]]
        for row in tenant.invoices.values()
        if row["job"] and row["active"] and row["syncStatus"] in _READY and row["id"] not in awkward
    ]
    parts, whole = _BILLS_PER_INVOICES
    bills = max(_FEWEST_BILLS, len(tenant.invoices) * parts // whole)
    orders = Buyer(world.seed, first, closed_days, vendors, jobs).order(bills, troubled=troubled)
    writer = _Writer(world, closed_days, staff)
    writer.write_orders(orders)
    expenses = _expenses(world, first, vendors, jobs, max(4, bills // _EXPENSES_IN))
    deliveries = [delivery for order in orders for delivery in order.deliveries]
    writer.write_bills([*deliveries, *expenses])
    credits_got = ApCredits(world.seed, first, closed_days)
    credits_got.take(
        [
            (tenant.inventory_bills[writer.bill_ids[id(each)]], each.day)
            for each in deliveries
            if each.fate is Fate.RETURNED
        ],
        troubled=troubled,
    )
    tenant.ap_credits = credits_got.rows
    world.awkward.update(credits_got.awkward)


def _expenses(world: World, first: date, vendors: Sequence[Vendor], jobs: Sequence[Row], count: int) -> list[_Expense]:
    rng = stream(world.seed, "expenses")
    days = days_of(first)
    sellers = [
        vendor
        for vendor in vendors
        if vendor.standing is Standing.KNOWN and vendor.supplies is Supplies.SERVICES and vendor.row["active"]
    ]
    units = [row for row in world.servicetitan.business_units.values() if row["accountCode"]]
    made: list[_Expense] = []
    for _ in range(count):
        job = rng.choice(jobs) if jobs and chance(rng, 50) else None
        unit = world.servicetitan.business_units[job["businessUnitId"]] if job else rng.choice(units)
        amount = Decimal(rng.randint(4_500, 480_000)).scaleb(-2)
        lines = [("Subcontracted work", "5210", amount)] if job else [(*rng.choice(_OVERHEADS), amount)]
        if chance(rng, 30):
            lines.append((*_OVERHEADS[2], Decimal(rng.randint(900, 9_900)).scaleb(-2)))
        reference = {"id": unit["id"], "name": unit["name"]}
        made.append(_Expense(rng.choice(days), rng.choice(sellers), reference, job, lines))
    return made


class _Writer:
    def __init__(self, world: World, closed_days: frozenset[date], staff: Staff) -> None:
        self._rng = stream(world.seed, "bill rows")
        self._tenant = world.servicetitan
        self._awkward = world.awkward
        for trouble in BillTrouble:
            self._awkward[trouble.value] = []
        self._closed_days = closed_days
        self._staff = staff
        self._orders: dict[int, Row] = {}
        self._receipt_id = FIRST_RECEIPT_ID
        self._bill_id = FIRST_BILL_ID
        self._item_id = FIRST_BILL_ITEM_ID
        self._number = 20_400
        self._job_orders: dict[int, int] = {}
        self._units = {key: {"id": key, "name": row["name"]} for key, row in self._tenant.business_units.items()}
        self.bill_ids: dict[int, int] = {}

    def write_orders(self, orders: Sequence[Order]) -> None:
        order_id = FIRST_ORDER_ID
        for order in orders:
            order_id += self._rng.randint(1, 5)
            row = order_row(
                order_id,
                self._order_number(order.job),
                order.vendor.vendor_id,
                unit_id=order.unit.unit_id,
                job=order.job,
                day=order.day,
            )
            for delivery in order.deliveries:
                received = delivery.fate not in (Fate.NOT_DELIVERED, Fate.CANCELED)
                self._item_id += ITEMS_PER_BILL
                add_to_order(row, delivery.lines, delivery.extras, self._item_id, received=received)
            row["status"] = _order_status(order)
            self._tenant.purchase_orders[order_id] = row
            self._orders[id(order)] = row

    def _order_number(self, job: Row | None) -> str:
        self._number += 1
        if job is None:
            return f"S-{self._number}"
        count = self._job_orders[job["id"]] = self._job_orders.get(job["id"], 0) + 1
        return f"{job['jobNumber']}-{count:03d}"

    def write_bills(self, documents: Sequence[Delivery | _Expense]) -> None:
        for day, some in _by_day(documents):
            for place, document in enumerate(some):
                second = _DAY_BEGINS + place * _DAY_LASTS // len(some)
                created = servicetitan_instant(day, second, self._rng.randrange(1, 10_000_000))
                self._bill_id += self._rng.randint(1, 6)
                self._item_id += ITEMS_PER_BILL
                if isinstance(document, _Expense):
                    self._write_expense(document, created, place)
                elif document.fate is not Fate.NOT_DELIVERED:
                    self._write_delivery(document, created, place)

    def _write_expense(self, expense: _Expense, created: str, place: int) -> None:
        header = BillHeader(
            self._bill_id,
            None,
            f"B-{self._bill_id - FIRST_BILL_ID:05d}",
            f"X{self._bill_id % 1_000_000:06d}",
            expense.vendor.reference,
            expense.unit,
            (expense.job["id"], expense.job["jobNumber"]) if expense.job else None,
            expense.vendor.term,
            expense.day,
            created,
            self._rng.choice(self._staff.office).name,
        )
        row = expense_bill(header, expense.lines, self._item_id)
        self._tenant.ap_bills[self._bill_id] = row
        self._post(row, expense.day, place, exported=False)

    def _write_delivery(self, delivery: Delivery, created: str, place: int) -> None:
        order, ordered = delivery.order, self._orders[id(delivery.order)]
        position = order.deliveries.index(delivery) + 1
        zone = self._rng.choice(TAX_ZONES) if delivery.extras.tax and chance(self._rng, 40) else None
        header = BillHeader(
            self._bill_id,
            ordered,
            f"{ordered['number']}-{position:02d}",
            delivery.vendor_number,
            order.vendor.reference,
            self._units[order.unit.unit_id],
            (order.job["id"], order.job["jobNumber"]) if order.job else None,
            order.vendor.term,
            delivery.dated,
            created,
            self._rng.choice(self._staff.office).name,
            {"id": zone.zone_id, "name": zone.name} if zone else None,
            "Replaced under warranty" if delivery.fate is Fate.FREE else None,
        )
        rows = bill_rows(header, delivery.lines, delivery.extras, self._item_id)
        self._receipt_id += self._rng.randint(1, 4)
        receipt = receipt_row(self._receipt_id, ordered, delivery.lines, delivery.extras, rows.inventory)
        for item, told in zip(rows.payable["items"], rows.inventory["items"], strict=True):
            item["receiptItemId"] = told["receiptItemId"]
        self._tenant.receipts[self._receipt_id] = receipt
        ordered["receivedOn"] = ordered["modifiedOn"] = created
        ordered["vendorDocumentNumber"] = delivery.vendor_number
        if delivery.fate is Fate.UNBILLED:
            receipt["billId"] = None
            return
        self._tenant.inventory_bills[self._bill_id] = rows.inventory
        self._tenant.ap_bills[self._bill_id] = rows.payable
        self.bill_ids[id(delivery)] = self._bill_id
        self._settle(delivery, rows, receipt, place)
        if delivery.trouble is not None:
            spoil(rows, delivery.trouble)
            self._awkward[delivery.trouble.value].append(self._bill_id)

    def _settle(self, delivery: Delivery, rows: BillRows, receipt: Row, place: int) -> None:
        if delivery.fate is Fate.CANCELED:
            self._cancel(delivery, rows, receipt)
        elif delivery.fate is Fate.PENDING:
            rows.payable["status"] = "Unreconciled"
        else:
            receipt["syncStatus"] = "Posted"
            for row in (rows.inventory, rows.payable):
                self._post(row, delivery.day, place, exported=delivery.fate is Fate.EXPORTED)

    def _cancel(self, delivery: Delivery, rows: BillRows, receipt: Row) -> None:
        by = self._rng.choice(self._staff.office)
        canceled = servicetitan_instant(delivery.day + _ONE_DAY, _CANCELED_AT, self._bill_id % 1000 * 17)
        receipt["active"] = False
        rows.inventory["active"] = False
        rows.payable["status"] = "Canceled"
        rows.payable["dateCanceled"] = canceled
        rows.payable["canceledBy"] = {"id": by.employee_id, "name": by.name}
        for row in (rows.inventory, rows.payable, receipt):
            row["modifiedOn"] = canceled

    def _post(self, row: Row, day: date, place: int, *, exported: bool) -> None:
        posted_on = next_business_day(day, self._closed_days)
        instant = servicetitan_instant(
            posted_on, _EXPORTED_AT if exported else _POSTED_AT, _TICKS + place // _ROWS_PER_TICK * 3
        )
        row["syncStatus"] = "Exported" if exported else "Posted"
        row["postDate"] = servicetitan_instant(posted_on, 0)
        row["modifiedOn"] = row["dateReconciled"] = instant
        row["batch"] = {
            "id": FIRST_BILL_BATCH_ID + day.toordinal(),
            "number": str(day.toordinal() % 100_000),
            "name": f"{day.isoformat()} AP",
        }


def _by_day(documents: Sequence[Delivery | _Expense]) -> Iterator[tuple[date, list[Delivery | _Expense]]]:
    days: dict[date, list[Delivery | _Expense]] = {}
    for document in documents:
        days.setdefault(document.day, []).append(document)
    for day in sorted(days):
        yield day, days[day]


def _order_status(order: Order) -> str:
    fates = {delivery.fate for delivery in order.deliveries}
    if fates == {Fate.NOT_DELIVERED}:
        return "Sent"
    if Fate.CANCELED in fates:
        # Cancelling a bill returns its order to Pending (servicetitan.md section 3.3).
        return "Pending"
    return "PartiallyReceived" if Fate.NOT_DELIVERED in fates else "Received"


def spoil(rows: BillRows, trouble: BillTrouble) -> None:
    """Change a troubled bill's rows into what nobody can post.

    Args:
        rows: Both rows of the bill; they are changed.
        trouble: How to spoil them; troubles of the vendor or the lines were made before.
    """
    for row in (rows.inventory, rows.payable):
        if trouble is BillTrouble.VENDOR_MISSING:
            row["vendor"] = None
        elif trouble is BillTrouble.THREE_DECIMALS:
            row["billAmount"] += "5"
        elif trouble is BillTrouble.LINES_DO_NOT_ADD_UP:
            row["billAmount"] = str(Decimal(row["billAmount"]) + _WRONG_BY)
        elif trouble is BillTrouble.BUSINESS_UNIT_MISSING:
            row["businessUnit"] = None
        elif trouble is BillTrouble.ACCOUNTS_MISSING:
            for item in row["items"]:
                item["generalLedgerAccount"] = item["costOfSaleAccount"] = item["assetAccount"] = None
