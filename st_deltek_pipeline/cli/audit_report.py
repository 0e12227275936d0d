"""What ``st-deltek audit show`` prints about one document, to people and to machines, and the page it writes."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from st_deltek_pipeline.cli.output import print_json, print_table, say
from st_deltek_pipeline.cli.staged_report import coded_lines_of, header_of, lines_of, outcome_of
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.audit_trail import AuditTrail
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.money import shown
from st_deltek_pipeline.services.audit_trail import audit_trail
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.audit_trail import connections_of
from st_deltek_pipeline.store.database import ready_database

_DIGITS = 8


def show(
    settings: Settings,
    document: tuple[Kind, int],
    *,
    connection: str | None,
    page: Path | None,
    dagster_url: str,
    as_json: bool,
) -> None:
    """Print a document's whole life, or write it to a page.

    Args:
        settings: The installation.
        document: Kind and id.
        connection: The connection; found by the document when not given.
        page: Where to write the page; ``None`` prints.
        dagster_url: Where runs are looked at.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: Nothing is known of it, several connections know it, or the page cannot be written.
    """
    engine = ready_database(settings)
    try:
        name = connection or _connection_of(engine, document)
        file = find_connection(settings, name)
        trail = audit_trail(engine, DocumentKey(name, *document))
    finally:
        engine.dispose()
    if page is not None:
        _write_page(trail, page, dagster_url, ZoneInfo(file.calendar.time_zone))
    if as_json:
        print_json(_data(trail))
    elif page is not None:
        say(f"Wrote {page}.")
    else:
        _print(trail)


def _connection_of(engine: Engine, document: tuple[Kind, int]) -> str:
    kind, document_id = document
    found = connections_of(engine, kind.value, document_id)
    if len(found) == 1:
        return found[0]
    named = f"{kind.value}:{document_id}"
    if not found:
        message = f"No connection knows {named}."
        raise ConfigurationError(message, advice="Check the id; what is new is known after st-deltek sync.")
    message = f"Several connections know {named}: {', '.join(found)}."
    raise ConfigurationError(message, advice="Say which one: --connection NAME.")


def _write_page(trail: AuditTrail, page: Path, dagster_url: str, zone: ZoneInfo) -> None:
    from st_deltek_pipeline.pages.audit_page import audit_page  # noqa: PLC0415
    from st_deltek_pipeline.pages.close_links import CloseLinks  # noqa: PLC0415

    text = audit_page(trail, CloseLinks(dagster_url=dagster_url), zone)
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"The page {page} cannot be written: {error.strerror}."
        raise ConfigurationError(message, advice="Name another file.") from error


def _data(trail: AuditTrail) -> dict[str, Any]:
    return {
        "connection": trail.document.connection,
        "document": str(trail.document),
        "staged": header_of(trail.staged) if trail.staged else None,
        "lines": lines_of(trail.staged) if trail.staged else [],
        "outcome": outcome_of(trail.outcome, trail.held) if trail.outcome else None,
        "versions": [
            {
                **{name: value for name, value in asdict(each).items() if name != "payload"},
                "payload": json.loads(each.payload, parse_float=str),
            }
            for each in trail.versions
        ],
        "webhooks": [asdict(each) for each in trail.deliveries],
        "coded_lines": coded_lines_of(trail.coded),
        "postings": [asdict(each) for each in trail.parts],
        "exchanges": [asdict(each) for each in trail.exchanges],
        "ledger": [asdict(each) for each in trail.ledger],
        "people": [asdict(each) for each in trail.people],
        "runs": [asdict(each) for each in trail.runs],
        "events": [asdict(each) for each in trail.events],
    }


def _print(trail: AuditTrail) -> None:
    outcome = trail.outcome
    if outcome is None:
        say(f"{trail.document} of {trail.document.connection}: taken in, not decided about yet.")
    else:
        reason = f", {outcome.reason}" if outcome.reason else ""
        say(
            f"{trail.document} of {trail.document.connection}: {outcome.outcome.value}{reason}; "
            f"not in the ledger: {shown(outcome.amount)}"
        )
    if trail.staged:
        print_table(("", ""), header_of(trail.staged).items(), title="As ServiceTitan has it")
    _table(
        "Everything that happened, in order",
        [
            {
                "when": f"{each.at.astimezone():%Y-%m-%d %H:%M:%S}",
                "what": each.what,
                "details": ", ".join(each.details),
                "run": each.run_id[:_DIGITS],
                "file": each.batch[:_DIGITS],
                ">event": each.sequence or "",
            }
            for each in trail.moments
        ],
    )
    for version in trail.versions:
        _table(
            f"What version {version.number} changed",
            [{"field": each.path, "before": each.before or "", "after": each.after or ""} for each in version.changes],
        )
    _table(
        "How its lines are coded, and which rules decided",
        [
            {
                "project": " ".join(filter(None, (line.key.wbs1, line.key.wbs2, line.key.wbs3))),
                "account": line.key.account,
                "section": line.key.section,
                ">amount": shown(line.amount),
                "decided by": ", ".join(f"{field}: {rule}" for field, rule in sorted(line.decided_by.items())),
            }
            for line in trail.coded
        ],
    )
    _table(
        "Postings and their keys in Vantagepoint",
        [
            {
                ">posting": each.posting_no,
                "file": each.batch,
                "state": each.state,
                "number": each.number,
                ">period": each.period,
                ">post sequence": each.post_sequence or "",
                ">amount": shown(each.amount),
            }
            for each in trail.parts
        ],
    )
    _table(
        "Requests and answers",
        [
            {
                "file": each.batch[:_DIGITS],
                "sent": ", ".join(f"{at.astimezone():%Y-%m-%d %H:%M:%S}" for at in each.sent),
                "answers": "; ".join(words for _, words in each.answers),
                "body": each.body_hash[:_DIGITS],
            }
            for each in trail.exchanges
        ],
    )
    _table(
        "What people decided",
        [
            {"when": f"{each.at.astimezone():%Y-%m-%d %H:%M}", "who": each.by, "what": each.what, "why": each.why}
            for each in trail.people
        ],
    )


def _table(title: str, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        print_table(tuple(rows[0]), (tuple(row.values()) for row in rows), title=title)
