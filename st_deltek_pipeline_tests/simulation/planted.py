"""Bugs to plant, each a rule of the program broken on purpose: the proof that the simulation can fail."""

import itertools
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import Any
from unittest.mock import patch

from st_deltek_pipeline.domain import (
    bill_alignment,
    credit_memo_alignment,
    payment_alignment,
    receivables,
    transaction_files,
)
from st_deltek_pipeline.domain.decisions import LEAVE_AS_IS, Decision, decide
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.money import CENT
from st_deltek_pipeline.services.intake_pages import PageStore
from st_deltek_pipeline.services.posting import check, enter, planner, post
from st_deltek_pipeline.services.posting.moves import refuse
from st_deltek_pipeline.store import journal, raw, raw_cursors, reference

Plant = Callable[[ExitStack], None]


def _resent_at_once(undo: ExitStack) -> None:
    """What was lost on the way is not waited for: it is sent again at once, under the same Batch."""

    def absent(context: Any, lock: Any, file: Any) -> bool:
        settings = context.settings.model_copy(
            update={"vantagepoint": context.settings.vantagepoint.model_copy(update={"settling_seconds": 0})}
        )
        return _RESOLVE(replace(context, settings=settings), lock, file)

    undo.enter_context(patch.object(enter, "resolve_in_doubt", absent))
    undo.enter_context(patch.object(check, "resolve_in_doubt", absent))


_RESOLVE = enter.resolve_in_doubt


def _lost_answer_taken_for_a_refusal(undo: ExitStack) -> None:
    """A lost answer counts as a refusal, and the next file has a Batch of its own: not a hash of its content alone."""
    lost = itertools.count(1)
    salt = ""

    def refused(context: Any, lock: Any, file: Any) -> bool:
        nonlocal salt
        salt = f"{next(lost)}"
        refuse(context, lock, file, lambda posting: Hold(HoldReason.REFUSED, f"{posting.document}: no answer"))
        return False

    def derived(connection: str, kind: Any, period: int, postings: Any) -> str:
        return real(f"{connection}{salt}", kind, period, postings)

    real = transaction_files.derive_batch
    undo.enter_context(patch.object(enter, "resolve_in_doubt", refused))
    undo.enter_context(patch.object(transaction_files, "derive_batch", derived))


def _nobody_looks(undo: ExitStack) -> None:
    """Nobody looks whether a document stands in the ledger before it is sent."""
    undo.enter_context(patch.object(check, "ledger_under_natural_keys", lambda *_: {}))


def _cursor_first(undo: ExitStack) -> None:
    """The cursor moves in a transaction of its own, before the rows."""

    def keep_page(self: PageStore, page: Any, tally: Any, *, after: Any, **_before: Any) -> bool:
        with self.engine.begin() as db:
            self._locked(db)
            raw_cursors.move_cursor(db, self.connection, self.feed.name, after)
        with self.engine.begin() as db:
            raw.lock_kind(db, self.connection, self.feed.kind)
            unknown = raw.unknown_versions(db, self.connection, self.feed.kind, page.versions)
            self._keep(db, page, unknown, tally)
        return True

    undo.enter_context(patch.object(PageStore, "keep_page", keep_page))


def _chunk_twice(undo: ExitStack) -> None:
    """A run does not see that a document is in a file under way, and plans it once more; nobody finds the first."""
    real = journal.Journal.standings

    def standings(self: Any, kind: Any, ids: Sequence[int]) -> Mapping[int, Any]:
        return {key: replace(found, occupied=False) for key, found in real(self, kind, ids).items()}

    undo.enter_context(patch.object(journal.Journal, "standings", standings))
    _nobody_looks(undo)


def _void_not_reversed(undo: ExitStack) -> None:
    """A document that is voided after it was posted is left as it is."""

    def decided(situation: Any, rules: Any, periods: Any) -> Decision:
        if not situation.document.active and situation.standing and not situation.occupied:
            return LEAVE_AS_IS
        return decide(situation, rules, periods)

    undo.enter_context(patch.object(planner, "decide", decided))


def _rounding_dropped(undo: ExitStack) -> None:
    """Shares are cut to whole cents, and what is left over belongs to nobody."""

    def allocate(amount: Decimal, weights: Iterable[Decimal]) -> list[Decimal]:
        shares = list(weights)
        whole = sum(shares, start=Decimal(0))
        return [(amount * share / whole).quantize(CENT, ROUND_DOWN) for share in shares]

    def spread(amount: Decimal, items: Sequence[Any]) -> list[Decimal]:
        return allocate(amount, receivables.share_of_items(items))

    for module in (bill_alignment, credit_memo_alignment):
        undo.enter_context(patch.object(module, "allocate", allocate))
    undo.enter_context(patch.object(payment_alignment, "spread_over_items", spread))


def _closed_period_ignored(undo: ExitStack) -> None:
    """Nobody asks whether a period is closed."""
    real = reference.load_reference

    def opened(*arguments: Any) -> Any:
        found = real(*arguments)
        periods = {key: replace(period, closed=False) for key, period in found.periods.items()}
        return replace(found, periods=periods)

    undo.enter_context(patch.object(planner, "load_reference", opened))
    for module in (check, post):
        undo.enter_context(patch.object(module, "period_closed", lambda *_: False))


BUGS: Mapping[str, Plant] = {
    "lost answer taken for a refusal": _lost_answer_taken_for_a_refusal,
    "nobody looks before sending": _nobody_looks,
    "cursor moved before rows": _cursor_first,
    "chunk posted twice": _chunk_twice,
    "void not reversed": _void_not_reversed,
    "rounding dropped": _rounding_dropped,
    "closed period ignored": _closed_period_ignored,
}

HARMLESS: Mapping[str, Plant] = {"lost answer sent again at once": _resent_at_once}
"""Rules whose breaking breaks nothing, since another one stands behind them."""


@contextmanager
def planted(name: str) -> Generator[None]:
    """Let a bug be there for as long as a ``with`` block lasts."""
    with ExitStack() as undo:
        {**BUGS, **HARMLESS}[name](undo)
        yield
