"""Why a document cannot be posted now, or need not be: reason codes, and what would release it.

Only the vocabulary lives here; who decides is ``alignment``, ``postings`` and ``services.posting``.
"""

from dataclasses import dataclass
from enum import StrEnum


class HoldReason(StrEnum):
    """Reason codes of holds; they are stored, so a code never changes its meaning."""

    UNREADABLE = "unreadable"
    NOT_READY = "not_ready"
    UNPOSTED_IN_SERVICETITAN = "unposted_in_servicetitan"
    AMOUNTS_DO_NOT_ADD_UP = "amounts_do_not_add_up"
    NO_BUSINESS_UNIT = "no_business_unit"
    NO_CUSTOMER = "no_customer"
    CUSTOMER_WITHOUT_FIRM = "customer_without_firm"
    CUSTOMER_FIRM_AMBIGUOUS = "customer_firm_ambiguous"
    NO_RULE = "no_rule"
    PROJECT_MISSING = "project_missing"
    PROJECT_INACTIVE = "project_inactive"
    PROJECT_NEEDS_LOWER_LEVEL = "project_needs_lower_level"
    ORGANIZATION_MISSING = "organization_missing"
    ORGANIZATION_DIFFERS = "organization_differs"
    ACCOUNT_MISSING = "account_missing"
    ACCOUNT_INACTIVE = "account_inactive"
    SECTION_UNKNOWN = "section_unknown"
    TAX_CODE_MISSING = "tax_code_missing"
    BILLING_CLIENT_MISSING = "billing_client_missing"
    BILLING_CLIENT_INACTIVE = "billing_client_inactive"
    INVOICE_NUMBER_UNUSABLE = "invoice_number_unusable"
    INVOICE_NUMBER_TAKEN = "invoice_number_taken"
    NO_PERIOD = "no_period"
    PERIOD_CLOSED = "period_closed"
    ALREADY_IN_VANTAGEPOINT = "already_in_vantagepoint"
    NO_CLEAR_ANSWER = "no_clear_answer"
    REFUSED = "refused"
    POST_REFUSED = "post_refused"
    DIFFERENT_IN_VANTAGEPOINT = "different_in_vantagepoint"
    LEDGER_DIFFERS = "ledger_differs"
    BANK_MISSING = "bank_missing"
    WAITING_FOR_INVOICE = "waiting_for_invoice"
    APPLIED_TO_UNKNOWN_INVOICE = "applied_to_unknown_invoice"
    APPLIED_TO_VOIDED_INVOICE = "applied_to_voided_invoice"
    INVOICE_BEFORE_START = "invoice_before_start"
    OPENING_INVOICE_NOT_READ = "opening_invoice_not_read"
    OPENING_INVOICE_MISSING = "opening_invoice_missing"
    OPENING_INVOICE_AMBIGUOUS = "opening_invoice_ambiguous"
    OPENING_INVOICE_DIFFERS = "opening_invoice_differs"
    OVER_APPLIED = "over_applied"
    UNAPPLIED_MONEY = "unapplied_money"
    RECEIVABLES_ACCOUNT_UNKNOWN = "receivables_account_unknown"
    WAITING_FOR_DEPOSIT = "waiting_for_deposit"
    DEPOSIT_INCOMPLETE = "deposit_incomplete"
    DEPOSIT_DIFFERS = "deposit_differs"
    CREDIT_NOT_APPLIED = "credit_not_applied"
    CREDIT_WITHOUT_ITEMS = "credit_without_items"
    NO_VENDOR = "no_vendor"
    VENDOR_WITHOUT_FIRM = "vendor_without_firm"
    VENDOR_FIRM_AMBIGUOUS = "vendor_firm_ambiguous"
    VENDOR_WITHOUT_ACCOUNTING = "vendor_without_accounting"
    TERMS_UNKNOWN = "terms_unknown"
    NEGATIVE_QUANTITY = "negative_quantity"
    DUPLICATE_VENDOR_INVOICE = "duplicate_vendor_invoice"
    AWAITING_REVIEW = "awaiting_review"
    FIRM_NAME_TOO_LONG = "firm_name_too_long"
    FIRM_INACTIVE = "firm_inactive"
    FIRM_ROLE_MISSING = "firm_role_missing"
    FIRM_REFUSED = "firm_refused"
    FIRM_IN_DOUBT = "firm_in_doubt"


class IgnoreReason(StrEnum):
    """Why a document will not be posted and nobody needs to act."""

    ZERO_DOCUMENT = "zero_document"
    VOIDED_BEFORE_POSTING = "voided_before_posting"
    IGNORED_BY_PERSON = "ignored_by_person"
    JOURNAL_ENTRY_PAYMENT = "journal_entry_payment"
    REVERSED_BY_PERSON = "reversed_by_person"


_ADVICE: dict[HoldReason, str] = {
    HoldReason.UNREADABLE: "Correct the record in ServiceTitan; the next intake reads it again.",
    HoldReason.NOT_READY: "It is posted once ServiceTitan's status says it is ready (setting posting.ready_when).",
    HoldReason.UNPOSTED_IN_SERVICETITAN: (
        "It was un-posted in ServiceTitan after we posted it. Post it there again; only the difference will follow."
    ),
    HoldReason.AMOUNTS_DO_NOT_ADD_UP: "Correct the document in ServiceTitan so that its parts and its total agree.",
    HoldReason.NO_BUSINESS_UNIT: "Give the document a business unit in ServiceTitan.",
    HoldReason.NO_CUSTOMER: "Give the document a customer in ServiceTitan.",
    HoldReason.CUSTOMER_WITHOUT_FIRM: (
        "Create an active client firm with this name in Vantagepoint, link one (st-deltek firms link), set firms.create "
        "to yes, or set posting.customer_firm to optional."
    ),
    HoldReason.CUSTOMER_FIRM_AMBIGUOUS: "Say which firm it is: st-deltek firms review.",
    HoldReason.NO_RULE: "Add a coding rule to the connection's file that gives what is missing.",
    HoldReason.PROJECT_MISSING: "Create the project in Vantagepoint, or correct the coding rule that names it.",
    HoldReason.PROJECT_INACTIVE: "Activate the project in Vantagepoint, or code the business unit to another one.",
    HoldReason.PROJECT_NEEDS_LOWER_LEVEL: "Give wbs2 (and wbs3) in the coding rule: this project has lower levels.",
    HoldReason.ORGANIZATION_MISSING: "Create the organization in Vantagepoint, or correct the coding rule.",
    HoldReason.ORGANIZATION_DIFFERS: "Vantagepoint books to the project's own organization: make rule and project agree.",
    HoldReason.ACCOUNT_MISSING: "Create the account in Vantagepoint, or correct the coding rule that names it.",
    HoldReason.ACCOUNT_INACTIVE: "Activate the account in Vantagepoint, or correct the coding rule that names it.",
    HoldReason.SECTION_UNKNOWN: "Use an invoice section Vantagepoint knows: F, L, C, E, U, A, T or I.",
    HoldReason.TAX_CODE_MISSING: "Create or activate the tax code in Vantagepoint, or correct the coding rule.",
    HoldReason.BILLING_CLIENT_MISSING: "Give the project an existing billing client in Vantagepoint.",
    HoldReason.BILLING_CLIENT_INACTIVE: "Activate the project's billing client in Vantagepoint, or choose another.",
    HoldReason.INVOICE_NUMBER_UNUSABLE: "Give the document a number in ServiceTitan that Vantagepoint can hold.",
    HoldReason.INVOICE_NUMBER_TAKEN: (
        "Another document already uses this number on this project; Vantagepoint would merge them. Change one number."
    ),
    HoldReason.NO_PERIOD: "Set up the accounting period in Vantagepoint.",
    HoldReason.PERIOD_CLOSED: (
        "Re-open the period in Vantagepoint, or set posting.closed_period to first_open for this connection."
    ),
    HoldReason.ALREADY_IN_VANTAGEPOINT: (
        "Somebody entered this number or reference with other amounts. Reverse that entry, or ignore ours (holds ignore)."
    ),
    HoldReason.NO_CLEAR_ANSWER: (
        "Vantagepoint does not hold it. The next run sends the same file again; if that fails too, show its words to "
        "Vantagepoint's administrator."
    ),
    HoldReason.REFUSED: "Vantagepoint refused it with the words shown. Correct the cause there or in ServiceTitan.",
    HoldReason.POST_REFUSED: "It is entered in Vantagepoint but not posted. Correct the cause; the next run tries again.",
    HoldReason.DIFFERENT_IN_VANTAGEPOINT: (
        "A transaction file of ours holds other lines than we sent. Correct or delete it in Vantagepoint, do not post it "
        "by hand, then use holds release."
    ),
    HoldReason.LEDGER_DIFFERS: (
        "The ledger does not show what was posted. Compare and correct the transaction file in Vantagepoint, then use "
        "holds release."
    ),
    HoldReason.BANK_MISSING: "Create the bank code in Vantagepoint, or correct the coding rule that names it.",
    HoldReason.WAITING_FOR_INVOICE: (
        "It is posted by itself once the invoice it is applied to is posted; see what holds that one."
    ),
    HoldReason.APPLIED_TO_UNKNOWN_INVOICE: "Apply it in ServiceTitan to an invoice that exists.",
    HoldReason.APPLIED_TO_VOIDED_INVOICE: (
        "Apply it in ServiceTitan to an invoice that is not voided. What stands on the voided one moves there by itself."
    ),
    HoldReason.INVOICE_BEFORE_START: (
        "The invoice is older than the connection's start_date and was not posted from here. Set posting.opening_invoices "
        "to find, or enter the receipt in Vantagepoint by hand and ignore it here (holds ignore)."
    ),
    HoldReason.OPENING_INVOICE_NOT_READ: (
        "The next reading of both systems asks Vantagepoint's ledger for the invoice; nothing has to be done."
    ),
    HoldReason.OPENING_INVOICE_MISSING: (
        "Enter and post the invoice in Vantagepoint under this number; it is found by itself. Or ignore this one (holds "
        "ignore)."
    ),
    HoldReason.OPENING_INVOICE_AMBIGUOUS: (
        "Nothing says which of them is meant. Enter this one in Vantagepoint by hand, then ignore it here (holds ignore)."
    ),
    HoldReason.OPENING_INVOICE_DIFFERS: (
        "Correct the invoice in Vantagepoint or in ServiceTitan so that both are for the same, or enter this one in "
        "Vantagepoint by hand and ignore it here (holds ignore)."
    ),
    HoldReason.OVER_APPLIED: (
        "More would be received on the invoice than it is for. Correct the applications in ServiceTitan, or leave the rest "
        "unapplied there."
    ),
    HoldReason.UNAPPLIED_MONEY: (
        "Apply it to invoices in ServiceTitan, or set posting.unapplied to on_account or retainer."
    ),
    HoldReason.RECEIVABLES_ACCOUNT_UNKNOWN: (
        "Set up the company's accounts receivable account for automatic posting in Vantagepoint, and let the role see it."
    ),
    HoldReason.WAITING_FOR_DEPOSIT: (
        "It is posted with its bank deposit once ServiceTitan shows that as deposited (setting posting.receipt_files)."
    ),
    HoldReason.DEPOSIT_INCOMPLETE: (
        "Another payment of the same bank deposit is held; the deposit is posted whole. Release that one first."
    ),
    HoldReason.DEPOSIT_DIFFERS: (
        "Make payments, fees and amounts of the bank deposit agree in ServiceTitan, and the coding rules send its payments "
        "to one bank."
    ),
    HoldReason.CREDIT_NOT_APPLIED: "Apply the whole credit memo to invoices in ServiceTitan.",
    HoldReason.CREDIT_WITHOUT_ITEMS: "Give the credit memo items in ServiceTitan; they say which account it is booked on.",
    HoldReason.NO_VENDOR: "Give the document a vendor in ServiceTitan.",
    HoldReason.VENDOR_WITHOUT_FIRM: (
        "Create an active vendor firm with this name in Vantagepoint, or link one: st-deltek firms review."
    ),
    HoldReason.VENDOR_FIRM_AMBIGUOUS: "Say which firm it is: st-deltek firms review.",
    HoldReason.VENDOR_WITHOUT_ACCOUNTING: "Give the vendor accounting data in the company in Vantagepoint.",
    HoldReason.TERMS_UNKNOWN: "Use payment terms that Vantagepoint knows in the coding rule: Date, Next, Hold or PWP.",
    HoldReason.NEGATIVE_QUANTITY: "Goods that go back are an AP credit in ServiceTitan; correct the quantity there.",
    HoldReason.DUPLICATE_VENDOR_INVOICE: (
        "This vendor's invoice number was used before. Correct the number, ignore this one (holds ignore), or allow it "
        "(holds release --reason)."
    ),
    HoldReason.AWAITING_REVIEW: (
        "It is entered. Look at the file in Vantagepoint and post it there; the next run sees it (setting posting.posting)."
    ),
    HoldReason.FIRM_NAME_TOO_LONG: (
        "Create the firm in Vantagepoint under a shorter name and link it (st-deltek firms link), or shorten the name in "
        "ServiceTitan."
    ),
    HoldReason.FIRM_INACTIVE: "Activate the firm in Vantagepoint, or link another one: st-deltek firms link.",
    HoldReason.FIRM_ROLE_MISSING: (
        "Mark the firm as a client or vendor in Vantagepoint, or set firms.create to yes, or link another one."
    ),
    HoldReason.FIRM_REFUSED: (
        "Vantagepoint refused to create the firm with the words shown. Correct the firms block of the connection or the "
        "record in ServiceTitan, or create the firm by hand."
    ),
    HoldReason.FIRM_IN_DOUBT: (
        "Its creation was sent and the answer was lost. The next run looks again; nothing is created twice."
    ),
}


def advice_for(reason: str) -> str:
    """Say what would release documents that are held for a reason.

    Args:
        reason: A stored code; one that is not of ``HoldReason`` asks nothing of anybody, and its advice is empty.
    """
    return next((advice for code, advice in _ADVICE.items() if code.value == reason), "")


@dataclass(frozen=True)
class Hold:
    """A document that cannot be posted now.

    Attributes:
        message: What is wrong, naming the record, key or value.
        words: The other system's own text, or empty.
    """

    reason: HoldReason
    message: str
    words: str = ""

    @property
    def advice(self) -> str:
        """What would release it."""
        return _ADVICE[self.reason]
