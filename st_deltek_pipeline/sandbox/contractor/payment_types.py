"""How customers pay, as ``accounting/payment-types`` gives it."""

from datetime import date

from st_deltek_pipeline.sandbox.contractor.working_days import servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row

_NAMES = ("Cash", "Check", "Credit Card", "ACH", "Financing", "Refund (check)", "Refund (card)", "Write-off")


def payment_type_rows(first: date) -> dict[int, Row]:
    """Make the payment types.

    Args:
        first: First day of the month; the types are some years older.

    Returns:
        Rows by id; the two built-in ones have no instants.
    """
    created = servicetitan_instant(date(first.year - 4, 2, 1), 60500, 20)
    return {
        6101 + place: {
            "id": 6101 + place,
            "name": name,
            "modifiedOn": created if place > 1 else None,
            "createdOn": created if place > 1 else None,
        }
        for place, name in enumerate(_NAMES)
    }
