"""Where an amount stands in Vantagepoint, and how much: what alignment finds and postings are computed from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import ZERO

RETAINER = "retainer"
"""Section of a receipt's line whose money is kept as a retainer (``Retainer`` in section 4.2)."""


@dataclass(frozen=True, order=True)
class Heading:
    """What one document of a transaction file is known by in Vantagepoint, apart from its date and period.

    A change of any of these takes back what stands under the old heading and enters it anew under the other.

    Attributes:
        number: Invoice number of an AR invoice as ServiceTitan spells it (Vantagepoint may pad it), RefNo of a receipt
            or journal entry, the vendor's invoice number of a voucher.
        wbs1, wbs2, wbs3: Of an AR invoice, whose project is part of its name; empty for a level it has not, and for
            the other types.
        vendor: Vendor code of a voucher.
        bank: Bank code of a receipt or voucher.
        liability: Liability code of a voucher; the account that a journal entry balances on.
        credit_memo: CreditMemoRefNo of every line, for what a credit memo takes off an AR invoice.
    """

    entry: EntryType
    number: str
    wbs1: str = ""
    wbs2: str = ""
    wbs3: str = ""
    vendor: str = ""
    bank: str = ""
    liability: str = ""
    credit_memo: str = ""


@dataclass(frozen=True, order=True)
class LineKey:
    """Where an amount stands in Vantagepoint; amounts with equal keys are one line.

    Attributes:
        wbs1, wbs2, wbs3: Project of the line; empty for a level it has not.
        invoice: AR invoice number the line belongs to or pays; empty where it is none.
        section: InvoiceSection of an AR invoice's line; ``RETAINER`` for a receipt's money kept as a retainer.
        item: ServiceTitan's line id where lines are posted item by item; which authority's tax it is where tax is
            split by authority; else empty.
    """

    heading: Heading
    wbs1: str
    wbs2: str
    wbs3: str
    invoice: str
    account: str
    section: str = ""
    tax_code: str = ""
    item: str = ""


@dataclass(frozen=True)
class CodedAmount:
    """One line that should stand in Vantagepoint.

    Attributes:
        amount: Whole cents; positive increases the receivable, the money received, or the payable.
        tax_basis: For tax lines, the amount the tax was computed on; otherwise 0.00.
        purchase_order: Number of the purchase order a bill's line was bought with; else empty.
        decided_by: Coding field to the name of the rule that gave it.
    """

    key: LineKey
    amount: Decimal
    description: str
    organization: str
    tax_basis: Decimal = ZERO
    purchase_order: str = ""
    decided_by: Mapping[str, str] = field(default_factory=dict[str, str])


def invoice_line(
    project: tuple[str, str, str],
    invoice: str,
    *,
    account: str,
    section: str,
    tax_code: str = "",
    item: str = "",
    credit_memo: str = "",
) -> LineKey:
    """Return where a line of an AR invoice stands: the invoice's project is that of all its lines.

    Args:
        project: WBS1, WBS2, WBS3.
        invoice: Its number.
        account: Credited account.
        section: InvoiceSection.
        tax_code: Tax code of a tax line; else empty.
        item: As in ``LineKey``.
        credit_memo: As in ``Heading``.
    """
    heading = Heading(EntryType.INVOICES, invoice, *project, credit_memo=credit_memo)
    return LineKey(heading, *project, invoice, account, section, tax_code, item)


def merge_lines(lines: list[CodedAmount]) -> tuple[CodedAmount, ...]:
    """Add up amounts that stand in one place, and sort them by it.

    Args:
        lines: In any order; the first of a place gives its words.
    """
    merged: dict[LineKey, CodedAmount] = {}
    for line in lines:
        earlier = merged.get(line.key)
        merged[line.key] = (
            line
            if earlier is None
            else CodedAmount(
                key=earlier.key,
                amount=earlier.amount + line.amount,
                description=earlier.description,
                organization=earlier.organization,
                tax_basis=earlier.tax_basis + line.tax_basis,
                purchase_order=earlier.purchase_order,
                decided_by=earlier.decided_by,
            )
        )
    return tuple(merged[key] for key in sorted(merged))
