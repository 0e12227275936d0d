"""The calls that tell ServiceTitan what was exported (servicetitan.md sections 3.1 to 3.4).

Most answer row by row, so that one record that cannot be marked does not stop the others.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_deltek_pipeline.sandbox.servicetitan.answers import bad_value, json_bytes
from st_deltek_pipeline.sandbox.servicetitan.bills import Bills
from st_deltek_pipeline.sandbox.servicetitan.bodies import (
    ApBillMarks,
    ApCreditMark,
    ApPaymentMark,
    CreditMemoMark,
    DepositMarks,
    InventoryBillMarks,
    Mark,
    PaymentStatuses,
    read_body,
)
from st_deltek_pipeline.sandbox.servicetitan.book import Book, Change
from st_deltek_pipeline.sandbox.servicetitan.calls import Guard, Handler, writing_routes
from st_deltek_pipeline.sandbox.servicetitan.credits import BankDeposits
from st_deltek_pipeline.sandbox.servicetitan.payables import AP_BILLS, AP_CREDITS, AP_PAYMENTS, INVENTORY_BILLS
from st_deltek_pipeline.sandbox.servicetitan.payments import Payments
from st_deltek_pipeline.sandbox.servicetitan.receivables import BANK_DEPOSITS, CREDIT_MEMOS, INVOICES, PAYMENTS
from st_deltek_pipeline.sandbox.servicetitan.resource import Resource
from st_deltek_pipeline.sandbox.servicetitan.switches import ServiceTitanSwitches
from st_deltek_pipeline.sandbox.state import Row

_Entry = TypeVar("_Entry")

_MARK_PATH = "/markasexported"


class MarkCalls:
    """Handlers of all these calls.

    Args:
        book: The tenant's rows.
        payments: Sets the status of payments.
        bills: Marks both rows of a bill.
        deposits: Marks deposits.
        switches: Returns the switches in force.
    """

    def __init__(
        self,
        book: Book,
        *,
        payments: Payments,
        bills: Bills,
        deposits: BankDeposits,
        switches: Callable[[], ServiceTitanSwitches],
    ) -> None:
        self._book = book
        self._switches = switches
        self._payments = payments
        self._bills = bills
        self._deposits = deposits

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind the scope that it needs."""
        marked: list[tuple[Resource, Handler]] = [
            (INVOICES, self._list_call(INVOICES, Mark, "Invoice", lambda mark: (mark.invoice_id, mark.external_id))),
            (
                CREDIT_MEMOS,
                self._list_call(
                    CREDIT_MEMOS, CreditMemoMark, "CreditMemo", lambda mark: (mark.credit_memo_id, mark.external_id)
                ),
            ),
            (AP_CREDITS, self._list_call(AP_CREDITS, ApCreditMark, "ApCredit", lambda mark: (mark.ap_credit_id, None))),
            (
                AP_PAYMENTS,
                self._list_call(AP_PAYMENTS, ApPaymentMark, "ApPayment", lambda mark: (mark.ap_payment_id, None)),
            ),
            (INVENTORY_BILLS, self._mark_inventory_bills),
            (AP_BILLS, self._mark_ap_bills),
            (BANK_DEPOSITS, self._mark_deposits),
        ]
        routes: list[Route] = []
        for resource, handler in marked:
            routes += writing_routes(resource, guard, ("POST", _MARK_PATH, handler))
        return [*routes, *writing_routes(PAYMENTS, guard, ("POST", "/status", self._set_payment_status))]

    def _list_call(
        self, resource: Resource, kind: type[_Entry], noun: str, read: Callable[[_Entry], tuple[int, str | None]]
    ) -> Handler:
        """Return a handler of a body that is a list of ids with, where the call has it, our reference."""
        key = f"{noun[0].lower()}{noun[1:]}Id"

        async def handle(request: Request) -> Response:
            marks = await read_body(request, list[kind])
            external = dict(read(mark) for mark in marks)

            def exported(row: Row) -> list[Change]:
                changed = {**row, "syncStatus": "Exported"}
                # That the external id is what "exportId" then shows is assumed (servicetitan.md section 3.1).
                if "exportId" in row:
                    changed["exportId"] = external[row["id"]] or row["exportId"]
                return [(resource, changed)]

            return self._mark(resource, [read(mark)[0] for mark in marks], key, noun, exported)

        return handle

    async def _mark_inventory_bills(self, request: Request) -> Response:
        body = await read_body(request, InventoryBillMarks)
        return self._mark_bills(INVENTORY_BILLS, body.inventory_bill_ids, "inventoryBillId")

    async def _mark_ap_bills(self, request: Request) -> Response:
        body = await read_body(request, ApBillMarks)
        return self._mark_bills(AP_BILLS, body.bill_ids, "billId")

    def _mark_bills(self, resource: Resource, ids: Sequence[int], key: str) -> Response:
        return self._mark(resource, ids, key, "Bill", lambda row: self._bills.exported(row["id"]))

    async def _mark_deposits(self, request: Request) -> Response:
        ids = (await read_body(request, DepositMarks)).ids or []
        self._refuse_unmarkable("ids", ids)
        self._deposits.set_exported(ids)
        return Response()

    async def _set_payment_status(self, request: Request) -> Response:
        body = await read_body(request, PaymentStatuses)
        self._refuse_unmarkable("paymentIds", body.payment_ids if body.status == "Exported" else [])
        self._payments.set_status(body)
        return Response()

    def _refuse_unmarkable(self, name: str, ids: Sequence[int]) -> None:
        refused = [key for key in ids if key in self._switches().unmarkable]
        if refused:
            raise bad_value(name, f"Records that cannot be exported: {', '.join(map(str, refused))}.")

    def _mark(
        self, resource: Resource, ids: Sequence[int], key: str, noun: str, exported: Callable[[Row], list[Change]]
    ) -> Response:
        rows = self._book.rows(resource)
        refused = self._switches().unmarkable
        problems = {each: _why_not_exportable(rows.get(each), noun, refused=each in refused) for each in ids}
        changes = [change for each, problem in problems.items() if problem is None for change in exported(rows[each])]
        self._book.store(*changes)
        results = [{key: each, "success": problems[each] is None, "errorMessage": problems[each]} for each in ids]
        return json_bytes(msgspec.json.encode(results))


def _why_not_exportable(row: Row | None, noun: str, *, refused: bool) -> str | None:
    if row is None:
        return f"{noun} was not found."
    if refused:
        return f"{noun} cannot be marked as exported."
    if row["syncStatus"] == "Pending":
        return f"{noun} must be posted before it can be marked as exported."
    return None
