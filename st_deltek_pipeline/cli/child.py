"""``python -m st_deltek_pipeline.cli.child ...``: st-deltek as a child of another st-deltek, ending with it.

A parent stops its children when it ends; one that is killed cannot. On Linux the kernel then sends this process
SIGTERM, so that nothing is left running.
"""

import ctypes
import os
import signal
import sys

from st_deltek_pipeline.cli.main import main

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Ask for SIGTERM when the parent ends; does nothing where the kernel has no such thing.

    Args:
        parent: The parent's process id, to notice that it has ended already.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    main(sys.argv[2:])
