"""Keeps a process's memory to itself: no core dump, and no look into it by others of the same account.

Secrets are in memory while they are used, and a core dump is a copy of it that lies on a disk, or is sent to whoever
collects crashes. What other programs see of a running process (its environment in ``/proc``) is closed by the same flag.
"""

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """Forbid core dumps of this process, and reading its memory and environment by anybody but root.

    The first also holds for its children. The flag ends with ``exec``, so each program of ours sets it for itself; it exists
    on Linux only.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform.startswith("linux"):
        # A limit of zero is not asked where the kernel hands dumps to a program, as systemd has it.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
