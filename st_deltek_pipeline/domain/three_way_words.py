"""What a difference of the three-way reconciliation says to an accountant, and what to do about it.

Each function takes the document's reference, the places that differ and details in order, and returns words and advice.
"""

from collections.abc import Sequence

from st_deltek_pipeline.domain.coded_amounts import Heading
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import ZERO, shown, total
from st_deltek_pipeline.domain.three_way import DifferencePart

Parts = Sequence[DifferencePart]
Said = tuple[str, str]
"""Words and advice."""

_RUN = "Run st-deltek sync for its day."


def reference_words(heading: Heading, batch: str, *, voucher: str = "") -> str:
    """Say what an accountant finds a document by in Vantagepoint.

    Args:
        heading: What it is known by.
        batch: Its transaction file.
        voucher: Vantagepoint's own number of a voucher, where it is known.
    """
    number = heading.number.strip()
    if heading.entry is EntryType.INVOICES:
        of_project = f"invoice {number} of project {heading.wbs1}"
        what = f"credit memo {heading.credit_memo} on {of_project}" if heading.credit_memo else f"AR {of_project}"
    elif heading.entry is EntryType.RECEIPTS:
        what = f"cash receipt {number}"
    elif heading.entry is EntryType.VOUCHERS:
        what = f"voucher {voucher or 'without number'}, invoice {number} of vendor {heading.vendor}"
    else:
        what = f"journal entry {number}"
    return f"{what}, file {batch}"


def missing_words(reference: str, parts: Parts, batches: Sequence[str]) -> Said:
    """Our journal says that it was posted and read back, and the ledger does not show it."""
    amount = shown(total(part.journal for part in parts))
    return (
        f"{reference}: {amount} was posted and read back once, and the ledger does not show it any more.",
        f"Look in Vantagepoint for file {', '.join(batches)} and who deleted it; have it restored, or enter it again as it was.",
    )


def double_words(reference: str, parts: Parts, batches: Sequence[str]) -> Said:
    """The same lines stand more than once."""
    return (
        f"{reference} stands more than once: {_amounts(parts)}.",
        f"Reverse what is too much in Vantagepoint (files {', '.join(batches)}), and reconcile again.",
    )


def altered_words(reference: str, parts: Parts, what: Sequence[str]) -> Said:
    """Lines of ours stand otherwise than they were posted."""
    return (
        f"{reference} stands with another {' and '.join(what)} than it was posted with: {_places(parts)}.",
        "Put right in Vantagepoint what was changed there, or take the document back with st-deltek reverse.",
    )


def added_words(reference: str, parts: Parts, _: Sequence[str]) -> Said:
    """Somebody added lines to a file of ours before it was posted."""
    return (
        f"{reference} has lines in the ledger that were not sent: {_places(parts)}.",
        "Somebody added them to the file before it was posted; reverse them in Vantagepoint.",
    )


def held_words(reference: str, parts: Parts, batches: Sequence[str]) -> Said:
    """A file that does not count as posted stands in the ledger all the same."""
    return (
        f"{reference} does not count as posted, and the ledger shows {shown(total(part.ledger for part in parts))} of it.",
        f"Correct file {', '.join(batches)} in Vantagepoint to what was sent, then release it: st-deltek holds release.",
    )


def under_way_words(reference: str, parts: Parts, _: Sequence[str]) -> Said:
    """It stands in the ledger, and the run that posted it has not come to its end."""
    amount = shown(total(part.ledger for part in parts))
    return (f"{reference}: {amount} stands in the ledger, and the run that posted it has not confirmed it yet.", "")


def moved_words(reference: str, parts: Parts, periods: Sequence[str]) -> Said:
    """It is in order, and stands in a later period than its date."""
    stands = ", ".join(dict.fromkeys(str(part.place.period) for part in parts))
    return (f"{reference} belongs to period {', '.join(periods)} by its date, and stands in {stands}.", "")


def rounding_words(reference: str, parts: Parts, _: Sequence[str]) -> Said:
    """It differs by no more than the tolerance."""
    return (f"{reference} differs by rounding: {_amounts(parts)}.", "")


def servicetitan_words(reference: str, parts: Parts, states: Sequence[str]) -> Said:
    """ServiceTitan states something else than our journal explains."""
    amount = shown(total(part.servicetitan for part in parts))
    if "no outcome" in states:
        return (f"{reference}: ServiceTitan has it with {amount}, and nothing was decided about it.", _RUN)
    if "newer version" in states:
        return (f"{reference}: ServiceTitan has a newer version, {amount} apart, that waits to be decided.", "")
    return (
        f"{reference}: ServiceTitan states {amount} beyond what was posted, held or ignored.",
        f"{_RUN} If it stays: st-deltek sync's tie-out shows the same document, and its raw record what ServiceTitan sent.",
    )


def copy_words(document: str, reference: str, *, again: bool, taken_back: bool) -> Said:
    """Others posted something under the number of a document of ours."""
    if again:
        return (
            f"{document} stands twice: others posted it again as {reference}.",
            "Reverse the entry by hand in Vantagepoint, and reconcile again.",
        )
    if taken_back:
        return (
            f"{document} was taken back by others: {reference}.",
            "Reverse the entry by hand; if it was right, void the document in ServiceTitan or use st-deltek reverse.",
        )
    return (
        f"{document}: others posted something else under its number: {reference}.",
        "Reverse the entry by hand in Vantagepoint; a change of the document belongs in ServiceTitan.",
    )


def foreign_words(reference: str) -> Said:
    """Others posted a document among those that this connection posts."""
    return (
        f"{reference} was posted by others among what this connection posts.",
        "Ask who posted it; reverse it in Vantagepoint if it is a document of ServiceTitan.",
    )


def _amounts(parts: Parts) -> str:
    return f"{shown(total(part.ledger for part in parts))} instead of {shown(total(part.journal for part in parts))}"


def _places(parts: Parts) -> str:
    named = [
        f"{shown(part.ledger)} instead of {shown(part.journal)} on account {part.place.account}"
        + (f", project {part.place.project}" if part.place.project else "")
        + (f", period {part.place.period}" if part.place.period else "")
        for part in parts
        if part.ledger != part.journal
    ]
    # Everything may stand where it should, under another date or number.
    return "; ".join(named) if named else _same(parts)


def _same(parts: Parts) -> str:
    amount = total(part.ledger for part in parts)
    return f"{shown(amount or ZERO)} in the right place"
