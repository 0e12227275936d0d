"""What the coding rules leave open, over many documents: which facts, which field, how much money.

Holds say the same of one document; which rule decides what is there is ``coding``'s business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from st_deltek_pipeline.domain.alignment import AlignmentRules, LineToCode, missing_fields
from st_deltek_pipeline.domain.coding import CODING_FIELDS, FACT_FIELDS, LineFacts, code_line
from st_deltek_pipeline.domain.document_lines import lines_that_rules_help
from st_deltek_pipeline.domain.documents import Document, DocumentKey, Kind
from st_deltek_pipeline.domain.money import ZERO

_Facts = tuple[tuple[str, str], ...]

_LINE = frozenset({"line", "business_unit", "item_type", "sku", "gl_account", "tax_zone", "tax_name"})
# What people commonly write rules on. A project follows from the document, account and section from the line.
_ALWAYS_SHOWN: Mapping[str, frozenset[str]] = {
    "wbs1": frozenset({"business_unit"}),
    "account": _LINE,
    "section": _LINE,
    "bank": frozenset({"payment_type"}),
    "liability": frozenset({"line"}),
}


@dataclass(frozen=True)
class Gap:
    """One combination of facts that no rule gives a required field.

    Attributes:
        kind: The kind of document.
        missing: The field.
        facts: What a rule could match on, without what the documents do not say: the usual facts, and those
            that the connection's other rules for the field look at. An invoice is not called one.
        documents, lines: How many it concerns.
        amount: Sum of these lines.
        example: The first of these documents.
    """

    kind: Kind
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
        amount: Sum of such lines, each cent of a document counted once.
    """

    def __init__(self, rules: AlignmentRules) -> None:
        self.documents = 0
        self.lines = 0
        self.documents_with_gaps = 0
        self.lines_with_gaps = 0
        self.amount = ZERO
        self._rules = rules
        self._shown = {
            name: _ALWAYS_SHOWN.get(name, frozenset[str]())
            | {fact for rule in rules.coding if name in rule.give for fact in rule.when}
            for name in CODING_FIELDS
        }
        self._known: dict[tuple[LineFacts, tuple[str, ...]], tuple[str, ...]] = {}
        self._counts: dict[tuple[str, Kind, _Facts], _Count] = {}

    def add(self, document: Document, *, liability_needed: bool = False) -> None:
        """Look at one document; what no rule would help is left out.

        Args:
            document: A staged document.
            liability_needed: Its vendor has accounting data without a liability code, so that a rule must give one.
        """
        lines = lines_that_rules_help(document, self._rules)
        if lines is None:
            return
        self.documents += 1
        found: set[tuple[str, Kind, _Facts]] = set()
        with_gaps: list[LineToCode] = []
        for plain in lines:
            line = replace(plain, required=("liability",)) if liability_needed and plain.is_whole else plain
            self.lines += 1
            missing = self._missing(line)
            if missing:
                with_gaps.append(line)
            for name in missing:
                key = (name, document.key.kind, _facts(line.facts, self._shown[name]))
                count = self._counts.setdefault(key, _Count(document.key))
                count.documents += key not in found
                count.lines += 1
                count.amount += line.amount
                found.add(key)
        self.lines_with_gaps += len(with_gaps)
        self.documents_with_gaps += bool(found)
        whole = [line for line in with_gaps if line.is_whole]
        self.amount += sum((line.amount for line in whole or with_gaps), start=ZERO)

    def gaps(self) -> tuple[Gap, ...]:
        """Return what was found, the largest amounts first, whatever their sign."""
        found = [
            Gap(kind, name, dict(facts), count.documents, count.lines, count.amount, count.example)
            for (name, kind, facts), count in self._counts.items()
        ]
        return tuple(
            sorted(found, key=lambda gap: (-abs(gap.amount), -gap.documents, gap.missing, *gap.facts.values()))
        )

    def _missing(self, line: LineToCode) -> tuple[str, ...]:
        # A month has far fewer combinations of facts than lines.
        key = (line.facts, line.required)
        known = self._known.get(key)
        if known is None:
            known = missing_fields(code_line(self._rules.coding, line.facts).coding, line.required)
            self._known[key] = known
        return known


def _facts(facts: LineFacts, shown: frozenset[str]) -> _Facts:
    names = shown if facts.business_unit else shown | {"business_unit_id"}
    names = names - {"document"} if facts.document is Kind.INVOICE else names | {"document"}
    return tuple((name, value) for name in FACT_FIELDS if name in names and (value := str(getattr(facts, name))))
