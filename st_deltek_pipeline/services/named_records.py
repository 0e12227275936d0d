"""Reading the records that webhooks name, in bulk, with whatever else has to be known before they can be posted.

A webhook says only that something has happened to a record. The record is read again, and so are the customer, job and
project that it names and that no feed has brought yet: somebody who is new in ServiceTitan is on the first invoice
minutes before the feeds say so. What cannot be read by ids is read through its own feed.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import RefusedError
from st_deltek_pipeline.services.feeds import Feed, feeds_of, followers
from st_deltek_pipeline.services.intake import FeedClient, take_in_feed
from st_deltek_pipeline.services.intake_lists import read_by_ids
from st_deltek_pipeline.services.intake_pages import PageStore, Tally
from st_deltek_pipeline.servicetitan.documents import FORMS
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.records import JobRecord, LocationRecord, read_record
from st_deltek_pipeline.servicetitan.shapes import Unfit
from st_deltek_pipeline.store import raw

NamedRecord = tuple[RecordKind, int]
"""A kind and ServiceTitan's id."""

PARTIES = frozenset({RecordKind.CUSTOMER, RecordKind.VENDOR})
"""The kinds that need a firm in Vantagepoint."""

_INACTIVE_TOO: tuple[Mapping[str, str], ...] = ({"active": "Any"},)
_VOIDED_TOO: tuple[Mapping[str, str], ...] = ({"activeState": "All"},)
# Lists that can be asked for ids, and how to be told of inactive records too (servicetitan.md sections 2 and 3).
_LISTS: Mapping[RecordKind, tuple[str, Sequence[Mapping[str, str]]]] = {
    RecordKind.INVOICE: ("accounting/invoices", _VOIDED_TOO),
    RecordKind.PAYMENT: ("accounting/payments", _VOIDED_TOO),
    RecordKind.JOB: ("jpm/jobs", ({},)),
    RecordKind.PROJECT: ("jpm/projects", ({},)),
    RecordKind.CUSTOMER: ("crm/customers", _INACTIVE_TOO),
    RecordKind.LOCATION: ("crm/locations", _INACTIVE_TOO),
    RecordKind.VENDOR: ("inventory/vendors", _INACTIVE_TOO),
    RecordKind.BUSINESS_UNIT: ("settings/business-units", _INACTIVE_TOO),
}
# Jobs first: each of them names its invoice.
_ORDER = (RecordKind.JOB, RecordKind.INVOICE, RecordKind.PAYMENT, RecordKind.BILL)
# An invoice names a job, which may name a project and customer.
_ROUNDS_OF_SURROUNDINGS = 2


@dataclass(frozen=True)
class NamedReading:
    """What reading named records brought.

    Attributes:
        new_versions: By kind, versions that were not known before; kinds without any are left out.
        missing: Records that ServiceTitan does not have under that id.
        not_read: Records of kinds that the connection does not read.
        refused: Records that ServiceTitan refuses to give, with its own words.
    """

    new_versions: Mapping[RecordKind, int]
    missing: frozenset[NamedRecord]
    not_read: frozenset[NamedRecord]
    refused: Mapping[NamedRecord, str] = field(default_factory=dict[NamedRecord, str])


def read_named_records(
    engine: Engine,
    client: FeedClient,
    settings: ConnectionSettings,
    named: Collection[NamedRecord],
    *,
    run_id: str,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> NamedReading:
    """Read some records as they are now, with what they name and is not known yet.

    Args:
        engine: The application's database.
        client: ServiceTitan.
        settings: The connection.
        named: The records; a job stands for its invoice too.
        run_id: Who reads, kept with every new version.
        now: Clock, for lists that are asked for what was modified.

    Returns:
        What was found. Everything found is stored.

    Raises:
        PermissionMissingError: A list's scope is missing.
        TransientError: ServiceTitan cannot be asked now. What was read before is kept.
    """
    reading = _Reading(engine, client, settings, run_id, now)
    reading.read(named)
    return NamedReading(
        {kind: count for kind, count in reading.new_versions.items() if count},
        frozenset(reading.missing),
        frozenset(each for each in named if each[0] not in reading.feeds),
        reading.refused,
    )


@dataclass
class _Reading:
    engine: Engine
    client: FeedClient
    settings: ConnectionSettings
    run_id: str
    now: Callable[[], datetime]
    missing: set[NamedRecord] = field(default_factory=set[NamedRecord])
    refused: dict[NamedRecord, str] = field(default_factory=dict[NamedRecord, str])
    new_versions: dict[RecordKind, int] = field(default_factory=dict[RecordKind, int])

    def __post_init__(self) -> None:
        self.all_feeds = feeds_of(self.settings)
        self.feeds: dict[RecordKind, Feed] = {feed.kind: feed for feed in reversed(self.all_feeds)}

    def read(self, named: Collection[NamedRecord]) -> None:
        wanted: dict[RecordKind, set[int]] = {}
        for kind, record_id in named:
            wanted.setdefault(kind, set()).add(record_id)
        documents: set[NamedRecord] = set()
        for kind in (*_ORDER, *(kind for kind in wanted if kind not in _ORDER)):
            ids = wanted.get(kind, set())
            found = self._read_kind(kind, ids) if ids and kind in self.feeds else set[int]()
            documents.update((kind, record_id) for record_id in found)
            if kind is RecordKind.JOB and found and RecordKind.INVOICE in self.feeds:
                wanted.setdefault(RecordKind.INVOICE, set()).update(self._invoices_of(found))
        for _ in range(_ROUNDS_OF_SURROUNDINGS):
            documents = self._read_unknown(self._named_by(documents))

    def _read_kind(self, kind: RecordKind, ids: Collection[int]) -> set[int]:
        """Read records of one kind, and what has to be read behind them; return those that can be asked for by ids."""
        feed = self.feeds[kind]
        resource, passes = _LISTS.get(kind, (feed.reread_from, feed.passes))
        found: set[int] = set()
        if resource is None:
            self._drain(feed)
        else:
            found = self._by_ids(feed, resource, passes, sorted(ids))
            self.missing.update((kind, each) for each in ids if each not in found)
        for follower in followers(feed, self.all_feeds):
            self._drain(follower)
        return found

    def _by_ids(self, feed: Feed, resource: str, passes: Sequence[Mapping[str, str]], ids: Sequence[int]) -> set[int]:
        """Read records by ids; where ServiceTitan refuses a question, halve it until the id at fault stands alone."""
        tally = Tally()
        store = PageStore(self.engine, self.settings.name, feed, self.run_id)
        try:
            found = read_by_ids(store, self.client, tally, _tell_nobody, resource=resource, passes=passes, ids=ids)
        except RefusedError as error:
            if len(ids) == 1:
                self.refused[feed.kind, ids[0]] = error.words
                return set()
            half = len(ids) // 2
            return self._by_ids(feed, resource, passes, ids[:half]) | self._by_ids(feed, resource, passes, ids[half:])
        finally:
            self._count(feed.kind, tally.new_versions)
        return found

    def _drain(self, feed: Feed) -> None:
        result = take_in_feed(self.engine, self.client, self.settings.name, feed, run_id=self.run_id, now=self.now)
        self._count(feed.kind, result.new_versions)

    def _count(self, kind: RecordKind, versions: int) -> None:
        self.new_versions[kind] = self.new_versions.get(kind, 0) + versions

    def _invoices_of(self, jobs: Collection[int]) -> set[int]:
        records = self._records(RecordKind.JOB, jobs)
        return {record.invoice_id for record in records if isinstance(record, JobRecord) and record.invoice_id}

    def _named_by(self, records: Iterable[NamedRecord]) -> set[NamedRecord]:
        by_kind: dict[RecordKind, set[int]] = {}
        for kind, record_id in records:
            by_kind.setdefault(kind, set()).add(record_id)
        found: set[NamedRecord] = set()
        for kind, ids in by_kind.items():
            for record in self._records(kind, ids):
                found.update(_references(kind, record))
        return found

    def _read_unknown(self, named: Collection[NamedRecord]) -> set[NamedRecord]:
        """Read those that no feed has brought yet."""
        read: set[NamedRecord] = set()
        for kind in sorted({kind for kind, _ in named}):
            if kind not in _LISTS or kind not in self.feeds:
                continue
            ids = {record_id for named_kind, record_id in named if named_kind is kind}
            unknown = ids - raw.latest_payloads(self.engine, self.settings.name, kind, sorted(ids)).keys()
            if unknown:
                read.update((kind, each) for each in self._read_kind(kind, unknown))
        return read

    def _records(self, kind: RecordKind, ids: Collection[int]) -> list[object]:
        payloads = raw.latest_payloads(self.engine, self.settings.name, kind, sorted(ids))
        return [record for payload in payloads.values() if not isinstance(record := read_record(kind, payload), Unfit)]


def _references(kind: RecordKind, record: object) -> Iterable[NamedRecord]:
    named: Iterable[tuple[RecordKind, int | None]] = ()
    if isinstance(record, JobRecord):
        named = ((RecordKind.CUSTOMER, record.customer_id), (RecordKind.PROJECT, record.project_id))
    elif isinstance(record, LocationRecord):
        named = ((RecordKind.CUSTOMER, record.customer_id),)
    elif kind in set(Kind):
        named = FORMS[Kind(kind)].references(record)
    return [(each, record_id) for each, record_id in named if record_id is not None and record_id > 0]


def _tell_nobody(_rows: int) -> None:
    """Stand in for a progress callback."""
