"""Account by account and month by month: ServiceTitan's journal entries, our journal and the ledger. Debits are positive."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.three_way import AccountMonth

_ANY = "*"

AccountKey = tuple[date, str]
"""First day of the month, and account."""


def month_of(day: date) -> date:
    """Return the first day of a day's month."""
    return day.replace(day=1)


@dataclass
class AccountSums:
    """Adds up by month and account.

    Attributes:
        sums: Debits less credits.
    """

    sums: dict[AccountKey, Decimal] = field(default_factory=dict[AccountKey, Decimal])

    def add(self, day: date, account: str, amount: Decimal) -> None:
        """Add an amount of a day, with the ledger's sign."""
        key = (month_of(day), account)
        self.sums[key] = self.sums.get(key, ZERO) + amount


def account_months(
    stated: Iterable[tuple[date, str, str, Decimal]],
    journal: Mapping[AccountKey, Decimal],
    ledger: Mapping[AccountKey, Decimal],
    accounts: Mapping[str, str],
) -> tuple[AccountMonth, ...]:
    """Put the three sides beside each other, where all three know an account.

    Args:
        stated: Day, number and name of ServiceTitan's account, debit less credit.
        journal: What stands by our journal; its accounts are those that are compared.
        ledger: What the ledger shows of the same documents.
        accounts: Number of ServiceTitan's account to Vantagepoint's, or to the beginning of several (``221*``). Several of
            ServiceTitan's accounts may be one of Vantagepoint's. Accounts of equal numbers need not be named.

    Returns:
        By month and account; accounts of which ServiceTitan's journal entries or our journal know nothing are left out,
        since one of the two systems does not keep them by document.
    """
    known = {account for _, account in (*journal, *ledger)}
    beginnings = [target[:-1] for target in accounts.values() if target.endswith(_ANY)]

    def group(account: str) -> str:
        beginning = next((each for each in beginnings if account.startswith(each)), None)
        return account if beginning is None else beginning + _ANY

    names: dict[str, list[str]] = {}
    theirs: dict[AccountKey, Decimal] = {}
    for day, number, name, amount in stated:
        target = accounts.get(number, number)
        key = (month_of(day), target)
        theirs[key] = theirs.get(key, ZERO) + amount
        if name and name not in names.setdefault(target, []):
            names[target].append(name)
    ours, shown = _grouped(journal, group), _grouped(ledger, group)
    wanted = {group(account) for account in known} & (set(accounts.values()) | {account for _, account in theirs})
    keys = sorted(key for key in {*theirs, *ours, *shown} if key[1] in wanted)
    return tuple(
        AccountMonth(
            month,
            account,
            ", ".join(names.get(account, ())),
            theirs.get((month, account), ZERO),
            ours.get((month, account), ZERO),
            shown.get((month, account), ZERO),
        )
        for month, account in keys
    )


def _grouped(sums: Mapping[AccountKey, Decimal], group: Callable[[str], str]) -> dict[AccountKey, Decimal]:
    found: dict[AccountKey, Decimal] = {}
    for (month, account), amount in sums.items():
        key = (month, group(account))
        found[key] = found.get(key, ZERO) + amount
    return found
