"""Finding the days whose held documents would be decided otherwise now, so that only those are run again.

A hold goes when what it waits for has come: a firm, a project, an open period, a coding rule, a person's word, the
posting of an invoice. Deciding about all held documents again, in bulk and without writing, finds out, whatever it was.
What a record itself says cannot have changed without its day being staged again (``staging.pending_days``).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.outcomes import DocumentOutcome
from st_deltek_pipeline.services.alignment import aligner
from st_deltek_pipeline.services.day_documents import by_deposit
from st_deltek_pipeline.services.posting.planner import decide_documents
from st_deltek_pipeline.store.journal import Journal
from st_deltek_pipeline.store.mapping import StoredAlignment
from st_deltek_pipeline.store.staged_documents import documents_by_id

_READER = "held days"
# What is held in memory at once, whatever is on hold.
_CHUNK = 2000


def days_to_decide_again(
    engine: Engine,
    settings: ConnectionSettings,
    kind: Kind,
    *,
    reasons: Collection[HoldReason] = tuple(HoldReason),
) -> list[date]:
    """Return the business days with a held document that would be posted, or held for something else, now.

    Args:
        engine: The database; only read.
        settings: The connection.
        kind: The kind of document.
        reasons: Only documents that are held for one of these.

    Raises:
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    reasons = frozenset(reasons) - {HoldReason.UNREADABLE}
    journal = Journal(engine, settings.name, run_id=_READER)
    held = {
        document_id: outcome
        for document_id, outcome in journal.held(kind).items()
        if outcome.business_day is not None and outcome.reason in reasons
    }
    if by_deposit(settings, kind):
        # The payments of a deposit decide about each other, across days.
        return _days(held.values())
    ids = sorted(held)
    return _days(
        outcome
        for start in range(0, len(ids), _CHUNK)
        for outcome in _outdated(
            engine, settings, journal, kind, {each: held[each] for each in ids[start : start + _CHUNK]}
        )
    )


def _outdated(
    engine: Engine, settings: ConnectionSettings, journal: Journal, kind: Kind, held: Mapping[int, DocumentOutcome]
) -> Iterator[DocumentOutcome]:
    documents = documents_by_id(engine, settings.name, kind, list(held))
    align = aligner(engine, settings, documents)
    alignments = {document.key.document_id: StoredAlignment.of(align(document)) for document in documents}
    decisions = decide_documents(engine, settings, journal, documents, alignments=alignments)
    for document_id, (_, decision) in decisions.items():
        if decision.postings or decision.outcome not in {None, held[document_id]}:
            yield held[document_id]


def _days(outcomes: Iterable[DocumentOutcome]) -> list[date]:
    return sorted({outcome.business_day for outcome in outcomes if outcome.business_day is not None})
