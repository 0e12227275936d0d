"""Where a coding rule can reach: which lines of which documents it may match, and whether what it gives is of any use.

Without any document; so a rule that can do nothing is found before one is held for it.
"""

from collections.abc import Mapping

from st_deltek_pipeline.domain.coding import LineKind, Rule, used_fields
from st_deltek_pipeline.domain.documents import Kind

Place = tuple[Kind, LineKind]
"""One kind of line of one kind of document."""

_UNIT = frozenset({"document", "line", "business_unit", "business_unit_id"})
_ITEM = frozenset({"item_type", "sku", "gl_account"})
_TAX = frozenset({"tax_zone", "tax_name"})
_INVOICE = _UNIT | {"job_type", "customer_type", "project", "tax_zone"}
_MEMO = _UNIT | {"customer_type"}
_PAYMENT = _UNIT | {"payment_type"}
_BILL = _UNIT | {"job_type", "project", "tax_zone", "vendor", "purpose", "terms"}
_AP_CREDIT = _UNIT | {"job_type", "project", "vendor", "purpose"}

STATED: Mapping[Place, frozenset[str]] = {
    (Kind.INVOICE, LineKind.ITEM): _INVOICE | _ITEM,
    (Kind.INVOICE, LineKind.TAX): _INVOICE | _TAX,
    (Kind.INVOICE, LineKind.TAX_ROUNDING): _INVOICE,
    (Kind.CREDIT_MEMO, LineKind.ITEM): _MEMO | _ITEM,
    (Kind.CREDIT_MEMO, LineKind.TAX): _MEMO | _TAX,
    (Kind.CREDIT_MEMO, LineKind.TAX_ROUNDING): _MEMO | {"tax_zone"},
    (Kind.PAYMENT, LineKind.RECEIPT): _PAYMENT,
    (Kind.PAYMENT, LineKind.UNAPPLIED): _PAYMENT,
    (Kind.PAYMENT, LineKind.FEE): frozenset({"document", "line", "gl_account"}),
    (Kind.BILL, LineKind.PAYABLE): _BILL,
    (Kind.BILL, LineKind.ITEM): _BILL | _ITEM | {"cost_account", "asset_account"},
    (Kind.BILL, LineKind.TAX): _BILL,
    (Kind.BILL, LineKind.SHIPPING): _BILL,
    (Kind.BILL, LineKind.OTHER): _BILL,
    (Kind.AP_CREDIT, LineKind.PAYABLE): _AP_CREDIT,
    (Kind.AP_CREDIT, LineKind.CREDIT): _AP_CREDIT,
}
"""The facts that a line may state; the others are empty on every one of its kind."""


def reach(rule: Rule) -> frozenset[Place]:
    """Return the lines that a rule may match."""
    return frozenset(place for place, stated in STATED.items() if _may_match(rule, place, stated))


def gives_at(rule: Rule, name: str, place: Place) -> bool:
    """Say whether a rule may decide a field of a line.

    Args:
        rule: A coding rule.
        name: The field.
        place: The line.
    """
    return rule.gives(name, place[0]) and name in used_fields(*place) and _may_match(rule, place, STATED[place])


def useless_fields(rule: Rule) -> tuple[str, ...]:
    """Return the fields that a rule gives to lines that have no use for them, or to none at all."""
    return tuple(name for name in rule.give if not any(gives_at(rule, name, place) for place in STATED))


def _may_match(rule: Rule, place: Place, stated: frozenset[str]) -> bool:
    known = {"document": place[0].value, "line": place[1].value}
    return all(
        known[fact] in accepted if fact in known else fact in stated or "" in accepted
        for fact, accepted in rule.when.items()
    )
