"""Ledger rows read back from Vantagepoint, tied to the document that caused them."""

from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline.store.journal_rows import LedgerEvidence
from st_deltek_pipeline.vantagepoint.rows import LedgerRow


def evidence_of(row: LedgerRow, posting: Posting) -> LedgerEvidence:
    """Keep what a ledger row shows of a posting."""
    return LedgerEvidence(
        batch=row.batch,
        line_key=row.line_key,
        document=posting.document,
        period=row.period,
        post_sequence=row.post_sequence,
        wbs1=row.wbs1,
        account=row.account,
        invoice=row.invoice,
        amount=row.amount,
        document_amount=row.amount * posting.heading.entry.ledger_sign,
    )
