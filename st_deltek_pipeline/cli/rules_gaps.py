"""What ``st-deltek rules gaps`` prints, and its exit code."""

import csv
import sys
from collections.abc import Sequence
from datetime import date
from enum import Enum, auto
from typing import Any

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import print_json, print_table, say, working
from st_deltek_pipeline.cli.rules_document import facts_as_text
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.coding import FACT_FIELDS
from st_deltek_pipeline.domain.coding_gaps import Gap
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import shown
from st_deltek_pipeline.services.rules import RuleGaps, find_gaps
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database


class Shape(Enum):
    """How gaps are printed."""

    TABLE = auto()
    JSON = auto()
    CSV = auto()


def gaps(
    settings: Settings, name: str, first: date | None, last: date | None, *, kinds: Sequence[Kind], shape: Shape
) -> int:
    """Print what no rule gives.

    Args:
        settings: The installation.
        name: The connection.
        first: Earliest business day; ``None`` does not limit.
        last: Latest business day, likewise.
        kinds: The kinds of document; none means all that the connection moves.
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
            found = find_gaps(engine, connection, first=first, last=last, kinds=kinds)
    finally:
        engine.dispose()
    if shape is Shape.JSON:
        print_json(_as_data(name, found))
    elif shape is Shape.CSV:
        _write_csv(found)
    else:
        _show(name, found)
    return ExitCode.HELD if found.gaps else ExitCode.OK


def _as_data(name: str, found: RuleGaps) -> dict[str, Any]:
    return {
        "connection": name,
        "kinds": [kind.value for kind in found.kinds],
        "first": found.first,
        "last": found.last,
        "documents": found.documents,
        "lines": found.lines,
        "documents_with_gaps": found.documents_with_gaps,
        "lines_with_gaps": found.lines_with_gaps,
        "amount": found.amount,
        "gaps": [
            {
                "kind": gap.kind.value,
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
    writer.writerow(("kind", "missing", *FACT_FIELDS, "documents", "lines", "amount", "example"))
    writer.writerows(_csv_row(gap) for gap in found.gaps)


def _csv_row(gap: Gap) -> tuple[object, ...]:
    facts = (gap.facts.get(name, "") for name in FACT_FIELDS)
    return gap.kind.value, gap.missing, *facts, gap.documents, gap.lines, gap.amount, gap.example


def _show(name: str, found: RuleGaps) -> None:
    looked_at = f"{found.documents:,} documents with {found.lines:,} lines, {found.first} to {found.last}"
    if found.first is None:
        say("No business day of this range is staged.")
        return
    if not found.gaps:
        say(f"Nothing is missing: the rules of {name} code every line of {looked_at}.")
        return
    print_table(
        ("missing", "for", ">documents", ">lines", ">amount", "example"),
        [
            (
                gap.missing,
                facts_as_text(gap.facts, ", "),
                f"{gap.documents:,}",
                f"{gap.lines:,}",
                shown(gap.amount),
                gap.example,
            )
            for gap in found.gaps
        ],
        title=f"What no rule of {name} gives",
    )
    say(
        f"{found.documents_with_gaps:,} documents have {found.lines_with_gaps:,} lines, {shown(found.amount)} together, "
        f"that miss something; looked at {looked_at}."
    )
    say(f"Add rules to coding in the connection's file; st-deltek rules test {name} EXAMPLE shows one document.")
