"""Holds a connection's coding rules against what exists in both systems, without any document.

A document is judged by ``domain.alignment``; this is the same question asked beforehand, so that a rule that can
only lead to holds is found on the first day and not at month end.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.coding import Rule, fold
from st_deltek_pipeline.domain.invoice_alignment import INVOICE_SECTIONS
from st_deltek_pipeline.domain.reference import Account, Organization, ProjectKey, ReferenceData, TaxCode
from st_deltek_pipeline.store.reference import load_reference

_BUSINESS_UNIT_FACTS = frozenset({"business_unit", "business_unit_id"})


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Cause(StrEnum):
    """What kind of problem it is; decides the exit code of ``st-deltek connection check``."""

    CONFIGURATION = "configuration"
    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    UNREACHABLE = "unreachable"
    MAPPING = "mapping"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One thing that fits, or does not.

    Attributes:
        subject: What was looked at: a login, a feed, a rule, an account.
        message: What was found.
        advice: What a person should do; empty when nothing is to be done.
        cause: The kind of problem; ``None`` when there is none.
    """

    level: Level
    subject: str
    message: str
    advice: str = ""
    cause: Cause | None = None


@dataclass(frozen=True, order=True)
class BusinessUnit:
    """A business unit of ServiceTitan, as far as rules see it."""

    name: str
    unit_id: int


def check_rules(rules: Sequence[Rule], reference: ReferenceData) -> list[Finding]:
    """Check everything the rules name in Vantagepoint.

    Args:
        rules: The connection's coding rules.
        reference: What exists.

    Returns:
        One finding per rule that names something missing or closed, or a single good one.
    """
    findings: list[Finding] = []
    for rule in rules:
        subject = f"coding rule {rule.name!r}"
        findings.extend(_problem(subject, *words) for words in _wrong_with(rule, reference))
    if findings:
        return findings
    return [Finding(Level.OK, "coding rules", f"All {len(rules)} name only what exists and is open in Vantagepoint.")]


def rule_problems(engine: Engine, settings: ConnectionSettings) -> list[Finding]:
    """Check a connection's rules against Vantagepoint's master data as last read.

    Args:
        engine: The database.
        settings: The connection.

    Returns:
        One finding per rule that names something missing or closed; empty when all of them fit.

    Raises:
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    found = check_rules(settings.rules, load_reference(engine, settings.name))
    return [finding for finding in found if finding.level is not Level.OK]


def check_business_units(rules: Sequence[Rule], units: Iterable[BusinessUnit]) -> list[Finding]:
    """Check that some rule can give every active business unit a project, an account and a section.

    A rule that asks for more than the unit (a job type, say) counts, too: only documents can tell how far it reaches.

    Args:
        rules: The connection's coding rules.
        units: ServiceTitan's active business units.

    Returns:
        A warning per unit whose invoices would be held, or a single good finding.
    """
    known = sorted(units)
    findings: list[Finding] = []
    for unit in known:
        # Accounts and sections commonly follow from the item; a project must follow from the unit itself.
        given = {
            name
            for rule in rules
            if _can_match(rule, unit)
            for name in rule.give
            if name != "wbs1" or _is_for_the_whole_unit(rule)
        }
        missing = [name for name in ("wbs1", "account", "section") if name not in given]
        if missing:
            findings.append(
                Finding(
                    Level.WARNING,
                    f"business unit {unit.name!r} ({unit.unit_id})",
                    f"No coding rule gives {', '.join(missing)} for it: its invoices will be held.",
                    "Add a rule for it to the connection's file, unless it never invoices.",
                )
            )
    if known and len(findings) == len(known):
        message = "No business unit is covered by the coding rules: every invoice will be held."
        return [*findings, _problem("business units", message, "Correct coding in the connection's file.")]
    if findings:
        return findings
    return [Finding(Level.OK, "business units", f"All {len(known)} are covered by coding rules.")]


def check_unit_names(rules: Sequence[Rule], units: Iterable[BusinessUnit]) -> list[Finding]:
    """Find rules for business units that do not exist, which are mostly misspelt.

    Args:
        rules: The connection's coding rules.
        units: ServiceTitan's business units, inactive ones too.

    Returns:
        A warning per name.
    """
    known = list(units)
    existing = {
        "business_unit": {fold(unit.name) for unit in known},
        "business_unit_id": {str(u.unit_id) for u in known},
    }
    return [
        Finding(
            Level.WARNING,
            f"coding rule {rule.name!r}",
            f"It matches on the business unit {value!r}, which ServiceTitan does not have.",
            "Correct its spelling in the connection's file, or remove it.",
        )
        for rule in rules
        for fact in sorted(_BUSINESS_UNIT_FACTS & rule.when.keys())
        for value in sorted(rule.when[fact] - existing[fact])
    ]


def check_period(reference: ReferenceData, today: date, *, first_open_allowed: bool) -> Finding:
    """Check that a document of today could be posted.

    Args:
        reference: Vantagepoint's periods.
        today: In the connection's time zone.
        first_open_allowed: Setting ``closed_period: first_open``.
    """
    period = reference.period_of(today)
    if period is None:
        message = f"No accounting period covers {today}: invoices of today will be held."
        return _problem("accounting period", message, "Set up the period in Vantagepoint.")
    if not period.closed:
        return Finding(Level.OK, "accounting period", f"{period.period} is open for {today}.")
    if first_open_allowed and any(not later.closed and later.start > today for later in reference.periods.values()):
        message = f"{period.period} is closed; invoices of {today} go into the first open period after it."
        return Finding(Level.WARNING, "accounting period", message)
    message = f"{period.period} is closed: invoices of {today} will be held."
    return _problem("accounting period", message, "Open the period in Vantagepoint, or set posting.closed_period.")


def _is_for_the_whole_unit(rule: Rule) -> bool:
    return bool(_BUSINESS_UNIT_FACTS & rule.when.keys()) or not rule.when.keys() - {"line"}


def _can_match(rule: Rule, unit: BusinessUnit) -> bool:
    facts = {"business_unit": fold(unit.name), "business_unit_id": str(unit.unit_id)}
    # A rule for taxes alone does not help the items of a unit.
    if "line" in rule.when and "item" not in rule.when["line"]:
        return False
    return all(facts[fact] in accepted for fact, accepted in rule.when.items() if fact in _BUSINESS_UNIT_FACTS)


# What is wrong, and what to do about it.
_Complaint = tuple[str, str]


def _wrong_with(rule: Rule, reference: ReferenceData) -> Iterable[_Complaint]:
    yield from _wrong_project(rule, reference)
    give = rule.give
    yield from _missing_or_closed("Account", give.get("account"), reference.accounts)
    # An empty organization or tax code means none; an empty account means nothing sensible.
    yield from _missing_or_closed("Organization", give.get("organization") or None, reference.organizations)
    yield from _missing_or_closed("Tax code", give.get("tax_code") or None, reference.tax_codes)
    if give.get("section", "F") not in INVOICE_SECTIONS:
        known = ", ".join(sorted(INVOICE_SECTIONS))
        yield f"{give['section']!r} is not an invoice section of Vantagepoint.", f"Use one of {known}."


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
        complaint = _wrong_level(rule, reference, (wbs1, wbs2, wbs3)) or _wrong_billing_client(wbs1, reference)
        if complaint is not None:
            yield complaint
    # A phase without a project: another rule gives the project, and any could be meant.
    elif wbs2 and not any(key[1] == wbs2 for key in reference.projects):
        yield f"No project has a phase {wbs2!r}.", "Correct wbs2 of the rule."
    if rule.give.get("wbs1") == "":
        yield "It gives an empty wbs1, and no amount can be posted without a project.", "Name a project."


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
