import multiprocessing
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_deltek_pipeline.transport.rate_limit import FileRateLimiter, LocalRateLimiter, RateLimiter
from st_deltek_pipeline_tests.scripted_server import FakeTime


def most_in_any_second(moments: Sequence[float]) -> int:
    ordered = sorted(moments)
    most = start = 0
    for end, moment in enumerate(ordered):
        while moment - ordered[start] >= 1.0:
            start += 1
        most = max(most, end - start + 1)
    return most


def limiters(clock: FakeTime, folder: Path, limit: int) -> list[RateLimiter]:
    return [
        LocalRateLimiter(limit, monotonic=clock.monotonic, sleep=clock.sleep),
        FileRateLimiter(folder / f"slots-{limit}", limit, monotonic=clock.monotonic, sleep=clock.sleep),
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_the_first_calls_do_not_wait_and_the_next_waits_for_the_second_to_pass(tmp_path: Path, which: int) -> None:
    clock = FakeTime()
    limiter = limiters(clock, tmp_path, 5)[which]
    for _ in range(5):
        limiter.acquire()
    assert clock.sleeps == []
    limiter.acquire()
    assert clock.sleeps == [pytest.approx(1.002)]


@settings(max_examples=40, deadline=None)
@given(limit=st.integers(1, 12), idle=st.lists(st.floats(0, 1.5), min_size=1, max_size=40))
def test_no_sliding_second_ever_holds_more_than_the_limit(
    tmp_path_factory: pytest.TempPathFactory, limit: int, idle: list[float]
) -> None:
    for which in (0, 1):
        clock = FakeTime()
        limiter = limiters(clock, tmp_path_factory.mktemp("slots"), limit)[which]
        moments = []
        for pause in idle:
            clock.seconds += pause if pause > 0.7 else 0
            limiter.acquire()
            moments.append(clock.seconds)
        assert most_in_any_second(moments) <= limit


def test_several_calls_can_be_asked_for_at_once() -> None:
    clock = FakeTime()
    limiter = LocalRateLimiter(3, monotonic=clock.monotonic, sleep=clock.sleep)
    limiter.acquire(7)
    assert clock.sleeps == [pytest.approx(2.004)]


def test_threads_share_one_limit() -> None:
    limiter = LocalRateLimiter(20)
    moments: list[float] = []

    def work() -> None:
        for _ in range(8):
            limiter.acquire()
            moments.append(time.monotonic())

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(moments) == 40
    # A thread may be held up between its slot and its note of the time, so one call each may count twice.
    assert most_in_any_second(moments) <= 20 + len(threads)
    assert max(moments) - min(moments) >= 1.0


def _take_slots(path: str, limit: int, calls: int, gate: str, results: "multiprocessing.Queue[list[float]]") -> None:
    slots: list[float] = []
    now = [0.0]

    def monotonic() -> float:
        now[0] = time.monotonic()
        return now[0]

    def sleep(seconds: float) -> None:
        slots[-1] = now[0] + seconds
        time.sleep(seconds)

    while not Path(gate).exists():
        time.sleep(0.005)
    limiter = FileRateLimiter(Path(path), limit, monotonic=monotonic, sleep=sleep)
    for _ in range(calls):
        slots.append(0.0)
        limiter.acquire()
        slots[-1] = slots[-1] or now[0]
    results.put(slots)


def test_processes_share_one_limit_through_the_file(tmp_path: Path) -> None:
    """T15: one limit for all processes."""
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[list[float]] = context.Queue()
    gate = tmp_path / "go"
    workers = [
        context.Process(target=_take_slots, args=(str(tmp_path / "slots"), 15, 12, str(gate), results))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    gate.touch()
    granted = [slot for _ in workers for slot in results.get(timeout=60)]
    for worker in workers:
        worker.join(timeout=30)
        assert worker.exitcode == 0
    assert len(granted) == 48
    assert most_in_any_second(granted) <= 15
    # And not slower than it has to be: 48 calls at 15 a second end in the fourth second.
    assert max(granted) - min(granted) < 4.5


def _die_with_the_lock(path: str) -> None:
    def die() -> float:
        os._exit(9)

    FileRateLimiter(Path(path), 5, monotonic=die).acquire()


def test_a_process_that_dies_with_the_lock_blocks_nobody(tmp_path: Path) -> None:
    worker = multiprocessing.get_context("spawn").Process(target=_die_with_the_lock, args=(str(tmp_path / "slots"),))
    worker.start()
    worker.join(timeout=60)
    assert worker.exitcode == 9
    clock = FakeTime()
    FileRateLimiter(tmp_path / "slots", 5, monotonic=clock.monotonic, sleep=clock.sleep).acquire()
    assert clock.sleeps == []


@pytest.mark.parametrize("content", [b"SDR1", b"garbage that is longer than the header by quite a few bytes....."])
def test_a_file_that_cannot_be_read_counts_as_a_second_full_of_calls(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "slots"
    path.write_bytes(content)
    clock = FakeTime()
    limiter = FileRateLimiter(path, 5, monotonic=clock.monotonic, sleep=clock.sleep)
    limiter.acquire()
    assert clock.sleeps == [pytest.approx(1.002)]
    for _ in range(4):
        limiter.acquire()
    assert len(clock.sleeps) == 1


def test_slots_from_before_a_reboot_do_not_make_anybody_wait_for_hours(tmp_path: Path) -> None:
    clock = FakeTime()
    clock.seconds = 9_000_000.0
    path = tmp_path / "slots"
    FileRateLimiter(path, 2, monotonic=clock.monotonic, sleep=clock.sleep).acquire(2)
    content = bytearray(path.read_bytes())
    content[4:36] = b"0" * 32
    path.write_bytes(content)
    clock.seconds = 10.0
    FileRateLimiter(path, 2, monotonic=clock.monotonic, sleep=clock.sleep).acquire()
    assert clock.sleeps == [pytest.approx(1.002)]


def test_the_file_is_its_owners_and_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "slots"
    clock = FakeTime()
    FileRateLimiter(path, 50, monotonic=clock.monotonic, sleep=clock.sleep).acquire(1000)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size < 4096


def test_a_limit_below_one_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        LocalRateLimiter(0)
    with pytest.raises(ValueError, match="at least 1"):
        FileRateLimiter(tmp_path / "slots", 0)
