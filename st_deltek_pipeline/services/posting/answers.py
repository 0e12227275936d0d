"""What Vantagepoint answered, as the journal keeps it: a few named fields and its own words, never a whole body."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from st_deltek_pipeline.domain.journal import Event, EventType
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.store.journal_rows import StoredFile
from st_deltek_pipeline.store.locks import PosterLock
from st_deltek_pipeline.vantagepoint.rows import PostAnswer

_FIELDS = (
    "Batch",
    "Company",
    "Period",
    "Posted",
    "Total",
    "SumTotal",
    "DiffTotal",
    "CreditsTotal",
    "SumDebitsTotal",
    "SumCreditsTotal",
)
_LONGEST = 500


def control_answer(row: Mapping[str, Any]) -> dict[str, Any]:
    """Pick what a control row says about a file that was accepted.

    Args:
        row: As answered; whatever else is in it is left out.
    """
    return {name: _plain(row[name]) for name in _FIELDS if row.get(name) is not None}


def keep_answer(context: PostingContext, lock: PosterLock, file: StoredFile, answer: PostAnswer) -> None:
    """Record what Vantagepoint said when it posted a file; whether it did, only the ledger proves.

    Raises:
        LockLostError: Another worker has taken over.
    """
    details = {
        "posted": answer.posted,
        "period": answer.period,
        "post_sequence": answer.post_sequence,
        "message": answer.message[:_LONGEST],
    }
    with context.journal.writing(lock) as transaction:
        transaction.append([Event(EventType.FILE_POST_ANSWERED, details, batch=file.batch)])


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int | Decimal) else str(value)[:_LONGEST]
