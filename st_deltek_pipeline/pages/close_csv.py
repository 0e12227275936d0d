"""A close report for a spreadsheet: one table, whose first column says what a line is."""

from collections.abc import Iterator

from st_deltek_pipeline.domain.close_report import CloseReport
from st_deltek_pipeline.pages.spreadsheet import write_csv

COLUMNS = (
    "line",
    "day",
    "kind",
    "document",
    "number",
    "for",
    "reason",
    "documents",
    "servicetitan",
    "posted",
    "held",
    "ignored",
    "journal",
    "ledger",
    "difference",
    "days_waiting",
    "words",
    "advice",
)
"""Headings; a line leaves those empty that say nothing of it."""


def close_csv(report: CloseReport) -> str:
    """Write a report as CSV. A text that a spreadsheet would run is made harmless; amounts stay numbers.

    Args:
        report: The report.
    """
    rows = ([line.get(column, "") for column in COLUMNS] for line in _lines(report))
    return write_csv(COLUMNS, rows)


def _lines(report: CloseReport) -> Iterator[dict[str, object]]:
    span = report.first if report.is_day else f"{report.first} to {report.last}"
    verdict = {"line": "verdict", "day": span, "reason": report.state.value}
    yield {**verdict, "words": report.verdict, "difference": report.difference, "documents": report.documents}
    for row in report.totals:
        yield {
            "line": "total",
            "day": row.business_day or "",
            "kind": row.kind.value,
            "documents": row.documents,
            "servicetitan": row.servicetitan_total,
            "posted": row.posted,
            "held": row.held,
            "ignored": row.ignored,
            "difference": row.difference,
        }
    for name in report.unaccounted:
        yield {"line": "without outcome", "document": name, "kind": name.partition(":")[0]}
    for each in report.ledger.differences:
        yield {
            "line": "difference",
            "day": each.business_day or "",
            "kind": each.kind.value if each.kind else "",
            "document": each.document,
            "number": each.reference,
            "reason": each.difference_class.value,
            "servicetitan": each.servicetitan,
            "journal": each.journal,
            "ledger": each.ledger,
            "difference": each.amount,
            "words": each.words,
            "advice": each.advice,
        }
    for open_amount in report.ledger.result.balances if report.ledger.result else ():
        yield {
            "line": "open amount",
            "document": f"{open_amount.project} {open_amount.invoice}",
            "journal": open_amount.expected,
            "ledger": open_amount.shown,
            "difference": open_amount.difference,
        }
    for each in report.waiting:
        yield {
            "line": "held",
            "day": each.business_day or "",
            "kind": each.kind.value,
            "document": each.document,
            "number": each.number,
            "for": each.party,
            "reason": each.reason,
            "documents": 1,
            "held": each.amount,
            "days_waiting": each.days,
            "words": each.message,
            "advice": each.advice,
        }
    for each in report.outside:
        # Held documents have a line each.
        if each.outcome != "held":
            yield {
                "line": each.outcome,
                "kind": each.kind.value,
                "document": " ".join(f"{each.kind.value}:{number}" for number in each.document_ids),
                "reason": each.reason,
                "documents": each.documents,
                "ignored" if each.outcome == "ignored" else "held": each.amount,
                "advice": each.advice,
            }
    for file in report.files:
        yield {
            "line": "file",
            "day": file.business_day,
            "kind": file.kind.value,
            "document": file.batch,
            "number": "" if file.post_sequence is None else file.post_sequence,
            "reason": file.state,
            "documents": file.documents,
            "posted": file.amount,
            "words": file.words,
        }
