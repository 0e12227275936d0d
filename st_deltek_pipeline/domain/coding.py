"""GL coding: ordered rules that turn business unit, job and item into project, account and section.

Every target field is decided on its own: the first rule that matches a line *and gives that field* decides
it, so general rules may stand below special ones and give only what is left open. A field that no rule
gives stays open, and an open required field is a hold (``domain.holds``), never a default.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum


class LineKind(StrEnum):
    """What a line of a document is, for rules that code taxes apart from items."""

    ITEM = "item"
    TAX = "tax"
    TAX_ROUNDING = "tax_rounding"
    """What the parts of a tax that was split by authority leave of it."""


@dataclass(frozen=True)
class LineFacts:
    """What rules may match on. Names are compared case-insensitively, without outer spaces.

    An empty string means the document does not say.
    """

    line: LineKind
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


@dataclass(frozen=True)
class Coding:
    """Where a line goes in Vantagepoint. ``None`` means no rule gave the field.

    ``wbs2`` and ``wbs3`` are the empty string for a project without that level.
    """

    wbs1: str | None = None
    wbs2: str | None = None
    wbs3: str | None = None
    organization: str | None = None
    account: str | None = None
    section: str | None = None
    tax_code: str | None = None


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


@dataclass(frozen=True)
class CodedLine:
    """A coding and, for each field of it, the name of the rule that decided it."""

    coding: Coding
    decided_by: Mapping[str, str] = field(default_factory=dict[str, str])


def fold(text: str) -> str:
    """Fold a name for comparison: case and outer spaces do not matter."""
    return text.strip().casefold()


def code_line(rules: Sequence[Rule], facts: LineFacts) -> CodedLine:
    """Decide where one line goes.

    Args:
        rules: In the order of the connection's file.
        facts: What the line and its document say.

    Returns:
        The coding with every field some matching rule gave, and which rule gave it.
    """
    # Once per line: a connection has dozens of rules, and a day thousands of lines.
    folded = {fact: fold(str(getattr(facts, fact))) for fact in FACT_FIELDS}
    values: dict[str, str] = {}
    decided_by: dict[str, str] = {}
    for rule in rules:
        if len(values) == len(CODING_FIELDS):
            break
        for fact, accepted in rule.when.items():
            if folded[fact] not in accepted:
                break
        else:
            for name, value in rule.give.items():
                if name not in values:
                    values[name] = value
                    decided_by[name] = rule.name
    return CodedLine(Coding(**values), decided_by)
