"""Verifies a connection: the hash chain and every invariant, in one view of the database and with memory that stays flat.

What is read is ``store.verification``'s, what is judged the domain's (``domain.verification`` names the modules). Reading
Vantagepoint's ledger back is ``ledger_verifying``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Connection, Engine

from st_deltek_pipeline.domain.chain_check import (
    BEFORE_THE_FIRST,
    ChainBreak,
    ChainPosition,
    RecordedLink,
    against_head,
    follow,
)
from st_deltek_pipeline.domain.reference import FiscalPeriod
from st_deltek_pipeline.domain.verification import RESTORE, Invariant, Violation, look_at
from st_deltek_pipeline.domain.verified_documents import document_violations, key_violations, posted_event_violations
from st_deltek_pipeline.domain.verified_files import file_violations, life_violations
from st_deltek_pipeline.domain.verified_sources import (
    closed_period_violation,
    cursor_violation,
    partner_violation,
    payload_violation,
    period_violation,
    why_not_there,
)
from st_deltek_pipeline.services.feeds import FEEDS_BY_NAME, Reading
from st_deltek_pipeline.store import chain_checks, verification, verification_documents, verification_partners
from st_deltek_pipeline.store.reference import load_periods

MOST_NAMED = 100
"""How many violations of one invariant are named; the others are counted, so that memory stays flat."""

_TELL_EVERY = 1000

_T = TypeVar("_T")

Progress = Callable[[Invariant, int, int | None], None]
"""Told what is checked, how much of it was looked at, and of how much where that is known."""


@dataclass
class Checked:
    """What came of one invariant.

    Attributes:
        looked_at: How many events, files, documents or rows were looked through.
        violations: How many do not hold; of these the first are named.
    """

    invariant: Invariant
    looked_at: int = 0
    violations: int = 0
    named: list[Violation] = field(default_factory=list[Violation])

    def add(self, found: Iterable[Violation]) -> None:
        """Count what was found, and keep the first of it."""
        for violation in found:
            self.violations += 1
            if len(self.named) < MOST_NAMED:
                self.named.append(violation)


class Findings:
    """Collects what is found, and tells how far the work has come."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._checks: dict[Invariant, Checked] = {}

    @property
    def holds(self) -> bool:
        """Whether everything that was looked at holds."""
        return not any(check.violations for check in self._checks.values())

    @property
    def checks(self) -> tuple[Checked, ...]:
        """What came of every invariant that was checked."""
        return tuple(self._checks.values())

    def of(self, invariant: Invariant) -> Checked:
        """Return what came of one so far."""
        return self._checks.setdefault(invariant, Checked(invariant))

    def judge(
        self,
        invariant: Invariant,
        read: Iterable[_T],
        judge: Callable[[_T], Iterable[Violation]],
        *,
        of: int | None = None,
        among: int | None = None,
    ) -> None:
        """Judge everything that is read; a violation counts for the invariant it names.

        Args:
            invariant: What is checked by it.
            read: Rows in a stream.
            judge: Says what does not hold of one.
            of: How many there are, where that is known.
            among: Where only what is wrong is read: how many rows were looked through for it. 0 when another reading of
                the same invariant has counted them.
        """
        check = self.of(invariant)
        self._progress(invariant, check.looked_at, of)
        for row in read:
            check.looked_at += among is None
            for violation in judge(row):
                self.of(violation.invariant).add([violation])
            if among is None and check.looked_at % _TELL_EVERY == 0:
                self._progress(invariant, check.looked_at, of)
        check.looked_at += among or 0
        self._progress(invariant, check.looked_at, of)


def verify(engine: Engine, name: str, *, vendors_may_repeat: bool, findings: Findings) -> int:
    """Verify everything that our own database can tell of a connection; writes nothing.

    Args:
        engine: The database.
        name: The connection's name; it need not have a file any more.
        vendors_may_repeat: The connection allows several bills with one vendor's invoice number.
        findings: Is told what does not hold.

    Returns:
        How many events its journal has.
    """
    periods = load_periods(engine, name)
    with verification.one_view(engine) as db:
        return verify_view(db, name, periods, vendors_may_repeat=vendors_may_repeat, findings=findings)


def verify_view(
    db: Connection,
    name: str,
    periods: Mapping[int, FiscalPeriod],
    *,
    vendors_may_repeat: bool,
    findings: Findings,
) -> int:
    """Verify what one view of the database shows of a connection.

    Args:
        db: The view; nothing is written in it.
        name: The connection's name.
        periods: Vantagepoint's period table as last read.
        vendors_may_repeat: As for ``verify``.
        findings: Is told what does not hold.

    Returns:
        How many events its journal has.
    """
    head = chain_checks.head(db, name)
    _chain(db, name, head, findings)
    lists = {feed.name: feed.kind.value for feed in FEEDS_BY_NAME.values() if feed.reading is Reading.MODIFIED}
    counts = verification.counts(db, name, lists)
    findings.judge(
        Invariant.PAYLOADS,
        verification.altered(db, name),
        lambda found: [payload_violation(found)],
        among=counts.payloads,
    )
    findings.judge(Invariant.FILES_BALANCE, verification.files(db, name), file_violations)
    for invariant in (Invariant.ONE_OUTCOME, Invariant.POSTED_ONCE):
        findings.of(invariant)
    findings.judge(Invariant.DOCUMENT_TOTALS, verification_documents.documents(db, name), document_violations)
    findings.of(Invariant.ONE_OUTCOME).looked_at = findings.of(Invariant.DOCUMENT_TOTALS).looked_at
    _once(db, name, findings, vendors_may_repeat=vendors_may_repeat, among=counts.once)
    _periods(db, name, periods, findings, among=counts.standing)
    findings.judge(
        Invariant.CURSORS,
        verification.ahead(db, name, lists),
        lambda found: [cursor_violation(found)],
        among=counts.cursors,
    )
    findings.judge(Invariant.EVENTS_AND_ROWS, verification.lives(db, name), life_violations)
    findings.judge(
        Invariant.EVENTS_AND_ROWS, verification_documents.posted_events(db, name), posted_event_violations, among=0
    )
    findings.judge(
        Invariant.EVENTS_AND_ROWS,
        verification_partners.without_partner(db, name),
        lambda found: [partner_violation(found)],
        among=0,
    )
    return head.sequence


def _chain(db: Connection, name: str, head: ChainPosition, findings: Findings) -> None:
    """Follow the whole chain, and compare it with what was checked before and with what its writer left."""
    known = chain_checks.checked_up_to(db, name).newest
    last: list[ChainPosition | ChainBreak] = [BEFORE_THE_FIRST]

    def judge(link: RecordedLink) -> Iterator[Violation]:
        at = last[0]
        if isinstance(at, ChainBreak):
            # Everything behind a break follows something that was changed; only the break itself says what.
            return
        found = follow((link,), at)
        if isinstance(found, ChainPosition) and found.sequence == known.sequence and found.hash != known.hash:
            found = ChainBreak(found.sequence, f"event {found.sequence} is not the one it was before")
        last[0] = found
        if isinstance(found, ChainBreak):
            yield _broken(found)

    findings.judge(Invariant.HASH_CHAIN, verification.links(db, name), judge, of=head.sequence)
    end = last[0]
    if isinstance(end, ChainPosition):
        broken = against_head(end, head, complete=True) or against_head(known, head, complete=False)
        findings.of(Invariant.HASH_CHAIN).add([_broken(broken)] if broken else [])


def _broken(found: ChainBreak) -> Violation:
    return Violation(Invariant.HASH_CHAIN, f"event {found.sequence}", found.words, RESTORE)


def _once(db: Connection, name: str, findings: Findings, *, vendors_may_repeat: bool, among: int) -> None:
    findings.judge(
        Invariant.POSTED_ONCE,
        verification_documents.shared_keys(db, name),
        lambda found: key_violations(found, vendors_may_repeat=vendors_may_repeat),
        among=among,
    )
    findings.judge(
        Invariant.POSTED_ONCE,
        verification_documents.doubles(db, name),
        lambda found: [Violation(Invariant.POSTED_ONCE, found.what, found.words, look_at(found.what))],
        among=0,
    )


def _periods(db: Connection, name: str, periods: Mapping[int, FiscalPeriod], findings: Findings, *, among: int) -> None:
    uses = verification_documents.period_uses(db, name)
    # Read whole before the documents are: there is one row for a date and a period.
    findings.judge(
        Invariant.OPEN_PERIODS,
        uses,
        lambda use: (
            [period_violation(document, words) for document in verification_documents.documents_of_use(db, name, use)]
            if (words := why_not_there(use, periods))
            else []
        ),
        among=among,
    )
    findings.judge(
        Invariant.OPEN_PERIODS,
        verification_documents.moved_without_event(db, name),
        lambda found: [period_violation(found.what, found.words)],
        among=0,
    )
    closed = [period.period for period in periods.values() if period.closed]
    findings.judge(
        Invariant.OPEN_PERIODS,
        verification_documents.posted_when_closed(db, name, closed),
        lambda found: [closed_period_violation(found)],
        among=0,
    )
