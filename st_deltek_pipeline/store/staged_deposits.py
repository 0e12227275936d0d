"""Which payments are in which bank deposits, as staging saw it; deposits themselves are read from ``raw``."""

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import Engine, text


def deposits_dated(engine: Engine, connection: str, dates: Collection[date]) -> list[int]:
    """Return the deposits that were taken to the bank on some dates.

    Args:
        engine: The application's database.
        connection: The connection's name.
        dates: Dates of deposits.
    """
    statement = text(
        """
        SELECT record_id FROM staged.lookups
        WHERE connection = :connection AND kind = 'bank_deposit' AND name = ANY(:dates)
        ORDER BY record_id
        """
    )
    parameters = {"connection": connection, "dates": [day.isoformat() for day in dates]}
    with engine.connect() as db:
        return list(db.execute(statement, parameters).scalars())


def payments_of_deposits(engine: Engine, connection: str, deposit_ids: Sequence[int]) -> list[int]:
    """Return the ids of the staged payments that are in some deposits, active or not.

    Args:
        engine: The application's database.
        connection: The connection's name.
        deposit_ids: ServiceTitan's ids.
    """
    if not deposit_ids:
        return []
    statement = text(
        """
        SELECT document_id FROM staged.payments
        WHERE deposit_id = ANY(:ids) AND connection = :connection
        ORDER BY document_id
        """
    )
    with engine.connect() as db:
        return list(db.execute(statement, {"connection": connection, "ids": list(deposit_ids)}).scalars())


def dates_of_unsettled_deposits(engine: Engine, connection: str) -> list[date]:
    """Return the dates of the deposits that have a payment in a revision that is neither posted nor ignored, oldest first.

    Args:
        engine: The application's database.
        connection: The connection's name.
    """
    statement = text(
        """
        SELECT DISTINCT payment.deposit_date FROM staged.payments AS payment
        LEFT JOIN journal.outcomes AS outcome
          ON outcome.connection = payment.connection AND outcome.kind = 'payment'
         AND outcome.document_id = payment.document_id
        WHERE payment.connection = :connection AND payment.deposit_date IS NOT NULL
          AND (outcome.outcome IS NULL OR outcome.outcome NOT IN ('posted', 'ignored')
               OR outcome.revision_hash <> payment.revision_hash)
        ORDER BY payment.deposit_date
        """
    )
    with engine.connect() as db:
        return list(db.execute(statement, {"connection": connection}).scalars())
