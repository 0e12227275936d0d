"""Coding rules: the first rule that matches and gives a field decides it; nothing is guessed."""

import pytest

from st_deltek_pipeline.domain.coding import Coding, LineFacts, LineKind, Rule, code_line, fold, used_fields
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind

ITEM = LineFacts(LineKind.ITEM, business_unit="HVAC Service", item_type="Service", sku="TUNE-UP", gl_account="4010")


def rule(name: str, give: dict[str, str], **when: str) -> Rule:
    return Rule(name, {fact: frozenset({fold(value)}) for fact, value in when.items()}, give)


def test_an_earlier_rule_wins_field_by_field() -> None:
    coded = code_line(
        [rule("tune-ups", {"account": "405"}, sku="TUNE-UP"), rule("all", {"account": "401", "section": "F"})], ITEM
    )
    assert (coded.coding.account, coded.coding.section) == ("405", "F")
    assert coded.decided_by == {"account": "tune-ups", "section": "all"}


def test_every_condition_of_a_rule_must_hold() -> None:
    coded = code_line([rule("both", {"account": "405"}, sku="TUNE-UP", job_type="Install")], ITEM)
    assert coded.coding == Coding()


def test_names_match_without_regard_to_case_and_outer_spaces() -> None:
    coded = code_line([rule("unit", {"wbs1": "HVAC"}, business_unit="  hvac SERVICE ")], ITEM)
    assert coded.coding.wbs1 == "HVAC"


def test_an_item_rule_does_not_code_taxes() -> None:
    tax = LineFacts(LineKind.TAX, business_unit="HVAC Service")
    assert code_line([rule("items", {"account": "401"}, line="item")], tax).coding.account is None


def test_no_rule_leaves_every_field_open() -> None:
    assert code_line([], ITEM).coding == Coding()


EVERYTHING = {
    "wbs1": "HVAC",
    "wbs2": "",
    "wbs3": "",
    "organization": "01",
    "account": "401",
    "section": "F",
    "tax_code": "CO",
    "bank": "OPER",
    "liability": "AP",
    "terms": "Next",
}


def given(kind: Kind, line: LineKind, **when: str) -> set[str]:
    return set(code_line([rule("all", EVERYTHING, **when)], LineFacts(line, document=kind)).decided_by)


PLACE = {"wbs1", "wbs2", "wbs3", "organization"}


@pytest.mark.parametrize(
    ("kind", "line", "fields"),
    [
        (Kind.INVOICE, LineKind.ITEM, PLACE | {"account", "section", "tax_code"}),
        (Kind.CREDIT_MEMO, LineKind.TAX, {"account", "section", "tax_code"}),
        (Kind.PAYMENT, LineKind.RECEIPT, {"bank"}),
        (Kind.PAYMENT, LineKind.UNAPPLIED, PLACE),
        (Kind.BILL, LineKind.ITEM, PLACE),
        (Kind.BILL, LineKind.PAYABLE, {"bank", "liability", "terms"}),
        (Kind.AP_CREDIT, LineKind.CREDIT, PLACE),
    ],
)
def test_a_rule_for_every_kind_gives_places_but_no_account_of_a_bill_or_payment(
    kind: Kind, line: LineKind, fields: set[str]
) -> None:
    assert given(kind, line) == fields


@pytest.mark.parametrize(
    ("kind", "line"),
    [(Kind.BILL, LineKind.ITEM), (Kind.AP_CREDIT, LineKind.CREDIT), (Kind.PAYMENT, LineKind.UNAPPLIED)],
)
def test_a_rule_that_names_its_documents_gives_them_an_account(kind: Kind, line: LineKind) -> None:
    assert given(kind, line, document=kind.value) == PLACE | {"account"}


def test_a_rule_for_one_kind_gives_nothing_to_another() -> None:
    assert given(Kind.BILL, LineKind.ITEM, document="payment") == set()


def test_no_line_is_given_what_it_has_no_use_for() -> None:
    for kind in POSTING_ORDER:
        for line in LineKind:
            assert given(kind, line, document=kind.value) <= used_fields(kind, line)
