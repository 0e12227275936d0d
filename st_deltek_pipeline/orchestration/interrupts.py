"""Ctrl-C and SIGTERM while Dagster runs something in this process: the command's own handlers have the last word.

During a run Dagster answers both signals with the same exception and records it as a failed step; afterwards it leaves
the handler of Ctrl-C behind for SIGTERM. Which signal it was, only Python's wake-up descriptor still says.
"""

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_MOST_REMEMBERED = 4096


@contextmanager
def own_handlers_afterwards() -> Generator[None]:
    """Let the handlers that are installed now answer a signal that arrives in the block, once the block has ended.

    Outside Python's main thread, which alone receives signals, this does nothing.

    Raises:
        KeyboardInterrupt: Python's own answer to Ctrl-C.
        SystemExit: The command line's answer to SIGTERM.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    woken_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    interrupted: BaseException | None = None
    try:
        yield
    except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt) as error:
        interrupted = error
    finally:
        signal.set_wakeup_fd(woken_before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        # Closed, so that a read ends when there is nothing in it.
        os.close(writing)
        received = os.read(reading, _MOST_REMEMBERED)
        os.close(reading)
    for number in received:
        if number in _SIGNALS:
            signal.raise_signal(number)
    if interrupted is not None:
        raise interrupted
