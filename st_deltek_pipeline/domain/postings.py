"""Postings: what a revision must change in Vantagepoint, given what stands there already.

The first revision posts its lines; a later one posts the difference; a void posts the reversal. Everything is
computed from two tables of amounts, what should stand and what stands, so that editing back and forth nets
to nothing, and a posting that was half done continues where it stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.coded_amounts import CodedAmount, Heading, LineKey
from st_deltek_pipeline.domain.documents import DocumentKey
from st_deltek_pipeline.domain.holds import Hold
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.periods import choose_period
from st_deltek_pipeline.domain.reference import FiscalPeriod

Standing = Mapping[tuple[date, LineKey], Decimal]
"""What stands in Vantagepoint for one document, by its transaction date and line; summed over periods."""


@dataclass(frozen=True, order=True)
class MasterKey:
    """One document in a transaction file: its heading and date, in one period."""

    period: int
    trans_date: date
    heading: Heading


@dataclass(frozen=True)
class PostingLine:
    """One amount to add in Vantagepoint; negative takes away.

    Attributes:
        decided_by: Coding field to the name of the rule that gave it; known when a posting is planned, and kept in the
            journal's event. It decides nothing, so it does not count for what is equal.
    """

    key: LineKey
    amount: Decimal
    description: str
    organization: str
    tax_basis: Decimal
    purchase_order: str = ""
    decided_by: Mapping[str, str] = field(default_factory=dict[str, str], compare=False)


@dataclass(frozen=True)
class Posting:
    """A part of a document's change that fits one master of a transaction file.

    Attributes:
        posting_no: Counts a document's postings from 1; a number is used again only when Vantagepoint
            refused its earlier use.
        revision_hash: The revision that is complete once all its postings are posted.
        correction: True when the document had been posted before.
        moved_from: The closed period the document's date belongs to, when it is posted in a later one.
        terms: Payment terms of a voucher; else empty.
        together: Postings with the same text go into one transaction file of their own, whole or not at all.
        reverses: The posting number of the same document that a person had reversed by this one.
    """

    document: DocumentKey
    posting_no: int
    revision: int
    revision_hash: str
    business_day: date
    master: MasterKey
    due_date: date | None
    lines: tuple[PostingLine, ...]
    correction: bool
    moved_from: int | None
    terms: str = ""
    together: str = ""
    reverses: int | None = None

    @property
    def amount(self) -> Decimal:
        """What this posting adds to the receivable, the money received, or the payable."""
        return total(line.amount for line in self.lines)

    @property
    def heading(self) -> Heading:
        """What it is known by in Vantagepoint."""
        return self.master.heading

    @property
    def project(self) -> str:
        """The project that people look for it under: the first that one of its lines names."""
        return next((line.key.wbs1 for line in self.lines if line.key.wbs1), "")


@dataclass(frozen=True)
class Target:
    """What should stand in Vantagepoint for a document: the current revision's lines, or nothing.

    Attributes:
        keep_zero: Post lines of 0.00 as well, for connections that post zero documents.
        terms: Payment terms of a voucher.
        together: See ``Posting``.
    """

    document: DocumentKey
    revision: int
    revision_hash: str
    business_day: date
    document_date: date
    due_date: date | None
    lines: Sequence[CodedAmount]
    keep_zero: bool = False
    terms: str = ""
    together: str = ""


def plan_postings(
    target: Target,
    standing: Standing,
    periods: Mapping[int, FiscalPeriod],
    *,
    first_open_allowed: bool,
    next_posting_no: int,
) -> tuple[Posting, ...] | Hold:
    """Compute what must change.

    Args:
        target: What should stand.
        standing: What stands according to our journal; empty for a document never posted.
        periods: Vantagepoint's period table.
        first_open_allowed: Setting ``closed_period: first_open``.
        next_posting_no: The first unused posting number of the document.

    Returns:
        Postings in a fixed order, none when nothing changes; or a hold when a period is missing or closed.
    """
    wanted = {(target.document_date, line.key): line for line in target.lines}
    by_master: dict[MasterKey, list[PostingLine]] = {}
    moved: dict[MasterKey, int | None] = {}
    for key in sorted({*wanted, *standing}):
        day, line_key = key
        line = wanted.get(key)
        change = (line.amount if line else ZERO) - standing.get(key, ZERO)
        if change == ZERO and not (target.keep_zero and key not in standing):
            continue
        choice = choose_period(periods, day, first_open_allowed=first_open_allowed)
        if isinstance(choice, Hold):
            return Hold(choice.reason, f"{target.document}: {choice.message}")
        master = MasterKey(choice.period, day, line_key.heading)
        moved[master] = choice.moved_from
        by_master.setdefault(master, []).append(_posting_line(line_key, change, line))
    return tuple(
        Posting(
            document=target.document,
            posting_no=number,
            revision=target.revision,
            revision_hash=target.revision_hash,
            business_day=target.business_day,
            master=master,
            due_date=target.due_date,
            lines=tuple(by_master[master]),
            correction=bool(standing),
            moved_from=moved[master],
            terms=target.terms,
            together=target.together,
        )
        for number, master in enumerate(sorted(by_master), start=next_posting_no)
    )


def _posting_line(key: LineKey, change: Decimal, line: CodedAmount | None) -> PostingLine:
    if line is None:
        return PostingLine(key, change, "Reversal", "", ZERO)
    # A difference has no basis of its own; Vantagepoint already holds the first one.
    basis = line.tax_basis if change == line.amount else ZERO
    return PostingLine(key, change, line.description, line.organization, basis, line.purchase_order, line.decided_by)


def rules_of(lines: Sequence[PostingLine]) -> list[dict[str, object]]:
    """Say which coding rules decided the lines of a posting, those that were decided alike together.

    Args:
        lines: In the posting's order.

    Returns:
        JSON-shaped: numbers of lines, counted from 1, and the rule by coding field. Lines that only take something back
        were decided by no rule.
    """
    found: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for number, line in enumerate(lines, start=1):
        if line.decided_by:
            found.setdefault(tuple(sorted(line.decided_by.items())), []).append(number)
    return [{"lines": numbers, "rules": dict(rules)} for rules, numbers in found.items()]
