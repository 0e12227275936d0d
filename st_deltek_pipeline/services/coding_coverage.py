"""Holds a connection's coding rules against ServiceTitan's own lists: whom and what no rule covers, before any document.

A rule counts even where it asks for more than is known here (a job type, say): only documents can tell how far it
reaches, and ``rules gaps`` does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from st_deltek_pipeline.connections.settings import ConnectionSettings, PostingSettings
from st_deltek_pipeline.domain.coding import LineKind, Rule, fold
from st_deltek_pipeline.domain.coding_reach import Place, gives_at
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.services.findings import Cause, Finding, Level

_BUSINESS_UNIT_FACTS = frozenset({"business_unit", "business_unit_id"})

# What a business unit's documents need from the rules, where they need it.
_NEEDED: Mapping[Kind, tuple[LineKind, tuple[str, ...]]] = {
    Kind.INVOICE: (LineKind.ITEM, ("wbs1", "account", "section")),
    Kind.PAYMENT: (LineKind.UNAPPLIED, ("wbs1",)),
    Kind.BILL: (LineKind.ITEM, ("wbs1", "account")),
    Kind.AP_CREDIT: (LineKind.CREDIT, ("wbs1", "account")),
}
_WHAT_IS_HELD = {
    Kind.INVOICE: "its invoices",
    Kind.PAYMENT: "its unapplied money",
    Kind.BILL: "its bills",
    Kind.AP_CREDIT: "its AP credits",
}


@dataclass(frozen=True, order=True)
class BusinessUnit:
    """A business unit of ServiceTitan, as far as rules see it."""

    name: str
    unit_id: int


def check_business_units(settings: ConnectionSettings, units: Iterable[BusinessUnit]) -> list[Finding]:
    """Check that some rule can give every active business unit what its documents need.

    Args:
        settings: The connection: its rules, and the kinds of document it moves.
        units: ServiceTitan's active business units.

    Returns:
        A warning per unit whose documents would be held, or a single good finding.
    """
    known = sorted(units)
    findings: list[Finding] = []
    for unit in known:
        missing = {kind: names for kind in _kinds(settings.posting) if (names := _missing(settings.rules, unit, kind))}
        if missing:
            said = "; ".join(
                f"No coding rule gives {', '.join(names)} for it: {_WHAT_IS_HELD[kind]} will be held"
                for kind, names in missing.items()
            )
            findings.append(
                Finding(
                    Level.WARNING,
                    f"business unit {unit.name!r} ({unit.unit_id})",
                    f"{said}.",
                    "Add a rule for it to the connection's file, unless it never has such documents.",
                )
            )
    if known and all(_missing(settings.rules, unit, Kind.INVOICE) for unit in known):
        message = "No business unit is covered by the coding rules: every invoice will be held."
        return [*findings, _mapping_problem("business units", message, "Correct coding in the connection's file.")]
    return findings or [Finding(Level.OK, "business units", f"All {len(known)} are covered by coding rules.")]


def check_unit_names(rules: Sequence[Rule], units: Iterable[BusinessUnit]) -> list[Finding]:
    """Find rules for business units that do not exist, which are mostly misspelt.

    Args:
        rules: The connection's coding rules.
        units: ServiceTitan's business units, inactive ones too.

    Returns:
        A warning per name.
    """
    known = list(units)
    return [
        *_unknown_names(rules, "business_unit", "business unit", (unit.name for unit in known)),
        *_unknown_names(rules, "business_unit_id", "business unit", (str(unit.unit_id) for unit in known)),
    ]


def check_payment_types(settings: ConnectionSettings, names: Iterable[str]) -> list[Finding]:
    """Check that some rule can give every payment type that moves money a bank.

    Args:
        settings: The connection.
        names: ServiceTitan's payment types.

    Returns:
        A warning per type whose payments would be held and per rule for a type that does not exist, or a single good
        finding.
    """
    known = sorted(names)
    no_money = {fold(name) for name in settings.posting.journal_entry_payment_types}
    receipt = (Kind.PAYMENT, LineKind.RECEIPT)
    banks = [rule for rule in settings.rules if gives_at(rule, "bank", receipt)]
    without = [
        name
        for name in known
        if fold(name) not in no_money
        and not any("payment_type" not in rule.when or fold(name) in rule.when["payment_type"] for rule in banks)
    ]
    findings = [
        Finding(
            Level.WARNING,
            f"payment type {name!r}",
            "No coding rule gives a bank for it: its payments will be held.",
            "Add a rule with bank to the connection's file, or name it in posting.journal_entry_payment_types if no "
            "money moves.",
        )
        for name in without
    ]
    findings += _unknown_names(settings.rules, "payment_type", "payment type", known)
    if without and len(without) == len([name for name in known if fold(name) not in no_money]):
        message = "No payment type has a bank: every payment will be held."
        findings.append(_mapping_problem("payment types", message, "Give a bank in coding, or leave payments out."))
    return findings or [Finding(Level.OK, "payment types", f"All {len(known)} have a bank or move no money.")]


def check_vendor_names(rules: Sequence[Rule], names: Iterable[str]) -> list[Finding]:
    """Find rules for vendors that do not exist.

    Args:
        rules: The connection's coding rules.
        names: ServiceTitan's vendors, inactive ones too.
    """
    return _unknown_names(rules, "vendor", "vendor", names)


def check_payables(settings: ConnectionSettings) -> list[Finding]:
    """Check that bills as journal entries have an account to balance on."""
    kinds = [kind for kind in (Kind.BILL, Kind.AP_CREDIT) if kind in settings.posting.documents]
    if settings.posting.bills_as != "journal_entry" or not kinds:
        return []
    without = [kind for kind in kinds if not _given(settings.rules, "liability", (kind, LineKind.PAYABLE))]
    if not without:
        return [Finding(Level.OK, "journal entries", "Coding rules give the account that bills balance on.")]
    what = " and ".join(_WHAT_IS_HELD[kind].removeprefix("its ") for kind in without)
    message = f"No coding rule gives liability, the account that {what} balance on: they will be held."
    return [_mapping_problem("journal entries", message, "Add a rule for line: payable that gives liability.")]


def check_fees(settings: ConnectionSettings) -> list[Finding]:
    """Check that what the bank keeps of a deposit has an account, where receipts are posted by deposit."""
    posting = settings.posting
    if posting.receipt_files != "by_deposit" or Kind.PAYMENT not in posting.documents:
        return []
    if _given(settings.rules, "account", (Kind.PAYMENT, LineKind.FEE)):
        return [Finding(Level.OK, "bank fees", "A coding rule gives them an account.")]
    message = "No coding rule gives an account to bank fees: deposits of which the bank kept something will be held."
    advice = "Add a rule for document: payment, line: fee that gives an account."
    return [Finding(Level.WARNING, "bank fees", message, advice)]


def _kinds(posting: PostingSettings) -> list[Kind]:
    needed = [kind for kind in _NEEDED if kind in posting.documents]
    return [kind for kind in needed if kind is not Kind.PAYMENT or posting.unapplied != "hold"]


def _missing(rules: Sequence[Rule], unit: BusinessUnit, kind: Kind) -> list[str]:
    line, needed = _NEEDED[kind]
    # Accounts and sections commonly follow from the item; a project must follow from the unit itself.
    return [
        name
        for name in needed
        if not any(
            gives_at(rule, name, (kind, line))
            and _covers(rule, unit)
            and (name != "wbs1" or _is_for_the_whole_unit(rule))
            for rule in rules
        )
    ]


def _given(rules: Sequence[Rule], name: str, place: Place) -> bool:
    return any(gives_at(rule, name, place) for rule in rules)


def _is_for_the_whole_unit(rule: Rule) -> bool:
    return bool(_BUSINESS_UNIT_FACTS & rule.when.keys()) or not rule.when.keys() - {"line", "document"}


def _covers(rule: Rule, unit: BusinessUnit) -> bool:
    facts = {"business_unit": fold(unit.name), "business_unit_id": str(unit.unit_id)}
    return all(facts[fact] in accepted for fact, accepted in rule.when.items() if fact in _BUSINESS_UNIT_FACTS)


def _unknown_names(rules: Sequence[Rule], fact: str, what: str, names: Iterable[str]) -> list[Finding]:
    existing = {fold(name) for name in names}
    return [
        Finding(
            Level.WARNING,
            f"coding rule {rule.name!r}",
            f"It matches on the {what} {value!r}, which ServiceTitan does not have.",
            "Correct its spelling in the connection's file, or remove it.",
        )
        for rule in rules
        for value in sorted(rule.when.get(fact, frozenset[str]()) - existing - {""})
    ]


def _mapping_problem(subject: str, message: str, advice: str) -> Finding:
    return Finding(Level.PROBLEM, subject, message, advice, Cause.MAPPING)
