"""The calls about bills, payments, credit memos, deposits, purchase orders and receipts that are not plain lists.

What they do is in ``payments``, ``credits`` and ``purchasing``; marking as exported is in ``marking``.
"""

from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_deltek_pipeline.sandbox.servicetitan import filters as f
from st_deltek_pipeline.sandbox.servicetitan.answers import json_bytes
from st_deltek_pipeline.sandbox.servicetitan.bodies import (
    Cancellation,
    CreditMemoSplits,
    CreditMemoUpdate,
    NewOrder,
    NewReceipt,
    PaymentUpdate,
    read_body,
)
from st_deltek_pipeline.sandbox.servicetitan.book import Book
from st_deltek_pipeline.sandbox.servicetitan.calls import (
    Guard,
    base_path,
    get,
    parameters_of,
    row_answer,
    row_envelope,
    writing_routes,
)
from st_deltek_pipeline.sandbox.servicetitan.credits import BankDeposits, CreditMemos
from st_deltek_pipeline.sandbox.servicetitan.payables import PURCHASE_ORDERS, RECEIPTS
from st_deltek_pipeline.sandbox.servicetitan.payments import Payments
from st_deltek_pipeline.sandbox.servicetitan.purchasing import Purchasing
from st_deltek_pipeline.sandbox.servicetitan.receivables import BANK_DEPOSITS, CREDIT_MEMOS, PAYMENTS
from st_deltek_pipeline.sandbox.servicetitan.switches import ServiceTitanSwitches
from st_deltek_pipeline.sandbox.state import Row

_ITEM_FILTERS = (
    f.active,
    f.comma_wholes("businessUnitIds", f.field("businessUnit", "id")),
    f.before("createdBefore", f.field("createdOn")),
    f.on_or_after("createdOnOrAfter", f.field("createdOn")),
)


class MoneyCalls:
    """Handlers of these calls.

    Args:
        book: The tenant's rows.
        payments, memos, deposits, purchasing: What the calls change and ask.
        switches: Returns the switches in force.
    """

    def __init__(
        self,
        book: Book,
        *,
        payments: Payments,
        memos: CreditMemos,
        deposits: BankDeposits,
        purchasing: Purchasing,
        switches: Callable[[], ServiceTitanSwitches],
    ) -> None:
        self._book = book
        self._payments = payments
        self._memos = memos
        self._deposits = deposits
        self._purchasing = purchasing
        self._switches = switches

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind the scope that it needs."""
        memos, deposits = base_path(CREDIT_MEMOS), base_path(BANK_DEPOSITS)
        read_memos, read_deposits = f"{CREDIT_MEMOS.scope}:r", f"{BANK_DEPOSITS.scope}:r"
        return [
            get(f"{memos}/credit-memo-items", guard(read_memos, self._all_memo_items)),
            get(f"{memos}/{{id:int}}/items", guard(read_memos, self._memo_items)),
            get(f"{deposits}/{{id:int}}/transactions", guard(read_deposits, self._deposit_transactions)),
            *writing_routes(PAYMENTS, guard, ("PATCH", "/{id:int}", self._update_payment)),
            *writing_routes(
                CREDIT_MEMOS,
                guard,
                ("PATCH", "/{id:int}", self._update_memo),
                ("POST", "/{id:int}/splits", self._split_memo),
            ),
            *writing_routes(
                PURCHASE_ORDERS,
                guard,
                ("POST", "", self._make_order),
                ("PATCH", "/{id:int}/cancellation", self._cancel_order),
            ),
            *writing_routes(
                RECEIPTS, guard, ("POST", "", self._receive), ("PATCH", "/{id:int}/cancellation", self._cancel_receipt)
            ),
        ]

    async def _update_payment(self, request: Request) -> Response:
        body = await read_body(request, PaymentUpdate)
        return row_answer(self._payments.updated(request.path_params["id"], body))

    async def _update_memo(self, request: Request) -> Response:
        body = await read_body(request, CreditMemoUpdate)
        return row_answer(self._memos.updated(request.path_params["id"], body))

    async def _split_memo(self, request: Request) -> Response:
        body = await read_body(request, CreditMemoSplits)
        return row_answer(self._memos.split(request.path_params["id"], body.splits or []))

    async def _memo_items(self, request: Request) -> Response:
        memo = self._book.row(CREDIT_MEMOS, request.path_params["id"])
        return self._items_answer(request, self._memos.items(memo))

    async def _all_memo_items(self, request: Request) -> Response:
        wanted = parameters_of(request).comma_wholes("creditMemoIds")
        rows = [
            {**item, "creditMemoId": key}
            for key, memo in self._book.rows(CREDIT_MEMOS).items()
            if wanted is None or key in wanted
            for item in self._memos.items(memo)
        ]
        return self._items_answer(request, rows)

    def _items_answer(self, request: Request, rows: Sequence[Row]) -> Response:
        parameters = parameters_of(request)
        tests = [test for read in _ITEM_FILTERS if (test := read(parameters)) is not None]
        kept = [row for row in rows if all(test(row) for test in tests)]
        return json_bytes(row_envelope(parameters, self._switches().list_page_limit, kept))

    async def _deposit_transactions(self, request: Request) -> Response:
        rows = self._deposits.transactions(request.path_params["id"])
        return json_bytes(row_envelope(parameters_of(request), self._switches().list_page_limit, rows))

    async def _make_order(self, request: Request) -> Response:
        return row_answer({"id": self._purchasing.order(await read_body(request, NewOrder))})

    async def _cancel_order(self, request: Request) -> Response:
        await read_body(request, Cancellation)
        return row_answer({"id": self._purchasing.cancel_order(request.path_params["id"])})

    async def _receive(self, request: Request) -> Response:
        return row_answer({"id": self._purchasing.receive(await read_body(request, NewReceipt))})

    async def _cancel_receipt(self, request: Request) -> Response:
        await read_body(request, Cancellation)
        return row_answer({"id": self._purchasing.cancel_receipt(request.path_params["id"])})
