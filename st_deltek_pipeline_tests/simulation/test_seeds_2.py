"""Seeds 26 to 50. Each file is one worker's work at a time, so the seeds are spread over several."""

from collections.abc import Callable

import pytest


@pytest.mark.parametrize("seed", range(26, 51))
def test_whatever_happens_nothing_is_lost_doubled_or_unexplained(holds: Callable[[int], None], seed: int) -> None:
    """T50: a seeded simulation of both systems and our process; a failure prints its smallest script."""
    holds(seed)
