"""Whom and what no rule covers is found before the first document."""

from typing import Any

import pytest

from st_deltek_pipeline.services.coding_coverage import (
    BusinessUnit,
    check_business_units,
    check_fees,
    check_payables,
    check_payment_types,
    check_unit_names,
    check_vendor_names,
)
from st_deltek_pipeline.services.findings import Cause, Finding, Level
from st_deltek_pipeline_tests.services.rule_settings import rule, settings

INVOICES_ONLY = {"documents": ["invoice"]}
ACCOUNTS = rule(account="401.00", section="L")


def units(*names: str) -> list[BusinessUnit]:
    return [BusinessUnit(name, number) for number, name in enumerate(names, start=1)]


def by_unit(*rules: dict[str, Any], **posting: Any) -> list[Finding]:
    return check_business_units(settings(*rules, **posting), units("plumbing ", "Solar"))


def test_a_unit_without_a_project_is_named_and_the_others_are_not() -> None:
    [finding] = by_unit(
        rule({"business_unit": "Plumbing"}, wbs1="P1"),
        rule({"project": "77"}, wbs1="P1"),
        rule({"line": "tax"}, wbs1="P1"),
        ACCOUNTS,
        **INVOICES_ONLY,
    )
    assert finding.level is Level.WARNING
    assert finding.subject == "business unit 'Solar' (2)"
    assert finding.message == "No coding rule gives wbs1 for it: its invoices will be held."


def test_units_can_be_covered_by_id_or_by_a_rule_for_all() -> None:
    accounts = rule({"item_type": "Service"}, account="401.00", section="L")
    for covering in (rule({"business_unit_id": [1, 2]}, wbs1="P1"), rule(wbs1="P1")):
        assert [finding.level for finding in by_unit(covering, accounts, **INVOICES_ONLY)] == [Level.OK]


def test_covering_no_unit_at_all_is_a_problem() -> None:
    findings = by_unit(rule(account="1"), **INVOICES_ONLY)
    assert [finding.level for finding in findings] == [Level.WARNING, Level.WARNING, Level.PROBLEM]


def test_bills_and_unapplied_money_are_looked_at_where_they_are_moved() -> None:
    invoices = rule({"document": "invoice"}, wbs1="P1")
    moved = {"documents": ["invoice", "payment", "bill", "ap_credit"]}
    [finding, _] = by_unit(invoices, ACCOUNTS, **moved)
    assert finding.message == (
        "No coding rule gives wbs1 for it: its unapplied money will be held; "
        "No coding rule gives wbs1, account for it: its bills will be held; "
        "No coding rule gives wbs1, account for it: its AP credits will be held."
    )
    covered = by_unit(rule(wbs1="P1"), ACCOUNTS, rule({"document": ["bill", "ap_credit"]}, account="501.00"), **moved)
    assert [finding.level for finding in covered] == [Level.OK]


def test_unapplied_money_needs_no_project_where_it_is_held_anyway() -> None:
    invoices = rule({"document": "invoice"}, wbs1="P1")
    found = by_unit(invoices, ACCOUNTS, documents=["invoice", "payment"], unapplied="hold")
    assert [finding.level for finding in found] == [Level.OK]


def test_a_rule_for_a_unit_that_does_not_exist_is_pointed_out() -> None:
    rules = settings(
        rule({"business_unit": ["Plumbing", "Plumming"]}, wbs1="P1"), rule({"business_unit_id": 9}, wbs1="P1")
    ).rules
    assert [finding.message.split(",")[0] for finding in check_unit_names(rules, units("Plumbing"))] == [
        "It matches on the business unit 'plumming'",
        "It matches on the business unit '9'",
    ]


BY_TYPE = rule({"payment_type": ["Check", "Cash"]}, bank="OPER")


def test_a_payment_type_without_a_bank_is_named_unless_it_moves_no_money() -> None:
    connection = settings(BY_TYPE, journal_entry_payment_types=["write-off"])
    [finding] = check_payment_types(connection, ["Cash", "check", "Gift Card", "Write-Off"])
    assert (finding.level, finding.subject) == (Level.WARNING, "payment type 'Gift Card'")
    assert "journal_entry_payment_types" in finding.advice


def test_one_bank_for_everything_covers_every_payment_type() -> None:
    [finding] = check_payment_types(settings(rule(bank="OPER")), ["Cash", "Gift Card"])
    assert finding.level is Level.OK


@pytest.mark.parametrize("useless", [rule({"document": "bill"}, bank="OPER"), rule({"line": "payable"}, bank="OPER")])
def test_a_bank_for_bills_is_none_for_payments(useless: dict[str, Any]) -> None:
    findings = check_payment_types(settings(useless), ["Cash"])
    assert [(finding.level, finding.cause) for finding in findings] == [
        (Level.WARNING, None),
        (Level.PROBLEM, Cause.MAPPING),
    ]


def test_rules_for_payment_types_and_vendors_that_do_not_exist_are_pointed_out() -> None:
    connection = settings(BY_TYPE, rule({"vendor": "Front Rang Supply"}, terms="Hold"))
    [types] = check_payment_types(connection, ["Cash"])
    [vendors] = check_vendor_names(connection.rules, ["Front Range Supply"])
    assert "payment type 'check'" in types.message
    assert "vendor 'front rang supply'" in vendors.message


def test_journal_entries_need_an_account_to_balance_on() -> None:
    [finding] = check_payables(settings(BY_TYPE, bills_as="journal_entry"))
    assert (finding.level, finding.cause) == (Level.PROBLEM, Cause.MAPPING)
    assert "bills and AP credits" in finding.message
    [good] = check_payables(settings(rule({"line": "payable"}, liability="202.00"), bills_as="journal_entry"))
    assert good.level is Level.OK
    assert check_payables(settings(BY_TYPE)) == []


def test_bank_fees_need_an_account_where_receipts_are_posted_by_deposit() -> None:
    [finding] = check_fees(settings(BY_TYPE, ACCOUNTS, receipt_files="by_deposit"))
    assert finding.level is Level.WARNING
    fees = rule({"document": "payment", "line": "fee"}, account="620.00")
    [good] = check_fees(settings(BY_TYPE, fees, receipt_files="by_deposit"))
    assert good.level is Level.OK
    assert check_fees(settings(BY_TYPE)) == []
