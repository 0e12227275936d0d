"""``verify``: what holds is found to hold, and every planted violation is found and named. Nothing is planted by our code."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.domain.reference import FiscalPeriod
from st_deltek_pipeline.domain.verification import Invariant
from st_deltek_pipeline.services.ledger_verifying import verify_ledger
from st_deltek_pipeline.services.verifying import MOST_NAMED, Findings, verify, verify_view
from st_deltek_pipeline.store.reference import load_periods
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.rows import LedgerRow
from st_deltek_pipeline_tests.services.audited_books import audited_books
from st_deltek_pipeline_tests.services.posting.harness import Bench
from st_deltek_pipeline_tests.taken_in_fixtures import TakenIn


@pytest.fixture(scope="module")
def acme(taken_in: TakenIn) -> Generator[Bench]:
    with taken_in(invoices=20) as engine, audited_books(engine) as books:
        yield books


def test_everything_holds_of_a_connection_that_has_posted_corrected_reversed_and_ignored(acme: Bench) -> None:
    findings = Findings(lambda *_: None)
    events = verify(acme.engine, "acme", vendors_may_repeat=False, findings=findings)
    verify_ledger(acme.engine, acme.settings, acme.vantagepoint, findings)
    assert [violation for check in findings.checks for violation in check.named] == []
    assert findings.holds
    looked_at = {check.invariant: check.looked_at for check in findings.checks}
    assert set(looked_at) == set(Invariant)
    assert looked_at[Invariant.HASH_CHAIN] == events == acme.context.journal.last_sequence()
    (documents,) = acme.rows("SELECT count(*) AS n FROM journal.outcomes")
    assert looked_at[Invariant.ONE_OUTCOME] == documents.n
    (files,) = acme.rows(
        "SELECT count(*) AS n, count(*) FILTER (WHERE state = 'posted') AS posted FROM journal.transaction_files"
    )
    assert looked_at[Invariant.FILES_BALANCE] == looked_at[Invariant.EVENTS_AND_ROWS] == files.n
    assert looked_at[Invariant.LEDGER] == files.posted > 5
    assert min(looked_at.values()) > 0, looked_at
    (stored,) = acme.rows("SELECT count(*) AS n FROM raw.records")
    assert looked_at[Invariant.PAYLOADS] == stored.n + files.n
    (standing,) = acme.rows(
        """
        SELECT count(*) AS n FROM journal.postings JOIN journal.transaction_files AS file USING (connection, batch)
        WHERE file.state IN ('posted', 'adopted')
        """
    )
    assert looked_at[Invariant.OPEN_PERIODS] == standing.n
    (lines,) = acme.rows("SELECT count(*) AS n FROM journal.posting_lines")
    assert looked_at[Invariant.POSTED_ONCE] > lines.n


@dataclass(frozen=True)
class Case:
    """Something that only somebody with all rights can do to the database, and what has to be said of it.

    ``{posted}`` is the id of a posted invoice, ``{batch}`` its file, ``{ignored}`` an ignored one, ``{reversed}`` a reversed
    one, ``{events}`` the last event.
    """

    planted: Sequence[str]
    invariant: str
    subject: str


_PLACES = {
    "of": "WHERE kind = 'invoice' AND document_id = {posted}",
    "file": "WHERE batch = '{batch}'",
    "body": "(SELECT body_hash FROM journal.transaction_files WHERE batch = '{batch}')",
    "line": "(SELECT ctid FROM journal.posting_lines WHERE kind = 'invoice' AND document_id = {posted} LIMIT 1)",
    "raw": "WHERE kind = 'invoice' AND record_id = {posted}",
}
"""What the cases name rows by."""

CASES = {
    "an event is changed": Case(
        ["UPDATE journal.events SET body = '{{}}' WHERE sequence = 5"], "hash_chain", "event 5"
    ),
    "an event is removed": Case(["DELETE FROM journal.events WHERE sequence = 7"], "hash_chain", "event 7"),
    "the last event is removed": Case(
        ["DELETE FROM journal.events WHERE sequence = {events}"], "hash_chain", "event {events}"
    ),
    "an event is added by hand": Case(
        [
            """
            INSERT INTO journal.events SELECT connection, {events} + 1, occurred_at, run_id, event_type, kind,
            document_id, revision, batch, body, hash, hash FROM journal.events WHERE sequence = {events}
            """
        ],
        "hash_chain",
        "event {next}",
    ),
    "a payload is rewritten": Case(
        ["UPDATE raw.records SET payload = '{{}}' {raw}"], "payloads", "invoice:{posted} version {version}"
    ),
    "a frozen body is rewritten": Case(
        ["UPDATE journal.bodies SET body = replace(body, 'Selected', 'selected') WHERE body_hash = {body}"],
        "payloads",
        "frozen body of file {batch}",
    ),
    "an outcome is removed": Case(["DELETE FROM journal.outcomes {of}"], "one_outcome", "invoice:{posted}"),
    "a posted document is in a file under way": Case(
        ["UPDATE journal.transaction_files SET state = 'sending' {file}"], "one_outcome", "invoice:{posted}"
    ),
    "a line of a posting is changed": Case(
        ["UPDATE journal.posting_lines SET amount = amount + 0.01 WHERE ctid = {line}"],
        "files_balance",
        "file {batch} (invoice)",
    ),
    "a line of a posting is removed": Case(
        ["DELETE FROM journal.posting_lines WHERE ctid = {line}"], "files_balance", "file {batch} (invoice)"
    ),
    "a posting's amount is changed": Case(
        ["UPDATE journal.postings SET amount = amount + 0.01 {of}"], "files_balance", "file {batch} (invoice)"
    ),
    "a file's amount is changed": Case(
        ["UPDATE journal.transaction_files SET amount = amount - 0.01 {file}"],
        "files_balance",
        "file {batch} (invoice)",
    ),
    "a body states another total": Case(
        ["UPDATE journal.bodies SET body = regexp_replace(body, '\"Total\":', '\"Total\":9') WHERE body_hash = {body}"],
        "files_balance",
        "file {batch} (invoice)",
    ),
    "a body is no JSON": Case(
        ["UPDATE journal.bodies SET body = 'lost' WHERE body_hash = {body}"],
        "files_balance",
        "file {batch} (invoice)",
    ),
    "a posted document is said to be a cent short": Case(
        ["UPDATE journal.outcomes SET amount = 0.01 {of}"], "document_totals", "invoice:{posted}"
    ),
    "the ledger showed another amount": Case(
        ["UPDATE journal.ledger_rows SET document_amount = document_amount + 0.01 {of}"],
        "document_totals",
        "invoice:{posted}",
    ),
    "the staged total is another": Case(
        ["UPDATE staged.invoices SET total = total + 0.01 WHERE document_id = {posted}"],
        "document_totals",
        "invoice:{posted}",
    ),
    "the ledger showed a document twice": Case(
        ["INSERT INTO journal.ledger_rows SELECT * FROM journal.ledger_rows {of}"], "posted_once", "invoice:{posted}"
    ),
    "an event says a second time that a document was posted": Case(
        [
            """
            INSERT INTO journal.events SELECT connection, {events} + 1, occurred_at, run_id, event_type, kind,
            document_id, revision, batch, body, hash, hash FROM journal.events WHERE event_type =
            'document_posted' AND document_id = {posted} ORDER BY sequence LIMIT 1
            """
        ],
        "posted_once",
        "invoice:{posted}",
    ),
    "a natural key belongs to another document": Case(
        ["UPDATE journal.natural_keys SET document_id = -1 {of}"], "posted_once", "invoice:{posted}"
    ),
    "a natural key is lost": Case(["DELETE FROM journal.natural_keys {of}"], "posted_once", "invoice:{posted}"),
    "a line key is used again": Case(
        [
            """
            UPDATE journal.posting_lines SET line_key = (SELECT line_key FROM journal.posting_lines WHERE kind =
            'invoice' AND document_id = {posted} LIMIT 1) WHERE kind = 'payment'
            """
        ],
        "posted_once",
        "invoice:{posted}",
    ),
    "a Batch is another connection's as well": Case(
        [
            """
            INSERT INTO journal.transaction_files SELECT (jsonb_populate_record(file, '{{"connection":
            "other"}}')).* FROM journal.transaction_files AS file {file}
            """
        ],
        "posted_once",
        "file {batch}",
    ),
    "a posting is moved to another period": Case(
        ["UPDATE journal.postings SET period = 202611 {of}"], "open_periods", "invoice:{posted}"
    ),
    "a permission is not recorded in the journal": Case(
        ["UPDATE journal.postings SET moved_from = 202610, period = 202611 {of}"], "open_periods", "invoice:{posted}"
    ),
    "the ledger showed it in another period": Case(
        ["UPDATE journal.ledger_rows SET period = 202611 {of}"], "open_periods", "invoice:{posted}"
    ),
    "the latest version is gone": Case(["DELETE FROM raw.records {raw}"], "cursors", "invoice:{posted}"),
    "a version is called the latest that is not": Case(
        [
            """
            INSERT INTO raw.records (connection, kind, record_id, payload, payload_hash, modified_on, active,
            run_id) VALUES ('acme', 'invoice', {posted}, '{{}}', encode(sha256('{{}}'), 'hex'), '2030-01-01',
            true, 'x')
            """
        ],
        "cursors",
        "invoice:{posted}",
    ),
    "a day is staged beyond what is stored": Case(
        ["UPDATE staged.days SET raw_seq_high = 1000000000 WHERE business_day = '2026-10-09'"],
        "cursors",
        "staged day 2026-10-09",
    ),
    "a cursor is ahead of its rows": Case(
        ["UPDATE raw.cursors SET continue_from = '2030-01-01T00:00:00.000000Z' WHERE feed = 'bank_deposits'"],
        "cursors",
        "feed bank_deposits",
    ),
    "a cursor is ahead, and a row was set aside that moves none": Case(
        [
            "UPDATE raw.cursors SET continue_from = '2030-01-01T00:00:00.000000Z' WHERE feed = 'bank_deposits'",
            """
            INSERT INTO raw.unreadable (connection, kind, payload_hash, payload, reason, run_id)
            VALUES ('acme', 'bank_deposit', 'p', '{{}}', 'no id', 'run')
            """,
        ],
        "cursors",
        "feed bank_deposits",
    ),
    "a state without its event": Case(
        ["UPDATE journal.transaction_files SET state = 'held' {file}"], "events_and_rows", "file {batch}"
    ),
    "a file's events are gone": Case(["DELETE FROM journal.events {file}"], "events_and_rows", "file {batch}"),
    "events without their file": Case(
        ["DELETE FROM journal.transaction_files {file}"], "events_and_rows", "file {batch}"
    ),
    "a document's outcome is turned": Case(
        ["UPDATE journal.outcomes SET outcome = 'posted' WHERE document_id = {ignored}"],
        "events_and_rows",
        "invoice:{ignored}",
    ),
    "a document's events are gone": Case(
        ["DELETE FROM journal.events WHERE document_id = {ignored}"], "events_and_rows", "invoice:{ignored}"
    ),
    "a person's decision without its event": Case(
        ["UPDATE journal.events SET event_type = 'document_held' WHERE document_id = {ignored}"],
        "events_and_rows",
        "invoice:{ignored}",
    ),
    "a person's decision is gone": Case(
        ["DELETE FROM journal.ignored_documents WHERE document_id = {ignored}"],
        "events_and_rows",
        "invoice:{ignored}",
    ),
    "a person's decision is said to be another's": Case(
        ["UPDATE journal.ignored_documents SET ignored_by = 'nobody' WHERE document_id = {ignored}"],
        "events_and_rows",
        "invoice:{ignored}",
    ),
    "a person's reversal is gone": Case(
        ["DELETE FROM journal.reversed_documents WHERE document_id = {reversed}"],
        "events_and_rows",
        "invoice:{reversed}",
    ),
    "a person's reversal has other reasons": Case(
        ["UPDATE journal.reversed_documents SET reason = 'other' WHERE document_id = {reversed}"],
        "events_and_rows",
        "invoice:{reversed}",
    ),
    "a permission of a person is gone": Case(
        [
            """
            INSERT INTO journal.events SELECT connection, {events} + 1, occurred_at, run_id, 'document_allowed', kind,
            document_id, revision, NULL, '{{"by":"jane","why":"none"}}', hash, hash FROM journal.events
            WHERE event_type = 'document_posted' AND document_id = {posted} ORDER BY sequence LIMIT 1
            """
        ],
        "events_and_rows",
        "invoice:{posted}",
    ),
    "a file has another frozen body": Case(
        [
            """
            INSERT INTO journal.bodies
            SELECT encode(sha256(convert_to(other, 'UTF8')), 'hex'), other FROM (
                SELECT replace(body, 'Selected', 'selected') AS other FROM journal.bodies WHERE body_hash = {body}
            ) AS forged
            """,
            """
            UPDATE journal.transaction_files SET body_hash = (
                SELECT encode(sha256(convert_to(replace(body, 'Selected', 'selected'), 'UTF8')), 'hex')
                FROM journal.bodies WHERE body_hash = {body})
            {file}
            """,
        ],
        "events_and_rows",
        "file {batch}",
    ),
    "figures of a close are rewritten": Case(
        [
            """
            INSERT INTO journal.closes SELECT 'acme', '2026-10-07', 1, now(), 'run', 'closed', '', true, 1, 'other',
            encode(sha256('figures'), 'hex')
            """
        ],
        "payloads",
        "close 1 of 2026-10-07",
    ),
    "ServiceTitan was told without an event": Case(
        [
            """
            INSERT INTO journal.write_backs (connection, kind, document_id, revision, revision_hash, state,
            external_id, message) VALUES ('acme', 'invoice', {posted}, 1, '', 'exported', '', '')
            """
        ],
        "events_and_rows",
        "invoice:{posted}",
    ),
    "a close of a day is gone": Case(
        ["UPDATE journal.events SET event_type = 'day_closed' WHERE sequence = 5"], "events_and_rows", "event 5"
    ),
    "a frozen body is gone": Case(
        ["DELETE FROM journal.bodies WHERE body_hash = {body}"], "events_and_rows", "file {batch}"
    ),
}


@pytest.fixture(scope="module")
def names(acme: Bench) -> dict[str, object]:
    """What the cases' placeholders stand for."""
    (posted,) = acme.rows(
        """
        SELECT posting.document_id, posting.batch, latest.seq FROM journal.postings AS posting
        JOIN journal.outcomes AS outcome USING (connection, kind, document_id)
        JOIN raw.latest AS latest ON latest.kind = posting.kind AND latest.record_id = posting.document_id
        WHERE posting.kind = 'invoice' AND outcome.outcome = 'posted' AND NOT posting.correction
          AND (SELECT count(*) FROM journal.postings AS other WHERE other.document_id = posting.document_id) = 1
          AND (SELECT count(*) FROM raw.records AS other
               WHERE other.kind = 'invoice' AND other.record_id = posting.document_id) = 1
        ORDER BY posting.document_id LIMIT 1
        """
    )
    (ignored,) = acme.rows("SELECT document_id FROM journal.ignored_documents")
    (reversed_,) = acme.rows("SELECT document_id FROM journal.reversed_documents")
    events = acme.context.journal.last_sequence()
    found = {
        "posted": posted.document_id,
        "batch": posted.batch,
        "version": posted.seq,
        "ignored": ignored.document_id,
        "reversed": reversed_.document_id,
        "events": events,
        "next": events + 1,
    }
    return {**found, **{name: place.format(**found) for name, place in _PLACES.items()}}


@contextmanager
def _planted(engine: Engine, statements: Iterable[str]) -> Generator[Connection]:
    """Change what no trigger allows to change, for as long as a block lasts."""
    with engine.connect() as db:
        db.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in statements:
            assert db.exec_driver_sql(statement).rowcount, f"planted nothing: {statement}"
        yield db
        db.rollback()


def _findings(acme: Bench, db: Connection, periods: Mapping[int, FiscalPeriod] | None = None) -> Findings:
    findings = Findings(lambda *_: None)
    known = load_periods(acme.engine, "acme") if periods is None else periods
    verify_view(db, "acme", known, vendors_may_repeat=False, findings=findings)
    named = [violation for check in findings.checks for violation in check.named]
    assert all(violation.words and violation.advice for violation in named)
    return findings


def _named(findings: Findings) -> set[tuple[str, str]]:
    return {(each.invariant.value, each.subject) for check in findings.checks for each in check.named}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_planted_violation_is_found_and_named(acme: Bench, names: dict[str, object], case: Case) -> None:
    with _planted(acme.engine, (statement.format(**names) for statement in case.planted)) as db:
        findings = _findings(acme, db)
    assert not findings.holds
    assert (case.invariant, case.subject.format(**names)) in _named(findings)


@pytest.mark.parametrize(
    ("body", "found"), [('{"by":"jane","ignored_by":"=jane"}', False), ('{"by":"jane","message":"a file"}', True)]
)
def test_only_the_release_that_takes_a_decision_back_explains_that_its_row_is_gone(
    acme: Bench, names: dict[str, object], body: str, *, found: bool
) -> None:
    planted = (
        "DELETE FROM journal.ignored_documents",
        """
        INSERT INTO journal.events SELECT connection, {events} + 1, occurred_at, run_id, 'document_released', kind,
        document_id, revision, NULL, '{body}', hash, hash FROM journal.events
        WHERE event_type = 'document_ignored' AND document_id = {ignored} ORDER BY sequence DESC LIMIT 1
        """,
    )
    with _planted(acme.engine, (statement.format(**{**names, "body": body}) for statement in planted)) as db:
        named = _named(_findings(acme, db))
    assert (("events_and_rows", f"invoice:{names['ignored']}") in named) is found


def test_a_file_that_was_planned_for_a_closed_period_is_found(acme: Bench, names: dict[str, object]) -> None:
    periods = load_periods(acme.engine, "acme")
    closed = {key: replace(period, closed=True) for key, period in periods.items()}
    late = ["UPDATE reference.snapshots SET changed_at = now() WHERE kind = 'periods'"]
    early = ["UPDATE reference.snapshots SET changed_at = '2020-01-01' WHERE kind = 'periods'"]
    with _planted(acme.engine, late) as db:
        assert _findings(acme, db, closed).holds, "a period may be closed after something was posted in it"
    with _planted(acme.engine, early) as db:
        assert ("open_periods", f"file {names['batch']} (invoice)") in _named(_findings(acme, db, closed))


def test_of_many_violations_the_first_are_named_and_all_are_counted(acme: Bench) -> None:
    with _planted(acme.engine, ["UPDATE raw.records SET payload_hash = payload_hash || 'x'"]) as db:
        check = next(each for each in _findings(acme, db).checks if each.invariant is Invariant.PAYLOADS)
        (stored,) = db.execute(text("SELECT count(*) FROM raw.records")).one()
    assert check.violations == stored > len(check.named) == MOST_NAMED


def test_what_stands_otherwise_in_vantagepoint_is_found_by_reading_its_ledger(
    acme: Bench, names: dict[str, object]
) -> None:
    with acme.engine.connect() as db:
        batch = db.execute(text("SELECT min(batch) FROM journal.transaction_files WHERE kind = 'bill'")).scalar_one()
    rows = acme.vantagepoint.ledger_rows

    def ledger_rows(trans_type: str, **asked: Any) -> list[LedgerRow]:
        found = [row for row in rows(trans_type, **asked) if row.batch != batch]
        twice = [replace(row, batch="BY-HAND") for row in found if row.batch == names["batch"] and "invoices" in asked]
        return found + twice

    findings = Findings(lambda *_: None)
    client = cast("VantagepointClient", SimpleNamespace(ledger_rows=ledger_rows))
    verify_ledger(acme.engine, acme.settings, client, findings)
    (check,) = findings.checks
    words = {violation.subject: violation.words for violation in check.named}
    assert "stands in BY-HAND as well" in words[f"invoice:{names['posted']}"]
    assert any("is not in the ledger" in said for subject, said in words.items() if subject.startswith("bill:"))
