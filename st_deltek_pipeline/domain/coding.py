"""GL coding: ordered rules that turn business unit, job and item into project, account and section.

Every target field is decided on its own: the first rule that matches a line *and gives that field* decides
it, so general rules may stand below special ones and give only what is left open. A field that no rule
gives stays open, and an open required field is a hold (``domain.holds``), never a default.

Where a document goes (project, organization, bank, liability, terms) is mostly the same for all that a business unit does,
so a rule that does not say which documents it is for gives these to every kind. What an amount is booked on (account,
section, tax code) is not: such a rule gives it to invoices and credit memos only, and a rule for another kind names it.
No line is given what it has no use for: a bill has no invoice section, and only a payment as a whole has a bank.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum

from st_deltek_pipeline.domain.documents import Kind


class LineKind(StrEnum):
    """What a line of a document is, for rules that code taxes apart from items."""

    ITEM = "item"
    TAX = "tax"
    TAX_ROUNDING = "tax_rounding"
    """What the parts of a tax that was split by authority leave of it."""
    SHIPPING = "shipping"
    OTHER = "other"
    """What a bill charges besides items, tax and shipping."""
    RECEIPT = "receipt"
    """A payment as a whole: which bank its money is in."""
    UNAPPLIED = "unapplied"
    """Money of a payment that is applied to no invoice."""
    PAYABLE = "payable"
    """A bill or AP credit as a whole: what is owed to the vendor."""
    CREDIT = "credit"
    """What an AP credit gives back."""
    FEE = "fee"
    """What the bank kept of a deposit of payments."""


@dataclass(frozen=True)
class LineFacts:
    """What rules may match on. Names are compared case-insensitively, without outer spaces.

    An empty string means the document does not say.

    Attributes:
        document: The kind of document.
        gl_account: Number of ServiceTitan's account: an item's income account, an expense's own.
        cost_account, asset_account: Numbers of a bought item's cost-of-sale and asset accounts.
        purpose: ``job`` or ``stock``: what a bill's goods were bought for.
        terms: ServiceTitan's payment term.
    """

    line: LineKind
    document: Kind = Kind.INVOICE
    business_unit: str = ""
    business_unit_id: str = ""
    job_type: str = ""
    customer_type: str = ""
    item_type: str = ""
    sku: str = ""
    gl_account: str = ""
    tax_zone: str = ""
    tax_name: str = ""
    project: str = ""
    payment_type: str = ""
    vendor: str = ""
    cost_account: str = ""
    asset_account: str = ""
    purpose: str = ""
    terms: str = ""


@dataclass(frozen=True)
class Coding:
    """Where a line goes in Vantagepoint. ``None`` means no rule gave the field.

    ``wbs2`` and ``wbs3`` are the empty string for a project without that level.

    Attributes:
        bank: Bank code of a receipt, or of the bank a bill is paid from.
        liability: Liability code of a voucher; the account that a journal entry balances on.
        terms: Payment terms of a voucher: Date, Next, Hold or PWP.
    """

    wbs1: str | None = None
    wbs2: str | None = None
    wbs3: str | None = None
    organization: str | None = None
    account: str | None = None
    section: str | None = None
    tax_code: str | None = None
    bank: str | None = None
    liability: str | None = None
    terms: str | None = None


_PLACE = frozenset({"wbs1", "wbs2", "wbs3", "organization"})
BOOKING_FIELDS = frozenset({"account", "section", "tax_code"})
"""What an amount is booked on: a rule gives it to bills, AP credits and payments only if it names its documents."""

_RECEIVABLES = frozenset({Kind.INVOICE, Kind.CREDIT_MEMO})

_USED_BY_LINE: Mapping[LineKind, frozenset[str]] = {
    LineKind.RECEIPT: frozenset({"bank"}),
    LineKind.UNAPPLIED: _PLACE | {"account"},
    LineKind.FEE: _PLACE | {"account"},
    LineKind.PAYABLE: frozenset({"bank", "liability", "terms"}),
    LineKind.FEE: _PLACE | {"account"},
}
_USED_BY_KIND: Mapping[Kind, frozenset[str]] = {
    Kind.INVOICE: _PLACE | BOOKING_FIELDS,
    # Its project is that of the invoice it credits.
    Kind.CREDIT_MEMO: BOOKING_FIELDS,
    Kind.PAYMENT: _PLACE | {"account", "bank"},
    Kind.BILL: _PLACE | {"account"},
    Kind.AP_CREDIT: _PLACE | {"account"},
}

CODING_FIELDS: tuple[str, ...] = tuple(item.name for item in fields(Coding))
FACT_FIELDS: tuple[str, ...] = tuple(item.name for item in fields(LineFacts))


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        name: What reports and holds call it.
        when: Fact name to the accepted values, already folded with ``fold``; every fact must match.
        give: The fields this rule decides.
    """

    name: str
    when: Mapping[str, frozenset[str]]
    give: Mapping[str, str]

    def gives(self, name: str, kind: Kind) -> bool:
        """Say whether it decides a field for a kind of document, if it matches."""
        return name in self.give and (name not in BOOKING_FIELDS or kind in _RECEIVABLES or "document" in self.when)


@dataclass(frozen=True)
class CodedLine:
    """A coding and, for each field of it, the name of the rule that decided it."""

    coding: Coding
    decided_by: Mapping[str, str] = field(default_factory=dict[str, str])


def fold(text: str) -> str:
    """Fold a name for comparison: case and outer spaces do not matter."""
    return text.strip().casefold()


def used_fields(kind: Kind, line: LineKind) -> frozenset[str]:
    """Return the fields that a line has a use for.

    Args:
        kind: Of the document.
        line: Of the line.
    """
    return _USED_BY_LINE.get(line) or _USED_BY_KIND[kind]


def code_line(rules: Sequence[Rule], facts: LineFacts) -> CodedLine:
    """Decide where one line goes.

    Args:
        rules: In the order of the connection's file.
        facts: What the line and its document say.

    Returns:
        The coding with every field that the line has a use for and some matching rule gave, and which rule gave it.
    """
    # Once per line: a connection has dozens of rules, and a day thousands of lines.
    folded = {fact: fold(str(getattr(facts, fact))) for fact in FACT_FIELDS}
    used = used_fields(facts.document, facts.line)
    values: dict[str, str] = {}
    decided_by: dict[str, str] = {}
    for rule in rules:
        if len(values) == len(used):
            break
        for fact, accepted in rule.when.items():
            if folded[fact] not in accepted:
                break
        else:
            for name, value in rule.give.items():
                if name in used and name not in values and rule.gives(name, facts.document):
                    values[name] = value
                    decided_by[name] = rule.name
    return CodedLine(Coding(**values), decided_by)
