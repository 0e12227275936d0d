"""What coding rules decide about a document of any kind, amount by amount, before any of them has seen it."""

from collections.abc import Sequence

from st_deltek_pipeline.domain.alignment import AlignmentRules, LineToCode
from st_deltek_pipeline.domain.bill_alignment import bill_lines, credit_lines, payable_line
from st_deltek_pipeline.domain.bills import ApCredit, Bill
from st_deltek_pipeline.domain.coding import LineKind
from st_deltek_pipeline.domain.credit_memo_alignment import credit_memo_lines, memo_tax_hold
from st_deltek_pipeline.domain.credit_memos import CreditMemo
from st_deltek_pipeline.domain.deposits import BankDeposit, deposit_lines
from st_deltek_pipeline.domain.documents import Document
from st_deltek_pipeline.domain.invoice_alignment import invoice_lines, tax_split_hold
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.domain.payment_alignment import payment_lines
from st_deltek_pipeline.domain.payments import Payment

_TAXES = frozenset({LineKind.TAX, LineKind.TAX_ROUNDING})


def document_lines(document: Document, rules: AlignmentRules) -> Sequence[LineToCode]:
    """Take a document apart.

    Args:
        document: A document.
        rules: The connection's rules and settings.

    Returns:
        What is decided for the document as a whole first, where something is; then its amounts.
    """
    match document:
        case Invoice():
            return list(invoice_lines(document, rules))
        case CreditMemo():
            return credit_memo_lines(document, rules)
        case Payment():
            return payment_lines(document, rules)
        case BankDeposit():
            return deposit_lines(document)
        case Bill():
            return [payable_line(document, rules), *bill_lines(document, rules)]
        case ApCredit():
            return [payable_line(document, rules), *credit_lines(document)]
        case _:
            message = f"{type(document).__name__} is not a kind of document that is posted"
            raise TypeError(message)


def lines_that_rules_help(document: Document, rules: AlignmentRules) -> Sequence[LineToCode] | None:
    """Take a document apart, and leave out what no rule would help: a sales tax that does not add up by authority.

    Args:
        document: A staged document.
        rules: The connection's rules and settings.

    Returns:
        ``None`` for a document that no rule would help at all: one that is voided, moves no money, or has not the
        business unit it needs.
    """
    if not document.active or (isinstance(document, Payment) and document.moves_no_money(rules.journal_entry_types)):
        return None
    lines = document_lines(document, rules)
    if document.business_unit_id is None:
        # A payment's bank and a credit memo's accounts need none: their projects are those of invoices.
        if isinstance(document, Payment):
            return [line for line in lines if line.is_whole]
        if not isinstance(document, CreditMemo):
            return None
    wrong_tax = (isinstance(document, Invoice) and tax_split_hold(document, rules)) or (
        isinstance(document, CreditMemo) and memo_tax_hold(document, rules)
    )
    return [line for line in lines if line.facts.line not in _TAXES] if wrong_tax else lines
