"""Transaction files: grouping postings, the derived Batch, and the exact body that is sent.

The body is a pure function of the postings in the file. It is frozen in the journal when planned; preview and
run build it here and nowhere else. Field names: vantagepoint.md section 4.1.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from st_deltek_pipeline.domain.canonical import canonical_json, sha256_hex
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.domain.postings import MasterKey, Posting, PostingLine

BATCH_LENGTH = 32
_DESCRIPTION_LENGTH = 40

# Two-letter prefix of Vantagepoint's transaction entry, and its name in the posted ledger.
ENTRY_TYPE = {Kind.INVOICE: "in"}
LEDGER_TYPE = {Kind.INVOICE: "IN"}


@dataclass(frozen=True)
class TransactionFile:
    """One batch for Vantagepoint, frozen.

    Attributes:
        batch: First 32 hex digits of SHA-256 over connection, kind, period and the sorted revisions.
        body: Canonical JSON of the request.
        body_hash: SHA-256 of the body.
    """

    connection: str
    kind: Kind
    company: str
    period: int
    batch: str
    postings: tuple[Posting, ...]
    body: str
    body_hash: str

    @property
    def amount(self) -> Decimal:
        """Net amount of the file."""
        return total(posting.amount for posting in self.postings)


def build_files(
    connection: str, company: str, postings: Iterable[Posting], *, documents_per_file: int
) -> tuple[TransactionFile, ...]:
    """Group postings into transaction files: one kind and period each, bounded, no master key twice.

    Args:
        connection: The connection's name.
        company: Company code; empty in a single-company database.
        postings: Of one kind.
        documents_per_file: The most masters in a file.

    Returns:
        Files in a fixed order: the same postings give the same files.
    """
    ordered = sorted(postings, key=lambda posting: (posting.document.kind, posting.master.period, _identity(posting)))
    files: list[TransactionFile] = []
    for _, group in itertools.groupby(ordered, key=lambda posting: (posting.document.kind, posting.master.period)):
        files.extend(
            build_file(connection, company, chunk) for chunk in _chunks(group, documents_per_file=documents_per_file)
        )
    return tuple(files)


def build_file(connection: str, company: str, postings: Sequence[Posting]) -> TransactionFile:
    """Freeze one transaction file.

    Raises:
        ValueError: No postings, or postings of several kinds or periods, or one master key twice.
    """
    members = tuple(sorted(postings, key=_identity))
    kinds = {posting.document.kind for posting in members}
    periods = {posting.master.period for posting in members}
    if len(kinds) != 1 or len(periods) != 1:
        message = "a transaction file holds postings of exactly one kind and one period"
        raise ValueError(message)
    if len({_entry_key(posting.master) for posting in members}) != len(members):
        message = "a transaction file cannot hold two masters for one project and invoice number"
        raise ValueError(message)
    kind, period = kinds.pop(), periods.pop()
    batch = derive_batch(connection, kind, period, members)
    body = canonical_json(_body(connection, company, batch, members))
    return TransactionFile(connection, kind, company, period, batch, members, body, sha256_hex(body))


def derive_batch(connection: str, kind: Kind, period: int, postings: Iterable[Posting]) -> str:
    """Derive the Batch: the same revisions always meet under the same key, so a repeat collides."""
    revisions = sorted(f"{_identity(posting)}:{posting.revision_hash}" for posting in postings)
    return sha256_hex(canonical_json([connection, kind.value, period, revisions]))[:BATCH_LENGTH]


def line_key(posting: Posting, line: PostingLine) -> str:
    """Derive a detail's PKey (32 hex digits): it finds the line again in the posted ledger."""
    document = posting.document
    parts = [
        document.connection,
        document.kind.value,
        document.document_id,
        posting.posting_no,
        posting.master.period,
        posting.master.trans_date.isoformat(),
        [line.key.wbs1, line.key.wbs2, line.key.wbs3, line.key.invoice],
        [line.key.account, line.key.section, line.key.tax_code, line.key.item],
    ]
    return sha256_hex(canonical_json(parts))[:BATCH_LENGTH]


def plan_hash(files: Iterable[TransactionFile]) -> str:
    """Hash what a plan would send: 64 hex digits, equal only when every body is equal."""
    return sha256_hex(canonical_json(sorted([file.batch, file.body_hash] for file in files)))


def _identity(posting: Posting) -> str:
    return f"{posting.document.document_id:020d}:{posting.posting_no:06d}"


def _entry_key(master: MasterKey) -> tuple[str, str, str, str]:
    return (master.invoice, master.wbs1, master.wbs2, master.wbs3)


def _chunks(postings: Iterable[Posting], *, documents_per_file: int) -> Iterator[list[Posting]]:
    open_chunks: list[tuple[list[Posting], set[tuple[str, str, str, str]]]] = []
    for posting in postings:
        key = _entry_key(posting.master)
        place = next(
            (chunk for chunk in open_chunks if len(chunk[0]) < documents_per_file and key not in chunk[1]), None
        )
        if place is None:
            place = (list[Posting](), set[tuple[str, str, str, str]]())
            open_chunks.append(place)
        place[0].append(posting)
        place[1].add(key)
        if len(open_chunks) > 1 and len(open_chunks[0][0]) == documents_per_file:
            yield open_chunks.pop(0)[0]
    yield from (chunk for chunk, _ in open_chunks)


def _timestamp(day: date) -> str:
    return f"{day.isoformat()}T00:00:00.000"


def _body(connection: str, company: str, batch: str, postings: Sequence[Posting]) -> dict[str, Any]:
    kind = postings[0].document.kind
    prefix = ENTRY_TYPE[kind]
    days = sorted({posting.business_day for posting in postings})
    description = f"ServiceTitan {connection} {kind.value}s {days[0]}"
    return {
        "Batch": batch,
        "Description": description[:_DESCRIPTION_LENGTH],
        "Recurring": "N",
        "Selected": "N",
        "Posted": "N",
        "Period": postings[0].master.period,
        "Company": company,
        "Total": total(posting.amount for posting in postings),
        "RetTotal": Decimal("0.00"),
        f"{prefix}Master": [_master(batch, number, posting) for number, posting in enumerate(postings, start=1)],
        f"{prefix}Detail": [
            _detail(batch, number, posting, line)
            for posting in postings
            for number, line in enumerate(posting.lines, start=1)
        ],
    }


def _master(batch: str, number: int, posting: Posting) -> dict[str, Any]:
    return {
        "Batch": batch,
        "Invoice": posting.master.invoice,
        "WBS1": posting.master.wbs1,
        "WBS2": posting.master.wbs2,
        "WBS3": posting.master.wbs3,
        "TransDate": _timestamp(posting.master.trans_date),
        "DueDate": _timestamp(posting.due_date or posting.master.trans_date),
        "TransComment": f"ServiceTitan {posting.document} revision {posting.revision}",
        "Seq": number,
    }


def _detail(batch: str, number: int, posting: Posting, line: PostingLine) -> dict[str, Any]:
    return {
        "Batch": batch,
        "Invoice": line.key.invoice,
        "WBS1": line.key.wbs1,
        "WBS2": line.key.wbs2,
        "WBS3": line.key.wbs3,
        "PKey": line_key(posting, line),
        "Seq": number,
        "InvoiceSection": line.key.section,
        "Account": line.key.account,
        "Amount": line.amount,
        "RetAmount": Decimal("0.00"),
        "TaxCode": line.key.tax_code,
        "TaxBasis": line.tax_basis,
        "Retainer": "N",
    }
