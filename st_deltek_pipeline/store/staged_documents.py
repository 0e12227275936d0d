"""Staged documents of any kind. Temporary: the generic staging tables replace it."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import Document, Kind
from st_deltek_pipeline.store.staged import SetAside, invoices_by_id, invoices_of_day
from st_deltek_pipeline.store.staged import set_aside_of_day as set_aside_invoices


def documents_of_day(engine: Engine, connection: str, kind: Kind, business_day: date) -> Sequence[Document]:
    """Read a day's documents."""
    return invoices_of_day(engine, connection, business_day) if kind is Kind.INVOICE else []


def documents_by_id(engine: Engine, connection: str, kind: Kind, ids: Sequence[int]) -> Sequence[Document]:
    """Read documents."""
    return invoices_by_id(engine, connection, ids) if kind is Kind.INVOICE else []


def set_aside_of_day(engine: Engine, connection: str, kind: Kind, business_day: date) -> Sequence[SetAside]:
    """Read a day's records that do not fit."""
    return set_aside_invoices(engine, connection, business_day) if kind is Kind.INVOICE else []
