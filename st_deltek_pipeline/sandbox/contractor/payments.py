"""Receives the month's money: which invoice is paid by whom, how, when and in how many parts.

Rows are written in ``payment_rows``; payments that cannot be posted are made in ``payment_troubles``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate

from st_deltek_pipeline.domain.money import CENT, ZERO, round_to_cents
from st_deltek_pipeline.sandbox.contractor.business_units import Segment
from st_deltek_pipeline.sandbox.contractor.customers import Customer
from st_deltek_pipeline.sandbox.contractor.payment_rows import (
    FIRST_APPLICATION_ID,
    FIRST_PAYMENT_ID,
    Application,
    application_row,
    applications_total,
    payment_row,
    set_proof,
)
from st_deltek_pipeline.sandbox.contractor.payment_types import (
    ACH,
    CARD,
    CASH,
    CHECK,
    FINANCING,
    JOURNAL_ENTRY,
    REFUND_BY_CARD,
    REFUND_BY_CHECK,
    RETURNED_CHECK,
)
from st_deltek_pipeline.sandbox.contractor.staff import Staff
from st_deltek_pipeline.sandbox.contractor.streams import chance, stream
from st_deltek_pipeline.sandbox.contractor.working_days import (
    days_of,
    next_business_day,
    servicetitan_instant,
)
from st_deltek_pipeline.sandbox.contractor.world import Row


class Settlement(StrEnum):
    """How an invoice gets paid in its month."""

    IN_FULL = "in full"
    IN_TWO = "in two"
    IN_THREE = "in three"
    IN_PART = "in part"
    BACKDATED = "backdated"
    FROM_DEPOSIT = "from deposit"
    OVERPAID = "overpaid"
    REFUNDED = "refunded"
    REFUND_RETURNED = "refund returned"
    CHECK_RETURNED = "check returned"
    WRITTEN_OFF = "written off"
    ENTERED_TWICE = "entered twice"
    NOT = "not"


class PaymentState(StrEnum):
    """How far a payment has come in ServiceTitan."""

    POSTED = "Posted"
    EXPORTED = "Exported"
    PENDING = "Pending"


@dataclass(slots=True)
class Draft:
    """A payment before it has an id.

    Attributes:
        day: The payment's date. entered: The day somebody entered it; also its order among drafts.
        unapplied: What is left over, negative when that is given back.
        refund_of: The payment whose money this one gives back, or brings in again.
    """

    day: date
    entered: date
    type_name: str
    customer: Row | None
    unit: Row | None
    applications: list[Application] = field(default_factory=list[Application])
    unapplied: Decimal = ZERO
    refund_of: "Draft | None" = None
    active: bool = True
    memo: str | None = None
    state: PaymentState = PaymentState.POSTED
    payment_id: int = 0

    @property
    def total(self) -> Decimal:
        """All of its money."""
        return applications_total(self.applications) + self.unapplied


# Per thousand invoices that somebody owes money on; the rest is paid in full at once.
_SETTLEMENTS = {
    Settlement.IN_TWO: 200,
    Settlement.IN_THREE: 70,
    Settlement.IN_PART: 50,
    Settlement.BACKDATED: 15,
    Settlement.FROM_DEPOSIT: 25,
    Settlement.OVERPAID: 12,
    Settlement.REFUNDED: 8,
    Settlement.REFUND_RETURNED: 4,
    Settlement.CHECK_RETURNED: 9,
    Settlement.WRITTEN_OFF: 6,
    Settlement.ENTERED_TWICE: 12,
    Settlement.NOT: 45,
}
_THOUSAND = 1000
_STATES = {PaymentState.EXPORTED: 30, PaymentState.PENDING: 20}
_FEWEST = 2
_DEPOSITS_IN = 100
_GROUPS_IN = 40
_LARGEST_GROUP = 4
_NO_UNIT_PERCENT = 3

_TYPES = {
    Segment.RESIDENTIAL: ((CARD, CHECK, ACH, CASH, FINANCING), tuple(accumulate((62, 20, 8, 5, 5)))),
    Segment.COMMERCIAL: ((CHECK, ACH, CARD), tuple(accumulate((55, 35, 10)))),
}
_TAKEN_BACK_BY = {CARD: REFUND_BY_CARD, FINANCING: REFUND_BY_CARD}
_DAY_BEGINS = 13 * 3600 + 1800
_DAY_LASTS = 9 * 3600
_OFFICE_POSTS = 14 * 3600 + 420
_OFFICE_EXPORTS = 20 * 3600 + 300
_ROWS_PER_TICK = 9
_TICKS_APART = 4
_BATCH_TICKS = 3_450_001
FIRST_BATCH_ID = 9_000_000_000

_ONE_DAY = timedelta(days=1)


class Cashier:
    """Receives one month's payments.

    Args:
        seed: The world's seed.
        first: First day of the month.
    """

    def __init__(self, seed: int, first: date) -> None:
        self._rng = stream(seed, "payments")
        self._first = first
        self._last = days_of(first)[-1]
        self._drafts: list[Draft] = []

    def receive(self, invoices: Iterable[Row], depositors: Sequence[Customer]) -> list[Draft]:
        """Decide who pays.

        Args:
            invoices: What may be paid: posted, active invoices that nobody will hold. Negative ones are paid out.
            depositors: Customers without invoices, who pay ahead.

        Returns:
            The payments in the order in which they are entered.
        """
        owed = [row for row in invoices if Decimal(row["total"]) > 0]
        credits_given = [row for row in invoices if Decimal(row["total"]) < 0]
        grouped = self._pay_together(owed)
        single = [row for row in owed if row["id"] not in grouped]
        for row, settlement in zip(single, self._shuffled(len(single)), strict=True):
            self._settle(row, settlement)
        self._pay_out(credits_given)
        self._take_deposits(owed, depositors)
        self._set_states()
        return self._drafts

    def _shuffled(self, amount: int) -> list[Settlement]:
        chosen = [
            value for value, part in _SETTLEMENTS.items() for _ in range(max(_FEWEST, amount * part // _THOUSAND))
        ][:amount]
        chosen += [Settlement.IN_FULL] * (amount - len(chosen))
        self._rng.shuffle(chosen)
        return chosen

    def _set_states(self) -> None:
        # What is given back was posted before, and what is voided stays what it was.
        linked = {id(draft) for refund in self._drafts if refund.refund_of for draft in (refund, refund.refund_of)}
        linked |= {id(draft) for draft in self._drafts if not draft.active}
        for state, part in _STATES.items():
            count = max(1, len(self._drafts) * part // _THOUSAND)
            plain = [draft for draft in self._drafts if id(draft) not in linked and draft.state is PaymentState.POSTED]
            for draft in self._rng.sample(plain, min(count, len(plain))):
                draft.state = state

    def _day_of(self, row: Row) -> date:
        return date.fromisoformat(row["invoiceDate"][:10])

    def _later(self, day: date, most: int, fewest: int = 0) -> date:
        return min(self._last, day + _ONE_DAY * self._rng.randint(fewest, most))

    def _paid_on(self, row: Row) -> date:
        if row["paidOn"] is not None:
            # At the door, as the technician noted it.
            return self._day_of(row)
        return (
            self._later(self._day_of(row), 16, 3) if row["termName"] == "Net 30" else self._later(self._day_of(row), 9)
        )

    def _type(self, row: Row) -> str:
        segment = Segment.COMMERCIAL if row["termName"] == "Net 30" else Segment.RESIDENTIAL
        names, up_to = _TYPES[segment]
        return self._rng.choices(names, cum_weights=up_to)[0]

    def _pay(self, row: Row, amount: Decimal, day: date, *, type_name: str = "", entered: date | None = None) -> Draft:
        entered = entered or day
        draft = Draft(
            day,
            entered,
            type_name or self._type(row),
            row["customer"],
            None if chance(self._rng, _NO_UNIT_PERCENT) else row["businessUnit"],
            [Application(row, amount, max(entered, self._day_of(row)))],
        )
        self._drafts.append(draft)
        return draft

    def _settle(self, row: Row, settlement: Settlement) -> None:
        rng = self._rng
        total = Decimal(row["total"])
        day = self._paid_on(row)
        if settlement is Settlement.IN_FULL:
            self._pay(row, total, day)
        elif settlement in (Settlement.IN_TWO, Settlement.IN_THREE, Settlement.IN_PART):
            self._pay_parts(row, total, day, settlement)
        elif settlement is Settlement.BACKDATED:
            written = max(self._first, self._day_of(row) - _ONE_DAY * rng.randint(1, 5))
            self._pay(row, total, written, type_name=CHECK, entered=self._day_of(row))
        elif settlement is Settlement.FROM_DEPOSIT:
            self._pay_from_deposit(row, total, day)
        elif settlement is Settlement.OVERPAID:
            self._overpay(row, total, day)
        elif settlement is Settlement.WRITTEN_OFF:
            little = min(total, Decimal(rng.randint(1, 999)).scaleb(-2))
            if total > little:
                self._pay(row, total - little, day)
            draft = self._pay(row, little, self._later(day, 6), type_name=JOURNAL_ENTRY)
            draft.memo = "Small balance written off"
        elif settlement is Settlement.ENTERED_TWICE:
            voided = self._pay(row, total, day)
            voided.active = False
            voided.memo = "Entered by mistake"
            self._pay(row, total, day)
        elif settlement is not Settlement.NOT:
            self._pay_and_take_back(row, total, day, settlement)

    def _pay_parts(self, row: Row, total: Decimal, day: date, settlement: Settlement) -> None:
        rng = self._rng
        half = round_to_cents(total * rng.choice((Decimal("0.25"), Decimal("0.333"), Decimal("0.5"), Decimal("0.6"))))
        parts = [half, total - half]
        if settlement is Settlement.IN_THREE:
            third = round_to_cents(parts[1] / 2)
            parts = [half, third, total - half - third]
        if settlement is Settlement.IN_PART:
            parts = parts[:1]
        for part in parts:
            if part:
                self._pay(row, part, day)
            day = self._later(day, 4)

    def _pay_from_deposit(self, row: Row, total: Decimal, day: date) -> None:
        ahead = max(self._first, self._day_of(row) - _ONE_DAY * self._rng.randint(2, 12))
        deposit = round_to_cents(total * Decimal("0.4"))
        draft = self._pay(row, deposit, ahead)
        draft.memo = "Deposit"
        if chance(self._rng, 70):
            self._pay(row, total - deposit, day)

    def _overpay(self, row: Row, total: Decimal, day: date) -> None:
        draft = self._pay(row, total, day)
        draft.unit = row["businessUnit"]
        draft.unapplied = Decimal(self._rng.randint(500, 12_000)).scaleb(-2)
        if chance(self._rng, 50):
            back = self._take_back(draft, row, [], self._later(day, 7))
            back.unapplied = -draft.unapplied
            back.memo = "Overpayment returned"

    def _pay_and_take_back(self, row: Row, total: Decimal, day: date, settlement: Settlement) -> None:
        if settlement is Settlement.CHECK_RETURNED:
            paid = self._pay(row, total, day, type_name=CHECK)
            returned = self._pay(row, -total, self._later(day, 5), type_name=RETURNED_CHECK)
            returned.memo = "Returned by the bank: insufficient funds"
            returned.refund_of = paid
            if chance(self._rng, 60):
                self._pay(row, total, self._later(returned.day, 6), type_name=CARD)
            return
        paid = self._pay(row, total, day)
        amount = total if chance(self._rng, 50) else round_to_cents(total / 2)
        refund = self._take_back(paid, row, [Application(row, -amount, day)], self._later(day, 6))
        refund.applications[0].day = refund.day
        if settlement is Settlement.REFUND_RETURNED:
            again = self._pay(row, amount, self._later(refund.day, 6), type_name=CHECK)
            again.memo = "Refund check came back"
            again.refund_of = refund

    def _take_back(self, paid: Draft, row: Row, applications: list[Application], day: date) -> Draft:
        type_name = _TAKEN_BACK_BY.get(paid.type_name, REFUND_BY_CHECK)
        unit = row["businessUnit"]
        refund = Draft(day, day, type_name, paid.customer, unit, applications, refund_of=paid, memo="Refund")
        self._drafts.append(refund)
        return refund

    def _pay_out(self, credits_given: list[Row]) -> None:
        """Give money back for every second adjustment that took something back."""
        paid = {
            draft.applications[0].invoice["id"]: draft
            for draft in self._drafts
            if draft.active and draft.refund_of is None and draft.type_name != JOURNAL_ENTRY
        }
        for row in credits_given:
            origin = paid.get(row["adjustmentToId"] or 0)
            if origin is None or not chance(self._rng, 50):
                continue
            day = max(self._later(self._day_of(row), 3), origin.entered)
            self._take_back(origin, row, [Application(row, Decimal(row["total"]), day)], day)

    def _pay_together(self, owed: list[Row]) -> set[int]:
        """Let some customers pay several invoices at once, those of several business units first."""
        by_customer: dict[int, list[Row]] = {}
        for row in owed:
            by_customer.setdefault(row["customer"]["id"], []).append(row)
        several = [rows for rows in by_customer.values() if len(rows) > 1]
        self._rng.shuffle(several)
        several.sort(key=lambda rows: len({row["businessUnit"]["id"] for row in rows}) == 1)
        grouped: set[int] = set()
        for rows in several[: max(_FEWEST, len(owed) // _GROUPS_IN)]:
            part = rows[: self._rng.randint(2, _LARGEST_GROUP)]
            day = self._later(max(self._day_of(row) for row in part), 4)
            draft = self._pay(part[0], Decimal(part[0]["total"]), day, type_name=self._rng.choice((CHECK, ACH)))
            draft.applications += [Application(row, Decimal(row["total"]), day) for row in part[1:]]
            draft.applications[0].day = day
            if chance(self._rng, 30):
                # The last one is paid in part.
                draft.applications[-1].amount = round_to_cents(draft.applications[-1].amount / 2)
            grouped |= {row["id"] for row in part}
        return grouped

    def _take_deposits(self, owed: list[Row], depositors: Sequence[Customer]) -> None:
        """Take money for which there is no invoice yet."""
        if not owed:
            return
        rng = self._rng
        models = rng.sample(owed, min(len(owed), max(_FEWEST, len(owed) // _DEPOSITS_IN)))
        payers = [(row["customer"], row) for row in models]
        payers += [(customer.reference, rng.choice(models)) for customer in depositors]
        for customer, row in payers:
            day = self._later(self._first, (self._last - self._first).days)
            draft = Draft(day, day, self._type(row), customer, row["businessUnit"], memo="Deposit for planned work")
            draft.unapplied = Decimal(rng.choice((100, 250, 500, 1000, 2500))).quantize(CENT)
            self._drafts.append(draft)


class PaymentRows:
    """Writes drafts as rows.

    Args:
        seed: The world's seed.
        closed_days: Public holidays, on which nothing is posted.
        staff: Who enters payments.
    """

    def __init__(self, seed: int, closed_days: frozenset[date], staff: Staff) -> None:
        self._rng = stream(seed, "payment rows")
        self._closed_days = closed_days
        self._staff = staff
        self._application_id = FIRST_APPLICATION_ID
        self._number = 2100

    def write(self, drafts: Sequence[Draft]) -> dict[int, Row]:
        """Write payments.

        Args:
            drafts: In any order; their ids are set.

        Returns:
            Rows by id, in the order in which they were entered.
        """
        ordered = sorted(drafts, key=lambda draft: draft.entered)
        payment_id = FIRST_PAYMENT_ID
        for draft in ordered:
            payment_id += self._rng.randint(1, 5)
            draft.payment_id = payment_id
        rows: dict[int, Row] = {}
        start = 0
        while start < len(ordered):
            end = start
            while end < len(ordered) and ordered[end].entered == ordered[start].entered:
                end += 1
            for place, draft in enumerate(ordered[start:end]):
                rows[draft.payment_id] = self._row(draft, place, end - start)
            start = end
        return rows

    def _row(self, draft: Draft, place: int, of: int) -> Row:
        rng = self._rng
        day = draft.entered
        created = servicetitan_instant(day, _DAY_BEGINS + place * _DAY_LASTS // of, rng.randrange(1, 10_000_000))
        row = payment_row(draft.payment_id, draft.type_name, day=draft.day, created=created)
        self._number += rng.randint(1, 3)
        set_proof(row, draft.type_name, self._number)
        by = rng.choice(self._staff.office).name
        row["createdBy"] = by
        row["customer"] = draft.customer
        row["businessUnit"] = draft.unit
        row["memo"] = draft.memo
        row["active"] = draft.active
        row["refundedPaymentId"] = draft.refund_of.payment_id if draft.refund_of else None
        for application in draft.applications:
            self._application_id += 1
            row["appliedTo"].append(application_row(application, self._application_id, by))
        row["unappliedAmount"] = str(draft.unapplied)
        row["total"] = str(draft.total)
        self._post(row, draft, place)
        return row

    def _post(self, row: Row, draft: Draft, place: int) -> None:
        if draft.state is PaymentState.PENDING:
            return
        row["syncStatus"] = draft.state.value
        row["batch"] = {
            "id": FIRST_BATCH_ID + draft.entered.toordinal(),
            "number": str(draft.entered.toordinal() % 100_000),
            "name": f"{draft.entered.isoformat()} Payments",
        }
        # Money that was applied later made the row change later.
        touched = max([draft.entered, *(application.day for application in draft.applications)])
        posted_on = next_business_day(touched, self._closed_days)
        second = _OFFICE_EXPORTS if draft.state is PaymentState.EXPORTED else _OFFICE_POSTS
        ticks = _BATCH_TICKS + place // _ROWS_PER_TICK * _TICKS_APART
        row["modifiedOn"] = servicetitan_instant(posted_on, second, ticks)
