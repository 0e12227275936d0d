"""The types of transactions as data: tables, keys, rules, and which side the system posts by itself.

A new type is a new entry here. What entry, posting and reading do with an entry is in their own modules.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint import entry_rules as rules
from st_deltek_pipeline.sandbox.vantagepoint import entry_tables
from st_deltek_pipeline.sandbox.vantagepoint.schema import ZERO
from st_deltek_pipeline.sandbox.vantagepoint.state import INVOICES, TransactionFile

_Amount = Callable[[Row], Decimal]


class OtherSide(StrEnum):
    """What the system posts by itself against the lines of a document (section 4.8)."""

    NONE = "none"
    RECEIVABLES = "receivables"
    BANK = "bank"
    LIABILITY = "liability"


@dataclass(frozen=True)
class ControlTotal:
    """A total of the control row, what the lines really sum to, and the difference.

    Attributes:
        field, sum_field, difference: The control's columns.
        of_detail, of_tax: Columns of lines and tax rows; an empty one adds nothing.
    """

    field: str
    sum_field: str
    difference: str
    of_detail: str
    of_tax: str = ""

    def sum(self, file: TransactionFile) -> Decimal:
        """Return what the lines of a file sum to."""
        total = sum((detail[self.of_detail] for detail in file.details), start=ZERO)
        if self.of_tax:
            total += sum((tax[self.of_tax] for tax in file.taxes), start=ZERO)
        return total


@dataclass(frozen=True)
class TransactionType:
    """One type of transaction.

    Attributes:
        prefix: Of its paths, for example ``in``.
        transtype: Its code in PostTransFile, landing lists and the ledger.
        words: Its name in the answer of a posting and in landing lists.
        tables: Its tables; missing where it cannot be entered as a file.
        key: The columns that name a document within its Batch.
        set_key: The rule that checks and completes them, on masters and details.
        master_rules, detail_rules: The other rules, in the order in which they are checked.
        totals: Its control totals.
        line_amount: What a line adds to its account; a credit is negative.
        other_side: What the system posts by itself.
        tax_amount: What a tax row adds to the tax's account.
        tax_in_line: Whether a line's amount holds its taxes, which then go to their own accounts instead.
    """

    prefix: str
    transtype: str
    words: str
    key: tuple[str, ...]
    set_key: rules.Rule
    master_rules: tuple[rules.Rule, ...]
    detail_rules: tuple[rules.Rule, ...]
    line_amount: _Amount
    other_side: OtherSide
    tables: entry_tables.TableMaker | None = None
    totals: tuple[ControlTotal, ...] = (ControlTotal("Total", "SumTotal", "DiffTotal", "Amount"),)
    tax_amount: _Amount = lambda tax: tax["TaxAmount"]
    tax_in_line: bool = True

    @property
    def control_name(self) -> str:
        """Name of the control table and its path."""
        return f"{self.prefix}Control"

    @property
    def master_name(self) -> str:
        """Name of the master table and its path."""
        return f"{self.prefix}Master"

    @property
    def detail_name(self) -> str:
        """Name of the detail table and its path."""
        return f"{self.prefix}Detail"

    @property
    def tax_name(self) -> str:
        """Name of the table of tax rows and its path."""
        return f"{self.prefix}DetailTax"

    @property
    def default_taxes_name(self) -> str:
        """Name of the child rows of a control that name default tax codes (section 4.3)."""
        return f"{self.prefix}ControlDefaultTaxCodes"


def _debit(row: Row) -> Decimal:
    return row["Amount"]


def _credit(row: Row) -> Decimal:
    return -row["Amount"]


INVOICE = TransactionType(
    prefix="in",
    transtype=INVOICES,
    words="Invoices",
    key=("Invoice", "WBS1", "WBS2", "WBS3"),
    set_key=rules.invoice_key,
    master_rules=(rules.transaction_date, rules.open_project, rules.own_currency),
    detail_rules=(rules.invoice_section, rules.invoice_account, rules.required_amount, rules.line_tax_code),
    line_amount=_credit,
    other_side=OtherSide.RECEIVABLES,
    tables=entry_tables.invoice_tables,
    totals=(
        ControlTotal("Total", "SumTotal", "DiffTotal", "Amount"),
        ControlTotal("RetTotal", "SumRetTotal", "DiffRetTotal", "RetAmount"),
    ),
)

RECEIPT = TransactionType(
    prefix="cr",
    transtype="CR",
    words="Cash Receipts",
    key=("RefNo",),
    set_key=rules.reference_key,
    master_rules=(rules.transaction_date, rules.bank, rules.own_currency),
    detail_rules=(rules.any_account, rules.required_amount, rules.line_tax_code, rules.application),
    line_amount=_credit,
    other_side=OtherSide.BANK,
    tables=entry_tables.receipt_tables,
)

VOUCHER = TransactionType(
    prefix="ap",
    transtype="AP",
    words="AP Vouchers",
    key=("MasterPKey",),
    set_key=rules.voucher_key,
    master_rules=(
        rules.transaction_date,
        rules.voucher_terms,
        rules.own_currency,
        rules.voucher_number,
        rules.vendor_invoice,
    ),
    detail_rules=(rules.any_account, rules.gross_amount),
    line_amount=_debit,
    other_side=OtherSide.LIABILITY,
    tables=entry_tables.voucher_tables,
)

VENDOR_CHECK = TransactionType(
    prefix="cv",
    transtype="CV",
    words="AP Disbursements",
    key=("CheckNo",),
    set_key=rules.check_key,
    master_rules=(rules.transaction_date, rules.vendor, rules.bank, rules.own_currency),
    detail_rules=(rules.any_account, rules.gross_amount),
    line_amount=_debit,
    other_side=OtherSide.BANK,
    tables=entry_tables.vendor_check_tables,
)

DISBURSEMENT = TransactionType(
    prefix="cd",
    transtype="CD",
    words="Cash Disbursements",
    key=("CheckNo",),
    set_key=rules.check_key,
    master_rules=(rules.transaction_date, rules.bank, rules.own_currency),
    detail_rules=(rules.any_account, rules.gross_amount),
    line_amount=_debit,
    other_side=OtherSide.BANK,
    tables=entry_tables.disbursement_tables,
)

JOURNAL_ENTRY = TransactionType(
    prefix="je",
    transtype="JE",
    words="Journal Entries",
    key=("RefNo",),
    set_key=rules.journal_key,
    master_rules=(rules.transaction_date, rules.own_currency),
    detail_rules=(rules.any_account,),
    line_amount=lambda row: row["DebitAmount"] - row["CreditAmount"],
    other_side=OtherSide.NONE,
    tables=entry_tables.journal_tables,
    totals=(
        ControlTotal("Total", "SumDebitsTotal", "DiffDebitsTotal", "DebitAmount", "TaxDebitAmount"),
        ControlTotal("CreditsTotal", "SumCreditsTotal", "DiffCreditsTotal", "CreditAmount", "TaxCreditAmount"),
    ),
    tax_amount=lambda tax: tax["TaxDebitAmount"] - tax["TaxCreditAmount"],
    tax_in_line=False,
)

VENDOR_PAYMENT = TransactionType(
    prefix="pp",
    transtype="PP",
    words="AP Payments",
    key=("CheckNo", "Voucher"),
    set_key=rules.check_key,
    master_rules=(),
    detail_rules=(),
    line_amount=_debit,
    other_side=OtherSide.BANK,
)

ENTERED_TYPES = (INVOICE, RECEIPT, VOUCHER, VENDOR_CHECK, DISBURSEMENT, JOURNAL_ENTRY)
"""Those that are entered as files below DataEntry."""

TYPES = {kind.transtype: kind for kind in (*ENTERED_TYPES, VENDOR_PAYMENT)}
