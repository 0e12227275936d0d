"""What payments and credit memos pay of which invoice, and what that does to the invoices' balances."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, cast

import msgspec

from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.sandbox.servicetitan.answers import bad_value
from st_deltek_pipeline.sandbox.servicetitan.bodies import Split
from st_deltek_pipeline.sandbox.servicetitan.book import Book, Change
from st_deltek_pipeline.sandbox.servicetitan.receivables import INVOICES
from st_deltek_pipeline.sandbox.servicetitan.values import USER, amount_of, money_text
from st_deltek_pipeline.sandbox.state import Row


def applied(row: Row | None) -> dict[int, Decimal]:
    """Return what a payment or credit memo pays of each invoice; an inactive one pays nothing."""
    if row is None or not row["active"]:
        return {}
    lines = cast("list[Row]", row["appliedTo"] or [])
    return sums_by_key((each["appliedTo"], amount_of(each["appliedAmount"])) for each in lines)


def rebalanced(book: Book, before: Row | None, after: Row | None, paid_on: str | None) -> list[Change]:
    """Return the invoices whose balance differs after a payment or credit memo has changed.

    Args:
        book: The tenant's rows.
        before: The version of the payment or credit memo before.
        after: Its version now.
        paid_on: What ``paidOn`` of an invoice becomes when nothing is left to pay.
    """
    old, new = applied(before), applied(after)
    changes: list[Change] = []
    for invoice_id in dict.fromkeys([*old, *new]):
        more = new.get(invoice_id, ZERO) - old.get(invoice_id, ZERO)
        invoice = book.rows(INVOICES).get(invoice_id)
        # A user may leave an application to an invoice that does not exist, as a record to stumble over.
        if invoice is None or not more:
            continue
        balance = amount_of(invoice["balance"]) - more
        changes.append(
            (INVOICES, {**invoice, "balance": money_text(balance), "paidOn": paid_on if not balance else None})
        )
    return changes


def sums_by_key(pairs: Iterable[tuple[int, Decimal]]) -> dict[int, Decimal]:
    """Add up the amounts of each key, in the order in which the keys come."""
    sums: dict[int, Decimal] = {}
    for key, amount in pairs:
        sums[key] = sums.get(key, ZERO) + amount
    return sums


def empty_application(key: int) -> Row:
    """Return an application of nothing to nothing, as a payment shows it."""
    return {
        "appliedAmount": "0.00",
        "appliedBy": USER,
        "appliedId": key,
        "appliedOn": None,
        "appliedTo": 0,
        "appliedToReferenceNumber": None,
    }


def read_splits(value: Any) -> list[Split]:  # noqa: ANN401 - as it came in JSON
    """Return the parts of a payment or credit memo as a user gives them.

    Raises:
        ApiError: 400 when they are none.
    """
    try:
        return msgspec.convert(value, list[Split])
    except msgspec.ValidationError as error:
        raise bad_value(name="splits", message=f"{error}.") from None
