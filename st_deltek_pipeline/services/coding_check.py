"""Holds a connection's coding rules against what exists in both systems, without any document.

A document is judged by ``domain.alignment``; this is the same question asked beforehand, so that a rule that can
only lead to holds is found on the first day and not at month end.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.coding import BOOKING_FIELDS, LineKind, Rule
from st_deltek_pipeline.domain.coding_reach import gives_at, reach, useless_fields
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.entry_types import DATED, PAY_TERMS
from st_deltek_pipeline.domain.invoice_alignment import INVOICE_SECTIONS
from st_deltek_pipeline.domain.reference import Account, Organization, ProjectKey, ReferenceData, TaxCode
from st_deltek_pipeline.services.findings import Cause, Finding, Level
from st_deltek_pipeline.store.reference import load_reference


def check_rules(settings: ConnectionSettings, reference: ReferenceData) -> list[Finding]:
    """Check what the rules match on and everything they name in Vantagepoint.

    Args:
        settings: The connection.
        reference: What exists.

    Returns:
        A finding for each thing that is wrong with a rule, or a single good one.
    """
    findings: list[Finding] = []
    for rule in settings.rules:
        subject = f"coding rule {rule.name!r}"
        findings.extend(_problem(subject, *words) for words in _wrong_values(rule))
        findings.extend(_problem(subject, *words) for words in _wrong_with(rule, settings, reference))
        findings.extend(Finding(Level.WARNING, subject, *words) for words in _of_no_use(rule))
    if findings:
        return findings
    message = f"All {len(settings.rules)} name only what exists and is open in Vantagepoint."
    return [Finding(Level.OK, "coding rules", message)]


def rule_problems(engine: Engine, settings: ConnectionSettings) -> list[Finding]:
    """Check a connection's rules against Vantagepoint's master data as last read.

    Args:
        engine: The database.
        settings: The connection.

    Returns:
        A finding for each thing that is wrong with a rule; empty when all of them fit.

    Raises:
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    found = check_rules(settings, load_reference(engine, settings.name))
    return [finding for finding in found if finding.level is not Level.OK]


def check_receivables(reference: ReferenceData) -> Finding:
    """Check that receipts can name the account they pay into.

    Args:
        reference: What exists in Vantagepoint.
    """
    subject, account = "receivables account", reference.receivables_account
    company = f"company {reference.company}" if reference.company else "the company"
    found = reference.accounts.get(account or "")
    if not account:
        message = f"Vantagepoint names no receivables account for {company}: every payment will be held."
        return _problem(subject, message, "Set it up for automatic posting, and let the role see it.")
    if found is None or not found.active:
        message = f"Account {account}, the receivables account of {company}, does not exist or is not active."
        return _problem(subject, message, "Correct the accounts for automatic posting in Vantagepoint.")
    return Finding(Level.OK, subject, f"{account} {found.name}".rstrip() + f" of {company}.")


def check_period(reference: ReferenceData, today: date, *, first_open_allowed: bool) -> Finding:
    """Check that a document of today could be posted.

    Args:
        reference: Vantagepoint's periods.
        today: In the connection's time zone.
        first_open_allowed: Setting ``closed_period: first_open``.
    """
    period = reference.period_of(today)
    if period is None:
        message = f"No accounting period covers {today}: documents of today will be held."
        return _problem("accounting period", message, "Set up the period in Vantagepoint.")
    if not period.closed:
        return Finding(Level.OK, "accounting period", f"{period.period} is open for {today}.")
    if first_open_allowed and any(not later.closed and later.start > today for later in reference.periods.values()):
        message = f"{period.period} is closed; documents of {today} go into the first open period after it."
        return Finding(Level.WARNING, "accounting period", message)
    message = f"{period.period} is closed: documents of {today} will be held."
    return _problem("accounting period", message, "Open the period in Vantagepoint, or set posting.closed_period.")


_FIXED_VALUES = {
    "document": frozenset(kind.value for kind in Kind),
    "line": frozenset(line.value for line in LineKind),
    "purpose": frozenset({"job", "stock"}),
}

# What is wrong, and what to do about it.
_Complaint = tuple[str, str]


def _wrong_with(rule: Rule, settings: ConnectionSettings, reference: ReferenceData) -> Iterable[_Complaint]:
    yield from _wrong_project(rule, reference)
    give = rule.give
    yield from _missing_or_closed("Account", give.get("account"), reference.accounts)
    # An empty organization or tax code means none; an empty account means nothing sensible.
    yield from _missing_or_closed("Organization", give.get("organization") or None, reference.organizations)
    yield from _missing_or_closed("Tax code", give.get("tax_code") or None, reference.tax_codes)
    if give.get("section", "F") not in INVOICE_SECTIONS:
        known = ", ".join(sorted(INVOICE_SECTIONS))
        yield f"{give['section']!r} is not an invoice section of Vantagepoint.", f"Use one of {known}."
    if give.get("terms", DATED) not in PAY_TERMS:
        yield f"Vantagepoint has no payment terms {give['terms']!r}.", f"Use one of {', '.join(PAY_TERMS)}."
    bank = give.get("bank")
    if bank is not None and bank not in reference.banks:
        yield f"Bank {bank!r} does not exist in Vantagepoint.", "Correct the rule, or create the bank in Vantagepoint."
    liability = give.get("liability")
    if liability is not None and settings.posting.bills_as == "journal_entry":
        yield from _missing_or_closed("Account", liability, reference.accounts)
    elif liability == "":
        yield "It gives an empty liability code.", "Name one, or leave it out: the vendor's own is used then."


def _wrong_values(rule: Rule) -> Iterable[_Complaint]:
    """Find facts with values that no line ever has."""
    for fact, known in _FIXED_VALUES.items():
        for value in sorted(rule.when.get(fact, frozenset[str]()) - known):
            yield f"It matches on {fact}: {value}, which no line has.", f"Use one of {', '.join(sorted(known))}."


def _of_no_use(rule: Rule) -> Iterable[_Complaint]:
    """Find what a rule gives to nobody."""
    if list(_wrong_values(rule)):
        return
    if not reach(rule):
        yield "No line of any document states all that it matches on.", "Correct or remove the rule."
        return
    for name in useless_fields(rule):
        if "document" not in rule.when and name in BOOKING_FIELDS:
            message = f"It gives {name} to nobody: only a rule that names its documents gives it to other kinds."
            yield message, "Add document to what the rule matches on, such as document: bill."
        else:
            yield f"It gives {name}, which none of the lines it matches has a use for.", "Take it out of the rule."


def _missing_or_closed(
    what: str, code: str | None, existing: Mapping[str, Account] | Mapping[str, Organization] | Mapping[str, TaxCode]
) -> Iterable[_Complaint]:
    if code is None:
        return
    found = existing.get(code)
    if found is None:
        yield f"{what} {code!r} does not exist in Vantagepoint.", "Correct the rule, or create it in Vantagepoint."
    elif not found.active:
        yield f"{what} {code!r} is not active in Vantagepoint.", "Activate it there, or use another in the rule."


def _wrong_project(rule: Rule, reference: ReferenceData) -> Iterable[_Complaint]:
    wbs1, wbs2, wbs3 = (rule.give.get(name) or "" for name in ("wbs1", "wbs2", "wbs3"))
    if wbs1:
        complaint = _wrong_level(rule, reference, (wbs1, wbs2, wbs3))
        if complaint is None and _makes_receivables(rule):
            complaint = _wrong_billing_client(wbs1, reference)
        if complaint is not None:
            yield complaint
    # A phase without a project: another rule gives the project, and any could be meant.
    elif wbs2 and not any(key[1] == wbs2 for key in reference.projects):
        yield f"No project has a phase {wbs2!r}.", "Correct wbs2 of the rule."
    if rule.give.get("wbs1") == "":
        yield "It gives an empty wbs1, and no amount can be posted without a project.", "Name a project."


def _makes_receivables(rule: Rule) -> bool:
    """Say whether somebody may owe money on the project it gives; what a bill is booked on needs no client."""
    return any(gives_at(rule, "wbs1", place) for place in reach(rule) if place[0] in {Kind.INVOICE, Kind.PAYMENT})


def _wrong_level(rule: Rule, reference: ReferenceData, wanted: ProjectKey) -> _Complaint | None:
    levels = [(wanted[0], "", ""), (wanted[0], wanted[1], ""), wanted]
    for key in dict.fromkeys(levels):
        level = reference.projects.get(key)
        if level is None:
            return f"Project {_named(key)} does not exist in Vantagepoint.", "Correct the rule, or create the project."
        if not level.active:
            return (
                f"Project {_named(key)} {level.name!r} is not active in Vantagepoint.",
                "Activate it, or use another.",
            )
    decides_all = rule.give.keys() >= {"wbs1", "wbs2", "wbs3"}
    if decides_all and reference.projects[wanted].has_sublevels:
        return f"Project {_named(wanted)} has levels below it; amounts belong on the lowest.", "Name the lower level."
    return None


def _wrong_billing_client(wbs1: str, reference: ReferenceData) -> _Complaint | None:
    firm = reference.firms.get(reference.projects[(wbs1, "", "")].billing_client_id)
    if firm is None:
        return f"Project {wbs1} has no billing client that exists as a firm.", "Give the project one in Vantagepoint."
    if not firm.active:
        message = f"{firm.name!r}, the billing client of project {wbs1}, is not active."
        return message, "Activate the firm in Vantagepoint, or give the project another billing client."
    return None


def _named(key: ProjectKey) -> str:
    return " | ".join(part for part in key if part)


def _problem(subject: str, message: str, advice: str) -> Finding:
    return Finding(Level.PROBLEM, subject, message, advice, Cause.MAPPING)
