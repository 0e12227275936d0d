"""A document of any kind as plain data: its header, its lines or what it is applied to, how it is coded, where it stands."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from st_deltek_pipeline.domain.bills import ApCredit, Bill
from st_deltek_pipeline.domain.coded_amounts import CodedAmount
from st_deltek_pipeline.domain.credit_memos import CreditMemo
from st_deltek_pipeline.domain.documents import Document
from st_deltek_pipeline.domain.hold_queue import HeldDocument
from st_deltek_pipeline.domain.invoices import Invoice, InvoiceLine
from st_deltek_pipeline.domain.outcomes import DocumentOutcome
from st_deltek_pipeline.domain.payments import Payment

Data = dict[str, object]


def header_of(document: Document) -> Data:
    """Return what a document says about itself as a whole.

    Args:
        document: Of any kind.
    """
    party = "vendor" if isinstance(document, Bill | ApCredit) else "customer"
    return {
        "number": document.number,
        party: document.party,
        "business_unit": document.business_unit_name,
        "document_date": document.document_date,
        "business_day": document.business_day,
        "status": document.sync_status.value if document.active else "voided",
        "revision": document.revision,
        "revision_hash": document.revision_hash,
        **_amounts(document),
        "total": document.total,
    }


def _amounts(document: Document) -> Data:
    match document:
        case Invoice():
            return {"subtotal": document.subtotal, "sales_tax": document.sales_tax}
        case CreditMemo():
            return {"subtotal": document.subtotal, "sales_tax": document.sales_tax, "balance": document.balance}
        case Payment():
            return {"type": document.type_name, "unapplied": document.unapplied}
        case Bill():
            return {
                "vendor_invoice": document.vendor_invoice,
                "purchase_order": document.purchase_order,
                "tax": document.tax,
                "shipping": document.shipping,
                "other": document.other,
            }
        case ApCredit():
            return {"vendor_invoice": document.vendor_invoice}
        case _:
            return {}


def lines_of(document: Document) -> list[Data]:
    """Return a document's items; of a payment, credit memo or AP credit also what it is applied to.

    Args:
        document: Of any kind.
    """
    match document:
        case Invoice():
            return _sold(document.lines)
        case CreditMemo():
            return [
                *_sold(document.lines),
                *(_applied(f"invoice:{split.invoice_id}", split.amount) for split in document.splits),
            ]
        case Payment():
            return [_applied(f"invoice:{each.invoice_id}", each.amount) for each in document.applications]
        case Bill():
            return [
                {
                    "item_type": line.item_type,
                    "sku": line.sku,
                    "description": line.description,
                    "quantity": line.quantity,
                    "total": line.amount,
                }
                for line in document.lines
            ]
        case ApCredit():
            return [_applied(f"bill:{split.bill_id}", split.amount) for split in document.splits]
        case _:
            return []


def outcome_of(outcome: DocumentOutcome, held: HeldDocument | None) -> Data:
    """Return where a document stands, and since when it is held and what would end that.

    Args:
        outcome: Where it stands.
        held: The same as a hold; ``None`` when it is not held.
    """
    return {
        "outcome": outcome.outcome,
        "reason": outcome.reason,
        "message": outcome.message,
        "words": outcome.words,
        "amount": outcome.amount,
        "revision": outcome.revision,
        "business_day": outcome.business_day,
        "since": held.since if held else None,
        "age_seconds": int(held.age.total_seconds()) if held else None,
        "advice": held.advice if held else "",
    }


def coded_lines_of(lines: Iterable[CodedAmount]) -> list[Data]:
    """Return how a document is coded, and which rules decided it."""
    return [
        {
            **asdict(line.key),
            "organization": line.organization,
            "amount": line.amount,
            "decided_by": dict(line.decided_by),
        }
        for line in lines
    ]


def _sold(lines: Sequence[InvoiceLine]) -> list[Data]:
    return [
        {
            "item_type": line.item_type,
            "sku": line.sku,
            "description": line.description,
            "quantity": line.quantity,
            "total": line.total,
        }
        for line in lines
    ]


def _applied(document: str, amount: object) -> Data:
    # The same columns as an item's, so that both make one table.
    return {"item_type": "applied to", "sku": document, "description": "", "quantity": "", "total": amount}
