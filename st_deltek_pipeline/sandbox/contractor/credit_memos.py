"""Credit memos: what customers are credited for, split over the invoices that it pays.

Those that cannot be posted are made here too, since they differ in a field or two only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from st_deltek_pipeline.domain.money import ZERO, round_to_cents, total
from st_deltek_pipeline.sandbox.contractor.staff import Staff
from st_deltek_pipeline.sandbox.contractor.streams import chance, stream
from st_deltek_pipeline.sandbox.contractor.working_days import days_of, next_business_day, servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row

FIRST_CREDIT_MEMO_ID = 86_000_000
FIRST_SPLIT_ID = 86_500_000
_FIRST_ITEM_ID = 86_800_000
_FIRST_BATCH_ID = 9_400_000_000
_FEWEST = 12
_UNPAID_IN = 3
_MOST_SPLITS = 3
_UNAPPLIED_EVERY = 6
_VOIDED_PLACE = 3
_PENDING_PLACE = 4
_CREATED_AT = 15 * 3600
_POSTED_AT = 14 * 3600 + 900
_WRONG_BY = Decimal("4.00")
_HALF_A_CENT = Decimal("0.005")
_MISSING_INVOICE_ID = 76_100_001
_REASONS = ("Goodwill after a second visit", "Warranty part billed by mistake", "Price match", "Referral credit", None)
_SHARES = (Decimal("0.1"), Decimal("0.25"), Decimal("0.5"), Decimal(1))
_ONE_DAY = timedelta(days=1)


class CreditMemoTrouble(StrEnum):
    """Why a credit memo cannot be posted; the value is the key in ``World.awkward``."""

    TARGET_MISSING = "credit_memo_target_missing"
    DOES_NOT_ADD_UP = "credit_memo_does_not_add_up"
    THREE_DECIMALS = "credit_memo_three_decimals"


@dataclass
class CreditMemos:
    """The month's credit memos and the items of each by its id, and which are awkward on purpose."""

    rows: dict[int, Row] = field(default_factory=dict[int, Row])
    items: dict[int, list[Row]] = field(default_factory=dict[int, list[Row]])
    awkward: dict[str, list[int]] = field(default_factory=lambda: {trouble.value: [] for trouble in CreditMemoTrouble})


def credit_memo_rows(
    seed: int,
    first: date,
    closed_days: frozenset[date],
    unpaid: Sequence[Row],
    staff: Staff,
    *,
    troubled: Sequence[Row],
) -> CreditMemos:
    """Make the month's credit memos.

    Args:
        seed: The world's seed.
        first: First day of the month.
        closed_days: Public holidays.
        unpaid: Postable invoices that nobody has paid anything on.
        staff: Who writes credit memos.
        troubled: Invoices for memos in trouble, one of each trouble for each; none in the clean scenario.

    Returns:
        Applied in full or in part to one invoice, to several of one customer, or to none yet; one is voided and one
        not yet posted in a month that has enough of them.
    """
    writer = _Writer(seed, first, closed_days, staff)
    groups = _groups(unpaid)
    writer.rng.shuffle(groups)
    # Those of several invoices are rare and come first.
    groups.sort(key=len, reverse=True)
    ordinary = groups[: max(_FEWEST, len(groups) // _UNPAID_IN)]
    for place, rows in enumerate(ordinary):
        memo = writer.write(rows, applied=place % _UNAPPLIED_EVERY != 1)
        if place == _VOIDED_PLACE:
            memo["active"] = False
        elif place == _PENDING_PLACE:
            memo["syncStatus"], memo["batch"] = "Pending", None
    for trouble in CreditMemoTrouble:
        for row in troubled:
            memo = writer.write([row], applied=True)
            _spoil(memo, trouble)
            writer.made.awkward[trouble.value].append(memo["id"])
    return writer.made


def _groups(unpaid: Sequence[Row]) -> list[list[Row]]:
    by_customer: dict[int, list[Row]] = {}
    for row in unpaid:
        by_customer.setdefault(row["customer"]["id"], []).append(row)
    return [rows[:_MOST_SPLITS] for rows in by_customer.values()]


def _spoil(memo: Row, trouble: CreditMemoTrouble) -> None:
    if trouble is CreditMemoTrouble.TARGET_MISSING:
        memo["appliedTo"][0]["appliedTo"] = _MISSING_INVOICE_ID + memo["id"] % 1000
        memo["appliedTo"][0]["appliedToReferenceNumber"] = None
    elif trouble is CreditMemoTrouble.THREE_DECIMALS:
        for name in ("salesTax", "total", "balance"):
            memo[name] += _HALF_A_CENT
    else:
        memo["total"] += _WRONG_BY


class _Writer:
    def __init__(self, seed: int, first: date, closed_days: frozenset[date], staff: Staff) -> None:
        self.rng = stream(seed, "credit memos")
        self.made = CreditMemos()
        self._last = days_of(first)[-1]
        self._closed_days = closed_days
        self._staff = staff
        self._next_id = FIRST_CREDIT_MEMO_ID
        self._next_split = FIRST_SPLIT_ID
        self._next_item = _FIRST_ITEM_ID

    def write(self, rows: Sequence[Row], *, applied: bool) -> Row:
        rng = self.rng
        self._next_id += rng.randint(1, 9)
        latest = date.fromisoformat(max(row["invoiceDate"] for row in rows)[:10])
        day = min(self._last, latest + _ONE_DAY * rng.randint(0, 6))
        share = rng.choice(_SHARES)
        parts = [round_to_cents(Decimal(row["subTotal"]) * share) for row in rows]
        taxes = [round_to_cents(Decimal(row["salesTax"]) * share) for row in rows]
        name = rng.choice(self._staff.office).name
        memo = memo_row(self._next_id, rows[0], day, name)
        memo["subTotal"], memo["salesTax"] = total(parts), total(taxes)
        memo["total"] = memo["subTotal"] + memo["salesTax"]
        memo["balance"] = ZERO if applied else memo["total"]
        memo["description"] = rng.choice(_REASONS)
        if applied:
            for row, part, tax in zip(rows, parts, taxes, strict=True):
                self._next_split += 1
                memo["appliedTo"].append(split_row(row, part + tax, day, self._next_split, name))
        self._post(memo, day)
        self.made.rows[memo["id"]] = memo
        self.made.items[memo["id"]] = [self._item(memo, row, part) for row, part in zip(rows, parts, strict=True)]
        return memo

    def _item(self, memo: Row, invoice: Row, amount: Decimal) -> Row:
        self._next_item += 1
        return item_row(self._next_item, memo, invoice, amount)

    def _post(self, memo: Row, day: date) -> None:
        memo["createdOn"] = servicetitan_instant(day, _CREATED_AT + self.rng.randrange(20_000), self._next_id % 10_000)
        memo["modifiedOn"] = servicetitan_instant(next_business_day(day, self._closed_days), _POSTED_AT, 4_120_001)
        memo["syncStatus"] = "Exported" if chance(self.rng, 5) else "Posted"
        memo["batch"] = {
            "id": _FIRST_BATCH_ID + day.toordinal(),
            "number": str(day.toordinal() % 100_000),
            "name": f"{day.isoformat()} Credits",
        }


def split_row(invoice: Row, amount: Decimal, day: date, split_id: int, by: str) -> Row:
    """Return what a credit memo applies to an invoice, as the memo shows it (servicetitan.md section 3.4)."""
    return {
        "appliedId": split_id,
        "appliedTo": invoice["id"],
        "appliedAmount": amount,
        "appliedOn": day.isoformat(),
        "appliedBy": by,
        "appliedToReferenceNumber": invoice["referenceNumber"],
    }


def item_row(item_id: int, memo: Row, invoice: Row, amount: Decimal) -> Row:
    """Return what a credit memo takes back of an invoice: its first item that names an account, or its first.

    Args:
        item_id: Its id.
        memo: The credit memo.
        invoice: With at least one item.
        amount: What is credited, without tax.

    Returns:
        A row of the memo's items, as ``credit-memos/{id}/items`` shows it (servicetitan.md section 3.4).
    """
    items: list[Row] = invoice["items"]
    sold = next((item for item in items if item["generalLedgerAccount"]), items[0])
    account: Row | None = sold["generalLedgerAccount"]
    return {
        "id": item_id,
        "active": memo["active"],
        "description": sold["description"],
        "quantity": Decimal(1),
        "cost": ZERO,
        "price": amount,
        "type": sold["type"],
        "skuName": sold["skuName"],
        "skuId": sold["skuId"],
        "total": amount,
        "taxable": sold["taxable"],
        "revenueGeneralLedgerAccount": account and {name: account[name] for name in ("id", "name", "number", "type")},
        "expensesGeneralLedgerAccount": None,
        "createdOn": memo["createdOn"],
        "createdBy": memo["createdBy"],
        "businessUnit": invoice["businessUnit"],
    }


def memo_row(memo_id: int, invoice: Row, day: date, by: str) -> Row:
    """Return a pending credit memo of nothing, for the customer and place of an invoice (servicetitan.md section 3.4).

    Args:
        memo_id: Its id.
        invoice: Whose customer, location and business unit it takes.
        day: Its date.
        by: Who wrote it.
    """
    return {
        "id": memo_id,
        "date": day.isoformat(),
        "referenceNumber": f"CM-{memo_id - FIRST_CREDIT_MEMO_ID:05d}",
        "subTotal": ZERO,
        "salesTax": ZERO,
        "salesTaxCode": invoice["salesTaxCode"],
        "total": ZERO,
        "balance": ZERO,
        "appliedTo": [],
        "customer": invoice["customer"],
        "customerAddress": invoice["customerAddress"],
        "location": invoice["location"],
        "locationAddress": invoice["locationAddress"],
        "businessUnit": invoice["businessUnit"],
        "syncStatus": "Pending",
        "batch": None,
        "customFields": [],
        "createdOn": "",
        "createdBy": by,
        "modifiedOn": "",
        "modifiedBy": None,
        "description": None,
        "active": True,
        "importId": None,
        "exportId": None,
    }
