"""Coding rules: the first rule that matches and gives a field decides it; nothing is guessed."""

from st_deltek_pipeline.domain.coding import Coding, LineFacts, LineKind, Rule, code_line, fold

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
