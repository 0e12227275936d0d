"""A file's events, played again, end where its row says it is; what cannot have happened is named by its event."""

import pytest

from st_deltek_pipeline.domain.file_lives import FILE_EVENTS, SPLIT_UP, FileEvent, why_not_lived
from st_deltek_pipeline.domain.journal import EventType


def _lived(*names: str, state: str | None) -> str:
    return why_not_lived([FileEvent(number, name) for number, name in enumerate(names, start=1)], state)


@pytest.mark.parametrize(
    ("names", "state"),
    [
        (["file_planned"], "planned"),
        (
            ["file_planned", "file_sending", "file_entered", "file_posting", "file_post_answered", "file_posted"],
            "posted",
        ),
        (["file_planned", "file_sending", "file_in_doubt", "file_absent", "file_sending", "file_entered"], "entered"),
        (["file_planned", "file_sending", "file_in_doubt", "file_entered", "file_posting", "file_held"], "held"),
        (["file_planned", "file_entered", "file_posting", "file_entered", "file_posting", "file_posting"], "posting"),
        (["file_planned", "file_held", "file_held", "file_released", "file_refused", "file_planned"], "planned"),
        (["file_planned", "file_sending", SPLIT_UP, SPLIT_UP], "split"),
        (["file_planned", SPLIT_UP, "file_planned"], "planned"),
        (["file_split", "file_refused"], "refused"),
        (["file_planned", "document_adopted", "document_adopted"], "adopted"),
    ],
)
def test_what_the_protocol_does_is_a_life(names: list[str], state: str) -> None:
    assert _lived(*names, state=state) == ""


@pytest.mark.parametrize(
    ("names", "state", "words"),
    [
        (["file_sending"], "sending", "event 1 says file_sending of a file that was never planned"),
        (["file_planned", "file_posted"], "posted", "event 2 says file_posted of a file that was planned"),
        (["file_planned", "file_planned"], "planned", "event 2 says file_planned of a file that was planned"),
        (["file_planned", "file_sending"], "posted", "it is posted, and its events say sending"),
        (["file_planned"], None, "it has events and no row"),
        ([], "posted", "it is posted, and no event says so"),
        (["file_planned", "file_burnt"], "planned", "event 2 says file_burnt of a file that was planned"),
    ],
)
def test_what_cannot_have_happened_is_named(names: list[str], state: str | None, words: str) -> None:
    assert _lived(*names, state=state) == words


@pytest.mark.parametrize("name", FILE_EVENTS)
@pytest.mark.parametrize("end", ["file_posted", "document_adopted"])
def test_nothing_happens_to_a_file_that_stands(name: str, end: str) -> None:
    before = ["file_planned", "file_entered", "file_posting"] if end == "file_posted" else ["file_planned"]
    if name != end or end == "file_posted":
        assert _lived(*before, end, name, state=None) != "it has events and no row"


def test_every_event_of_a_file_has_its_rule() -> None:
    of_files = {each.value for each in EventType if each.value.startswith("file_")}
    assert of_files <= set(FILE_EVENTS)
