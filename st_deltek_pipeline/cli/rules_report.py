"""What ``st-deltek rules`` prints, and its exit codes."""

import csv
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from enum import Enum, auto
from typing import Any

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import print_json, print_table, working
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.alignment import CodedAmount
from st_deltek_pipeline.domain.coding import FACT_FIELDS
from st_deltek_pipeline.domain.coding_gaps import Gap
from st_deltek_pipeline.services.rules import ExplainedDocument, ExplainedLine, RuleGaps, explain_document, find_gaps
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database

_MISSING = "missing"
_NONE = "-"


class Shape(Enum):
    """How gaps are printed."""

    TABLE = auto()
    JSON = auto()
    CSV = auto()


def test(settings: Settings, name: str, document_id: int, *, as_json: bool) -> int:
    """Print what the rules decide about a staged invoice.

    Args:
        settings: The installation.
        name: The connection.
        document_id: ServiceTitan's id of the invoice.
        as_json: Answer in JSON.

    Returns:
        The exit code: 4 when it would be held.

    Raises:
        ConfigurationError: There is no such connection or no such staged invoice.
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    connection = find_connection(settings, name)
    engine = ready_database(settings)
    try:
        explained = explain_document(engine, connection, document_id)
    finally:
        engine.dispose()
    if as_json:
        print_json(_document_as_data(explained))
    else:
        _show_document(explained)
    return ExitCode.HELD if explained.hold else ExitCode.OK


def gaps(settings: Settings, name: str, first: date | None, last: date | None, *, shape: Shape) -> int:
    """Print what no rule gives.

    Args:
        settings: The installation.
        name: The connection.
        first: Earliest business day; ``None`` does not limit.
        last: Latest business day, likewise.
        shape: How to print them.

    Returns:
        The exit code: 4 when there are gaps.

    Raises:
        ConfigurationError: There is no such connection.
        BrokenError: Nothing is staged yet.
    """
    connection = find_connection(settings, name)
    engine = ready_database(settings)
    try:
        with working(f"Holding the staged documents of {name} against its rules ..."):
            found = find_gaps(engine, connection, first=first, last=last)
    finally:
        engine.dispose()
    if shape is Shape.JSON:
        print_json(_gaps_as_data(name, found))
    elif shape is Shape.CSV:
        _write_csv(found)
    else:
        _show_gaps(name, found)
    return ExitCode.HELD if found.gaps else ExitCode.OK


def _document_as_data(explained: ExplainedDocument) -> dict[str, Any]:
    invoice, hold = explained.invoice, explained.hold
    return {
        "document": str(invoice.key),
        "number": invoice.number,
        "revision": invoice.revision,
        "business_day": invoice.business_day,
        "document_date": invoice.document_date,
        "sync_status": invoice.sync_status.value,
        "active": invoice.active,
        "total": invoice.total,
        "lines": [
            {
                "item": line.item,
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
        "postings": [
            {
                **asdict(line.key),
                "organization": line.organization,
                "description": line.description,
                "amount": line.amount,
                "tax_basis": line.tax_basis,
            }
            for line in explained.postings
        ],
    }


def _show_document(explained: ExplainedDocument) -> None:
    invoice = explained.invoice
    state = invoice.sync_status.value if invoice.active else "voided"
    click.echo(
        f"{invoice.key}, number {invoice.number or _NONE}, {invoice.document_date}, {state}, "
        f"total {invoice.total:,.2f}, revision {invoice.revision}"
    )
    print_table(
        ("line", ">amount", "facts", "project", "account", "section", "tax code", "organization", "decided by"),
        [_line_cells(line) for line in explained.lines],
        title="Lines, and the rules that decide them",
    )
    if explained.hold is not None:
        click.echo(f"It would be held ({explained.hold.reason.value}): {explained.hold.message}")
        click.echo(explained.hold.advice)
        return
    print_table(
        ("project", "account", "section", "tax code", "organization", "description", ">amount", ">tax basis"),
        [_posting_cells(line) for line in explained.postings],
        title="Lines that should stand in Vantagepoint",
    )


def _line_cells(line: ExplainedLine) -> tuple[str, ...]:
    coding = line.coding
    return (
        f"{line.item} {line.description}".strip(),
        f"{line.amount:,.2f}",
        _facts_as_text(line.facts, "\n"),
        _MISSING if coding.wbs1 is None else _project(coding.wbs1, coding.wbs2, coding.wbs3),
        _MISSING if coding.account is None else coding.account,
        _MISSING if coding.section is None else coding.section,
        coding.tax_code or _NONE,
        coding.organization or _NONE,
        "\n".join(f"{', '.join(fields)}: {rule}" for rule, fields in _by_rule(line.decided_by).items()),
    )


def _by_rule(decided_by: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, rule in decided_by.items():
        found.setdefault(rule, []).append(name)
    return found


def _posting_cells(line: CodedAmount) -> tuple[str, ...]:
    key = line.key
    return (
        _project(key.wbs1, key.wbs2, key.wbs3),
        key.account,
        key.section,
        key.tax_code or _NONE,
        line.organization or _NONE,
        line.description,
        f"{line.amount:,.2f}",
        f"{line.tax_basis:,.2f}" if line.tax_basis else _NONE,
    )


def _project(*levels: str | None) -> str:
    return " | ".join(level for level in levels if level) or _NONE


def _facts_as_text(facts: Mapping[str, str], separator: str) -> str:
    return separator.join(f"{name}: {value}" for name, value in facts.items())


def _gaps_as_data(name: str, found: RuleGaps) -> dict[str, Any]:
    return {
        "connection": name,
        "first": found.first,
        "last": found.last,
        "documents": found.documents,
        "lines": found.lines,
        "documents_with_gaps": found.documents_with_gaps,
        "lines_with_gaps": found.lines_with_gaps,
        "amount": found.amount,
        "gaps": [
            {
                "missing": gap.missing,
                "facts": dict(gap.facts),
                "documents": gap.documents,
                "lines": gap.lines,
                "amount": gap.amount,
                "example": str(gap.example),
            }
            for gap in found.gaps
        ],
    }


def _write_csv(found: RuleGaps) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("missing", *FACT_FIELDS, "documents", "lines", "amount", "example"))
    writer.writerows(_csv_row(gap) for gap in found.gaps)


def _csv_row(gap: Gap) -> tuple[object, ...]:
    facts = (gap.facts.get(name, "") for name in FACT_FIELDS)
    return gap.missing, *facts, gap.documents, gap.lines, gap.amount, gap.example


def _show_gaps(name: str, found: RuleGaps) -> None:
    looked_at = f"{found.documents:,} documents with {found.lines:,} lines, {found.first} to {found.last}"
    if found.first is None:
        click.echo("No business day of this range is staged.")
        return
    if not found.gaps:
        click.echo(f"Nothing is missing: the rules of {name} code every line of {looked_at}.")
        return
    print_table(
        ("missing", "for", ">documents", ">lines", ">amount", "example"),
        [
            (
                gap.missing,
                _facts_as_text(gap.facts, ", "),
                f"{gap.documents:,}",
                f"{gap.lines:,}",
                f"{gap.amount:,.2f}",
                gap.example,
            )
            for gap in found.gaps
        ],
        title=f"What no rule of {name} gives",
    )
    click.echo(
        f"{found.documents_with_gaps:,} documents have {found.lines_with_gaps:,} lines, {found.amount:,.2f} together, "
        f"that miss something; looked at {looked_at}."
    )
    click.echo(f"Add rules to coding in the connection's file; st-deltek rules test {name} EXAMPLE shows one document.")
