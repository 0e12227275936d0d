"""The keys a posting has in Vantagepoint: derived from the document, so that a repeat meets what is there already.

Everything here must stay as it is for ever: what was posted is found again by it.
"""

from dataclasses import dataclass

from st_deltek_pipeline.domain.canonical import canonical_json, sha256_hex
from st_deltek_pipeline.domain.coded_amounts import Heading
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.numbers import folded_number, invoice_number_key
from st_deltek_pipeline.domain.postings import Posting, PostingLine

BATCH_LENGTH = 32
LONGEST_REFERENCE = 12
"""Examples of RefNo have 11 and 12 characters (vantagepoint.md section 6)."""

_LETTERS = {
    Kind.PAYMENT: "P",
    Kind.BILL: "B",
    Kind.AP_CREDIT: "A",
    Kind.CREDIT_MEMO: "C",
    Kind.INVOICE: "I",
    Kind.BANK_DEPOSIT: "D",
}
_INVOICE_TYPES = frozenset({Kind.INVOICE, Kind.CREDIT_MEMO})


@dataclass(frozen=True, order=True)
class NaturalKey:
    """What Vantagepoint or its users know a document by, whoever entered it.

    Attributes:
        scope: Within what the number belongs to one document: project of an AR invoice, project and invoice of a credit
            memo, vendor of a voucher; empty where references are the database's.
        number: Folded, so that all its spellings are equal.
    """

    entry: EntryType
    scope: str
    number: str


def reference_of(document: DocumentKey) -> str:
    """Derive the reference (RefNo, CreditMemoRefNo) of a document: at most 12 characters, the same every time.

    A letter for the kind and ServiceTitan's id. An id of more digits than fit is replaced by ten digits of its hash; should
    two ever meet, the second document is held (``NaturalKey``), never mixed up.
    """
    plain = f"{_LETTERS[document.kind]}{document.document_id}"
    if document.document_id >= 0 and len(plain) <= LONGEST_REFERENCE:
        return plain
    return f"{_LETTERS[document.kind]}X{sha256_hex(plain)[: LONGEST_REFERENCE - 2].upper()}"


def natural_key(heading: Heading, *, padded_to: int) -> NaturalKey:
    """Return what a document occupies in Vantagepoint under a heading.

    Args:
        heading: Of any entry type.
        padded_to: Width of padded AR invoice numbers.
    """
    if heading.entry is EntryType.INVOICES:
        return invoice_natural_key(heading.wbs1, heading.number, heading.credit_memo, padded_to=padded_to)
    scope = folded_number(heading.vendor) if heading.entry is EntryType.VOUCHERS else ""
    return NaturalKey(heading.entry, scope, folded_number(heading.number))


def invoice_natural_key(wbs1: str, invoice: str, credit_memo: str, *, padded_to: int) -> NaturalKey:
    """Return the natural key of an AR invoice, or of what a credit memo takes off one."""
    number = invoice_number_key(invoice, padded_to)
    if credit_memo.strip():
        return NaturalKey(EntryType.INVOICES, f"{wbs1}|{number}", folded_number(credit_memo))
    return NaturalKey(EntryType.INVOICES, wbs1, number)


def posting_identity(posting: Posting) -> str:
    """Name a posting within its connection and the files of one kind; sorts by document, then by number."""
    named = f"{posting.document.document_id:020d}:{posting.posting_no:06d}"
    # A deposit is in the file of its payments, whose ids it may share.
    return f"{posting.document.kind}:{named}" if posting.document.kind is Kind.BANK_DEPOSIT else named


def entry_key(posting: Posting) -> tuple[str, ...]:
    """Return the key of a posting's master within its file (section 4)."""
    heading = posting.heading
    if heading.entry is EntryType.INVOICES:
        return (heading.number, heading.wbs1, heading.wbs2, heading.wbs3)
    if heading.entry is EntryType.VOUCHERS:
        return (master_key(posting),)
    return (heading.number,)


def master_key(posting: Posting) -> str:
    """Derive a voucher's MasterPKey (32 hex digits)."""
    return _digits(posting, "master")


def balance_key(posting: Posting) -> str:
    """Derive the PKey of the line that a journal entry balances on (32 hex digits)."""
    return _digits(posting, "balance")


def line_key(posting: Posting, line: PostingLine) -> str:
    """Derive a detail's PKey (32 hex digits): it finds the line again in the posted ledger."""
    key, heading = line.key, line.key.heading
    parts: list[object] = [
        [key.wbs1, key.wbs2, key.wbs3, key.invoice],
        [key.account, key.section, key.tax_code, key.item],
    ]
    if posting.document.kind not in _INVOICE_TYPES:
        parts.append([heading.entry.value, heading.number, heading.vendor, heading.bank, heading.liability])
    elif heading.credit_memo:
        parts.append([heading.credit_memo])
    return _digits(posting, *parts)


def _digits(posting: Posting, *parts: object) -> str:
    document = posting.document
    named = [
        document.connection,
        document.kind.value,
        document.document_id,
        posting.posting_no,
        posting.master.period,
        posting.master.trans_date.isoformat(),
        *parts,
    ]
    return sha256_hex(canonical_json(named))[:BATCH_LENGTH]
