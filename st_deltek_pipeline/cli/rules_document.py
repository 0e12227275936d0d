"""What ``st-deltek rules test`` prints of one document, and its exit code."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import print_json, print_table, say
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.coded_amounts import RETAINER, CodedAmount
from st_deltek_pipeline.domain.coding import Coding
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import shown
from st_deltek_pipeline.services.rules import ExplainedDocument, ExplainedLine, explain_document
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database

MISSING = "missing"
NONE = "-"

# What rules decide about each kind of document, as columns.
_RECEIVABLE = ("project", "account", "section", "tax code", "organization")
_PAYABLE = ("project", "account", "organization", "liability", "bank", "terms")
_COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    Kind.INVOICE: _RECEIVABLE,
    Kind.CREDIT_MEMO: ("account", "section", "tax code"),
    Kind.PAYMENT: ("bank", "project", "account", "organization"),
    Kind.BILL: _PAYABLE,
    Kind.AP_CREDIT: _PAYABLE,
}
_FIELDS = {"project": "wbs1", "tax code": "tax_code"}

# Where the posted lines differ between kinds.
_POSTED: Mapping[Kind, tuple[str, ...]] = {
    Kind.INVOICE: ("project", "account", "section", "tax code", "organization", ">tax basis"),
    Kind.CREDIT_MEMO: ("project", "invoice", "credit memo", "account", "section", "tax code", ">tax basis"),
    Kind.PAYMENT: ("reference", "bank", "project", "invoice", "account"),
    Kind.BILL: ("vendor", "number", "project", "account", "organization", "purchase order"),
    Kind.AP_CREDIT: ("vendor", "number", "project", "account", "organization"),
}
_POSTED_VALUES: Mapping[str, Callable[[CodedAmount], str]] = {
    "project": lambda line: _project(line.key.wbs1, line.key.wbs2, line.key.wbs3),
    "account": lambda line: line.key.account,
    "section": lambda line: line.key.section,
    "tax code": lambda line: line.key.tax_code,
    "organization": lambda line: line.organization,
    ">tax basis": lambda line: shown(line.tax_basis) if line.tax_basis else "",
    "invoice": lambda line: line.key.invoice or (RETAINER if line.key.section == RETAINER else "on account"),
    "credit memo": lambda line: line.key.heading.credit_memo,
    "reference": lambda line: line.key.heading.number,
    "bank": lambda line: line.key.heading.bank,
    "vendor": lambda line: line.key.heading.vendor or "(journal entry)",
    "number": lambda line: line.key.heading.number,
    "purchase order": lambda line: line.purchase_order,
}


def test(settings: Settings, name: str, kind: Kind, document_id: int, *, as_json: bool) -> int:
    """Print what the rules decide about a staged document.

    Args:
        settings: The installation.
        name: The connection.
        kind: The kind of document.
        document_id: ServiceTitan's id of it.
        as_json: Answer in JSON.

    Returns:
        The exit code: 4 when it would be held.

    Raises:
        ConfigurationError: There is no such connection or no such staged document.
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    connection = find_connection(settings, name)
    engine = ready_database(settings)
    try:
        explained = explain_document(engine, connection, kind, document_id)
    finally:
        engine.dispose()
    if as_json:
        print_json(_as_data(explained))
    else:
        _show(explained)
    return ExitCode.HELD if explained.hold else ExitCode.OK


def facts_as_text(facts: Mapping[str, str], separator: str) -> str:
    """Return facts as people write them into a rule.

    Args:
        facts: Fact name to value.
        separator: Between two of them.
    """
    return separator.join(f"{name}: {value}" for name, value in facts.items())


def _as_data(explained: ExplainedDocument) -> dict[str, Any]:
    document, hold = explained.document, explained.hold
    return {
        "document": str(document.key),
        "number": document.number,
        "revision": document.revision,
        "business_day": document.business_day,
        "document_date": document.document_date,
        "sync_status": document.sync_status.value,
        "active": document.active,
        "total": document.total,
        "lines": [
            {
                "item": line.item,
                "whole_document": line.whole,
                "description": line.description,
                "amount": line.amount,
                "facts": dict(line.facts),
                "coding": asdict(line.coding),
                "decided_by": dict(line.decided_by),
                "missing": list(line.missing),
            }
            for line in explained.lines
        ],
        "hold": {"reason": hold.reason.value, "message": hold.message, "advice": hold.advice} if hold else None,
        "remark": explained.remark,
        "terms": explained.terms,
        "postings": [
            {
                **asdict(line.key),
                "organization": line.organization,
                "description": line.description,
                "amount": line.amount,
                "tax_basis": line.tax_basis,
                "purchase_order": line.purchase_order,
            }
            for line in explained.postings
        ],
    }


def _show(explained: ExplainedDocument) -> None:
    document = explained.document
    state = document.sync_status.value if document.active else "voided"
    say(
        f"{document.key}, number {document.number or NONE}, {document.document_date}, {state}, "
        f"total {shown(document.total)}, revision {document.revision}"
    )
    kind = document.key.kind
    if explained.lines:
        print_table(
            ("line", ">amount", "facts", *_COLUMNS[kind], "decided by"),
            [_line_cells(line, _COLUMNS[kind]) for line in explained.lines],
            title="Lines, and the rules that decide them",
        )
    if explained.hold is not None:
        say(f"It would be held ({explained.hold.reason.value}): {explained.hold.message}")
        say(explained.hold.advice)
    elif explained.remark:
        say(explained.remark)
    else:
        columns = _POSTED[kind]
        print_table(
            (*columns, "description", ">amount"),
            [
                (*(_POSTED_VALUES[name](line) or NONE for name in columns), line.description, shown(line.amount))
                for line in explained.postings
            ],
            title="Lines that should stand in Vantagepoint",
        )


def _line_cells(line: ExplainedLine, columns: tuple[str, ...]) -> tuple[str, ...]:
    coding = line.coding
    return (
        line.description if line.whole else f"{line.item} {line.description}".strip(),
        shown(line.amount),
        facts_as_text(line.facts, "\n"),
        *(_coding_cell(line, coding, column) for column in columns),
        "\n".join(f"{', '.join(fields)}: {rule}" for rule, fields in _by_rule(line.decided_by).items()),
    )


def _coding_cell(line: ExplainedLine, coding: Coding, column: str) -> str:
    name = _FIELDS.get(column, column)
    if name in line.missing:
        return MISSING
    if column == "project":
        return _project(coding.wbs1, coding.wbs2, coding.wbs3)
    return getattr(coding, name) or NONE


def _by_rule(decided_by: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, rule in decided_by.items():
        found.setdefault(rule, []).append(name)
    return found


def _project(*levels: str | None) -> str:
    return " | ".join(level for level in levels if level) or NONE
