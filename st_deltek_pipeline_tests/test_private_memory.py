"""No core dump of ours, and nobody of the same account reads what a process of ours has in memory."""

import os
import signal
import subprocess
import sys

import pytest

_LOOK = """
import ctypes, resource, sys
{begin}
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE), flush=True)
{end}
"""
_ABORT = "import os; os.abort()"
_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl and its flag are Linux's")


def _python(begin: str, end: str = "") -> subprocess.CompletedProcess[str]:
    program = _LOOK.format(begin=begin, end=end)
    return subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )


@_linux
def test_a_process_that_crashes_leaves_no_core_dump() -> None:
    begin = "from st_deltek_pipeline.private_memory import keep_memory_private as keep; keep()"
    crashed = _python(begin, _ABORT)
    assert crashed.stdout.split() == ["0", "0", "0"]
    assert crashed.returncode == -signal.SIGABRT


@_linux
def test_every_command_begins_with_it() -> None:
    looked = _python("from st_deltek_pipeline.cli.main import main\ntry: main(['--version'])\nexcept SystemExit: pass")
    assert looked.stdout.splitlines()[-1].split() == ["0", "0", "0"]


@_linux
def test_every_process_of_dagsters_begins_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster opens its storage first of all: a server that does not answer is far enough to see it."""
    monkeypatch.setenv("ST_DELTEK_DATABASE_URL", f"postgresql://u@127.0.0.1:9/{os.getpid()}?connect_timeout=1")
    begin = (
        "from unittest import mock\n"
        "import st_deltek_pipeline.orchestration.instance_storage as storage\n"
        "with mock.patch.object(storage.InstanceStorage, '__init__', side_effect=ConnectionError):\n"
        "    try: storage.InstanceStorage.from_config_value(None, {})\n"
        "    except ConnectionError: pass\n"
    )
    assert _python(begin).stdout.split() == ["0", "0", "0"]
