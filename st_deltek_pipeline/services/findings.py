"""What a check finds: something that fits, or does not, with what a person should do about it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from st_deltek_pipeline.domain.errors import (
    ConfigurationError,
    CredentialsError,
    PermissionMissingError,
    PipelineError,
    TransientError,
)

_T = TypeVar("_T")


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Cause(StrEnum):
    """What kind of problem it is; decides the exit code of ``st-deltek connection check``."""

    CONFIGURATION = "configuration"
    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    UNREACHABLE = "unreachable"
    MAPPING = "mapping"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One thing that fits, or does not.

    Attributes:
        subject: What was looked at: a login, a feed, a rule, an account.
        message: What was found.
        advice: What a person should do; empty when nothing is to be done.
        cause: The kind of problem; ``None`` when there is none.
    """

    level: Level
    subject: str
    message: str
    advice: str = ""
    cause: Cause | None = None


def tried(subject: str, action: Callable[[], _T]) -> _T | Finding:
    """Do something, and turn an expected error into a problem.

    Args:
        subject: What is looked at.
        action: What to do.
    """
    try:
        return action()
    except PipelineError as error:
        return problem(subject, error)


def problem(subject: str, error: PipelineError) -> Finding:
    """Return an error as a problem.

    Args:
        subject: What was looked at.
        error: What came of it.
    """
    return Finding(Level.PROBLEM, subject, error.message, error.advice, _cause(error))


def _cause(error: PipelineError) -> Cause:
    for kind, cause in (
        (PermissionMissingError, Cause.PERMISSION),
        (CredentialsError, Cause.CREDENTIALS),
        (ConfigurationError, Cause.CONFIGURATION),
        (TransientError, Cause.UNREACHABLE),
    ):
        if isinstance(error, kind):
            return cause
    return Cause.BROKEN
