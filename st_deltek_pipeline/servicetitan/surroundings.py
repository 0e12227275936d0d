"""What other records say about the things that documents name, looked up in bulk before documents are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from st_deltek_pipeline.domain.invoices import InvoiceLine


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """A customer as documents need it.

    Attributes:
        customer_type: Residential or Commercial; empty when not stated.
        billing_customer_id: The customer that survives after merges.
    """

    customer_type: str
    billing_customer_id: int


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A job as documents need it.

    Attributes:
        job_type: The type's name; empty while unknown.
        project_number: Of the ServiceTitan project it is part of; empty without one or while unknown.
    """

    job_type: str
    status: str
    number: str = ""
    project_number: str = ""


@dataclass(frozen=True, slots=True)
class MemoItems:
    """The active items of a credit memo, and why any of them cannot be read."""

    lines: tuple[InvoiceLine, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Surroundings:
    """What is known, by id. Unknown ids are simply absent.

    Attributes:
        business_units, projects, tax_zones, payment_types, purchase_orders: Their names or numbers.
        deposits: Dates of the bank deposits that are deposited.
        journal_entries: Payments that ServiceTitan lists as journal entries.
        memo_items: By credit memo.
    """

    customers: Mapping[int, CustomerFacts] = field(default_factory=dict[int, CustomerFacts])
    jobs: Mapping[int, JobFacts] = field(default_factory=dict[int, JobFacts])
    business_units: Mapping[int, str] = field(default_factory=dict[int, str])
    projects: Mapping[int, str] = field(default_factory=dict[int, str])
    tax_zones: Mapping[int, str] = field(default_factory=dict[int, str])
    payment_types: Mapping[int, str] = field(default_factory=dict[int, str])
    purchase_orders: Mapping[int, str] = field(default_factory=dict[int, str])
    deposits: Mapping[int, date] = field(default_factory=dict[int, date])
    journal_entries: frozenset[int] = frozenset()
    memo_items: Mapping[int, MemoItems] = field(default_factory=dict[int, MemoItems])
