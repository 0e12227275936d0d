"""What Vantagepoint has is not shown yet, or what was sent has not arrived yet: nothing is done beside it meanwhile."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.errors import InDoubtError, TransientError
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline_tests.crashes.invariants import assert_invariants, unfinished
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench

_NOT_SHOWN: dict[str, Any] = {
    "system": "vantagepoint",
    "method": "GET",
    "path": r"/DataEntry/in(Control|Master|Detail)",
    "effect": "answer",
    "status": 404,
    "body": '{"message":"The requested resource does not exist.","detail":""}',
}


def test_a_file_that_is_taken_and_not_shown_is_not_sent_in_parts(either: Bench) -> None:
    """T05: of two documents, each would stand a second time in Vantagepoint, for a person to post."""
    invoices = [either.add(PART_A="10.00"), either.add(PART_A="20.00")]
    either.sandbox.fault(system="vantagepoint", method="POST", path="/DataEntry/in", nth=1, effect="drop_after_effect")
    either.sandbox.fault(**_NOT_SHOWN)
    either.run(QUIET_DAY)
    assert "split" not in either.file_states()
    assert either.file_states()["in_doubt"] >= 1
    entered = unfinished(either)
    assert len(entered) == (2 if either.context.one_by_one else 1)
    assert {either.outcome(each["id"])[0] for each in invoices} == {"held"}
    # It may last: the file is asked for, and sent under its own Batch, in every run.
    either.run(QUIET_DAY)
    assert unfinished(either) == entered
    either.sandbox.no_faults()
    either.run(QUIET_DAY)
    assert [either.standing(each["id"]) for each in invoices] == [Decimal("10.00"), Decimal("20.00")]
    assert_invariants(either, QUIET_DAY)


@pytest.mark.parametrize("edited", [False, True])
def test_a_file_that_was_entered_a_moment_ago_and_is_not_shown_is_not_taken_for_deleted(
    quiet: Bench, *, edited: bool
) -> None:
    """T05: given up, its documents might be entered again, as a newer revision under another Batch."""
    invoice = quiet.add(PART_A="10.00")
    quiet.changed(vantagepoint={"settling_seconds": 3600})
    quiet.prepare(QUIET_DAY)
    (batch,) = quiet.plan(QUIET_DAY).batches
    # It is looked for before it is sent, too.
    quiet.sandbox.fault(**{**_NOT_SHOWN, "path": "inControl"})
    quiet.send((batch,))
    assert quiet.file_states() == {"entered": 1}
    assert quiet.outcome(invoice["id"])[:2] == ("held", "post_refused")
    if edited:
        quiet.change(invoice, PART_A="15.00")
        quiet.run(QUIET_DAY)
        assert unfinished(quiet) == [batch]
    quiet.sandbox.no_faults()
    quiet.run(QUIET_DAY)
    quiet.run(QUIET_DAY)
    assert quiet.standing(invoice["id"]) == Decimal("15.00" if edited else "10.00")
    assert quiet.context.journal.file(batch).unchanged_for < timedelta(hours=1)
    assert_invariants(quiet, QUIET_DAY)


@pytest.mark.parametrize("arrives", [True, False])
def test_nothing_else_is_posted_while_a_posting_may_still_arrive(quiet: Bench, *, arrives: bool) -> None:
    """T06: it would land in the period that the session is in by then."""
    invoice = quiet.add(PART_A="10.00")
    quiet.prepare(QUIET_DAY)
    (batch,) = quiet.plan(QUIET_DAY).batches
    quiet.changed(vantagepoint={"settling_seconds": 0 if not arrives else 3600})
    quiet.sandbox.fault(
        system="vantagepoint", method="PUT", path="PostTransFile", nth=1, effect="late", arrives="when_cleared"
    )

    def wait(seconds: float) -> None:
        quiet.waited.append(seconds)
        quiet.sandbox.no_faults()

    quiet.sleep = wait
    quiet.send((batch,))
    assert len(quiet.waited) == (1 if arrives else 0)
    sent = [each for each in quiet.sandbox.admin("GET", "requests")["requests"] if "PostTransFile" in each["path"]]
    assert len(sent) == (1 if arrives else 2)
    quiet.sandbox.no_faults()
    assert quiet.standing(invoice["id"]) == Decimal("10.00")
    assert_invariants(quiet, QUIET_DAY)


def test_the_session_is_not_used_while_a_change_of_it_may_still_arrive(quiet: Bench) -> None:
    """T06: the period may change at any moment, and with it where a file is posted."""
    invoice = quiet.add(PART_A="10.00")
    quiet.vantagepoint.set_active_period(202611)
    quiet.prepare(QUIET_DAY)
    (batch,) = quiet.plan(QUIET_DAY).batches
    quiet.changed(vantagepoint={"settling_seconds": 30})
    quiet.sandbox.fault(
        system="vantagepoint", method="PUT", path="ActivePeriod", nth=1, effect="late", arrives="when_cleared"
    )
    with pytest.raises(InDoubtError):
        quiet.send((batch,))
    assert quiet.waited == [30]
    assert unfinished(quiet) == []
    quiet.sandbox.no_faults()
    quiet.send((batch,))
    assert quiet.standing(invoice["id"]) == Decimal("10.00")
    assert_invariants(quiet, QUIET_DAY)


def test_the_session_is_kept_for_a_posting_that_may_still_arrive_also_when_nobody_can_look(
    quiet: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T06: given back at once, the next one to post would set another period, and the late posting would land in it."""
    invoice = quiet.add(PART_A="10.00")
    quiet.prepare(QUIET_DAY)
    (batch,) = quiet.plan(QUIET_DAY).batches
    quiet.changed(vantagepoint={"settling_seconds": 30})
    quiet.sandbox.fault(
        system="vantagepoint", method="PUT", path="PostTransFile", nth=1, effect="late", arrives="when_cleared"
    )
    read_control = VantagepointClient.read_control

    def look(client: VantagepointClient, entry: EntryType, batch: str) -> dict[str, Any] | None:
        if quiet.context.journal.file(batch).state is FileState.POSTING:
            message = "Vantagepoint does not answer."
            raise TransientError(message)
        return read_control(client, entry, batch)

    monkeypatch.setattr(VantagepointClient, "read_control", look)
    with pytest.raises(TransientError):
        quiet.send((batch,))
    assert quiet.waited == [30]
    monkeypatch.undo()
    quiet.sandbox.no_faults()
    quiet.run(QUIET_DAY)
    assert quiet.standing(invoice["id"]) == Decimal("10.00")
    assert_invariants(quiet, QUIET_DAY)


def test_looking_for_an_entered_file_does_not_begin_the_settling_time_anew(quiet: Bench) -> None:
    """However often it is looked for, a file that somebody deleted is given up when the settling time is over."""
    invoice = quiet.add(PART_A="10.00")
    quiet.prepare(QUIET_DAY)
    (batch,) = quiet.plan(QUIET_DAY).batches
    quiet.changed(vantagepoint={"settling_seconds": 3600})
    quiet.sandbox.fault(**{**_NOT_SHOWN, "path": "inControl"})
    quiet.send((batch,))
    changed = "SELECT changed_at FROM journal.transaction_files"
    with quiet.engine.connect() as db:
        before = db.scalars(text(changed)).one()
    quiet.run(QUIET_DAY)
    with quiet.engine.connect() as db:
        assert db.scalars(text(changed)).one() == before
    quiet.changed(vantagepoint={"settling_seconds": 0})
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"])[:2] == ("held", "refused")
    assert quiet.file_states() == {"refused": 1}


def test_another_number_that_is_taken_is_a_refusal_also_where_documents_are_entered_one_by_one(either: Bench) -> None:
    """A file that waits for what it does not have would keep its document for ever."""
    invoice = either.add(PART_A="10.00")
    either.sandbox.fault(
        system="vantagepoint",
        method="POST",
        path="/DataEntry/in",
        first=1,
        effect="answer",
        status=400,
        body='{"message":"Invoice 123 dated 2026-10-28 already exists for vendor V.","detail":""}',
    )
    either.run(QUIET_DAY)
    assert either.outcome(invoice["id"])[:2] == ("held", "refused")
    assert set(either.file_states()) == {"refused"}
