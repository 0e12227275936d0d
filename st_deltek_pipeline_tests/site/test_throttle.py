"""Guessing gets slower and slower, and nobody else waits for it."""

from dataclasses import dataclass

from st_deltek_pipeline.site.throttle import Throttle


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_more_often_a_password_was_wrong_the_longer_one_waits() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    assert [throttle.attempt("jane", "10.0.0.1") for _ in range(5)] == [0.0] * 5
    waits: list[float] = []
    for _ in range(12):
        wait = throttle.attempt("jane", "10.0.0.1")
        waits.append(wait)
        clock.now += wait
        assert throttle.attempt("jane", "10.0.0.1") == 0.0
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0]
    assert max(waits) == 900.0


def test_who_waits_keeps_nobody_else_out_and_not_the_same_person_elsewhere() -> None:
    throttle = Throttle(Clock())
    while not throttle.attempt("jane", "10.0.0.1"):
        pass
    assert throttle.attempt("JANE", "10.0.0.1") > 0
    assert throttle.attempt("jane", "10.0.0.2") == 0.0
    assert throttle.attempt("bob", "10.0.0.1") == 0.0


def test_an_address_that_tries_many_names_waits_too() -> None:
    throttle = Throttle(Clock())
    found = [throttle.attempt(f"user{number}", "10.0.0.1") for number in range(60)]
    assert found[:40] == [0.0] * 40
    assert all(wait > 0 for wait in found[40:])
    assert throttle.attempt("user", "10.0.0.2") == 0.0


def test_one_network_of_ipv6_is_one_address() -> None:
    throttle = Throttle(Clock())
    assert [throttle.attempt("jane", f"2001:db8::{number:x}") for number in range(1, 6)] == [0.0] * 5
    assert throttle.attempt("jane", "2001:db8::99") > 0
    assert throttle.attempt("jane", "2001:db8:1::99") == 0.0


def test_attempts_at_the_same_time_count_before_any_of_them_has_an_answer() -> None:
    throttle = Throttle(Clock())
    begun = [throttle.attempt("jane", "10.0.0.1") for _ in range(100)]
    assert begun.count(0.0) == 5


def test_the_right_password_forgets_the_wrong_ones() -> None:
    throttle = Throttle(Clock())
    for _ in range(50):
        assert throttle.attempt("jane", "10.0.0.1") == 0.0
        throttle.succeeded("jane", "10.0.0.1")


def test_an_attempt_that_nobody_looked_at_is_none() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(100):
        assert throttle.attempt("jane", "10.0.0.1") == 0.0
        throttle.given_back("jane", "10.0.0.1")
    assert not throttle._failures
    while not throttle.attempt("jane", "10.0.0.1"):
        pass
    clock.now += 2.0
    assert throttle.attempt("jane", "10.0.0.1") == 0.0
    throttle.given_back("jane", "10.0.0.1")
    # It neither counts nor makes anybody wait longer, and what was wrong before stays wrong.
    assert throttle.attempt("jane", "10.0.0.1") == 0.0
    assert throttle.attempt("jane", "10.0.0.1") == 4.0


def test_an_hour_later_it_is_forgotten_and_memory_is_bounded() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    while not throttle.attempt("jane", "10.0.0.1"):
        pass
    clock.now += 3601
    assert throttle.attempt("jane", "10.0.0.1") == 0.0
    for number in range(25_000):
        throttle.attempt("jane", f"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}")
    assert len(throttle._failures) == 20_000
