"""Natural keys: what two documents share in Vantagepoint would be taken for one, so each belongs to one document.

Which documents own keys is stored in ``store.natural_keys``; what a key is, is ``domain.posting_keys``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.allowances import Allowance
from st_deltek_pipeline.domain.decisions import Decision
from st_deltek_pipeline.domain.documents import Document, DocumentKey, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.posting_keys import NaturalKey, natural_key
from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline.domain.transaction_files import TransactionFile
from st_deltek_pipeline.services.posting.context import posting_target
from st_deltek_pipeline.store.journal import Journal

Claims = Sequence[tuple[NaturalKey, DocumentKey]]

Decided = tuple[Document, Decision]
"""A document, and what was decided about it."""


def claimed_key(posting: Posting, settings: ConnectionSettings, allowance: Allowance | None) -> NaturalKey | None:
    """Return what a posting must have to itself in Vantagepoint.

    Args:
        posting: The posting.
        settings: The connection.
        allowance: What a person allowed its document.

    Returns:
        The key, or ``None`` where it may be shared: the connection or a person allows it, or what is there already is
        taken back.
    """
    if posting.reverses is not None:
        return None
    padded_to = settings.vantagepoint.pad_invoice_numbers_to
    if posting.heading.entry is EntryType.VOUCHERS and settings.posting.duplicate_vendor_invoice == "allow":
        return None
    if allowance is not None and allowance.permits(posting, padded_to=padded_to):
        return None
    return natural_key(posting.heading, padded_to=padded_to)


def allowances_of(journal: Journal, documents: Iterable[DocumentKey]) -> Mapping[DocumentKey, Allowance]:
    """Read what persons allowed documents, of whatever kinds they are."""
    ids: dict[Kind, set[int]] = {}
    for document in documents:
        ids.setdefault(document.kind, set()).add(document.document_id)
    found = [each for kind, known in ids.items() for each in journal.allowances(kind, sorted(known)).values()]
    return {allowance.document: allowance for allowance in found}


def claims_of(files: Sequence[TransactionFile], journal: Journal, settings: ConnectionSettings) -> Claims:
    """Return the natural keys that transaction files need, each with the document that needs it."""
    postings = [posting for file in files for posting in file.postings]
    allowed = allowances_of(journal, (posting.document for posting in postings))
    return [
        (key, posting.document)
        for posting in postings
        if (key := claimed_key(posting, settings, allowed.get(posting.document))) is not None
    ]


def check_owners(owners: Mapping[NaturalKey, DocumentKey], claims: Claims) -> None:
    """Make sure that claims were granted.

    Args:
        owners: Who owns the keys now.
        claims: What was claimed.

    Raises:
        TransientError: Another document took one since the plan was made.
    """
    for key, document in claims:
        owner = owners[key]
        if owner != document:
            message = f"{owner} took {key.number} {key.scope} meanwhile, which {document} is planned with."
            raise TransientError(message, advice="Nothing was written; run the day again.")


def without_taken_keys(decided: Sequence[Decided], journal: Journal, settings: ConnectionSettings) -> list[Decided]:
    """Hold documents whose natural key another document has in Vantagepoint; the oldest of those decided now comes first.

    Args:
        decided: Documents, and what was decided about each.
        journal: The connection's.
        settings: The connection.
    """
    ordered = sorted(decided, key=lambda each: each[0].key)
    allowed = allowances_of(journal, (document.key for document, _ in ordered))
    keys_of = [_keys(decision, settings, allowed.get(document.key)) for document, decision in ordered]
    wanted = {key for keys in keys_of for key in keys}
    owners = dict(journal.natural_key_owners(posting_target(settings), sorted(wanted)))
    kept: list[Decided] = []
    for (document, decision), keys in zip(ordered, keys_of, strict=True):
        taken = [(key, owner) for key in sorted(keys) if (owner := owners.get(key, document.key)) != document.key]
        if taken and decision.outcome is not None:
            kept.append((document, Decision((), _key_taken(document, decision.outcome, *taken[0]))))
            continue
        owners.update(dict.fromkeys(keys, document.key))
        kept.append((document, decision))
    return kept


def _keys(decision: Decision, settings: ConnectionSettings, allowance: Allowance | None) -> set[NaturalKey]:
    return {key for posting in decision.postings if (key := claimed_key(posting, settings, allowance)) is not None}


def _key_taken(document: Document, outcome: DocumentOutcome, key: NaturalKey, owner: DocumentKey) -> DocumentOutcome:
    reason = HoldReason.INVOICE_NUMBER_TAKEN
    message = f"{document.key}: {owner} already uses the number {document.number} on project {outcome.project}."
    if key.entry is EntryType.VOUCHERS:
        reason = HoldReason.DUPLICATE_VENDOR_INVOICE
        message = f"{document.key}: {owner} already has invoice {key.number} of vendor {key.scope}."
    elif key.entry is not EntryType.INVOICES:
        message = f"{document.key}: {owner} already has the reference {key.number}."
    return replace(outcome, outcome=OutcomeKind.HELD, reason=reason.value, message=message)
