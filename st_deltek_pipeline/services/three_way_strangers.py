"""Rows of the ledger that are not lines of a day's documents: what Vantagepoint adds by itself, or what others posted.

Which documents of others are looked at is the setting ``reconciliation.foreign``; docs/reconciliation.md explains it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import DocumentKey
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.posting_keys import NaturalKey, natural_key
from st_deltek_pipeline.domain.receivables import ReceivableKey
from st_deltek_pipeline.domain.three_way import Place
from st_deltek_pipeline.domain.three_way_comparison import LedgerLine, Particulars
from st_deltek_pipeline.domain.three_way_strangers import Stranger, system_side
from st_deltek_pipeline.domain.three_way_words import reference_words
from st_deltek_pipeline.services.posting.context import posting_target
from st_deltek_pipeline.services.three_way_documents import DocumentReader, DocumentSide
from st_deltek_pipeline.services.three_way_ledger import DayLedger, Group, OtherRows
from st_deltek_pipeline.store.reference import load_reference
from st_deltek_pipeline.store.three_way import known_lines, owners_of, posted_projects

_ENOUGH_TO_LEARN_FROM = 4


@dataclass(frozen=True)
class OthersOfDay:
    """What a day's other rows are.

    Attributes:
        added: Lines in our documents that were not sent.
        strangers: What others posted, in scope or under the number of a document of ours.
        invoices: AR invoices that strangers name.
    """

    added: Mapping[DocumentKey, Sequence[LedgerLine]]
    strangers: Sequence[Stranger]
    invoices: Collection[ReceivableKey]


@dataclass
class Sorter:
    """Tells other rows apart, day by day; what it learns of one day it knows on the next.

    Attributes:
        engine: The database.
        settings: The connection.
        documents: Reads what stands of our documents.
    """

    engine: Engine
    settings: ConnectionSettings
    documents: DocumentReader
    _own_side: dict[EntryType, set[str]] = field(default_factory=dict[EntryType, set[str]])

    @cached_property
    def receivables_account(self) -> str | None:
        """The company's, as last read from Vantagepoint."""
        return load_reference(self.engine, self.settings.name).receivables_account

    @property
    def control_accounts(self) -> list[str]:
        """Accounts on which nobody is expected to enter journal entries: receivables, and liabilities seen so far."""
        found = set(self._own_side.get(EntryType.VOUCHERS, ()))
        return sorted(found | ({self.receivables_account} if self.receivables_account else set()))

    def learn(self, ledger: DayLedger) -> None:
        """Learn from our own documents on which accounts Vantagepoint posts the other side by itself."""
        if self.receivables_account:
            self._own_side.setdefault(EntryType.INVOICES, set()).add(self.receivables_account)
        counts: dict[EntryType, dict[str, int]] = {}
        groups: dict[EntryType, int] = {}
        for group in ledger.owners.keys() & ledger.others.keys():
            entry, accounts = group[1].entry, ledger.others[group].by_account
            groups[entry] = groups.get(entry, 0) + 1
            if len(accounts) == 1:
                self._own_side.setdefault(entry, set()).update(accounts)
            for account in accounts:
                own = counts.setdefault(entry, {})
                own[account] = own.get(account, 0) + 1
        for entry, own in counts.items():
            if groups[entry] >= _ENOUGH_TO_LEARN_FROM:
                self._own_side.setdefault(entry, set()).update(
                    account for account, count in own.items() if 2 * count >= groups[entry]
                )

    def sort(self, day: date, ledger: DayLedger, sides: Sequence[DocumentSide]) -> OthersOfDay:
        """Tell a day's other rows apart.

        Args:
            day: The business day.
            ledger: What was read of it, and learnt from.
            sides: Our documents of the day.
        """
        documents = {side.key: side for side in sides}
        added: dict[DocumentKey, list[LedgerLine]] = {}
        unowned: dict[Group, OtherRows] = {}
        for group, rows in ledger.others.items():
            document = ledger.owners.get(group)
            if document is None:
                unowned[group] = rows
            elif more := self._lines_of(documents[document], group, rows):
                added.setdefault(document, []).extend(more)
        strangers, invoices = self._strangers(day, unowned)
        return OthersOfDay(added, strangers, invoices)

    def _known_side(self, entry: EntryType) -> frozenset[str]:
        return frozenset(self._own_side.get(entry, ()))

    def _lines_of(self, side: DocumentSide, group: Group, rows: OtherRows) -> list[LedgerLine]:
        """Return what was added to a document of ours: all that is neither sent nor posted by Vantagepoint itself."""
        batch, key = group
        if key.entry is EntryType.JOURNAL_ENTRIES:
            added = _beside(side.balances_on(batch), rows)
        else:
            known = self._known_side(key.entry)
            own_side = known | system_side(key.entry, rows.by_account, known)
            # Without any, nothing tells what nets to nothing from Vantagepoint's own side.
            added = {place: amount for place, amount in rows.sums.items() if own_side and place.account not in own_side}
        return [
            LedgerLine("", batch, place, key.entry.ledger_sign * amount, Particulars())
            for place, amount in added.items()
            if amount
        ]

    def _strangers(self, day: date, unowned: Mapping[Group, OtherRows]) -> tuple[list[Stranger], set[ReceivableKey]]:
        explained, batches = known_lines(
            self.engine, self.settings.name, [line for rows in unowned.values() for line in rows.lines]
        )
        left = {
            group: rows
            for group, rows in unowned.items()
            if rows.by_account
            and not rows.lines & explained
            # In our own files, the other side of a document whose lines stand elsewhere.
            and not (group[0] in batches and rows.by_account.keys() <= self._known_side(group[1].entry))
        }
        padded_to = self.settings.vantagepoint.pad_invoice_numbers_to
        keys = {group: natural_key(rows.heading, padded_to=padded_to) for group, rows in left.items()}
        owners = owners_of(self.engine, posting_target(self.settings), sorted(set(keys.values())))
        standing = self.documents.standing(
            [owner for owner in owners.values() if owner.connection == self.settings.name]
        )
        found: list[Stranger] = []
        invoices: set[ReceivableKey] = set()
        for group, rows in left.items():
            key = keys[group]
            owner = owners.get(key)
            if owner is not None and owner.connection != self.settings.name:
                continue
            lines = self._amounts(key, rows, owned=owner is not None)
            if lines and (owner is not None or self._in_scope(rows)):
                invoices |= rows.invoices
                reference = reference_words(rows.heading, group[0], voucher=rows.voucher)
                stranger = Stranger(f"{key.entry}|{key.scope}|{key.number}", reference, day, lines)
                if owner is not None:
                    ours = standing.get(owner, {})
                    stranger = replace(stranger, owner=str(owner), owner_kind=owner.kind, standing=ours)
                found.append(stranger)
        return found, invoices

    def _amounts(self, key: NaturalKey, rows: OtherRows, *, owned: bool) -> dict[Place, Decimal]:
        """Return a stranger's amounts by place, with the sign of what a document does."""
        entry = key.entry
        if entry is EntryType.JOURNAL_ENTRIES:
            control = self.control_accounts
            return {
                place: amount if owned or place.account == self.receivables_account else -amount
                for place, amount in rows.sums.items()
                if amount and (place.account in control) is not owned
            }
        other_side = system_side(entry, rows.by_account, self._known_side(entry))
        return {
            place: entry.ledger_sign * amount
            for place, amount in rows.sums.items()
            if amount and place.account not in other_side
        }

    def _in_scope(self, rows: OtherRows) -> bool:
        scope = self.settings.reconciliation.foreign
        if scope == "projects":
            return any(place.project in self._projects for place in rows.sums)
        if scope == "organizations":
            return bool(rows.organizations & self._organizations)
        return scope == "company"

    @cached_property
    def _projects(self) -> set[str]:
        return posted_projects(self.engine, self.settings.name)

    @cached_property
    def _organizations(self) -> set[str]:
        named = set(self.settings.reconciliation.organizations)
        projects = load_reference(self.engine, self.settings.name).projects
        return named or {project.organization for key, project in projects.items() if key[0] in self._projects} - {""}


def _beside(balance: Mapping[Place, Decimal] | None, rows: OtherRows) -> dict[Place, Decimal]:
    """Return a journal entry's rows without what it was sent to balance on; it lists both sides itself.

    Of one that others entered and we took over, nothing says what it balances on.
    """
    if balance is None:
        return {}
    return {place: amount - balance.get(place, ZERO) for place, amount in rows.sums.items()}
