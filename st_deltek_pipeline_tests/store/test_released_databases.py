"""Databases that released versions left, dumped by their own code: they open, migrate and go on, and post nothing twice."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.services.chain_checking import check_all
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.migrate import current_revision, known_revisions, migrate
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox
from st_deltek_pipeline_tests.services.posting.harness import Bench, bench
from st_deltek_pipeline_tests.store.postgres_programs import restore
from st_deltek_pipeline_tests.store.release_dump import INVOICES, RELEASES

_DUMPS = sorted(RELEASES.glob("*.dump"))
# Columns that every release has: what was posted, what came of each document, and the book of it.
_BOOKS = (
    "SELECT kind, document_id, posting_no, batch, period, business_day, amount FROM journal.postings ORDER BY 1, 2, 3",
    "SELECT kind, document_id, outcome, reason FROM journal.outcomes ORDER BY 1, 2",
    "SELECT batch, line_key, account, amount FROM journal.ledger_rows ORDER BY 1, 2",
    "SELECT connection, sequence, event_type, previous_hash, hash FROM journal.events ORDER BY 1, 2",
    "SELECT state, count(*), sum(amount) FROM journal.transaction_files GROUP BY state",
)


@dataclass
class Upgraded:
    """A released version's database after its migration, and what was in its books before."""

    engine: Engine
    before: list[Any]
    kinds: set[Kind]


def _books(engine: Engine) -> list[Any]:
    with engine.connect() as db:
        return [[tuple(row) for row in db.execute(text(statement))] for statement in _BOOKS]


@pytest.fixture(params=_DUMPS, ids=[path.stem for path in _DUMPS])
def upgraded(request: pytest.FixtureRequest, empty_database_url: str) -> Generator[Upgraded]:
    restore(request.param, empty_database_url, "--exit-on-error", "--no-owner")
    engine = engine_for(empty_database_url)
    assert current_revision(engine) == request.param.stem
    before = _books(engine)
    migrate(engine)
    yield Upgraded(engine, before, {Kind(row[0]) for row in before[0]})
    engine.dispose()


@contextmanager
def as_it_was(upgraded: Upgraded) -> Generator[Bench]:
    """Both systems as the release left them: the same month, and in the ledger the files that it sent."""
    with running_sandbox(invoices=INVOICES) as sandbox, bench(sandbox, upgraded.engine) as acme:
        acme.changed(
            posting={"documents": [kind.value for kind in acme.settings.posting.documents if kind in upgraded.kinds]}
        )
        sent = acme.rows(
            """
            SELECT file.batch, file.entry, file.company, file.period, body.body
            FROM journal.transaction_files AS file JOIN journal.bodies AS body USING (body_hash)
            WHERE file.state = 'posted' ORDER BY file.created_at, file.batch
            """
        )
        for file in sent:
            entry = EntryType(file.entry)
            acme.vantagepoint.set_active_period(file.period)
            acme.vantagepoint.enter_file(entry, file.body.encode())
            answer = acme.vantagepoint.post_file(
                entry, file.batch, company=file.company, period=file.period, description="as it was"
            )
            assert answer.posted, (file.batch, answer.message)
        yield acme


def test_each_release_that_changed_the_schema_has_left_a_database() -> None:
    assert {path.stem for path in _DUMPS} >= {"0004_ignored_documents", "0012_words_of_alignment_holds"}
    assert {path.stem for path in _DUMPS} <= set(known_revisions())


def test_a_released_database_migrates_with_its_books_and_goes_on_without_posting_anything_twice(
    upgraded: Upgraded,
) -> None:
    """T54: opened by this version, every figure stands; the same month again is no news, and an edit its difference."""
    assert current_revision(upgraded.engine) == known_revisions()[-1]
    assert _books(upgraded.engine) == upgraded.before
    events, broken = check_all(upgraded.engine, "acme", progress=lambda _done, _all: None)
    assert (events, broken) == (len(upgraded.before[3]), None)

    with as_it_was(upgraded) as acme:
        ledger = acme.sandbox.ledger()
        assert {row["PKey"] for row in ledger} >= {row[1] for row in upgraded.before[2]}
        acme.take_in()
        for day in acme.days():
            acme.run_every_kind(day)
        assert acme.sandbox.ledger() == ledger

        (first, *_) = (row for row in upgraded.before[0] if row[0] == "invoice")
        (invoice,) = acme.rows("SELECT total, business_day FROM staged.invoices WHERE document_id = :id", id=first[1])
        standing = acme.standing(first[1])
        acme.sandbox.edit_invoice(first[1], total=str(invoice.total + Decimal("7.25")))
        acme.take_in_invoices()
        acme.run(invoice.business_day)
        assert acme.standing(first[1]) == standing + Decimal("7.25")
    events_now, broken = check_all(upgraded.engine, "acme", progress=lambda _done, _all: None)
    assert broken is None
    assert events_now > events
