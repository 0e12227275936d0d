"""What others posted in Vantagepoint: among what a connection posts, or under the number of one of its documents."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.three_way import DifferenceClass, DifferencePart, LedgerDifference, Place, merge_parts
from st_deltek_pipeline.domain.three_way_words import copy_words, foreign_words

Sums = Mapping[Place, Decimal]


@dataclass(frozen=True)
class Stranger:
    """A document that others posted.

    Attributes:
        number: What it is known by in Vantagepoint; entries under one number take each other back.
        reference: For accountants.
        lines: Its amounts by place, without the side that Vantagepoint posts itself.
        owner: The document of ours under whose number it was posted, as ``KIND:ID``; else empty.
        owner_kind, standing: Of that document; what our journal says stands of it.
    """

    number: str
    reference: str
    business_day: date | None
    lines: Sums
    owner: str = ""
    owner_kind: Kind | None = None
    standing: Sums = field(default_factory=dict[Place, Decimal])


def left_over(strangers: Iterable[Stranger]) -> list[Stranger]:
    """Leave out what takes itself back: a number that others entered and reversed, in whatever files."""
    groups: dict[tuple[str, str], list[Stranger]] = {}
    for stranger in strangers:
        groups.setdefault((stranger.owner, stranger.number), []).append(stranger)
    kept: list[Stranger] = []
    for group in groups.values():
        sums: dict[Place, Decimal] = {}
        for stranger in group:
            for place, amount in stranger.lines.items():
                anywhere = Place(None, place.project, place.account)
                sums[anywhere] = sums.get(anywhere, ZERO) + amount
        if any(sums.values()):
            kept += group
    return kept


def is_missing(difference: LedgerDifference, document: str) -> bool:
    """Say whether a difference is that a document is missing from the ledger."""
    missing = difference.difference_class is DifferenceClass.MISSING and difference.document == document
    return missing and any(part.journal for part in difference.parts)


def stood_in_for(stranger: Stranger, differences: Sequence[LedgerDifference]) -> LedgerDifference | None:
    """Return what is missing of our document where a stranger is exactly that: somebody entered it again by hand."""
    for each in differences:
        if is_missing(each, stranger.owner) and {part.place: part.journal for part in each.parts} == stranger.lines:
            return each
    return None


def copied(stranger: Stranger, *, stands: bool) -> LedgerDifference:
    """Class what others posted under the number of a document of ours: again, taken back, or something else.

    Args:
        stranger: With its owner.
        stands: Nothing of the owner itself is missing from the ledger.
    """
    posted, standing = _by_account(stranger.lines), _by_account(stranger.standing)
    again = stands and bool(standing) and posted == standing
    ours: Sums = stranger.standing if again else {}
    parts = [
        DifferencePart(
            place,
            ours.get(place, ZERO),
            ours.get(place, ZERO),
            ours.get(place, ZERO) + stranger.lines.get(place, ZERO),
        )
        for place in {**ours, **stranger.lines}
    ]
    taken_back = stands and bool(standing) and posted == {account: -amount for account, amount in standing.items()}
    words, advice = copy_words(stranger.owner, stranger.reference, again=again, taken_back=taken_back)
    return LedgerDifference(
        DifferenceClass.DOUBLE if again else DifferenceClass.ALTERED,
        stranger.owner_kind,
        stranger.owner,
        stranger.reference,
        stranger.business_day,
        merge_parts(parts),
        words,
        advice,
    )


def foreign(stranger: Stranger) -> LedgerDifference:
    """Name a document that is none of ours."""
    words, advice = foreign_words(stranger.reference)
    parts = merge_parts(DifferencePart(place, ZERO, ZERO, amount) for place, amount in stranger.lines.items())
    return LedgerDifference(
        DifferenceClass.FOREIGN, None, "", stranger.reference, stranger.business_day, parts, words, advice
    )


def system_side(entry: EntryType, by_account: Mapping[str, Decimal], known: frozenset[str]) -> frozenset[str]:
    """Find the accounts of the side that Vantagepoint posts by itself: receivables, bank or liability.

    Args:
        entry: Of the document; a journal entry lists both sides itself.
        by_account: What its rows sum to, with the ledger's sign.
        known: Accounts that are known to be that side for this type of entry.

    Returns:
        The known ones among its accounts; where there is none, the one with the largest amount on that side.
    """
    if entry is EntryType.JOURNAL_ENTRIES:
        return frozenset()
    found = known & by_account.keys()
    if found or len(by_account) < 2:  # noqa: PLR2004 (a document has two sides)
        return found
    # A voucher is owed, which is a credit; invoices and receipts have their own side as a debit.
    side = -1 if entry is EntryType.VOUCHERS else 1
    ranked = sorted(by_account, key=lambda account: (-abs(by_account[account]), -side * by_account[account], account))
    return frozenset(ranked[:1])


def _by_account(sums: Sums) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for place, amount in sums.items():
        found[place.account] = found.get(place.account, ZERO) + amount
    return {account: amount for account, amount in found.items() if amount}
