"""The row of one payment and of what it is applied to. Who pays what and when is in ``payments``."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.sandbox.contractor.ledger_accounts import item_account
from st_deltek_pipeline.sandbox.contractor.payment_types import ACH, CARD, CHECK, JOURNAL_ENTRY, TYPE_IDS
from st_deltek_pipeline.sandbox.contractor.working_days import servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row

FIRST_PAYMENT_ID = 84_000_000
FIRST_APPLICATION_ID = 85_000_000

_ACCOUNTS = {ACH: item_account("1010"), JOURNAL_ENTRY: item_account("6430")}
_UNDEPOSITED = item_account("1110")


@dataclass(slots=True)
class Application:
    """Money of a payment for one invoice.

    Attributes:
        invoice: The invoice's row.
        amount: Negative when a refund takes money back.
        day: When somebody applied it.
    """

    invoice: Row
    amount: Decimal
    day: date


def applications_total(applications: Iterable[Application]) -> Decimal:
    """Add applied amounts up."""
    return total(application.amount for application in applications)


def application_row(application: Application, application_id: int, applied_by: str) -> Row:
    """Return an application as a payment shows it (servicetitan.md section 2, APPLIED)."""
    return {
        "appliedAmount": str(application.amount),
        "appliedBy": applied_by,
        "appliedId": application_id,
        "appliedOn": servicetitan_instant(application.day, 0),
        "appliedTo": application.invoice["id"],
        "appliedToReferenceNumber": application.invoice["referenceNumber"],
    }


def payment_row(payment_id: int, type_name: str, *, day: date, created: str) -> Row:
    """Return a pending payment of nobody's, with every field of the API in its order.

    Args:
        payment_id: Its id.
        type_name: The payment type's name; that type decides the account.
        day: The payment's date.
        created: When it was entered.

    Returns:
        A row as the list and the feed show it (servicetitan.md section 3.2).
    """
    type_id = TYPE_IDS.get(type_name)
    return {
        "id": payment_id,
        "syncStatus": "Pending",
        "referenceNumber": None,
        "date": servicetitan_instant(day, 0),
        "type": type_name,
        "typeId": None if type_id is None else str(type_id),
        "total": str(ZERO),
        "unappliedAmount": str(ZERO),
        "memo": None,
        "customer": None,
        "businessUnit": None,
        "deposit": None,
        "batch": None,
        "createdBy": None,
        "generalLedgerAccount": _ACCOUNTS.get(type_name, _UNDEPOSITED),
        "appliedTo": [],
        "customFields": [],
        "authCode": None,
        "checkNumber": None,
        "modifiedOn": created,
        "createdOn": created,
        "active": True,
        "refundedPaymentId": None,
    }


def set_proof(row: Row, type_name: str, number: int) -> None:
    """Write the number that a check or a card payment carries."""
    if type_name == CHECK:
        row["checkNumber"] = row["referenceNumber"] = str(number)
    elif type_name == CARD:
        row["authCode"] = f"{number * 7919 % 16_777_216:06X}"
