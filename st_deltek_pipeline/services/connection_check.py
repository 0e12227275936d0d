"""Asks both real systems whether a connection fits them. Nothing is written to either.

What is asked are the very calls a run makes: every feed, every list, and Vantagepoint's master data, which is kept
like a run's own. What rules name is held against it by ``coding_check``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.errors import (
    ConfigurationError,
    CredentialsError,
    PermissionMissingError,
    PipelineError,
    TransientError,
)
from st_deltek_pipeline.domain.reference import ReferenceData
from st_deltek_pipeline.services.clients import servicetitan_client, vantagepoint_client
from st_deltek_pipeline.services.coding_check import (
    BusinessUnit,
    Cause,
    Finding,
    Level,
    check_business_units,
    check_period,
    check_rules,
    check_unit_names,
)
from st_deltek_pipeline.services.feeds import Feed, Reading, feeds_of
from st_deltek_pipeline.services.reference_data import poll_reference
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.records import BusinessUnitRecord, read_record
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.reference import load_reference
from st_deltek_pipeline.store.vault import Vault
from st_deltek_pipeline.transport.options import RetryPolicy, TransportOptions
from st_deltek_pipeline.vantagepoint.client import VantagepointClient

_T = TypeVar("_T")

# A person is waiting: a host that cannot be reached is told after two tries, not after five minutes.
_IMPATIENT = TransportOptions(
    retry=RetryPolicy(attempts=2, attempts_when_limited=4, longest_asked_wait=10, longest_wait_in_all=30.0),
    connect_seconds=5.0,
    read_seconds=60.0,
)
# No transaction file has it: a Batch of ours is a digest, and this one is nobody's.
_NO_BATCH = "0" * 32
_RUN_ID = "connection check"


@dataclass(frozen=True)
class _List:
    """A list of Vantagepoint that the role must see.

    Attributes:
        path: Below the base URL.
        title: What people call it.
        fields: What decisions are made on; a role can hide any of them.
        parameters: Further query parameters.
        may_be_empty: Having none is no sign of a missing right.
    """

    path: str
    title: str
    fields: tuple[str, ...] = ()
    parameters: Mapping[str, str] | None = None
    may_be_empty: bool = False


_LISTS = (
    _List("firm", "firms", ("ClientID", "Name", "Status", "ClientInd")),
    _List("project", "projects", ("WBS1", "Status", "Org", "BillingClientID"), {"wbstype": "wbs1"}),
    _List("organization", "organizations", ("Org", "Status"), may_be_empty=True),
    _List("Accounts", "accounts", ("Account", "Status")),
    _List("Settings/Period", "accounting periods", ("Period", "AccountPdStart", "AccountPdEnd")),
    _List("TaxCodeEntity", "tax codes", ("Code", "Status"), may_be_empty=True),
    _List("BankCode/CFGBANKS", "bank codes", ("Code",), may_be_empty=True),
    _List("AccountConfiguration/CFGAutoPosting", "auto-posting accounts", ("AcctsReceivable",)),
)


def check_connection(
    settings: Settings,
    connection: ConnectionSettings,
    *,
    engine: Engine,
    vault: Vault,
    now: datetime,
) -> list[Finding]:
    """Check a connection against both of its systems.

    Args:
        settings: The installation.
        connection: The connection.
        engine: The migrated application database; Vantagepoint's master data is kept in it.
        vault: Has the credentials.
        now: The present moment, aware; decides which accounting period must be open.

    Returns:
        What was found, in the order of looking. Expected errors become findings.
    """
    findings, units = _check_servicetitan(settings, connection, vault, now)
    seen, reference = _check_vantagepoint(settings, connection, vault, engine)
    findings += seen
    if units is not None:
        active = [BusinessUnit(unit.name, unit.unit_id) for unit in units if unit.active]
        findings += check_business_units(connection.rules, active)
        findings += check_unit_names(connection.rules, [BusinessUnit(unit.name, unit.unit_id) for unit in units])
    if reference is None:
        message = "What the rules name was not looked up, since Vantagepoint could not be read."
        return [*findings, Finding(Level.WARNING, "coding rules", message)]
    today = now.astimezone(ZoneInfo(connection.calendar.time_zone)).date()
    findings += check_rules(connection.rules, reference)
    first_open_allowed = connection.posting.closed_period == "first_open"
    findings.append(check_period(reference, today, first_open_allowed=first_open_allowed))
    return findings


@dataclass(frozen=True)
class _Unit:
    name: str
    unit_id: int
    active: bool


def _check_servicetitan(
    settings: Settings, connection: ConnectionSettings, vault: Vault, now: datetime
) -> tuple[list[Finding], list[_Unit] | None]:
    subject = "ServiceTitan login"
    client = _tried(
        subject,
        lambda: servicetitan_client(
            settings, connection, vault.get(connection.name, "servicetitan"), options=_IMPATIENT
        ),
    )
    if isinstance(client, Finding):
        return [client], None
    with client:
        login = _tried(subject, client.ping)
        # A refused resource means that the login itself worked.
        if isinstance(login, Finding) and login.cause is not Cause.PERMISSION:
            return [login], None
        tenant = connection.servicetitan.tenant_id
        feeds = feeds_of(connection)
        missing = [
            found
            for feed in feeds
            if isinstance(found := _tried(f"ServiceTitan {feed.name}", _reader(client, feed, now)), Finding)
        ]
        if len(missing) == len(feeds) and all(finding.cause is Cause.PERMISSION for finding in missing):
            message = f"The credentials are good, but the app may read nothing of tenant {tenant}."
            advice = "Check servicetitan.tenant_id, and that the tenant's administrator has connected the app."
            return [Finding(Level.PROBLEM, subject, message, advice, Cause.PERMISSION)], None
        findings = [Finding(Level.OK, subject, f"Tenant {tenant} at {connection.servicetitan.api_url} lets us in.")]
        if not missing:
            findings.append(Finding(Level.OK, "ServiceTitan scopes", f"All {len(feeds)} feeds and lists can be read."))
        units = _tried("ServiceTitan business units", lambda: _business_units(client))
        if isinstance(units, Finding):
            return [*findings, *missing], None
        return [*findings, *missing], units


def _reader(client: ServiceTitanClient, feed: Feed, now: datetime) -> Callable[[], object]:
    if feed.reading is Reading.EXPORT:
        # From today on, so that the answer is short.
        return lambda: client.export_feed(feed.resource, now.astimezone(UTC).date().isoformat())
    return lambda: client.ping(feed.resource)


def _business_units(client: ServiceTitanClient) -> list[_Unit]:
    units: list[_Unit] = []
    for page in client.list_pages("settings/business-units", active="Any"):
        for payload in page:
            record = read_record(RecordKind.BUSINESS_UNIT, payload)
            if isinstance(record, BusinessUnitRecord):
                units.append(_Unit(str(record.name or ""), record.id, record.active is not False))
    return units


def _check_vantagepoint(
    settings: Settings, connection: ConnectionSettings, vault: Vault, engine: Engine
) -> tuple[list[Finding], ReferenceData | None]:
    """Return what was found, and the master data as just read where all of it could be."""
    subject = "Vantagepoint login"
    client = _tried(
        subject,
        lambda: vantagepoint_client(
            settings, connection, vault.get(connection.name, "vantagepoint"), options=_IMPATIENT
        ),
    )
    if isinstance(client, Finding):
        return [client], None
    with client:
        login = _tried(subject, client.ping)
        if isinstance(login, Finding):
            return [login], None
        target = connection.vantagepoint
        findings = [Finding(Level.OK, subject, f"Database {target.database} at {target.base_url} lets us in.")]
        findings += _check_company(client, target.company)
        lists = [finding for item in _LISTS for finding in _check_list(client, item)]
        readable = not any(finding.level is Level.PROBLEM for finding in lists)
        if not lists:
            lists = [Finding(Level.OK, "Vantagepoint role", f"It sees all {len(_LISTS)} lists that are needed.")]
        findings += [*lists, *_check_transactions(client)]
        if not readable:
            return findings, None
        reference = _tried("Vantagepoint master data", lambda: _master_data(engine, client, connection))
        if isinstance(reference, Finding):
            return [*findings, reference], None
        return findings, reference


def _master_data(engine: Engine, client: VantagepointClient, connection: ConnectionSettings) -> ReferenceData:
    poll_reference(engine, client, connection.name, run_id=_RUN_ID, company=connection.vantagepoint.company)
    return load_reference(engine, connection.name)


def _check_company(client: VantagepointClient, company: str) -> list[Finding]:
    subject = "Vantagepoint company"
    found = _tried(subject, lambda: [row for page in client.rows("Settings/Company") for row in page])
    if isinstance(found, Finding):
        return [found]
    codes = sorted(str(row.get("Company") or "").strip() for row in found)
    listed = ", ".join(code or "(blank)" for code in codes)
    if company in codes:
        return [Finding(Level.OK, subject, f"Company {company or '(blank)'} exists.")]
    if not company and len(codes) <= 1:
        return [Finding(Level.OK, subject, "The database has one company.")]
    message = f"Company {company or '(blank)'} does not exist, or the user may not see it; there are: {listed}."
    advice = "Set vantagepoint.company in the connection's file to one of them."
    return [Finding(Level.PROBLEM, subject, message, advice, Cause.CONFIGURATION)]


def _check_list(client: VantagepointClient, item: _List) -> Iterable[Finding]:
    subject = f"Vantagepoint {item.title}"
    rows = _tried(subject, lambda: next(client.rows(item.path, parameters=item.parameters), list[dict[str, Any]]()))
    if isinstance(rows, Finding):
        yield rows
    elif not rows:
        if not item.may_be_empty:
            message = f"The user sees no {item.title} at all."
            advice = "Let the role of the Vantagepoint user see them."
            yield Finding(Level.PROBLEM, subject, message, advice, Cause.PERMISSION)
    else:
        hidden = [name for name in item.fields if not any(_has(row, name) for row in rows)]
        if hidden:
            message = f"The answers have no {', '.join(hidden)}: the role hides what decisions are made on."
            advice = "Let the role see these fields; without them Vantagepoint's own refusals are the only check."
            yield Finding(Level.WARNING, subject, message, advice)


def _has(row: Mapping[str, Any], name: str) -> bool:
    return row.get(name) is not None


def _check_transactions(client: VantagepointClient) -> list[Finding]:
    subject = "Vantagepoint AR invoices"
    for action in (
        lambda: client.read_control("in", _NO_BATCH),
        lambda: client.ledger_rows("IN", batches=[_NO_BATCH]),
    ):
        found = _tried(subject, action)
        if isinstance(found, Finding):
            return [found]
    return [Finding(Level.OK, subject, "Transaction files and the ledger can be read.")]


def _tried(subject: str, action: Callable[[], _T]) -> _T | Finding:
    try:
        return action()
    except PipelineError as error:
        return Finding(Level.PROBLEM, subject, error.message, error.advice, _cause(error))


def _cause(error: PipelineError) -> Cause:
    for kind, cause in (
        (PermissionMissingError, Cause.PERMISSION),
        (CredentialsError, Cause.CREDENTIALS),
        (ConfigurationError, Cause.CONFIGURATION),
        (TransientError, Cause.UNREACHABLE),
    ):
        if isinstance(error, kind):
            return cause
    return Cause.BROKEN
