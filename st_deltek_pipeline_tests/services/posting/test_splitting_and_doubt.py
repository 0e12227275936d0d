"""The splitter and the in-doubt resolver, whatever is refused and whatever arrives when."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_deltek_pipeline.domain.coded_amounts import Heading
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.errors import AlreadyExistsError, InDoubtError, RefusedError, TransientError
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.transaction_files import build_file
from st_deltek_pipeline.services.posting import resolve
from st_deltek_pipeline.services.posting.context import LOOK_AGAIN_SECONDS, SENDINGS_PER_RUN
from st_deltek_pipeline.services.posting.enter import enter_file
from st_deltek_pipeline.services.posting.moves import add_child, refuse_child
from st_deltek_pipeline.services.posting.resolve import compare_entered, is_entered, resolve_in_doubt, states_our_total
from st_deltek_pipeline_tests.domain.test_entry_bodies import posting as other_posting
from st_deltek_pipeline_tests.services.posting.steps_in_memory import LOCK, START, Steps, steps

CLOSED = "Period 202610 is closed."
INACTIVE = "Project HVAC is inactive."

# No deadline: the machine may be busy with other things.
_MANY = settings(deadline=None)


# --- Splitting -------------------------------------------------------------------------------------------------------


@_MANY
@given(st.integers(1, 17).flatmap(lambda size: st.tuples(st.just(size), st.sets(st.integers(1, size)))))
def test_whichever_documents_are_refused_they_stand_alone_and_all_the_others_are_entered_once(
    drawn: tuple[int, set[int]],
) -> None:
    """T55: one poison record never blocks the others."""
    size, poison = drawn
    run = steps()
    run.vantagepoint.poison = dict.fromkeys(poison, INACTIVE)
    batch = run.plan(*range(1, size + 1))
    entered = enter_file(run.context, batch)
    assert sorted(run.documents(entered)) == sorted(set(range(1, size + 1)) - poison)
    assert set(entered) == set(run.vantagepoint.files)
    # The poison ones are held, each alone, in Vantagepoint's words and with nobody else.
    assert {document.document_id for document in run.journal.held} == poison
    assert {hold.words for hold, _ in run.journal.held.values()} <= {INACTIVE}
    refused = [each for each, file in run.journal.files.items() if file.state is FileState.REFUSED]
    assert sorted(run.documents(refused)) == sorted(poison)
    assert all(run.journal.files[each].documents == 1 for each in refused)
    assert sorted(run.journal.released) == sorted(refused)
    # Every cent of the file is entered or held, and no file is sent twice.
    amounts = [run.journal.files[each].amount for each in (*entered, *refused)]
    assert sum(amounts) == run.journal.files[batch].amount
    assert len(set(run.vantagepoint.requests)) == len(run.vantagepoint.requests)


def test_a_refused_file_is_halved_in_order_and_what_was_split_says_why() -> None:
    run = steps()
    run.vantagepoint.poison = {3: INACTIVE}
    batch = run.plan(1, 2, 3, 4, 5)
    entered = enter_file(run.context, batch)
    # Five are halved into two and three, those into one and two.
    assert [run.documents([each]) for each in entered] == [[1, 2], [4, 5]]
    assert (run.journal.files[batch].state, run.journal.files[batch].words) == (FileState.SPLIT, INACTIVE)
    children = [file for file in run.journal.files.values() if file.parent_batch == batch]
    assert [file.documents for file in children] == [2, 3]
    assert run.journal.types(children[0].batch) == ["file_split", "file_sending", "file_entered"]
    (told,) = [event for event in run.journal.events if event.batch == children[0].batch][:1]
    frozen = children[0].body_hash
    assert told.body == {"from": batch, "body_hash": frozen, "documents": 2, "why": INACTIVE}
    assert {file.company for file in children} == {"01"}
    assert {(file.period, file.kind) for file in children} == {(202610, "invoice")}
    (hold, project) = next(iter(run.journal.held.values()))
    assert (hold.reason, hold.words, project) == (HoldReason.REFUSED, INACTIVE, "HVAC")
    assert hold.message == "invoice:3: Vantagepoint refused it."


def test_a_file_that_is_split_off_and_given_up_at_once_holds_its_documents_and_gives_their_numbers_back() -> None:
    run = steps()
    parent = run.journal.file(run.plan(1, 2, 3))
    with run.journal.writing(LOCK) as transaction:
        child = add_child(run.context, transaction, parent, run.journal.postings_of(parent.batch)[:2], "found")
        refuse_child(transaction, child, lambda each: Hold(HoldReason.REFUSED, f"{each.document}: there.", "words"))
    assert child.batch == build_file("acme", "01", run.journal.postings_of(parent.batch)[:2]).batch
    assert (run.journal.files[child.batch].state, run.journal.files[child.batch].words) == (FileState.REFUSED, "words")
    assert run.journal.released == [child.batch]
    assert {document.document_id: hold.message for document, (hold, _) in run.journal.held.items()} == {
        1: "invoice:1: there.",
        2: "invoice:2: there.",
    }
    assert run.journal.types(child.batch) == ["file_split", "file_refused", "document_held", "document_held"]


def test_a_refused_document_is_recorded_with_its_amount_and_its_words() -> None:
    run = steps()
    run.vantagepoint.poison = {1: INACTIVE}
    batch = run.plan(1, amount="60.00")
    assert enter_file(run.context, batch) == ()
    assert run.journal.types() == ["file_sending", "file_refused", "document_held"]
    refused, held = run.journal.events[1:]
    assert (refused.batch, refused.body) == (batch, {"words": INACTIVE})
    assert run.journal.files[batch].words == INACTIVE
    assert (held.batch, held.revision, held.document.document_id) == (batch, 1, 1)
    assert held.body == {
        "reason": "refused",
        "message": "invoice:1: Vantagepoint refused it.",
        "words": INACTIVE,
        "amount": Decimal("60.00"),
        "revision_hash": f"{1:064x}",
    }


@pytest.mark.parametrize("words", [CLOSED, "CLOSED for entry: this\nperiod", "The period was closed."])
def test_a_closed_period_holds_the_whole_file_without_splitting_it(words: str) -> None:
    run = steps()
    run.vantagepoint.poison = dict.fromkeys((1, 2), words)
    batch = run.plan(1, 2)
    assert enter_file(run.context, batch) == ()
    assert run.journal.states() == {FileState.REFUSED: 1}
    assert {hold.reason for hold, _ in run.journal.held.values()} == {HoldReason.PERIOD_CLOSED}
    assert len(run.journal.held) == 2


@pytest.mark.parametrize("words", ["The account is closed.", "Period unknown.", "periodical closedown"])
def test_words_that_only_sound_like_a_closed_period_are_no_reason_to_hold_everybody(words: str) -> None:
    run = steps()
    run.vantagepoint.poison = {1: words}
    entered = enter_file(run.context, run.plan(1, 2))
    assert run.documents(entered) == [2]
    assert [hold.reason for hold, _ in run.journal.held.values()] == [HoldReason.REFUSED]


def test_what_is_posted_whole_or_not_at_all_is_not_split() -> None:
    run = steps()
    run.vantagepoint.poison = {2: INACTIVE}
    batch = run.plan(1, 2, 3, together="bank deposit 7")
    assert enter_file(run.context, batch) == ()
    assert run.journal.files[batch].state is FileState.REFUSED
    assert {document.document_id for document in run.journal.held} == {1, 2, 3}


def test_a_session_that_cannot_be_moved_to_the_period_refuses_the_file_before_it_is_sent() -> None:
    run = steps()

    def refuse(_period: int) -> None:
        message = "refused"
        raise RefusedError(message, words=CLOSED, status=400)

    run.vantagepoint.set_active_period = refuse  # type: ignore[method-assign]
    batch = run.plan(1, 2)
    assert enter_file(run.context, batch) == ()
    assert run.vantagepoint.requests == []
    assert run.journal.files[batch].state is FileState.REFUSED
    assert {hold.reason for hold, _ in run.journal.held.values()} == {HoldReason.PERIOD_CLOSED}


def test_company_and_period_are_those_of_the_file_when_it_is_sent() -> None:
    run = steps()
    enter_file(run.context, run.plan(1))
    assert run.vantagepoint.session == ("01", 202610)


@pytest.mark.parametrize("poison", [set[int](), {2}])
def test_one_by_one_every_document_is_sent_alone_under_a_batch_of_its_own(poison: set[int]) -> None:
    run = steps(entry="single")
    run.vantagepoint.poison = dict.fromkeys(poison, INACTIVE)
    batch = run.plan(1, 2, 3)
    entered = enter_file(run.context, batch)
    assert run.documents(entered) == sorted({1, 2, 3} - poison)
    two = steps(entry="single")
    assert two.documents(enter_file(two.context, two.plan(1, 2))) == [1, 2]
    assert len(two.vantagepoint.files) == 2
    assert (run.journal.files[batch].state, run.journal.files[batch].words) == (
        FileState.SPLIT,
        "documents are entered one by one",
    )
    assert batch not in run.vantagepoint.requests
    assert len(run.vantagepoint.requests) == 3


def test_a_file_that_is_entered_or_posted_already_is_not_sent_and_a_held_one_neither() -> None:
    run = steps()
    for number, (state, found) in enumerate(
        [(FileState.ENTERED, True), (FileState.POSTING, True), (FileState.HELD, False), (FileState.REFUSED, False)],
        start=1,
    ):
        batch = run.plan(number)
        run.in_state(batch, state)
        assert enter_file(run.context, batch) == ((batch,) if found else ())
    assert run.vantagepoint.requests == []


# --- In doubt --------------------------------------------------------------------------------------------------------

_DELAYS = st.one_of(st.none(), st.floats(0, 200, width=16))


@_MANY
@given(st.lists(_DELAYS, max_size=4), st.integers(0, 90), st.integers(1, 3))
def test_whenever_a_request_arrives_whose_answer_was_lost_the_file_stands_once(
    lost: list[float | None], settling: int, size: int
) -> None:
    """T06: the first request arrives late, after it was sent again; T02, T04, T05: applied or not, clear or not."""
    run = steps(settling_seconds=settling)
    run.vantagepoint.lost = list(lost)
    batch = run.plan(*range(1, size + 1))
    for _ in range(4):
        entered = enter_file(run.context, batch)
        if entered:
            break
        # Without a clear answer it is planned still, held for people to see, and the next run goes on.
        assert run.journal.files[batch].state is FileState.PLANNED
        assert {hold.reason for hold, _ in run.journal.held.values()} == {HoldReason.NO_CLEAR_ANSWER}
    assert entered == (batch,)
    run.clock.sleep(1000)
    run.vantagepoint.read_control("in", batch)
    assert list(run.vantagepoint.files) == [batch]
    assert set(run.vantagepoint.requests) == {batch}
    assert run.journal.files[batch].state is FileState.ENTERED


def test_nothing_is_sent_again_before_the_settling_time_is_over_and_the_arrival_is_then_found() -> None:
    run = steps(settling_seconds=60)
    run.vantagepoint.lost = [59.0]
    batch = run.plan(1)
    assert enter_file(run.context, batch) == (batch,)
    assert run.vantagepoint.requests == [batch]
    assert run.journal.types() == ["file_sending", "file_in_doubt", "file_entered"]
    assert run.journal.events[-1].body == {"found": "by reading back"}
    assert run.journal.events[1].body == {"message": "the answer was lost"}
    assert run.clock.waited[0] == LOOK_AGAIN_SECONDS
    assert sum(run.clock.waited) < 60 + LOOK_AGAIN_SECONDS


def test_what_is_absent_after_the_settling_time_is_sent_again_and_no_more_often_than_a_run_may() -> None:
    run = steps(settling_seconds=10)
    run.vantagepoint.lost = [None, None]
    batch = run.plan(1, amount="60.00")
    assert enter_file(run.context, batch) == ()
    assert run.vantagepoint.requests == [batch] * SENDINGS_PER_RUN
    assert run.journal.types() == ["file_sending", "file_in_doubt", "file_absent"] * 2 + ["document_held"]
    (hold, project) = next(iter(run.journal.held.values()))
    assert (hold.reason, hold.words, project) == (HoldReason.NO_CLEAR_ANSWER, "the answer was lost", "HVAC")
    assert hold.message == f"invoice:1: sent in file {batch} without a clear answer."
    assert {event.batch for event in run.journal.events} == {batch}
    assert run.journal.events[2].body == {"message": "Vantagepoint does not hold it after the settling time."}
    # Each time just over the settling time, and not a whole look more.
    assert 20 <= sum(run.clock.waited) <= 20.1
    assert enter_file(run.context, batch) == (batch,)


def test_the_time_that_a_file_has_been_in_doubt_already_counts() -> None:
    run = steps(settling_seconds=60)
    batch = run.plan(1)
    file = run.in_state(batch, FileState.IN_DOUBT, for_seconds=61)
    assert resolve_in_doubt(run.context, LOCK, file)
    assert run.clock.waited == []
    assert run.journal.files[batch].state is FileState.PLANNED
    just = run.in_state(batch, FileState.IN_DOUBT, for_seconds=60)
    assert resolve_in_doubt(run.context, LOCK, just)
    assert run.clock.waited == []
    young = run.in_state(batch, FileState.IN_DOUBT, for_seconds=50)
    assert resolve_in_doubt(run.context, LOCK, young)
    assert 10 <= sum(run.clock.waited) <= 10.1
    # The last look is as soon as the time is over, and not a whole pause later.
    run.clock.waited.clear()
    assert resolve_in_doubt(run.context, LOCK, run.in_state(batch, FileState.IN_DOUBT, for_seconds=49))
    assert 11 <= sum(run.clock.waited) <= 11.1


def test_a_file_that_a_killed_run_was_sending_is_in_doubt_from_now_on() -> None:
    """T01: killed between the journal's word and the request, or after it."""
    run = steps(settling_seconds=30)
    batch = run.plan(1)
    file = run.in_state(batch, FileState.SENDING, for_seconds=3600)
    assert resolve_in_doubt(run.context, LOCK, file)
    # When the request left nobody knows, so the time is counted from when it was found.
    assert sum(run.clock.waited) >= 30
    assert run.journal.types() == ["file_in_doubt", "file_absent"]
    assert run.journal.events[0].body == {"message": "A run ended while this file was being sent."}
    assert run.journal.files[batch].state is FileState.PLANNED


def test_what_only_the_ledger_knows_any_more_is_entered_and_not_sent_again() -> None:
    run = steps(settling_seconds=0)
    batch = run.plan(1)
    run.vantagepoint.in_ledger = {batch}
    file = run.in_state(batch, FileState.IN_DOUBT)
    assert resolve_in_doubt(run.context, LOCK, file)
    assert run.journal.files[batch].state is FileState.ENTERED
    assert run.journal.events[-1].body == {"found": "in the ledger"}


def _stands(run: Steps, batch: str, amount: str = "100.00") -> None:
    """Let Vantagepoint hold a file of one invoice under a Batch."""
    content = {**_body(run, batch)}
    content["inDetail"] = [{**row, "Amount": Decimal(amount)} for row in content["inDetail"]]
    run.vantagepoint.files[batch] = content


def _body(run: Steps, batch: str) -> dict[str, object]:
    return json.loads(run.journal.files[batch].body, parse_float=Decimal)


@pytest.mark.parametrize(("amount", "state"), [("100.00", FileState.ENTERED), ("100.01", FileState.HELD)])
def test_what_stands_under_our_batch_is_ours_only_when_it_is_equal_to_the_cent(amount: str, state: FileState) -> None:
    run = steps(settling_seconds=60)
    batch = run.plan(1)
    _stands(run, batch, amount)
    file = run.in_state(batch, FileState.IN_DOUBT)
    assert resolve_in_doubt(run.context, LOCK, file) is (state is FileState.ENTERED)
    assert run.clock.waited == []
    assert run.journal.files[batch].state is state
    if state is FileState.HELD:
        (hold, _) = next(iter(run.journal.held.values()))
        assert hold.reason is HoldReason.DIFFERENT_IN_VANTAGEPOINT
        assert "100.01" in hold.message
        assert f"File {batch} holds other lines in Vantagepoint: line " in hold.message
        assert run.journal.files[batch].words == hold.message
        assert [event.batch for event in run.journal.events] == [batch, batch]
        assert [event.body for event in run.journal.events if event.event_type.value == "file_held"] == [
            {"message": hold.message}
        ]


def test_what_was_sent_is_compared_without_any_float(monkeypatch: pytest.MonkeyPatch) -> None:
    """T33: float never appears (at run time), not even for a comparison."""
    compared: list[object] = []

    def differences(body: dict[str, list[dict[str, object]]], _details: object, **_: object) -> list[str]:
        compared.extend(row["Amount"] for row in body["inDetail"])
        return []

    monkeypatch.setattr(resolve, "file_differences", differences)
    run = steps()
    batch = run.plan(1, 2)
    assert compare_entered(run.context, LOCK, run.in_state(batch, FileState.IN_DOUBT))
    assert [type(amount) for amount in compared] == [Decimal, Decimal]


def test_at_most_five_differences_are_told() -> None:
    run = steps()
    batch = run.plan(*range(1, 8))
    _stands(run, batch, "1.00")
    assert not compare_entered(run.context, LOCK, run.in_state(batch, FileState.IN_DOUBT))
    assert run.journal.files[batch].words.count("we sent") == 5
    assert run.journal.files[batch].words.count("; ") == 4


def test_a_batch_that_is_taken_is_ours_when_it_is_equal_or_posted_and_refused_otherwise() -> None:
    run = steps()
    equal, posted = run.plan(1), run.plan(2)
    _stands(run, equal)
    run.vantagepoint.in_ledger = {posted}
    assert enter_file(run.context, equal) == (equal,)
    assert enter_file(run.context, posted) == (posted,)
    assert run.journal.types(posted) == ["file_sending", "file_entered"]
    assert run.journal.events[-1].body == {"found": "in the ledger"}
    assert run.journal.files[posted].state is FileState.ENTERED
    different = run.plan(3)
    _stands(run, different, "1.00")
    assert enter_file(run.context, different) == ()
    assert run.journal.files[different].state is FileState.HELD


def test_a_key_that_is_taken_by_nobody_we_can_see_is_a_refusal_that_is_split() -> None:
    # The words are also used for a key that stands twice within the file.
    run = steps()
    run.vantagepoint.in_ledger = set()
    batch = run.plan(1, 2)
    twice = run.vantagepoint._enter

    def enter(entry: str, content: dict[str, object]) -> dict[str, object]:
        if content["Batch"] == batch:
            message = "twice"
            raise AlreadyExistsError(message, words=f"The key {batch}|100001 exists twice.", status=400)
        return twice(entry, content)

    run.vantagepoint._enter = enter  # type: ignore[method-assign]
    entered = enter_file(run.context, batch)
    assert run.documents(entered) == [1, 2]
    assert len(entered) == 2


@pytest.mark.parametrize(
    ("entry", "words", "in_doubt"),
    [
        ("files", "The key {batch} exists already.", True),
        ("files", "THE KEY {upper} EXISTS ALREADY.", True),
        ("files", "The key {batch}|100001 exists twice.", False),
        ("files", "The key 0{batch} exists.", False),
        ("files", "The key exists.", True),
        ("single", "The key exists.", True),
        ("single", "The key {batch}|100001 exists.", True),
        ("single", "Invoice 123 exists already.", False),
    ],
)
def test_a_batch_that_is_taken_and_not_shown_is_in_doubt_and_nothing_is_sent_beside_it(
    entry: str, words: str, *, in_doubt: bool
) -> None:
    """T05: taken by what the first request made, which does not show yet; parts of it would stand beside it."""
    run = steps(entry=entry)
    batch = run.plan(*((1,) if entry == "single" else (1, 2)))
    said = words.format(batch=batch, upper=batch.upper())
    sent: list[str] = []

    def enter(_entry: str, content: dict[str, object]) -> dict[str, object]:
        sent.append(str(content["Batch"]))
        message = "the key is taken"
        raise AlreadyExistsError(message, words=said, status=400)

    run.vantagepoint._enter = enter  # type: ignore[method-assign]
    assert enter_file(run.context, batch) == ()
    assert (run.journal.files[batch].state is FileState.IN_DOUBT) is in_doubt
    # A document that is alone cannot be split.
    assert (sent == [batch]) is (in_doubt or entry == "single")
    if in_doubt:
        assert run.journal.types()[:2] == ["file_sending", "file_in_doubt"]
        assert run.journal.events[1].body == {"message": "the key is taken"}
        assert {(hold.reason, hold.words) for hold, _ in run.journal.held.values()} == {
            (HoldReason.NO_CLEAR_ANSWER, said)
        }


@pytest.mark.parametrize("stated", ["99.99", "100.01"])
def test_a_control_row_that_states_another_sum_is_not_believed_before_the_lines_were_read(stated: str) -> None:
    run = steps()
    run.vantagepoint.stated = Decimal(stated)
    batch = run.plan(1)
    assert enter_file(run.context, batch) == (batch,)
    assert run.journal.events[-1].body == {"found": "by reading back"}
    held = run.plan(2)
    real = run.vantagepoint.read_details
    run.vantagepoint.read_details = lambda entry, name: [  # type: ignore[method-assign]
        {**row, "Amount": Decimal(stated)} for row in real(entry, name)
    ]
    assert enter_file(run.context, held) == ()
    assert run.journal.files[held].state is FileState.HELD


def test_a_control_row_states_our_total_in_any_spelling_or_says_nothing() -> None:
    run = steps()
    file = run.journal.file(run.plan(1, 2))
    for stated in (Decimal("200.00"), Decimal("200.0000"), "200.00", 200, None):
        assert states_our_total(file, {"SumTotal": stated})
    assert states_our_total(file, {})
    assert not states_our_total(file, {"SumTotal": Decimal("200.01")})
    assert not states_our_total(file, {"SumTotal": 0})
    cents = run.journal.file(run.plan(3, amount="0.10"))
    assert states_our_total(cents, {"SumTotal": "0.1"})


def test_what_vantagepoint_answered_is_kept_when_a_file_is_entered() -> None:
    run = steps()
    batch = run.plan(1, 2)
    assert enter_file(run.context, batch) == (batch,)
    sending, entered = run.journal.events
    assert sending.body == {"body_hash": run.journal.files[batch].body_hash}
    assert entered.body == {
        "sum_total": Decimal("200.00"),
        "answer": {"Batch": batch, "SumTotal": Decimal("200.00")},
    }
    assert run.journal.files[batch].sent_at == START
    # It is sent when it is announced, not when the answer is recorded.
    later = steps()
    again = later.plan(1)
    assert later.clock is later.vantagepoint.clock
    later.vantagepoint.lost = [5.0]
    enter_file(later.context, again)
    assert later.clock.now > START
    assert later.journal.files[again].sent_at == START
    assert run.vantagepoint.files[batch]["Total"] == Decimal("200.00")


def test_a_journal_entrys_control_row_states_its_debits() -> None:
    run = steps()
    file = build_file(
        "acme", "01", [other_posting(Heading(EntryType.JOURNAL_ENTRIES, "B7", liability="200.00"), "60.00")]
    )
    run.journal.add_files([file], padded_to=7)
    stored = run.journal.file(file.batch)
    assert states_our_total(stored, {"SumDebitsTotal": Decimal("60.00"), "SumTotal": Decimal("1.00")})
    assert not states_our_total(stored, {"SumDebitsTotal": Decimal("60.01")})
    run.vantagepoint.enter_file = lambda _entry, _body: {  # type: ignore[method-assign]
        "SumDebitsTotal": Decimal("60.00"),
        "SumTotal": Decimal("1.00"),
    }
    assert enter_file(run.context, file.batch) == (file.batch,)
    assert run.journal.events[-1].body["sum_total"] == Decimal("60.00")


def test_what_has_not_left_is_planned_as_before_and_the_run_ends() -> None:
    run = steps()
    batch = run.plan(1)
    error = TransientError("turned away at the door")

    def enter(_entry: str, _body: bytes) -> dict[str, object]:
        raise error

    run.vantagepoint.enter_file = enter  # type: ignore[method-assign]
    with pytest.raises(TransientError):
        enter_file(run.context, batch)
    assert run.journal.files[batch].state is FileState.PLANNED
    assert run.journal.types() == ["file_sending", "file_absent"]
    assert run.journal.events[-1].body == {"message": "turned away at the door"}
    assert run.journal.held == {}


def test_a_control_row_without_its_document_is_no_document_where_documents_are_entered_one_by_one() -> None:
    for entry, entered in (("single", False), ("files", True)):
        run = steps(entry=entry)
        batch = run.plan(1)
        run.vantagepoint.controls = {batch}
        assert is_entered(run.context, run.journal.file(batch)) is entered
        _stands(run, batch)
        assert is_entered(run.context, run.journal.file(batch))
        assert not is_entered(run.context, replace(run.journal.file(batch), batch="another"))


def test_a_document_that_was_found_held_by_the_doubt_is_not_sent_again_by_the_same_run() -> None:
    run = steps(settling_seconds=0)
    batch = run.plan(1)

    def enter(_entry: str, _body: bytes) -> dict[str, object]:
        run.vantagepoint.requests.append(batch)
        _stands(run, batch, "1.00")
        message = "lost"
        raise InDoubtError(message)

    run.vantagepoint.enter_file = enter  # type: ignore[method-assign]
    assert enter_file(run.context, batch) == ()
    assert run.vantagepoint.requests == [batch]
    assert run.journal.files[batch].state is FileState.HELD
