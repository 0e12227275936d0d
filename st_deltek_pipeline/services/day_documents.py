"""Which documents a business day aligns and decides about.

A document belongs to the day of its own date. Where receipts are posted by bank deposit, a payment belongs to the day of
its deposit, and is dated as the deposit is, so that the bank's line in Vantagepoint is that of the statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Engine

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.domain.documents import Document, Kind
from st_deltek_pipeline.domain.payments import Payment
from st_deltek_pipeline.store.staged_deposits import (
    dates_of_unsettled_deposits,
    deposits_dated,
    payments_of_deposits,
)
from st_deltek_pipeline.store.staged_documents import documents_by_id, documents_of_day


@dataclass(frozen=True)
class DayDocuments:
    """The documents of one kind that concern a business day.

    Attributes:
        here: Those that the day decides about; payments of a deposit have its date and day.
        elsewhere: Payments of the day by their own date that another day decides about, with that day and date.
    """

    here: Sequence[Document]
    elsewhere: Sequence[Payment] = ()

    @property
    def everything(self) -> Sequence[Document]:
        """All of them."""
        return [*self.here, *self.elsewhere]


def by_deposit(settings: ConnectionSettings, kind: Kind) -> bool:
    """Say whether documents of a kind are posted by bank deposit."""
    return kind is Kind.PAYMENT and settings.posting.receipt_files == "by_deposit"


def documents_of(engine: Engine, settings: ConnectionSettings, kind: Kind, business_day: date) -> DayDocuments:
    """Read the documents of one kind that concern a business day.

    Args:
        engine: The database.
        settings: The connection.
        kind: The kind of document.
        business_day: The partition.
    """
    own = documents_of_day(engine, settings.name, kind, business_day)
    if not by_deposit(settings, kind):
        return DayDocuments(own)
    calendar = business_calendar(settings.calendar, business_day.year, business_day.year)
    dates = calendar.document_dates(business_day) if calendar.is_business_day(business_day) else [business_day]
    deposits = deposits_dated(engine, settings.name, dates)
    known = {document.key.document_id for document in own}
    others = [each for each in payments_of_deposits(engine, settings.name, deposits) if each not in known]
    dated = [as_deposited(each, settings) for each in (*own, *documents_by_id(engine, settings.name, kind, others))]
    return DayDocuments(
        here=[each for each in dated if each.business_day == business_day or not isinstance(each, Payment)],
        elsewhere=[each for each in dated if isinstance(each, Payment) and each.business_day != business_day],
    )


def days_of_deposits(engine: Engine, settings: ConnectionSettings, calendar: BusinessCalendar) -> list[date]:
    """Return the business days on which bank deposits wait to be posted, oldest first; none where receipts go by day.

    Args:
        engine: The database.
        settings: The connection.
        calendar: The connection's calendar.
    """
    if not by_deposit(settings, Kind.PAYMENT):
        return []
    dates = dates_of_unsettled_deposits(engine, settings.name)
    return sorted({calendar.business_day(day) for day in dates if day >= settings.start_date})


def as_deposited(document: Document, settings: ConnectionSettings) -> Document:
    """Date a payment as its deposit is; one whose deposit is open, or older than the connection, keeps its own date.

    Args:
        document: Of any kind.
        settings: A connection that posts receipts by deposit.
    """
    if (
        not isinstance(document, Payment)
        or document.deposit_date is None
        or document.deposit_date < settings.start_date
    ):
        return document
    deposited = document.deposit_date
    calendar = business_calendar(settings.calendar, deposited.year, deposited.year)
    return replace(document, document_date=deposited, business_day=calendar.business_day(deposited))
