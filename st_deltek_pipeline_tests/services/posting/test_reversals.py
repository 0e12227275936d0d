"""Reversing by file, run and document: exactly what was posted, once, whatever crashes, until something changes."""

import json
from collections.abc import Generator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError, TransientError
from st_deltek_pipeline.domain.reference import FiscalPeriod
from st_deltek_pipeline.services.document_history import document_history
from st_deltek_pipeline.services.holds import Released, ignore_document, release_document
from st_deltek_pipeline.services.reference_data import poll_reference
from st_deltek_pipeline.services.reversing import (
    FileSelection,
    ReversalResult,
    ReversalState,
    RunSelection,
    Selection,
    plan_reversal,
    preview_reversal,
    reverse,
)
from st_deltek_pipeline.store.holds import events_of_document
from st_deltek_pipeline.store.reference import load_periods
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench, bench
from st_deltek_pipeline_tests.services.posting.test_crashes import (
    Crash,
    Moments,
    assert_chain_holds,
    assert_each_line_stands_once,
    dying,
)

WHY = "Posted for the wrong customer."
ZERO = Decimal("0.00")
_MOST_MOMENTS = 200


def key(invoice: dict[str, Any]) -> DocumentKey:
    return DocumentKey("acme", Kind.INVOICE, invoice["id"])


def posted(acme: Bench, day: date = QUIET_DAY, **parts: str) -> dict[str, Any]:
    """Add an invoice, and post it."""
    invoice = acme.add(day, **(parts or {"PART_A": "60.00"}))
    acme.run(day)
    assert acme.outcome(invoice["id"])[0] == "posted"
    return invoice


def take_back(acme: Bench, selection: Selection, *, pinned_hash: str | None = None) -> ReversalResult:
    return reverse(acme.context, selection, reason=WHY, by="jane", pinned_hash=pinned_hash)


def states(result: ReversalResult) -> list[str]:
    return [document.state.value for document in result.documents]


def events(acme: Bench, invoice: dict[str, Any], event_type: str) -> list[dict[str, Any]]:
    found = events_of_document(acme.engine, key(invoice))
    return [json.loads(event.body) for event in found if event.event_type == event_type]


def batches(acme: Bench, invoice: dict[str, Any]) -> list[str]:
    """The transaction files that posted an invoice, in the order of its postings."""
    found = acme.rows(
        "SELECT batch FROM journal.postings WHERE document_id = :id ORDER BY posting_no", id=invoice["id"]
    )
    return [row.batch for row in found]


def balanced(acme: Bench, *, ignored: str, posted_: str, day: date = QUIET_DAY) -> bool:
    tie_out = acme.tie_out(day)
    sums = (sum(row.ignored for row in tie_out.rows), sum(row.posted for row in tie_out.rows))
    return tie_out.balanced and tie_out.unaccounted == () and sums == (Decimal(ignored), Decimal(posted_))


def our_lines(acme: Bench, invoice: dict[str, Any]) -> list[tuple[str, str, str, Decimal]]:
    padded = invoice["referenceNumber"].rjust(7, "0")
    return [
        (row["WBS1"], row["WBS2"].strip(), row["Account"], Decimal(row["Amount"]))
        for row in acme.sandbox.ledger()
        if row["Invoice"] == padded and row["AutoEntry"] == "N"
    ]


def test_a_reversed_document_is_taken_back_line_by_line_and_stays_in_the_tie_out_with_reason_and_name(
    quiet: Bench,
) -> None:
    invoice = posted(quiet, PART_A="60.00", PART_B="40.00", PHASE_1="5.50")
    before = our_lines(quiet, invoice)
    result = take_back(quiet, key(invoice))
    assert states(result) == ["reversed"]
    assert result.complete
    assert result.documents[0].amount == Decimal("105.50")
    assert quiet.owed(invoice) == {}
    after = our_lines(quiet, invoice)[len(before) :]
    assert sorted(after) == sorted((*place, -amount) for *place, amount in before)
    assert quiet.outcome(invoice["id"]) == ("ignored", "reversed_by_person", Decimal("105.50"))
    assert balanced(quiet, ignored="105.50", posted_="0.00")
    (told,) = events(quiet, invoice, "document_reversed")
    assert (told["by"], told["why"], told["reverses"]) == ("jane", WHY, [1, 2, 3])
    (row,) = quiet.rows("SELECT message FROM journal.outcomes WHERE document_id = :id", id=invoice["id"])
    assert row.message == f"{key(invoice)}: reversed by jane: {WHY}"
    history = document_history(quiet.engine, key(invoice))
    assert history.reversal is not None
    assert history.reversal.by == "jane"


def test_a_reversal_is_linked_to_what_it_takes_back_in_the_journal_and_in_vantagepoint(quiet: Bench) -> None:
    invoice = posted(quiet)
    result = take_back(quiet, key(invoice))
    rows = quiet.rows("SELECT posting_no, reverses FROM journal.postings WHERE document_id = :id", id=invoice["id"])
    assert {row.posting_no: row.reverses for row in rows} == {1: None, 2: 1}
    (master,) = json.loads(result.plan.files[0].body)["inMaster"]
    assert master["TransComment"] == f"ServiceTitan {key(invoice)} revision 1, reverses posting 1"


def test_the_next_runs_leave_a_reversed_document_alone(quiet: Bench) -> None:
    invoice = posted(quiet)
    take_back(quiet, key(invoice))
    before = quiet.context.journal.last_sequence()
    plan = quiet.run(QUIET_DAY)
    assert (plan.planned, plan.ignored, plan.batches) == (0, 1, ())
    assert quiet.owed(invoice) == {}
    assert quiet.context.journal.last_sequence() == before


@pytest.mark.parametrize("by", ["document", "file", "run"])
def test_reversing_twice_sends_and_records_nothing_new(quiet: Bench, by: str) -> None:
    """T46: the second undo does nothing."""
    invoice = quiet.add(PART_A="60.00")
    quiet.prepare(QUIET_DAY)
    (batch,) = quiet.plan(QUIET_DAY).batches
    _send_as(quiet, batch, run_id="bookkeeping-1")
    selections: dict[str, Selection] = {
        "document": key(invoice),
        "file": FileSelection(batch),
        "run": RunSelection("bookkeep"),
    }
    assert take_back(quiet, selections[by]).complete
    assert quiet.owed(invoice) == {}
    before = (quiet.context.journal.last_sequence(), len(quiet.sandbox.ledger()))
    again = reverse(quiet.context, selections[by], reason="Again.", by="joe")
    assert states(again) == ["reversed"]
    assert again.complete
    assert again.plan.files == ()
    assert (quiet.context.journal.last_sequence(), len(quiet.sandbox.ledger())) == before


def _send_as(acme: Bench, batch: str, *, run_id: str) -> None:
    """Post a file in the name of a run."""

    class Renamed(Bench):
        @property
        def context(self) -> Any:
            return replace(super().context, run_id=run_id)

    Renamed(**{name: getattr(acme, name) for name in Bench.__dataclass_fields__}).send((batch,))


def test_a_files_documents_are_reversed_and_the_others_of_its_day_are_not(quiet: Bench) -> None:
    first, second = quiet.add(PART_A="60.00"), quiet.add(PART_B="40.00")
    quiet.run(QUIET_DAY)
    other = posted(quiet, PART_A="7.00")
    (batch,) = set(batches(quiet, first) + batches(quiet, second))
    assert states(take_back(quiet, FileSelection(batch))) == ["reversed", "reversed"]
    assert (quiet.owed(first), quiet.owed(second)) == ({}, {})
    assert quiet.owed(other) == {"CHS2026": Decimal("7.00")}
    assert balanced(quiet, ignored="100.00", posted_="7.00")


def test_a_runs_files_are_reversed_by_the_beginning_of_its_id_and_no_other_runs(quiet: Bench) -> None:
    """T46: exactly that run."""
    kept = posted(quiet)
    wrong = quiet.add(PART_B="40.00")
    quiet.prepare(QUIET_DAY)
    for batch in quiet.plan(QUIET_DAY).batches:
        _send_as(quiet, batch, run_id="5be0c1d2-7d5e-4d0f")
    assert take_back(quiet, RunSelection("5be0c1d2")).complete
    assert (quiet.owed(wrong), quiet.owed(kept)) == ({}, {"CHS2026": Decimal("60.00")})
    with pytest.raises(ConfigurationError, match="too short"):
        take_back(quiet, RunSelection("5be0"))
    with pytest.raises(ConfigurationError, match="posted anything"):
        take_back(quiet, RunSelection("5be0c1d3"))


def test_a_wildcard_in_a_runs_id_selects_nothing(quiet: Bench) -> None:
    posted(quiet)
    with pytest.raises(ConfigurationError, match="posted anything"):
        take_back(quiet, RunSelection("%%%%%%%%"))


def test_the_first_of_a_chain_of_corrections_is_not_reversed_alone(quiet: Bench) -> None:
    invoice = posted(quiet, PART_A="100.00")
    quiet.change(invoice, PART_A="70.00")
    quiet.run(QUIET_DAY)
    first, second = batches(quiet, invoice)
    refused = take_back(quiet, FileSelection(first))
    assert states(refused) == ["refused"]
    assert second in refused.documents[0].message
    assert not refused.complete
    assert quiet.owed(invoice) == {"CHS2026": Decimal("70.00")}
    assert quiet.outcome(invoice["id"])[0] == "posted"


def test_a_chain_is_reversed_from_its_end(quiet: Bench) -> None:
    invoice = posted(quiet, PART_A="100.00")
    quiet.change(invoice, PART_A="70.00")
    quiet.run(QUIET_DAY)
    first, second = batches(quiet, invoice)
    assert take_back(quiet, FileSelection(second)).complete
    assert quiet.owed(invoice) == {"CHS2026": Decimal("100.00")}
    assert quiet.outcome(invoice["id"]) == ("ignored", "reversed_by_person", Decimal("-30.00"))
    assert balanced(quiet, ignored="-30.00", posted_="100.00")
    assert quiet.run(QUIET_DAY).batches == ()
    assert take_back(quiet, FileSelection(first)).complete
    assert quiet.owed(invoice) == {}
    assert balanced(quiet, ignored="70.00", posted_="0.00")


def test_a_whole_chain_is_reversed_posting_by_posting(quiet: Bench) -> None:
    invoice = posted(quiet, PART_A="100.00")
    quiet.change(invoice, PART_A="70.00", PART_B="5.00")
    quiet.run(QUIET_DAY)
    assert take_back(quiet, key(invoice)).complete
    assert quiet.owed(invoice) == {}
    rows = quiet.rows(
        "SELECT reverses, amount FROM journal.postings WHERE document_id = :id AND reverses IS NOT NULL",
        id=invoice["id"],
    )
    assert {row.reverses: row.amount for row in rows} == {
        1: Decimal("-100.00"),
        2: Decimal("30.00"),
        3: Decimal("-5.00"),
    }
    assert balanced(quiet, ignored="75.00", posted_="0.00")


def test_a_reversal_is_not_reversed_itself_but_taken_back(quiet: Bench) -> None:
    invoice = posted(quiet)
    result = take_back(quiet, key(invoice))
    with pytest.raises(ConfigurationError, match="reversals themselves"):
        take_back(quiet, FileSelection(result.plan.files[0].batch))
    released = release_document(quiet.context, key(invoice), by="joe")
    assert released.what is Released.REVERSAL
    assert QUIET_DAY in quiet.context.journal.days_under_way(Kind.INVOICE)
    assert balanced(quiet, ignored="0.00", posted_="0.00")
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("60.00")}
    assert quiet.outcome(invoice["id"]) == ("posted", "", ZERO)
    assert balanced(quiet, ignored="0.00", posted_="60.00")
    (told,) = events(quiet, invoice, "document_released")
    assert (told["by"], told["reversed_by"], told["why"]) == ("joe", "jane", WHY)


def test_what_was_posted_again_can_be_reversed_again(quiet: Bench) -> None:
    invoice = posted(quiet)
    take_back(quiet, key(invoice))
    release_document(quiet.context, key(invoice), by="joe")
    quiet.run(QUIET_DAY)
    assert take_back(quiet, key(invoice)).complete
    assert quiet.owed(invoice) == {}
    rows = quiet.rows("SELECT reverses FROM journal.postings WHERE document_id = :id", id=invoice["id"])
    assert sorted(row.reverses for row in rows if row.reverses) == [1, 3]
    assert balanced(quiet, ignored="60.00", posted_="0.00")


def test_a_new_revision_of_a_reversed_document_is_posted_whole(quiet: Bench) -> None:
    invoice = posted(quiet)
    take_back(quiet, key(invoice))
    quiet.change(invoice, PART_A="75.00")
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("75.00")}
    assert quiet.outcome(invoice["id"]) == ("posted", "", ZERO)
    assert balanced(quiet, ignored="0.00", posted_="75.00")
    # Back to the amounts that were reversed: another revision all the same.
    quiet.change(invoice, PART_A="60.00")
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("60.00")}


def test_a_reversed_document_that_is_voided_changes_nothing_in_the_books(quiet: Bench) -> None:
    invoice = posted(quiet)
    take_back(quiet, key(invoice))
    ledger = len(quiet.sandbox.ledger())
    quiet.sandbox.void_invoice(invoice["id"])
    quiet.take_in_invoices()
    quiet.run(QUIET_DAY)
    assert len(quiet.sandbox.ledger()) == ledger
    assert quiet.outcome(invoice["id"])[2] == ZERO
    assert balanced(quiet, ignored="0.00", posted_="0.00")


def test_a_reversal_that_meets_a_newer_revision_waits_for_nothing_of_it(quiet: Bench) -> None:
    invoice = posted(quiet)
    plan_reversal(quiet.context, key(invoice), reason=WHY, by="jane")
    quiet.change(invoice, PART_A="80.00")
    quiet.run(QUIET_DAY)
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("80.00")}
    assert balanced(quiet, ignored="0.00", posted_="80.00")


def test_a_preview_shows_the_very_bodies_and_writes_and_sends_nothing(quiet: Bench) -> None:
    invoice = posted(quiet)
    before = (quiet.context.journal.last_sequence(), len(quiet.sandbox.ledger()))
    shown = preview_reversal(quiet.engine, quiet.settings, key(invoice), reason=WHY, by="jane")
    assert (quiet.context.journal.last_sequence(), len(quiet.sandbox.ledger())) == before
    assert quiet.rows("SELECT * FROM journal.reversed_documents") == []
    assert [document.state for document in shown.documents] == [ReversalState.TO_REVERSE]
    with pytest.raises(BrokenError, match="has changed"):
        take_back(quiet, key(invoice), pinned_hash="0" * 64)
    assert quiet.rows("SELECT * FROM journal.reversed_documents") == []
    result = take_back(quiet, key(invoice), pinned_hash=shown.plan_hash)
    assert [file.body for file in result.plan.files] == [file.body for file in shown.files]
    assert [file.batch for file in result.files] == [file.batch for file in shown.files]


def test_a_reversal_that_was_only_planned_is_finished_by_the_next_run_of_the_day(quiet: Bench) -> None:
    invoice = posted(quiet)
    (file,) = plan_reversal(quiet.context, key(invoice), reason=WHY, by="jane").files
    assert quiet.owed(invoice) == {"CHS2026": Decimal("60.00")}
    assert balanced(quiet, ignored="0.00", posted_="60.00")
    assert QUIET_DAY in quiet.context.journal.days_under_way(Kind.INVOICE)
    assert quiet.run(QUIET_DAY).batches == (file.batch,)
    assert quiet.owed(invoice) == {}
    assert balanced(quiet, ignored="60.00", posted_="0.00")


def test_a_reversal_that_was_only_planned_is_finished_by_the_same_call(quiet: Bench) -> None:
    invoice = posted(quiet)
    (file,) = plan_reversal(quiet.context, key(invoice), reason=WHY, by="jane").files
    result = take_back(quiet, key(invoice))
    assert (result.plan.files, result.plan.resumed) == ((), (file.batch,))
    assert states(result) == ["reversed"]
    assert len(events(quiet, invoice, "document_reversed")) == 1
    assert balanced(quiet, ignored="60.00", posted_="0.00")


def test_what_is_under_way_unknown_or_never_posted_is_not_reversed(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="60.00")
    with pytest.raises(ConfigurationError, match="Nothing of"):
        take_back(quiet, key(invoice))
    quiet.prepare(QUIET_DAY)
    (batch,) = quiet.plan(QUIET_DAY).batches
    with pytest.raises(ConfigurationError, match="is posted"):
        take_back(quiet, FileSelection(batch))
    quiet.send((batch,))
    quiet.change(invoice, PART_A="90.00")
    quiet.prepare(QUIET_DAY)
    (correction,) = quiet.plan(QUIET_DAY).batches
    result = take_back(quiet, key(invoice))
    assert states(result) == ["refused"]
    assert correction in result.documents[0].message
    quiet.send((correction,))
    assert quiet.owed(invoice) == {"CHS2026": Decimal("90.00")}


def close_period(quiet: Bench, period: int, *, closed: bool = True) -> None:
    """Close or open a period in Vantagepoint, and read the reference data again."""
    quiet.sandbox.set_period(period, closed=closed)
    poll_reference(quiet.engine, quiet.vantagepoint, "acme", run_id="test", company="01")


def test_a_reversal_waits_while_its_own_period_is_closed_and_is_sent_once_it_opens(quiet: Bench) -> None:
    invoice = posted(quiet)
    close_period(quiet, 202610)
    result = take_back(quiet, key(invoice))
    assert states(result) == ["held"]
    assert "202610" in result.documents[0].message
    assert quiet.outcome(invoice["id"]) == ("held", "period_closed", ZERO)
    assert balanced(quiet, ignored="0.00", posted_="60.00")
    with pytest.raises(ConfigurationError, match="to be reversed"):
        ignore_document(quiet.context, key(invoice), reason=WHY, by="jane")
    recorded = len(events(quiet, invoice, "document_reversed"))
    assert states(take_back(quiet, key(invoice))) == ["held"]
    assert len(events(quiet, invoice, "document_reversed")) == recorded
    close_period(quiet, 202610, closed=False)
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {}
    assert balanced(quiet, ignored="60.00", posted_="0.00")


def test_a_reversal_that_is_held_can_be_taken_back_before_it_is_sent(quiet: Bench) -> None:
    invoice = posted(quiet)
    close_period(quiet, 202610)
    take_back(quiet, key(invoice))
    assert release_document(quiet.context, key(invoice), by="joe").what is Released.REVERSAL
    close_period(quiet, 202610, closed=False)
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"]) == ("posted", "", ZERO)
    assert quiet.owed(invoice) == {"CHS2026": Decimal("60.00")}


def test_a_reversal_goes_to_the_first_open_period_where_the_connection_says_so(quiet: Bench) -> None:
    invoice = posted(quiet)
    close_period(quiet, 202610)
    quiet.changed(posting={"closed_period": "first_open"})
    periods: dict[int, FiscalPeriod] = dict(load_periods(quiet.engine, "acme"))
    first_open = min(number for number, period in periods.items() if number > 202610 and not period.closed)
    result = take_back(quiet, key(invoice))
    assert states(result) == ["reversed"]
    (file,) = result.plan.files
    assert (file.period, file.postings[0].moved_from) == (first_open, 202610)
    assert balanced(quiet, ignored="60.00", posted_="0.00")


def test_a_reversal_vantagepoint_refuses_is_held_with_its_words_and_tried_again(quiet: Bench) -> None:
    invoice = posted(quiet)
    quiet.project("CHS2026", "I")
    result = take_back(quiet, key(invoice))
    assert states(result) == ["held"]
    assert "CHS2026" in result.documents[0].words
    assert quiet.outcome(invoice["id"]) == ("held", "refused", ZERO)
    assert balanced(quiet, ignored="0.00", posted_="60.00")
    with pytest.raises(ConfigurationError, match="to be reversed"):
        ignore_document(quiet.context, key(invoice), reason=WHY, by="jane")
    quiet.project("CHS2026", "A")
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {}
    assert quiet.outcome(invoice["id"]) == ("ignored", "reversed_by_person", Decimal("60.00"))
    assert balanced(quiet, ignored="60.00", posted_="0.00")


def test_a_reversal_under_way_is_not_taken_back(quiet: Bench) -> None:
    invoice = posted(quiet)
    plan_reversal(quiet.context, key(invoice), reason=WHY, by="jane")
    with pytest.raises(TransientError, match="under way"):
        release_document(quiet.context, key(invoice), by="joe")


def test_a_part_that_was_refused_before_is_not_posted_after_the_rest_was_reversed(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="60.00", PART_B="40.00")
    quiet.prepare(QUIET_DAY)
    planned = quiet.plan(QUIET_DAY).batches
    quiet.project("RHS2026", "I")
    quiet.send(planned)
    assert quiet.outcome(invoice["id"]) == ("held", "refused", Decimal("40.00"))
    assert take_back(quiet, key(invoice)).complete
    quiet.project("RHS2026", "A")
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {}
    assert quiet.outcome(invoice["id"]) == ("ignored", "reversed_by_person", Decimal("100.00"))
    assert balanced(quiet, ignored="100.00", posted_="0.00")


def test_a_document_whose_newest_version_cannot_be_read_is_reversed_and_stays_held_for_that(quiet: Bench) -> None:
    invoice = posted(quiet)
    quiet.sandbox.edit_invoice(invoice["id"], verbatim=True, subTotal=None)
    quiet.take_in_invoices()
    quiet.run(QUIET_DAY)
    assert quiet.outcome(invoice["id"])[:2] == ("held", "unreadable")
    assert take_back(quiet, key(invoice)).complete
    assert quiet.owed(invoice) == {}
    assert quiet.outcome(invoice["id"]) == ("held", "unreadable", Decimal("60.00"))
    assert quiet.tie_out(QUIET_DAY).balanced
    quiet.sandbox.edit_invoice(invoice["id"], verbatim=True, subTotal="60.00")
    quiet.take_in_invoices()
    quiet.run(QUIET_DAY)
    assert quiet.owed(invoice) == {}
    assert balanced(quiet, ignored="60.00", posted_="0.00")


@pytest.fixture(scope="module")
def month(module_engine: Engine) -> Generator[Bench]:
    """One sandbox for all simulated reversals: each has documents of its own."""
    with running_sandbox(invoices=20) as sandbox, bench(sandbox, module_engine) as connected:
        connected.take_in()
        yield connected


def test_a_crash_at_any_moment_of_a_reversal_leaves_nothing_that_the_next_run_does_not_finish(month: Bench) -> None:
    """T01: killed at every boundary of a reversal."""
    days = list(month.calendar.business_days(date(2026, 11, 2), date(2026, 12, 31)))
    crashed: list[str] = []
    for crash_at in range(1, _MOST_MOMENTS):
        day = days[crash_at % len(days)]
        wrong = posted(month, day, PART_A="100.00", PART_B="5.00")
        kept = posted(month, day, PART_A="1.00")
        moments = Moments(crash_at)
        with dying(month, moments) as process:
            try:
                take_back(process, key(wrong))
            except Crash:
                crashed.append(moments.where)
        where = f"crash {crash_at} {moments.where}"
        month.run(day)
        asked = month.rows("SELECT * FROM journal.reversed_documents WHERE document_id = :id", id=wrong["id"])
        if not asked:
            # It died before the decision was kept: nothing was sent, and the person asks again.
            assert month.owed(wrong) == {"CHS2026": Decimal("100.00"), "RHS2026": Decimal("5.00")}, where
            assert take_back(month, key(wrong)).complete, where
        assert month.owed(wrong) == {}, where
        assert month.owed(kept) == {"CHS2026": Decimal("1.00")}, where
        assert month.outcome(wrong["id"]) == ("ignored", "reversed_by_person", Decimal("105.00")), where
        assert month.tie_out(day).balanced, where
        month.sandbox.void_invoice(kept["id"])
        if not moments.where:
            break
    else:
        pytest.fail(f"a reversal has over {_MOST_MOMENTS} moments")
    assert {"before enter_file", "after enter_file", "before post_file", "after post_file"} <= set(crashed)
    assert crashed.count("before a commit") > 5
    assert_each_line_stands_once(month)
    assert_chain_holds(month)
