"""A rule that can only lead to holds is found without a document."""

from dataclasses import replace
from datetime import date

import pytest

from st_deltek_pipeline.connections.settings import RuleSettings
from st_deltek_pipeline.domain.coding import Rule
from st_deltek_pipeline.domain.reference import (
    Account,
    Firm,
    FiscalPeriod,
    Organization,
    ProjectLevel,
    ReferenceData,
    TaxCode,
)
from st_deltek_pipeline.services.coding_check import (
    BusinessUnit,
    Cause,
    Level,
    check_business_units,
    check_period,
    check_rules,
    check_unit_names,
)


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
    accounts={"401.00": _account("401.00", active=True), "402.00": _account("402.00", active=False)},
    tax_codes={"CO": TaxCode("CO", active=True, rate=None), "OLD": TaxCode("OLD", active=False, rate=None)},
    periods={
        202610: FiscalPeriod(202610, date(2026, 10, 1), date(2026, 10, 31), closed=True),
        202611: FiscalPeriod(202611, date(2026, 11, 1), date(2026, 11, 30), closed=False),
        202612: FiscalPeriod(202612, date(2026, 12, 1), date(2026, 12, 31), closed=True),
    },
)


def _rule(when: dict[str, object] | None = None, **give: str) -> Rule:
    return RuleSettings.model_validate({"name": "r", "when": when or {}, "give": give}).to_rule(1)


def test_rules_that_name_only_what_is_there_are_good() -> None:
    rules = [
        _rule(wbs1="P1", wbs2="", wbs3="", organization="A0", account="401.00", section="L", tax_code="CO"),
        _rule(wbs1="P2"),
        _rule(wbs2="A"),
        _rule(organization="", tax_code=""),
    ]
    assert [finding.level for finding in check_rules(rules, _REFERENCE)] == [Level.OK]


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
    ],
)
def test_a_rule_that_names_something_missing_or_closed_is_a_problem(give: dict[str, str], expected: str) -> None:
    [finding] = check_rules([_rule(**give)], _REFERENCE)
    assert finding.level is Level.PROBLEM
    assert finding.cause is Cause.MAPPING
    assert finding.subject == "coding rule 'r'"
    assert expected in finding.message
    assert finding.advice


def test_a_unit_without_a_project_is_named_and_the_others_are_not() -> None:
    rules = [
        _rule({"business_unit": "Plumbing"}, wbs1="P1"),
        _rule({"project": "77"}, wbs1="P1"),
        _rule({"line": "tax"}, wbs1="P1"),
        _rule(account="401.00", section="L"),
    ]
    [finding] = check_business_units(rules, [BusinessUnit("plumbing ", 1), BusinessUnit("Solar", 2)])
    assert finding.level is Level.WARNING
    assert finding.subject == "business unit 'Solar' (2)"
    assert finding.message.startswith("No coding rule gives wbs1 for it")


def test_units_can_be_covered_by_id_or_by_a_rule_for_all() -> None:
    accounts = _rule({"item_type": "Service"}, account="401.00", section="L")
    assert check_business_units([_rule({"business_unit_id": 5}, wbs1="P1"), accounts], [BusinessUnit("X", 5)])[
        0
    ].level is (Level.OK)
    assert check_business_units([_rule(wbs1="P1"), accounts], [BusinessUnit("X", 5)])[0].level is Level.OK


def test_covering_no_unit_at_all_is_a_problem() -> None:
    findings = check_business_units([_rule(account="1")], [BusinessUnit("X", 5)])
    assert [finding.level for finding in findings] == [Level.WARNING, Level.PROBLEM]


def test_a_rule_for_a_unit_that_does_not_exist_is_pointed_out() -> None:
    rules = [_rule({"business_unit": ["Plumbing", "Plumming"]}, wbs1="P1"), _rule({"business_unit_id": 9}, wbs1="P1")]
    findings = check_unit_names(rules, [BusinessUnit("Plumbing", 1)])
    assert [finding.message.split(",")[0] for finding in findings] == [
        "It matches on the business unit 'plumming'",
        "It matches on the business unit '9'",
    ]


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
