"""The contractor's rules code payments, bills and AP credits, and leave open what nobody can know."""

from decimal import Decimal

import pytest

from st_deltek_pipeline.domain.coding import Coding, LineKind, Rule, code_line
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.sandbox.contractor.ap_credits import ApCreditTrouble
from st_deltek_pipeline.sandbox.contractor.payment_types import BANK_BY_PAYMENT_TYPE, JOURNAL_ENTRY_TYPES
from st_deltek_pipeline.sandbox.contractor.purchasing import BillTrouble
from st_deltek_pipeline.sandbox.contractor.world import World
from st_deltek_pipeline_tests.sandbox.contractor.coded_rows import (
    bill_parts,
    payment_facts,
    purchase_facts,
    settings_of,
)

ASSET, DIRECT, INDIRECT = 1, 7, 9


@pytest.fixture(scope="module")
def rules(clean_world: World) -> tuple[Rule, ...]:
    return settings_of(clean_world).rules


def _assert_open_project(world: World, coding: Coding) -> None:
    project = world.vantagepoint.projects[coding.wbs1 or "?", coding.wbs2 or "", coding.wbs3 or ""]
    assert (project["Status"], project["SubLevel"], project["Org"]) == ("A", "N", coding.organization)


def test_every_payment_that_moves_money_is_at_the_bank_of_its_type(clean_world: World, rules: tuple[Rule, ...]) -> None:
    for row in clean_world.servicetitan.payments.values():
        coding = code_line(rules, payment_facts(row, LineKind.RECEIPT)).coding
        if row["type"] in JOURNAL_ENTRY_TYPES:
            assert coding.bank is None
            continue
        assert coding.bank == BANK_BY_PAYMENT_TYPE[row["type"]]
        assert coding.bank in clean_world.vantagepoint.banks


def test_unapplied_money_waits_on_its_business_units_project(clean_world: World, rules: tuple[Rule, ...]) -> None:
    waiting = [row for row in clean_world.servicetitan.payments.values() if Decimal(row["unappliedAmount"])]
    assert waiting
    for row in waiting:
        coding = code_line(rules, payment_facts(row, LineKind.UNAPPLIED)).coding
        _assert_open_project(clean_world, coding)
        assert coding.account is None, "it stands on the receivables account"


@pytest.mark.parametrize("table", ["inventory_bills", "ap_bills"])
def test_every_line_of_a_clean_bill_has_an_open_project_and_an_account_that_fits(
    table: str, clean_world: World, rules: tuple[Rule, ...]
) -> None:
    accounts = clean_world.vantagepoint.accounts
    seen: dict[str, set[int]] = {}
    for bill in getattr(clean_world.servicetitan, table).values():
        for facts, _ in bill_parts(clean_world, bill):
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
        facts = purchase_facts(clean_world, credit, LineKind.CREDIT, kind=Kind.AP_CREDIT)
        coding = code_line(rules, facts).coding
        _assert_open_project(clean_world, coding)
        assert accounts[coding.account or "?"]["Type"] == (DIRECT if credit["jobId"] else ASSET)
        for split in credit["splits"]:
            bill = tenant.inventory_bills[split["inventoryBillId"]]
            billed = {code_line(rules, line).coding.account for line, _ in bill_parts(clean_world, bill)}
            assert coding.account in billed


def test_terms_of_a_bill_due_at_once_are_next_and_all_others_are_the_vendors_own(
    clean_world: World, rules: tuple[Rule, ...]
) -> None:
    terms: dict[str, set[str | None]] = {}
    for bill in clean_world.servicetitan.ap_bills.values():
        coding = code_line(rules, purchase_facts(clean_world, bill, LineKind.PAYABLE)).coding
        terms.setdefault(bill["termName"], set()).add(coding.terms)
        assert coding.liability is None, "the liability code is in the vendor's accounting data"
    assert terms.pop("Due Upon Receipt") == {"Next"}
    assert terms
    assert set().union(*terms.values()) == {None}


def test_what_nobody_can_know_stays_open(month_world: World) -> None:
    rules, tenant = settings_of(month_world).rules, month_world.servicetitan
    for key in month_world.awkward["payment_type_unknown"]:
        facts = payment_facts(tenant.payments[key], LineKind.RECEIPT)
        assert code_line(rules, facts).coding.bank is None
    for key in month_world.awkward[BillTrouble.ACCOUNTS_MISSING]:
        codings = [
            code_line(rules, facts).coding
            for facts, _ in bill_parts(month_world, tenant.inventory_bills[key])
            if facts.line is LineKind.ITEM
        ]
        assert {coding.account for coding in codings} == {None}
    for key in month_world.awkward[BillTrouble.BUSINESS_UNIT_MISSING]:
        codings = [code_line(rules, facts).coding for facts, _ in bill_parts(month_world, tenant.inventory_bills[key])]
        assert {coding.wbs1 for coding in codings} == {None}
    assert month_world.awkward[ApCreditTrouble.VENDOR_MISSING]
