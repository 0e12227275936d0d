"""Python's garbage collector, kept still while a large world is made: it finds nothing and takes half of the time."""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Generator[None]:
    """Make hundreds of thousands of rows without a search for cycles among them; there are none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
