"""The columns of every transaction type: control, master, detail and tax rows in the published order.

Names are those of vantagepoint.md section 4 and the catalogue beside it. Lengths that no source gives are
assumed; those that matter to callers are switches. What the values mean is checked in ``entry_rules``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from st_deltek_pipeline.sandbox.vantagepoint.schema import ZERO, Column, Kind, Table
from st_deltek_pipeline.sandbox.vantagepoint.switches import VantagepointSwitches


@dataclass(frozen=True)
class Lengths:
    """The longest texts of columns whose length is a switch, in characters."""

    batch: int
    invoice: int
    comment: int
    reference: int

    @classmethod
    def of(cls, switches: VantagepointSwitches) -> "Lengths":
        """Return the lengths that the switches set."""
        return cls(
            switches.longest_batch, switches.longest_invoice, switches.longest_comment, switches.longest_reference
        )


@dataclass(frozen=True)
class EntryTables:
    """The tables of one type; ``tax`` is missing where the type has no tax rows."""

    control: Table
    master: Table
    detail: Table
    tax: Table | None = None


TableMaker = Callable[[Lengths], EntryTables]


def text(name: str, length: int, default: str = "") -> Column:
    """Return a text column of at most so many characters."""
    return Column(name, Kind.TEXT, length, default)


def texts(length: int, *names: str) -> tuple[Column, ...]:
    """Return text columns of one length."""
    return tuple(text(name, length) for name in names)


def amount(name: str) -> Column:
    """Return an amount column that is zero when it is not sent."""
    return Column(name, Kind.AMOUNT, default=ZERO)


def flags(*names: str) -> tuple[Column, ...]:
    """Return flags that are N when they are not sent, in any of the spellings real clients use."""
    return tuple(Column(name, Kind.LOOSE_FLAG, default="N") for name in names)


def answers(*names: str) -> tuple[Column, ...]:
    """Return columns that only answers have."""
    return tuple(Column(name, Kind.ANSWER) for name in names)


def _date(name: str) -> Column:
    return Column(name, Kind.DATE)


def _required_amount(name: str) -> Column:
    return Column(name, Kind.AMOUNT, default=None)


_WBS = texts(30, "WBS1", "WBS2", "WBS3")
_LEVEL_ANSWERS = answers("WBS1Name", "ClientName", "WBS2Level", "ChargeType", "WBS2Name", "WBS3Level", "WBS3Name")
_ACCOUNT = (text("Account", 13), *answers("AccountName", "AccountCurrencyCode", "GlobalAccount", "AccountType"))
_SUMS = answers("SumTotal", "DiffTotal")
_SEQ = Column("Seq", Kind.INTEGER, default=0)


def _control(
    name: str,
    lengths: Lengths,
    *,
    before: tuple[Column, ...] = (),
    sums: tuple[Column, ...] = _SUMS,
    after: tuple[Column, ...] = (),
) -> Table:
    return Table(
        name,
        (
            text("Batch", lengths.batch),
            text("Description", 40),
            Column("Recurring", Kind.FLAG, default="N"),
            _date("EndDate"),
            *before,
            amount("Total"),
            *sums,
            *after,
            Column("Selected", Kind.FLAG, default="N"),
            Column("Posted", Kind.FLAG, default="N"),
            text("Creator", 20),
            Column("Period", Kind.INTEGER, default=None),
            # A real client sends it along with Period; the published answers do not have it.
            Column("PostPeriod", Kind.IGNORED),
            text("Company", 14),
        ),
    )


def _master(
    name: str,
    lengths: Lengths,
    key: tuple[Column, ...],
    *,
    own: tuple[Column, ...] = (),
    mod_user_employee: bool = True,
) -> Table:
    return Table(
        name,
        (
            text("Batch", lengths.batch),
            *key,
            _date("TransDate"),
            *own,
            Column("Posted", Kind.FLAG, default="N"),
            _SEQ,
            text("CurrencyCode", 3),
            text("CurrencyExchangeOverrideMethod", 1, "N"),
            _date("CurrencyExchangeOverrideDate"),
            amount("CurrencyExchangeOverrideRate"),
            text("Status", 1, "N"),
            *answers("StatusDescription", "AuthorizedByName"),
            text("AuthorizedBy", 20),
            text("RejectReason", 255),
            text("ModUser", 20),
            *(answers("ModUserEmployee") if mod_user_employee else ()),
            _date("ModDate"),
            text("Diary", 10),
            Column("DiaryNo", Kind.INTEGER, default=0),
        ),
    )


def _detail(name: str, lengths: Lengths, key: tuple[Column, ...], own: tuple[Column, ...]) -> Table:
    return Table(name, (text("Batch", lengths.batch), *key, *own))


_LINE_HEAD = (text("PKey", 32), _SEQ, text("Description", 80))


def _tax(name: str, lengths: Lengths, key: tuple[Column, ...], amounts: tuple[Column, ...]) -> Table:
    own = (text("PKey", 32), text("TaxCode", 10), _SEQ, *amounts, text("CompoundOnTaxCode", 10))
    return Table(name, (text("Batch", lengths.batch), *key, *own))


@lru_cache(maxsize=8)
def invoice_tables(lengths: Lengths) -> EntryTables:
    """Return the tables of AR invoices (section 4.1)."""
    number = text("Invoice", lengths.invoice)
    return EntryTables(
        _control(
            "inControl",
            lengths,
            before=(text("DefaultTaxCode", 10),),
            after=(amount("RetTotal"), *answers("SumRetTotal", "DiffRetTotal")),
        ),
        _master(
            "inMaster",
            lengths,
            (number, *_WBS, *_LEVEL_ANSWERS, *answers("Org")),
            own=(_date("DueDate"), text("TransComment", lengths.comment)),
        ),
        _detail(
            "inDetail",
            lengths,
            (number, *_WBS),
            (
                text("PKey", 32),
                _SEQ,
                text("InvoiceSection", 1),
                text("TaxCode", 10),
                *_ACCOUNT,
                _required_amount("Amount"),
                amount("RetAmount"),
                amount("TaxBasis"),
                Column("Retainer", Kind.FLAG, default="N"),
                *texts(30, "LinkWBS1", "LinkWBS2", "LinkWBS3"),
                text("CreditMemoRefNo", 12),
            ),
        ),
    )


@lru_cache(maxsize=8)
def receipt_tables(lengths: Lengths) -> EntryTables:
    """Return the tables of cash receipts (section 4.2)."""
    number = text("RefNo", lengths.reference)
    bank = (text("DefaultBank", 10), *answers("DefaultBankDescription", "BankCurrencyCode"))
    return EntryTables(
        _control("crControl", lengths, after=bank),
        _master("crMaster", lengths, (number,), own=(text("TransComment", lengths.comment), text("BankCode", 10))),
        _detail(
            "crDetail",
            lengths,
            (number,),
            (
                *_LINE_HEAD,
                *_WBS,
                *_LEVEL_ANSWERS,
                *answers("BillingCurrencyCode", "FunctionalCurrencyCode", "Org"),
                text("Invoice", lengths.invoice),
                *_ACCOUNT,
                _required_amount("Amount"),
                *flags("Interest"),
                text("TaxCode", 10),
                amount("TaxBasis"),
                *flags("Retainer"),
                amount("CurrencyExchangeOverrideRate"),
                text("SourceCurrencyCode", 3),
                amount("SourceBalance"),
                amount("SourceAmount"),
                text("SourceExchangeInfo", 255),
                text("LinkCompany", 14),
                text("PreInvoice", lengths.invoice),
            ),
        ),
    )


_SPENT = (*_WBS, *answers("WBS1Name", "Org", "TotalTax", "AccountName", "AccountType"), text("Account", 13))


@lru_cache(maxsize=8)
def voucher_tables(lengths: Lengths) -> EntryTables:
    """Return the tables of AP vouchers (section 4.3); the name of the tax table is assumed by analogy."""
    key = (text("MasterPKey", 32),)
    defaults = (
        text("DefaultCurrencyCode", 3),
        text("DefaultLiab", 10),
        text("DefaultBank", 10),
        _date("DefaultDate"),
        *answers("DefaultLiabDescription", "DefaultBankDescription"),
        *answers("LiabAccountCurrencyCode", "BankAccountCurrencyCode"),
    )
    own = (
        text("Vendor", 20),
        _date("InvoiceDate"),
        text("Invoice", lengths.invoice),
        text("LiabCode", 10),
        text("BankCode", 10),
        text("PayTerms", 10),
        _date("PayDate"),
        text("Address", 20, "<Default>"),
        text("Voucher", 12),
        text("PaymentExchangeOverrideMethod", 1, "N"),
        _date("PaymentExchangeOverrideDate"),
        amount("PaymentExchangeOverrideRate"),
        text("PaymentCurrencyCode", 3),
        *flags("AllowAssetEntries"),
    )
    lines = (
        *_LINE_HEAD,
        *_SPENT,
        _required_amount("Amount"),
        *flags("SuppressBill"),
        _required_amount("NetAmount"),
        amount("CurrencyExchangeOverrideRate"),
        text("PONumber", 30),
        amount("PaymentAmount"),
        text("PaymentExchangeInfo", 255),
        text("ExpenseCode", 10),
        text("OriginatingVendor", 20),
        *flags("CreateAsset"),
        *texts(30, "AssetType", "Item", "EquipmentID"),
    )
    return EntryTables(
        _control("apControl", lengths, after=defaults),
        _master("apMaster", lengths, key, own=own),
        _detail("apDetail", lengths, key, lines),
        _tax("apDetailTax", lengths, key, (amount("TaxAmount"),)),
    )


@lru_cache(maxsize=8)
def vendor_check_tables(lengths: Lengths) -> EntryTables:
    """Return the tables of AP disbursements (section 4.4)."""
    key = (text("CheckNo", lengths.reference),)
    defaults = (text("PayMethod", 10), text("DefaultLiab", 10), text("DefaultBank", 10), _date("DefaultDate"))
    own = (
        text("Vendor", 20),
        _date("InvoiceDate"),
        text("Invoice", lengths.invoice),
        text("BankCode", 10),
        text("Address", 20, "<Default>"),
        _date("PayDate"),
        text("Voucher", 12),
        text("VendorTaxCode", 10),
        *texts(13, "RegAccount", "OHAccount"),
        text("DefaultExpenseCode", 10),
        text("PaymentCurrencyCode", 3),
        *texts(32, "TransactionID", "CreditCardCode", "CreditCardPrimaryCode", "CreditCardKey"),
    )
    lines = (
        *_LINE_HEAD,
        *_SPENT,
        _required_amount("NetAmount"),
        _required_amount("Amount"),
        amount("PaymentAmount"),
        *flags("SuppressBill"),
        amount("CurrencyExchangeOverrideRate"),
        text("ExpenseCode", 10),
        text("OriginatingVendor", 20),
    )
    return EntryTables(
        _control("cvControl", lengths, after=defaults),
        _master("cvMaster", lengths, key, own=own),
        _detail("cvDetail", lengths, key, lines),
        _tax("cvDetailTax", lengths, key, (amount("TaxAmount"),)),
    )


@lru_cache(maxsize=8)
def disbursement_tables(lengths: Lengths) -> EntryTables:
    """Return the tables of cash disbursements (section 4)."""
    key = (text("CheckNo", lengths.reference),)
    bank = (text("DefaultBank", 10), *answers("DefaultBankDescription", "BankCurrencyCode"))
    lines = (
        *_LINE_HEAD,
        *_SPENT,
        _required_amount("NetAmount"),
        _required_amount("Amount"),
        amount("CurrencyExchangeOverrideRate"),
        text("LinkCompany", 14),
    )
    return EntryTables(
        _control("cdControl", lengths, after=bank),
        _master("cdMaster", lengths, key, own=(text("BankCode", 10), text("Payee", 80))),
        _detail("cdDetail", lengths, key, lines),
    )


@lru_cache(maxsize=8)
def journal_tables(lengths: Lengths) -> EntryTables:
    """Return the tables of journal entries (section 4.5)."""
    key = (text("RefNo", lengths.reference),)
    recurring = (
        *flags("AllowTaxEntries"),
        *texts(20, "RecurSchedule", "RecurFrequency", "RecurType"),
        *flags("RecurClearAmounts", "RecurAutoPost", "RecurAlert"),
        *(_date(name) for name in ("RecurStartDate", "RecurExpirationDate", "RecurLastPostDate")),
        *(Column(name, Kind.INTEGER, default=0) for name in ("RecurTimes", "RecurTimesUsed")),
        *texts(32, "RecurProcessQueue", "ReverseProcessQueue", "ProcessID"),
        *flags("Reverse", "ReverseAutoPost", "ReverseAlert"),
        _date("ReverseDate"),
    )
    credits_columns = (amount("CreditsTotal"), *answers("SumCreditsTotal", "DiffCreditsTotal"))
    lines = (
        text("PKey", 32),
        _SEQ,
        text("EquipmentID", 30),
        text("EquipmentDesc", 80),
        text("Description", 80),
        *_WBS,
        text("Account", 13),
        amount("DebitAmount"),
        amount("CreditAmount"),
        amount("CurrencyExchangeOverrideRate"),
        *flags("SuppressBill"),
        text("LinkCompany", 14),
        amount("DebitAmountFunctionalCurrency"),
        amount("CreditAmountFunctionalCurrency"),
        amount("DebitAmountProjectCurrency"),
        amount("CreditAmountProjectCurrency"),
    )
    return EntryTables(
        _control(
            "jeControl",
            lengths,
            before=(text("DefaultCurrencyCode", 3),),
            sums=answers("SumDebitsTotal", "DiffDebitsTotal"),
            after=(*credits_columns, *recurring),
        ),
        _master(
            "jeMaster",
            lengths,
            key,
            own=(text("Description", 80), text("Type", 10), *flags("UpdateBilled", "AllowAssetEntries")),
            mod_user_employee=False,
        ),
        _detail("jeDetail", lengths, key, lines),
        _tax("jeDetailTax", lengths, key, (amount("TaxCreditAmount"), amount("TaxDebitAmount"))),
    )
