"""Carries out ``st-deltek holds ignore`` and ``release``, and says what came of it."""

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import print_json, say, working
from st_deltek_pipeline.cli.posting_context import posting_context
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.money import shown
from st_deltek_pipeline.services.holds import Released, ignore_document, release_document
from st_deltek_pipeline.settings import Settings

_RUN = "holds"


def ignore(settings: Settings, name: str, document: tuple[Kind, int], *, reason: str, by: str, as_json: bool) -> None:
    """Ignore a held document.

    Args:
        settings: The installation.
        name: The connection.
        document: Kind and id.
        reason: The person's words.
        by: Who decides it.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: It cannot be ignored, or there is no such connection.
        TransientError: It is under way, or has changed since it was decided about.
    """
    key = DocumentKey(name, *document)
    with posting_context(settings, name, run_id=_RUN) as context:
        outcome = ignore_document(context, key, reason=reason, by=by)
    if as_json:
        data = {"outcome": outcome.outcome, "reason": outcome.reason, "message": outcome.message}
        print_json({"document": str(key), **data, "amount": outcome.amount, "revision": outcome.revision, "by": by})
    else:
        say(f"{outcome.message}")
        say(f"{shown(outcome.amount)} stays in the tie-out as ignored. Undo: st-deltek holds release {name} {key}")


def release(
    settings: Settings, name: str, document: tuple[Kind, int], *, by: str, reason: str, as_json: bool
) -> ExitCode:
    """Undo an ignore or a reversal, allow a duplicate, or release held transaction files.

    Args:
        settings: The installation.
        name: The connection.
        document: Kind and id.
        by: Who decides it.
        reason: The person's words; a duplicate needs them.
        as_json: Answer in JSON.

    Returns:
        ``HELD`` when a file still differs.

    Raises:
        ConfigurationError: There is nothing to release, or no such connection.
        TransientError: Vantagepoint cannot be read now, or the document is under way.
    """
    key = DocumentKey(name, *document)
    with posting_context(settings, name, run_id=_RUN) as context, working(f"Comparing {key} with Vantagepoint ..."):
        released = release_document(context, key, by=by, reason=reason)
    outcome = released.outcome
    if as_json:
        files = [
            {"batch": file.batch, "state": file.state, "documents": file.documents, "message": file.message}
            for file in released.files
        ]
        again = outcome.reason if outcome is not None and released.what is Released.IGNORE else None
        print_json({"document": str(key), "released": released.what, "held_again_for": again, "files": files, "by": by})
    elif outcome is not None and released.what is Released.IGNORE:
        say(f"{key} is not ignored any more; it is held as before: {outcome.reason}. The next run decides afresh.")
    elif outcome is not None:
        say(outcome.message)
        say(f"The next run goes on with it: st-deltek sync {name}")
    else:
        for file in released.files:
            say(f"{file.message} Documents in it: {file.documents:,}.")
    differs = any(file.state is FileState.HELD for file in released.files)
    return ExitCode.HELD if differs else ExitCode.OK
