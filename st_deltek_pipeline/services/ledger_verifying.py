"""Verifies a connection against Vantagepoint's ledger: every line we posted stands there once, with its amount.

Asked by Batch, many files at a time, and by number, so that a line of ours under another Batch is found as well. What others
posted is none of its business; the reconciliation names that.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import islice

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import ZERO, shown
from st_deltek_pipeline.domain.numbers import pad_invoice_number
from st_deltek_pipeline.domain.verification import Invariant, Violation
from st_deltek_pipeline.services.verifying import Findings
from st_deltek_pipeline.store import ledger_lines
from st_deltek_pipeline.store.ledger_lines import StandingLine
from st_deltek_pipeline.store.verification import one_view
from st_deltek_pipeline.vantagepoint.client import VantagepointClient

_FILES_AT_ONCE = 20
_ADVICE = "Look at both in Vantagepoint; then take back what is wrong: st-deltek reverse"


def verify_ledger(engine: Engine, settings: ConnectionSettings, client: VantagepointClient, findings: Findings) -> None:
    """Read the ledger back, and judge every posted file by it; writes nothing.

    Args:
        engine: The database.
        settings: The connection.
        client: Its Vantagepoint database.
        findings: Is told what does not hold.

    Raises:
        TransientError, CredentialsError, PermissionMissingError: Vantagepoint could not be read.
    """
    with one_view(engine) as db:
        files = ledger_lines.posted_files(db, settings.name)
        findings.judge(
            Invariant.LEDGER,
            _in_parts(files, lambda entry, batches: _compared(client, settings, entry, batches)),
            lambda found: found[1],
        )


_File = tuple[str, EntryType, Sequence[StandingLine]]
_Compared = tuple[str, list[Violation]]


def _in_parts(
    files: Iterator[_File], compare: Callable[[EntryType, Sequence[_File]], Iterator[_Compared]]
) -> Iterator[_Compared]:
    """Compare files of one type together, some at a time; they are read by type."""
    waiting: list[_File] = []
    for file in files:
        if waiting and (file[1] is not waiting[0][1] or len(waiting) == _FILES_AT_ONCE):
            yield from compare(waiting[0][1], waiting)
            waiting = []
        waiting.append(file)
    if waiting:
        yield from compare(waiting[0][1], waiting)


def _compared(
    client: VantagepointClient, settings: ConnectionSettings, entry: EntryType, files: Sequence[_File]
) -> Iterator[_Compared]:
    batches = [batch for batch, _, _ in files]
    rows = list(client.ledger_rows(entry.ledger_type, batches=batches))
    numbers = {line.number for _, _, lines in files for line in lines if line.number}
    if entry is EntryType.INVOICES:
        numbers |= {pad_invoice_number(each, settings.vantagepoint.pad_invoice_numbers_to) for each in numbers}
    by_invoice = entry in {EntryType.INVOICES, EntryType.VOUCHERS}
    elsewhere = (
        client.ledger_rows(entry.ledger_type, invoices=sorted(numbers))
        if by_invoice
        else client.ledger_rows(entry.ledger_type, references=sorted(numbers))
    )
    rows += [row for row in elsewhere if row.batch not in batches]
    shown_of: dict[str, list[tuple[str, Decimal]]] = {}
    for row in rows:
        shown_of.setdefault(row.line_key, []).append((row.batch, row.amount * entry.ledger_sign))
    for batch, _, lines in files:
        yield (
            batch,
            [violation for line in lines for violation in _judged(batch, line, shown_of.get(line.line_key, []))],
        )


def _judged(batch: str, line: StandingLine, found: Sequence[tuple[str, Decimal]]) -> Iterator[Violation]:
    here = sum((amount for where, amount in found if where == batch), start=ZERO)
    others = sorted({where for where, _ in found if where != batch})
    subject = line.document
    if others:
        words = f"line {line.line_key} of file {batch} stands in {', '.join(islice(others, 3))} as well"
        yield Violation(Invariant.LEDGER, subject, words, _ADVICE)
    if not any(where == batch for where, _ in found):
        yield Violation(
            Invariant.LEDGER, subject, f"line {line.line_key} of file {batch} is not in the ledger", _ADVICE
        )
    elif here != line.amount:
        words = f"line {line.line_key} of file {batch} stands with {shown(here)}, and {shown(line.amount)} was posted"
        yield Violation(Invariant.LEDGER, subject, words, _ADVICE)
