"""When customers and the contractor itself have to pay: ``accounting/payment-terms``."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from st_deltek_pipeline.sandbox.contractor.working_days import add_months, servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row

DUE_AT_ONCE = "Due Upon Receipt"

_DAYS = "NumberOfDays"
_FOLLOWING_MONTH = "CertainDayOfFollowingMonth"


@dataclass(frozen=True)
class Term:
    """A payment term.

    Attributes:
        due: Days after the document's date, or a day of the month after it.
        kind: ServiceTitan's ``dueDayType``, which says which of the two.
        discount: Percent taken off when paid within ``discount_days``.
        customers, vendors: Whether it is the usual one of either.
    """

    term_id: int
    name: str
    due: int
    kind: str = _DAYS
    discount: Decimal | None = None
    discount_days: int | None = None
    customers: bool = False
    vendors: bool = False

    def due_on(self, day: date) -> date:
        """Return when a document of that date is due."""
        if self.kind == _FOLLOWING_MONTH:
            return add_months(day.replace(day=1), 1).replace(day=self.due)
        return day + timedelta(days=self.due)


TERMS: tuple[Term, ...] = (
    Term(7001, DUE_AT_ONCE, 0, customers=True),
    Term(7002, "Net 30", 30, vendors=True),
    Term(7003, "Net 15", 15),
    Term(7004, "2% 10 Net 30", 30, discount=Decimal(2), discount_days=10),
    Term(7005, "10th of the following month", 10, _FOLLOWING_MONTH),
)

TERMS_BY_NAME = {term.name: term for term in TERMS}


def payment_term_rows(first: date) -> dict[int, Row]:
    """Make the payment terms, some years older than the month."""
    created = servicetitan_instant(date(first.year - 4, 2, 1), 60700, 30)
    return {term.term_id: _row(term, created) for term in TERMS}


def _row(term: Term, created: str) -> Row:
    discounted = term.discount is not None
    return {
        "id": term.term_id,
        "name": term.name,
        "dueDayType": term.kind,
        "dueDay": term.due,
        "isCustomerDefault": term.customers,
        "isVendorDefault": term.vendors,
        "active": True,
        "inUse": True,
        "modifiedOn": created,
        "createdOn": created,
        "paymentTermDiscountModel": {
            "id": term.term_id + 100 if discounted else None,
            "discountApplyTo": "ApplyToTotalAmount" if discounted else None,
            "discount": term.discount,
            "discountType": "Percent" if discounted else None,
            "account": "5900" if discounted else None,
            "applyBy": _DAYS if discounted else None,
            "applyByValue": term.discount_days,
        },
        "interestSettings": {
            "id": None,
            "rateType": "Flat",
            "flatRateValue": None,
            "percentageRateValue": None,
            "chargeMethod": None,
            "frequency": "Once",
            "gracePeriod": None,
            "targetInvoices": [],
            "taskId": 0,
            "taskDisplayName": "",
        },
    }
