"""Measures ``verify``: a journal of many events with everything that belongs to them, checked in a process of its own.

    python -m benchmarks.verify --events 1000000

Documents, postings, lines, files, ledger rows and payloads are made in the database; the events by the same code that
chains them in production. A journal that does not verify fails the benchmark; a slow figure does not.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, text

from benchmarks import machine
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.journal import FIRST_HASH, ChainedEvent, Event, EventType, chain
from st_deltek_pipeline.domain.verification import Invariant
from st_deltek_pipeline.services.verifying import Findings, verify
from st_deltek_pipeline.store.copying import copy_rows
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline.store.migrate import migrate

CONNECTION = "benchmark"
VOLUMES = (100_000, 1_000_000)
_DOCUMENTS_PER_FILE = 200
_EVENTS_PER_FILE = 6
_STARTED = datetime(2026, 10, 1, tzinfo=UTC)
_COLUMNS = (
    "connection", "sequence", "occurred_at", "run_id", "event_type", "kind", "document_id", "revision", "batch", "body",
    "previous_hash", "hash",
)  # fmt: skip

# One line of all but half a dollar, one of half a dollar; the ledger shows both with the other sign.
_ROWS = (
    """
    CREATE TEMPORARY TABLE made ON COMMIT DROP AS
    SELECT id, md5('file' || (id - 1) / :per_file) AS batch, CAST(id % 1000 + 1 AS numeric(19, 2)) AS amount
    FROM generate_series(1, :documents) AS id
    """,
    "CREATE INDEX ON made (batch)",
    """
    CREATE TEMPORARY TABLE frozen ON COMMIT DROP AS
    SELECT batch, count(*) AS documents, sum(amount) AS amount,
        '{"Batch":"' || batch || '","Total":' || sum(amount) || ',"inMaster":['
            || string_agg('{"Invoice":"' || id || '"}', ',') || '],"inDetail":['
            || string_agg('{"PKey":"' || md5(id || '-1') || '","Amount":' || amount - 0.50 || '},{"PKey":"'
                || md5(id || '-2') || '","Amount": 0.50}', ',') || ']}' AS body
    FROM made GROUP BY batch
    """,
    "INSERT INTO journal.bodies SELECT encode(sha256(convert_to(body, 'UTF8')), 'hex'), body FROM frozen",
    """
    INSERT INTO journal.transaction_files
        (connection, batch, kind, entry, company, period, business_day, state, documents, amount, body_hash, sent_at)
    SELECT :connection, batch, 'invoice', 'in', '', 202610, '2026-10-05', 'posted', documents, amount,
           encode(sha256(convert_to(body, 'UTF8')), 'hex'), now() FROM frozen
    """,
    """
    INSERT INTO journal.postings (connection, kind, document_id, posting_no, revision, revision_hash, business_day, batch,
        period, trans_date, wbs1, wbs2, wbs3, number, amount, correction, entry, key_scope, key_number)
    SELECT :connection, 'invoice', id, 1, 1, md5('r' || id), '2026-10-05', batch, 202610, '2026-10-05', 'P', '', '',
           CAST(id AS text), amount, false, 'in', 'P', CAST(id AS text) FROM made
    """,
    """
    INSERT INTO journal.posting_lines (connection, kind, document_id, posting_no, line_no, line_key, account, section,
        tax_code, item, organization, description, amount, tax_basis)
    SELECT :connection, 'invoice', id, 1, line, md5(id || '-' || line), '401.00', 'L', '', '', '01', 'Labor',
           CASE line WHEN 1 THEN amount - 0.50 ELSE 0.50 END, 0
    FROM made CROSS JOIN generate_series(1, 2) AS line
    """,
    """
    INSERT INTO journal.ledger_rows
        (connection, batch, line_key, kind, document_id, period, wbs1, account, invoice, amount, document_amount)
    SELECT :connection, batch, md5(id || '-' || line), 'invoice', id, 202610, 'P', '401.00', CAST(id AS text),
           -(CASE line WHEN 1 THEN amount - 0.50 ELSE 0.50 END), CASE line WHEN 1 THEN amount - 0.50 ELSE 0.50 END
    FROM made CROSS JOIN generate_series(1, 2) AS line
    """,
    """
    INSERT INTO journal.outcomes (connection, kind, document_id, revision, revision_hash, business_day, outcome, amount)
    SELECT :connection, 'invoice', id, 1, md5('r' || id), '2026-10-05', 'posted', 0.00 FROM made
    """,
    """
    INSERT INTO journal.natural_keys (target, entry, scope, number, connection, kind, document_id)
    SELECT 'target', 'in', 'P', CAST(id AS text), :connection, 'invoice', id FROM made
    """,
    """
    INSERT INTO raw.records
        (seq, connection, kind, record_id, payload, payload_hash, modified_on, active, document_date, total, run_id)
    SELECT id, :connection, 'invoice', id, CAST(payload AS json), encode(sha256(convert_to(payload, 'UTF8')), 'hex'), now(),
           true, '2026-10-05', amount, 'benchmark'
    FROM made CROSS JOIN LATERAL (SELECT '{"id":' || id || ',"memo":"' || repeat('x', 1000) || '"}' AS payload) AS sent
    """,
    """
    INSERT INTO raw.latest (connection, kind, record_id, seq, payload_hash, modified_on, document_date, active, total)
    SELECT connection, kind, record_id, seq, payload_hash, modified_on, document_date, active, total FROM raw.records
    """,
    """
    INSERT INTO staged.invoices (connection, document_id, revision, revision_hash, business_day, document_date, number,
        sync_status, review_status, active, customer_name, customer_type, business_unit_name, job_type, job_status,
        project_number, tax_zone_name, subtotal, sales_tax, total, raw_seq, shape)
    SELECT :connection, id, 1, md5('r' || id), '2026-10-05', '2026-10-05', CAST(id AS text), 'Posted', '', true, 'A customer',
           '', '', '', '', '', '', amount, 0, amount, id, 1 FROM made
    """,
)


def fill(db: Connection, events: int) -> int:
    """Make a journal.

    Args:
        db: An open transaction on an empty, migrated database.
        events: About how many events.

    Returns:
        How many there are.
    """
    files = max(1, events // (2 * _DOCUMENTS_PER_FILE + _EVENTS_PER_FILE))
    parameters = {"connection": CONNECTION, "documents": files * _DOCUMENTS_PER_FILE, "per_file": _DOCUMENTS_PER_FILE}
    db.execute(text("SET LOCAL statement_timeout = 0"))
    for statement in _ROWS:
        db.execute(text(statement), parameters)
    last: list[ChainedEvent] = []
    written = copy_rows(db, "journal.events", _COLUMNS, _chained(_frozen(db, files), last))
    db.execute(
        text("INSERT INTO journal.chain_heads VALUES (:connection, :sequence, :hash)"),
        {"connection": CONNECTION, "sequence": last[0].sequence, "hash": last[0].hash},
    )
    return written


def _frozen(db: Connection, files: int) -> list[tuple[str, str]]:
    """Return every file's Batch and the hash of its body, in the order of its documents."""
    rows = db.execute(
        text(
            """
            SELECT batch, body_hash FROM generate_series(0, :last) AS n
            JOIN journal.transaction_files ON batch = md5('file' || n) ORDER BY n
            """
        ),
        {"last": files - 1},
    )
    return [(row.batch, row.body_hash) for row in rows]


def _chained(frozen: list[tuple[str, str]], last: list[ChainedEvent]) -> Iterator[tuple[object, ...]]:
    at, previous = 0, FIRST_HASH
    for number, (batch, body_hash) in enumerate(frozen):
        occurred = _STARTED + timedelta(seconds=number)
        for link in chain(
            CONNECTION,
            _of_file(number, batch, body_hash),
            sequence=at,
            previous_hash=previous,
            occurred_at=occurred,
            run_id="benchmark",
        ):
            event = link.event
            yield (
                CONNECTION,
                link.sequence,
                occurred.isoformat(),
                link.run_id,
                event.event_type.value,
                event.document.kind.value if event.document else None,
                event.document.document_id if event.document else None,
                event.revision,
                event.batch,
                link.body,
                link.previous_hash,
                link.hash,
            )
            at, previous = link.sequence, link.hash
            last[:] = [link]


def _of_file(number: int, batch: str, body_hash: str) -> Iterator[Event]:
    first = number * _DOCUMENTS_PER_FILE + 1
    documents = [DocumentKey(CONNECTION, Kind.INVOICE, first + place) for place in range(_DOCUMENTS_PER_FILE)]
    yield Event(EventType.FILE_PLANNED, {"body_hash": body_hash, "documents": len(documents)}, batch=batch)
    for document in documents:
        planned = {"posting_no": 1, "amount": Decimal("1.00"), "project": "P", "number": str(document.document_id)}
        yield Event(EventType.DOCUMENT_PLANNED, planned, document, 1, batch)
    for step in (
        EventType.FILE_SENDING,
        EventType.FILE_ENTERED,
        EventType.FILE_POSTING,
        EventType.FILE_POST_ANSWERED,
        EventType.FILE_POSTED,
    ):
        yield Event(step, {}, batch=batch)
    for document in documents:
        yield Event(EventType.DOCUMENT_POSTED, {"posting_no": 1, "amount": Decimal("1.00")}, document, 1, batch)


def measure(database_url: str) -> dict[str, Any]:
    """Verify the journal; runs in a process of its own.

    Args:
        database_url: Where it is.

    Returns:
        The figures.
    """
    engine = engine_for(database_url)
    at_start = machine.peak_memory_mib()
    started = time.perf_counter()
    began: dict[str, float] = {}

    def tell(invariant: Invariant, _done: int, _of: int | None) -> None:
        began.setdefault(invariant.value, time.perf_counter() - started)

    findings = Findings(tell)
    events = verify(engine, CONNECTION, vendors_may_repeat=False, findings=findings)
    seconds = time.perf_counter() - started
    described = machine.describe(engine)
    engine.dispose()
    ends = [*list(began.values())[1:], seconds]
    return {
        "events": events,
        "seconds": round(seconds, 1),
        "events_per_second": round(events / seconds),
        "seconds_by_invariant": {
            name: round(end - begin, 1) for (name, begin), end in zip(began.items(), ends, strict=True)
        },
        "memory_at_start_mib": at_start,
        "peak_memory_mib": machine.peak_memory_mib(),
        "holds": findings.holds,
        "violations": [f"{each.subject}: {each.words}" for check in findings.checks for each in check.named[:3]],
        "machine": described,
    }


def run(volumes: tuple[int, ...] = VOLUMES) -> list[dict[str, Any]]:
    """Run every measurement.

    Args:
        volumes: Events of the journal, one measurement each.

    Returns:
        The figures of each volume, ready for JSON.
    """
    with tempfile.TemporaryDirectory(prefix="st-deltek-benchmark-") as folder:
        postgres = EmbeddedPostgres(Path(folder))
        postgres.ensure_running()
        try:
            return [_run(postgres, volume) for volume in volumes]
        finally:
            postgres.stop(force=True)


def _run(postgres: EmbeddedPostgres, volume: int) -> dict[str, Any]:
    name = f"benchmark_verify_{volume}"
    admin = create_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as db:
        db.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    url = postgres.url(name)
    engine = engine_for(url)
    try:
        load = machine.load()
        _prepare(engine, volume)
        command = [sys.executable, "-m", "benchmarks.verify", "--measure", url]
        figures = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    finally:
        engine.dispose()
    return {**figures, "load_before": load}


def _prepare(engine: Engine, volume: int) -> None:
    migrate(engine)
    with engine.begin() as db:
        fill(db, volume)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("ANALYZE"))


def show(figures: list[dict[str, Any]]) -> None:
    """Print the figures for people."""
    print("Verifying a journal")
    for each in figures:
        slowest = sorted(each["seconds_by_invariant"].items(), key=lambda pair: -pair[1])[:3]
        print(
            f"  {each['events']:>9,} events: {each['seconds']:.1f} s ({each['events_per_second']:,}/s), peak memory"
            f" {each['memory_at_start_mib']:.0f} MiB at start, {each['peak_memory_mib']:.0f} at the end;"
            f" longest: {', '.join(f'{name} {seconds:.1f} s' for name, seconds in slowest)}"
        )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Measure verify over a journal of many events.")
    parser.add_argument("--events", type=int, nargs="+", default=list(VOLUMES), help="events of the journal")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--measure", metavar="DATABASE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    figures = run(tuple(options.events))
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures)
    if not all(each["holds"] for each in figures):
        sys.exit("A journal does not verify.")


if __name__ == "__main__":
    main()
