"""When a document counts as finished in ServiceTitan, so that it may be posted (setting ``ready_when``)."""

from typing import Literal

from st_deltek_pipeline.domain.documents import Document, SyncStatus
from st_deltek_pipeline.domain.invoices import Invoice

ReadyWhen = Literal["posted", "completed"]

_REVIEWS_PENDING = frozenset({"NeedsReview", "OnHold", "PendingApproval", "Rejected"})
_POSTED = frozenset({SyncStatus.POSTED, SyncStatus.EXPORTED})


def why_not_ready(document: Document, ready_when: ReadyWhen) -> str:
    """Say why a document is not ready, or nothing when it is.

    Args:
        document: An active document.
        ready_when: ``posted``: its status is Posted or Exported. ``completed``: an invoice's job is completed and no
            review is pending; what is no invoice has no job to complete, and is ready when it exists.
    """
    if ready_when == "posted":
        if document.sync_status in _POSTED:
            return ""
        return f"its status is {document.sync_status.value}, not yet Posted."
    return _unfinished_work(document) if isinstance(document, Invoice) else ""


def _unfinished_work(invoice: Invoice) -> str:
    if invoice.review_status in _REVIEWS_PENDING:
        return f"its review status is {invoice.review_status}."
    # An invoice without a job (a progress or counter sale) has nothing to complete.
    if invoice.job_id is not None and invoice.job_status != "Completed":
        return f"its job {invoice.job_id} is {invoice.job_status or 'not known'}, not yet Completed."
    return ""
