"""Carries out ``st-deltek holds retry``: the days of held documents again, through Dagster, as ``sync`` runs them."""

from collections import Counter
from collections.abc import Mapping, Sequence

import click
from sqlalchemy import Engine

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import print_json
from st_deltek_pipeline.cli.progress import LineProgress, SilentProgress
from st_deltek_pipeline.cli.sync_report import exit_code_of_report, report_as_data, show_report
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.hold_queue import HeldDocument
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.orchestration.syncing import SyncRequest, synchronise
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.holds import held_documents
from st_deltek_pipeline.store.journal import Journal

_RUN = "holds"


def retry(
    settings: Settings,
    name: str,
    *,
    document: tuple[Kind, int] | None,
    kind: Kind | None,
    reason: str | None,
    as_json: bool,
) -> ExitCode:
    """Run the business days of held documents again.

    Args:
        settings: The installation.
        name: The connection.
        document: Only this one: kind and id.
        kind: Only what is of this kind.
        reason: Only what is held for this reason code.
        as_json: Answer in JSON.

    Returns:
        ``HELD`` when some of them are still held, ``BROKEN`` when the days do not tie out.

    Raises:
        ConfigurationError: The document is not held, belongs to no day, or there is no such connection.
        TransientError: Another synchronisation of this connection is running.
    """
    find_connection(settings, name)
    engine = ready_database(settings)
    try:
        held = _selected(engine, name, document, kind, reason)
        days = sorted({each.outcome.business_day for each in held if each.outcome.business_day is not None})
        if not days:
            if as_json:
                print_json({"connection": name, "retried": []})
            else:
                click.echo("Nothing of it is held that belongs to a business day.")
            return ExitCode.OK
        with SilentProgress() if as_json else LineProgress() as progress:
            report = synchronise(settings, SyncRequest(name, days=tuple(days)), progress)
        after = _now(engine, name, [each.outcome.document for each in held])
    finally:
        engine.dispose()
    if as_json:
        retried = [
            {"document": str(document), "outcome": kind, "reason": reason} for document, (kind, reason) in after.items()
        ]
        print_json({**report_as_data(report), "retried": retried})
    else:
        show_report(report)
        _show(name, [kind for kind, _ in after.values()])
    if (code := exit_code_of_report(report)) is not ExitCode.OK:
        return code
    return ExitCode.HELD if any(kind == OutcomeKind.HELD for kind, _ in after.values()) else ExitCode.OK


def _selected(
    engine: Engine, name: str, document: tuple[Kind, int] | None, kind: Kind | None, reason: str | None
) -> Sequence[HeldDocument]:
    if document is None:
        return held_documents(engine, name, tuple(Kind) if kind is None else [kind], reason=reason)
    held = held_documents(engine, name, [document[0]], document_ids=[document[1]])
    if not held:
        message = f"{DocumentKey(name, *document)} is not held."
        raise ConfigurationError(message, advice=f"What is held: st-deltek holds list {name}")
    return held


def _now(engine: Engine, name: str, documents: Sequence[DocumentKey]) -> Mapping[DocumentKey, tuple[OutcomeKind, str]]:
    """Say where documents stand, in the order given."""
    journal = Journal(engine, name, run_id=_RUN)
    found: dict[DocumentKey, DocumentOutcome] = {}
    for kind in {document.kind for document in documents}:
        ids = [document.document_id for document in documents if document.kind is kind]
        found |= {outcome.document: outcome for outcome in journal.outcomes(kind, ids).values()}
    return {
        # Without a readable date it belongs to no day, is never decided about, and stays held.
        document: (found[document].outcome, found[document].reason)
        if document in found
        else (OutcomeKind.HELD, HoldReason.UNREADABLE.value)
        for document in documents
    }


def _show(name: str, kinds: Sequence[OutcomeKind]) -> None:
    counts = Counter(kind.value for kind in kinds)
    parts = [f"{count:,} {kind.replace('_', ' ')}" for kind, count in sorted(counts.items())]
    click.echo(f"Of {len(kinds):,} held before: {', '.join(parts)} now.")
    if counts[OutcomeKind.HELD]:
        click.echo(f"What is still held: st-deltek holds list {name}")
