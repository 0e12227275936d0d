"""Asks both real systems whether a connection fits them. Nothing is written to either.

What is asked are the very calls a run makes: every feed, every list, and Vantagepoint's master data, which is kept
like a run's own. ServiceTitan is asked in ``servicetitan_check``; what rules name is held against both by
``coding_check`` and ``coding_coverage``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.errors import PipelineError, RefusedError
from st_deltek_pipeline.domain.firm_links import LinkState, PartyKind
from st_deltek_pipeline.domain.reference import ReferenceData
from st_deltek_pipeline.services.clients import vantagepoint_client
from st_deltek_pipeline.services.coding_check import check_period, check_receivables, check_rules
from st_deltek_pipeline.services.findings import Cause, Finding, Level, problem, tried
from st_deltek_pipeline.services.reference_data import poll_reference
from st_deltek_pipeline.services.servicetitan_check import check_coverage, check_servicetitan
from st_deltek_pipeline.services.vantagepoint_rights import check_rights
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.firm_mappings import count_states
from st_deltek_pipeline.store.reference import load_reference
from st_deltek_pipeline.store.vault import Vault
from st_deltek_pipeline.transport.options import RetryPolicy, TransportOptions
from st_deltek_pipeline.vantagepoint.client import VantagepointClient

# A person is waiting: a host that cannot be reached is told after two tries, not after five minutes.
_IMPATIENT = TransportOptions(
    retry=RetryPolicy(attempts=2, attempts_when_limited=4, longest_asked_wait=10, longest_wait_in_all=30.0),
    connect_seconds=5.0,
    read_seconds=60.0,
)
# No transaction file has it: a Batch of ours is a digest, and this one is nobody's.
_NO_BATCH = "0" * 32
# Longer than the field, which has 32 characters (section 3).
_IMPOSSIBLE_BATCH = "st-deltek connection check, not a transaction"
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
    _List("project", "projects", ("WBS1", "Status", "Org", "BillingClientID"), {"wbstype": "wbs1"}),
    _List("organization", "organizations", ("Org", "Status"), may_be_empty=True),
    _List("Accounts", "accounts", ("Account", "Status")),
    _List("Settings/Period", "accounting periods", ("Period", "AccountPdStart", "AccountPdEnd")),
    _List("TaxCodeEntity", "tax codes", ("Code", "Status"), may_be_empty=True),
    _List("AccountConfiguration/CFGAutoPosting", "auto-posting accounts", ("AcctsReceivable",)),
)
_FIRM_FIELDS = ("ClientID", "Name", "Status", "ClientInd", "PrimaryAddress1", "PrimaryZip")
_VENDOR_FIELDS = ("VendorInd", "Vendor")
_BILLS = frozenset({Kind.BILL, Kind.AP_CREDIT})


def _lists_of(connection: ConnectionSettings) -> tuple[_List, ...]:
    moved = frozenset(connection.posting.documents)
    own = (connection.firms.external_id_column, connection.firms.vendor_external_id_column)
    fields = _FIRM_FIELDS + (_VENDOR_FIELDS if moved & _BILLS else ()) + tuple(column for column in own if column)
    banks = _List("BankCode/CFGBANKS", "bank codes", ("Code",), may_be_empty=Kind.PAYMENT not in moved)
    return (_List("firm", "firms", fields), *_LISTS, banks)


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
    findings, lists = check_servicetitan(settings, connection, vault, now, _IMPATIENT)
    seen, reference = _check_vantagepoint(settings, connection, vault, engine)
    findings += [*seen, *check_coverage(connection, lists)]
    if reference is None:
        message = "What the rules name was not looked up, since Vantagepoint could not be read."
        return [*findings, Finding(Level.WARNING, "coding rules", message)]
    today = now.astimezone(ZoneInfo(connection.calendar.time_zone)).date()
    findings += check_rules(connection, reference)
    if Kind.PAYMENT in connection.posting.documents:
        findings.append(check_receivables(reference))
    first_open_allowed = connection.posting.closed_period == "first_open"
    findings.append(check_period(reference, today, first_open_allowed=first_open_allowed))
    return [*findings, *_check_firms(engine, connection, reference)]


def _check_vantagepoint(
    settings: Settings, connection: ConnectionSettings, vault: Vault, engine: Engine
) -> tuple[list[Finding], ReferenceData | None]:
    """Return what was found, and the master data as just read where all of it could be."""
    subject = "Vantagepoint login"
    client = tried(
        subject,
        lambda: vantagepoint_client(
            settings, connection, vault.get(connection.name, "vantagepoint"), options=_IMPATIENT
        ),
    )
    if isinstance(client, Finding):
        return [client], None
    with client:
        login = tried(subject, client.ping)
        if isinstance(login, Finding):
            return [login], None
        target = connection.vantagepoint
        findings = [Finding(Level.OK, subject, f"Database {target.database} at {target.base_url} lets us in.")]
        findings += _check_company(client, target.company)
        needed = _lists_of(connection)
        lists = [finding for item in needed for finding in _check_list(client, item)]
        readable = not any(finding.level is Level.PROBLEM for finding in lists)
        if not lists:
            lists = [Finding(Level.OK, "Vantagepoint role", f"It sees all {len(needed)} lists that are needed.")]
        findings += [*lists, *(_check_transactions(client, entry) for entry in _entry_types(connection))]
        findings.append(_check_entry(client, connection))
        findings += check_rights(client, _entry_types(connection))
        if not readable:
            return findings, None
        reference = tried("Vantagepoint master data", lambda: _master_data(engine, client, connection))
        if isinstance(reference, Finding):
            return [*findings, reference], None
        return findings, reference


def _master_data(engine: Engine, client: VantagepointClient, connection: ConnectionSettings) -> ReferenceData:
    poll_reference(engine, client, connection.name, run_id=_RUN_ID, company=connection.vantagepoint.company)
    return load_reference(engine, connection.name)


def _check_company(client: VantagepointClient, company: str) -> list[Finding]:
    subject = "Vantagepoint company"
    found = tried(subject, lambda: [row for page in client.rows("Settings/Company") for row in page])
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
    rows = tried(subject, lambda: next(client.rows(item.path, parameters=item.parameters), list[dict[str, Any]]()))
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


def _entry_types(connection: ConnectionSettings) -> list[EntryType]:
    """Return the types of transaction that the connection enters."""
    moved = frozenset(connection.posting.documents)
    payables = EntryType.JOURNAL_ENTRIES if connection.posting.bills_as == "journal_entry" else EntryType.VOUCHERS
    return [
        *([EntryType.INVOICES] if moved & {Kind.INVOICE, Kind.CREDIT_MEMO} else []),
        *([EntryType.RECEIPTS] if Kind.PAYMENT in moved else []),
        *([payables] if moved & _BILLS else []),
    ]


def _check_transactions(client: VantagepointClient, entry: EntryType) -> Finding:
    subject = f"Vantagepoint {entry.plural}"
    for action in (
        lambda: client.read_control(entry.value, _NO_BATCH),
        lambda: client.ledger_rows(entry.ledger_type, batches=[_NO_BATCH]),
    ):
        found = tried(subject, action)
        if isinstance(found, Finding):
            return found
    return Finding(Level.OK, subject, "Transaction files and the ledger can be read.")


def _check_entry(client: VantagepointClient, connection: ConnectionSettings) -> Finding:
    """Find out whether transactions are entered in files or one by one, as the connection says.

    No call tells. What is sent can never be taken in, since its Batch is longer than Vantagepoint's field, and the words of
    the refusal say whether it was this or the way of entry.
    """
    subject = "Vantagepoint entry"
    kind = _entry_types(connection)[0].value
    single = connection.vantagepoint.entry == "single"
    body = {"Batch": _IMPOSSIBLE_BATCH}
    try:
        if single:
            client.enter_document(kind, _IMPOSSIBLE_BATCH, (), body)
        else:
            client.enter_file(kind, body)
    except RefusedError:
        way = "one by one" if single else "in transaction files"
        return Finding(
            Level.OK, subject, f"Transactions are entered {way} (vantagepoint.entry), and the role may do it."
        )
    except PipelineError as error:
        return problem(subject, error)
    message = f"Vantagepoint took in a transaction without a line, under the Batch {_IMPOSSIBLE_BATCH}."
    advice = "It holds nothing; delete it there. Whether vantagepoint.entry fits could not be told."
    return Finding(Level.WARNING, subject, message, advice)


def _check_firms(engine: Engine, connection: ConnectionSettings, reference: ReferenceData) -> list[Finding]:
    """Say how many customers and vendors have their firm, by the last matching; nothing before the first one."""
    moved = frozenset(connection.posting.documents)
    findings: list[Finding] = []
    vouchers = bool(moved & _BILLS) and connection.posting.bills_as == "voucher"
    if vouchers and not any(firm.is_vendor and firm.active for firm in reference.firms.values()):
        message = "No active firm is a vendor: every bill will be held."
        advice = "Let the role see vendors, or leave bills out (posting.documents)."
        findings.append(Finding(Level.PROBLEM, "vendors", message, advice, Cause.MAPPING))
    counts = count_states(engine, connection.name)
    for kind, words, wanted in (
        (PartyKind.CUSTOMER, "customers", connection.posting.customer_firm == "required"),
        (PartyKind.VENDOR, "vendors", vouchers),
    ):
        linked = sum(
            n for (party, state, needed), n in counts.items() if party is kind and state is LinkState.LINKED and needed
        )
        waiting = sum(
            n
            for (party, state, needed), n in counts.items()
            if party is kind and state is not LinkState.LINKED and needed
        )
        if wanted and waiting:
            message = f"{waiting} of {linked + waiting} {words} that documents name have no firm to post to."
            advice = f"See which: st-deltek firms review {connection.name}"
            findings.append(Finding(Level.WARNING, words, message, advice))
        elif wanted and linked:
            findings.append(Finding(Level.OK, words, f"All {linked} that documents name have their firm."))
    return findings
