"""The shape of a generated contractor: both systems' rows and the connection that joins them.

Values only; ``generate`` makes them. Rows are mutable on purpose: the sandbox's servers own and change them.
"""

from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
"""One API row in the API's own shape. Money of documents is a decimal string (``"123.45"``), every other
number an int or a Decimal (never a float), every instant a string such as ``"2026-10-05T14:03:22.1234567Z"``."""

ProjectKey = tuple[str, str, str]
"""WBS1, WBS2, WBS3; a level that a project does not have is ``""`` here and ``" "`` in the row."""

VendorKey = tuple[str, str]
"""Vendor code and Company."""


@dataclass
class ServiceTitanWorld:
    """One ServiceTitan tenant. Every dictionary is id -> row, in the order the rows were created.

    ``credit_memo_items`` is the id of a credit memo -> its items, ``bank_deposit_transactions`` that of a deposit ->
    the rows it banks; ``ap_bills`` are the same bills as ``inventory_bills``, as newer tenants show them.
    """

    tenant_id: int
    client_id: str
    client_secret: str = field(repr=False)
    app_key: str = field(repr=False)
    invoices: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    customers: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    locations: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    business_units: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    jobs: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    projects: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    job_types: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    gl_accounts: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    tax_zones: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    payment_types: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    payment_terms: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    payments: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    credit_memos: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    credit_memo_items: dict[int, list[Row]] = field(default_factory=dict[int, list[Row]], repr=False)
    bank_deposits: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    bank_deposit_transactions: dict[int, list[Row]] = field(default_factory=dict[int, list[Row]], repr=False)
    vendors: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    purchase_orders: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    receipts: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    inventory_bills: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    ap_bills: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    ap_credits: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)


@dataclass
class VantagepointWorld:
    """One Vantagepoint database. Keys are the natural ones of vantagepoint.md section 3."""

    database: str
    username: str
    password: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    company: str
    firms: dict[str, Row] = field(default_factory=dict[str, Row], repr=False)
    projects: dict[ProjectKey, Row] = field(default_factory=dict[ProjectKey, Row], repr=False)
    organizations: dict[str, Row] = field(default_factory=dict[str, Row], repr=False)
    accounts: dict[str, Row] = field(default_factory=dict[str, Row], repr=False)
    banks: dict[str, Row] = field(default_factory=dict[str, Row], repr=False)
    tax_codes: dict[str, Row] = field(default_factory=dict[str, Row], repr=False)
    companies: dict[str, Row] = field(default_factory=dict[str, Row], repr=False)
    periods: dict[int, Row] = field(default_factory=dict[int, Row], repr=False)
    auto_posting: dict[str, Row] = field(default_factory=dict[str, Row], repr=False)
    vendor_accounting: dict[VendorKey, Row] = field(default_factory=dict[VendorKey, Row], repr=False)
    liability_codes: dict[str, Row] = field(default_factory=dict[str, Row], repr=False)


@dataclass
class World:
    """A contractor's month in both systems.

    Attributes:
        seed, month: What it was made from; ``month`` is ``YYYY-MM``.
        connection: Everything a connection file needs except its name and the two systems' addresses.
        awkward: Ids of the documents that cannot be posted on purpose, by the kind of their trouble; kinds of
            documents other than invoices begin with ``payment_``, ``credit_memo_``, ``bill_`` (the id is that of the
            row in ``inventory_bills`` and in ``ap_bills``) or ``ap_credit_``. Empty lists in the clean scenario.
    """

    seed: int
    month: str
    servicetitan: ServiceTitanWorld
    vantagepoint: VantagepointWorld
    connection: dict[str, Any]
    awkward: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
