"""Every error of ours is either tried again later or stops with what to do; nothing else is retried."""

import dagster as dg
import pytest

from st_deltek_pipeline.domain.errors import (
    BrokenError,
    ConfigurationError,
    CredentialsError,
    InDoubtError,
    LockLostError,
    PermissionMissingError,
    PipelineError,
    RefusedError,
    TransientError,
)
from st_deltek_pipeline.orchestration.failures import MAX_RETRIES, MAX_RETRIES_WHEN_UNREACHABLE, explained
from st_deltek_pipeline.servicetitan.errors import FeedTokenRefusedError
from st_deltek_pipeline.transport.answers import BrokenAnswerError
from st_deltek_pipeline.transport.session import UnreachableError
from st_deltek_pipeline.transport.tokens import TokenRefusedError


def retry_after(retry_number: int, error: TransientError) -> dg.RetryRequested:
    with pytest.raises(dg.RetryRequested) as raised, explained(retry_number):
        raise error
    return raised.value


@pytest.mark.parametrize(("retry_number", "seconds"), [(0, 5), (1, 10), (2, 20)])
def test_a_transient_error_is_tried_again_after_longer_and_longer_waits(retry_number: int, seconds: int) -> None:
    request = retry_after(retry_number, TransientError("the host does not answer"))
    assert request.seconds_to_wait == seconds
    assert request.max_retries == MAX_RETRIES


def test_the_wait_that_the_other_side_asks_for_is_kept() -> None:
    assert retry_after(0, TransientError("too many requests", retry_after=42)).seconds_to_wait == 42


def test_an_absurd_wait_is_cut_so_that_a_run_ends() -> None:
    assert retry_after(0, TransientError("too many requests", retry_after=86_400)).seconds_to_wait == 300


def test_after_the_last_retry_a_transient_error_says_what_happened() -> None:
    error = TransientError("the host does not answer", advice="Wait.")
    with pytest.raises(dg.Failure, match="the host does not answer") as raised, explained(MAX_RETRIES):
        raise error
    assert raised.value.allow_retries is False


def test_a_host_that_the_client_could_not_reach_is_tried_again_less_often() -> None:
    error = UnreachableError("the host cannot be reached", advice="Check the network.")
    assert [retry_after(number, error).seconds_to_wait for number in range(MAX_RETRIES_WHEN_UNREACHABLE)] == [5, 10]
    with pytest.raises(dg.Failure, match="cannot be reached") as raised, explained(MAX_RETRIES_WHEN_UNREACHABLE):
        raise error
    assert raised.value.metadata["class"].value == "TransientError"


@pytest.mark.parametrize(
    "error",
    [
        BrokenError("it is broken", advice="Repair it."),
        ConfigurationError("it is broken", advice="Repair it."),
        CredentialsError("it is broken", advice="Repair it."),
        PermissionMissingError("it is broken", advice="Repair it."),
        LockLostError("it is broken", advice="Repair it."),
        InDoubtError("it is broken", advice="Repair it."),
        RefusedError("it is broken", words="no", status=400, advice="Repair it."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_other_error_stops_at_once_with_message_and_advice(error: PipelineError) -> None:
    with pytest.raises(dg.Failure) as raised, explained(0):
        raise error
    failure = raised.value
    assert failure.allow_retries is False
    assert failure.description == "it is broken Repair it."
    assert failure.metadata["what_next"].value == "Repair it."
    assert failure.metadata["class"].value == type(error).__name__


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (TokenRefusedError("no"), "CredentialsError"),
        (BrokenAnswerError("no"), "BrokenError"),
        (FeedTokenRefusedError("no", words="no such token", status=400), "RefusedError"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_client_s_own_error_is_recorded_as_the_kind_of_trouble_it_is(error: PipelineError, name: str) -> None:
    with pytest.raises(dg.Failure) as raised, explained(0):
        raise error
    assert raised.value.metadata["class"].value == name


def test_a_refusal_is_recorded_with_the_other_side_s_words() -> None:
    error = RefusedError("it was refused", words="no such page", status=422)
    with pytest.raises(dg.Failure) as raised, explained(0):
        raise error
    assert raised.value.metadata["words"].value == "no such page"
    assert raised.value.metadata["status"].value == 422


def test_a_bug_is_not_disguised() -> None:
    with pytest.raises(ZeroDivisionError), explained(0):
        raise ZeroDivisionError
