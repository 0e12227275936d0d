"""Ignored by a person: one revision of a document that shall not be posted, with the reason and a name.

Unlike what ``decisions`` ignores by itself, this ends when a person takes it back, or when the document changes.
"""

from dataclasses import dataclass, replace

from st_deltek_pipeline.domain.documents import Document, DocumentKey
from st_deltek_pipeline.domain.errors import ConfigurationError, TransientError
from st_deltek_pipeline.domain.holds import IgnoreReason
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.reversals import PersonalReversal


@dataclass(frozen=True)
class PersonalIgnore:
    """A person's decision about one revision.

    Attributes:
        held: The hold it took the place of.
        reason: The person's own words.
        by: Who decided it.
    """

    held: DocumentOutcome
    reason: str
    by: str

    @property
    def outcome(self) -> DocumentOutcome:
        """Where the document stands while it is ignored; what is outside the ledger stays counted."""
        return replace(
            self.held,
            outcome=OutcomeKind.IGNORED,
            reason=IgnoreReason.IGNORED_BY_PERSON.value,
            message=f"{self.held.document}: ignored by {self.by}: {self.reason}",
            words="",
        )

    def covers(self, document: Document) -> bool:
        """Say whether this is the revision that was decided about.

        By number and hash: when a document was edited there and back, something may have been posted in between.
        """
        return (document.revision, document.revision_hash) == (self.held.revision, self.held.revision_hash)


def hold_to_ignore(
    document: DocumentKey,
    outcome: DocumentOutcome | None,
    newest: Document | None,
    *,
    occupied: bool,
    reversal: PersonalReversal | None = None,
) -> DocumentOutcome:
    """Make sure that a person may ignore a document now.

    Args:
        document: The document.
        outcome: Where it stands; ``None`` when nothing is known of it.
        newest: Its newest staged revision.
        occupied: A transaction file with it is under way or held.
        reversal: What a person decided to reverse of it.

    Returns:
        The hold that is ignored.

    Raises:
        ConfigurationError: It is not held, or nobody can read it.
        TransientError: It is under way, or has changed since it was decided about.
    """
    if outcome is None:
        message = f"{document} has not been decided about."
        raise ConfigurationError(message, advice=f"Check the id, or run: st-deltek sync {document.connection}")
    if occupied:
        message = f"{document} is in a transaction file that is under way or held; Vantagepoint may have it."
        advice = "The next run finishes a file that is under way. For one that is held, see: st-deltek holds release"
        raise TransientError(message, advice=advice)
    if outcome.outcome not in {OutcomeKind.HELD, OutcomeKind.IN_FLIGHT}:
        message = f"{document} is not held, it is {outcome.outcome.value}."
        raise ConfigurationError(message, advice="Only what is held can be ignored.")
    if newest is None or outcome.revision == 0:
        message = f"{document} cannot be read, so nobody knows what would be ignored."
        raise ConfigurationError(message, advice="Correct the record in ServiceTitan.")
    if (newest.revision, newest.revision_hash) != (outcome.revision, outcome.revision_hash):
        message = f"{document} has changed since it was decided about."
        advice = f"Run: st-deltek sync {document.connection}. Then look at what holds it."
        raise TransientError(message, advice=advice)
    if reversal is not None and reversal.covers(newest):
        message = f"{document} is to be reversed, and held until that is possible."
        advice = f"Take the reversal back first: st-deltek holds release {document.connection} {document}"
        raise ConfigurationError(message, advice=advice)
    return outcome
