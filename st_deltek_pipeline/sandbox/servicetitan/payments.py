"""Payments as users and the API change them; the balances of the invoices they pay follow.

A payment pays invoices by its applications (``appliedTo``); what is left is ``unappliedAmount``. A voided
payment pays nothing, a refund is a payment of its own with the other sign (servicetitan.md section 3.2).
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any, cast

from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError, bad_value
from st_deltek_pipeline.sandbox.servicetitan.applications import (
    applied,
    empty_application,
    read_splits,
    rebalanced,
    sums_by_key,
)
from st_deltek_pipeline.sandbox.servicetitan.bodies import PaymentStatuses, PaymentUpdate, Split
from st_deltek_pipeline.sandbox.servicetitan.book import Book
from st_deltek_pipeline.sandbox.servicetitan.receivables import INVOICES, PAYMENTS
from st_deltek_pipeline.sandbox.servicetitan.resource import SYNC_STATUSES
from st_deltek_pipeline.sandbox.servicetitan.switches import ServiceTitanSwitches
from st_deltek_pipeline.sandbox.servicetitan.values import (
    USER,
    amount_of,
    midnight,
    money_text,
    read_amount,
    read_choice,
    read_day,
    read_instant,
    read_rows,
    reference,
)
from st_deltek_pipeline.sandbox.state import Row

_FIXED = {"id", "createdOn", "modifiedOn"}


class Payments:
    """All changes of payments.

    Args:
        book: The tenant's rows.
        switches: Returns the switches in force.
        first_day: Where a payment without a date belongs, such as ``2026-10-01``.
    """

    def __init__(self, book: Book, switches: Callable[[], ServiceTitanSwitches], first_day: str) -> None:
        self._book = book
        self._switches = switches
        self._first_day = first_day

    def add(self, wanted: Mapping[str, Any]) -> Row:
        """Let a user take one more payment.

        Args:
            wanted: ``splits`` of ``{invoiceId, amount}`` (an amount left out is the invoice's balance), ``total``
                (default: their sum), ``date``, ``typeId``; any further key is a field to set, as in ``edit``.
                Customer and business unit are those of the first invoice, the status is Posted.

        Raises:
            ApiError: 400 for a value that cannot be read.
        """
        fields = dict(wanted)
        splits = read_splits(fields.pop("splits", []))
        types = self._book.world.payment_types
        type_id = fields.pop("typeId", None) or next(iter(types), None)
        day = read_day("date", fields.pop("date", self._first_day))
        key = self._book.next_id(PAYMENTS)
        first = self._invoice(splits[0]) if splits else None
        row: Row = {
            "id": key,
            "syncStatus": "Posted",
            "referenceNumber": str(key),
            "date": midnight(day),
            "type": None,
            "typeId": None,
            "total": "0.00",
            "unappliedAmount": "0.00",
            "memo": None,
            "customer": deepcopy(first["customer"]) if first else None,
            "businessUnit": deepcopy(first["businessUnit"]) if first else None,
            "deposit": None,
            "batch": None,
            "createdBy": USER,
            "generalLedgerAccount": None,
            "appliedTo": [],
            "customFields": [],
            "authCode": None,
            "checkNumber": None,
            "refundedPaymentId": None,
            "modifiedOn": self._book.now(),
            "createdOn": self._book.now(),
            "active": True,
        }
        self._set_type(row, type_id)
        amount = fields.pop("total", None)
        parts = self._parts(row, splits, None if amount is None else read_amount("total", amount))
        row["total"] = money_text(total(parts.values()) if amount is None else read_amount("total", amount))
        self._apply(row, parts)
        return self._store(None, self._edited(row, fields, verbatim=False))

    def edit(self, payment_id: int, fields: Mapping[str, Any], *, verbatim: bool = False) -> Row:
        """Let a user change a payment.

        ``splits`` replaces what the payment is applied to, ``total`` changes what is left unapplied;
        ``customerId``, ``businessUnitId`` and ``typeId`` take an id. Everything else is a field of the row.

        Args:
            payment_id: The payment.
            fields: Names and new values.
            verbatim: Write row fields as they are, also when the amounts then do not add up.

        Raises:
            ApiError: 404 for an unknown payment, 400 for an unknown field or a value that cannot be read.
        """
        row = self._book.row(PAYMENTS, payment_id)
        return self._store(row, self._edited(row, fields, verbatim=verbatim))

    def void(self, payment_id: int) -> Row:
        """Let a user void a payment: it stays in the feed, is inactive, and pays nothing any more.

        Raises:
            ApiError: 404 for an unknown payment.
        """
        row = self._book.row(PAYMENTS, payment_id)
        return self._store(row, self._voided(row))

    def unpost(self, payment_id: int) -> Row:
        """Let a user un-post the batch of a payment.

        Raises:
            ApiError: 404 for an unknown payment.
        """
        row = self._book.row(PAYMENTS, payment_id)
        return self._store(row, {**row, "syncStatus": "Pending", "batch": None})

    def move(self, payment_id: int, source: int, target: int, amount: Decimal | None = None) -> Row:
        """Let a user move money of a payment from one invoice to another.

        Args:
            payment_id: The payment.
            source: Id of the invoice it pays.
            target: Id of the invoice it is to pay.
            amount: How much; by default everything that pays the first.

        Raises:
            ApiError: 404 for an unknown payment or invoice, 400 when it does not pay that much of the first.
        """
        row = self._book.row(PAYMENTS, payment_id)
        parts = applied(row)
        there = parts.get(source, ZERO)
        moved = there if amount is None else amount
        if source not in parts or abs(moved) > abs(there) or moved * there < 0:
            raise bad_value(name="amount", message=f"Payment {payment_id} applies {there} to invoice {source}.")
        parts[source] = there - moved
        parts[target] = parts.get(target, ZERO) + moved
        self._book.row(INVOICES, target)
        changed = deepcopy(row)
        self._apply(changed, parts)
        return self._store(row, changed)

    def apply(self, payment_id: int, invoice_id: int, amount: Decimal | None = None) -> Row:
        """Let a user apply money of a payment that was unapplied.

        Args:
            payment_id: The payment.
            invoice_id: The invoice to pay.
            amount: How much; by default everything that is unapplied.

        Raises:
            ApiError: 404 for an unknown payment or invoice, 400 when that much is not unapplied.
        """
        row = self._book.row(PAYMENTS, payment_id)
        self._book.row(INVOICES, invoice_id)
        left = amount_of(row["unappliedAmount"])
        added = left if amount is None else amount
        if not row["active"] or abs(added) > abs(left) or added * left <= 0:
            raise bad_value(name="amount", message=f"Payment {payment_id} has {left} unapplied.")
        parts = applied(row)
        parts[invoice_id] = parts.get(invoice_id, ZERO) + added
        changed = deepcopy(row)
        self._apply(changed, parts)
        return self._store(row, changed)

    def refund(self, payment_id: int, wanted: Mapping[str, Any]) -> Row:
        """Let a user give money back, or take a refund back: a new payment with the other sign.

        Unapplied money goes first, then what was applied last; the invoices are open again by that much.

        Args:
            payment_id: The payment or refund.
            wanted: ``amount`` (default: what was not refunded yet) and ``date``; any further key as in ``edit``.

        Raises:
            ApiError: 404 for an unknown payment, 400 when it is void or less than that is left.
        """
        row = self._book.row(PAYMENTS, payment_id)
        fields = dict(wanted)
        family = [row, *self._refunds_of(payment_id)]
        left = total(amount_of(each["total"]) for each in family)
        amount = fields.pop("amount", None)
        size = abs(left) if amount is None else read_amount("amount", amount)
        if not row["active"] or size <= 0 or size > abs(left):
            raise bad_value(name="amount", message=f"Payment {payment_id} has {abs(left)} left to refund.")
        sign = -1 if left > 0 else 1
        unapplied = total(amount_of(each["unappliedAmount"]) for each in family)
        rest = size - min(abs(unapplied), size)
        parts: dict[int, Decimal] = {}
        standing = sums_by_key(pair for each in family for pair in applied(each).items())
        for invoice_id, paid in reversed(standing.items()):
            share = min(abs(paid), rest)
            if share:
                parts[invoice_id] = sign * share
                rest -= share
        day = read_day("date", fields.pop("date", row["date"] or self._first_day))
        key = self._book.next_id(PAYMENTS)
        refund: Row = {
            **deepcopy(row),
            "id": key,
            "referenceNumber": str(key),
            "date": midnight(day),
            "total": money_text(sign * size),
            "appliedTo": [],
            "deposit": None,
            "batch": None,
            "syncStatus": "Posted",
            "memo": f"Refund of {row['referenceNumber']}",
            "refundedPaymentId": payment_id,
            "createdOn": self._book.now(),
        }
        self._apply(refund, parts)
        return self._store(None, self._edited(refund, fields, verbatim=False))

    def updated(self, payment_id: int, body: PaymentUpdate) -> Row:
        """Change a payment by ``PATCH /payments/{id}``, and return the reply.

        Raises:
            ApiError: 404 for an unknown payment, 400 when it is exported or a value makes no sense.
        """
        row = self._book.row(PAYMENTS, payment_id)
        if row["syncStatus"] == "Exported":
            raise ApiError(400, f"Payment {payment_id} is exported and can no longer be changed.")
        changed = deepcopy(row)
        self._set_type(changed, body.type_id)
        for name, value in (
            ("authCode", body.auth_code),
            ("checkNumber", body.check_number),
            ("exportId", body.export_id),
            ("memo", body.memo),
            ("syncStatus", body.status),
            ("date", read_instant("paidOn", body.paid_on)),
        ):
            if value is not None:
                changed[name] = value
        self._apply(changed, self._parts(changed, body.splits, amount_of(row["total"])))
        if body.active is not None:
            changed = {**changed, "active": True} if body.active else self._voided(changed)
        return _reply(self._store(row, changed), self._book.rows(INVOICES))

    def set_status(self, body: PaymentStatuses) -> None:
        """Set the status of several payments: all of them or none, since the answer is empty.

        Raises:
            ApiError: 400 for an unknown payment, or one that is to be exported and was not posted (assumed).
        """
        rows = self._book.rows(PAYMENTS)
        problems: list[str] = []
        for key in body.payment_ids:
            if key not in rows:
                problems.append(f"Payment {key} was not found.")
            elif body.status == "Exported" and rows[key]["syncStatus"] == "Pending":
                problems.append(f"Payment {key} must be posted before it can be exported.")
        if problems:
            raise ApiError(400, errors={"paymentIds": problems})
        self._book.store(
            *((PAYMENTS, {**rows[key], "syncStatus": body.status}) for key in dict.fromkeys(body.payment_ids))
        )

    def _edited(self, row: Row, fields: Mapping[str, Any], *, verbatim: bool) -> Row:
        changed = deepcopy(row)
        for name, value in fields.items():
            if name != "splits":
                self._set(changed, name, value)
        if not verbatim and "splits" in fields:
            splits = read_splits(fields["splits"])
            self._apply(changed, self._parts(changed, splits, amount_of(changed["total"])))
        elif not verbatim and "unappliedAmount" not in fields:
            spent = total(amount_of(each["appliedAmount"]) for each in cast("list[Row]", changed["appliedTo"] or []))
            changed["unappliedAmount"] = money_text(amount_of(changed["total"]) - spent)
        return changed

    def _set(self, row: Row, name: str, value: Any) -> None:  # noqa: ANN401 - a field may hold anything JSON can
        world = self._book.world
        if name == "customerId":
            row["customer"] = reference(name, value, world.customers)
        elif name == "businessUnitId":
            row["businessUnit"] = reference(name, value, world.business_units)
        elif name == "typeId":
            self._set_type(row, value)
        elif (name not in row and name not in PAYMENTS.hidden) or name in _FIXED:
            raise bad_value(name, "A payment has no such field, or it cannot be changed.")
        elif name == "date":
            row[name] = read_instant(name, value)
        elif name == "syncStatus":
            row[name] = read_choice(name, value, SYNC_STATUSES)
        elif name in {"total", "unappliedAmount"} and value is not None:
            row[name] = money_text(read_amount(name, value))
        elif name == "appliedTo" and value is not None:
            row[name] = [{**empty_application(row["id"]), **each} for each in read_rows(name, value)]
        else:
            row[name] = deepcopy(value)

    def _set_type(self, row: Row, type_id: Any) -> None:  # noqa: ANN401 - as it came in JSON
        kind = reference("typeId", type_id, self._book.world.payment_types)
        if kind is None:
            row["type"] = row["typeId"] = None
            return
        # The list's rows write the id as text (servicetitan.md section 3.2).
        text = str(kind["id"])
        if row["typeId"] != text:
            row["type"], row["typeId"] = kind["name"], text
            same = (each for each in self._book.rows(PAYMENTS).values() if each["typeId"] == text)
            like = next(same, None)
            row["generalLedgerAccount"] = deepcopy(like["generalLedgerAccount"]) if like else None

    def _invoice(self, split: Split) -> Row:
        rows = self._book.rows(INVOICES)
        if split.invoice_id is not None:
            row = rows.get(split.invoice_id)
        else:
            row = next((each for each in rows.values() if each["referenceNumber"] == split.invoice_number), None)
        if row is None:
            raise bad_value(name="splits", message=f"There is no invoice {split.invoice_id or split.invoice_number}.")
        return row

    def _parts(self, row: Row, splits: Sequence[Split], whole: Decimal | None) -> dict[int, Decimal]:
        """Return what each invoice gets; without an amount its balance, counting what the payment pays already."""
        before = applied(row)
        parts: dict[int, Decimal] = {}
        for split in splits:
            invoice = self._invoice(split)
            key: int = invoice["id"]
            open_amount = amount_of(invoice["balance"]) + before.get(key, ZERO)
            parts[key] = parts.get(key, ZERO) + (open_amount if split.amount is None else split.amount)
        spent = total(parts.values())
        if whole is not None and (abs(spent) > abs(whole) or spent * whole < 0):
            raise bad_value(name="splits", message=f"The splits sum to {spent}, more than the payment of {whole}.")
        return parts

    def _apply(self, row: Row, parts: Mapping[int, Decimal]) -> None:
        """Make the payment pay exactly these amounts; an application that stays keeps its id and its time."""
        old = {each["appliedTo"]: each for each in reversed(cast("list[Row]", row["appliedTo"] or []))}
        next_id = self._book.next_detail_id(PAYMENTS, "appliedTo", "appliedId")
        now, invoices = self._book.now(), self._book.rows(INVOICES)
        lines: list[Row] = []
        for invoice_id, amount in parts.items():
            if not amount:
                continue
            line = old.get(invoice_id)
            if line is None or amount_of(line["appliedAmount"]) != amount:
                line = {
                    "appliedAmount": money_text(amount),
                    "appliedBy": USER,
                    "appliedId": next_id if line is None else line["appliedId"],
                    "appliedOn": now,
                    "appliedTo": invoice_id,
                    "appliedToReferenceNumber": invoices[invoice_id]["referenceNumber"],
                }
                next_id += 1
            lines.append(line)
        row["appliedTo"] = lines
        row["unappliedAmount"] = money_text(amount_of(row["total"]) - total(parts.values()))

    def _voided(self, row: Row) -> Row:
        voided = {**deepcopy(row), "active": False}
        if not self._switches().voided_payments_keep_applications:
            voided["appliedTo"] = []
        return voided

    def _refunds_of(self, payment_id: int) -> list[Row]:
        """Return the refunds of a payment, the refunds of those, and so on."""
        refunds = [each for each in self._book.rows(PAYMENTS).values() if each["active"] and each["refundedPaymentId"]]
        family, found = {payment_id}, list[Row]()
        # A refund is made after what it refunds, and rows are in the order of creation.
        for each in refunds:
            if each["refundedPaymentId"] in family:
                family.add(each["id"])
                found.append(each)
        return found

    def _store(self, before: Row | None, after: Row) -> Row:
        return self._book.store((PAYMENTS, after), *rebalanced(self._book, before, after, after["date"]))[0]


def _reply(row: Row, invoices: Mapping[int, Row]) -> Row:
    splits = [
        {
            "amount": amount_of(each["appliedAmount"]),
            "invoiceId": each["appliedTo"],
            "invoiceNumber": invoices.get(each["appliedTo"], {}).get("referenceNumber"),
        }
        for each in cast("list[Row]", row["appliedTo"] or [])
    ]
    return {
        "id": row["id"],
        "typeId": int(row["typeId"]),
        "active": row["active"],
        "memo": row["memo"],
        "paidOn": row["date"],
        "authCode": row["authCode"],
        "checkNumber": row["checkNumber"],
        "exportId": row.get("exportId"),
        "transactionStatus": None,
        "status": row["syncStatus"],
        "splits": splits,
        "customerId": (row["customer"] or {}).get("id"),
    }
