"""What customers owe while their invoices, payments and credit memos change.

Such a change bumps ``modifiedOn`` of the customer too, and a parameter of the list leaves those changes out
(servicetitan.md section 3.6).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.sandbox.servicetitan.filters import field
from st_deltek_pipeline.sandbox.servicetitan.receivables import CREDIT_MEMOS, INVOICES, PAYMENTS
from st_deltek_pipeline.sandbox.servicetitan.resource import Resource
from st_deltek_pipeline.sandbox.servicetitan.resources import CUSTOMERS
from st_deltek_pipeline.sandbox.servicetitan.values import amount_of
from st_deltek_pipeline.sandbox.state import Row

# Resource -> the amount of its rows that is open, and whether customers owe it (1) or have it to their credit (-1).
_OPEN_AMOUNTS = {
    INVOICES.path: ("balance", 1),
    PAYMENTS.path: ("unappliedAmount", -1),
    CREDIT_MEMOS.path: ("balance", -1),
}

_Share = tuple[int, Decimal]

_customer_id = field("customer", "id")


def changed_customers(customers: Mapping[int, Row], changes: Iterable[tuple[Resource, Row | None, Row]]) -> list[Row]:
    """Return the customers whose balance differs after some rows have changed.

    Args:
        customers: By id, as they are now.
        changes: Resources with the version before, which a new row has not, and the version after.
    """
    owed: dict[int, Decimal] = {}
    for resource, before, after in changes:
        if resource.path not in _OPEN_AMOUNTS:
            continue
        old, new = _share(resource, before), _share(resource, after)
        if old != new:
            for sign, (customer_id, amount) in ((-1, old), (1, new)):
                owed[customer_id] = owed.get(customer_id, ZERO) + sign * amount
    return [
        {
            **customers[customer_id],
            "balance": amount_of(customers[customer_id]["balance"]) + amount,
            CUSTOMERS.accounting_mark: _last_own_change(customers[customer_id]),
        }
        for customer_id, amount in owed.items()
        if amount and customer_id in customers
    ]


def _last_own_change(customer: Row) -> str:
    return str(customer.get(CUSTOMERS.accounting_mark) or customer["modifiedOn"])


def _share(resource: Resource, row: Row | None) -> _Share:
    customer_id = _customer_id(row) if row is not None and row["active"] else None
    if row is None or not isinstance(customer_id, int):
        return (0, ZERO)
    name, sign = _OPEN_AMOUNTS[resource.path]
    return (customer_id, sign * amount_of(row[name]))
