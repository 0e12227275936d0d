"""What Vantagepoint's ledger has already under the natural keys of postings: asked in bulk, never per document."""

from collections.abc import Mapping, Sequence

from st_deltek_pipeline.domain.coded_amounts import Heading
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.numbers import folded_number, pad_invoice_number
from st_deltek_pipeline.domain.posting_keys import NaturalKey, invoice_natural_key, natural_key
from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.store.journal_rows import StoredFile
from st_deltek_pipeline.vantagepoint.rows import LedgerRow


def ledger_under_natural_keys(
    context: PostingContext, file: StoredFile, postings: Sequence[Posting]
) -> Mapping[NaturalKey, list[LedgerRow]]:
    """Read the ledger rows that stand under the postings' natural keys.

    Keys under which something of the document stands already are left out: there a correction finds its own earlier rows,
    and another phase of the same project its neighbour's.

    Args:
        context: The run.
        file: The transaction file.
        postings: Its postings.

    Raises:
        TransientError, CredentialsError, PermissionMissingError, BrokenError: Nothing was changed.
    """
    padded_to = context.settings.vantagepoint.pad_invoice_numbers_to
    documents: dict[Kind, set[int]] = {}
    for posting in postings:
        documents.setdefault(posting.document.kind, set()).add(posting.document.document_id)
    own = {
        (kind, document_id, natural_key(key.heading, padded_to=padded_to))
        for kind, ids in documents.items()
        for document_id, standing in context.journal.standings(kind, sorted(ids)).items()
        for (_, key), amount in standing.lines.items()
        if amount
    }
    asked = [(posting, natural_key(posting.heading, padded_to=padded_to)) for posting in postings]
    keys = {
        key: posting.heading
        for posting, key in asked
        if (posting.document.kind, posting.document.document_id, key) not in own
    }
    found: dict[NaturalKey, list[LedgerRow]] = {}
    for row in _rows(context, file.entry, list(keys.values()), padded_to):
        key = _key_of_row(row, file.entry, padded_to)
        if key in keys:
            found.setdefault(key, []).append(row)
    return found


def _rows(
    context: PostingContext, entry: EntryType, headings: Sequence[Heading], padded_to: int
) -> Sequence[LedgerRow]:
    numbers = {heading.number for heading in headings}
    if entry is EntryType.INVOICES:
        numbers |= {pad_invoice_number(number, padded_to) for number in numbers}
    if entry in {EntryType.INVOICES, EntryType.VOUCHERS}:
        return context.client.ledger_rows(entry.ledger_type, invoices=sorted(numbers))
    return context.client.ledger_rows(entry.ledger_type, references=sorted(numbers))


def _key_of_row(row: LedgerRow, entry: EntryType, padded_to: int) -> NaturalKey:
    if entry is EntryType.INVOICES:
        return invoice_natural_key(row.wbs1, row.invoice, row.credit_memo, padded_to=padded_to)
    if entry is EntryType.VOUCHERS:
        return NaturalKey(entry, folded_number(row.vendor), folded_number(row.invoice))
    return NaturalKey(entry, "", folded_number(row.reference))
