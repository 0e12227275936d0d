"""``st-deltek``: the root of the command line, and what happens to an error on its way out.

Each command is a module of its own, imported when it is used.
"""

import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click

from st_deltek_pipeline.cli.exit_codes import ExitCode, exit_code_of
from st_deltek_pipeline.cli.lazy import LazyCommand, LazyGroup
from st_deltek_pipeline.domain.errors import PipelineError
from st_deltek_pipeline.domain.shown_text import in_lines
from st_deltek_pipeline.private_memory import keep_memory_private

_PROGRAM = "st-deltek"
_CLI = "st_deltek_pipeline.cli"

_COMMANDS = {
    "demo": LazyCommand(f"{_CLI}.demo", "demo", "See it work: five days of a contractor's invoices, tied out."),
    "sync": LazyCommand(f"{_CLI}.sync", "sync", "The main job: take in, post, reconcile; prints the tie-out."),
    "preview": LazyCommand(f"{_CLI}.preview", "preview", "Show exactly what a run would post, and its hash."),
    "reconcile": LazyCommand(
        f"{_CLI}.reconcile",
        "reconcile",
        "Compare ServiceTitan, our journal and Vantagepoint's ledger, document by document.",
    ),
    "holds": LazyCommand(f"{_CLI}.holds", "holds", "What waits for something: list, show, retry, ignore, release."),
    "close": LazyCommand(
        f"{_CLI}.close", "close", "Whether a day or a month can be closed; who may see it in a browser."
    ),
    "replay": LazyCommand(f"{_CLI}.replay", "replay", "Run a day, a document, the holds or the webhooks again."),
    "reverse": LazyCommand(f"{_CLI}.reverse", "reverse", "Take back what was posted: of a file, a run or a document."),
    "rules": LazyCommand(f"{_CLI}.rules", "rules", "Coding rules: which one decides a line, and what has none."),
    "firms": LazyCommand(f"{_CLI}.firms", "firms", "Customers and vendors: which firm they are; review, link, import."),
    "alerts": LazyCommand(
        f"{_CLI}.alerts", "alerts", "What needs a person, and where it is told: list, test, secrets."
    ),
    "verify": LazyCommand(f"{_CLI}.verify", "verify", "Check that nothing was lost, doubled or rewritten."),
    "audit": LazyCommand(f"{_CLI}.audit", "audit", "A document's whole history, and the journal for auditors."),
    "up": LazyCommand(f"{_CLI}.up", "up", "The live system: Dagster's UI and daemon."),
    "webhooks": LazyCommand(f"{_CLI}.webhooks", "webhooks", "ServiceTitan's webhooks: the receiver, and signing keys."),
    "workspace": LazyCommand(
        f"{_CLI}.workspace", "workspace", "Many connections: spread over code locations, in workspace.yaml."
    ),
    "connection": LazyCommand(f"{_CLI}.connection", "connection", "Connections: credentials, checks, the master key."),
    "database": LazyCommand(f"{_CLI}.database", "database", "The database: its state, its schema, stop it."),
    "sandbox": LazyCommand(f"{_CLI}.sandbox", "sandbox", "Twins of ServiceTitan and Vantagepoint to try things on."),
}

_EPILOG = """\b
Examples:
  st-deltek demo
  st-deltek connection add acme
  st-deltek connection check acme
  st-deltek sync acme --from 2026-10-01 --to 2026-10-07

\b
Exit codes:
  0  done
  1  broken: a person has to look at it
  2  a setting, a file or an argument is wrong
  3  credentials or a permission are missing or wrong
  4  done, but something was refused or is held for a person
  5  nothing was lost; try again later

Settings come from ST_DELTEK_* variables; without any, everything lives in .st_deltek and connections/ of the
current folder.
"""


@click.group(cls=LazyGroup, lazy=_COMMANDS, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="st_deltek_pipeline", prog_name=_PROGRAM)
def root() -> None:
    """ServiceTitan to Deltek Vantagepoint: every cent posted once, held or ignored with a reason."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code.

    Expected errors are one message on standard error; only a bug shows a traceback.

    Args:
        arguments: Words after the program's name; those of the process when not given.
    """
    keep_memory_private()
    # Python does not run its exit handlers on SIGTERM, and one of them stops the embedded database.
    signal.signal(signal.SIGTERM, _leave)
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: Words after the program's name; those of the process when not given.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        returned = root.main(args=words, prog_name=_PROGRAM, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return ExitCode.INTERRUPTED
    except PipelineError as error:
        click.echo(f"Error: {in_lines(str(error))}", err=True)
        return exit_code_of(error)
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain about it when it flushes at exit.
        sys.stdout = None
        return ExitCode.OK
    return returned if isinstance(returned, int) else ExitCode.OK


def _leave(number: int, _frame: FrameType | None) -> None:
    # Whoever sends a second one must not interrupt what the first one made us tidy up.
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)
