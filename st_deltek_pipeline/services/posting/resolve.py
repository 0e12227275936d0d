"""In doubt: a file was sent and its answer is not known. Vantagepoint is asked; nothing is ever guessed."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from st_deltek_pipeline.domain.entry_bodies import stated_total
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.journal import EventType, FileState
from st_deltek_pipeline.domain.reading_back import file_differences
from st_deltek_pipeline.services.posting.context import PostingContext, looks_until_settled
from st_deltek_pipeline.services.posting.moves import hold_file, move
from st_deltek_pipeline.store.journal_rows import StoredFile
from st_deltek_pipeline.store.locks import PosterLock


def resolve_in_doubt(context: PostingContext, lock: PosterLock, file: StoredFile) -> bool:
    """Settle a file whose sending is in doubt, by reading it back.

    A request that was lost may still arrive until the settling time is over; only then is absence certain enough
    to send the same frozen file again, under the same Batch, so that even a late arrival collides.

    Returns:
        True when the file is entered, or planned again; False when it had to be held.
    """
    if file.state is FileState.SENDING:
        # A crash between the journal's word and the request, or after it: nobody knows.
        message = "A run ended while this file was being sent."
        file = move(context, lock, file, FileState.IN_DOUBT, EventType.FILE_IN_DOUBT, message=message)
    for _ in looks_until_settled(context, file):
        if is_entered(context, file):
            return compare_entered(context, lock, file)
    if in_ledger(context, file):
        move(context, lock, file, FileState.ENTERED, EventType.FILE_ENTERED, found="in the ledger")
    else:
        message = "Vantagepoint does not hold it after the settling time."
        move(context, lock, file, FileState.PLANNED, EventType.FILE_ABSENT, message=message)
    return True


def is_entered(context: PostingContext, file: StoredFile) -> bool:
    """Say whether Vantagepoint holds something under a file's Batch, be it posted or not."""
    if context.client.read_control(file.entry, file.batch) is None:
        return False
    # Without files a control row is made beside its first document; alone it says that the document did not follow.
    return not context.one_by_one or bool(context.client.read_masters(file.entry, file.batch))


def in_ledger(context: PostingContext, file: StoredFile) -> bool:
    """Say whether the ledger knows a file, which is then posted even if its control row is not shown any more."""
    return bool(context.client.ledger_rows(file.entry.ledger_type, batches=[file.batch]))


def states_our_total(file: StoredFile, row: Mapping[str, Any]) -> bool:
    """Say whether a control row states the sum of our lines; a row without a sum does not contradict it."""
    stated = row.get(stated_total(file.entry))
    return stated is None or Decimal(str(stated)) == json.loads(file.body, parse_float=Decimal)["Total"]


def compare_entered(context: PostingContext, lock: PosterLock, file: StoredFile) -> bool:
    """Compare the file Vantagepoint holds under our Batch with ours; entered when equal, else held with an alarm."""
    if not still_as_sent(context, lock, file):
        return False
    move(context, lock, file, FileState.ENTERED, EventType.FILE_ENTERED, found="by reading back")
    return True


def still_as_sent(context: PostingContext, lock: PosterLock, file: StoredFile) -> bool:
    """Say whether Vantagepoint holds exactly our lines under a file's Batch; when it does not, the file is held."""
    differences = file_differences(
        json.loads(file.body, parse_float=Decimal),
        context.client.read_details(file.entry, file.batch),
        entry=file.entry,
        padded_to=context.settings.vantagepoint.pad_invoice_numbers_to,
    )
    if not differences:
        return True
    message = f"File {file.batch} holds other lines in Vantagepoint: {'; '.join(differences[:5])}."
    hold_file(context, lock, file, Hold(HoldReason.DIFFERENT_IN_VANTAGEPOINT, message))
    return False
