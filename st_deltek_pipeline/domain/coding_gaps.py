"""What the coding rules leave open, over many documents: which facts, which field, how much money.

Holds say the same of one document; which rule decides what is there is ``coding``'s business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from st_deltek_pipeline.domain.alignment import REQUIRED_FIELDS, AlignmentRules, missing_fields
from st_deltek_pipeline.domain.coding import FACT_FIELDS, LineFacts, LineKind, code_line
from st_deltek_pipeline.domain.documents import DocumentKey
from st_deltek_pipeline.domain.invoice_alignment import lines_to_code, tax_split_hold
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.domain.money import ZERO

_Facts = tuple[tuple[str, str], ...]

# What people commonly write rules on. A project follows from the document, account and section from the line.
_ALWAYS_SHOWN: Mapping[str, frozenset[str]] = {
    "wbs1": frozenset({"business_unit"}),
    "account": frozenset({"line", "business_unit", "item_type", "sku", "gl_account", "tax_zone", "tax_name"}),
    "section": frozenset({"line", "business_unit", "item_type", "sku", "gl_account", "tax_zone", "tax_name"}),
}


@dataclass(frozen=True)
class Gap:
    """One combination of facts that no rule gives a required field.

    Attributes:
        missing: The field.
        facts: What a rule could match on, without what the documents do not say: the usual facts, and those
            that the connection's other rules for the field look at.
        documents, lines: How many it concerns.
        amount: Sum of these lines.
        example: The first of these documents.
    """

    missing: str
    facts: Mapping[str, str]
    documents: int
    lines: int
    amount: Decimal
    example: DocumentKey


@dataclass
class _Count:
    example: DocumentKey
    documents: int = 0
    lines: int = 0
    amount: Decimal = ZERO


class GapCollector:
    """Collects gaps, document by document; what it holds grows with the number of gaps only.

    Args:
        rules: The connection's rules and settings.

    Attributes:
        documents, lines: Looked at.
        documents_with_gaps: Documents with at least one line that a field is missing for.
        lines_with_gaps: Such lines.
        amount: Sum of such lines, each counted once.
    """

    def __init__(self, rules: AlignmentRules) -> None:
        self.documents = 0
        self.lines = 0
        self.documents_with_gaps = 0
        self.lines_with_gaps = 0
        self.amount = ZERO
        self._rules = rules
        self._shown = {
            name: _ALWAYS_SHOWN[name] | {fact for rule in rules.coding if name in rule.give for fact in rule.when}
            for name in REQUIRED_FIELDS
        }
        self._known: dict[LineFacts, tuple[str, ...]] = {}
        self._counts: dict[tuple[str, _Facts], _Count] = {}

    def add(self, invoice: Invoice) -> None:
        """Look at one invoice.

        What no rule would help is left out: a voided invoice, one without a business unit, and a sales tax that does
        not add up by authority.

        Args:
            invoice: A staged invoice.
        """
        if not invoice.active or invoice.business_unit_id is None:
            return
        self.documents += 1
        found: set[tuple[str, _Facts]] = set()
        tax_is_held = tax_split_hold(invoice, self._rules) is not None
        for line in lines_to_code(invoice, self._rules):
            if tax_is_held and line.facts.line is not LineKind.ITEM:
                continue
            self.lines += 1
            missing = self._missing(line.facts)
            if missing:
                self.lines_with_gaps += 1
                self.amount += line.amount
            for name in missing:
                key = (name, _facts(line.facts, self._shown[name]))
                count = self._counts.setdefault(key, _Count(invoice.key))
                count.documents += key not in found
                count.lines += 1
                count.amount += line.amount
                found.add(key)
        self.documents_with_gaps += bool(found)

    def gaps(self) -> tuple[Gap, ...]:
        """Return what was found, the largest amounts first, whatever their sign."""
        found = [
            Gap(name, dict(facts), count.documents, count.lines, count.amount, count.example)
            for (name, facts), count in self._counts.items()
        ]
        return tuple(
            sorted(found, key=lambda gap: (-abs(gap.amount), -gap.documents, gap.missing, *gap.facts.values()))
        )

    def _missing(self, facts: LineFacts) -> tuple[str, ...]:
        # A month has far fewer combinations of facts than lines.
        known = self._known.get(facts)
        if known is None:
            known = self._known[facts] = missing_fields(code_line(self._rules.coding, facts).coding)
        return known


def _facts(facts: LineFacts, shown: frozenset[str]) -> _Facts:
    names = shown if facts.business_unit else shown | {"business_unit_id"}
    return tuple((name, value) for name in FACT_FIELDS if name in names and (value := str(getattr(facts, name))))
