"""Carries out ``st-deltek reverse``, and says what came of it, to people and to machines."""

from collections.abc import Sequence
from typing import Any

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import print_json, print_table, say, working
from st_deltek_pipeline.cli.posting_context import posting_context
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.coded_amounts import LineKey
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.money import shown, total
from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline.domain.transaction_files import TransactionFile
from st_deltek_pipeline.services.reversing import (
    DocumentReversal,
    FileSelection,
    ReversalPlan,
    ReversalState,
    RunSelection,
    Selection,
    preview_reversal,
    reverse,
)
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database

_RUN = "reverse"
_STATES = {
    ReversalState.TO_REVERSE: "to be reversed",
    ReversalState.UNDER_WAY: "under way",
    ReversalState.REVERSED: "reversed",
    ReversalState.HELD: "held",
    ReversalState.REFUSED: "not reversed",
}


def selection_of(name: str, *, batch: str | None, run: str | None, document: tuple[Kind, int] | None) -> Selection:
    """Return what the options select; exactly one of them is given.

    Args:
        name: The connection.
        batch: A transaction file.
        run: A run's id, or how it begins.
        document: Kind and id.
    """
    if document is not None:
        return DocumentKey(name, *document)
    return RunSelection(run.strip()) if run is not None else FileSelection((batch or "").strip().lower())


def show_preview(
    settings: Settings, name: str, selection: Selection, *, reason: str, by: str, as_json: bool
) -> ExitCode:
    """Show what reversing would send; nothing is sent or recorded.

    Args:
        settings: The installation.
        name: The connection.
        selection: What is to be reversed.
        reason: The person's words.
        by: Who decides it.
        as_json: Answer in JSON.

    Returns:
        ``HELD`` when some of it cannot be reversed now.

    Raises:
        ConfigurationError: The selection names nothing that is posted, or there is no such connection.
    """
    connection = find_connection(settings, name)
    engine = ready_database(settings)
    try:
        plan = preview_reversal(engine, connection, selection, reason=reason, by=by)
    finally:
        engine.dispose()
    if as_json:
        print_json({**_as_data(name, plan, plan.documents), "preview": True})
    else:
        _show_documents(plan.documents)
        _show_files(plan)
    stuck = any(each.state in {ReversalState.HELD, ReversalState.REFUSED} for each in plan.documents)
    return ExitCode.HELD if stuck else ExitCode.OK


def carry_out(
    settings: Settings,
    name: str,
    selection: Selection,
    *,
    reason: str,
    by: str,
    plan_hash: str | None,
    as_json: bool,
) -> ExitCode:
    """Reverse what was selected.

    Args:
        settings: The installation.
        name: The connection.
        selection: What is to be reversed.
        reason: The person's words.
        by: Who decides it.
        plan_hash: Send only a plan with this hash.
        as_json: Answer in JSON.

    Returns:
        ``HELD`` when some of it is not reversed.

    Raises:
        ConfigurationError: The selection names nothing that is posted, or there is no such connection.
        PipelineError: Vantagepoint could not be asked; what was planned is kept, and the same call goes on with it.
    """
    with posting_context(settings, name, run_id=_RUN) as context, working("Reversing ..."):
        result = reverse(context, selection, reason=reason, by=by, pinned_hash=plan_hash)
    new = bool(result.plan.files or result.plan.resumed)
    if as_json:
        print_json({**_as_data(name, result.plan, result.documents), "preview": False, "nothing_new": not new})
    else:
        _show_documents(result.documents)
        for file in result.files:
            if file.message:
                say(f"File {file.batch} is {file.state.value}: {file.message}")
        amount = total(each.amount for each in result.documents if each.state is ReversalState.REVERSED)
        if not new and result.complete:
            say("Nothing to do: all of it was reversed before.")
        else:
            say(f"Taken out of the ledger now: {shown(amount)}.")
    return ExitCode.OK if result.complete else ExitCode.HELD


def _as_data(name: str, plan: ReversalPlan, documents: Sequence[DocumentReversal]) -> dict[str, Any]:
    return {
        "connection": name,
        "plan_hash": plan.plan_hash,
        "documents": [
            {
                "document": str(each.document),
                "state": each.state,
                "amount": each.amount,
                "files": list(each.files),
                "message": each.message,
                "words": each.words,
            }
            for each in documents
        ],
        "files": [
            {
                "batch": file.batch,
                "kind": file.kind,
                "period": file.period,
                "amount": file.amount,
                "body_hash": file.body_hash,
                "body": file.body,
                "postings": [_posting_as_data(posting) for posting in file.postings],
            }
            for file in plan.files
        ],
        "resumed": list(plan.resumed),
    }


def _posting_as_data(posting: Posting) -> dict[str, Any]:
    return {
        "document": str(posting.document),
        "reverses_posting": posting.reverses,
        "number": posting.heading.number,
        "date": posting.master.trans_date,
        "amount": posting.amount,
        "lines": [
            {
                "project": _project(line.key),
                "account": line.key.account,
                "amount": line.amount,
                "description": line.description,
            }
            for line in posting.lines
        ],
    }


def _show_documents(documents: Sequence[DocumentReversal]) -> None:
    print_table(
        ("document", "reversal", ">amount", "transaction files", "what is in the way"),
        (
            (
                each.document,
                _STATES[each.state],
                shown(each.amount),
                ", ".join(each.files),
                f"{each.message} Vantagepoint: {each.words}" if each.words else each.message,
            )
            for each in documents
        ),
    )


def _show_files(plan: ReversalPlan) -> None:
    print_table(
        ("batch", "body's hash", ">period", ">postings", ">amount"),
        (
            (file.batch, file.body_hash, file.period, f"{len(file.postings):,}", shown(file.amount))
            for file in plan.files
        ),
        title="Transaction files",
    )
    print_table(
        ("document", "number", "date", "project", "account", ">amount"),
        (line for file in plan.files for line in _lines(file)),
        title="Their lines",
    )
    say(f"Plan hash: {plan.plan_hash}. Nothing was sent.")


def _lines(file: TransactionFile) -> list[tuple[object, ...]]:
    return [
        (
            posting.document,
            posting.heading.number,
            posting.master.trans_date,
            _project(line.key),
            line.key.account,
            shown(line.amount),
        )
        for posting in file.postings
        for line in posting.lines
    ]


def _project(key: LineKey) -> str:
    return " ".join(level for level in (key.wbs1, key.wbs2, key.wbs3) if level)
