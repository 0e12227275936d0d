"""ServiceTitan's journal entries: one for each day on which something was posted, with summary and details.

Made from the rows of documents as they are now, so they always agree with them; external entries, and changing any, are
not simulated. That there is one entry a day, and which accounts it uses, is assumed (servicetitan.md section 3.4): revenue
and cost by the accounts of items, receivables, undeposited funds, customer deposits, sales tax and payables by the tenant's
default accounts.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.sandbox.servicetitan import filters as f
from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError, json_bytes
from st_deltek_pipeline.sandbox.servicetitan.book import Book
from st_deltek_pipeline.sandbox.servicetitan.calls import Guard, get, parameters_of, row_answer, row_envelope
from st_deltek_pipeline.sandbox.servicetitan.credits import CreditMemos
from st_deltek_pipeline.sandbox.servicetitan.instants import parse_instant
from st_deltek_pipeline.sandbox.servicetitan.parameters import Parameters
from st_deltek_pipeline.sandbox.servicetitan.payables import AP_CREDITS, INVENTORY_BILLS
from st_deltek_pipeline.sandbox.servicetitan.receivables import CREDIT_MEMOS, INVOICES, PAYMENTS, transaction_type
from st_deltek_pipeline.sandbox.servicetitan.values import amount_of
from st_deltek_pipeline.sandbox.state import Row

LARGEST_PAGE = 500
"""Journal entries have smaller pages than other lists (servicetitan.md section 2)."""

_PATH = "/accounting/v2/tenant/{tenant:int}/journal-entries"
_SCOPE = "tn.acc.journalentries:r"
_DAY_LENGTH = len("2026-10-05")
_POSTED = frozenset({"Posted", "Exported"})
_RECEIVABLE, _UNDEPOSITED, _ON_DEPOSIT = "AccountsReceivable", "UndepositedFunds", "CustomerDeposits"
_SALES_TAX, _PAYABLE, _INVENTORY = "SalesTaxPayable", "AccountsPayable", "Inventory"
_BILL_EXTRAS = (
    ("taxAmount", "CostOfGoodsSoldTax"),
    ("shippingAmount", "CostOfGoodsSoldShipping"),
)
_OTHER_COSTS = "5330"
_UNSUPPORTED = f.refuse(
    "exportedFrom",
    "exportedTo",
    "exportedBy",
    "transactionPostedFrom",
    "transactionPostedTo",
    "businessUnitIds",
    "serviceAgreementIds",
    "customerName",
    "locationName",
    "vendorName",
    "inventoryLocationName",
    "refNumber",
    "transactionTypes",
)


@dataclass(frozen=True)
class _Line:
    """An amount of one document on one account; debits are positive."""

    account: Row
    amount: Decimal
    business_unit: Row | None
    transaction: Row


class JournalEntries:
    """The calls about journal entries.

    Args:
        book: The tenant's rows.
        memos: Knows the items of credit memos.
    """

    def __init__(self, book: Book, memos: CreditMemos) -> None:
        self._book = book
        self._memos = memos

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind the scope that it needs."""
        return [
            get(_PATH, guard(_SCOPE, self._list)),
            get(f"{_PATH}/{{id}}", guard(_SCOPE, self._one)),
            get(f"{_PATH}/{{id}}/summary", guard(_SCOPE, self._summary)),
            get(f"{_PATH}/{{id}}/details", guard(_SCOPE, self._details)),
        ]

    async def _list(self, request: Request) -> Response:
        parameters = parameters_of(request)
        _UNSUPPORTED(parameters)
        rows = [row for row in self._entries().values() if _is_wanted(row, parameters)]
        return json_bytes(row_envelope(parameters, LARGEST_PAGE, rows))

    async def _one(self, request: Request) -> Response:
        return row_answer(self._entry(request))

    async def _summary(self, request: Request) -> Response:
        day = self._entry(request)["postDate"]
        return self._lines_answer(request, day, lambda line: (line.account["id"], (line.business_unit or {}).get("id")))

    async def _details(self, request: Request) -> Response:
        day = self._entry(request)["postDate"]
        return self._lines_answer(
            request,
            day,
            lambda line: (line.account["id"], (line.business_unit or {}).get("id"), tuple(line.transaction.values())),
            detailed=True,
        )

    def _lines_answer(
        self, request: Request, day: str, key: Callable[[_Line], object], *, detailed: bool = False
    ) -> Response:
        groups: dict[object, list[_Line]] = {}
        for line in self._lines(day):
            groups.setdefault(key(line), []).append(line)
        rows = [_written(day, lines, detailed=detailed) for lines in groups.values()]
        return json_bytes(row_envelope(parameters_of(request), LARGEST_PAGE, rows))

    def _entry(self, request: Request) -> Row:
        found = self._entries().get(request.path_params["id"].lower())
        if found is None:
            raise ApiError(404, f"Journal entry {request.path_params['id']} was not found.")
        return found

    def _entries(self) -> dict[str, Row]:
        days: dict[str, str] = {}
        for row, day in self._documents():
            days[day] = max(days.get(day, ""), row["modifiedOn"])
        return {
            entry["id"]: entry
            for number, day in enumerate(sorted(days), start=1)
            for entry in [_entry(self._book.world.tenant_id, number, day, days[day])]
        }

    def _documents(self) -> Iterator[tuple[Row, str]]:
        """Yield every document that was posted and counts, with its date."""
        dated = ((INVOICES, "invoiceDate"), (PAYMENTS, "date"), (CREDIT_MEMOS, "date"))
        owed = ((INVENTORY_BILLS, "billDate"), (AP_CREDITS, "date"))
        for resource, name in (*dated, *owed):
            for row in self._book.rows(resource).values():
                counts = row.get("active", True) and row.get("status") != "Canceled" and not row.get("dateCanceled")
                if counts and row["syncStatus"] in _POSTED and row[name]:
                    yield row, row[name][:_DAY_LENGTH]

    def _lines(self, day: str) -> Iterator[_Line]:
        ways = (
            (INVOICES, "invoiceDate", self._invoice),
            (PAYMENTS, "date", self._payment),
            (CREDIT_MEMOS, "date", self._credit_memo),
            (INVENTORY_BILLS, "billDate", self._bill),
            (AP_CREDITS, "date", self._ap_credit),
        )
        ids = {id(row) for row, own in self._documents() if own == day}
        for resource, _, lines in ways:
            for row in self._book.rows(resource).values():
                if id(row) in ids:
                    yield from (line for line in lines(row) if line.amount)

    def _invoice(self, row: Row) -> Iterator[_Line]:
        transaction = _transaction(row, "Invoice")
        yield self._line(_RECEIVABLE, amount_of(row["total"]), row, transaction)
        yield self._line(_SALES_TAX, -amount_of(row["salesTax"]), row, transaction)
        for item in row["items"] or ():
            account = item["generalLedgerAccount"] or self._default("Revenue")
            yield _Line(account, -amount_of(item["total"]), item["businessUnit"] or row["businessUnit"], transaction)

    def _payment(self, row: Row) -> Iterator[_Line]:
        if transaction_type(row) == "JournalEntry":
            return
        transaction, whole = _transaction(row, "Payment"), amount_of(row["total"])
        applied = sum((amount_of(each["appliedAmount"]) for each in row["appliedTo"] or ()), start=ZERO)
        account = row["generalLedgerAccount"] or self._default(_UNDEPOSITED)
        yield _Line(account, whole, row["businessUnit"], transaction)
        yield self._line(_RECEIVABLE, -applied, row, transaction)
        yield self._line(_ON_DEPOSIT, applied - whole, row, transaction)

    def _credit_memo(self, row: Row) -> Iterator[_Line]:
        transaction = _transaction(row, "CreditMemo")
        yield self._line(_RECEIVABLE, -amount_of(row["total"]), row, transaction)
        yield self._line(_SALES_TAX, amount_of(row["salesTax"]), row, transaction)
        for item in self._memos.items(row):
            account = item["revenueGeneralLedgerAccount"] or self._default("Revenue")
            yield _Line(account, amount_of(item["total"]), item["businessUnit"] or row["businessUnit"], transaction)

    def _bill(self, row: Row) -> Iterator[_Line]:
        transaction, whole = _transaction(row, "Bill"), amount_of(row["billAmount"])
        rest = whole
        for name, default in _BILL_EXTRAS:
            rest -= amount_of(row[name])
            yield self._line(default, amount_of(row[name]), row, transaction)
        rest -= amount_of(row["otherAmount"])
        yield _Line(self._numbered(_OTHER_COSTS), amount_of(row["otherAmount"]), row["businessUnit"], transaction)
        items: list[Row] = list(row["items"] or ())
        account = next((_goods(row, item) for item in items), None) or self._default(_INVENTORY)
        yield _Line(account, rest, row["businessUnit"], transaction)
        yield self._line(_PAYABLE, -whole, row, transaction)

    def _ap_credit(self, row: Row) -> Iterator[_Line]:
        transaction, whole = _transaction(row, "VendorCredit"), amount_of(row["amount"])
        yield self._line(_PAYABLE, whole, row, transaction)
        yield self._line(_INVENTORY, -whole, row, transaction)

    def _line(self, default: str, amount: Decimal, row: Row, transaction: Row) -> _Line:
        return _Line(self._default(default), amount, row["businessUnit"], transaction)

    def _default(self, name: str) -> Row:
        return next(row for row in self._book.world.gl_accounts.values() if row["defaultAccountType"] == name)

    def _numbered(self, number: str) -> Row:
        return next(row for row in self._book.world.gl_accounts.values() if row["number"] == number)


def _goods(bill: Row, item: Row) -> Row | None:
    """Goods for a job are a cost of it at once; others are stock."""
    return item.get("costOfSaleAccount") if bill.get("jobId") else item.get("assetAccount")


def _transaction(row: Row, kind: str) -> Row:
    return {"id": row["id"], "type": kind, "refNumber": row.get("referenceNumber")}


def _written(day: str, lines: Sequence[_Line], *, detailed: bool) -> Row:
    first = lines[0]
    amount = sum((line.amount for line in lines), start=ZERO)
    unit, account = first.business_unit, first.account
    row: Row = {
        "postDate": day,
        "account": {
            "id": account["id"],
            "number": account["number"],
            "name": account["name"],
            "type": account["type"],
            "subtype": account.get("detailType", account.get("subtype")),
        },
        "credit": max(-amount, ZERO),
        "debit": max(amount, ZERO),
        "memo": None,
        "businessUnit": None if unit is None else {"id": unit["id"], "name": unit["name"]},
    }
    return {**row, "transaction": first.transaction, "transactionDate": day} if detailed else row


def _entry(tenant: int, number: int, day: str, modified: str) -> Row:
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"journal-entry/{tenant}/{day}")),
        "createdOn": f"{day}T23:00:00Z",
        "modifiedOn": modified,
        "number": number,
        "name": f"Journal entry {day}",
        "source": "ServiceTitan",
        "status": "Closed",
        "syncStatus": "NotSynced",
        "versionId": 1,
        "lastSyncVersionId": None,
        "message": None,
        # The document says date, the live service writes a time without a zone (section 2).
        "postDate": day,
        "exportedOn": None,
        "exportedBy": None,
        "customFields": [],
        "url": None,
        "isEmpty": False,
    }


def _is_wanted(row: Row, parameters: Parameters) -> bool:
    posted = parse_instant(row["postDate"])
    first, last = parameters.instant("postedFrom"), parameters.instant("postedTo")
    ids = parameters.comma_texts("ids")
    return (
        (first is None or posted >= first)
        and (last is None or posted <= last)
        and (ids is None or row["id"] in {each.lower() for each in ids})
        and _matches(row, parameters)
    )


def _matches(row: Row, parameters: Parameters) -> bool:
    lowest, highest = parameters.whole("numberFrom"), parameters.whole("numberTo")
    chosen: Iterable[tuple[str, Sequence[str]]] = (
        ("status", parameters.choices("statuses", ("Open", "Closed"))),
        (
            "syncStatus",
            parameters.choices("syncStatuses", ("NotSynced", "InProgress", "Synced", "OutOfSync", "Error", "Excluded")),
        ),
    )
    name, since, before = (
        parameters.text("name"),
        parameters.instant("modifiedOnOrAfter"),
        parameters.instant("modifiedBefore"),
    )
    modified = parse_instant(row["modifiedOn"])
    return (
        (lowest is None or row["number"] >= lowest)
        and (highest is None or row["number"] <= highest)
        and all(not values or row[field] in values for field, values in chosen)
        and (name is None or name.lower() in row["name"].lower())
        and (since is None or modified >= since)
        and (before is None or modified < before)
    )
