"""The month as the product sees it: read, aligned and coded, without servers and database."""

import json
import random
from datetime import date
from decimal import Decimal

import pytest

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.alignment import Alignment, AlignmentRules
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.firm_links import FirmLinks
from st_deltek_pipeline.domain.invoice_alignment import align_invoice
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.domain.reference import Account, Firm, Organization, ProjectLevel, ReferenceData, TaxCode
from st_deltek_pipeline.sandbox.contractor.edits import new_invoice
from st_deltek_pipeline.sandbox.contractor.month_plan import Trouble
from st_deltek_pipeline.sandbox.contractor.world import Row, VantagepointWorld, World
from st_deltek_pipeline.servicetitan.documents import FORMS
from st_deltek_pipeline.servicetitan.invoices import InvoiceRecord, to_invoice
from st_deltek_pipeline.servicetitan.shapes import Unfit
from st_deltek_pipeline.servicetitan.surroundings import CustomerFacts, JobFacts, Surroundings


def _reference(office: VantagepointWorld) -> ReferenceData:
    return ReferenceData(
        firms={
            key: Firm(key, row["Client"], row["Name"].strip(), row["Status"] == "A", row["ClientInd"] == "Y",
                      row["VendorInd"] == "Y")
            for key, row in office.firms.items()
        },
        projects={
            key: ProjectLevel(*key, row["Name"], row["Status"] == "A", row["SubLevel"] == "Y", row["ChargeType"],
                              row["Org"], row["BillingClientID"])
            for key, row in office.projects.items()
        },
        organizations={key: Organization(key, row["Name"], row["Status"] == "A")
                       for key, row in office.organizations.items()},
        accounts={key: Account(key, row["Name"], row["Status"] == "A", str(row["Type"]))
                  for key, row in office.accounts.items()},
        tax_codes={key: TaxCode(key, row["Status"] == "A", row["Rate"]) for key, row in office.tax_codes.items()},
    )  # fmt: skip


class _Product:
    """Reads and aligns a world's rows as the product does."""

    def __init__(self, world: World) -> None:
        tenant = world.servicetitan
        settings = ConnectionSettings.model_validate({
            "name": "summit_ridge",
            **world.connection,
            "servicetitan": {"tenant_id": tenant.tenant_id},
            "vantagepoint": {"base_url": "http://127.0.0.1:1/api", "database": "x"},
        })  # fmt: skip
        self._calendar = business_calendar(settings.calendar, 2026, 2027)
        self._surroundings = Surroundings(
            customers={
                key: CustomerFacts(row["type"], row["mergedToId"] or key) for key, row in tenant.customers.items()
            },
            jobs={
                key: JobFacts(tenant.job_types[row["jobTypeId"]]["name"], row["jobStatus"])
                for key, row in tenant.jobs.items()
            },
            business_units={key: row["name"] for key, row in tenant.business_units.items()},
            projects={key: row["number"] for key, row in tenant.projects.items()},
            tax_zones={key: row["name"] for key, row in tenant.tax_zones.items()},
        )
        self._rules = AlignmentRules(
            coding=settings.rules,
            # Which firm a customer is has tests of its own; here is what an invoice itself says.
            customer_firm_required=False,
            one_line_per_item=False,
            longest_invoice_number=settings.vantagepoint.longest_invoice_number,
            code_zero_documents=False,
        )
        self._reference = _reference(world.vantagepoint)

    def see(self, row: Row) -> Alignment | Unfit:
        record = FORMS[Kind.INVOICE].read(json.dumps(row, default=str))
        assert isinstance(record, InvoiceRecord), record
        invoice = to_invoice(
            record, connection="summit_ridge", business_day=self._calendar.business_day, surroundings=self._surroundings
        )
        if isinstance(invoice, Unfit):
            return invoice
        return align_invoice(invoice, self._rules, self._reference, FirmLinks())

    def trouble(self, row: Row) -> str:
        seen = self.see(row)
        if isinstance(seen, Unfit):
            return str(seen)
        return "" if seen.hold is None else seen.hold.reason.value


@pytest.fixture(scope="module")
def clean_product(clean_world: World) -> _Product:
    return _Product(clean_world)


@pytest.fixture(scope="module")
def month_product(month_world: World) -> _Product:
    return _Product(month_world)


def test_every_clean_invoice_is_readable_and_aligned_to_the_cent(clean_world: World, clean_product: _Product) -> None:
    for row in clean_world.servicetitan.invoices.values():
        seen = clean_product.see(row)
        assert isinstance(seen, Alignment), (row["id"], seen)
        assert seen.hold is None, seen.hold
        assert total(line.amount for line in seen.lines) == Decimal(row["total"])


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (Trouble.NULL_BUSINESS_UNIT, "no_business_unit"),
        (Trouble.UNMAPPED_BUSINESS_UNIT, "no_rule"),
        (Trouble.AMOUNTS_DO_NOT_ADD_UP, "amounts_do_not_add_up"),
        (Trouble.INACTIVE_PROJECT, "project_inactive"),
        (Trouble.CLOSED_PERIOD, ""),
        (Trouble.NULL_TOTAL, "$.total is missing"),
        (Trouble.THREE_DECIMALS, "is not an amount in whole cents"),
    ],
)
def test_each_trouble_is_found_for_its_own_reason(
    trouble: Trouble, reason: str, month_world: World, month_product: _Product
) -> None:
    rows = [month_world.servicetitan.invoices[number] for number in month_world.awkward[trouble.value]]
    assert {reason in month_product.trouble(row) for row in rows} == {True}
    assert bool(reason) == any(map(month_product.trouble, rows))


def test_the_rest_of_a_month_is_in_no_trouble(month_world: World, month_product: _Product) -> None:
    troubled = {number for ids in month_world.awkward.values() for number in ids}
    rest = [row for number, row in month_world.servicetitan.invoices.items() if number not in troubled]
    assert {month_product.trouble(row) for row in rest} == {""}


def test_added_invoices_can_be_posted(month_world: World, month_product: _Product) -> None:
    rng = random.Random(5)
    rows = [new_invoice(month_world, date(2026, 10, 9), total=amount, rng=rng)
            for amount in (None, None, None, None, Decimal("99.95"), Decimal("-3.00"))]  # fmt: skip
    assert {month_product.trouble(row) for row in rows} == {""}
