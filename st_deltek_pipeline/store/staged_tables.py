"""Which tables of schema ``staged`` hold each kind of document: one entry per kind, and nothing else knows the names.

A table's columns are the fields of the domain's type, by the same names; a tuple among the fields is a table of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, TypeVar

from st_deltek_pipeline.domain.bills import ApCredit, Bill, BillCredit, BillLine
from st_deltek_pipeline.domain.credit_memos import CreditMemo, CreditSplit
from st_deltek_pipeline.domain.documents import Document, Kind
from st_deltek_pipeline.domain.invoices import Invoice, InvoiceLine
from st_deltek_pipeline.domain.payments import Application, Payment

D = TypeVar("D", bound=Document)

_KEY = ("connection", "document_id")
_FIRST = ("revision", "revision_hash", "business_day")


@dataclass(frozen=True)
class PartTable:
    """The table of a document's parts, such as its lines.

    Attributes:
        table: With its schema.
        member: The document's field that holds them.
        type: The domain's type of one.
        named_by: The column that names a record of a kind, where parts copy that record's words.
        copied: Parts hold words of other records, so that they may change while the document's payload does not.
    """

    table: str
    member: str
    type: type[Any]
    named_by: Mapping[str, str] = field(default_factory=dict[str, str])
    copied: bool = False

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The part's fields, which are its columns."""
        return tuple(each.name for each in fields(self.type))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns, in the order in which rows are written."""
        return (*_KEY, "line_no", *self.fields)

    @cached_property
    def values(self) -> "attrgetter[tuple[Any, ...]]":
        """Gives the values of a part's own columns."""
        return attrgetter(*self.fields)


@dataclass(frozen=True)
class StagedTable(Generic[D]):
    """The tables of one kind of document.

    Attributes:
        type: The domain's type.
        table: With its schema.
        named_by: The column that names a record of a kind, where documents copy that record's words. Records that
            only other records name, such as job types, are reached through those.
        shape: Raised when payloads are read differently, so that everything is staged again with unchanged raw records.
    """

    kind: Kind
    type: type[D]
    table: str
    named_by: Mapping[str, str]
    parts: tuple[PartTable, ...]
    shape: int = 1

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The document's fields that are columns, the first ones the same for every kind."""
        known = {*_FIRST, "key", *(part.member for part in self.parts)}
        return (*_FIRST, *(each.name for each in fields(self.type) if each.name not in known))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns, in the order in which rows are written and read."""
        return (*_KEY, *self.fields, "shape")

    @cached_property
    def values(self) -> "attrgetter[tuple[Any, ...]]":
        """Gives the values of a document's columns but for the shape."""
        return attrgetter("key.connection", "key.document_id", *self.fields)

    def row(self, document: D) -> tuple[Any, ...]:
        """Return a document's column values in the order of ``columns``."""
        return (*self.values(document), self.shape)


_CUSTOMER = {"customer": "customer_id"}
_UNIT = {"business_unit": "business_unit_id"}
_JOB = {"job": "job_id"}

INVOICES = StagedTable(
    Kind.INVOICE,
    Invoice,
    "staged.invoices",
    {**_CUSTOMER, **_UNIT, **_JOB, "project": "project_id", "tax_zone": "tax_zone_id"},
    (PartTable("staged.invoice_lines", "lines", InvoiceLine),),
)
PAYMENTS = StagedTable(
    Kind.PAYMENT,
    Payment,
    "staged.payments",
    {
        **_CUSTOMER,
        **_UNIT,
        "payment_type": "type_id",
        "bank_deposit": "deposit_id",
        "journal_entry_payment": "document_id",
    },
    (PartTable("staged.payment_applications", "applications", Application),),
)
BILLS = StagedTable(
    Kind.BILL,
    Bill,
    "staged.bills",
    {**_UNIT, **_JOB, "tax_zone": "tax_zone_id", "purchase_order": "purchase_order_id"},
    (PartTable("staged.bill_lines", "lines", BillLine, {**_UNIT, **_JOB}, copied=True),),
    shape=2,
)
AP_CREDITS = StagedTable(
    Kind.AP_CREDIT,
    ApCredit,
    "staged.ap_credits",
    {**_UNIT, **_JOB},
    (PartTable("staged.ap_credit_splits", "splits", BillCredit),),
)
CREDIT_MEMOS = StagedTable(
    Kind.CREDIT_MEMO,
    CreditMemo,
    "staged.credit_memos",
    {**_CUSTOMER, **_UNIT, "credit_memo_item": "document_id"},
    (
        PartTable("staged.credit_memo_lines", "lines", InvoiceLine, copied=True),
        PartTable("staged.credit_memo_splits", "splits", CreditSplit),
    ),
)

TABLES: Mapping[Kind, StagedTable[Any]] = {
    table.kind: table for table in (INVOICES, CREDIT_MEMOS, PAYMENTS, BILLS, AP_CREDITS)
}
"""By kind, every one of them."""
