"""One business day's documents for the three-way reconciliation: ServiceTitan's figures, and our journal's lines."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.deposits import BankDeposit
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.three_way import Place
from st_deltek_pipeline.domain.three_way_comparison import (
    JournalLine,
    LineState,
    Particulars,
    line_state,
    unexplained,
)
from st_deltek_pipeline.domain.three_way_words import reference_words
from st_deltek_pipeline.services.posting.deposits import bank_deposits
from st_deltek_pipeline.services.three_way_ledger import compared_number
from st_deltek_pipeline.store.journal import Journal
from st_deltek_pipeline.store.three_way import (
    PostedLine,
    deposits_posted,
    posted_lines,
    taken_over_lines,
    undecided_documents,
)
from st_deltek_pipeline.store.tie_out import document_figures


@dataclass(frozen=True)
class DocumentSide:
    """A document by ServiceTitan and by our journal.

    Attributes:
        servicetitan: The payload's own total with the document's sign; of a bank deposit what the bank kept.
        outside, outcome, home: Of the recorded outcome.
        undecided: As in ``DocumentLines``.
        posted: Every line of its postings.
        lines: What should be found in the ledger.
    """

    key: DocumentKey
    servicetitan: Decimal
    outside: Decimal
    outcome: str | None
    home: str
    undecided: bool
    posted: Sequence[PostedLine]
    lines: Sequence[JournalLine]

    def reference(self, voucher: str) -> str:
        """Say what an accountant finds it by.

        Args:
            voucher: Vantagepoint's own number of a voucher, where it is known.
        """
        if not self.posted:
            return f"ServiceTitan's {self.key.kind.value.replace('_', ' ')} {self.key.document_id}"
        last = self.posted[-1]
        return reference_words(last.heading, last.batch, voucher=voucher)

    def balances_on(self, batch: str) -> Mapping[Place, Decimal] | None:
        """Say what a journal entry of ours balances on: a line that was sent, and is no line of a posting.

        Args:
            batch: Its transaction file.

        Returns:
            By place, with the ledger's sign; ``None`` when it is none that we sent.
        """
        sums: dict[Place, Decimal] | None = None
        for line in self.posted:
            if line.batch == batch and line.state is not FileState.ADOPTED:
                place = Place(line.period, "", line.heading.liability)
                sums = sums or {}
                sums[place] = sums.get(place, ZERO) - line.heading.entry.ledger_sign * line.amount
        return sums


class DocumentReader:
    """Reads days of documents.

    Args:
        engine: The database.
        settings: The connection.
    """

    def __init__(self, engine: Engine, settings: ConnectionSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._padded_to = settings.vantagepoint.pad_invoice_numbers_to

    def of_day(self, day: date, dates: Sequence[date], kinds: Collection[Kind]) -> list[DocumentSide]:
        """Read the documents of a business day.

        Args:
            day: The day.
            dates: Its documents' dates.
            kinds: Kinds of document.
        """
        found: list[DocumentSide] = []
        for kind in kinds:
            figures = document_figures(self._engine, self._settings.name, kind, dates, undated=False)
            posted, lines = self.lines(kind, [figure.document_id for figure in figures])
            sides = [
                DocumentSide(
                    DocumentKey(self._settings.name, kind, figure.document_id),
                    figure.total,
                    figure.outside,
                    figure.outcome,
                    figure.project,
                    undecided=False,
                    posted=posted.get(figure.document_id, ()),
                    lines=lines.get(figure.document_id, ()),
                )
                for figure in figures
            ]
            found += self._marked(kind, sides)
        if Kind.PAYMENT in kinds:
            found += self._deposits(day)
        return found

    def lines(
        self, kind: Kind, ids: Sequence[int]
    ) -> tuple[Mapping[int, Sequence[PostedLine]], Mapping[int, Sequence[JournalLine]]]:
        """Read the lines of documents' postings, and what of them should be found in the ledger.

        Args:
            kind: The kind of document.
            ids: ServiceTitan's ids.
        """
        posted: dict[int, list[PostedLine]] = {}
        lines: dict[int, list[JournalLine]] = {}
        entries: dict[int, EntryType] = {}
        for line in posted_lines(self._engine, self._settings.name, kind, ids):
            posted.setdefault(line.document_id, []).append(line)
            if line.state is FileState.ADOPTED:
                entries[line.document_id] = line.heading.entry
            else:
                lines.setdefault(line.document_id, []).append(self._line(line))
        for each in taken_over_lines(self._engine, self._settings.name, kind, sorted(entries)):
            lines.setdefault(each.document_id, []).append(
                JournalLine(
                    f"{each.batch}|{each.line_key}",
                    entries[each.document_id],
                    each.batch,
                    Place(each.period, each.wbs1.strip(), each.account),
                    each.amount,
                    LineState.STANDING,
                    Particulars(),
                )
            )
        return posted, lines

    def standing(self, documents: Collection[DocumentKey]) -> Mapping[DocumentKey, Mapping[Place, Decimal]]:
        """Sum up what our journal says stands of documents, by place; places that net to nothing are left out."""
        ids: dict[Kind, set[int]] = {}
        for document in documents:
            ids.setdefault(document.kind, set()).add(document.document_id)
        found: dict[DocumentKey, Mapping[Place, Decimal]] = {}
        for kind, wanted in ids.items():
            _, lines = self.lines(kind, sorted(wanted))
            for document_id, own in lines.items():
                sums: dict[Place, Decimal] = {}
                for line in own:
                    if line.state is LineState.STANDING:
                        sums[line.place] = sums.get(line.place, ZERO) + line.amount
                key = DocumentKey(self._settings.name, kind, document_id)
                found[key] = {place: amount for place, amount in sums.items() if amount}
        return found

    def _line(self, line: PostedLine) -> JournalLine:
        heading = line.heading
        invoice = heading.number if heading.entry is EntryType.VOUCHERS else line.invoice
        return JournalLine(
            line.line_key,
            heading.entry,
            line.batch,
            Place(line.period, line.wbs1, line.account),
            line.amount,
            line_state(line.state),
            Particulars(
                line.trans_date,
                compared_number(heading.entry, heading.vendor, invoice, padded_to=self._padded_to),
                f"{line.wbs2}|{line.wbs3}",
            ),
            line.moved_from,
        )

    def _marked(self, kind: Kind, sides: Sequence[DocumentSide]) -> list[DocumentSide]:
        """Find out which of those that do not agree with ServiceTitan merely wait to be decided."""
        unlike = [
            side.key.document_id
            for side in sides
            if side.outcome is not None and unexplained(side.servicetitan, side.outside, side.lines)
        ]
        undecided = undecided_documents(self._engine, self._settings.name, kind, unlike)
        return [replace(side, undecided=True) if side.key.document_id in undecided else side for side in sides]

    def _deposits(self, day: date) -> list[DocumentSide]:
        ids = deposits_posted(self._engine, self._settings.name, day)
        if not ids:
            return []
        journal = Journal(self._engine, self._settings.name, run_id="")
        stated = bank_deposits(self._engine, self._settings, journal, ids)
        outcomes = journal.outcomes(Kind.BANK_DEPOSIT, ids)
        posted, lines = self.lines(Kind.BANK_DEPOSIT, ids)
        found: list[DocumentSide] = []
        for deposit_id in ids:
            deposit, outcome = stated.get(deposit_id), outcomes.get(deposit_id)
            found.append(
                DocumentSide(
                    DocumentKey(self._settings.name, Kind.BANK_DEPOSIT, deposit_id),
                    deposit.effect if isinstance(deposit, BankDeposit) else ZERO,
                    outcome.amount if outcome else ZERO,
                    outcome.outcome.value if outcome else None,
                    outcome.project if outcome else "",
                    undecided=False,
                    posted=posted.get(deposit_id, ()),
                    lines=lines.get(deposit_id, ()),
                )
            )
        return found
