"""What exists in Vantagepoint, as alignment and planning need it: typed and frozen.

These are the polled rows (``services.reference_data``) read back in one piece (``store.reference``). Only the
fields that decide an outcome are here; the rows themselves are kept unchanged in ``reference.snapshots``.
Rows that have vanished from Vantagepoint are not in a ``ReferenceData``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

ProjectKey = tuple[str, str, str]
"""WBS1, WBS2, WBS3; an absent level is the empty string (Vantagepoint answers a single blank)."""


@dataclass(frozen=True, slots=True)
class Firm:
    """A firm (vantagepoint.md section 3).

    Attributes:
        client_id: ``ClientID``, the key that postings refer to.
        number: ``Client``, the firm number people know; may be empty.
        name: As Vantagepoint spells it, outer spaces removed.
        active: ``Status`` is A; inactive and dormant firms are not.
        is_client: ``ClientInd`` is Y.
        is_vendor: ``VendorInd`` is Y.
    """

    client_id: str
    number: str
    name: str
    active: bool
    is_client: bool
    is_vendor: bool


@dataclass(frozen=True, slots=True)
class ProjectLevel:
    """One level of a work breakdown structure (vantagepoint.md section 3).

    Attributes:
        wbs1: Project.
        wbs2: Phase, or the empty string.
        wbs3: Task, or the empty string.
        name: As Vantagepoint spells it, outer spaces removed.
        active: ``Status`` is A.
        has_sublevels: ``SubLevel`` is Y, so amounts belong on a lower level.
        charge_type: R regular, H overhead, P promotional.
        organization: ``Org``; may be empty.
        billing_client_id: ``BillingClientID``, or ``ClientID`` where the former is blank or hidden.
    """

    wbs1: str
    wbs2: str
    wbs3: str
    name: str
    active: bool
    has_sublevels: bool
    charge_type: str
    organization: str
    billing_client_id: str

    @property
    def key(self) -> ProjectKey:
        """Return the three parts that name this level."""
        return (self.wbs1, self.wbs2, self.wbs3)


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization, known by its segmented code such as ``A0.00.00``."""

    code: str
    name: str
    active: bool


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the chart; its number is text, compared as text and never as a number."""

    account: str
    name: str
    active: bool
    account_type: str


@dataclass(frozen=True, slots=True)
class TaxCode:
    """A tax code; ``rate`` is what Vantagepoint states, or ``None`` where it states nothing readable."""

    code: str
    active: bool
    rate: Decimal | None


@dataclass(frozen=True, slots=True)
class FiscalPeriod:
    """An accounting period.

    Attributes:
        period: YYYYPP, for example 202610.
        start: First day, included.
        end: Last day, included.
        closed: Closed for the connection's company, or for all companies.
    """

    period: int
    start: date
    end: date
    closed: bool


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank code."""

    code: str
    description: str


@dataclass(frozen=True)
class ReferenceData:
    """Everything of one connection's Vantagepoint company that a posting may name.

    Attributes:
        firms: By ``client_id``.
        projects: By WBS1, WBS2, WBS3.
        organizations: By code.
        accounts: By account.
        tax_codes: By code.
        periods: By YYYYPP, oldest first.
        banks: By code.
        company: The company these rows were read for; empty in a single-company database.
        receivables_account: ``AcctsReceivable`` of the company's auto-posting accounts, or ``None``.
    """

    firms: Mapping[str, Firm] = field(default_factory=dict[str, Firm])
    projects: Mapping[ProjectKey, ProjectLevel] = field(default_factory=dict[ProjectKey, ProjectLevel])
    organizations: Mapping[str, Organization] = field(default_factory=dict[str, Organization])
    accounts: Mapping[str, Account] = field(default_factory=dict[str, Account])
    tax_codes: Mapping[str, TaxCode] = field(default_factory=dict[str, TaxCode])
    periods: Mapping[int, FiscalPeriod] = field(default_factory=dict[int, FiscalPeriod])
    banks: Mapping[str, Bank] = field(default_factory=dict[str, Bank])
    company: str = ""
    receivables_account: str | None = None

    def period_of(self, day: date) -> FiscalPeriod | None:
        """Return the period whose days include ``day``, or ``None`` when no period covers it.

        Fiscal periods need not be months, so only the period's own first and last day decide.
        """
        return next((period for period in self.periods.values() if period.start <= day <= period.end), None)
