"""The root: quick help, exit codes that mean something, no traceback for what was to be expected."""

import contextlib
import subprocess
import sys
from pathlib import Path

import click
import pytest

from st_deltek_pipeline.cli import main as main_module
from st_deltek_pipeline.cli.exit_codes import ExitCode, exit_code_of
from st_deltek_pipeline.cli.lazy import LazyCommand, LazyGroup
from st_deltek_pipeline.cli.main import root, run
from st_deltek_pipeline.domain.errors import (
    AlreadyExistsError,
    BrokenError,
    ConfigurationError,
    CredentialsError,
    InDoubtError,
    LockLostError,
    PermissionMissingError,
    PipelineError,
    RefusedError,
    TransientError,
)
from st_deltek_pipeline.store.embedded import EmbeddedPostgres

_HEAVY = ("sqlalchemy", "dagster", "pandas", "pydantic", "cryptography", "rich", "requests", "alembic", "holidays")


@pytest.mark.parametrize("words", [[], ["connection"], ["connection", "add"], ["database"], ["database", "stop"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys; from st_deltek_pipeline.cli.main import run; "
        f"run({[*words, '--help']!r}); print(sorted(set({_HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert result.stderr.strip() == "[]"
    assert "Usage: st-deltek" in result.stdout


def _all_commands() -> list[list[str]]:
    found: list[list[str]] = []

    def walk(group: click.Group, path: list[str]) -> None:
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            found.append([*path, name])
            if isinstance(command, click.Group):
                walk(command, [*path, name])

    walk(root, [])
    return found


@pytest.mark.parametrize("path", _all_commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(path: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*path, "--help"]) == ExitCode.OK
    assert "Example" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("m"), 2),
        (CredentialsError("m"), 3),
        (PermissionMissingError("m"), 3),
        (RefusedError("m", words="w", status=400), 4),
        (AlreadyExistsError("m", words="w", status=400), 4),
        (TransientError("m"), 5),
        (InDoubtError("m"), 5),
        (LockLostError("m"), 5),
        (BrokenError("m"), 1),
        (PipelineError("m"), 1),
    ],
)
def test_every_kind_of_error_has_its_exit_code(error: PipelineError, code: int) -> None:
    assert exit_code_of(error) == code


def _failing(error: BaseException) -> LazyGroup:
    group = LazyGroup(name="root")

    @group.command()
    def fail() -> None:
        raise error

    return group


def test_an_expected_error_is_one_message_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main_module, "root", _failing(TransientError("The host is away.", advice="Try again.")))
    assert run(["fail"]) == ExitCode.TRY_AGAIN
    captured = capsys.readouterr()
    assert captured.err == "Error: The host is away. Try again.\n"
    assert captured.out == ""


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main_module, "root", _failing(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(["fail"])


def test_ctrl_c_says_so_and_has_its_own_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main_module, "root", _failing(KeyboardInterrupt()))
    assert run(["fail"]) == ExitCode.INTERRUPTED
    assert "Interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["nonsense"], ["--nonsense"], ["connection", "check"]])
def test_wrong_usage_is_a_configuration_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == ExitCode.CONFIGURATION
    assert "Usage" in capsys.readouterr().err


def test_a_command_whose_module_is_absent_is_not_listed(capsys: pytest.CaptureFixture[str]) -> None:
    group = LazyGroup(
        name="root",
        lazy={
            "there": LazyCommand("st_deltek_pipeline.cli.database", "database", "Is there."),
            "absent": LazyCommand("st_deltek_pipeline.cli.nowhere", "nowhere", "Is not."),
        },
    )
    group.main(["--help"], standalone_mode=False)
    assert "there" in (shown := capsys.readouterr().out)
    assert "absent" not in shown


@pytest.mark.parametrize("times", [1, 2])
def test_a_terminated_command_stops_its_embedded_database(quick_path: Path, times: int) -> None:
    code = (
        "import sys, time; from pathlib import Path; from st_deltek_pipeline.cli import main\n"
        "from st_deltek_pipeline.cli.main import root\n"
        "from st_deltek_pipeline.store.embedded import EmbeddedPostgres\n"
        "@root.command()\n"
        "def wait() -> None:\n"
        f"    EmbeddedPostgres(Path({str(quick_path)!r})).ensure_running()\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "main.main(['wait'])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for _ in range(times):
        process.terminate()
        # Long enough for the first to be heeded, far too short for the database to have stopped.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (143, "")
    assert EmbeddedPostgres(quick_path).status().state == "stopped"
