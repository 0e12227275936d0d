"""One cause is one alert: told when it begins, reminded of while it lasts, told once when it is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_deltek_pipeline.domain.alerts import (
    GONE_FOR,
    MOST_SUBJECTS,
    Alert,
    KnownAlert,
    Severity,
    Told,
    decide,
    one_per_cause,
)

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
MINUTE = timedelta(minutes=1)


def alert(cause: str = "in_doubt", **changes: object) -> Alert:
    return replace(
        Alert("acme", cause, Severity.ERROR, "title", "What happened.", "Do it.", NOW, ("a",), 1),
        **changes,  # type: ignore[arg-type]
    )


def known(cause: str = "in_doubt", **changes: object) -> KnownAlert:
    return replace(KnownAlert(alert(cause), NOW, NOW, NOW), **changes)  # type: ignore[arg-type]


OPEN = known()
LONG_GONE = known(resolved_at=NOW - 2 * DAY, openings=3)
JUST_GONE = known(resolved_at=NOW - timedelta(hours=1), openings=3)
NEVER_TOLD = known(last_told=None)


@pytest.mark.parametrize(
    ("found", "stored", "after", "told", "openings"),
    [
        pytest.param(True, None, 0, Told.OPENED, 1, id="what is new is told"),
        pytest.param(True, OPEN, 60, None, 1, id="what lasts is not told again"),
        pytest.param(True, OPEN, 24 * 60, Told.REMINDER, 1, id="what lasts for long is reminded of"),
        pytest.param(True, LONG_GONE, 0, Told.OPENED, 1, id="what comes back after long is new"),
        pytest.param(True, JUST_GONE, 0, Told.OPENED, 4, id="what comes back soon is told and counted"),
        pytest.param(True, NEVER_TOLD, 1, Told.OPENED, 1, id="what nobody could be told is told once somebody listens"),
        pytest.param(False, OPEN, 15, Told.RESOLVED, 1, id="what has been gone for a while is over"),
        pytest.param(False, NEVER_TOLD, 15, None, 1, id="what nobody was told of is over without a word"),
    ],
)
def test_what_is_told(stored: KnownAlert | None, after: int, told: Told | None, openings: int, *, found: bool) -> None:
    (change,) = decide(
        [alert()] if found else [], [stored] if stored else [], now=NOW + after * MINUTE, remind_after=DAY
    )
    assert change.told is told
    assert change.known.openings == openings
    assert change.known.is_open is found


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(OPEN, id="gone for a moment only"),
        pytest.param(
            replace(OPEN, openings=2, last_seen=NOW - GONE_FOR), id="came back before, so it must be gone longer"
        ),
        pytest.param(LONG_GONE, id="over already"),
    ],
)
def test_what_is_not_there_and_changes_nothing(stored: KnownAlert) -> None:
    assert decide([], [stored], now=NOW + 14 * MINUTE, remind_after=DAY) == ()


def test_a_reminder_is_counted_from_the_last_message() -> None:
    (reminded,) = decide([alert()], [OPEN], now=NOW + DAY, remind_after=DAY)
    (later,) = decide([alert()], [reminded.known], now=NOW + 1.5 * DAY, remind_after=DAY)
    assert (reminded.told, later.told) == (Told.REMINDER, None)
    assert later.known.last_told == NOW + DAY


def test_nobody_is_told_where_nobody_listens_but_it_is_known() -> None:
    (change,) = decide([alert()], [], now=NOW, remind_after=DAY, somebody_listens=False)
    assert (change.told, change.known.last_told, change.known.is_open) == (None, None, True)


def test_a_consequence_of_another_alert_is_not_told_and_an_open_one_stays_open() -> None:
    late = alert("feed_lag", explained_by=frozenset({"run_failure:x"}))
    outage = alert("run_failure:x")
    assert [change.known.alert.cause for change in decide([late, outage], [], now=NOW, remind_after=DAY)] == [
        "run_failure:x"
    ]
    changes = decide([late, outage], [known("feed_lag")], now=NOW + 2 * DAY, remind_after=DAY)
    assert [(change.known.alert.cause, change.told) for change in changes] == [
        ("feed_lag", None),
        ("run_failure:x", Told.OPENED),
    ]
    # The outage is over and the feeds are still late: now it is a cause of its own.
    assert [change.told for change in decide([late], [], now=NOW, remind_after=DAY)] == [Told.OPENED]


def test_alerts_of_one_cause_become_one_that_tells_all_of_it() -> None:
    first = alert(what_happened="A.", subjects=tuple(f"a{number}" for number in range(15)), count=15)
    second = alert(
        severity=Severity.CRITICAL, title="worse", what_happened="B.", since=NOW - DAY, subjects=("b",) * 15, count=30
    )
    merged = one_per_cause([first, alert("other"), second])
    assert list(merged) == ["in_doubt", "other"]
    both = merged["in_doubt"]
    assert (both.severity, both.title, both.what_happened, both.since, both.count) == (
        Severity.CRITICAL,
        "worse",
        "A. B.",
        NOW - DAY,
        45,
    )
    assert len(both.subjects) <= MOST_SUBJECTS


_LOOKS = st.lists(
    st.tuples(st.integers(1, 240), st.lists(st.sampled_from(["x", "y", "z"]), max_size=5)), min_size=1, max_size=60
)


@given(looks=_LOOKS)
def test_one_cause_is_never_told_twice_as_begun_without_having_ended(looks: list[tuple[int, list[str]]]) -> None:
    stored: dict[str, KnownAlert] = {}
    telling: dict[str, bool] = {}
    now = NOW
    for minutes, causes in looks:
        now += minutes * MINUTE
        changes = decide([alert(cause) for cause in causes], stored.values(), now=now, remind_after=DAY)
        assert len({change.known.alert.cause for change in changes}) == len(changes)
        for change in changes:
            cause = change.known.alert.cause
            if change.told is Told.OPENED:
                assert not telling.get(cause)
                telling[cause] = True
            elif change.told is not None:
                assert telling[cause]
                telling[cause] = change.told is Told.REMINDER
            stored[cause] = change.known
        assert all(stored[cause].is_open and telling[cause] for cause in causes)


@settings(deadline=None, max_examples=50)
@given(gone_for=st.lists(st.integers(1, 300), min_size=1, max_size=40))
def test_a_cause_that_comes_and_goes_floods_nobody(gone_for: list[int]) -> None:
    stored: list[KnownAlert] = []
    told: list[datetime] = []
    now = NOW
    for minutes in gone_for:
        for there, after in ((True, 1), (False, 1), (False, minutes)):
            now += after * MINUTE
            for change in decide([alert()] if there else [], stored, now=now, remind_after=DAY):
                told += [now] if change.told else []
                stored = [change.known]
    # A quarter of an hour, doubled until a day is reached: each of eight openings can be told as begun and as over.
    for begin in told:
        assert sum(begin <= moment < begin + DAY for moment in told) <= 16
