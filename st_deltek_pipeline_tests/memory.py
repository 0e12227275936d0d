"""Folders in the machine's memory, for database servers of tests: no test is about how fast a disk is.

A server's folder is a thousand files and more, and a test's database seven hundred; making and removing those on a disk,
and waiting for it at every commit, took more time than most tests do.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "st_deltek-tests-"

_MEMORY = Path("/dev/shm")  # noqa: S108 (only its owner can change a folder made in it)
# The whole suite needs a fifth of it; containers give 64 MB, which is no room.
_ROOM_BYTES = 2 * 1024**3
_LEFT_BEHIND_SECONDS = 86_400


def memory_with_room() -> Path | None:
    """Return a file system in memory that has room for the whole suite, if this machine has one."""
    if not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _ROOM_BYTES:
        return None
    return _MEMORY


def remove_left_behind() -> None:
    """Remove folders of sessions that were killed; a server ends by itself when its folder is gone."""
    for folder in _MEMORY.glob(f"{PREFIX}*"):
        # Another session may remove it at this moment.
        with contextlib.suppress(FileNotFoundError):
            facts = folder.stat()
            if facts.st_uid == os.geteuid() and time.time() - facts.st_mtime > _LEFT_BEHIND_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def quick_folder() -> Generator[Path]:
    """Give a new folder that every account may enter, in memory where there is room; it is removed at the end.

    Its path is short enough for a socket, which that of ``tmp_path`` is not when tests run in parallel.
    """
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=memory_with_room(), ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
