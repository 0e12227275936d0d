"""Alignment: does everything an invoice's posting names exist in Vantagepoint, and is it open?

``align_invoice`` turns an invoice into the coded lines that should stand in Vantagepoint, or into a hold. It
does not know what was posted before (``postings``) nor which period is open (``periods``).
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from st_deltek_pipeline.domain.coding import Coding, LineFacts, LineKind, Rule, code_line
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.domain.money import ZERO, total
from st_deltek_pipeline.domain.reference import Firm, ReferenceData
from st_deltek_pipeline.domain.sales_tax import TaxSplit, TaxZone, split_sales_tax

# InvoiceSection codes of Vantagepoint (vantagepoint.md section 4.1).
INVOICE_SECTIONS = frozenset("FLCEUATI")

REQUIRED_FIELDS = ("wbs1", "account", "section")
"""Fields of a coding without which no amount can be posted."""


_LINE_WORDS = {
    LineKind.ITEM: "an item",
    LineKind.TAX: "sales tax",
    LineKind.TAX_ROUNDING: "the rounding of sales tax (line: tax_rounding)",
}


@dataclass(frozen=True, order=True)
class LineKey:
    """Where an amount stands in Vantagepoint; amounts with equal keys are one line.

    Attributes:
        wbs2, wbs3: Empty for a project without that level.
        invoice: The invoice number as ServiceTitan spells it (Vantagepoint may pad it).
        item: ServiceTitan's line id where lines are posted item by item; which authority's tax it is where tax is
            split by authority; else empty.
    """

    wbs1: str
    wbs2: str
    wbs3: str
    invoice: str
    account: str
    section: str
    tax_code: str
    item: str = ""


@dataclass(frozen=True)
class CodedAmount:
    """One line that should stand in Vantagepoint.

    Attributes:
        amount: Whole cents; positive increases the receivable.
        tax_basis: For tax lines, the amount the tax was computed on; otherwise 0.00.
        decided_by: Coding field to the name of the rule that gave it.
    """

    key: LineKey
    amount: Decimal
    description: str
    organization: str
    tax_basis: Decimal = ZERO
    decided_by: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class LineToCode:
    """One amount of an invoice before any rule has seen it.

    Attributes:
        amount: Whole cents; positive increases the receivable.
        item: ServiceTitan's line id, or something that begins with ``tax``.
        stands_alone: It stays a line of its own, even where lines are posted as a summary.
        tax_basis: For tax lines, the amount the tax was computed on; otherwise 0.00.
    """

    facts: LineFacts
    amount: Decimal
    description: str
    item: str
    tax_basis: Decimal = ZERO
    stands_alone: bool = False


@dataclass(frozen=True)
class Alignment:
    """The outcome for one invoice: lines, or a hold."""

    invoice: Invoice
    lines: tuple[CodedAmount, ...]
    hold: Hold | None
    firm_id: str | None = None


@dataclass(frozen=True)
class AlignmentRules:
    """What a connection decides about alignment.

    Attributes:
        code_zero_documents: Code the lines of an invoice whose every amount is zero, so that it can be posted.
        tax_zones: Zones whose sales tax is split by authority, by id; the tax of others is one line.
    """

    coding: Sequence[Rule]
    customer_firm_required: bool
    one_line_per_item: bool
    longest_invoice_number: int
    code_zero_documents: bool
    tax_zones: Mapping[int, TaxZone] = field(default_factory=dict[int, TaxZone])


class FirmIndex:
    """Active client firms by normalized name."""

    def __init__(self, firms: Iterable[Firm]) -> None:
        by_name: dict[str, list[Firm]] = {}
        for firm in firms:
            if firm.active and firm.is_client:
                by_name.setdefault(normalize_name(firm.name), []).append(firm)
        self._by_name = by_name

    def named(self, name: str) -> Sequence[Firm]:
        """Return the firms whose name is the same but for case, spacing and Unicode form."""
        return self._by_name.get(normalize_name(name), ())


def normalize_name(name: str) -> str:
    """Fold a firm's or customer's name for exact comparison: Unicode form, case, runs of spaces."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def align_invoice(invoice: Invoice, rules: AlignmentRules, reference: ReferenceData, firms: FirmIndex) -> Alignment:
    """Code an invoice and check everything its posting would name.

    Args:
        invoice: A staged invoice, active or not; what was voided is coded like any other.
        rules: The connection's rules and settings.
        reference: What exists in Vantagepoint.
        firms: The same firms, indexed by name once per run.

    Returns:
        Lines whose amounts sum to the invoice's total exactly, or the first hold found.
    """
    firm: Firm | None = None
    hold = _amounts_hold(invoice) or tax_split_hold(invoice, rules) or _header_hold(invoice, rules)
    if hold is None and rules.customer_firm_required:
        firm, hold = _find_firm(invoice, firms)
    if hold is not None:
        return Alignment(invoice, (), hold)
    lines: dict[LineKey, CodedAmount] = {}
    for to_code in lines_to_code(invoice, rules):
        facts = to_code.facts
        coded = code_line(rules.coding, facts)
        hold = _coding_hold(invoice, facts, coded.coding) or _reference_hold(invoice, coded.coding, reference)
        if hold is not None:
            return Alignment(invoice, (), hold)
        line = CodedAmount(
            key=_line_key(
                invoice, coded.coding, to_code.item if rules.one_line_per_item or to_code.stands_alone else ""
            ),
            amount=to_code.amount,
            description=facts.business_unit
            if facts.line is LineKind.ITEM and not rules.one_line_per_item
            else to_code.description,
            organization=coded.coding.organization or "",
            tax_basis=to_code.tax_basis,
            decided_by=coded.decided_by,
        )
        earlier = lines.get(line.key)
        lines[line.key] = line if earlier is None else _merged(earlier, line)
    return Alignment(invoice, tuple(lines[key] for key in sorted(lines)), None, firm.client_id if firm else None)


def lines_to_code(invoice: Invoice, rules: AlignmentRules) -> Iterable[LineToCode]:
    """Take an invoice apart into the amounts that rules decide about, with what they may match on.

    Args:
        invoice: A staged invoice.
        rules: The connection's rules and settings.

    Returns:
        Items in the invoice's order, then its sales tax, by authority where the rules say so; amounts of zero only
        where zeros are posted. They sum to the invoice's items and sales tax exactly.
    """

    # The invoice's own business unit decides for all its lines: a receivable belongs to one project.
    def facts(line: LineKind, item_type: str = "", sku: str = "", gl_account: str = "") -> LineFacts:
        return LineFacts(
            line=line,
            business_unit=invoice.business_unit_name,
            business_unit_id=str(invoice.business_unit_id),
            job_type=invoice.job_type,
            customer_type=invoice.customer_type,
            item_type=item_type,
            sku=sku,
            gl_account=gl_account,
            tax_zone=invoice.tax_zone_name,
            project=invoice.project_number,
        )

    all_zero = invoice.sales_tax == ZERO and all(line.total == ZERO for line in invoice.lines)
    for line in invoice.lines:
        if line.total != ZERO or (all_zero and rules.code_zero_documents):
            item = facts(LineKind.ITEM, line.item_type, line.sku, line.gl_account or "")
            yield LineToCode(item, line.total, line.description, str(line.line_id))
    split = _tax_split(invoice, rules)
    if split is not None and len(split.parts) == 1:
        (part,) = split.parts
        tax = replace(facts(LineKind.TAX), tax_name=part.rate.name)
        yield LineToCode(tax, part.amount, "Sales tax", "tax", part.basis)
    elif split is not None:
        for part in split.parts:
            if part.amount != ZERO:
                tax = replace(facts(LineKind.TAX), tax_name=part.rate.name)
                name = f"Sales tax {part.rate.name}".rstrip()
                yield LineToCode(tax, part.amount, name, part.item, part.basis, stands_alone=True)
        if split.rounding != ZERO:
            rounding = facts(LineKind.TAX_ROUNDING)
            yield LineToCode(rounding, split.rounding, "Sales tax rounding", "tax_rounding", stands_alone=True)
    elif invoice.sales_tax != ZERO:
        basis = total(line.total for line in invoice.lines if line.taxable)
        yield LineToCode(facts(LineKind.TAX), invoice.sales_tax, "Sales tax", "tax", basis)


def tax_split_hold(invoice: Invoice, rules: AlignmentRules) -> Hold | None:
    """Hold an invoice whose sales tax is to be split by authority and is not what the zone's rates give.

    Args:
        invoice: A staged invoice.
        rules: The connection's rules and settings.
    """
    split = _tax_split(invoice, rules)
    if split is None or split.adds_up:
        return None
    zone = rules.tax_zones[invoice.tax_zone_id or 0]
    computed = total(part.amount for part in split.parts)
    message = (
        f"{invoice.key}: the rates of tax zone {zone.name!r} ({', '.join(map(str, zone.rates))}) give {computed}, the "
        f"sales tax is {invoice.sales_tax}. More than one cent per rate is no rounding: the rates may have changed "
        f"since, or others were charged. With posting.tax_lines: by_zone the tax is one line."
    )
    return Hold(HoldReason.AMOUNTS_DO_NOT_ADD_UP, message)


def _tax_split(invoice: Invoice, rules: AlignmentRules) -> TaxSplit | None:
    zone = rules.tax_zones.get(invoice.tax_zone_id or 0)
    # A customer who is exempt pays nothing in any zone.
    if zone is None or invoice.sales_tax == ZERO:
        return None
    return split_sales_tax(zone, invoice.lines, invoice.sales_tax)


def missing_fields(coding: Coding) -> tuple[str, ...]:
    """Return the required fields that no rule gave."""
    return tuple(name for name in REQUIRED_FIELDS if getattr(coding, name) is None)


def _amounts_hold(invoice: Invoice) -> Hold | None:
    items = total(line.total for line in invoice.lines)
    if items != invoice.subtotal:
        message = f"{invoice.key}: items sum to {items}, the subtotal says {invoice.subtotal}."
        return Hold(HoldReason.AMOUNTS_DO_NOT_ADD_UP, message)
    if invoice.subtotal + invoice.sales_tax != invoice.total:
        message = (
            f"{invoice.key}: subtotal {invoice.subtotal} and sales tax {invoice.sales_tax} do not make "
            f"the total {invoice.total}."
        )
        return Hold(HoldReason.AMOUNTS_DO_NOT_ADD_UP, message)
    return None


def _header_hold(invoice: Invoice, rules: AlignmentRules) -> Hold | None:
    if invoice.business_unit_id is None:
        return Hold(HoldReason.NO_BUSINESS_UNIT, f"{invoice.key} has no business unit.")
    if not invoice.number or len(invoice.number) > rules.longest_invoice_number:
        message = (
            f"{invoice.key} has the number {invoice.number!r}; Vantagepoint takes 1 to "
            f"{rules.longest_invoice_number} characters."
        )
        return Hold(HoldReason.INVOICE_NUMBER_UNUSABLE, message)
    return None


def _find_firm(invoice: Invoice, firms: FirmIndex) -> tuple[Firm | None, Hold | None]:
    if invoice.customer_id is None:
        return None, Hold(HoldReason.NO_CUSTOMER, f"{invoice.key} has no customer.")
    named = firms.named(invoice.customer_name)
    label = f"{invoice.key}: customer {invoice.customer_id} {invoice.customer_name.strip()!r}"
    if not named:
        return None, Hold(HoldReason.CUSTOMER_WITHOUT_FIRM, f"{label} matches no active client firm by name.")
    if len(named) > 1:
        numbers = ", ".join(sorted(firm.number or firm.client_id for firm in named))
        return None, Hold(HoldReason.CUSTOMER_FIRM_AMBIGUOUS, f"{label} matches firms {numbers}.")
    return named[0], None


def _coding_hold(invoice: Invoice, facts: LineFacts, coding: Coding) -> Hold | None:
    missing = missing_fields(coding)
    if missing:
        message = f"{invoice.key}: no coding rule gives {', '.join(missing)} for {_describe(facts)}."
        return Hold(HoldReason.NO_RULE, message)
    if coding.section not in INVOICE_SECTIONS:
        message = f"{invoice.key}: the invoice section {coding.section!r} is not one of Vantagepoint's."
        return Hold(HoldReason.SECTION_UNKNOWN, message)
    return None


def _describe(facts: LineFacts) -> str:
    said = {
        "business unit": facts.business_unit or facts.business_unit_id,
        "job type": facts.job_type,
        "item type": facts.item_type,
        "SKU": facts.sku,
        "ServiceTitan account": facts.gl_account,
        "tax zone": facts.tax_zone,
        "tax": facts.tax_name,
    }
    details = ", ".join(f"{name} {value!r}" for name, value in said.items() if value)
    return f"{_LINE_WORDS[facts.line]} of {details}"


def _reference_hold(invoice: Invoice, coding: Coding, reference: ReferenceData) -> Hold | None:
    return (
        _project_hold(invoice, coding, reference)
        or _account_hold(invoice, coding, reference)
        or _tax_code_hold(invoice, coding, reference)
    )


def _project_hold(invoice: Invoice, coding: Coding, reference: ReferenceData) -> Hold | None:
    key = (coding.wbs1 or "", coding.wbs2 or "", coding.wbs3 or "")
    name = " | ".join(part for part in key if part)
    project = reference.projects.get(key)
    if project is None:
        return Hold(HoldReason.PROJECT_MISSING, f"{invoice.key}: project {name} does not exist in Vantagepoint.")
    # Every level above must be open too: Vantagepoint refuses a phase of a closed project.
    above = [reference.projects.get((key[0], "", "")), reference.projects.get((key[0], key[1], ""))]
    if not all(level.active for level in (*above, project) if level is not None):
        return Hold(HoldReason.PROJECT_INACTIVE, f"{invoice.key}: project {name} is not active in Vantagepoint.")
    if project.has_sublevels:
        return Hold(HoldReason.PROJECT_NEEDS_LOWER_LEVEL, f"{invoice.key}: project {name} is not a lowest level.")
    if coding.organization:
        if coding.organization not in reference.organizations:
            message = f"{invoice.key}: organization {coding.organization} does not exist in Vantagepoint."
            return Hold(HoldReason.ORGANIZATION_MISSING, message)
        if project.organization and project.organization != coding.organization:
            message = (
                f"{invoice.key}: the rules say organization {coding.organization}, project {name} belongs to "
                f"{project.organization}."
            )
            return Hold(HoldReason.ORGANIZATION_DIFFERS, message)
    return _billing_client_hold(invoice, name, key, reference)


def _billing_client_hold(
    invoice: Invoice, name: str, key: tuple[str, str, str], reference: ReferenceData
) -> Hold | None:
    # WBS2 and WBS3 use their project's billing client (vantagepoint.md section 4.1).
    top = reference.projects.get((key[0], "", "")) or reference.projects[key]
    if not top.billing_client_id or top.billing_client_id not in reference.firms:
        message = f"{invoice.key}: project {name} has no billing client that exists as a firm."
        return Hold(HoldReason.BILLING_CLIENT_MISSING, message)
    firm = reference.firms[top.billing_client_id]
    if not firm.active:
        message = f"{invoice.key}: {firm.name!r}, the billing client of project {name}, is not active."
        return Hold(HoldReason.BILLING_CLIENT_INACTIVE, message)
    return None


def _account_hold(invoice: Invoice, coding: Coding, reference: ReferenceData) -> Hold | None:
    account = reference.accounts.get(coding.account or "")
    if account is None:
        message = f"{invoice.key}: account {coding.account} does not exist in Vantagepoint."
        return Hold(HoldReason.ACCOUNT_MISSING, message)
    if not account.active:
        message = f"{invoice.key}: account {coding.account} {account.name!r} is not active in Vantagepoint."
        return Hold(HoldReason.ACCOUNT_INACTIVE, message)
    return None


def _tax_code_hold(invoice: Invoice, coding: Coding, reference: ReferenceData) -> Hold | None:
    if not coding.tax_code:
        return None
    tax_code = reference.tax_codes.get(coding.tax_code)
    if tax_code is None or not tax_code.active:
        message = f"{invoice.key}: tax code {coding.tax_code} does not exist or is not active in Vantagepoint."
        return Hold(HoldReason.TAX_CODE_MISSING, message)
    return None


def _line_key(invoice: Invoice, coding: Coding, item: str) -> LineKey:
    return LineKey(
        wbs1=coding.wbs1 or "",
        wbs2=coding.wbs2 or "",
        wbs3=coding.wbs3 or "",
        invoice=invoice.number,
        account=coding.account or "",
        section=coding.section or "",
        tax_code=coding.tax_code or "",
        item=item,
    )


def _merged(first: CodedAmount, second: CodedAmount) -> CodedAmount:
    return CodedAmount(
        key=first.key,
        amount=first.amount + second.amount,
        description=first.description,
        organization=first.organization,
        tax_basis=first.tax_basis + second.tax_basis,
        decided_by=first.decided_by,
    )
