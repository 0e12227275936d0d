"""What a connection file may say about the three-way reconciliation (docs/reconciliation.md)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Account = Annotated[str, Field(min_length=1, max_length=40)]


class ReconciliationSettings(BaseModel):
    """What is compared, and what counts as posted by others.

    Attributes:
        tolerance: The largest difference of a line that is called rounding; without any, every cent is ``altered``.
        foreign: Where documents that others posted are looked for: on projects that this connection has posted to, on
            any project of its organizations, anywhere in the company, or nowhere.
        organizations: Its organizations, for ``foreign: organizations``; empty are those that it has posted to.
        journal_entries: Whether the summaries of ServiceTitan's journal entries are read and compared.
        accounts: Number of ServiceTitan's account to Vantagepoint's account; one that ends with ``*`` means all accounts
            that begin so. Accounts of equal numbers need not be named.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    tolerance: Decimal = Field(default=Decimal("0.00"), ge=0, le=1, decimal_places=2)
    foreign: Literal["projects", "organizations", "company", "off"] = "projects"
    organizations: tuple[str, ...] = ()
    journal_entries: Literal["off", "summaries"] = "off"
    accounts: Mapping[Account, Account] = Field(default_factory=dict)
