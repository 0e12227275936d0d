"""Turns the project's errors into Dagster's two answers: try again later, or stop and show what to do."""

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from st_deltek_pipeline.domain.errors import PipelineError, RefusedError, TransientError
from st_deltek_pipeline.transport.session import UnreachableError

MAX_RETRIES = 3
# The client has tried several times itself before it says so, and somebody may be waiting for the message.
MAX_RETRIES_WHEN_UNREACHABLE = 2
_FIRST_DELAY_SECONDS = 5
# Longer than any 429 of either system asks for; a longer outage is for the next run.
_LONGEST_DELAY_SECONDS = 300


@contextmanager
def explained(retry_number: int) -> Generator[None]:
    """Raise what Dagster understands for what the services raise.

    Args:
        retry_number: How often this step was retried already (``context.retry_number``).

    Raises:
        dagster.RetryRequested: A ``TransientError``, after the seconds the other side asked for, or 5, 10, 20; only
            5 and 10 when the other side cannot be reached at all.
        dagster.Failure: Any other error of ours, never retried: repeating cannot help before a person acts.
    """
    try:
        yield
    except TransientError as error:
        most = MAX_RETRIES_WHEN_UNREACHABLE if isinstance(error, UnreachableError) else MAX_RETRIES
        if retry_number >= most:
            raise _failure(error) from error
        backed_off = _FIRST_DELAY_SECONDS * 2**retry_number
        seconds = min(max(error.retry_after or 0, backed_off), _LONGEST_DELAY_SECONDS)
        raise dg.RetryRequested(max_retries=most, seconds_to_wait=seconds) from error
    except PipelineError as error:
        raise _failure(error) from error


def _failure(error: PipelineError) -> dg.Failure:
    metadata: dict[str, str | int] = {
        "what_happened": error.message,
        "what_next": error.advice,
        "class": _taxonomy_class(error),
    }
    if isinstance(error, RefusedError):
        metadata |= {"words": error.words, "status": error.status}
    return dg.Failure(description=str(error), metadata=metadata, allow_retries=False)


def _taxonomy_class(error: PipelineError) -> str:
    """Name the class of ``domain.errors`` that says what to do: an error of a client may be a class of its own."""
    return next(each.__name__ for each in type(error).__mro__ if each.__module__ == PipelineError.__module__)
