"""Which streams of records there are in ServiceTitan, how each is read, and which of them a connection needs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind

# Inactive rows are hidden unless asked for; lists that do not know the parameter ignore it (section 2).
_INACTIVE_TOO = {"active": "Any"}


class Reading(StrEnum):
    """How a resource is read.

    An export feed goes on from a continuation token. A list that can be asked for what was modified goes on from the
    newest modification seen. Any other list is read whole each time.
    """

    EXPORT = "export"
    MODIFIED = "modified"
    LIST = "list"


@dataclass(frozen=True)
class Feed:
    """One stream of records.

    Attributes:
        name: What assets, cursors and messages call it.
        resource: Module and path of the API, without tenant and version.
        kind: The kind of record it holds. Two feeds of one kind are two views of the same records.
        passes: Query parameters; a list is read once with each of these.
        created_too: Some rows have no ``modifiedOn``, so what was created lately is asked for as well.
        reread_from: A list to read open records from again by their ids, whether or not they say they were modified.
        reread_since: Records dated earlier are not read again.
        after: A feed that has to be read before this one, in the same intake.
        needed_for: The kinds of document that need it; a connection that moves none of them does not read it.
    """

    name: str
    resource: str
    reading: Reading
    kind: RecordKind
    passes: tuple[Mapping[str, str], ...] = field(default=(_INACTIVE_TOO,), repr=False)
    created_too: bool = False
    reread_from: str | None = None
    reread_since: date = date.min
    after: str | None = None
    needed_for: frozenset[Kind] = frozenset(Kind)


_PAYMENT, _MEMO, _BILL, _AP_CREDIT = (
    frozenset({kind}) for kind in (Kind.PAYMENT, Kind.CREDIT_MEMO, Kind.BILL, Kind.AP_CREDIT)
)


def _export(name: str, resource: str, kind: RecordKind, needed_for: frozenset[Kind] = frozenset(Kind)) -> Feed:
    return Feed(name, resource, Reading.EXPORT, kind, needed_for=needed_for)


def _list(name: str, resource: str, kind: RecordKind) -> Feed:
    return Feed(name, resource, Reading.LIST, kind)


_INVENTORY_BILLS = Feed(
    "inventory_bills",
    "accounting/export/inventory-bills",
    Reading.EXPORT,
    RecordKind.BILL,
    passes=({},),
    reread_from="accounting/inventory-bills",
    needed_for=_BILL,
)
_AP_BILLS = Feed(
    "ap_bills",
    "accounting/ap-bills",
    Reading.MODIFIED,
    RecordKind.BILL,
    # Only bills for purchase orders are listed unless the others are asked for (section 3.3).
    passes=({"billType": "Procurement"}, {"billType": "ApBill"}),
    created_too=True,
    reread_from="accounting/ap-bills",
    needed_for=_BILL,
)
_BILLS = {feed.name: feed for feed in (_INVENTORY_BILLS, _AP_BILLS)}

_OTHERS: tuple[Feed, ...] = (
    _export("invoices", "accounting/export/invoices", RecordKind.INVOICE, frozenset({Kind.INVOICE})),
    _export("payments", "accounting/export/payments", RecordKind.PAYMENT, _PAYMENT),
    # No row says that it is a journal entry; only this filter does (section 3.2). Read behind the payments, so that
    # none is taken for money because the list was asked too early.
    Feed(
        "journal_entry_payments",
        "accounting/payments",
        Reading.MODIFIED,
        RecordKind.JOURNAL_ENTRY_PAYMENT,
        passes=({"transactionType": "JournalEntry", "activeState": "All"},),
        after="payments",
        needed_for=_PAYMENT,
    ),
    Feed("credit_memos", "accounting/credit-memos", Reading.MODIFIED, RecordKind.CREDIT_MEMO, needed_for=_MEMO),
    replace(
        _list("credit_memo_items", "accounting/credit-memos/credit-memo-items", RecordKind.CREDIT_MEMO_ITEM),
        after="credit_memos",
        needed_for=_MEMO,
    ),
    Feed(
        "bank_deposits",
        "accounting/bank-deposits",
        Reading.MODIFIED,
        RecordKind.BANK_DEPOSIT,
        # Neither deposits nor AP credits can be asked for by ``active``: they have no such filter (section 3.4).
        passes=({},),
        created_too=True,
        needed_for=_PAYMENT,
    ),
    Feed(
        "ap_credits",
        "accounting/ap-credits",
        Reading.MODIFIED,
        RecordKind.AP_CREDIT,
        passes=({},),
        needed_for=_AP_CREDIT,
    ),
    _export("purchase_orders", "inventory/export/purchase-orders", RecordKind.PURCHASE_ORDER, _BILL),
    _export("customers", "crm/export/customers", RecordKind.CUSTOMER),
    _export("locations", "crm/export/locations", RecordKind.LOCATION),
    _export("business_units", "settings/export/business-units", RecordKind.BUSINESS_UNIT),
    _export("jobs", "jpm/export/jobs", RecordKind.JOB),
    _export("projects", "jpm/export/projects", RecordKind.PROJECT),
    _list("job_types", "jpm/job-types", RecordKind.JOB_TYPE),
    _list("gl_accounts", "accounting/gl-accounts", RecordKind.GL_ACCOUNT),
    _list("tax_zones", "accounting/tax-zones", RecordKind.TAX_ZONE),
    _list("payment_types", "accounting/payment-types", RecordKind.PAYMENT_TYPE),
    replace(_list("vendors", "inventory/vendors", RecordKind.VENDOR), needed_for=_BILL | _AP_CREDIT),
)

FEEDS: tuple[Feed, ...] = (*_OTHERS, *_BILLS.values())
"""Every feed the program knows; a connection reads those that ``feeds_of`` gives."""


def followers(feed: Feed, feeds: Iterable[Feed]) -> list[Feed]:
    """Return the feeds that have to be read behind a feed, whenever something of it was read."""
    return [each for each in feeds if each.after == feed.name]


FEEDS_BY_NAME = {feed.name: feed for feed in FEEDS}


def feeds_of(settings: ConnectionSettings) -> tuple[Feed, ...]:
    """Return the feeds that a connection reads, in the order in which they have to be read.

    Args:
        settings: The connection; it decides which kinds of document are moved, and which of ServiceTitan's two views
            of bills is read.
    """
    moved = frozenset(settings.posting.documents)
    bills = replace(_BILLS[settings.posting.bills_source], reread_since=settings.start_date)
    return tuple(feed for feed in (*_OTHERS, bills) if moved & feed.needed_for)
