"""Credit memos and bank deposits, as users and the API change them; balances of invoices follow credit memos.

A deposit's transactions are its payments as they are now (servicetitan.md section 3.4).
"""

from collections.abc import Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any, cast

from st_deltek_pipeline.domain.money import round_to_cents, total
from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError, bad_value
from st_deltek_pipeline.sandbox.servicetitan.applications import rebalanced
from st_deltek_pipeline.sandbox.servicetitan.bodies import CreditMemoUpdate, Split
from st_deltek_pipeline.sandbox.servicetitan.book import Book
from st_deltek_pipeline.sandbox.servicetitan.filters import field
from st_deltek_pipeline.sandbox.servicetitan.receivables import BANK_DEPOSITS, CREDIT_MEMOS, INVOICES, PAYMENTS
from st_deltek_pipeline.sandbox.servicetitan.resource import SYNC_STATUSES
from st_deltek_pipeline.sandbox.servicetitan.values import (
    USER,
    amount_of,
    midnight,
    read_amount,
    read_choice,
    read_day,
    read_id,
    reference,
)
from st_deltek_pipeline.sandbox.state import Row

_deposit_id = field("deposit", "id")
_NOT_IN_DEPOSITS = {"refundedPaymentId", *PAYMENTS.hidden}


class CreditMemos:
    """All changes of credit memos.

    Args:
        book: The tenant's rows.
        first_day: Where a credit memo without a date belongs, such as ``2026-10-01``.
    """

    def __init__(self, book: Book, first_day: str) -> None:
        self._book = book
        self._first_day = first_day

    def add(self, wanted: Mapping[str, Any]) -> Row:
        """Let a user make one more credit memo that pays an invoice.

        Args:
            wanted: ``invoiceId`` of the invoice whose customer is credited, ``total`` (default: its balance),
                ``date``, ``description``, ``applied`` (default true: to that invoice at once), ``syncStatus``.

        Raises:
            ApiError: 404 for an unknown invoice, 400 for a value that cannot be read.
        """
        fields = dict(wanted)
        invoice = self._book.row(INVOICES, read_id("invoiceId", fields.pop("invoiceId", None)))
        amount = round_to_cents(read_amount("total", fields.pop("total", invoice["balance"])))
        day = read_day("date", fields.pop("date", self._first_day))
        key, now = self._book.next_id(CREDIT_MEMOS), self._book.now()
        row: Row = {
            "id": key,
            "date": str(day),
            "referenceNumber": str(key),
            "subTotal": amount,
            "salesTax": Decimal(0),
            "salesTaxCode": None,
            "total": amount,
            "balance": amount,
            "appliedTo": [],
            "customer": deepcopy(invoice["customer"]),
            "customerAddress": deepcopy(invoice["customerAddress"]),
            "location": deepcopy(invoice["location"]),
            "locationAddress": deepcopy(invoice["locationAddress"]),
            "businessUnit": deepcopy(invoice["businessUnit"]),
            "syncStatus": read_choice("syncStatus", fields.pop("syncStatus", "Posted"), SYNC_STATUSES),
            "batch": None,
            "customFields": [],
            "createdOn": now,
            "createdBy": USER,
            "modifiedOn": now,
            "modifiedBy": USER,
            "description": fields.pop("description", None),
            "active": True,
            "importId": None,
            "exportId": None,
        }
        if fields.pop("applied", True):
            row = self._split(row, [Split(invoice_id=invoice["id"], amount=amount)])
        for name in fields:
            raise bad_value(name, "A credit memo is made from invoiceId, total, date, description and applied.")
        return self._store(None, row)

    def void(self, memo_id: int) -> Row:
        """Let a user void a credit memo: it is inactive and pays nothing any more.

        Raises:
            ApiError: 404 for an unknown credit memo.
        """
        row = self._book.row(CREDIT_MEMOS, memo_id)
        return self._store(row, {**row, "active": False})

    def updated(self, memo_id: int, body: CreditMemoUpdate) -> Row:
        """Change a credit memo by ``PATCH /credit-memos/{id}``, and return the reply.

        Raises:
            ApiError: 404 for an unknown credit memo, 400 when it is exported or a value makes no sense.
        """
        row = self._open(memo_id)
        changed = deepcopy(row)
        if body.active is not None:
            changed["active"] = body.active
        if body.summary is not None:
            changed["description"] = body.summary
        if body.date is not None:
            changed["date"] = str(read_day("date", body.date))
        if body.business_unit_id is not None:
            units = self._book.world.business_units
            changed["businessUnit"] = reference("businessUnitId", body.business_unit_id, units)
        stored = self._store(row, changed)
        return {
            "id": memo_id,
            "active": stored["active"],
            "summary": stored["description"],
            "date": stored["date"],
            "businessUnitId": (stored["businessUnit"] or {}).get("id", 0),
        }

    def split(self, memo_id: int, splits: list[Split]) -> Row:
        """Apply a credit memo to more invoices by ``POST /credit-memos/{id}/splits``, and return the reply.

        Raises:
            ApiError: 404 for an unknown credit memo, 400 when it is exported or less than that is left.
        """
        row = self._open(memo_id)
        stored = self._store(row, self._split(row, splits))
        added = cast("list[Row]", stored["appliedTo"])[len(row["appliedTo"] or []) :]
        return {
            "id": memo_id,
            "splits": [{"invoiceId": each["appliedTo"], "amount": each["appliedAmount"]} for each in added],
        }

    def items(self, memo: Row) -> list[Row]:
        """Return the items of a credit memo; one that was made without any has one over its subtotal."""
        own = self._book.world.credit_memo_items.get(memo["id"])
        if own:
            return [{**item, "active": memo["active"]} for item in own]
        return [
            {
                "id": memo["id"],
                "active": memo["active"],
                "description": memo["description"],
                "quantity": Decimal(1),
                "cost": Decimal(0),
                "price": memo["subTotal"],
                "type": "Service",
                "skuName": None,
                "skuId": 0,
                "total": memo["subTotal"],
                "taxable": bool(memo["salesTax"]),
                "revenueGeneralLedgerAccount": None,
                "expensesGeneralLedgerAccount": None,
                "createdOn": memo["createdOn"],
                "createdBy": memo["createdBy"],
                "businessUnit": memo["businessUnit"],
            }
        ]

    def _open(self, memo_id: int) -> Row:
        row = self._book.row(CREDIT_MEMOS, memo_id)
        if row["syncStatus"] == "Exported":
            raise ApiError(400, f"Credit memo {memo_id} is exported and can no longer be changed.")
        return row

    def _split(self, row: Row, splits: list[Split]) -> Row:
        changed = deepcopy(row)
        lines = cast("list[Row]", changed["appliedTo"] or [])
        next_id = self._book.next_detail_id(CREDIT_MEMOS, "appliedTo", "appliedId")
        left = Decimal(row["balance"])
        for place, split in enumerate(splits):
            invoice = self._book.rows(INVOICES).get(split.invoice_id or 0)
            if invoice is None:
                raise bad_value(name="splits", message=f"There is no invoice {split.invoice_id}.")
            amount = left if split.amount is None else split.amount
            if amount <= 0 or amount > left:
                raise bad_value(name="splits", message=f"Credit memo {row['id']} has {left} left.")
            left -= amount
            lines.append(
                {
                    "appliedId": next_id + place,
                    "appliedTo": invoice["id"],
                    "appliedAmount": amount,
                    "appliedOn": changed["date"],
                    "appliedBy": USER,
                    "appliedToReferenceNumber": invoice["referenceNumber"],
                }
            )
        changed["appliedTo"], changed["balance"] = lines, left
        return changed

    def _store(self, before: Row | None, after: Row) -> Row:
        paid_on = midnight(read_day("date", after["date"]))
        return self._book.store((CREDIT_MEMOS, after), *rebalanced(self._book, before, after, paid_on))[0]


class BankDeposits:
    """All changes of bank deposits.

    Args:
        book: The tenant's rows.
        first_day: Where a deposit without a date belongs, such as ``2026-10-01``.
    """

    def __init__(self, book: Book, first_day: str) -> None:
        self._book = book
        self._first_day = first_day
        self._grouped: dict[int, list[int]] = {}
        self._grouped_at = -1

    def add(self, wanted: Mapping[str, Any]) -> Row:
        """Let a user take payments to the bank.

        Args:
            wanted: ``paymentIds`` of payments that are in no deposit, ``date``, ``fees``, ``name``.

        Raises:
            ApiError: 404 for an unknown payment, 400 when one is void or deposited already.
        """
        fields = dict(wanted)
        keys: Any = fields.pop("paymentIds", [])
        if not isinstance(keys, list):
            raise bad_value(name="paymentIds", message="A list of ids is expected.")
        ids = dict.fromkeys(read_id("paymentIds", key) for key in cast("list[Any]", keys))
        payments = [self._book.row(PAYMENTS, key) for key in ids]
        problems = [each["id"] for each in payments if each["deposit"] or not each["active"]]
        if problems or not payments:
            raise bad_value(
                name="paymentIds", message=f"Active payments in no deposit are expected, not {problems or 'none'}."
            )
        day = read_day("date", fields.pop("date", self._first_day))
        fees = round_to_cents(read_amount("fees", fields.pop("fees", 0)))
        key, now = self._book.next_id(BANK_DEPOSITS), self._book.now()
        gross = total(amount_of(each["total"]) for each in payments)
        empty: Row = {}
        template = next(iter(self._book.rows(BANK_DEPOSITS).values()), empty)
        row: Row = {
            "id": key,
            "name": fields.pop("name", f"Deposit {key}"),
            "depositStatus": "Deposited",
            "syncStatus": "Posted",
            "batch": None,
            "createdOn": now,
            "createdBy": USER,
            "modifiedOn": now,
            "active": True,
            "importId": None,
            "depositDate": midnight(day),
            "reviewStatus": "NeedsReview",
            "reviewedOn": None,
            "grossAmount": gross,
            "netAmount": gross - fees,
            "fees": fees,
            "bankAccount": deepcopy(template.get("bankAccount")),
            "feeAccount": deepcopy(template.get("feeAccount")),
        }
        for name in fields:
            raise bad_value(name, "A deposit is made from paymentIds, date, fees and name.")
        named = {"id": key, "name": row["name"]}
        return self._book.store((BANK_DEPOSITS, row), *((PAYMENTS, {**each, "deposit": named}) for each in payments))[0]

    def transactions(self, deposit_id: int) -> list[Row]:
        """Return the transactions of a deposit: its payments as they are, and what else the world put into it.

        Raises:
            ApiError: 404 for an unknown deposit.
        """
        self._book.row(BANK_DEPOSITS, deposit_id)
        payments = self._book.rows(PAYMENTS)
        found = [
            {name: value for name, value in payments[key].items() if name not in _NOT_IN_DEPOSITS}
            for key in self._payments_of(deposit_id)
        ]
        others = self._book.world.bank_deposit_transactions.get(deposit_id, [])
        return [*found, *(each for each in others if each["id"] not in payments)]

    def _payments_of(self, deposit_id: int) -> list[int]:
        """Return the payments of a deposit; all are grouped anew once any payment has changed."""
        changes = self._book.table(PAYMENTS).log_length
        if self._grouped_at != changes:
            self._grouped.clear()
            for key, row in self._book.rows(PAYMENTS).items():
                found = _deposit_id(row)
                if isinstance(found, int):
                    self._grouped.setdefault(found, []).append(key)
            self._grouped_at = changes
        return self._grouped.get(deposit_id, [])

    def set_exported(self, ids: list[int]) -> None:
        """Mark deposits as exported: all of them or none, since the answer is empty.

        Raises:
            ApiError: 400 for an unknown deposit, or one that was not posted (assumed).
        """
        rows = self._book.rows(BANK_DEPOSITS)
        problems = [key for key in ids if key not in rows or rows[key]["syncStatus"] == "Pending"]
        if problems:
            raise bad_value(name="ids", message=f"Posted deposits are expected, not {', '.join(map(str, problems))}.")
        self._book.store(*((BANK_DEPOSITS, {**rows[key], "syncStatus": "Exported"}) for key in dict.fromkeys(ids)))
