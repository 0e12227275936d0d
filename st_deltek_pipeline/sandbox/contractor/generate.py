"""Makes a whole contractor from a seed and a month: the one entrance to this package."""

from typing import Literal

from st_deltek_pipeline.sandbox.collector import collector_paused
from st_deltek_pipeline.sandbox.contractor.billing import Biller
from st_deltek_pipeline.sandbox.contractor.business_units import business_unit_rows, job_type_rows
from st_deltek_pipeline.sandbox.contractor.coding_rules import connection_settings
from st_deltek_pipeline.sandbox.contractor.contract_work import project_rows, sign_contracts
from st_deltek_pipeline.sandbox.contractor.customers import find_customers
from st_deltek_pipeline.sandbox.contractor.firms import register_firms
from st_deltek_pipeline.sandbox.contractor.fiscal import (
    COMPANY,
    auto_posting_rows,
    bank_rows,
    company_rows,
    liability_code_rows,
    organization_rows,
    period_rows,
)
from st_deltek_pipeline.sandbox.contractor.ledger_accounts import chart_rows, gl_account_rows
from st_deltek_pipeline.sandbox.contractor.month_plan import plan_month, troubles_of_a_kind
from st_deltek_pipeline.sandbox.contractor.payables import purchase
from st_deltek_pipeline.sandbox.contractor.payment_terms import payment_term_rows
from st_deltek_pipeline.sandbox.contractor.payment_types import payment_type_rows
from st_deltek_pipeline.sandbox.contractor.receivables import collect
from st_deltek_pipeline.sandbox.contractor.staff import hire
from st_deltek_pipeline.sandbox.contractor.streams import hexadecimal, stream
from st_deltek_pipeline.sandbox.contractor.taxes import tax_code_rows, tax_zone_rows
from st_deltek_pipeline.sandbox.contractor.vendor_firms import register_vendors
from st_deltek_pipeline.sandbox.contractor.vendors import find_vendors
from st_deltek_pipeline.sandbox.contractor.working_days import first_day, public_holidays
from st_deltek_pipeline.sandbox.contractor.world import ServiceTitanWorld, VantagepointWorld, World

Scenario = Literal["month", "clean"]

DEFAULT_INVOICES = 6000


def generate(seed: int, month: str, *, invoices: int | None = None, scenario: Scenario = "month") -> World:
    """Make a contractor's month.

    The same arguments give the same world, byte for byte, on every machine.

    Args:
        seed: Any whole number.
        month: ``YYYY-MM``.
        invoices: How many invoices; ``None`` is what 120 field staff write in a month, about 6,000. In a
            month too small for its troubles those come on top.
        scenario: ``month`` holds documents that cannot be posted, at least two of each trouble of an invoice, a
            payment, a credit memo, a bill and a vendor's credit (``World.awkward``); ``clean`` holds none.

    Returns:
        Both systems' rows and the connection between them.

    Raises:
        ValueError: The month is not a month, or fewer than one invoice is asked for.
    """
    amount = DEFAULT_INVOICES if invoices is None else invoices
    if amount < 1:
        message = f"a month of {amount} invoices cannot be made; ask for at least one"
        raise ValueError(message)
    with collector_paused():
        return _make(seed, month, amount, awkward=scenario == "month")


def _make(seed: int, month: str, amount: int, *, awkward: bool) -> World:
    first = first_day(month)
    troubled = troubles_of_a_kind(amount) if awkward else 0
    holidays = public_holidays(first)
    clientele = find_customers(seed, first, amount, troubled=troubled)
    firms = register_firms(seed, first, clientele)
    vendors = find_vendors(seed, first, clientele.also_vendors, clientele.commercial, troubled=troubled)
    vendor_firms = register_vendors(seed, first, vendors, firms)
    contracts = sign_contracts(seed, first, amount, clientele, closed=2 if awkward else 0)
    staff = hire(seed)
    biller = Biller(seed, first, closed_days=holidays, clientele=clientele, contracts=contracts, staff=staff)
    made = biller.work(plan_month(seed, first, holidays, amount, troubled=troubled))

    servicetitan = _tenant(seed)
    servicetitan.invoices = made.invoices
    servicetitan.jobs = made.jobs
    servicetitan.customers = {customer.customer_id: customer.row for customer in clientele.everybody}
    servicetitan.locations = {
        place.row["id"]: place.row
        for customer in clientele.everybody
        if customer.merged_into is None
        for place in customer.places
    }
    servicetitan.projects = {contract.project_id: contract.row for contract in contracts}
    servicetitan.business_units = business_unit_rows(first, servicetitan.tenant_id, with_unmapped=awkward)
    servicetitan.job_types = job_type_rows(first, with_unmapped=awkward)
    servicetitan.gl_accounts = gl_account_rows(first)
    servicetitan.tax_zones = tax_zone_rows(first)
    servicetitan.payment_types = payment_type_rows(first, with_unmapped=awkward)
    servicetitan.payment_terms = payment_term_rows(first)
    servicetitan.vendors = {vendor.vendor_id: vendor.row for vendor in vendors}

    vantagepoint = _database(seed)
    vantagepoint.firms = {**firms.rows, **vendor_firms.rows}
    vantagepoint.vendor_accounting = vendor_firms.accounting
    vantagepoint.liability_codes = liability_code_rows()
    vantagepoint.projects = project_rows(first, contracts, firms)
    vantagepoint.organizations = organization_rows()
    vantagepoint.accounts = chart_rows()
    vantagepoint.banks = bank_rows()
    vantagepoint.tax_codes = tax_code_rows()
    vantagepoint.companies = company_rows()
    vantagepoint.periods = period_rows(first)
    vantagepoint.auto_posting = auto_posting_rows()

    connection = connection_settings(first, contracts)
    world = World(seed, month, servicetitan, vantagepoint, connection, made.awkward)
    collect(world, first, closed_days=holidays, clientele=clientele, staff=staff, troubled=troubled)
    purchase(world, first, closed_days=holidays, vendors=vendors, staff=staff, troubled=troubled)
    return world


def _tenant(seed: int) -> ServiceTitanWorld:
    rng = stream(seed, "servicetitan credentials")
    return ServiceTitanWorld(
        tenant_id=rng.randint(400_000_000, 999_999_999),
        client_id=f"cid.{hexadecimal(rng, 24).lower()}",
        client_secret=f"cs1.{hexadecimal(rng, 48).lower()}",
        app_key=f"ak1.{hexadecimal(rng, 32).lower()}",
    )


def _database(seed: int) -> VantagepointWorld:
    rng = stream(seed, "vantagepoint credentials")
    return VantagepointWorld(
        database="SummitRidge",
        username="INTEGRATION",
        password=hexadecimal(rng, 24),
        # Vantagepoint's client ids hold characters that must be encoded exactly once (vantagepoint.md section 1).
        client_id=f"{hexadecimal(rng, 16)}+/{hexadecimal(rng, 8)}==",
        client_secret=hexadecimal(rng, 40).lower(),
        company=COMPANY,
    )
