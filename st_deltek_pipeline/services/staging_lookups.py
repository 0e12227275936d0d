"""What documents copy from other records: kept up to date from ``raw``, and looked up for many documents at once.

When one of those records changes, the days of every kind that refers to it become stale.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sqlalchemy import Connection

from st_deltek_pipeline.servicetitan.credit_memos import CreditMemoItemRecord, to_memo_line
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.records import (
    BankDepositRecord,
    BusinessUnitRecord,
    CustomerRecord,
    JobRecord,
    JobTypeRecord,
    JournalEntryPaymentRecord,
    PaymentTypeRecord,
    ProjectRecord,
    PurchaseOrderRecord,
    TaxZoneRecord,
    read_record,
)
from st_deltek_pipeline.servicetitan.shapes import Record, Unfit, date_part, plain_text
from st_deltek_pipeline.servicetitan.surroundings import CustomerFacts, JobFacts, MemoItems, Surroundings
from st_deltek_pipeline.store.staged_days import mark_stale_days
from st_deltek_pipeline.store.staged_lookups import (
    Lookup,
    lookup_candidates,
    lookups,
    move_lookup_progress,
    unread_lookups,
    write_lookups,
)
from st_deltek_pipeline.store.staged_memo_items import StoredMemoItem, memo_items, write_memo_items
from st_deltek_pipeline.store.staged_set_aside import SetAside, clear_set_aside, write_set_aside

_CHUNK = 1000
# Raised when these records are read differently.
_SHAPE = 1
# Customers merged into merged customers; a longer chain is a mistake in the data.
_LONGEST_MERGE_CHAIN = 50
_DEPOSITED = "Deposited"

LOOKUP_KINDS: tuple[RecordKind, ...] = (
    RecordKind.CUSTOMER,
    RecordKind.BUSINESS_UNIT,
    RecordKind.JOB,
    RecordKind.JOB_TYPE,
    RecordKind.PROJECT,
    RecordKind.TAX_ZONE,
    RecordKind.PAYMENT_TYPE,
    RecordKind.BANK_DEPOSIT,
    RecordKind.JOURNAL_ENTRY_PAYMENT,
    RecordKind.PURCHASE_ORDER,
    RecordKind.CREDIT_MEMO_ITEM,
)
"""The records that documents copy something from."""

_COPIED = tuple(kind for kind in LOOKUP_KINDS if kind is not RecordKind.CREDIT_MEMO_ITEM)


def unread_kinds(db: Connection, connection: str) -> dict[str, int]:
    """Return the kinds with records that have not been read yet, and how far each has been read.

    Args:
        db: A connection to the database.
        connection: The connection's name.
    """
    return unread_lookups(db, connection, LOOKUP_KINDS)


def read_lookups(db: Connection, connection: str, kind: RecordKind, seen: int) -> None:
    """Read what is new of one kind, and mark the days stale that refer to what differs.

    Args:
        db: The staging transaction, which holds the staging lock.
        connection: The connection's name.
        kind: The kind of record.
        seen: Versions up to this number have been read.
    """
    high = seen
    for chunk in lookup_candidates(db, connection, kind, seen, chunk=_CHUNK):
        records: list[Record] = []
        unfit: list[SetAside] = []
        for record_id, raw_seq, payload in chunk:
            record = read_record(kind, payload)
            if isinstance(record, CreditMemoItemRecord) and record.credit_memo_id is None:
                record = Unfit(("$.creditMemoId is missing",))
            if isinstance(record, Unfit):
                unfit.append(SetAside(kind, record_id, raw_seq, None, None, str(record)))
            else:
                records.append(record)
        mark_stale_days(db, connection, kind, _write(db, connection, kind, records))
        write_set_aside(db, connection, unfit, shape=_SHAPE)
        clear_set_aside(db, connection, kind, [record.id for record in records])
        high = chunk[-1][1]
    move_lookup_progress(db, connection, kind, high)


def _write(db: Connection, connection: str, kind: RecordKind, records: Sequence[Record]) -> list[int]:
    """Write what is to be known of some records, and return the ids by which documents refer to what differs."""
    if kind is not RecordKind.CREDIT_MEMO_ITEM:
        return write_lookups(db, connection, kind, [_lookup(record) for record in records])
    return write_memo_items(
        db, connection, [_memo_item(record) for record in records if isinstance(record, CreditMemoItemRecord)]
    )


def _lookup(record: Record) -> Lookup:
    match record:
        case CustomerRecord():
            return Lookup(record.id, plain_text(record.name), plain_text(record.type), record.merged_to_id)
        case JobRecord():
            number, status = plain_text(record.job_number), plain_text(record.job_status)
            return Lookup(record.id, number, status, record.job_type_id, record.project_id)
        case ProjectRecord() | PurchaseOrderRecord():
            return Lookup(record.id, plain_text(record.number))
        case BusinessUnitRecord() | JobTypeRecord() | TaxZoneRecord() | PaymentTypeRecord():
            return Lookup(record.id, plain_text(record.name))
        case BankDepositRecord():
            return Lookup(record.id, _deposited_on(record))
        case JournalEntryPaymentRecord():
            return Lookup(record.id, "")
        case _:
            message = f"documents do not refer to {type(record).__name__}"
            raise TypeError(message)


def _deposited_on(deposit: BankDepositRecord) -> str:
    day = date_part(deposit.deposit_date)
    is_deposited = deposit.deposit_status == _DEPOSITED and deposit.active is not False
    return day.isoformat() if day is not None and is_deposited else ""


def _memo_item(record: CreditMemoItemRecord) -> StoredMemoItem:
    line, memo_id, active = to_memo_line(record), record.credit_memo_id or 0, record.active is not False
    if isinstance(line, Unfit):
        return StoredMemoItem(record.id, memo_id, active, None, str(line))
    return StoredMemoItem(record.id, memo_id, active, line)


def look_up(db: Connection, connection: str, wanted: Iterable[tuple[RecordKind, int | None]]) -> Surroundings:
    """Look up in bulk what the records named by some documents say.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        wanted: Kinds and ids; ``None`` is passed over.
    """
    ids: dict[RecordKind, set[int]] = {kind: set() for kind in LOOKUP_KINDS}
    for kind, record_id in wanted:
        if record_id is not None:
            ids[kind].add(record_id)
    known = lookups(db, connection, ((kind, ids[kind]) for kind in _COPIED))
    jobs = known[RecordKind.JOB].values()
    through_jobs = lookups(
        db,
        connection,
        (
            (RecordKind.JOB_TYPE, {job.refers_to for job in jobs if job.refers_to is not None}),
            (RecordKind.PROJECT, {job.part_of for job in jobs if job.part_of is not None}),
        ),
    )
    job_types, job_projects = _names(through_jobs[RecordKind.JOB_TYPE]), _names(through_jobs[RecordKind.PROJECT])
    merged = _merged_customers(db, connection, known[RecordKind.CUSTOMER])
    return Surroundings(
        customers={customer: _surviving(merged, customer) for customer in known[RecordKind.CUSTOMER]},
        jobs={
            job.record_id: JobFacts(
                job_types.get(job.refers_to, "") if job.refers_to is not None else "",
                job.category,
                job.name,
                job_projects.get(job.part_of, "") if job.part_of is not None else "",
            )
            for job in jobs
        },
        business_units=_names(known[RecordKind.BUSINESS_UNIT]),
        projects=_names(known[RecordKind.PROJECT]),
        tax_zones=_names(known[RecordKind.TAX_ZONE]),
        payment_types=_names(known[RecordKind.PAYMENT_TYPE]),
        purchase_orders=_names(known[RecordKind.PURCHASE_ORDER]),
        deposits={
            deposit.record_id: date.fromisoformat(deposit.name)
            for deposit in known[RecordKind.BANK_DEPOSIT].values()
            if deposit.name
        },
        journal_entries=frozenset(known[RecordKind.JOURNAL_ENTRY_PAYMENT]),
        memo_items=_items_of(db, connection, ids[RecordKind.CREDIT_MEMO_ITEM]),
    )


def _names(found: Mapping[int, Lookup]) -> dict[int, str]:
    return {record_id: lookup.name for record_id, lookup in found.items()}


def _items_of(db: Connection, connection: str, memo_ids: set[int]) -> dict[int, MemoItems]:
    if not memo_ids:
        return {}
    return {
        memo_id: MemoItems(
            tuple(item.line for item in items if item.line is not None),
            tuple(item.problem for item in items if item.problem),
        )
        for memo_id, items in memo_items(db, connection, memo_ids).items()
    }


def _merged_customers(db: Connection, connection: str, customers: dict[int, Lookup]) -> dict[int, Lookup]:
    """Add the customers that customers were merged into, link by link for all of them at once."""
    known = dict(customers)
    asked: set[int] = set(known)
    for _ in range(_LONGEST_MERGE_CHAIN):
        missing = {
            customer.refers_to
            for customer in known.values()
            if customer.refers_to is not None and customer.refers_to not in asked
        }
        if not missing:
            break
        asked |= missing
        known.update(lookups(db, connection, ((RecordKind.CUSTOMER, missing),))[RecordKind.CUSTOMER])
    return known


def _surviving(customers: dict[int, Lookup], customer_id: int) -> CustomerFacts:
    """Follow merges to the customer that is left.

    The type is the last known one's. A survivor that was not taken in yet is named all the same, since
    ServiceTitan says so. Customers merged in a circle have no survivor: each stays itself.
    """
    own = customers[customer_id]
    met = {customer_id}
    last = own
    while last.refers_to is not None:
        if last.refers_to in met:
            return CustomerFacts(own.category, customer_id)
        met.add(last.refers_to)
        following = customers.get(last.refers_to)
        if following is None:
            return CustomerFacts(last.category, last.refers_to)
        last = following
    return CustomerFacts(last.category, last.record_id)
