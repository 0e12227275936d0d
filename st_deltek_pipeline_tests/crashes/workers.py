"""Workers: processes of their own that do the product's work, and die or stand still at a named moment.

They are forked from a process that has imported everything and has no threads. Nothing of the test's process is in them.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.boundaries import Boundary, Reached
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import LockLostError, PipelineError
from st_deltek_pipeline.services.alignment import align_day
from st_deltek_pipeline.services.feeds import FEEDS_BY_NAME
from st_deltek_pipeline.services.intake import take_in_feed
from st_deltek_pipeline.services.posting.check import check_file
from st_deltek_pipeline.services.posting.confirm import confirm_file
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.services.posting.enter import enter_file
from st_deltek_pipeline.services.posting.planner import plan_day
from st_deltek_pipeline.services.posting.post import post_file
from st_deltek_pipeline.services.staging import stage_day
from st_deltek_pipeline.services.write_back import write_back_day
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.webhooks.server import Receiver
from st_deltek_pipeline_tests.services.posting.harness import Bench, connected_clients

DONE, LOCK_LOST, REFUSED, NO_DATABASE = 0, 21, 22, 23
"""Exit codes of workers that come to an end of their own."""

_JOIN_SECONDS = 120


@dataclass(frozen=True)
class Halt:
    """Where a worker ends.

    Attributes:
        at: The moment.
        nth: The how manieth time it is reached.
        by: The signal that the worker sends to itself.
    """

    at: Boundary
    nth: int = 1
    by: signal.Signals = signal.SIGKILL


@dataclass(frozen=True)
class Job:
    """What a worker has to do; it can be handed to another process.

    Attributes:
        feeds: What it takes in first.
        kinds: What it posts then.
        write_back: It tells ServiceTitan at last.
    """

    database_url: str
    ready: Mapping[str, Any]
    settings: Mapping[str, Any]
    day: date
    feeds: Sequence[str] = ()
    kinds: Sequence[Kind] = ()
    write_back: bool = False
    halt: Halt | None = None


def job_of(bench: Bench, day: date, **what: Any) -> Job:
    """Return what a worker needs to know to go on in place of a bench."""
    return Job(
        database_url=bench.engine.url.render_as_string(hide_password=False),
        ready=bench.sandbox.running.sandbox.ready_line,
        settings=bench.settings.model_dump(mode="json"),
        day=day,
        **what,
    )


def workers() -> ForkServerContext:
    """Return what starts workers: its first use imports everything, once for all of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def started(work: Callable[..., None], *arguments: Any) -> ForkServerProcess:
    """Start a worker."""
    process = workers().Process(target=work, args=arguments, daemon=True)
    process.start()
    return process


def ended(process: ForkServerProcess) -> int | None:
    """Wait for a worker's end, and say how it was: an exit code, or the negative number of a signal."""
    process.join(_JOIN_SECONDS)
    code = process.exitcode
    if code is None:
        process.kill()
        process.join()
    return code


def halting(halt: Halt | None) -> Reached:
    """Return what ends this process where it has to end."""
    left = 0 if halt is None else halt.nth

    def reached(boundary: Boundary) -> None:
        nonlocal left
        if halt is not None and boundary is halt.at:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), halt.by)

    return reached


def work(job: Job, gate: Barrier | None = None) -> None:
    """Do a job, in a process of its own."""
    try:
        if gate is not None:
            gate.wait(_JOIN_SECONDS)
        do(job, halting(job.halt))
    except LockLostError:
        sys.exit(LOCK_LOST)
    except PipelineError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(REFUSED)
    except DBAPIError:
        sys.exit(NO_DATABASE)


def do(job: Job, reached: Reached) -> None:
    """Do a job in this process."""
    settings = ConnectionSettings.model_validate(job.settings)
    engine = engine_for(job.database_url)
    try:
        with connected_clients(job.ready) as (servicetitan, vantagepoint):
            for name in job.feeds:
                take_in_feed(engine, servicetitan, settings.name, FEEDS_BY_NAME[name], run_id="worker", reached=reached)
            context = PostingContext(
                engine=engine,
                settings=settings,
                calendar=business_calendar(settings.calendar, 2026, 2026),
                client=vantagepoint,
                username=job.ready["vantagepoint"]["username"],
                run_id="worker",
                sleep=lambda _: None,
                reached=reached,
            )
            for kind in job.kinds:
                stage_day(engine, settings, context.calendar, kind, job.day, run_id="worker")
                align_day(engine, settings, kind, job.day, run_id="worker")
                post(context, kind, job.day)
            if job.write_back:
                write_back_day(engine, settings, servicetitan, job.day, run_id="worker", reached=reached)
    finally:
        engine.dispose()


def post(context: PostingContext, kind: Kind, day: date) -> None:
    """Plan and post one kind of a day."""
    for batch in plan_day(context, kind, day).batches:
        for checked in check_file(context, batch):
            for entered in enter_file(context, checked):
                for posted in post_file(context, entered):
                    confirm_file(context, posted)


def receive(settings: Settings, address_file: Path, halt: Halt | None) -> None:
    """Receive webhooks in a process of its own, whose address it writes into a file."""
    assert settings.database_url is not None
    engine = engine_for(settings.database_url)
    receiver = Receiver(settings, engine, host="127.0.0.1", port=0, reached=halting(halt))
    receiver.run(lambda: write_whole(address_file, receiver.url), until_signal=True)
    engine.dispose()


def write_whole(path: Path, words: str) -> None:
    """Write a file that is there whole or not at all."""
    part = path.with_suffix(f".{datetime.now(UTC).timestamp()}")
    part.write_text(words)
    part.rename(path)
