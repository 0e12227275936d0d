"""Does the month's work: turns each slot of the plan into an invoice and the job behind it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate

from st_deltek_pipeline.sandbox.contractor.business_units import (
    BUSINESS_UNITS,
    UNMAPPED_UNIT,
    BusinessUnit,
    Line,
    Segment,
)
from st_deltek_pipeline.sandbox.contractor.contract_work import Contract
from st_deltek_pipeline.sandbox.contractor.customers import Clientele, Customer, Place
from st_deltek_pipeline.sandbox.contractor.invoice_rows import Totals, blank_invoice, set_totals, totals_of
from st_deltek_pipeline.sandbox.contractor.job_rows import job_row
from st_deltek_pipeline.sandbox.contractor.line_items import (
    ItemRows,
    SoldLine,
    agreement,
    over_the_counter,
    progress,
    sell,
    visit,
)
from st_deltek_pipeline.sandbox.contractor.month_plan import Slot, State, Trouble, Work
from st_deltek_pipeline.sandbox.contractor.people import UNUSUAL_COMMERCIAL, UNUSUAL_RESIDENTIAL
from st_deltek_pipeline.sandbox.contractor.staff import Employee, Staff
from st_deltek_pipeline.sandbox.contractor.streams import chance, stream
from st_deltek_pipeline.sandbox.contractor.taxes import TAX_ZONES, TaxZone, invoice_tax_code
from st_deltek_pipeline.sandbox.contractor.working_days import (
    last_business_days,
    next_business_day,
    servicetitan_instant,
)
from st_deltek_pipeline.sandbox.contractor.world import Row

FIRST_INVOICE_ID = 77_000_000
FIRST_ITEM_ID = 500_000_000
_FIRST_JOB_ID = 81_000_000
_FIRST_APPOINTMENT_ID = 83_000_000

# UTC seconds: crews work from about seven to five in Denver; the office posts batches at eight.
_DAY_BEGINS = 13 * 3600
_DAY_LASTS = 10 * 3600
_OFFICE_POSTS = 14 * 3600 + 240
_OFFICE_EXPORTS = 20 * 3600

# Seven rows share one instant, the next seven come 300 nanoseconds later: a batch is one statement.
_ROWS_PER_TICK = 7
_TICKS_APART = 3
_BATCH_TICKS = 1_230_001

_CONFIGURATIONS = {
    Work.PROJECT: "ProjectInvoice",
    Work.MEMBERSHIP: "MembershipInvoice",
    Work.COUNTER: "CounterSales",
}
_REVIEWS = (("Reviewed", 78), ("Invoiced", 9), ("ReadyForBilling", 5), ("NeedsReview", 5), ("OnHold", 1),
            ("PendingApproval", 1), ("Rejected", 1))  # fmt: skip
_REVIEW_NAMES = [name for name, _ in _REVIEWS]
_REVIEWS_UP_TO = list(accumulate(weight for _, weight in _REVIEWS))
_SUMMARIES = (
    "Completed as described.<br/>Tested and running.", "Customer approved extra work by phone.", "Parts under warranty.",
    "Return visit recommended before winter.", "", "Left site clean; photos attached.", None,
)  # fmt: skip
_CLOSED_DAYS = 3
_WRONG_BY = Decimal("10.00")


@dataclass
class MonthOfWork:
    """What a month produced: rows by id, in creation order, and which invoices are awkward on purpose."""

    invoices: dict[int, Row] = field(default_factory=dict[int, Row])
    jobs: dict[int, Row] = field(default_factory=dict[int, Row])
    awkward: dict[str, list[int]] = field(default_factory=lambda: {trouble.value: [] for trouble in Trouble})


@dataclass(frozen=True, slots=True)
class _Moments:
    """When a document was created, posted in its day's batch, and exported, if it came that far."""

    created: str
    posted: str
    exported: str
    batch: Row


@dataclass(slots=True)
class _Origin:
    """An invoice that may be adjusted later."""

    row: Row
    lines: list[SoldLine]
    zone: TaxZone
    adjustments: int = 0


@dataclass(slots=True)
class _Assignment:
    """Who is served where by which unit, and for which contract."""

    unit: BusinessUnit
    customer: Customer
    place: Place
    contract: Contract | None = None


class Biller:
    """Makes one month's invoices and jobs.

    Args:
        seed: The world's seed.
        first: First day of the month.
        closed_days: Public holidays.
        clientele: Who is served.
        contracts: Commercial projects, inactive ones included.
        staff: Who serves them.
    """

    def __init__(
        self,
        seed: int,
        first: date,
        *,
        closed_days: frozenset[date],
        clientele: Clientele,
        contracts: Sequence[Contract],
        staff: Staff,
    ) -> None:
        self._rng = stream(seed, "invoices")
        self._closed_days = closed_days
        self._clientele = clientele
        self._staff = staff
        self._first = first
        self._open_contracts = [contract for contract in contracts if contract.open]
        self._closed_contracts = [contract for contract in contracts if not contract.open]
        self._late_days = last_business_days(first, closed_days, _CLOSED_DAYS)
        self._items = ItemRows(FIRST_ITEM_ID)
        self._unit_references: dict[int, Row] = {
            unit.unit_id: {"id": unit.unit_id, "name": unit.name} for unit in (*BUSINESS_UNITS, UNMAPPED_UNIT)
        }
        self._tax_codes = {zone.zone_id: invoice_tax_code(zone) for zone in TAX_ZONES}
        self._units = list(BUSINESS_UNITS)
        self._shares_up_to = list(accumulate(unit.share for unit in BUSINESS_UNITS))
        # Served early, so that a small month has them too.
        merged = [customer for customer in clientele.residential if customer.merged_into is not None]
        self._waiting = {
            Segment.RESIDENTIAL: [*clientele.residential[: len(UNUSUAL_RESIDENTIAL)], *merged[::2]][::-1],
            Segment.COMMERCIAL: clientele.commercial[: len(UNUSUAL_COMMERCIAL)][::-1],
        }
        self._number = 104_000 + self._rng.randrange(500)
        self._invoice_id = FIRST_INVOICE_ID + self._rng.randrange(1000)
        self._job_id = _FIRST_JOB_ID + self._rng.randrange(1000)
        self._appointment_id = _FIRST_APPOINTMENT_ID
        self._origins: list[_Origin] = []
        self._troubles: dict[Trouble, int] = dict.fromkeys(Trouble, 0)
        self._made = MonthOfWork()

    def work(self, slots: Sequence[Slot]) -> MonthOfWork:
        """Do the work of every slot, in order.

        Args:
            slots: The plan, by day.

        Returns:
            All invoices and jobs.
        """
        start = 0
        while start < len(slots):
            end = start
            while end < len(slots) and slots[end].day == slots[start].day:
                end += 1
            self._day(slots[start:end])
            start = end
        return self._made

    def _day(self, slots: Sequence[Slot]) -> None:
        day = slots[0].day
        posts_on = next_business_day(day, self._closed_days)
        batch = {
            "id": 9_000_000 + day.toordinal(),
            "number": str(day.toordinal() % 100_000),
            "name": f"{day.isoformat()} AR",
        }
        step = max(1, _DAY_LASTS // len(slots))
        for place, slot in enumerate(slots):
            second = _DAY_BEGINS + place * _DAY_LASTS // len(slots) + self._rng.randrange(step)
            created = servicetitan_instant(day, second, self._rng.randrange(1, 10_000_000))
            ticks = _BATCH_TICKS + place // _ROWS_PER_TICK * _TICKS_APART
            posted = servicetitan_instant(posts_on, _OFFICE_POSTS, ticks)
            exported = servicetitan_instant(posts_on, _OFFICE_EXPORTS, ticks)
            self._slot(slot, _Moments(created, posted, exported, batch))

    def _slot(self, slot: Slot, moments: _Moments) -> None:
        created = moments.created
        invoice = self._adjustment(created) if slot.work is Work.ADJUSTMENT else None
        if invoice is None:
            work = Work.JOB if slot.work is Work.ADJUSTMENT else slot.work
            invoice = self._document(slot, work, created)
        self._put_on_day(invoice, slot)
        self._put_in_state(invoice, slot, moments)
        if slot.trouble is not None:
            self._make_awkward(invoice, slot.trouble)
        self._made.invoices[invoice["id"]] = invoice

    def _document(self, slot: Slot, work: Work, created: str) -> Row:
        rng = self._rng
        to = self._assign(slot, work)
        self._number += 1
        invoice = self._header(to, created)
        invoice["referenceNumber"] = str(self._number)
        invoice["invoiceConfiguration"] = _CONFIGURATIONS.get(work, "JobInvoice")
        if to.contract is not None:
            invoice["projectId"] = to.contract.project_id
        technician = rng.choice(self._staff.technicians[to.unit.trade])
        lines = self._lines(work, to.unit)
        if work is Work.BOOKED:
            invoice["items"] = [] if chance(rng, 60) else None
            invoice["discountTotal"] = "0.00"
        else:
            set_totals(invoice, totals_of(lines, to.place.zone.rate))
            invoice["items"] = self._items.write(
                lines,
                unit=invoice["businessUnit"],
                instant=created,
                service_date=created,
                technician_id=technician.employee_id if chance(rng, 85) else None,
                rng=rng,
            )
            self._describe(invoice, technician, created)
        if work in (Work.JOB, Work.BOOKED):
            self._job(invoice, to, work, created)
        if slot.state is State.POSTED and slot.trouble is None and lines:
            self._origins.append(_Origin(invoice, lines, to.place.zone))
        return invoice

    def _assign(self, slot: Slot, work: Work) -> _Assignment:
        rng = self._rng
        if slot.trouble is not None:
            assignment = self._assign_trouble(slot.trouble)
            if assignment is not None:
                return assignment
        if work is Work.PROJECT:
            return self._on_contract(rng.choice(self._open_contracts))
        unit = rng.choices(self._units, cum_weights=self._shares_up_to)[0]
        if work in (Work.MEMBERSHIP, Work.COUNTER):
            unit = rng.choice([unit for unit in BUSINESS_UNITS if unit.line is Line.SERVICE])
        if unit.line is Line.CONSTRUCTION and chance(rng, 50):
            return self._on_contract(rng.choice([each for each in self._open_contracts if each.unit is unit]))
        customer = self._customer(unit.segment)
        return _Assignment(unit, customer, rng.choice(customer.places))

    def _assign_trouble(self, trouble: Trouble) -> _Assignment | None:
        if trouble is Trouble.INACTIVE_PROJECT:
            return self._on_contract(self._closed_contracts[self._next(trouble) % len(self._closed_contracts)])
        if trouble is Trouble.UNMAPPED_BUSINESS_UNIT:
            customer = self._customer(Segment.RESIDENTIAL)
            return _Assignment(UNMAPPED_UNIT, customer, customer.places[0])
        groups = {
            Trouble.CUSTOMER_WITHOUT_FIRM: self._clientele.without_firm,
            Trouble.CUSTOMER_WITH_TWO_FIRMS: self._clientele.with_two_firms,
            Trouble.CUSTOMER_RENAMED: self._clientele.renamed,
            Trouble.CUSTOMER_LOOKS_ALIKE: self._clientele.look_alikes,
        }
        return self._stranger(groups[trouble], trouble) if trouble in groups else None

    def _on_contract(self, contract: Contract) -> _Assignment:
        return _Assignment(contract.unit, contract.customer, contract.place, contract)

    def _stranger(self, group: list[Customer], trouble: Trouble) -> _Assignment:
        customer = group[self._next(trouble) % len(group)]
        return _Assignment(BUSINESS_UNITS[0], customer, customer.places[0])

    def _next(self, trouble: Trouble) -> int:
        self._troubles[trouble] += 1
        return self._troubles[trouble] - 1

    def _customer(self, segment: Segment) -> Customer:
        waiting = self._waiting[segment]
        if waiting and chance(self._rng, 20):
            return waiting.pop()
        residential = segment is Segment.RESIDENTIAL
        return self._rng.choice(self._clientele.residential if residential else self._clientele.commercial)

    def _lines(self, work: Work, unit: BusinessUnit) -> list[SoldLine]:
        if work is Work.BOOKED:
            return []
        if work is Work.PROJECT:
            return progress(unit, self._rng)
        if work is Work.MEMBERSHIP:
            return agreement(unit)
        if work is Work.COUNTER:
            return over_the_counter(unit, self._rng)
        return visit(unit, self._rng)

    def _header(self, to: _Assignment, created: str) -> Row:
        rng = self._rng
        self._invoice_id += rng.randint(1, 9)
        invoice = blank_invoice()
        invoice["id"] = self._invoice_id
        invoice["customer"] = to.customer.reference
        invoice["customerAddress"] = to.customer.address
        invoice["location"] = to.place.reference
        invoice["locationAddress"] = to.place.address
        invoice["businessUnit"] = self._unit_references[to.unit.unit_id]
        invoice["taxZoneId"] = to.place.zone.zone_id
        invoice["salesTaxCode"] = self._tax_codes[to.place.zone.zone_id]
        invoice["termName"] = "Net 30" if to.customer.segment is Segment.COMMERCIAL else "Due Upon Receipt"
        invoice["createdBy"] = rng.choice(self._staff.office).name
        invoice["createdOn"] = created
        return invoice

    def _describe(self, invoice: Row, technician: Employee, created: str) -> None:
        rng = self._rng
        invoice["summary"] = rng.choice(_SUMMARIES)
        invoice["customFields"] = (
            [{"name": "PO number", "value": f"PO-{rng.randint(100, 9999)}"}] if chance(rng, 6) else []
        )
        invoice["employeeInfo"] = {"id": technician.employee_id, "name": technician.name, "modifiedOn": created}
        invoice["reviewStatus"] = rng.choices(_REVIEW_NAMES, cum_weights=_REVIEWS_UP_TO)[0]
        invoice["sentStatus"] = "NotSent" if chance(rng, 30) else "Opened" if chance(rng, 40) else "Sent"
        if chance(rng, 10):
            reviewer = rng.choice(self._staff.office)
            invoice["assignedTo"] = {"id": reviewer.employee_id, "name": reviewer.name}
        if chance(rng, 50):
            invoice["invoiceType"] = {"id": 611, "name": "Service"}
        if chance(rng, 30):
            invoice["royalty"] = {"status": "Pending", "date": None, "sentOn": None, "memo": None}

    def _job(self, invoice: Row, to: _Assignment, work: Work, created: str) -> None:
        rng = self._rng
        self._job_id += rng.randint(1, 5)
        self._appointment_id += 2
        kind = rng.choice(to.unit.job_types)
        done = work is Work.JOB
        row = job_row(self._job_id, invoice, kind, location_id=to.place.row["id"], created=created)
        row["firstAppointmentId"] = row["lastAppointmentId"] = self._appointment_id
        row["jobStatus"] = (
            "Completed" if done else rng.choice(("Scheduled", "Dispatched", "InProgress", "Hold", "Canceled"))
        )
        row["completedOn"] = created if done else None
        row["total"] = Decimal(invoice["total"]) if done else None
        row["soldById"] = invoice["employeeInfo"]["id"] if done and chance(rng, 40) else None
        row["customerPo"] = f"PO-{rng.randint(100, 9999)}" if chance(rng, 10) else ""
        self._made.jobs[self._job_id] = row
        invoice["job"] = {"id": self._job_id, "number": row["jobNumber"], "type": kind.name}
        if to.contract is not None:
            to.contract.row["jobIds"].append(self._job_id)

    def _adjustment(self, created: str) -> Row | None:
        """Adjust an earlier invoice: mostly take a line back, sometimes charge one more."""
        rng = self._rng
        if not self._origins:
            return None
        origin = rng.choice(self._origins)
        goods = [line for line in origin.lines if line.total > 0]
        line = rng.choice(goods)
        quantity = -line.quantity if chance(rng, 75) else line.quantity
        lines = [sell(line.sku, quantity, line.price)]
        origin.adjustments += 1
        invoice = dict(origin.row)
        self._invoice_id += rng.randint(1, 9)
        invoice["id"] = self._invoice_id
        number = str(origin.row["referenceNumber"])
        invoice["referenceNumber"] = f"{number}-{origin.adjustments:03d}"
        invoice["adjustmentToId"] = origin.row["id"]
        invoice["createdOn"] = created
        invoice["createdBy"] = rng.choice(self._staff.office).name
        invoice["summary"] = f"Adjustment of {number}"
        invoice["paidOn"] = invoice["depositedOn"] = None
        set_totals(invoice, totals_of(lines, origin.zone.rate))
        invoice["items"] = self._items.write(
            lines, unit=invoice["businessUnit"], instant=created, service_date=None, technician_id=None, rng=rng
        )
        return invoice

    def _put_on_day(self, invoice: Row, slot: Slot) -> None:
        rng = self._rng
        day = slot.day
        if slot.trouble is Trouble.CLOSED_PERIOD:
            day = self._late_days[self._next(slot.trouble) % len(self._late_days)]
        elif slot.state is State.REDATED:
            # Never into the month before, which is closed.
            day = max(self._first, day - timedelta(days=rng.randint(1, 6)))
        invoice["invoiceDate"] = servicetitan_instant(day, 0)
        terms = 30 if invoice["termName"] == "Net 30" else 0
        invoice["dueDate"] = servicetitan_instant(day + timedelta(days=terms), 0) if chance(rng, 95) else None
        invoice["commissionEligibilityDate"] = day.isoformat() if chance(rng, 30) else None

    def _put_in_state(self, invoice: Row, slot: Slot, moments: _Moments) -> None:
        rng = self._rng
        state = slot.state
        if slot.work is Work.BOOKED and chance(rng, 70):
            state = State.PENDING
        invoice["modifiedOn"] = moments.created
        invoice["active"] = state is not State.VOIDED
        invoice["syncStatus"] = "Pending"
        invoice["batch"] = None
        if state is State.PENDING or (state is State.VOIDED and chance(rng, 50)):
            return
        invoice["syncStatus"] = "Exported" if state is State.EXPORTED else "Posted"
        invoice["exportId"] = f"SR-{invoice['id']}" if state is State.EXPORTED else None
        invoice["modifiedOn"] = moments.exported if state is State.EXPORTED else moments.posted
        invoice["batch"] = moments.batch
        usual = 70 if invoice["termName"] != "Net 30" else 12
        if state is not State.VOIDED and invoice["total"] != "0.00" and chance(rng, usual):
            # What was paid at the door; payments and balances follow it later.
            invoice["paidOn"] = invoice["invoiceDate"]
            invoice["balance"] = "0.00"
            if chance(rng, 50):
                invoice["depositedOn"] = moments.posted

    def _make_awkward(self, invoice: Row, trouble: Trouble) -> None:
        if trouble is Trouble.NULL_BUSINESS_UNIT:
            invoice["businessUnit"] = None
            for item in invoice["items"]:
                item["businessUnit"] = None
        elif trouble is Trouble.AMOUNTS_DO_NOT_ADD_UP:
            subtotal = Decimal(invoice["subTotal"]) + _WRONG_BY
            tax = Decimal(invoice["salesTax"])
            set_totals(invoice, Totals(subtotal, tax, subtotal + tax, Decimal(invoice["discountTotal"])))
        elif trouble is Trouble.NULL_TOTAL:
            invoice["total"] = None
            invoice["balance"] = None
        elif trouble is Trouble.THREE_DECIMALS:
            invoice["total"] += "5"
        self._made.awkward[trouble.value].append(invoice["id"])
