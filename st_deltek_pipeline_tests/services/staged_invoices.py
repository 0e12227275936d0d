"""Staged invoices by their own names, for callers that know no other kind; see ``staged_documents``."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.store import staged_set_aside
from st_deltek_pipeline.store.staged_documents import read_day, read_ids
from st_deltek_pipeline.store.staged_set_aside import SetAside
from st_deltek_pipeline.store.staged_tables import INVOICES


def invoices_of_day(engine: Engine, connection: str, business_day: date) -> list[Invoice]:
    """Return every staged invoice of a business day, active or not, by id.

    Args:
        engine: The application's database.
        connection: The connection's name.
        business_day: The day.
    """
    return read_day(engine, INVOICES, connection, business_day)


def invoices_by_id(engine: Engine, connection: str, ids: Sequence[int]) -> list[Invoice]:
    """Return staged invoices by their ids, whatever their day.

    Args:
        engine: The application's database.
        connection: The connection's name.
        ids: ServiceTitan's invoice ids; unknown ones are left out.
    """
    return read_ids(engine, INVOICES, connection, ids)


def set_aside_of_day(engine: Engine, connection: str, business_day: date) -> list[SetAside]:
    """Return the invoices of a day that do not fit; see ``staged_set_aside.set_aside_of_day``.

    Args:
        engine: The application's database.
        connection: The connection's name.
        business_day: The day.
    """
    return staged_set_aside.set_aside_of_day(engine, connection, Kind.INVOICE, business_day)
