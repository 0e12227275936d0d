"""What ``st-deltek holds show`` prints about one document, to people and to machines."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from st_deltek_pipeline.cli.holds_report import age_text, moment_text
from st_deltek_pipeline.cli.output import print_json, print_table, say
from st_deltek_pipeline.cli.staged_report import coded_lines_of, header_of, lines_of, outcome_of
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.coded_amounts import LineKey
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.money import shown
from st_deltek_pipeline.services.document_history import DocumentHistory, document_history
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database

_HASH_DIGITS = 12


def show_document(settings: Settings, name: str, document: tuple[Kind, int], *, as_json: bool) -> None:
    """Print everything that is known about one document.

    Args:
        settings: The installation.
        name: The connection.
        document: Kind and id.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: Nothing is known of it, there is no such connection, or its file is wrong.
    """
    find_connection(settings, name)
    engine = ready_database(settings)
    try:
        history = document_history(engine, DocumentKey(name, *document))
    finally:
        engine.dispose()
    if as_json:
        print_json(_as_data(history))
    else:
        _show(history)


def _as_data(history: DocumentHistory) -> dict[str, Any]:
    ignored, reversal = history.ignored, history.reversal
    return {
        "document": str(history.document),
        "staged": header_of(history.staged) if history.staged else None,
        "lines": lines_of(history.staged) if history.staged else [],
        "coded_lines": coded_lines_of(history.alignment.lines if history.alignment else ()),
        "outcome": outcome_of(history.outcome, history.held) if history.outcome else None,
        "ignored": {"revision": ignored.held.revision, "reason": ignored.reason, "by": ignored.by} if ignored else None,
        "reversed": {"revision": reversal.revision, "reason": reversal.reason, "by": reversal.by} if reversal else None,
        "standing": [
            {"date": day, **asdict(key), "amount": amount}
            for (day, key), amount in sorted(history.standing.lines.items())
        ],
        "files": [
            {
                "batch": file.batch,
                "state": file.state,
                "period": file.period,
                "documents": file.documents,
                "amount": file.amount,
                "document_amount": file.document_amount,
                "post_sequence": file.post_sequence,
                "words": file.words,
                "changed_at": file.changed_at,
            }
            for file in history.files
        ],
        "write_backs": [
            {
                "revision": told.revision,
                "state": told.state,
                "external_id": told.external_id,
                "message": told.message,
                "words": told.words,
                "changed_at": told.changed_at,
            }
            for told in history.write_backs
        ],
        "events": [
            {
                "sequence": event.sequence,
                "occurred_at": event.occurred_at,
                "run": event.run_id,
                "event": event.event_type,
                "batch": event.batch,
                "body": json.loads(event.body, parse_float=str),
            }
            for event in history.events
        ],
    }


def _show(history: DocumentHistory) -> None:
    _show_outcome(history)
    if history.staged:
        staged = {**header_of(history.staged), "revision_hash": history.staged.revision_hash[:_HASH_DIGITS]}
        print_table(("", ""), staged.items(), title="As ServiceTitan has it")
        _table("Its lines", lines_of(history.staged))
    if history.alignment and history.alignment.lines:
        _table(
            "How it is coded, and which rules decided",
            [
                {
                    "project": _project(line.key),
                    "account": line.key.account,
                    "section": line.key.section,
                    "tax code": line.key.tax_code,
                    ">amount": shown(line.amount),
                    "decided by": _rules(line.decided_by),
                }
                for line in history.alignment.lines
            ],
        )
    _table(
        "What stands in Vantagepoint's ledger",
        [
            {
                "date": day,
                "project": _project(key),
                "number": key.invoice or key.heading.number,
                "account": key.account,
                ">amount": shown(amount),
            }
            for (day, key), amount in sorted(history.standing.lines.items())
        ],
    )
    _table(
        "Its transaction files",
        [
            {
                "batch": file.batch,
                "state": file.state.value,
                "period": file.period,
                ">of this document": shown(file.document_amount),
                "since": moment_text(file.changed_at),
                "words": file.words,
            }
            for file in history.files
        ],
    )
    _table(
        "What ServiceTitan was told",
        [
            {
                "revision": told.revision,
                "state": told.state.value,
                "external id": told.external_id,
                "since": moment_text(told.changed_at),
                "words": told.words,
            }
            for told in history.write_backs
        ],
    )
    _table(
        "What happened",
        [
            {
                "when": moment_text(event.occurred_at),
                "event": event.event_type,
                "run": event.run_id[:8],
                "batch": event.batch,
                "details": _details(event.body),
            }
            for event in history.events
        ],
    )


def _show_outcome(history: DocumentHistory) -> None:
    outcome = history.outcome
    if outcome is None:
        say(f"{history.document}: staged, not decided about yet.")
        return
    reason = f", {outcome.reason}" if outcome.reason else ""
    since = f", since {moment_text(history.held.since)} ({age_text(history.held.age)})" if history.held else ""
    say(f"{history.document}: {outcome.outcome.value}{reason}{since}; not in the ledger: {shown(outcome.amount)}")
    for label, words in (
        ("What is wrong", outcome.message),
        ("Vantagepoint", outcome.words),
        ("What to do", history.held.advice if history.held else ""),
    ):
        if words:
            say(f"{label}: {words}")


def _project(key: LineKey) -> str:
    return " ".join(level for level in (key.wbs1, key.wbs2, key.wbs3) if level)


def _rules(decided_by: Mapping[str, str]) -> str:
    return ", ".join(f"{field}: {rule}" for field, rule in sorted(decided_by.items()))


def _details(body: str) -> str:
    """Write an event's details for people: without what is empty, hashes shortened."""
    details: dict[str, Any] = json.loads(body, parse_float=str)
    return ", ".join(
        f"{name.replace('_', ' ')}: {value[:_HASH_DIGITS] if name.endswith('_hash') else value}"
        for name, value in details.items()
        if value not in ("", None)
    )


def _table(title: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        print_table(tuple(rows[0]), (tuple(row.values()) for row in rows), title=title)
