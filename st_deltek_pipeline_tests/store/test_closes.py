"""Closes are kept for ever as they were: added to, never changed, and the journal's chain has their hash."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from st_deltek_pipeline.domain.close_report import CloseState
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.services.chain_checking import check_all
from st_deltek_pipeline.store.closes import (
    close_report_of,
    close_reports,
    closes_of_day,
    keep_close,
    latest_closes,
)
from st_deltek_pipeline_tests.pages.close_reports import DAY, a_report, waiting

ONE_DAY = timedelta(days=1)


def test_a_close_is_kept_as_it_was_and_the_chain_has_its_hash(engine: Engine) -> None:
    report = a_report(waiting(1, "3.10", 2))
    first = keep_close(engine, report, run_id="run-1")
    second = keep_close(engine, a_report(), run_id="run-2")
    assert [each.number for each in closes_of_day(engine, "acme", DAY)] == [1, 2]
    assert close_reports(engine, "acme", [second, first]) == [a_report(), report]
    assert (first.state, first.over, first.journal_head) == (CloseState.WAITING, True, 4321)
    with engine.connect() as db:
        rows = db.execute(text("SELECT event_type, run_id, body FROM journal.events ORDER BY sequence")).all()
    assert [(row.event_type, row.run_id) for row in rows] == [("day_closed", "run-1"), ("day_closed", "run-2")]
    assert [json.loads(row.body)["figures_hash"] for row in rows] == [first.figures_hash, second.figures_hash]
    assert check_all(engine, "acme", progress=lambda *_: None) == (2, None)


def test_the_newest_close_of_each_day_of_each_connection_is_found(engine: Engine) -> None:
    other = replace(a_report(), connection="other", first=DAY - ONE_DAY, last=DAY - ONE_DAY)
    keep_close(engine, a_report(waiting(1, "1.00", 0)), run_id="1")
    keep_close(engine, a_report(), run_id="2")
    keep_close(engine, other, run_id="3")
    found = latest_closes(engine, ["acme", "other", "third"], DAY - ONE_DAY, DAY)
    assert [(each.number, each.state) for each in found["acme"]] == [(2, CloseState.CLOSED)]
    assert [each.business_day for each in found["other"]] == [DAY - ONE_DAY]
    assert found["third"] == []
    assert latest_closes(engine, ["acme"], DAY + ONE_DAY, DAY + ONE_DAY) == {"acme": []}


@pytest.mark.parametrize("statement", ["UPDATE journal.closes SET verdict = 'Closed.'", "DELETE FROM journal.closes"])
def test_the_database_refuses_to_change_a_close(engine: Engine, statement: str) -> None:
    keep_close(engine, a_report(), run_id="1")
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as db:
        db.execute(text(statement))


def test_figures_that_somebody_changed_all_the_same_are_not_shown(engine: Engine) -> None:
    kept = keep_close(engine, a_report(), run_id="1")
    with engine.begin() as db:
        db.execute(text("ALTER TABLE journal.closes DISABLE TRIGGER ALL"))
        db.execute(text("UPDATE journal.closes SET figures = replace(figures, '100.00', '900.00')"))
    with pytest.raises(BrokenError, match="is not what was kept then"):
        close_report_of(engine, "acme", kept)
