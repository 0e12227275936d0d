"""The error taxonomy every layer raises from. What to do about an error is decided by its class.

============  =======================================================================
Transient     nothing happened on the other side, or reading failed: retry later
Refused       the other system said no: hold the document with its own words
InDoubt       a write was sent and its answer is not known: read back, never resend
Broken        configuration, credentials, or a broken promise: stop and alarm
============  =======================================================================

A message says what happened, to which record, and what to do next. It never holds a secret.
"""


class PipelineError(Exception):
    """Base of every error this project raises on purpose.

    Args:
        message: What happened, to which record.
        advice: What a person should do next; may be empty.
    """

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        """Return the message followed by the advice."""
        return f"{self.message} {self.advice}".strip()


class TransientError(PipelineError):
    """Safe to repeat: the request had no effect, or only read.

    Args:
        retry_after: Seconds the other side asked us to wait, when it said so.
    """

    def __init__(self, message: str, *, advice: str = "", retry_after: int | None = None) -> None:
        super().__init__(message, advice=advice)
        self.retry_after = retry_after


class RefusedError(PipelineError):
    """The other system answered, and refused by a rule.

    Args:
        words: The other system's own text, unchanged but for length.
        status: The HTTP status it came with.
    """

    def __init__(self, message: str, *, words: str, status: int, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.words = words
        self.status = status


class AlreadyExistsError(RefusedError):
    """Refused because the key is taken: for a derived Batch this means our own earlier request."""


class InDoubtError(PipelineError):
    """A write left this process and no clear answer came back."""


class BrokenError(PipelineError):
    """Nothing can go on before a person changes something."""


class ConfigurationError(BrokenError):
    """A setting, file or argument is wrong."""


class CredentialsError(BrokenError):
    """The other system does not accept our credentials."""


class PermissionMissingError(BrokenError):
    """Credentials are fine, but a scope or role right is missing."""


class LockLostError(BrokenError):
    """Another worker has taken the poster's lock: this one must not write any more."""
