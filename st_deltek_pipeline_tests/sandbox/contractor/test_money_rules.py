"""The contractor's rules code payments, bills and AP credits, and leave open what nobody can know."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from st_deltek_pipeline.domain.coding import Coding, LineFacts, LineKind, Rule, code_line
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.sandbox.contractor.ap_credits import ApCreditTrouble
from st_deltek_pipeline.sandbox.contractor.payment_types import BANK_BY_PAYMENT_TYPE, JOURNAL_ENTRY_TYPES
from st_deltek_pipeline.sandbox.contractor.purchasing import BillTrouble
from st_deltek_pipeline.sandbox.contractor.world import Row, World
from st_deltek_pipeline_tests.sandbox.contractor.test_connection import settings_of

ASSET, DIRECT, INDIRECT = 1, 7, 9


@pytest.fixture(scope="module")
def rules(clean_world: World) -> tuple[Rule, ...]:
    return settings_of(clean_world).rules


def _facts(world: World, row: Row, line: LineKind, kind: Kind, **more: str) -> LineFacts:
    tenant = world.servicetitan
    unit, job = row["businessUnit"] or {}, tenant.jobs.get(row.get("jobId") or 0, {})
    project = tenant.projects.get(job.get("projectId") or 0, {})
    kind_of_job = tenant.job_types.get(job.get("jobTypeId") or 0, {})
    return LineFacts(
        line,
        document=kind,
        business_unit=unit.get("name", ""),
        business_unit_id=str(unit.get("id", "")),
        job_type=kind_of_job.get("name", ""),
        project=project.get("number", ""),
        purpose="job" if job else "stock",
        vendor=(row.get("vendor") or {}).get("name", ""),
        terms=row.get("termName") or "",
        **more,
    )


def _number(account: Row | None) -> str:
    return account["number"] if account else ""


def _bill_lines(world: World, bill: Row) -> Iterator[LineFacts]:
    for item in bill["items"]:
        yield _facts(
            world,
            bill,
            LineKind.ITEM,
            Kind.BILL,
            item_type=item["skuType"],
            sku=item["skuCode"],
            gl_account=_number(item["generalLedgerAccount"]),
            cost_account=_number(item["costOfSaleAccount"]),
            asset_account=_number(item["assetAccount"]),
        )
    for item in bill.get("expenseItems") or []:
        account = _number(item["generalLedgerAccount"])
        yield _facts(world, bill, LineKind.ITEM, Kind.BILL, item_type="Expense", gl_account=account)
    extras = ((LineKind.TAX, "taxAmount"), (LineKind.SHIPPING, "shippingAmount"), (LineKind.OTHER, "otherAmount"))
    for line, name in extras:
        if Decimal(bill[name] or 0):
            yield _facts(world, bill, line, Kind.BILL)


def _payment(world: World, row: Row, line: LineKind) -> LineFacts:
    unit = row["businessUnit"] or {}
    del world
    return LineFacts(line, document=Kind.PAYMENT, business_unit=unit.get("name", ""), payment_type=row["type"] or "")


def _assert_open_project(world: World, coding: Coding) -> None:
    project = world.vantagepoint.projects[coding.wbs1 or "?", coding.wbs2 or "", coding.wbs3 or ""]
    assert (project["Status"], project["SubLevel"], project["Org"]) == ("A", "N", coding.organization)


def test_every_payment_that_moves_money_is_at_the_bank_of_its_type(clean_world: World, rules: tuple[Rule, ...]) -> None:
    for row in clean_world.servicetitan.payments.values():
        coding = code_line(rules, _payment(clean_world, row, LineKind.RECEIPT)).coding
        if row["type"] in JOURNAL_ENTRY_TYPES:
            assert coding.bank is None
            continue
        assert coding.bank == BANK_BY_PAYMENT_TYPE[row["type"]]
        assert coding.bank in clean_world.vantagepoint.banks


def test_unapplied_money_waits_on_its_business_units_project(clean_world: World, rules: tuple[Rule, ...]) -> None:
    waiting = [row for row in clean_world.servicetitan.payments.values() if Decimal(row["unappliedAmount"])]
    assert waiting
    for row in waiting:
        coding = code_line(rules, _payment(clean_world, row, LineKind.UNAPPLIED)).coding
        _assert_open_project(clean_world, coding)
        assert coding.account is None, "it stands on the receivables account"


@pytest.mark.parametrize("table", ["inventory_bills", "ap_bills"])
def test_every_line_of_a_clean_bill_has_an_open_project_and_an_account_that_fits(
    table: str, clean_world: World, rules: tuple[Rule, ...]
) -> None:
    accounts = clean_world.vantagepoint.accounts
    seen: dict[str, set[int]] = {}
    for bill in getattr(clean_world.servicetitan, table).values():
        for facts in _bill_lines(clean_world, bill):
            coding = code_line(rules, facts).coding
            _assert_open_project(clean_world, coding)
            account = accounts[coding.account or "?"]
            assert account["Status"] == "A"
            expense = facts.item_type == "Expense"
            name = "expense" if expense else f"{facts.purpose} {facts.line}"
            seen.setdefault(name, set()).add(account["Type"])
            assert expense or coding.wbs1 != "OVH2026"
            assert (coding.wbs1 == "OVH2026") == (account["Type"] == INDIRECT)
    assert seen["stock item"] == {ASSET}
    assert seen["job item"] == {DIRECT}
    assert {
        name for name, types in seen.items() if name.endswith(("tax", "shipping", "other")) and types != {DIRECT}
    } == set()
    assert ("expense" in seen) == (table == "ap_bills")


def test_every_ap_credit_goes_where_its_goods_went(clean_world: World, rules: tuple[Rule, ...]) -> None:
    tenant, accounts = clean_world.servicetitan, clean_world.vantagepoint.accounts
    for credit in tenant.ap_credits.values():
        facts = _facts(clean_world, credit, LineKind.CREDIT, Kind.AP_CREDIT)
        coding = code_line(rules, facts).coding
        _assert_open_project(clean_world, coding)
        assert accounts[coding.account or "?"]["Type"] == (DIRECT if credit["jobId"] else ASSET)
        for split in credit["splits"]:
            bill = tenant.inventory_bills[split["inventoryBillId"]]
            billed = {code_line(rules, line).coding.account for line in _bill_lines(clean_world, bill)}
            assert coding.account in billed


def test_terms_of_a_bill_due_at_once_are_next_and_all_others_are_the_vendors_own(
    clean_world: World, rules: tuple[Rule, ...]
) -> None:
    terms: dict[str, set[str | None]] = {}
    for bill in clean_world.servicetitan.ap_bills.values():
        coding = code_line(rules, _facts(clean_world, bill, LineKind.PAYABLE, Kind.BILL)).coding
        terms.setdefault(bill["termName"], set()).add(coding.terms)
        assert coding.liability is None, "the liability code is in the vendor's accounting data"
    assert terms.pop("Due Upon Receipt") == {"Next"}
    assert terms
    assert set().union(*terms.values()) == {None}


def test_what_nobody_can_know_stays_open(month_world: World) -> None:
    rules, tenant = settings_of(month_world).rules, month_world.servicetitan
    for key in month_world.awkward["payment_type_unknown"]:
        facts = _payment(month_world, tenant.payments[key], LineKind.RECEIPT)
        assert code_line(rules, facts).coding.bank is None
    for key in month_world.awkward[BillTrouble.ACCOUNTS_MISSING]:
        codings = [
            code_line(rules, facts).coding
            for facts in _bill_lines(month_world, tenant.inventory_bills[key])
            if facts.line is LineKind.ITEM
        ]
        assert {coding.account for coding in codings} == {None}
    for key in month_world.awkward[BillTrouble.BUSINESS_UNIT_MISSING]:
        codings = [code_line(rules, facts).coding for facts in _bill_lines(month_world, tenant.inventory_bills[key])]
        assert {coding.wbs1 for coding in codings} == {None}
    assert month_world.awkward[ApCreditTrouble.VENDOR_MISSING]
