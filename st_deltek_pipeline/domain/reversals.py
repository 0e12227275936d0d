"""Reversed by a person: what was posted is taken back by postings of their own, each exactly and once.

A person's decision covers one revision, as an ignore does: until the document changes in ServiceTitan, or a person
takes the decision back, nothing of it is posted again. Which postings are reversed is decided here; sending them is the
poster's, as with any other posting.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from st_deltek_pipeline.domain.documents import Document, DocumentKey
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.outcomes import DocumentOutcome
from st_deltek_pipeline.domain.periods import PeriodChoice, choose_period
from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline.domain.reference import FiscalPeriod


@dataclass(frozen=True)
class PersonalReversal:
    """A person's decision about one revision.

    Attributes:
        revision, revision_hash: The document's revision when it was decided; it stays reversed.
        postings: Numbers of the document's postings to be reversed.
        reason: The person's own words.
        by: Who decided it.
    """

    document: DocumentKey
    revision: int
    revision_hash: str
    postings: tuple[int, ...]
    reason: str
    by: str

    @property
    def message(self) -> str:
        """What people read at the document while it is reversed."""
        return f"{self.document}: reversed by {self.by}: {self.reason}"

    def covers(self, document: Document) -> bool:
        """Say whether this is the revision that was decided about.

        By number and hash: when a document was edited there and back, something may have been posted in between.
        """
        return (document.revision, document.revision_hash) == (self.revision, self.revision_hash)

    def covers_outcome(self, outcome: DocumentOutcome) -> bool:
        """Say whether an outcome is that of the revision that was decided about."""
        return (outcome.revision, outcome.revision_hash) == (self.revision, self.revision_hash)


@dataclass(frozen=True)
class PostedPart:
    """A posting of a document that is in Vantagepoint, or on its way there.

    Attributes:
        batch: The transaction file it is in.
        stands: It is in the ledger; else its file is under way or held.
    """

    posting: Posting
    batch: str
    stands: bool


@dataclass(frozen=True)
class ReversalChoice:
    """What a person's wish comes to for one document.

    Attributes:
        postings: To be reversed now.
        reversed_in: Transaction files that have reversed what was wished for.
        under_way: Transaction files that are about to reverse it.
        refusal: Why nothing more of the document is reversed now; else empty.
    """

    postings: tuple[Posting, ...] = ()
    reversed_in: tuple[str, ...] = ()
    under_way: tuple[str, ...] = ()
    refusal: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether only reversals were wished for, which are not reversed themselves."""
        return not (self.postings or self.reversed_in or self.under_way or self.refusal)


def choose_reversals(document: DocumentKey, parts: Sequence[PostedPart], wished: Collection[int]) -> ReversalChoice:
    """Find what of a document is to be reversed.

    Args:
        document: The document.
        parts: All its postings that are in Vantagepoint or on their way there, by number.
        wished: Numbers of the postings that a person wants reversed; those that reverse others are passed over.

    Returns:
        The postings. None when all of them have been reversed before, or when one under way, or a later one that is
        not wished for, is in the way.
    """
    reversing = {part.posting.reverses: part for part in parts if part.posting.reverses is not None}
    plain = {part.posting.posting_no: part for part in parts if part.posting.reverses is None}
    chosen = [number for number in plain if number in wished]
    known = ReversalChoice(
        reversed_in=_files(reversing[number] for number in chosen if number in reversing and reversing[number].stands),
        under_way=_files(
            reversing[number] for number in chosen if number in reversing and not reversing[number].stands
        ),
    )
    left = [number for number in chosen if number not in reversing]
    if not left:
        return known
    busy = next((part for part in parts if not part.stands), None)
    if busy is not None:
        return replace(known, refusal=f"{document} is in transaction file {busy.batch}, which is under way or held.")
    later = next(
        (
            part
            for number, part in plain.items()
            if number > left[0] and number not in wished and number not in reversing
        ),
        None,
    )
    if later is not None:
        refusal = f"{document} was posted further by transaction file {later.batch}, which is not reversed."
        return replace(known, refusal=refusal)
    return replace(known, postings=tuple(plain[number].posting for number in left))


def _files(parts: Iterable[PostedPart]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.batch for part in parts))


def left_to_reverse(reversal: PersonalReversal, parts: Iterable[PostedPart]) -> tuple[Posting, ...]:
    """Return the postings that a person wants reversed, stand, and are not reversed yet, by number."""
    known = list(parts)
    reversed_ = {part.posting.reverses for part in known}
    return tuple(
        part.posting
        for part in known
        if part.stands and part.posting.posting_no in reversal.postings and part.posting.posting_no not in reversed_
    )


def plan_reversals(
    document: Document,
    postings: Sequence[Posting],
    periods: Mapping[int, FiscalPeriod],
    *,
    first_open_allowed: bool,
    next_posting_no: int,
) -> tuple[Posting, ...] | Hold:
    """Compute the postings that take others back: the same headings, dates and lines, with the other sign.

    Args:
        document: The document as it is now.
        postings: What is reversed.
        periods: Vantagepoint's period table.
        first_open_allowed: Setting ``closed_period: first_open``.
        next_posting_no: The first unused posting number of the document.

    Returns:
        One posting for each, in its own period as long as that is open; or a hold when a period is missing or closed.
    """
    planned: list[Posting] = []
    for number, posting in enumerate(postings, start=next_posting_no):
        choice = _period(posting.master.period, periods, first_open_allowed=first_open_allowed)
        if isinstance(choice, Hold):
            return Hold(choice.reason, f"{document.key} cannot be reversed: {choice.message}")
        planned.append(_reversing(posting, document, choice, number))
    return tuple(planned)


def _period(own: int, periods: Mapping[int, FiscalPeriod], *, first_open_allowed: bool) -> PeriodChoice | Hold:
    """Choose the period the posting stands in: its document's date may belong to another, closed one."""
    period = periods.get(own)
    if period is None:
        return Hold(HoldReason.NO_PERIOD, f"period {own} is not in Vantagepoint any more.")
    if not period.closed:
        return PeriodChoice(own)
    return choose_period(periods, period.start, first_open_allowed=first_open_allowed)


def _reversing(posting: Posting, document: Document, choice: PeriodChoice, number: int) -> Posting:
    return replace(
        posting,
        posting_no=number,
        revision=document.revision,
        revision_hash=document.revision_hash,
        business_day=document.business_day,
        master=replace(posting.master, period=choice.period),
        lines=tuple(replace(line, amount=-line.amount, tax_basis=-line.tax_basis) for line in posting.lines),
        correction=True,
        moved_from=choice.moved_from,
        # Whole or not at all, like what it takes back; never in one file with other postings of the same deposit.
        together=f"reversal of {posting.together}" if posting.together else "",
        reverses=posting.posting_no,
    )
