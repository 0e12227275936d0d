"""Finding the days whose payments and credit memos were left behind by their invoices, so that they are decided again."""

from datetime import date

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.following import FOLLOWERS, left_behind
from st_deltek_pipeline.services.alignment import aligner
from st_deltek_pipeline.store.following import followers_of_moved_invoices
from st_deltek_pipeline.store.journal import Journal
from st_deltek_pipeline.store.journal_rows import NOT_STANDING
from st_deltek_pipeline.store.staged_documents import documents_by_id

_READER = "following"


def days_left_behind(engine: Engine, settings: ConnectionSettings, kind: Kind) -> list[date]:
    """Return the business days with a settled document whose invoices are not any more where it stands.

    Such a document did not change, so nothing else says that its day has work. Aligning, planning and posting the day
    again moves it (``domain.decisions``).

    Args:
        engine: The database; only read.
        settings: The connection.
        kind: The kind of document; one that follows no invoices has no such days.

    Raises:
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    if kind not in FOLLOWERS:
        return []
    ids = followers_of_moved_invoices(engine, settings.name, kind)
    documents = documents_by_id(engine, settings.name, kind, ids) if ids else []
    if not documents:
        return []
    align = aligner(engine, settings, documents)
    standings = Journal(engine, settings.name, run_id=_READER).standings(kind, ids)
    days: set[date] = set()
    for document in documents:
        found = align(document)
        standing = standings.get(document.key.document_id, NOT_STANDING).lines
        if document.active and left_behind(kind, found.lines, found.hold, standing):
            days.add(document.business_day)
    return sorted(days)
