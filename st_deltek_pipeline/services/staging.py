"""Staging: typed invoices per business day, made from the latest raw records.

A record that does not fit is set aside with the reason and never stops the others; it leaves again when a later
version fits. If an earlier version of it was staged, that row stays as it was and the record stands in
``set_aside`` as well: something may have been posted from it, so it must stay visible, and posting holds it.
The same is done with a staged invoice that is re-dated to before the connection's start.

What other records say (customer type, merged customers, names, job type) is copied into the staged row. When
one of those records changes, the days that refer to it become pending again. Holds are the domain's business.
"""

import gc
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import chain

from sqlalchemy import Connection, Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.servicetitan.records import (
    BusinessUnitRecord,
    CustomerFacts,
    CustomerRecord,
    InvoiceRecord,
    JobFacts,
    JobRecord,
    JobTypeRecord,
    ProjectRecord,
    RecordKind,
    Surroundings,
    TaxZoneRecord,
    Unfit,
    date_part,
    plain_text,
    read_invoice,
    read_record,
    to_invoice,
)
from st_deltek_pipeline.store import staged

# What is held in memory at once, whatever a day's volume.
_CHUNK = 1000
# Customers merged into merged customers; a longer chain is a mistake in the data.
_LONGEST_MERGE_CHAIN = 50

LOOKUP_KINDS: tuple[RecordKind, ...] = (
    RecordKind.CUSTOMER,
    RecordKind.BUSINESS_UNIT,
    RecordKind.JOB,
    RecordKind.JOB_TYPE,
    RecordKind.PROJECT,
    RecordKind.TAX_ZONE,
)


@dataclass(frozen=True)
class StagingResult:
    """One business day after staging.

    Attributes:
        documents: Invoices staged on the day, active or not.
        changed: Invoices written by this staging, those that moved to another day included.
        set_aside: Records of the day that do not fit.
        total: Sum of the staged invoices' totals as ServiceTitan states them, active or not.
    """

    business_day: date
    documents: int
    changed: int
    set_aside: int
    total: Decimal


def stage_invoices(
    engine: Engine, settings: ConnectionSettings, calendar: BusinessCalendar, business_day: date, *, run_id: str
) -> StagingResult:
    """Bring a business day's staged invoices up to date with ``raw``, in one transaction.

    Args:
        engine: The application's database.
        settings: The connection; invoices dated before its ``start_date`` are not staged.
        calendar: The connection's calendar.
        business_day: The day. An invoice staged on it that has moved to another day is staged there.
        run_id: Who stages.

    Returns:
        What is on the day now. Staging an unchanged day again writes nothing.

    Raises:
        ValueError: ``business_day`` is not a business day.
    """
    dates = _dates_of(calendar, business_day, settings.start_date)
    refresh(engine, settings, calendar)
    with engine.begin() as db:
        staged.lock_staging(db, settings.name)
        # Read before the records, so that what arrives in between leaves the day pending.
        changes = staged.changed_dates(db, settings.name, dates[0]) if dates else {}
        before = staged.staged_days(db, settings.name).get(business_day)
        work = _Work(db, settings.name, settings.start_date, lru_cache(maxsize=None)(calendar.business_day))
        for chunk in staged.candidates(
            db,
            settings.name,
            business_day,
            dates,
            everything=before is None or before.stale or before.document_dates != tuple(dates),
            chunk=_CHUNK,
        ):
            with _no_search_for_cycles():
                work.stage(chunk)
        high = max((changes[day] for day in dates if day in changes), default=0)
        day = staged.close_day(db, settings.name, business_day, dates, high, run_id=run_id)
    return StagingResult(business_day, day.documents, work.changed, day.set_aside, day.total)


def pending_days(engine: Engine, settings: ConnectionSettings, calendar: BusinessCalendar) -> list[date]:
    """Return the business days that have to be staged, oldest first.

    A day is pending when a document came to, changed on or left one of its dates, when the calendar gives it
    other dates than before, when a record that its invoices refer to has changed, or when payloads are read
    differently by this version of the program.

    Args:
        engine: The application's database.
        settings: The connection; dates before its ``start_date`` do not count.
        calendar: The connection's calendar.
    """
    refresh(engine, settings, calendar)
    with engine.connect() as db:
        changes = staged.changed_dates(db, settings.name, settings.start_date)
        known = staged.staged_days(db, settings.name)
    newest: dict[date, int] = {}
    for document_date, seq in changes.items():
        business_day = calendar.business_day(document_date)
        newest[business_day] = max(newest.get(business_day, 0), seq)
    return sorted(
        business_day
        for business_day, seq in newest.items()
        if (day := known.get(business_day)) is None
        or day.stale
        or day.shape != staged.SHAPE
        or day.raw_seq_high < seq
        or day.document_dates != tuple(_dates_of(calendar, business_day, settings.start_date))
    )


def refresh(engine: Engine, settings: ConnectionSettings, calendar: BusinessCalendar) -> None:
    """Read what customers, jobs and other records say since the last time, and set undated invoices aside.

    Days whose invoices refer to a record that differs become pending. Both callers of this module do it first;
    with nothing new it writes nothing.

    Args:
        engine: The application's database.
        settings: The connection.
        calendar: The connection's calendar.
    """
    connection = settings.name
    with engine.begin() as db:
        if staged.unread_lookups(db, connection, LOOKUP_KINDS):
            staged.lock_staging(db, connection)
            for kind, seen in staged.unread_lookups(db, connection, LOOKUP_KINDS).items():
                _read_lookups(db, connection, RecordKind(kind), seen)
    with engine.begin() as db:
        if staged.has_undated(db, connection):
            staged.lock_staging(db, connection)
            work = _Work(db, connection, settings.start_date, calendar.business_day)
            for chunk in staged.undated_candidates(db, connection, chunk=_CHUNK):
                work.stage(chunk)


@contextmanager
def _no_search_for_cycles() -> Generator[None]:
    """Pause the cyclic garbage collector for one chunk.

    Staging makes tens of thousands of objects per second, none of them in a cycle. Looking for cycles among them,
    and among everything that Dagster has loaded, took a sixth of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _dates_of(calendar: BusinessCalendar, business_day: date, start: date) -> list[date]:
    return [day for day in calendar.document_dates(business_day) if day >= start]


def _read_lookups(db: Connection, connection: str, kind: RecordKind, seen: int) -> None:
    high = seen
    for chunk in staged.lookup_candidates(db, connection, kind, seen, chunk=_CHUNK):
        fitting: list[staged.Lookup] = []
        unfit: list[staged.SetAside] = []
        for record_id, raw_seq, payload in chunk:
            record = read_record(kind, payload)
            if isinstance(record, Unfit):
                unfit.append(staged.SetAside(kind, record_id, raw_seq, None, None, str(record)))
            else:
                fitting.append(_lookup(record))
        changed = staged.write_lookups(db, connection, kind, fitting)
        staged.mark_stale_days(db, connection, kind, changed)
        staged.write_set_aside(db, connection, unfit)
        staged.clear_set_aside(db, connection, kind, [item.record_id for item in fitting])
        high = chunk[-1][1]
    staged.move_lookup_progress(db, connection, kind, high)


def _lookup(record: object) -> staged.Lookup:
    match record:
        case CustomerRecord():
            return staged.Lookup(record.id, plain_text(record.name), plain_text(record.type), record.merged_to_id)
        case JobRecord():
            number, status = plain_text(record.job_number), plain_text(record.job_status)
            return staged.Lookup(record.id, number, status, record.job_type_id)
        case ProjectRecord():
            return staged.Lookup(record.id, plain_text(record.number), "", None)
        case BusinessUnitRecord() | JobTypeRecord() | TaxZoneRecord():
            return staged.Lookup(record.id, plain_text(record.name), "", None)
        case _:
            message = f"invoices do not refer to {type(record).__name__}"
            raise TypeError(message)


class _Work:
    """Stages chunks of candidates within one transaction."""

    def __init__(self, db: Connection, connection: str, start: date, business_day: Callable[[date], date]) -> None:
        self._db = db
        self._connection = connection
        self._start = start
        self._business_day = business_day
        self.changed = 0

    def stage(self, chunk: Sequence[staged.Candidate]) -> None:
        """Decide what each record is now, and write what differs."""
        records = [(candidate, read_invoice(candidate.payload)) for candidate in chunk]
        surroundings = _surroundings(
            self._db, self._connection, [record for _, record in records if isinstance(record, InvoiceRecord)]
        )
        unfit: list[staged.SetAside] = []
        fits_again: list[int] = []

        def invoices(are_staged: bool) -> Iterator[tuple[Invoice, staged.Candidate]]:  # noqa: FBT001
            for candidate, record in records:
                if (candidate.staged is not None) is are_staged:
                    verdict = self._verdict(candidate, record, surroundings)
                    if isinstance(verdict, staged.SetAside):
                        unfit.append(verdict)
                        continue
                    if candidate.is_set_aside:
                        fits_again.append(candidate.record_id)
                    yield verdict, candidate

        changed = [
            invoice
            for invoice, candidate in invoices(are_staged=True)
            if candidate.staged != staged.invoice_values(invoice)
        ]
        # New ones are read while they are sent, so that Postgres does its share at the same time.
        new = (invoice for invoice, _ in invoices(are_staged=False))
        replaced = [invoice.key.document_id for invoice in changed]
        self.changed += staged.write_invoices(self._db, self._connection, chain(changed, new), replaced)
        staged.write_set_aside(self._db, self._connection, unfit)
        staged.clear_set_aside(self._db, self._connection, RecordKind.INVOICE, fits_again)

    def _verdict(
        self, candidate: staged.Candidate, record: InvoiceRecord | Unfit, surroundings: Surroundings
    ) -> Invoice | staged.SetAside:
        if isinstance(record, Unfit):
            return self._set_aside(candidate, None, str(record))
        document_date = date_part(record.invoice_date)
        if document_date is not None and document_date < self._start:
            reason = f"$.invoiceDate was moved to {document_date}, before the connection's start on {self._start}"
            return self._set_aside(candidate, document_date, reason)
        invoice = to_invoice(
            record,
            connection=self._connection,
            business_day=self._business_day,
            surroundings=surroundings,
            raw_seq=candidate.raw_seq,
            staged=candidate.staged_revision,
        )
        return self._set_aside(candidate, document_date, str(invoice)) if isinstance(invoice, Unfit) else invoice

    def _set_aside(self, candidate: staged.Candidate, document_date: date | None, reason: str) -> staged.SetAside:
        dated = document_date if document_date is not None else candidate.document_date
        business_day = candidate.staged_day
        if dated is not None and dated >= self._start:
            business_day = self._business_day(dated)
        return staged.SetAside(RecordKind.INVOICE, candidate.record_id, candidate.raw_seq, dated, business_day, reason)


def _surroundings(db: Connection, connection: str, records: Iterable[InvoiceRecord]) -> Surroundings:
    """Look up in bulk what the records named by some invoices say."""
    customers: set[int] = set()
    units: set[int] = set()
    jobs: set[int] = set()
    projects: set[int] = set()
    tax_zones: set[int] = set()
    for record in records:
        for found, reference in ((customers, record.customer), (units, record.business_unit), (jobs, record.job)):
            if reference is not None and reference.id is not None:
                found.add(reference.id)
        for found, record_id in ((projects, record.project_id), (tax_zones, record.tax_zone_id)):
            if record_id is not None:
                found.add(record_id)
    known = staged.lookups(
        db,
        connection,
        (
            (RecordKind.CUSTOMER, customers),
            (RecordKind.BUSINESS_UNIT, units),
            (RecordKind.JOB, jobs),
            (RecordKind.PROJECT, projects),
            (RecordKind.TAX_ZONE, tax_zones),
        ),
    )
    job_types = {job.refers_to for job in known[RecordKind.JOB].values() if job.refers_to is not None}
    merged = _merged_customers(db, connection, known[RecordKind.CUSTOMER])
    type_names = staged.lookups(db, connection, ((RecordKind.JOB_TYPE, job_types),))[RecordKind.JOB_TYPE]
    return Surroundings(
        customers={customer: _surviving(merged, customer) for customer in known[RecordKind.CUSTOMER]},
        jobs={
            job.record_id: JobFacts(
                type_names[job.refers_to].name if job.refers_to in type_names else "",
                job.category,
            )
            for job in known[RecordKind.JOB].values()
        },
        business_units={unit.record_id: unit.name for unit in known[RecordKind.BUSINESS_UNIT].values()},
        projects={project.record_id: project.name for project in known[RecordKind.PROJECT].values()},
        tax_zones={zone.record_id: zone.name for zone in known[RecordKind.TAX_ZONE].values()},
    )


def _merged_customers(db: Connection, connection: str, customers: dict[int, staged.Lookup]) -> dict[int, staged.Lookup]:
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
        known.update(staged.lookups(db, connection, ((RecordKind.CUSTOMER, missing),))[RecordKind.CUSTOMER])
    return known


def _surviving(customers: dict[int, staged.Lookup], customer_id: int) -> CustomerFacts:
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
