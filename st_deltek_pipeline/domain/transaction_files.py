"""Transaction files: grouping postings, the derived Batch, and the exact body that is sent.

The body is a pure function of the postings in the file (``entry_bodies``). It is frozen in the journal when planned;
preview and run build it here and nowhere else.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from st_deltek_pipeline.domain.canonical import canonical_json, sha256_hex
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.entry_bodies import file_body
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.domain.posting_keys import BATCH_LENGTH, entry_key, posting_identity
from st_deltek_pipeline.domain.postings import Posting


@dataclass(frozen=True)
class TransactionFile:
    """One batch for Vantagepoint, frozen.

    Attributes:
        batch: First 32 hex digits of SHA-256 over connection, kind, period and the sorted revisions.
        body: Canonical JSON of the request.
        body_hash: SHA-256 of the body.
        together: It is posted whole or not at all, for the reason named; else empty.
    """

    connection: str
    kind: Kind
    entry: EntryType
    company: str
    period: int
    batch: str
    postings: tuple[Posting, ...]
    body: str
    body_hash: str
    together: str = ""

    @property
    def amount(self) -> Decimal:
        """Net amount of the file."""
        return total(posting.amount for posting in self.postings)


def build_files(
    connection: str, company: str, postings: Iterable[Posting], *, documents_per_file: int
) -> tuple[TransactionFile, ...]:
    """Group postings into transaction files: one kind, entry type and period each, bounded, no master key twice.

    Args:
        connection: The connection's name.
        company: Company code; empty in a single-company database.
        postings: Of one kind.
        documents_per_file: The most masters in a file; what belongs together is never cut.

    Returns:
        Files in a fixed order: the same postings give the same files.
    """

    def group(posting: Posting) -> tuple[str, str, int, str]:
        return (_file_kind(posting), posting.heading.entry, posting.master.period, posting.together)

    ordered = sorted(postings, key=lambda posting: (*group(posting), posting_identity(posting)))
    files: list[TransactionFile] = []
    for (*_, together), members in itertools.groupby(ordered, key=group):
        largest = None if together else documents_per_file
        files.extend(build_file(connection, company, chunk) for chunk in _chunks(members, largest=largest))
    return tuple(files)


def build_file(connection: str, company: str, postings: Sequence[Posting]) -> TransactionFile:
    """Freeze one transaction file.

    Raises:
        ValueError: No postings, or postings of several kinds, entry types or periods, or one master key twice.
    """
    members = tuple(sorted(postings, key=posting_identity))
    groups = {(_file_kind(posting), posting.heading.entry, posting.master.period) for posting in members}
    if len(groups) != 1:
        message = "a transaction file holds postings of exactly one kind, one entry type and one period"
        raise ValueError(message)
    if len({entry_key(posting) for posting in members}) != len(members):
        message = "a transaction file cannot hold two masters of one key"
        raise ValueError(message)
    kind, entry, period = groups.pop()
    batch = derive_batch(connection, kind, period, members)
    body = canonical_json(file_body(connection, company, batch, members))
    together = {posting.together for posting in members}
    return TransactionFile(
        connection=connection,
        kind=kind,
        entry=entry,
        company=company,
        period=period,
        batch=batch,
        postings=members,
        body=body,
        body_hash=sha256_hex(body),
        together=together.pop() if len(together) == 1 else "",
    )


def _file_kind(posting: Posting) -> Kind:
    """Return which kind's files a posting goes into: the fees of a bank deposit go with its payments."""
    return Kind.PAYMENT if posting.document.kind is Kind.BANK_DEPOSIT else posting.document.kind


def derive_batch(connection: str, kind: Kind, period: int, postings: Iterable[Posting]) -> str:
    """Derive the Batch: the same revisions always meet under the same key, so a repeat collides."""
    revisions = sorted(_revision(posting) for posting in postings)
    return sha256_hex(canonical_json([connection, kind.value, period, revisions]))[:BATCH_LENGTH]


def _revision(posting: Posting) -> str:
    # A number that was given up may be used again, once for a difference and once for a reversal of the same revision.
    reverses = "" if posting.reverses is None else f":reverses {posting.reverses}"
    return f"{posting_identity(posting)}:{posting.revision_hash}{reverses}"


def plan_hash(files: Iterable[TransactionFile]) -> str:
    """Hash what a plan would send: 64 hex digits, equal only when every body is equal."""
    return sha256_hex(canonical_json(sorted([file.batch, file.body_hash] for file in files)))


def _chunks(postings: Iterable[Posting], *, largest: int | None) -> Iterator[list[Posting]]:
    open_chunks: list[tuple[list[Posting], set[tuple[str, ...]]]] = []
    for posting in postings:
        key = entry_key(posting)
        place = next(
            (chunk for chunk in open_chunks if (largest is None or len(chunk[0]) < largest) and key not in chunk[1]),
            None,
        )
        if place is None:
            place = (list[Posting](), set[tuple[str, ...]]())
            open_chunks.append(place)
        place[0].append(posting)
        place[1].add(key)
        if len(open_chunks) > 1 and len(open_chunks[0][0]) == largest:
            yield open_chunks.pop(0)[0]
    yield from (chunk for chunk, _ in open_chunks)
