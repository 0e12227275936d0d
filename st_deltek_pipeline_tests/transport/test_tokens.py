import threading
from collections.abc import Callable

import pytest

from st_deltek_pipeline.domain.errors import BrokenError, CredentialsError, TransientError
from st_deltek_pipeline.transport.answers import Answer
from st_deltek_pipeline.transport.redaction import Redactor
from st_deltek_pipeline.transport.tokens import Token, TokenCache, token_of
from st_deltek_pipeline_tests.scripted_server import FakeTime


def numbered(seconds: float = 900) -> tuple[Callable[[Token | None], Token], list[Token | None]]:
    asked: list[Token | None] = []

    def fetch(lapsing: Token | None) -> Token:
        asked.append(lapsing)
        return Token(f"token-{len(asked)}", seconds, "refresh")

    return fetch, asked


def test_a_token_is_fetched_once_and_renewed_a_minute_early(clock: FakeTime) -> None:
    fetch, asked = numbered()
    cache = TokenCache(fetch, clock.timing())
    assert cache.current() == "token-1"
    clock.seconds += 839
    assert cache.current() == "token-1"
    clock.seconds += 1
    assert cache.current() == "token-2"
    assert asked[0] is None
    assert asked[1] == Token("token-1", 900, "refresh")


def test_a_short_lived_token_is_used_for_half_its_life(clock: FakeTime) -> None:
    fetch, asked = numbered(seconds=40)
    cache = TokenCache(fetch, clock.timing())
    cache.current()
    clock.seconds += 19
    cache.current()
    assert len(asked) == 1
    clock.seconds += 1
    cache.current()
    assert len(asked) == 2


def test_only_one_thread_fetches(clock: FakeTime) -> None:
    entered, go = threading.Event(), threading.Event()
    count: list[int] = []

    def fetch(_: Token | None) -> Token:
        count.append(1)
        entered.set()
        go.wait(10)
        return Token("token", 900)

    cache = TokenCache(fetch, clock.timing())
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(cache.current())) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert entered.wait(10)
    go.set()
    for thread in threads:
        thread.join()
    assert results == ["token"] * 8
    assert len(count) == 1


def test_a_refused_token_is_forgotten_only_by_those_who_used_it(clock: FakeTime) -> None:
    fetch, asked = numbered()
    cache = TokenCache(fetch, clock.timing())
    old = cache.current()
    cache.forget(old)
    assert cache.current() == "token-2"
    cache.forget(old)
    assert cache.current() == "token-2"
    # A token that was refused has nothing left to renew.
    assert asked == [None, None]


def test_refused_credentials_are_not_tried_again_for_a_minute(clock: FakeTime) -> None:
    tries: list[int] = []

    def fetch(_: Token | None) -> Token:
        tries.append(1)
        message = "no"
        raise CredentialsError(message, advice="fix it")

    cache = TokenCache(fetch, clock.timing())
    for _ in range(5):
        with pytest.raises(CredentialsError, match="no fix it"):
            cache.current()
    assert len(tries) == 1
    clock.seconds += 60
    with pytest.raises(CredentialsError):
        cache.current()
    assert len(tries) == 2


def test_an_outage_of_the_sign_in_is_not_remembered(clock: FakeTime) -> None:
    """T16: the token endpoint is down."""
    outcomes: list[Token | TransientError] = [TransientError("later"), Token("token", 900)]

    def fetch(_: Token | None) -> Token:
        outcome = outcomes.pop(0)
        if isinstance(outcome, TransientError):
            raise outcome
        return outcome

    cache = TokenCache(fetch, clock.timing())
    with pytest.raises(TransientError):
        cache.current()
    assert cache.current() == "token"


def answer(redactor: Redactor | None = None) -> Answer:
    return Answer("Vantagepoint", "the sign-in", 200, {}, b"", None, redactor or Redactor())


def test_a_token_answer_is_read_and_its_tokens_become_secrets() -> None:
    redactor = Redactor()
    body = {"Access_Token": "abcdefgh", "expires_in": "1799", "refresh_token": "ijklmnop", "token_type": "bearer"}
    token = token_of(answer(redactor), body)
    assert token == Token("abcdefgh", 1799, "ijklmnop")
    assert "abcdefgh" not in repr(token)
    assert redactor.text("abcdefgh ijklmnop") == "*** ***"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        "text",
        {"access_token": "", "expires_in": 900},
        {"access_token": 5, "expires_in": 900},
        {"access_token": "a\r\nX-Evil: 1", "expires_in": 900},
        {"access_token": "two words", "expires_in": 900},
        {"access_token": "tökèn", "expires_in": 900},
        {"access_token": "good", "expires_in": 0},
        {"access_token": "good", "expires_in": -1},
        {"access_token": "good", "expires_in": "inf"},
        {"access_token": "good", "expires_in": "nan"},
        {"access_token": "good", "expires_in": None},
        {"access_token": "good"},
    ],
)
def test_a_token_answer_without_a_usable_token_is_refused(body: object) -> None:
    """T16: 200 without a token."""
    with pytest.raises(BrokenError, match="sign-in"):
        token_of(answer(), body)
