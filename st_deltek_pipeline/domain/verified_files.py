"""Judges transaction files: the frozen body balances and is what the postings say, line by line. No input or output."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.file_lives import FileEvent, why_not_lived
from st_deltek_pipeline.domain.journal import OCCUPYING_STATES, STANDING_STATES, FileState
from st_deltek_pipeline.domain.money import ZERO, shown, total
from st_deltek_pipeline.domain.verification import RESTORE, Invariant, Violation

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_MOST_LINES_NAMED = 3


@dataclass(frozen=True)
class FileFacts:
    """A transaction file with what belongs to it.

    Attributes:
        amount, documents: As its row says.
        body: The frozen request.
        postings: How many postings are in it now.
        posted: What they sum to.
        lines: The key and amount of every line of theirs.
    """

    batch: str
    kind: str
    entry: str
    state: str
    amount: Decimal
    documents: int
    body: str
    postings: int
    posted: Decimal
    lines: Sequence[tuple[str, Decimal]]

    @property
    def subject(self) -> str:
        """What people call it."""
        return f"file {self.batch} ({self.kind})"


@dataclass(frozen=True)
class FileLife:
    """A transaction file's events and its state; ``None`` where it has no row."""

    batch: str
    state: str | None
    events: Sequence[FileEvent]


def file_violations(file: FileFacts) -> Iterator[Violation]:
    """Judge one transaction file.

    A file that was given up (refused, split) has to balance; its postings may have gone on in other files.

    Yields:
        What does not hold.
    """
    try:
        body = _DECODER.decode(file.body)
        found = list(_in_body(file, body))
        if FileState(file.state) in OCCUPYING_STATES | STANDING_STATES:
            found += _against_postings(file, body)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        found = [f"its frozen body cannot be read: {type(error).__name__}"]
    for words in found:
        yield Violation(Invariant.FILES_BALANCE, file.subject, words, RESTORE)


def life_violations(file: FileLife) -> Iterator[Violation]:
    """Play a file's events again, and compare where they end with its row.

    Yields:
        What does not hold.
    """
    words = why_not_lived(file.events, file.state)
    if words:
        yield Violation(Invariant.EVENTS_AND_ROWS, f"file {file.batch}", words, RESTORE)


def _in_body(file: FileFacts, body: Mapping[str, Any]) -> Iterator[str]:
    entry = EntryType(file.entry)
    details = body[f"{entry}Detail"]
    if body["Batch"] != file.batch:
        yield f"its frozen body is that of file {body['Batch']}"
    stated = _money(body["Total"])
    if entry is EntryType.JOURNAL_ENTRIES:
        debits = total(_money(line["DebitAmount"]) for line in details)
        credits_ = total(_money(line["CreditAmount"]) for line in details)
        if debits != credits_:
            yield f"its debits are {shown(debits)} and its credits {shown(credits_)}"
        if (stated, _money(body["CreditsTotal"])) != (debits, credits_):
            yield f"it states {shown(stated)} of debits, and its lines sum to {shown(debits)}"
        return
    lines = total(_money(line["Amount"]) for line in details)
    if stated != lines:
        yield f"it states {shown(stated)}, and its lines sum to {shown(lines)}"
    if stated != file.amount:
        yield f"its body says {shown(stated)}, and its row {shown(file.amount)}"


def _against_postings(file: FileFacts, body: Mapping[str, Any]) -> Iterator[str]:
    entry = EntryType(file.entry)
    details, masters = body[f"{entry}Detail"], body[f"{entry}Master"]
    if not len(masters) == file.documents == file.postings:
        yield f"{len(masters)} documents were sent, its row says {file.documents}, and {file.postings} postings are in it"
    if file.posted != file.amount:
        yield f"its postings sum to {shown(file.posted)}, and its row says {shown(file.amount)}"
    sent = {str(line["PKey"]): _amount(entry, line) for line in details}
    ours: dict[str, Decimal] = {}
    for key, amount in file.lines:
        ours[key] = ours.get(key, ZERO) + amount
    if len(sent) != len(details):
        yield "a line stands in its body twice"
    # What a journal entry balances on is no line of a posting; each of its documents has one such line at most.
    balancing = total(amount for key, amount in sent.items() if key not in ours)
    wrong = [key for key, amount in ours.items() if sent.get(key) != amount]
    if wrong:
        named = ", ".join(sorted(wrong)[:_MOST_LINES_NAMED])
        yield f"{len(wrong)} lines of its postings are not as they were sent: {named}"
    elif len(sent) - len(ours) > (file.postings if entry is EntryType.JOURNAL_ENTRIES else 0):
        yield f"{len(sent) - len(ours)} lines were sent that no posting has"
    elif entry is EntryType.JOURNAL_ENTRIES and balancing != -file.amount + ZERO:
        yield f"it balances on {shown(balancing)}, and its postings sum to {shown(file.amount)}"


def _amount(entry: EntryType, line: Mapping[str, Any]) -> Decimal:
    if entry is EntryType.JOURNAL_ENTRIES:
        return _money(line["DebitAmount"]) - _money(line["CreditAmount"])
    return _money(line["Amount"])


def _money(value: object) -> Decimal:
    if not isinstance(value, Decimal | int):
        message = f"{type(value).__name__} is no amount"
        raise TypeError(message)
    return Decimal(value)
