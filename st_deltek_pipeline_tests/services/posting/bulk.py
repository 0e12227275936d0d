"""Many made-up documents of three kinds, posted for real through the protocol, without staging or alignment."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.coded_amounts import Heading, LineKey, invoice_line
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.outcomes import DocumentOutcome, OutcomeKind
from st_deltek_pipeline.domain.posting_keys import reference_of
from st_deltek_pipeline.domain.postings import MasterKey, Posting, PostingLine
from st_deltek_pipeline.domain.transaction_files import build_files
from st_deltek_pipeline.services.posting.planner import freeze
from st_deltek_pipeline.store.copying import copy_rows
from st_deltek_pipeline.store.statistics import refresh_statistics
from st_deltek_pipeline_tests.services.posting.harness import Bench

PROJECT = "CHS2026"
RECEIVABLES = "121.00"
_NO_PROJECT = ("", "", "")
_LATEST = (
    "connection",
    "kind",
    "record_id",
    "seq",
    "payload_hash",
    "modified_on",
    "document_date",
    "active",
    "total",
)


def invoice_number(number: int) -> str:
    """Return the number of the n-th invoice, long enough not to be padded."""
    return f"9{number:06d}"


def made_up(name: str, days: Sequence[date], documents: int, vendor: str) -> Iterator[Posting]:
    """Make postings: of ten documents six are invoices, three payments of them in full, one is a bill.

    Args:
        name: The connection.
        days: Business days that they are spread over.
        documents: How many.
        vendor: Code of a vendor with accounting data.
    """
    for number in range(documents):
        day, turn = days[number % len(days)], number % 10
        cents = 100 + number % 9973
        if turn < 6:
            key = DocumentKey(name, Kind.INVOICE, 900_000 + number)
            project = (PROJECT, "", "")
            own = invoice_number(number)
            lines = [
                _line(invoice_line(project, own, account="401.00", section="L"), cents),
                _line(invoice_line(project, own, account="404.00", section="L"), 2 * cents),
            ]
        elif turn < 9:
            key = DocumentKey(name, Kind.PAYMENT, 900_000 + number)
            heading = Heading(EntryType.RECEIPTS, reference_of(key), bank="OPER")
            paid = number - 6
            lines = [
                _line(LineKey(heading, PROJECT, "", "", invoice_number(paid), RECEIVABLES), 3 * (100 + paid % 9973))
            ]
        else:
            key = DocumentKey(name, Kind.BILL, 900_000 + number)
            heading = Heading(EntryType.VOUCHERS, f"V{number}", vendor=vendor, liability="TRADE")
            lines = [_line(LineKey(heading, *_NO_PROJECT, "", "131.00"), cents)]
        heading = lines[0].key.heading
        yield Posting(
            document=key,
            posting_no=1,
            revision=1,
            revision_hash=f"{number:064x}",
            business_day=day,
            master=MasterKey(202610, day, heading),
            due_date=None,
            lines=tuple(lines),
            correction=False,
            moved_from=None,
        )


def _line(key: LineKey, cents: int) -> PostingLine:
    return PostingLine(key, Decimal(cents) / 100, "Made up", "", Decimal("0.00"))


def post(bench: Bench, postings: Sequence[Posting]) -> None:
    """Let postings be what ServiceTitan has, freeze their files in the journal, and post them."""
    name = bench.settings.name
    with bench.engine.begin() as db:
        copy_rows(
            db,
            "raw.latest",
            _LATEST,
            (
                (
                    name,
                    posting.document.kind.value,
                    posting.document.document_id,
                    1_000_000 + number,
                    "made up",
                    None,
                    posting.business_day,
                    True,
                    posting.amount,
                )
                for number, posting in enumerate(postings)
            ),
        )
    for kind in (Kind.INVOICE, Kind.PAYMENT, Kind.BILL):
        own = [posting for posting in postings if posting.document.kind is kind]
        files = build_files(name, bench.settings.vantagepoint.company, own, documents_per_file=1000)
        outcomes = [_under_way(posting) for posting in own]
        with bench.context.locked() as lock, bench.context.journal.writing(lock) as transaction:
            freeze(bench.context, transaction, files, outcomes, "made up")
        # As every run of the product does after it has written much.
        refresh_statistics(bench.engine)
        sent = bench.send(tuple(file.batch for file in files))
        assert all(not outcome.message for outcome in sent), [outcome.message for outcome in sent]


def _under_way(posting: Posting) -> DocumentOutcome:
    return DocumentOutcome(
        posting.document,
        1,
        posting.revision_hash,
        posting.business_day,
        OutcomeKind.IN_FLIGHT,
        "",
        "",
        "",
        posting.amount,
        posting.project,
    )
