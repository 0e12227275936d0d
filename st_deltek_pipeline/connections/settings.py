"""What a connection file may say. Reading files is in ``files``, secrets are in the vault.

Every model refuses unknown keys, so a misspelt setting is an error and never a silent default.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from st_deltek_pipeline.connections.alert_settings import AlertSettings
from st_deltek_pipeline.connections.reconciliation_settings import ReconciliationSettings
from st_deltek_pipeline.connections.schedule_settings import ScheduleSettings
from st_deltek_pipeline.connections.webhook_settings import WebhookSettings
from st_deltek_pipeline.domain.coding import CODING_FIELDS, FACT_FIELDS, Rule, fold
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind

_WEEKDAYS = {"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7}

# Dagster allows letters, digits and underscores in asset keys and pools; 48 keeps run tags short.
CONNECTION_NAME_PATTERN = r"^[a-z][a-z0-9_]{0,47}$"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        message = f"{name!r} is not a time zone; use an IANA name such as America/Denver"
        raise ValueError(message) from None
    return name


def _no_trailing_slash(url: str) -> str:
    return url.rstrip("/")


Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$"), AfterValidator(_no_trailing_slash)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class ServiceTitanSettings(_Model):
    """Which ServiceTitan tenant, and where (servicetitan.md section 1)."""

    api_url: Url = "https://api.servicetitan.io"
    auth_url: Url = "https://auth.servicetitan.io"
    tenant_id: int = Field(gt=0)
    calls_per_second: int = Field(default=55, ge=1, le=60)
    page_size: int = Field(default=5000, ge=1, le=5000)


class VantagepointSettings(_Model):
    """Which Vantagepoint database and company, and how that tenant behaves (vantagepoint.md).

    Attributes:
        base_url: ``https://TENANT.deltekfirst.com/TENANT/api``.
        known_hosts: Host names to trust beside ``*.deltekfirst.com``: a server on the contractor's own premises.
        company: Company code; blank for a single-company database.
        row_limit_parameter: Some tenants refuse ``limit`` on ledger and entry lists (section 2).
        page_size: Rows asked for per call of a list.
        pad_invoice_numbers_to: Manual invoice numbers shorter than this are left-padded with zeros
            (section 4.1); both forms are recognised on read-back.
        longest_invoice_number: The largest documented example has 12 characters.
        longest_vendor_invoice: Of the vendor's number on a voucher; likewise.
        entry: Whether the company groups transactions into files ("Use Files to Group Transactions", section 4).
        documents_per_file: The most masters one transaction file carries.
        settling_seconds: How long a sent request may still arrive after we stopped waiting.
        read_back_seconds: How long the ledger may lag behind a confirmed posting.
    """

    base_url: Url
    known_hosts: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")], ...] = ()
    database: str = Field(min_length=1)
    company: str = ""
    integrated_sign_in: bool = False
    row_limit_parameter: Literal["limit", "q.maxrows"] = "limit"
    page_size: int = Field(default=1000, ge=1, le=10000)
    pad_invoice_numbers_to: int = Field(default=7, ge=0, le=12)
    longest_invoice_number: int = Field(default=12, ge=7, le=32)
    longest_vendor_invoice: int = Field(default=12, ge=7, le=32)
    documents_per_file: int = Field(default=200, ge=1, le=1000)
    entry: Literal["files", "single"] = "files"
    calls_per_second: int = Field(default=20, ge=1, le=60)
    settling_seconds: int = Field(default=30, ge=0, le=3600)
    read_back_seconds: int = Field(default=30, ge=0, le=3600)


class CalendarSettings(_Model):
    """Which days are business days.

    Attributes:
        country, state: Public holidays to observe, by the codes of the ``holidays`` package
            (``US``, ``CO``); no country means none.
        holidays: Further days off. workdays: Days worked in spite of the rules above.
    """

    time_zone: Annotated[str, AfterValidator(_known_zone)]
    country: str | None = None
    state: str | None = None
    weekend: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ("sat", "sun")
    holidays: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()

    @property
    def weekend_numbers(self) -> frozenset[int]:
        """ISO weekday numbers of the weekend."""
        return frozenset(_WEEKDAYS[day] for day in self.weekend)

    @model_validator(mode="after")
    def _state_needs_country(self) -> "CalendarSettings":
        if self.state and not self.country:
            message = "a state needs its country"
            raise ValueError(message)
        if len(set(self.weekend)) == len(_WEEKDAYS):
            message = "a week needs at least one business day"
            raise ValueError(message)
        return self


class PostingSettings(_Model):
    """The settings that decide outcomes (docs/settings.md has a page on each).

    Attributes:
        documents: The kinds that are moved; the others are neither staged nor posted.
        journal_entry_payment_types: Payment types that move no money, beside the payments ServiceTitan itself lists as
            journal entries.
    """

    documents: tuple[Kind, ...] = POSTING_ORDER
    ready_when: Literal["posted", "completed"] = "posted"
    customer_firm: Literal["required", "optional"] = "required"
    invoice_lines: Literal["summary", "item"] = "summary"
    tax_lines: Literal["by_zone", "by_authority"] = "by_zone"
    zero_documents: Literal["ignore", "post"] = "ignore"
    closed_period: Literal["hold", "first_open"] = "hold"
    unapplied: Literal["on_account", "retainer", "hold"] = "on_account"
    opening_invoices: Literal["find", "hold"] = "find"
    receipt_files: Literal["by_day", "by_deposit"] = "by_day"
    journal_entry_payment_types: tuple[str, ...] = ("Journal Entry",)
    bills_source: Literal["inventory_bills", "ap_bills"] = "inventory_bills"
    bills_as: Literal["voucher", "journal_entry"] = "voucher"
    bill_extras: Literal["lines", "allocated"] = "lines"
    duplicate_vendor_invoice: Literal["hold", "allow"] = "hold"
    posting: Literal["automatic", "review"] = "automatic"
    write_back: Literal["off", "exported"] = "off"

    @field_validator("documents")
    @classmethod
    def _in_posting_order(cls, documents: tuple[Kind, ...]) -> tuple[Kind, ...]:
        if not documents:
            message = "at least one kind of document must be moved"
            raise ValueError(message)
        if not set(documents) <= set(POSTING_ORDER):
            message = f"choose from {', '.join(POSTING_ORDER)}; bank deposits are settled by receipt_files"
            raise ValueError(message)
        needed = Kind.INVOICE not in documents and {Kind.PAYMENT, Kind.CREDIT_MEMO} & set(documents)
        if needed:
            message = f"{', '.join(sorted(needed))} are applied to invoices, which must be moved too"
            raise ValueError(message)
        return tuple(kind for kind in POSTING_ORDER if kind in documents)


_COLUMN_NAME = r"^[A-Za-z][A-Za-z0-9_]{0,127}$"
_NUMBER_TEMPLATE = r"^[^{}]*\{id\}[^{}]*$"


class FirmFieldSettings(_Model):
    """Fields and values that the tenant requires of created firms, by what the firm is."""

    customer: Mapping[str, str] = Field(default_factory=dict)
    vendor: Mapping[str, str] = Field(default_factory=dict)

    @field_validator("customer", "vendor")
    @classmethod
    def _names_of_columns(cls, fields: Mapping[str, str]) -> Mapping[str, str]:
        for name in fields:
            if not re.match(_COLUMN_NAME, name):
                message = f"{name!r} is not the name of a field"
                raise ValueError(message)
        return fields


class FirmWeightSettings(_Model):
    """How much each part counts in a firm's score; parts that cannot be compared do not count."""

    name: int = Field(default=60, ge=1, le=100)
    address: int = Field(default=30, ge=0, le=100)
    contact: int = Field(default=10, ge=0, le=100)


class FirmSettings(_Model):
    """How customers and vendors become firms of Vantagepoint (docs/firms.md).

    Attributes:
        external_id_column, vendor_external_id_column: The tenant's own columns of firms that hold ServiceTitan's
            customer and vendor ids.
        firm_number, vendor_number: For tenants that do not number firms automatically; ``{id}`` is ServiceTitan's id.
        country_codes: ServiceTitan's countries to the codes of Vantagepoint's own list (section 2).
    """

    create: Literal["no", "yes"] = "no"
    name_alone: Literal["link", "ask"] = "link"
    address_alone: Literal["ask", "ignore"] = "ask"
    external_id_column: str | None = Field(default=None, pattern=_COLUMN_NAME)
    vendor_external_id_column: str | None = Field(default=None, pattern=_COLUMN_NAME)
    longest_name: int = Field(default=100, ge=10, le=500)
    required_fields: FirmFieldSettings = FirmFieldSettings()
    firm_number: str | None = Field(default=None, pattern=_NUMBER_TEMPLATE)
    vendor_number: str | None = Field(default=None, pattern=_NUMBER_TEMPLATE)
    country_codes: Mapping[str, str] = Field(default_factory=dict)
    weights: FirmWeightSettings = FirmWeightSettings()
    link_from: int = Field(default=100, ge=90, le=100)
    ask_from: int = Field(default=80, ge=50, le=100)
    lead: int = Field(default=5, ge=0, le=50)
    accounting_hours: int = Field(default=24, ge=1, le=720)


class RuleSettings(_Model):
    """One coding rule: ``when`` says what it matches, ``give`` what it decides."""

    name: str | None = None
    when: Mapping[str, str | int | tuple[str | int, ...]] = Field(default_factory=dict)
    give: Mapping[str, str]

    @field_validator("when")
    @classmethod
    def _known_facts(cls, when: Mapping[str, object]) -> Mapping[str, object]:
        for fact in when:
            if fact not in FACT_FIELDS:
                message = f"{fact!r} is not something a rule can match on; choose from {', '.join(FACT_FIELDS)}"
                raise ValueError(message)
        return when

    @field_validator("give")
    @classmethod
    def _known_fields(cls, give: Mapping[str, str]) -> Mapping[str, str]:
        if not give:
            message = "a rule must give something"
            raise ValueError(message)
        for name in give:
            if name not in CODING_FIELDS:
                message = f"{name!r} is not something a rule can give; choose from {', '.join(CODING_FIELDS)}"
                raise ValueError(message)
        return give

    def to_rule(self, position: int) -> Rule:
        """Build the domain's rule; an unnamed one is called after its place in the file."""
        when = {
            fact: frozenset(fold(str(value)) for value in (accepted if isinstance(accepted, tuple) else (accepted,)))
            for fact, accepted in self.when.items()
        }
        return Rule(self.name or f"rule {position}", when, dict(self.give))


class ConnectionSettings(_Model):
    """One ServiceTitan tenant paired with one Vantagepoint database and company.

    Attributes:
        environment: ``sandbox`` and ``integration`` sources must not meet a ``production`` target.
        start_date: Documents dated earlier are never posted; the first partition.
        allow_insecure_hosts: Plain http and any host name, for loopback addresses only.
        owner: Who Dagster's UI names as owner: an e-mail address or ``team:NAME``.
    """

    name: str = Field(pattern=CONNECTION_NAME_PATTERN)
    description: str = ""
    owner: str = "team:accounting"
    environment: Literal["production", "integration", "sandbox"] = "production"
    start_date: date
    allow_insecure_hosts: bool = False
    servicetitan: ServiceTitanSettings
    vantagepoint: VantagepointSettings
    calendar: CalendarSettings
    posting: PostingSettings = PostingSettings()
    firms: FirmSettings = FirmSettings()
    reconciliation: ReconciliationSettings = ReconciliationSettings()
    schedules: ScheduleSettings = ScheduleSettings()
    alerts: AlertSettings = AlertSettings()
    webhooks: WebhookSettings = WebhookSettings()
    coding: tuple[RuleSettings, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _deposits_need_files(self) -> "ConnectionSettings":
        if self.posting.receipt_files == "by_deposit" and self.vantagepoint.entry == "single":
            message = "posting.receipt_files: by_deposit needs vantagepoint.entry: files"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _alerts_go_where_they_may(self) -> "ConnectionSettings":
        problem = self.alerts.problem(allow_insecure=self.allow_insecure_hosts)
        if problem is not None:
            raise ValueError(problem)
        return self

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The coding rules in the file's order, as the domain knows them."""
        return tuple(rule.to_rule(number) for number, rule in enumerate(self.coding, start=1))
