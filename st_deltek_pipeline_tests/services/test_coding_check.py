"""A rule that can only lead to holds is found without a document."""

from dataclasses import replace
from datetime import date

import pytest

from st_deltek_pipeline.domain.reference import (
    Account,
    Bank,
    Firm,
    FiscalPeriod,
    Organization,
    ProjectLevel,
    ReferenceData,
    TaxCode,
)
from st_deltek_pipeline.services.coding_check import check_period, check_receivables, check_rules
from st_deltek_pipeline.services.findings import Cause, Finding, Level
from st_deltek_pipeline_tests.services.rule_settings import rule, settings


def _level(*key: str, active: bool = True, sublevels: bool = False, client: str = "F1") -> ProjectLevel:
    return ProjectLevel(*key, "Name", active, sublevels, "R", "A0", client)


def _account(number: str, *, active: bool) -> Account:
    return Account(number, "Sales", active, "4")


_REFERENCE = ReferenceData(
    firms={
        "F1": Firm("F1", "1", "Owner", active=True, is_client=True, is_vendor=False),
        "F2": Firm("F2", "2", "Gone", active=False, is_client=True, is_vendor=False),
    },
    projects={
        level.key: level
        for level in (
            _level("P1", "", ""),
            _level("P2", "", "", sublevels=True),
            _level("P2", "A", ""),
            _level("P2", "B", "", active=False),
            _level("P3", "", "", active=False),
            _level("P4", "", "", client="F2"),
            _level("P5", "", "", client=""),
        )
    },
    organizations={"A0": Organization("A0", "", active=True), "B0": Organization("B0", "", active=False)},
    accounts={
        "401.00": _account("401.00", active=True),
        "402.00": _account("402.00", active=False),
        "110.00": _account("110.00", active=True),
    },
    tax_codes={"CO": TaxCode("CO", active=True, rate=None), "OLD": TaxCode("OLD", active=False, rate=None)},
    banks={"OPER": Bank("OPER", "Operating")},
    receivables_account="110.00",
    company="01",
    periods={
        202610: FiscalPeriod(202610, date(2026, 10, 1), date(2026, 10, 31), closed=True),
        202611: FiscalPeriod(202611, date(2026, 11, 1), date(2026, 11, 30), closed=False),
        202612: FiscalPeriod(202612, date(2026, 12, 1), date(2026, 12, 31), closed=True),
    },
)


def check(*rules: dict[str, object], **posting: object) -> list[Finding]:
    return check_rules(settings(*rules, **posting), _REFERENCE)


def test_rules_that_name_only_what_is_there_are_good() -> None:
    found = check(
        rule(wbs1="P1", wbs2="", wbs3="", organization="A0", account="401.00", section="L", tax_code="CO"),
        rule(wbs1="P2"),
        rule(wbs2="A"),
        rule(organization="", tax_code=""),
        rule({"payment_type": "Check"}, bank="OPER"),
        rule({"line": "payable"}, liability="AP", terms="PWP"),
        rule({"document": ["bill", "ap_credit"], "purpose": "job"}, account="401.00"),
    )
    assert [finding.level for finding in found] == [Level.OK]


@pytest.mark.parametrize(
    ("give", "expected"),
    [
        ({"wbs1": "P9"}, "Project P9 does not exist in Vantagepoint."),
        ({"wbs1": "P3"}, "Project P3 'Name' is not active in Vantagepoint."),
        ({"wbs1": ""}, "It gives an empty wbs1"),
        ({"wbs1": "P2", "wbs2": "Z"}, "Project P2 | Z does not exist"),
        ({"wbs1": "P2", "wbs2": "B"}, "Project P2 | B 'Name' is not active"),
        ({"wbs1": "P2", "wbs2": "", "wbs3": ""}, "Project P2 has levels below it"),
        ({"wbs2": "Z"}, "No project has a phase 'Z'."),
        ({"wbs1": "P4"}, "'Gone', the billing client of project P4, is not active."),
        ({"wbs1": "P5"}, "Project P5 has no billing client"),
        ({"account": "401"}, "Account '401' does not exist in Vantagepoint."),
        ({"account": "402.00"}, "Account '402.00' is not active in Vantagepoint."),
        ({"organization": "X"}, "Organization 'X' does not exist"),
        ({"organization": "B0"}, "Organization 'B0' is not active"),
        ({"tax_code": "X"}, "Tax code 'X' does not exist"),
        ({"tax_code": "OLD"}, "Tax code 'OLD' is not active"),
        ({"section": "Z"}, "'Z' is not an invoice section"),
        ({"bank": "OPRE"}, "Bank 'OPRE' does not exist in Vantagepoint."),
        ({"terms": "Net 30"}, "Vantagepoint has no payment terms 'Net 30'."),
        ({"liability": ""}, "It gives an empty liability code."),
    ],
)
def test_a_rule_that_names_something_missing_or_closed_is_a_problem(give: dict[str, str], expected: str) -> None:
    [finding] = check(rule(**give))
    assert finding.level is Level.PROBLEM
    assert finding.cause is Cause.MAPPING
    assert finding.subject == "coding rule 'r'"
    assert expected in finding.message
    assert finding.advice


def test_a_liability_is_a_code_of_a_voucher_and_an_account_of_a_journal_entry() -> None:
    payables = rule({"line": "payable"}, liability="AP")
    assert [finding.level for finding in check(payables)] == [Level.OK]
    [finding] = check(payables, bills_as="journal_entry")
    assert finding.message == "Account 'AP' does not exist in Vantagepoint."


def test_what_a_bill_is_booked_on_needs_no_billing_client() -> None:
    assert [each.level for each in check(rule({"document": "bill"}, wbs1="P5"))] == [Level.OK]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"document": "bils"}, "It matches on document: bils, which no line has."),
        ({"line": "items"}, "It matches on line: items, which no line has."),
        ({"purpose": "truck"}, "It matches on purpose: truck, which no line has."),
    ],
)
def test_a_value_that_no_line_ever_has_is_a_problem(when: dict[str, object], expected: str) -> None:
    [finding] = check(rule(when, wbs1="P1"))
    assert (finding.level, finding.message) == (Level.PROBLEM, expected)
    assert "Use one of" in finding.advice


@pytest.mark.parametrize(
    ("when", "give", "expected"),
    [
        ({"vendor": "Front Range"}, {"account": "401.00"}, "It gives account to nobody"),
        ({"line": "shipping"}, {"account": "401.00"}, "It gives account to nobody"),
        ({"document": "bill"}, {"section": "L", "account": "401.00"}, "It gives section, which none of the lines"),
        ({"line": "item"}, {"bank": "OPER"}, "It gives bank, which none of the lines"),
        ({"payment_type": "Check", "sku": "X"}, {"wbs1": "P1"}, "No line of any document states all"),
        ({"document": "payment", "vendor": "X"}, {"wbs1": "P1"}, "No line of any document states all"),
    ],
)
def test_a_rule_that_can_do_nothing_is_pointed_out(
    when: dict[str, object], give: dict[str, str], expected: str
) -> None:
    [finding] = check(rule(when, **give))
    assert finding.level is Level.WARNING
    assert finding.message.startswith(expected)
    assert finding.advice


def test_receipts_need_a_receivables_account_that_is_open() -> None:
    assert check_receivables(_REFERENCE).level is Level.OK
    for account in (None, "999.00", "402.00"):
        finding = check_receivables(replace(_REFERENCE, receivables_account=account))
        assert (finding.level, finding.cause) == (Level.PROBLEM, Cause.MAPPING)
        assert finding.advice


@pytest.mark.parametrize(
    ("day", "first_open_allowed", "level"),
    [
        (date(2026, 11, 5), False, Level.OK),
        (date(2026, 10, 5), False, Level.PROBLEM),
        (date(2026, 10, 5), True, Level.WARNING),
        (date(2026, 12, 5), True, Level.PROBLEM),
        (date(2027, 1, 5), True, Level.PROBLEM),
    ],
)
def test_the_period_of_today_must_be_open(day: date, first_open_allowed: bool, level: Level) -> None:  # noqa: FBT001
    assert check_period(_REFERENCE, day, first_open_allowed=first_open_allowed).level is level


def test_no_period_at_all_is_said_so() -> None:
    finding = check_period(replace(_REFERENCE, periods={}), date(2026, 11, 5), first_open_allowed=True)
    assert "No accounting period covers 2026-11-05" in finding.message
