"""Staging: typed documents per business day, made from the latest raw records; the same way for every kind.

A record that does not fit is set aside with the reason and never stops the others; it leaves again when a later
version fits. If an earlier version of it was staged, that row stays as it was and the record stands in
``set_aside`` as well: something may have been posted from it, so it must stay visible, and posting holds it.
The same is done with a staged document that is re-dated to before the connection's start.

What other records say (customer type, merged customers, names, job type) is copied into the staged row. When
one of those records changes, the days that refer to it become pending again. Holds are the domain's business, how a
kind is read that of ``servicetitan.documents``, where it is kept that of ``store.staged_tables``.
"""

import gc
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.domain.documents import Document, DocumentKey, Kind
from st_deltek_pipeline.services.staging_lookups import look_up, read_lookups, unread_kinds
from st_deltek_pipeline.servicetitan.documents import FORMS, DocumentForm
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.shapes import Unfit, date_part
from st_deltek_pipeline.servicetitan.surroundings import Surroundings
from st_deltek_pipeline.store.staged_candidates import Candidate, candidates, has_undated, undated_candidates
from st_deltek_pipeline.store.staged_days import changed_dates, close_day, lock_staging, staged_days
from st_deltek_pipeline.store.staged_documents import parts_of, write_documents
from st_deltek_pipeline.store.staged_set_aside import SetAside, clear_set_aside, write_set_aside
from st_deltek_pipeline.store.staged_tables import TABLES, StagedTable

# What is held in memory at once, whatever a day's volume.
_CHUNK = 1000


@dataclass(frozen=True)
class StagingResult:
    """One business day of one kind after staging.

    Attributes:
        documents: Documents staged on the day, active or not.
        changed: Documents written by this staging, those that moved to another day included.
        set_aside: Records of the day that do not fit.
        total: Sum of the staged documents' totals as ServiceTitan states them, active or not.
    """

    business_day: date
    documents: int
    changed: int
    set_aside: int
    total: Decimal


def stage_day(
    engine: Engine,
    settings: ConnectionSettings,
    calendar: BusinessCalendar,
    kind: Kind,
    business_day: date,
    *,
    run_id: str,
) -> StagingResult:
    """Bring a business day's staged documents of a kind up to date with ``raw``, in one transaction.

    Args:
        engine: The application's database.
        settings: The connection; documents dated before its ``start_date`` are not staged.
        calendar: The connection's calendar.
        kind: The kind of document.
        business_day: The day. A document staged on it that has moved to another day is staged there.
        run_id: Who stages.

    Returns:
        What is on the day now. Staging an unchanged day again writes nothing.

    Raises:
        ValueError: ``business_day`` is not a business day.
    """
    refresh(engine, settings, calendar, (kind,))
    with engine.begin() as db:
        return _stage(db, settings, calendar, kind, business_day, run_id=run_id)[0]


def settle_unchanged_day(
    engine: Engine,
    settings: ConnectionSettings,
    calendar: BusinessCalendar,
    kind: Kind,
    business_day: date,
    *,
    run_id: str,
) -> bool:
    """See whether what came for a day since it was staged says anything new; if not, the day is pending no more.

    ServiceTitan counts a record as modified for many reasons that are none to accounting, such as an invoice's balance
    with every payment.

    Args:
        engine: The application's database.
        settings: The connection.
        calendar: The connection's calendar.
        kind: The kind of document.
        business_day: A business day that is pending.
        run_id: Who asks.

    Returns:
        Whether nothing is new: staged rows then name the newest versions. Otherwise nothing was written, and ``stage_day``
        has something to do.
    """
    with engine.connect() as db, db.begin() as transaction:
        before = staged_days(db, settings.name, kind).get(business_day)
        if before is None or before.stale or before.shape != TABLES[kind].shape:
            return False
        _, work = _stage(db, settings, calendar, kind, business_day, run_id=run_id)
        settled = not work.news
        if not settled:
            transaction.rollback()
    return settled


def _stage(
    db: Connection,
    settings: ConnectionSettings,
    calendar: BusinessCalendar,
    kind: Kind,
    business_day: date,
    *,
    run_id: str,
) -> tuple[StagingResult, "_Work"]:
    table, dates = TABLES[kind], _dates_of(calendar, business_day, settings.start_date)
    lock_staging(db, settings.name)
    # Read before the records, so that what arrives in between leaves the day pending.
    changes = changed_dates(db, settings.name, kind, dates[0]) if dates else {}
    before = staged_days(db, settings.name, kind).get(business_day)
    work = _Work(db, settings, kind, lru_cache(maxsize=None)(calendar.business_day))
    for chunk in candidates(
        db,
        table,
        settings.name,
        business_day,
        dates,
        everything=before is None or before.stale or before.document_dates != tuple(dates),
        chunk=_CHUNK,
    ):
        with _no_search_for_cycles():
            work.stage(chunk)
    high = max((changes[day] for day in dates if day in changes), default=0)
    day = close_day(db, table, settings.name, business_day, dates, raw_seq_high=high, run_id=run_id)
    return StagingResult(business_day, day.documents, work.changed, day.set_aside, day.total), work


def pending_days(
    engine: Engine,
    settings: ConnectionSettings,
    calendar: BusinessCalendar,
    kinds: Collection[Kind] = (Kind.INVOICE,),
) -> list[date]:
    """Return the business days that have to be staged, oldest first.

    A day is pending when a document came to, changed on or left one of its dates, when the calendar gives it
    other dates than before, when a record that its documents refer to has changed, or when payloads are read
    differently by this version of the program.

    Args:
        engine: The application's database.
        settings: The connection; dates before its ``start_date`` do not count.
        calendar: The connection's calendar.
        kinds: The kinds of document to look at; a day is pending when it is for any of them.
    """
    refresh(engine, settings, calendar, kinds)
    with engine.connect() as db:
        return sorted({day for kind in kinds for day in _pending_of(db, settings, calendar, TABLES[kind])})


def refresh(engine: Engine, settings: ConnectionSettings, calendar: BusinessCalendar, kinds: Collection[Kind]) -> None:
    """Read what customers, jobs and other records say since the last time, and set undated documents aside.

    Days whose documents refer to a record that differs become pending. Both callers of this module do it first;
    with nothing new it writes nothing.

    Args:
        engine: The application's database.
        settings: The connection.
        calendar: The connection's calendar.
        kinds: The kinds of document whose undated ones are looked at.
    """
    connection = settings.name
    with engine.begin() as db:
        if unread_kinds(db, connection):
            lock_staging(db, connection)
            for kind, seen in unread_kinds(db, connection).items():
                read_lookups(db, connection, RecordKind(kind), seen)
    for kind in kinds:
        with engine.begin() as db:
            if has_undated(db, TABLES[kind], connection):
                lock_staging(db, connection)
                work = _Work(db, settings, kind, calendar.business_day)
                for chunk in undated_candidates(db, TABLES[kind], connection, chunk=_CHUNK):
                    work.stage(chunk)


def _pending_of(
    db: Connection, settings: ConnectionSettings, calendar: BusinessCalendar, table: StagedTable[Any]
) -> Iterator[date]:
    changes = changed_dates(db, settings.name, table.kind, settings.start_date)
    known = staged_days(db, settings.name, table.kind)
    newest: dict[date, int] = {}
    for document_date, seq in changes.items():
        business_day = calendar.business_day(document_date)
        newest[business_day] = max(newest.get(business_day, 0), seq)
    for business_day, seq in newest.items():
        day = known.get(business_day)
        if (
            day is None
            or day.stale
            or day.shape != table.shape
            or day.raw_seq_high < seq
            or day.document_dates != tuple(_dates_of(calendar, business_day, settings.start_date))
        ):
            yield business_day


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


class _Work:
    """Stages chunks of candidates of one kind within one transaction.

    Attributes:
        changed: Documents written.
        news: Of these, the ones that say something new, and records set aside or taken back from there.
    """

    def __init__(
        self, db: Connection, settings: ConnectionSettings, kind: Kind, business_day: Callable[[date], date]
    ) -> None:
        self._db = db
        self._connection = settings.name
        self._start = settings.start_date
        self._kind = kind
        self._table: StagedTable[Any] = TABLES[kind]
        self._form: DocumentForm[Any] = FORMS[kind]
        self._business_day = business_day
        self.changed = 0
        self.news = 0

    def stage(self, chunk: Sequence[Candidate]) -> None:
        """Decide what each record is now, and write what differs."""
        form = self._form
        records: list[tuple[Candidate, Any]] = [(candidate, form.read(candidate.payload)) for candidate in chunk]
        fitting = (record for _, record in records if not isinstance(record, Unfit))
        surroundings = look_up(
            self._db, self._connection, chain.from_iterable(form.references(record) for record in fitting)
        )
        unfit: list[SetAside] = []
        fits_again: list[int] = []

        def documents(are_staged: bool) -> Iterator[tuple[Document, Candidate]]:  # noqa: FBT001
            for candidate, record in records:
                if (candidate.staged is not None) is are_staged:
                    verdict = self._verdict(candidate, record, surroundings)
                    if isinstance(verdict, SetAside):
                        unfit.append(verdict)
                        continue
                    if candidate.is_set_aside:
                        fits_again.append(candidate.record_id)
                    yield verdict, candidate

        known = list(documents(are_staged=True))
        changed = self._changed(known)
        self.news += self._news(known, {document.key for document in changed})
        # New ones are read while they are sent, so that Postgres does its share at the same time.
        new = (document for document, _ in documents(are_staged=False))
        replaced = [document.key.document_id for document in changed]
        written = write_documents(self._db, self._table, self._connection, chain(changed, new), replaced)
        self.changed += written
        write_set_aside(self._db, self._connection, unfit, shape=self._table.shape)
        clear_set_aside(self._db, self._connection, self._kind, fits_again)
        self.news += written - len(changed) + len(unfit) + len(fits_again)

    def _news(self, documents: Sequence[tuple[Document, Candidate]], changed: Collection[DocumentKey]) -> int:
        """Count the changed documents of which more than the version they were read from differs."""
        version = self._table.columns.index("raw_seq")
        return sum(
            1
            for document, candidate in documents
            if document.key in changed
            and candidate.staged is not None
            and any(
                place != version and before != now
                for place, (before, now) in enumerate(zip(candidate.staged, self._table.row(document), strict=True))
            )
        )

    def _changed(self, documents: Sequence[tuple[Document, Candidate]]) -> list[Document]:
        """Pick the documents that differ from their staged rows."""
        table = self._table
        same = [document for document, candidate in documents if candidate.staged == table.row(document)]
        if same and any(part.copied for part in table.parts):
            # Only what parts copied from other records can differ while the document's own row does not.
            ids = [document.key.document_id for document in same]
            parts = parts_of(self._db, table, self._connection, ids)
            same = [
                document
                for document in same
                if parts[document.key.document_id] == [getattr(document, part.member) for part in table.parts]
            ]
        unchanged = {document.key for document in same}
        return [document for document, _ in documents if document.key not in unchanged]

    def _verdict(self, candidate: Candidate, record: object, surroundings: Surroundings) -> Document | SetAside:
        if isinstance(record, Unfit):
            return self._set_aside(candidate, None, str(record))
        form = self._form
        document_date = date_part(form.dated(record))
        if document_date is not None and document_date < self._start:
            reason = f"{form.date_path} was moved to {document_date}, before the connection's start on {self._start}"
            return self._set_aside(candidate, document_date, reason)
        document = form.to_document(
            record,
            connection=self._connection,
            business_day=self._business_day,
            surroundings=surroundings,
            raw_seq=candidate.raw_seq,
            staged=candidate.staged_revision,
        )
        return self._set_aside(candidate, document_date, str(document)) if isinstance(document, Unfit) else document

    def _set_aside(self, candidate: Candidate, document_date: date | None, reason: str) -> SetAside:
        dated = document_date if document_date is not None else candidate.document_date
        business_day = candidate.staged_day
        if dated is not None and dated >= self._start:
            business_day = self._business_day(dated)
        return SetAside(self._kind, candidate.record_id, candidate.raw_seq, dated, business_day, reason)
