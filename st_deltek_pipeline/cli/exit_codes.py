"""What a command's exit code means. The same table is in ``st-deltek --help``."""

from enum import IntEnum

from st_deltek_pipeline.domain.errors import (
    ConfigurationError,
    CredentialsError,
    InDoubtError,
    LockLostError,
    PermissionMissingError,
    PipelineError,
    RefusedError,
    TransientError,
)


class ExitCode(IntEnum):
    """One number per kind of ending, so that a scheduler can tell what to do."""

    OK = 0
    BROKEN = 1
    """Something that a person has to look at, such as a sum that does not agree."""
    CONFIGURATION = 2
    """A setting, a file or an argument is wrong."""
    CREDENTIALS = 3
    """Credentials or a permission are missing or wrong."""
    HELD = 4
    """The work was done, but something was refused or is held for a person."""
    TRY_AGAIN = 5
    """Nothing was lost; the same command may succeed later."""
    INTERRUPTED = 130
    """Ctrl-C."""


def exit_code_of(error: PipelineError) -> ExitCode:
    """Return the exit code for an error.

    Args:
        error: What ended the command.
    """
    if isinstance(error, ConfigurationError):
        return ExitCode.CONFIGURATION
    if isinstance(error, CredentialsError | PermissionMissingError):
        return ExitCode.CREDENTIALS
    if isinstance(error, RefusedError):
        return ExitCode.HELD
    # In doubt is settled by the next run's read-back, and a lost lock means that another worker is at it.
    if isinstance(error, TransientError | InDoubtError | LockLostError):
        return ExitCode.TRY_AGAIN
    return ExitCode.BROKEN
