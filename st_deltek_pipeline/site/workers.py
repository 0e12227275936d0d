"""A few threads of their own for pages, so that neither many readers nor a long month keep webhooks waiting."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from st_deltek_pipeline.domain.errors import TransientError

_T = TypeVar("_T")


class Workers:
    """Runs blocking work, a little at a time; what is too much is refused at once.

    Args:
        name: Of the threads.
        threads: How many work at once.
        waiting: How many more may wait for one.
        seconds: How long one waits for its result.
    """

    def __init__(self, name: str, *, threads: int, waiting: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + waiting
        self._seconds = seconds
        self._running = 0

    async def run(self, work: Callable[[], _T]) -> _T:
        """Run something, and return its result.

        Raises:
            TransientError: Too much is waiting already, or it took too long.
        """
        if self._running >= self._most:
            message = "Too many pages are being made at once."
            raise TransientError(message, advice="Try again in a moment.")
        self._running += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        # What was given up on still takes its place until it has ended.
        future.add_done_callback(self._done)
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.shield(future)
        except TimeoutError:
            message = "The page took too long to make."
            raise TransientError(message, advice="Try again in a moment, or ask for fewer days.") from None

    def stop(self) -> None:
        """Begin nothing more; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, future: "asyncio.Future[_T]") -> None:
        self._running -= 1
        if not future.cancelled():
            # Nobody may be waiting any more; asked for once, it is not reported as forgotten.
            future.exception()
