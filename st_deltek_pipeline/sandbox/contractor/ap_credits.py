"""What vendors credit for goods that went back: ``accounting/ap-credits``, awkward ones included."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from st_deltek_pipeline.domain.money import ZERO, round_to_cents
from st_deltek_pipeline.sandbox.contractor.streams import stream
from st_deltek_pipeline.sandbox.contractor.working_days import days_of, next_business_day, servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row

FIRST_CREDIT_ID = 92_000_000
_FIRST_SPLIT_ID = 92_500_000
_FIRST_RETURN_ID = 92_800_000
_FIRST_BATCH_ID = 9_900_000_000
_MISSING_BILL_ID = 89_900_001
_CREATED_AT = 16 * 3600
_POSTED_AT = 14 * 3600 + 1500
_TICKS = 6_330_001
_UNAPPLIED_EVERY = 4
_CANCELED_EVERY = 6
_HALF_A_CENT = Decimal("0.005")
_ONE_DAY = timedelta(days=1)


class ApCreditTrouble(StrEnum):
    """Why a vendor's credit cannot be posted; the value is the key in ``World.awkward``."""

    VENDOR_MISSING = "ap_credit_vendor_missing"
    BILL_MISSING = "ap_credit_bill_missing"
    THREE_DECIMALS = "ap_credit_three_decimals"


class ApCredits:
    """Takes one month's credits.

    Args:
        seed: The world's seed.
        first: First day of the month.
        closed_days: Public holidays.

    Attributes:
        rows: By id. awkward: Ids of those in trouble.
    """

    def __init__(self, seed: int, first: date, closed_days: frozenset[date]) -> None:
        self._rng = stream(seed, "ap credits")
        self._last = days_of(first)[-1]
        self._closed_days = closed_days
        self._next_id = FIRST_CREDIT_ID
        self.rows: dict[int, Row] = {}
        self.awkward: dict[str, list[int]] = {trouble.value: [] for trouble in ApCreditTrouble}

    def take(self, returned: Sequence[tuple[Row, date]], *, troubled: int) -> None:
        """Make a credit for every bill of which something went back.

        Args:
            returned: Bills as inventory-bills shows them, and when they came.
            troubled: How many credits of each trouble on top.
        """
        for place, (bill, day) in enumerate(sorted(returned, key=lambda pair: pair[1])):
            credit = self._credit(bill, day, applied=place % _UNAPPLIED_EVERY != 1)
            if place % _CANCELED_EVERY == _CANCELED_EVERY - 1:
                credit["status"] = "Canceled"
                credit["active"] = False
                credit["canceledOn"] = credit["modifiedOn"]
        for trouble in ApCreditTrouble:
            for number in range(troubled if returned else 0):
                bill, day = returned[number % len(returned)]
                credit = self._credit(bill, day, applied=trouble is ApCreditTrouble.BILL_MISSING)
                if trouble is ApCreditTrouble.VENDOR_MISSING:
                    credit["vendor"] = None
                elif trouble is ApCreditTrouble.THREE_DECIMALS:
                    credit["amount"] += _HALF_A_CENT
                else:
                    credit["splits"][0]["inventoryBillId"] = _MISSING_BILL_ID + number
                self.awkward[trouble.value].append(credit["id"])

    def _credit(self, bill: Row, day: date, *, applied: bool) -> Row:
        rng = self._rng
        self._next_id += rng.randint(1, 9)
        number = self._next_id - FIRST_CREDIT_ID
        on = min(self._last, day + _ONE_DAY * rng.randint(1, 6))
        item = rng.choice(bill["items"])
        amount = round_to_cents(Decimal(item["quantity"]) * Decimal(item["cost"]))
        created = servicetitan_instant(on, _CREATED_AT + number % 3600, number)
        row = credit_row(self._next_id, bill, amount, on, created)
        row["inventoryReturnId"] = _FIRST_RETURN_ID + number
        if applied:
            row["appliedAmount"] = amount
            row["splits"] = [
                {
                    "id": _FIRST_SPLIT_ID + number,
                    "active": True,
                    "createdOn": created,
                    "inventoryBillId": bill["id"],
                    "vendorCreditId": self._next_id,
                    "amount": amount,
                }
            ]
        row["syncStatus"] = "Posted"
        row["modifiedOn"] = servicetitan_instant(next_business_day(on, self._closed_days), _POSTED_AT, _TICKS)
        row["batch"] = {
            "id": _FIRST_BATCH_ID + on.toordinal(),
            "number": str(on.toordinal() % 100_000),
            "name": f"{on.isoformat()} Vendor credits",
        }
        self.rows[self._next_id] = row
        return row


def credit_row(credit_id: int, bill: Row, amount: Decimal, day: date, created: str) -> Row:
    """Return a pending credit of a bill's vendor that is applied to nothing (servicetitan.md section 3.4).

    Args:
        credit_id: Its id.
        bill: The bill whose vendor, business unit and job it takes.
        amount: What is credited, positive.
        day: Its date.
        created: When it was entered.
    """
    return {
        "id": credit_id,
        "inventoryReturnId": None,
        "jobId": bill["jobId"],
        "active": True,
        "createdOn": created,
        "modifiedOn": created,
        "date": servicetitan_instant(day, 0),
        "canceledOn": None,
        "number": f"VC-{credit_id - FIRST_CREDIT_ID:05d}",
        "referenceNumber": f"CR{bill['vendorNumber'] or ''}"[:12],
        "memo": f"Returned from {bill['referenceNumber']}",
        "amount": amount,
        "appliedAmount": ZERO,
        "status": "Unreconciled",
        "syncStatus": "Pending",
        "batch": None,
        "businessUnit": bill["businessUnit"],
        "remittanceVendor": None,
        "vendor": bill["vendor"],
        "paymentStatus": "Unpaid",
        "splits": [],
        "budgetCodeId": None,
        "customFields": [],
    }
