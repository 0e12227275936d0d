"""Asks ServiceTitan whether a connection fits: the login, every scope a run needs, and the lists that rules speak of.

Nothing is written: what the app may write is read from the scopes that its token was given.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.services.clients import servicetitan_client
from st_deltek_pipeline.services.coding_coverage import (
    BusinessUnit,
    check_business_units,
    check_fees,
    check_payables,
    check_payment_types,
    check_unit_names,
    check_vendor_names,
)
from st_deltek_pipeline.services.feeds import FEEDS_BY_NAME, Feed, Reading, feeds_of
from st_deltek_pipeline.services.findings import Cause, Finding, Level, tried
from st_deltek_pipeline.services.three_way import reads_journal_entries
from st_deltek_pipeline.services.write_back import write_back_resources
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.journal_entries import RESOURCE as JOURNAL_ENTRIES
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.records import (
    BusinessUnitRecord,
    PaymentTypeRecord,
    VendorRecord,
    read_record,
)
from st_deltek_pipeline.servicetitan.scopes import read_scope, write_scope
from st_deltek_pipeline.servicetitan.shapes import Record, plain_text
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.vault import Vault
from st_deltek_pipeline.transport.options import TransportOptions

_SUBJECT = "ServiceTitan login"
_JOURNAL = "ServiceTitan journal_entries"


@dataclass(frozen=True)
class ServiceTitanLists:
    """ServiceTitan's own lists, as far as rules speak of them; ``None`` where one could not be read or is not needed.

    Attributes:
        units: Business units that are active.
        all_units: Inactive ones too.
        payment_types, vendors: Their names, inactive ones too.
    """

    units: Sequence[BusinessUnit] | None = None
    all_units: Sequence[BusinessUnit] = ()
    payment_types: Sequence[str] | None = None
    vendors: Sequence[str] | None = None


def check_servicetitan(
    settings: Settings,
    connection: ConnectionSettings,
    vault: Vault,
    now: datetime,
    options: TransportOptions,
) -> tuple[list[Finding], ServiceTitanLists]:
    """Check the login and every scope, and read the lists that rules speak of.

    Args:
        settings: The installation.
        connection: The connection.
        vault: Has the credentials.
        now: The present moment.
        options: How patient to be.
    """
    client = tried(
        _SUBJECT,
        lambda: servicetitan_client(settings, connection, vault.get(connection.name, "servicetitan"), options=options),
    )
    if isinstance(client, Finding):
        return [client], ServiceTitanLists()
    with client:
        login = tried(_SUBJECT, client.ping)
        # A refused resource means that the login itself worked.
        if isinstance(login, Finding) and login.cause is not Cause.PERMISSION:
            return [login], ServiceTitanLists()
        tenant = connection.servicetitan.tenant_id
        feeds = feeds_of(connection)
        missing = [
            found
            for feed in feeds
            if isinstance(found := tried(f"ServiceTitan {feed.name}", _reader(client, feed, now)), Finding)
        ]
        if reads_journal_entries(connection):
            found = tried(_JOURNAL, lambda: client.ping(JOURNAL_ENTRIES))
            if isinstance(found, Finding):
                missing.append(found)
        if len(missing) >= len(feeds) and all(finding.cause is Cause.PERMISSION for finding in missing):
            message = f"The credentials are good, but the app may read nothing of tenant {tenant}."
            advice = "Check servicetitan.tenant_id, and that the tenant's administrator has connected the app."
            return [Finding(Level.PROBLEM, _SUBJECT, message, advice, Cause.PERMISSION)], ServiceTitanLists()
        findings = [Finding(Level.OK, _SUBJECT, f"Tenant {tenant} at {connection.servicetitan.api_url} lets us in.")]
        if not missing:
            findings.append(Finding(Level.OK, "ServiceTitan scopes", f"All {len(feeds)} feeds and lists can be read."))
        granted = client.granted_scopes()
        findings += [*missing, *_check_writing(connection, granted), *_check_reading(connection, granted)]
        unread = {finding.subject for finding in missing}
        return findings, _lists(connection, client, unread)


def check_coverage(connection: ConnectionSettings, lists: ServiceTitanLists) -> list[Finding]:
    """Hold the coding rules against ServiceTitan's lists.

    Args:
        connection: The connection.
        lists: From ``check_servicetitan``.
    """
    findings: list[Finding] = []
    if lists.units is not None:
        findings += check_business_units(connection, lists.units)
        findings += check_unit_names(connection.rules, lists.all_units)
    if lists.payment_types is not None:
        findings += check_payment_types(connection, lists.payment_types)
    if lists.vendors is not None:
        findings += check_vendor_names(connection.rules, lists.vendors)
    return [*findings, *check_payables(connection), *check_fees(connection)]


def _reader(client: ServiceTitanClient, feed: Feed, now: datetime) -> Callable[[], object]:
    if feed.reading is Reading.EXPORT:
        # From today on, so that the answer is short.
        return lambda: client.export_feed(feed.resource, now.astimezone(UTC).date().isoformat())
    return lambda: client.ping(feed.resource)


def _check_writing(connection: ConnectionSettings, granted: frozenset[str] | None) -> list[Finding]:
    """Compare what the app may write with what the setting ``write_back`` needs, which is nothing by default."""
    if granted is None:
        return []
    subject = "ServiceTitan write scopes"
    writing = connection.posting.write_back == "exported"
    scopes = {write_scope(resource) for resource in write_back_resources(connection)} if writing else set[str | None]()
    needed = {scope for scope in scopes if scope is not None}
    lacking = sorted(needed - granted)
    if lacking:
        message = f"The app may not write {', '.join(lacking)}, which posting.write_back: exported needs."
        advice = "Grant these scopes to the app in ServiceTitan, or set posting.write_back to off."
        return [Finding(Level.PROBLEM, subject, message, advice, Cause.PERMISSION)]
    more = sorted(scope for scope in granted - needed if scope.endswith(":w"))
    if more:
        message = f"The app may write more than this connection ever does: {', '.join(more)}."
        advice = "Take these scopes away from the app, unless another program uses it."
        return [Finding(Level.WARNING, subject, message, advice)]
    said = "may write what it has to and nothing more" if needed else "may write nothing, and need not"
    return [Finding(Level.OK, subject, f"The app {said}.")]


def _check_reading(connection: ConnectionSettings, granted: frozenset[str] | None) -> list[Finding]:
    """Point out what the app may read and this connection never does."""
    resources = [feed.resource for feed in feeds_of(connection)]
    if reads_journal_entries(connection):
        resources.append(JOURNAL_ENTRIES)
    needed = {read_scope(resource) for resource in resources}
    more = sorted(scope for scope in (granted or frozenset()) - needed if scope.endswith(":r"))
    if not more:
        return []
    message = f"The app may read more than this connection ever does: {', '.join(more)}."
    advice = "Take these scopes away from the app, unless another program uses it."
    return [Finding(Level.WARNING, "ServiceTitan scopes", message, advice)]


def _lists(connection: ConnectionSettings, client: ServiceTitanClient, unread: set[str]) -> ServiceTitanLists:
    def rows(feed: str, kind: RecordKind, resource: str = "") -> list[Record] | None:
        if f"ServiceTitan {feed}" in unread:
            return None
        path = resource or FEEDS_BY_NAME[feed].resource
        found = tried(f"ServiceTitan {feed}", lambda: list(client.list_pages(path, active="Any")))
        if isinstance(found, Finding):
            return None
        records = (read_record(kind, payload) for page in found for payload in page)
        return [record for record in records if isinstance(record, Record)]

    moved = connection.posting.documents
    units = rows("business_units", RecordKind.BUSINESS_UNIT, "settings/business-units") or []
    named = [
        (BusinessUnit(plain_text(unit.name), unit.id), unit.active is not False)
        for unit in units
        if isinstance(unit, BusinessUnitRecord)
    ]
    types = rows("payment_types", RecordKind.PAYMENT_TYPE) if Kind.PAYMENT in moved else None
    speaks_of_vendors = any("vendor" in rule.when for rule in connection.rules)
    buys = Kind.BILL in moved or Kind.AP_CREDIT in moved
    vendors = rows("vendors", RecordKind.VENDOR) if speaks_of_vendors and buys else None
    return ServiceTitanLists(
        units=[unit for unit, active in named if active] if named else None,
        all_units=[unit for unit, _ in named],
        payment_types=_names(types, PaymentTypeRecord),
        vendors=_names(vendors, VendorRecord),
    )


def _names(
    records: Sequence[Record] | None, kind: type[PaymentTypeRecord] | type[VendorRecord]
) -> Sequence[str] | None:
    if records is None:
        return None
    return [plain_text(record.name) for record in records if isinstance(record, kind)]
