"""What assets of each kind of document are called, and how people are told about them; one entry per kind."""

from collections.abc import Mapping
from dataclasses import dataclass

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.reconciliation import Area


@dataclass(frozen=True)
class KindWords:
    """The words for one kind of document.

    Attributes:
        plural: In the names of assets.
        called: In sentences, lower case.
        aligned: What aligning one of them finds.
        posted: What they are in Vantagepoint.
        waits_for: The kinds that have to be posted before one of them can be aligned.
    """

    plural: str
    called: str
    aligned: str
    posted: str
    waits_for: tuple[Kind, ...] = ()


WORDS: Mapping[Kind, KindWords] = {
    Kind.INVOICE: KindWords(
        "invoices",
        "invoices",
        "Each invoice's firm, project, organization, account, section and tax code in Vantagepoint",
        "posted AR invoices",
    ),
    Kind.CREDIT_MEMO: KindWords(
        "credit_memos",
        "credit memos",
        "The posted invoices that each credit memo is split over, with the accounts of what it takes back",
        "posted negative AR on the invoices they are split over",
        waits_for=(Kind.INVOICE,),
    ),
    Kind.PAYMENT: KindWords(
        "payments",
        "payments and refunds",
        "Each payment's bank, and the project, invoice and account of everything it is applied to",
        "posted cash receipts",
        # What may still be received on an invoice is less once it is credited.
        waits_for=(Kind.INVOICE, Kind.CREDIT_MEMO),
    ),
    Kind.BILL: KindWords(
        "bills",
        "vendors' bills",
        "Each bill's vendor firm, terms and liability, and the project and account of each line, tax and cost",
        "posted AP vouchers, or journal entries by the connection's setting",
    ),
    Kind.AP_CREDIT: KindWords(
        "ap_credits",
        "vendors' credits",
        "Each credit's vendor firm and liability, and the project and account it takes off",
        "posted negative AP vouchers, or journal entries by the connection's setting",
    ),
}

LEDGERS: Mapping[Area, str] = {
    Area.AR: "vantagepoint_ar_ledger",
    Area.CASH: "vantagepoint_cash_ledger",
    Area.AP: "vantagepoint_ap_ledger",
}
"""The ledger of each area, as it was read back."""


def staged_asset(kind: Kind) -> str:
    """Name the asset of a kind's typed rows."""
    return f"staged_{WORDS[kind].plural}"


def aligned_asset(kind: Kind) -> str:
    """Name the asset of a kind's coded lines."""
    return f"aligned_{WORDS[kind].plural}"


def posted_asset(kind: Kind) -> str:
    """Name the asset of what is posted of a kind."""
    return f"posted_{WORDS[kind].plural}"
