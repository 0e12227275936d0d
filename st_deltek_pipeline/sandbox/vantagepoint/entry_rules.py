"""What a value in a transaction must be: projects, accounts, banks, vendors, invoices (vantagepoint.md section 4).

Each rule looks at one row, may fill in what the row leaves to a default, and raises the sentence that refuses it.
Which type of transaction has which rules, and in which order, is in ``transaction_types``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint import errors
from st_deltek_pipeline.sandbox.vantagepoint.calls import Call
from st_deltek_pipeline.sandbox.vantagepoint.conventions import fold
from st_deltek_pipeline.sandbox.vantagepoint.errors import RuleError
from st_deltek_pipeline.sandbox.vantagepoint.schema import ZERO
from st_deltek_pipeline.sandbox.vantagepoint.state import BLANK_LEVEL, VantagepointState, project_key
from st_deltek_pipeline.sandbox.vantagepoint.switches import VantagepointSwitches

_ACTIVE = "A"
_PADDED_LENGTH = 7
_SECTIONS = frozenset("FLCEUATI")
_PAY_TERMS = frozenset({"Date", "Hold", "Next", "PWP"})


@dataclass
class EntryContext:
    """One file being read.

    Attributes:
        call: The request.
        company: Company of the file, which is the session's.
        control: The file's control row.
        open_levels: Project levels that were found to be good already.
        applied: What this file's receipts apply to each project and invoice so far.
        vouchers: The voucher numbers that are taken, once a rule has asked for them.
        bills: Vendor, invoice and date of the vouchers so far, likewise.
    """

    call: Call
    company: str
    control: Row = field(default_factory=dict[str, object])
    open_levels: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])
    applied: dict[tuple[str, str], Decimal] = field(default_factory=dict[tuple[str, str], Decimal])
    vouchers: set[str] | None = None
    bills: set[tuple[str, str, str]] | None = None

    @property
    def state(self) -> VantagepointState:
        """The twin's data."""
        return self.call.state

    @property
    def switches(self) -> VantagepointSwitches:
        """The switches in force."""
        return self.call.state.switches

    def currency(self) -> str:
        """Return the company's functional currency."""
        return str(self.state.world.companies.get(self.company, {}).get("FunctionalCurrencyCode") or "USD")


Rule = Callable[[EntryContext, Row], None]


# --- Keys ------------------------------------------------------------------------------------------------------------


def invoice_key(context: EntryContext, row: Row) -> None:
    """An AR invoice is named by its number and its project level."""
    if not row["Invoice"]:
        raise RuleError(errors.required("Invoice"))
    if not row["WBS1"]:
        raise RuleError(errors.required("Project"))
    row["Invoice"] = padded_invoice(context, row["Invoice"])
    _blank_levels(row)


def reference_key(context: EntryContext, row: Row) -> None:
    """A receipt has a reference, unless the bank numbers references itself (section 4.2)."""
    if not row["RefNo"] and not context.switches.automatic_receipt_references:
        raise RuleError(errors.required("Reference Number"))


def journal_key(_: EntryContext, row: Row) -> None:
    """A journal entry has a reference."""
    if not row["RefNo"]:
        raise RuleError(errors.required("Reference Number"))


def voucher_key(_: EntryContext, row: Row) -> None:
    """A voucher has a key that its creator chose; its number comes later."""
    if not row["MasterPKey"]:
        raise RuleError(errors.required("MasterPKey"))


def check_key(_: EntryContext, row: Row) -> None:
    """A disbursement has a check number."""
    if not row["CheckNo"]:
        raise RuleError(errors.required("Check Number"))


def padded_invoice(context: EntryContext, number: str) -> str:
    """Return an AR invoice number as it is stored (section 4.1)."""
    return number.rjust(_PADDED_LENGTH, "0") if context.switches.pad_invoice_numbers else number


# --- Masters ---------------------------------------------------------------------------------------------------------


def transaction_date(_: EntryContext, row: Row) -> None:
    """Every document has a date."""
    if not row["TransDate"]:
        raise RuleError(errors.required("Transaction Date"))


def open_project(context: EntryContext, row: Row) -> None:
    """The level must exist, be active all the way up, and be the lowest of its branch."""
    key = project_key(row["WBS1"], row["WBS2"], row["WBS3"])
    if key in context.open_levels:
        return
    projects = context.state.world.projects
    wbs1, wbs2, wbs3 = key
    levels = [("Project", wbs1, (wbs1, "", ""))]
    if wbs2 or wbs3:
        levels.append(("Phase", wbs2, (wbs1, wbs2, "")))
    if wbs3:
        levels.append(("Task", wbs3, (wbs1, wbs2, wbs3)))
    for label, value, level in levels:
        project = projects.get(level)
        if project is None:
            raise RuleError(errors.does_not_exist(label, value))
        if project.get("Status") != _ACTIVE:
            raise RuleError(errors.inactive(label, value))
    label, value, level = levels[-1]
    if projects[level].get("SubLevel") == "Y":
        below = "Phase" if label == "Project" else "Task"
        message = f"{errors.required(below)[:-1]} for {label} {value}."
        raise RuleError(message)
    context.open_levels.add(key)


def own_currency(context: EntryContext, row: Row) -> None:
    """Only the company's own currency is enabled."""
    currency = context.currency()
    if row["CurrencyCode"] not in {"", currency}:
        raise RuleError(errors.does_not_exist("Currency Code", row["CurrencyCode"]))
    row["CurrencyCode"] = currency
    payment = row.get("PaymentCurrencyCode", "")
    if payment not in {"", currency}:
        raise RuleError(errors.does_not_exist("Currency Code", payment))


def bank(context: EntryContext, row: Row) -> None:
    """A receipt or a disbursement names an active bank code, or takes the file's (sections 4.2 and 4.4)."""
    row["BankCode"] = row["BankCode"] or context.control.get("DefaultBank", "")
    if not row["BankCode"]:
        raise RuleError(errors.required("Bank Code"))
    check_bank(context, row["BankCode"])


def check_bank(context: EntryContext, code: str) -> None:
    """A bank code that is named exists in the company and is active."""
    if not code:
        return
    found = context.state.world.banks.get(code)
    if found is None or found.get("Company", context.company) != context.company:
        raise RuleError(errors.does_not_exist("Bank Code", code))
    if found.get("Status", _ACTIVE) != _ACTIVE:
        raise RuleError(errors.inactive("Bank Code", code))


def check_liability(context: EntryContext, code: str) -> None:
    """A liability code that is named exists in the company and is active."""
    if not code:
        return
    found = context.state.world.liability_codes.get(code)
    if found is None or found.get("Company", context.company) != context.company:
        raise RuleError(errors.does_not_exist("Liability Code", code))
    if found.get("Status", _ACTIVE) != _ACTIVE:
        raise RuleError(errors.inactive("Liability Code", code))


def vendor(context: EntryContext, row: Row) -> None:
    """The vendor exists, is active, and has accounting data in the active company (section 4.3)."""
    _vendor(context, row["Vendor"])


def voucher_terms(context: EntryContext, row: Row) -> None:
    """A voucher takes liability, bank and terms from its file and its vendor where it names none (section 4.3)."""
    if not row["Invoice"]:
        raise RuleError(errors.required("Invoice"))
    if not row["InvoiceDate"]:
        raise RuleError(errors.required("Invoice Date"))
    firm, accounting = _vendor(context, row["Vendor"])
    control = context.control
    own = str(accounting.get("LiabCode") or "") or _liability_of(context, firm)
    row["LiabCode"] = row["LiabCode"] or control.get("DefaultLiab", "") or own
    if not row["LiabCode"]:
        raise RuleError(errors.required("Liability Code"))
    check_liability(context, row["LiabCode"])
    row["BankCode"] = row["BankCode"] or control.get("DefaultBank", "") or str(accounting.get("BankCode") or "")
    check_bank(context, row["BankCode"])
    row["PayTerms"] = row["PayTerms"] or str(accounting.get("PayTerms") or "")
    if not row["PayTerms"]:
        raise RuleError(errors.required("Payment Terms"))
    if row["PayTerms"] not in _PAY_TERMS:
        raise RuleError(errors.does_not_exist("Payment Terms", row["PayTerms"]))
    if row["PayTerms"] == "Date" and not row["PayDate"] and context.switches.pay_date_required:
        raise RuleError(errors.required("Payment Date"))


def voucher_number(context: EntryContext, row: Row) -> None:
    """A voucher number is given later, or entered and unique over the enterprise (section 4.3)."""
    if context.switches.voucher_numbers == "automatic":
        row["Voucher"] = ""
        return
    if not row["Voucher"]:
        raise RuleError(errors.required("Voucher"))
    if context.vouchers is None:
        context.vouchers = {master["Voucher"] for master in _vouchers(context)}
    if row["Voucher"] in context.vouchers:
        raise RuleError(errors.already_exists(row["Voucher"]))
    context.vouchers.add(row["Voucher"])


def vendor_invoice(context: EntryContext, row: Row) -> None:
    """The same vendor, invoice and date twice is accepted, unless the tenant refuses it (section 4.3)."""
    if context.switches.duplicate_vendor_invoice == "accept":
        return
    if context.bills is None:
        context.bills = {_bill(master) for master in _vouchers(context)}
    bill = _bill(row)
    if bill in context.bills:
        raise RuleError(errors.repeated_vendor_invoice(row["Vendor"], row["Invoice"], row["InvoiceDate"][:10]))
    context.bills.add(bill)


# --- Details ---------------------------------------------------------------------------------------------------------


def invoice_section(_: EntryContext, row: Row) -> None:
    """An AR invoice's line belongs to a section (section 4.1)."""
    section = row["InvoiceSection"]
    if section not in _SECTIONS:
        known = errors.does_not_exist("Invoice Section", section) if section else errors.required("Invoice Section")
        raise RuleError(known)


def invoice_account(context: EntryContext, row: Row) -> None:
    """An AR invoice's line books revenue or a tax liability (section 4.1)."""
    account = _account(context, row["Account"])
    if str(account.get("Type", "")) not in context.switches.invoice_account_types:
        message = f"Account {row['Account']} is not mapped as a revenue or liability account."
        raise RuleError(message)


def any_account(context: EntryContext, row: Row) -> None:
    """The line's account exists and is active; one of the income statement needs a project (section 8, assumed)."""
    account = _account(context, row["Account"])
    if not row["WBS1"]:
        if str(account.get("Type", "")) in context.switches.project_account_types:
            raise RuleError(errors.required("Project"))
        row["WBS1"] = BLANK_LEVEL
        _blank_levels(row)
        return
    _blank_levels(row)
    open_project(context, row)


def required_amount(_: EntryContext, row: Row) -> None:
    """A line has an amount, be it zero."""
    if row["Amount"] is None:
        raise RuleError(errors.required("Amount"))


def gross_amount(_: EntryContext, row: Row) -> None:
    """A line has a gross amount; the net one is the same when only one is sent."""
    if row["Amount"] is None and row["NetAmount"] is None:
        raise RuleError(errors.required("Amount"))
    row["Amount"] = row["NetAmount"] if row["Amount"] is None else row["Amount"]
    row["NetAmount"] = row["Amount"] if row["NetAmount"] is None else row["NetAmount"]


def line_tax_code(context: EntryContext, row: Row) -> None:
    """A tax code that is named exists and is active."""
    check_tax_code(context.state, row["TaxCode"])


def check_tax_code(state: VantagepointState, code: str) -> None:
    """A tax code that is named exists and is active.

    Raises:
        RuleError: It does not, or is not.
    """
    if not code:
        return
    found = find_tax_code(state, code)
    if found is None:
        raise RuleError(errors.does_not_exist("Tax Code", code))
    if found.get("Status", _ACTIVE) != _ACTIVE:
        raise RuleError(errors.inactive("Tax Code", code))


def find_tax_code(state: VantagepointState, code: str) -> Row | None:
    """Return a tax code's row; tax codes were seen to be case-insensitive (section 11)."""
    tax_codes = state.world.tax_codes
    return tax_codes.get(code) or next((row for key, row in tax_codes.items() if fold(key) == fold(code)), None)


def application(context: EntryContext, row: Row) -> None:
    """What a receipt's line pays: an invoice of a project through its receivables account, or none (section 4.2)."""
    number = row["Invoice"]
    if not number:
        return
    row["Invoice"] = number = padded_invoice(context, number)
    switches, wbs1 = context.switches, row["WBS1"]
    if wbs1 == BLANK_LEVEL:
        raise RuleError(errors.required("Project"))
    receivables = str(context.state.world.auto_posting.get(context.company, {}).get("AcctsReceivable") or "")
    if switches.receipt_account == "receivables" and row["Account"] != receivables:
        message = f"Account {row['Account']} is not mapped as an accounts receivable account."
        raise RuleError(message)
    balance = context.call.ledger.open_item(wbs1, number)
    if balance is None:
        if switches.receipt_of_unknown_invoice == "refuse":
            raise RuleError(errors.does_not_exist("Invoice", number))
        balance = ZERO
    key = (wbs1, fold(number))
    applied = context.applied.get(key, ZERO) + row["Amount"]
    if switches.receipt_over_balance == "refuse" and row["Amount"] > 0 and applied > balance:
        raise RuleError(errors.over_balance(number, wbs1, balance))
    context.applied[key] = applied


# --- Helpers ---------------------------------------------------------------------------------------------------------


def _blank_levels(row: Row) -> None:
    row["WBS2"] = row["WBS2"] or BLANK_LEVEL
    row["WBS3"] = row["WBS3"] or BLANK_LEVEL


def _account(context: EntryContext, number: str) -> Row:
    if not number:
        raise RuleError(errors.required("Account"))
    account = context.state.world.accounts.get(number)
    if account is None:
        raise RuleError(errors.does_not_exist("Account", number))
    if account.get("Status") != _ACTIVE:
        raise RuleError(errors.inactive("Account", number))
    return account


def _vendor(context: EntryContext, code: str) -> tuple[Row, Row]:
    if not code:
        raise RuleError(errors.required("Vendor"))
    firms = context.state.firms
    firm = firms.vendor(code)
    if firm is None:
        raise RuleError(errors.does_not_exist("Vendor", code))
    if firm.get("Status", _ACTIVE) != _ACTIVE:
        raise RuleError(errors.inactive("Vendor", code))
    accounting = firms.accounting(code, context.company)
    if accounting is None:
        if context.switches.vendor_without_accounting == "null_reference":
            raise RuleError(errors.NULL_REFERENCE)
        raise RuleError(errors.no_vendor_accounting(code, context.company))
    return firm, accounting


def _liability_of(context: EntryContext, firm: Row) -> str:
    """Return the liability code that belongs to the vendor's type (the help pages' Liability Accounts tab)."""
    kind = str(firm.get("Category") or "")
    codes = context.state.world.liability_codes.values()
    of_type = (str(row["Code"]) for row in codes if kind and row.get("VendorType") == kind)
    return next(of_type, "")


def _vouchers(context: EntryContext) -> Iterator[Row]:
    return (master for file in context.state.files_of("AP") for master in file.masters)


def _bill(row: Row) -> tuple[str, str, str]:
    return (row["Vendor"], fold(row["Invoice"]), row["InvoiceDate"])
