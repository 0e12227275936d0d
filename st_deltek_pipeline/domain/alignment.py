"""Alignment: does everything a document's posting names exist in Vantagepoint, and is it open?

Aligning a document turns it into the coded lines that should stand in Vantagepoint, or into a hold. It does not know
what was posted before (``postings``) nor which period is open (``periods``). What every kind shares is here; each kind
has a module of its own (``invoice_alignment``, ``payment_alignment``, ``bill_alignment``, ``credit_memo_alignment``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from st_deltek_pipeline.domain.coded_amounts import CodedAmount
from st_deltek_pipeline.domain.coding import Coding, LineFacts, LineKind, Rule
from st_deltek_pipeline.domain.documents import Document, DocumentKey, Kind
from st_deltek_pipeline.domain.firm_links import FirmLink, FirmLinks
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.sales_tax import TaxZone

REQUIRED_FIELDS = ("wbs1", "account", "section")
"""Fields of an invoice's coding without which no amount can be posted."""

_WHOLE = frozenset({LineKind.RECEIPT, LineKind.PAYABLE})

_LINE_WORDS = {
    LineKind.ITEM: "an item",
    LineKind.TAX: "sales tax",
    LineKind.TAX_ROUNDING: "the rounding of sales tax (line: tax_rounding)",
    LineKind.SHIPPING: "shipping (line: shipping)",
    LineKind.OTHER: "other costs (line: other)",
    LineKind.RECEIPT: "the receipt (line: receipt)",
    LineKind.UNAPPLIED: "unapplied money (line: unapplied)",
    LineKind.PAYABLE: "the payable (line: payable)",
    LineKind.CREDIT: "the credit (line: credit)",
    LineKind.FEE: "the bank's fee (line: fee)",
}


@dataclass(frozen=True)
class LineToCode:
    """One amount of a document before any rule has seen it, or the document as a whole.

    Attributes:
        amount: Whole cents as the document states them; of a document as a whole, what its other lines sum to.
        item: ServiceTitan's line id, or a word for what is none of its items.
        required: The fields that some rule must give.
        stands_alone: It stays a line of its own, even where lines are posted as a summary.
        tax_basis: For tax lines, the amount the tax was computed on; otherwise 0.00.
    """

    facts: LineFacts
    amount: Decimal
    description: str
    item: str
    required: tuple[str, ...] = REQUIRED_FIELDS
    stands_alone: bool = False
    tax_basis: Decimal = ZERO

    @property
    def is_whole(self) -> bool:
        """Whether it is about the document as a whole: its bank, its liability."""
        return self.facts.line in _WHOLE


@dataclass(frozen=True)
class Alignment:
    """The outcome for one document: lines, or a hold.

    Attributes:
        terms: Payment terms of a voucher; else empty.
    """

    document: Document
    lines: tuple[CodedAmount, ...]
    hold: Hold | None
    firm_id: str | None = None
    terms: str = ""


@dataclass(frozen=True)
class AlignmentRules:
    """What a connection decides about alignment.

    Attributes:
        code_zero_documents: Code the lines of a document whose every amount is zero, so that it can be posted.
        tax_zones: Zones whose sales tax is split by authority, by id; the tax of others is one line.
        unapplied, bills_as, bill_extras: The settings of these names.
        journal_entry_types: Payment types that move no money, folded with ``coding.fold``.
    """

    coding: Sequence[Rule]
    customer_firm_required: bool
    one_line_per_item: bool
    longest_invoice_number: int
    code_zero_documents: bool
    tax_zones: Mapping[int, TaxZone] = field(default_factory=dict[int, TaxZone])
    unapplied: Literal["on_account", "retainer", "hold"] = "on_account"
    bills_as: Literal["voucher", "journal_entry"] = "voucher"
    bill_extras: Literal["lines", "allocated"] = "lines"
    longest_vendor_invoice: int = 12
    journal_entry_types: frozenset[str] = field(default_factory=frozenset[str])


def missing_fields(coding: Coding, required: Sequence[str]) -> tuple[str, ...]:
    """Return the required fields that no rule gave."""
    return tuple(name for name in required if getattr(coding, name) is None)


def no_rule_hold(document: DocumentKey, facts: LineFacts, missing: Sequence[str]) -> Hold:
    """Hold a document because no rule gives something; the message says what a rule could match on."""
    message = f"{document}: no coding rule gives {', '.join(missing)} for {_describe(facts)}."
    return Hold(HoldReason.NO_RULE, message)


def find_customer_firm(
    document: Document, customer_id: int | None, links: FirmLinks
) -> tuple[FirmLink | None, Hold | None]:
    """Find the firm of a document's customer.

    Args:
        document: For the message.
        customer_id: The customer that is left after merges.
        links: What firm alignment found.

    Returns:
        The link, or the hold that says why there is none.
    """
    if customer_id is None:
        return None, Hold(HoldReason.NO_CUSTOMER, f"{document.key} has no customer.")
    link = links.customers.get(customer_id)
    label = f"{document.key}: customer {customer_id} {document.party.strip()!r}"
    if link is None:
        return None, Hold(HoldReason.CUSTOMER_WITHOUT_FIRM, f"{label} has not been matched with a firm yet.")
    hold = link.hold(label)
    return (None, hold) if hold is not None else (link, None)


def _describe(facts: LineFacts) -> str:
    said = {
        "document": "" if facts.document is Kind.INVOICE else facts.document.value,
        "business unit": facts.business_unit or facts.business_unit_id,
        "job type": facts.job_type,
        "item type": facts.item_type,
        "SKU": facts.sku,
        "ServiceTitan account": facts.gl_account,
        "cost account": facts.cost_account,
        "asset account": facts.asset_account,
        "vendor": facts.vendor,
        "payment type": facts.payment_type,
        "tax zone": facts.tax_zone,
        "tax": facts.tax_name,
    }
    details = ", ".join(f"{name} {value!r}" for name, value in said.items() if value)
    return f"{_LINE_WORDS[facts.line]} of {details}" if details else _LINE_WORDS[facts.line]
