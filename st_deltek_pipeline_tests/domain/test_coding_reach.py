"""Where rules can reach agrees with what documents really state."""

from dataclasses import replace
from decimal import Decimal

import pytest

from st_deltek_pipeline.domain.coding import FACT_FIELDS, LineKind, Rule
from st_deltek_pipeline.domain.coding_reach import STATED, reach, useless_fields
from st_deltek_pipeline.domain.document_lines import document_lines
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Document, Kind
from st_deltek_pipeline.domain.sales_tax import TaxBase, TaxRate, TaxZone
from st_deltek_pipeline_tests.domain.builders import ALIGNMENT_RULES, invoice
from st_deltek_pipeline_tests.domain.document_builders import (
    ap_credit,
    bank_deposit,
    bill,
    bill_line,
    credit_memo,
    memo_line,
    payment,
)

_SUBTOTAL = frozenset({TaxBase.SUBTOTAL})
_RATES = tuple(TaxRate(name, Decimal("0.0333"), _SUBTOTAL) for name in ("State", "City"))
RULES = replace(ALIGNMENT_RULES, tax_zones={7: TaxZone(7, "Denver", _RATES)})

# Documents that state everything that their kind can state.
DOCUMENTS: list[Document] = [
    invoice(
        "10.00",
        tax="0.67",
        tax_zone_id=7,
        tax_zone_name="Denver",
        job_type="Install",
        customer_type="Commercial",
        project_number="P-7",
    ),
    credit_memo(memo_line("10.00"), tax="0.67", splits=[(1, "10.67")], tax_name="Denver"),
    payment((1, "5.00"), unapplied="1.00"),
    bill(bill_line("10.00"), tax="1.00", shipping="1.00", other="1.00", tax_zone_name="Denver"),
    ap_credit("5.00"),
    bank_deposit("100.00", fees="2.59", fee_account="6420"),
]


def test_every_line_states_just_what_rules_are_told_they_may_match_on() -> None:
    seen: dict[tuple[Kind, LineKind], set[str]] = {}
    for document in DOCUMENTS:
        for line in document_lines(document, RULES):
            stated = {fact for fact in FACT_FIELDS if str(getattr(line.facts, fact))}
            seen.setdefault((line.facts.document, line.facts.line), set()).update(stated)
    assert seen == {place: set(facts) for place, facts in STATED.items()}


def rule(when: dict[str, set[str]], *give: str) -> Rule:
    return Rule("r", {fact: frozenset(values) for fact, values in when.items()}, dict.fromkeys(give, "x"))


def test_a_rule_without_conditions_reaches_everything() -> None:
    assert reach(rule({}, "wbs1")) == STATED.keys()


@pytest.mark.parametrize(
    ("when", "kinds"),
    [
        ({"document": {"bill"}}, {Kind.BILL}),
        ({"vendor": {"x"}}, {Kind.BILL, Kind.AP_CREDIT}),
        ({"payment_type": {"check"}}, {Kind.PAYMENT}),
        ({"customer_type": {"commercial"}}, {Kind.INVOICE, Kind.CREDIT_MEMO}),
        ({"vendor": {""}}, set(POSTING_ORDER)),
        ({"vendor": {"x"}, "document": {"payment"}}, set()),
    ],
)
def test_a_rule_reaches_the_documents_that_state_its_facts(when: dict[str, set[str]], kinds: set[Kind]) -> None:
    assert {kind for kind, _ in reach(rule(when, "wbs1"))} == kinds


@pytest.mark.parametrize(
    ("when", "give", "useless"),
    [
        ({}, ("wbs1", "account", "section", "bank", "liability", "terms"), ()),
        ({"document": {"bill"}}, ("wbs1", "account", "section", "tax_code"), ("section", "tax_code")),
        ({"vendor": {"x"}}, ("account", "terms"), ("account",)),
        ({"document": {"credit_memo"}}, ("wbs1", "account"), ("wbs1",)),
        ({"line": {"receipt"}}, ("bank", "wbs1"), ("wbs1",)),
    ],
)
def test_what_a_rule_gives_to_nobody_is_known(
    when: dict[str, set[str]], give: tuple[str, ...], useless: tuple[str, ...]
) -> None:
    assert useless_fields(rule(when, *give)) == useless
