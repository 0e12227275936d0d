"""Documents as they are now, of any kind: staged ones, dated as their day dates them, and bank deposits."""

from collections.abc import Sequence

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.deposits import BankDeposit
from st_deltek_pipeline.domain.documents import Document, Kind
from st_deltek_pipeline.services.day_documents import as_deposited, by_deposit
from st_deltek_pipeline.services.posting.deposits import bank_deposits
from st_deltek_pipeline.store.journal import Journal
from st_deltek_pipeline.store.staged_documents import documents_by_id


def current_documents(
    engine: Engine, settings: ConnectionSettings, journal: Journal, kind: Kind, ids: Sequence[int]
) -> list[Document]:
    """Return the newest readable version of documents.

    Args:
        engine: The database.
        settings: The connection.
        journal: The connection's.
        kind: The kind of document.
        ids: ServiceTitan's ids; unknown ones, and those of which no version can be read, are left out.
    """
    if kind is Kind.BANK_DEPOSIT:
        deposits = bank_deposits(engine, settings, journal, ids)
        return [deposit for deposit in deposits.values() if isinstance(deposit, BankDeposit)]
    found = documents_by_id(engine, settings.name, kind, ids)
    return [as_deposited(document, settings) for document in found] if by_deposit(settings, kind) else found
