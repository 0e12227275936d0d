"""What a user of ServiceTitan does, as calls under ``/_sandbox/servicetitan``; reading requests is ``admin``'s part."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from st_deltek_pipeline.sandbox.servicetitan.app import ServiceTitanTwin
from st_deltek_pipeline.sandbox.servicetitan.values import read_amount, read_id
from st_deltek_pipeline.sandbox.state import Row

_CREATED = 201
_DONE = 200


@dataclass(frozen=True)
class UserCall:
    """One call.

    Attributes:
        twin: The tenant.
        key: Id of the record, 0 where the path has none.
        path: The resource, such as ``inventory/vendors``, where the path names one.
        body: The JSON object that came with it.
        verbatim: Fields are to be written as they are.
    """

    twin: ServiceTitanTwin
    key: int
    path: str
    body: Row
    verbatim: bool


@dataclass(frozen=True)
class UserAction:
    """A thing that a user can do.

    Attributes:
        method, path: Of the call.
        do: Does it, and returns the row that it made or changed.
        status: Of the answer.
    """

    method: str
    path: str
    do: Callable[[UserCall], Row]
    status: int = _DONE


def _amount(call: UserCall) -> Decimal | None:
    value: Any = call.body.get("amount")
    return None if value is None else read_amount("amount", value)


def _move(call: UserCall) -> Row:
    return call.twin.payments.move(
        call.key, read_id("from", call.body.get("from")), read_id("to", call.body.get("to")), _amount(call)
    )


def _apply(call: UserCall) -> Row:
    return call.twin.payments.apply(call.key, read_id("invoiceId", call.body.get("invoiceId")), _amount(call))


USER_ACTIONS = (
    UserAction("POST", "/invoices", lambda call: call.twin.add_invoice(call.body), _CREATED),
    UserAction(
        "PATCH",
        "/invoices/{id:int}",
        lambda call: call.twin.edit_invoice(call.key, call.body, verbatim=call.verbatim),
    ),
    UserAction("POST", "/invoices/{id:int}/void", lambda call: call.twin.void_invoice(call.key)),
    UserAction("POST", "/invoices/{id:int}/unpost", lambda call: call.twin.unpost_invoice(call.key)),
    UserAction("POST", "/payments", lambda call: call.twin.payments.add(call.body), _CREATED),
    UserAction(
        "PATCH",
        "/payments/{id:int}",
        lambda call: call.twin.payments.edit(call.key, call.body, verbatim=call.verbatim),
    ),
    UserAction("POST", "/payments/{id:int}/void", lambda call: call.twin.payments.void(call.key)),
    UserAction("POST", "/payments/{id:int}/unpost", lambda call: call.twin.payments.unpost(call.key)),
    UserAction("POST", "/payments/{id:int}/move", _move),
    UserAction("POST", "/payments/{id:int}/apply", _apply),
    UserAction(
        "POST", "/payments/{id:int}/refund", lambda call: call.twin.payments.refund(call.key, call.body), _CREATED
    ),
    UserAction("POST", "/credit-memos", lambda call: call.twin.credit_memos.add(call.body), _CREATED),
    UserAction("POST", "/credit-memos/{id:int}/void", lambda call: call.twin.credit_memos.void(call.key)),
    UserAction("POST", "/bank-deposits", lambda call: call.twin.deposits.add(call.body), _CREATED),
    UserAction("POST", "/bills", lambda call: call.twin.bills.add(call.body), _CREATED),
    UserAction(
        "PATCH", "/bills/{id:int}", lambda call: call.twin.bills.edit(call.key, call.body, verbatim=call.verbatim)
    ),
    UserAction("POST", "/bills/{id:int}/cancel", lambda call: call.twin.bills.cancel(call.key)),
    UserAction("POST", "/bills/{id:int}/unpost", lambda call: call.twin.bills.unpost(call.key)),
    UserAction("POST", "/bills/{id:int}/credit", lambda call: call.twin.bills.credit(call.key, call.body), _CREATED),
    UserAction(
        "POST",
        "/purchase-orders/{id:int}/receive",
        lambda call: call.twin.purchasing.receive_all(call.key, call.body),
        _CREATED,
    ),
    UserAction("POST", "/rows/{module}/{name}", lambda call: call.twin.add_row(call.path, call.body), _CREATED),
    UserAction(
        "PATCH",
        "/rows/{module}/{name}/{id:int}",
        lambda call: call.twin.edit_row(call.path, call.key, call.body),
    ),
)
