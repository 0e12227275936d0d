"""Allowing a bill to use a vendor's invoice number that another document has already, because a person says so."""

from dataclasses import replace

from st_deltek_pipeline.domain.allowances import Allowance
from st_deltek_pipeline.domain.documents import Document
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.errors import ConfigurationError, TransientError
from st_deltek_pipeline.domain.journal import Event, EventType
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.posting_keys import NaturalKey, natural_key
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.store.locks import PosterLock
from st_deltek_pipeline.store.mapping import alignments_of


def allow_duplicate(
    context: PostingContext,
    lock: PosterLock,
    held: DocumentOutcome,
    newest: Document | None,
    *,
    by: str,
    reason: str,
) -> DocumentOutcome:
    """Let the current revision of a bill share its vendor's invoice number; other documents may not.

    Args:
        context: The person's view of the connection.
        lock: The poster's lock.
        held: The bill's hold.
        newest: Its newest staged revision.
        by: Who decides it.
        reason: The person's words.

    Returns:
        Where it stands now: the next run posts it.

    Raises:
        ConfigurationError: Words are missing.
        TransientError: It has changed since it was decided about.
    """
    document = held.document
    if not reason:
        message = f"{document} has a vendor's invoice number that was used before."
        raise ConfigurationError(message, advice="Say why it is no duplicate: --reason.")
    key = _voucher_key(context, newest) if newest is not None else None
    current = newest is not None and (newest.revision, newest.revision_hash) == (held.revision, held.revision_hash)
    if key is None or not current:
        message = f"{document} has changed since it was decided about."
        raise TransientError(message, advice=f"Run: st-deltek sync {document.connection}. Then look at what holds it.")
    allowance = Allowance(document, held.revision, held.revision_hash, key, reason=reason, by=by)
    message = f"{document}: allowed by {by}: {reason}"
    waiting = replace(held, outcome=OutcomeKind.IN_FLIGHT, reason="", message=message, words="")
    with context.journal.writing(lock) as transaction:
        transaction.allow(allowance)
        transaction.set_outcomes([waiting])
        transaction.append(
            [
                Event(
                    EventType.DOCUMENT_ALLOWED,
                    {
                        "by": by,
                        "why": reason,
                        "held_for": held.reason,
                        "vendor": key.scope,
                        "number": key.number,
                        "amount": held.amount,
                        "revision_hash": held.revision_hash,
                    },
                    document=document,
                    revision=held.revision,
                )
            ]
        )
    return waiting


def _voucher_key(context: PostingContext, bill: Document) -> NaturalKey | None:
    """Return the key a bill is coded with; ``None`` when this revision is not coded as a voucher."""
    key, document_id = bill.key, bill.key.document_id
    with context.engine.connect() as connection:
        found = alignments_of(connection, connection_name=key.connection, kind=key.kind, document_ids=[document_id])
    alignment = found.get(document_id)
    if alignment is None or alignment.revision_hash != bill.revision_hash:
        return None
    padded_to = context.settings.vantagepoint.pad_invoice_numbers_to
    keys = {natural_key(line.key.heading, padded_to=padded_to) for line in alignment.lines}
    return next((each for each in keys if each.entry is EntryType.VOUCHERS), None)
