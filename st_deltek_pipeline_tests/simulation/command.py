"""``python -m st_deltek_pipeline_tests.simulation``, which ``make simulate`` runs: as many seeds as one has time for.

    python -m st_deltek_pipeline_tests.simulation --minutes 60 --jobs 2    seeds until an hour is over
    python -m st_deltek_pipeline_tests.simulation --seeds 301..2000        these seeds
    python -m st_deltek_pipeline_tests.simulation --seed 17                one seed
    python -m st_deltek_pipeline_tests.simulation --seed 17 --script       print its script and do nothing
    python -m st_deltek_pipeline_tests.simulation --replay FILE            a script, such as one that a failure printed
    python -m st_deltek_pipeline_tests.simulation --examples 500           Hypothesis instead of seeds
    python -m st_deltek_pipeline_tests.simulation --planted                how many seeds find bugs planted on purpose

It ends with 0 when everything holds, with 1 when something does not, and prints the smallest script of each failure.
"""

import argparse
import multiprocessing
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count, islice
from pathlib import Path

from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline_tests.memory import quick_folder
from st_deltek_pipeline_tests.simulation import machine
from st_deltek_pipeline_tests.simulation.database import Databases
from st_deltek_pipeline_tests.simulation.drawing import draw
from st_deltek_pipeline_tests.simulation.planted import BUGS, HARMLESS, planted
from st_deltek_pipeline_tests.simulation.script import as_python, read
from st_deltek_pipeline_tests.simulation.simulation import Script, Summary
from st_deltek_pipeline_tests.simulation.verdicts import Failure, judge

_SERVER_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_MOST_SEEDS_FOR_A_BUG = 300
_TRIES_FOR_A_BUG = 40
_LINE_EVERY_SECONDS = 15
_databases: Databases | None = None


def main() -> int:
    """Run the command, and return its exit code."""
    arguments = _arguments()
    if arguments.script:
        sys.stdout.write(as_python(draw(arguments.seed)))
        return 0
    with quick_folder() as folder:
        server = EmbeddedPostgres(folder / "postgres", server_settings=_SERVER_SETTINGS)
        url = server.ensure_running()
        try:
            return _run(arguments, url)
        finally:
            server.stop(force=True)


def _run(arguments: argparse.Namespace, url: str) -> int:
    if arguments.examples:
        machine.run(_made(url), examples=arguments.examples, random=True)
        _tell(f"{arguments.examples} examples hold.")
        return 0
    if arguments.planted:
        return _find_planted(url)
    if arguments.replay is not None:
        return _carry_out([read(arguments.replay)], url, jobs=1, minutes=None)
    if arguments.seed is not None:
        return _carry_out([draw(arguments.seed)], url, jobs=1, minutes=None)
    first, last = arguments.seeds
    seeds: Iterable[int] = count(first) if last is None else range(first, last + 1)
    return _carry_out((draw(seed) for seed in seeds), url, jobs=arguments.jobs, minutes=arguments.minutes)


def _carry_out(scripts: Iterable[Script], url: str, *, jobs: int, minutes: float | None) -> int:
    """Carry scripts out in several processes until there are no more or the time is over."""
    begun = said = time.monotonic()
    done, failures, events = 0, 0, Counter[str]()
    left: Iterator[Script] = iter(scripts)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(url,)) as pool:
        waiting: set[Future[Summary | Failure]] = {pool.submit(_judge, each) for each in islice(left, 2 * jobs)}
        while waiting:
            ended, waiting = wait(waiting, timeout=1, return_when=FIRST_COMPLETED)
            over = minutes is not None and time.monotonic() - begun > 60 * minutes
            for each in ended:
                verdict = each.result()
                done += 1
                if isinstance(verdict, Failure):
                    failures += 1
                    _tell(f"\n{verdict}\n")
                else:
                    events += verdict.events
                    events["(crashes)"] += verdict.crashes
                waiting |= set() if over else {pool.submit(_judge, more) for more in islice(left, 1)}
            if sys.stderr.isatty() or time.monotonic() - said > _LINE_EVERY_SECONDS:
                said = time.monotonic()
                _say(done, failures, said - begun)
    _say(done, failures, time.monotonic() - begun)
    _tell("\n".join(f"{times:>8,}  {name}" for name, times in events.most_common()))
    _tell(f"{done:,} simulations, {failures:,} failures.")
    return 1 if failures else 0


def _find_planted(url: str) -> int:
    """Print how many seeds each planted bug takes to be found, and to what its script shrinks."""
    missed = 0
    for name in (*BUGS, *HARMLESS):
        with planted(name):
            for seed in range(1, _MOST_SEEDS_FOR_A_BUG + 1):
                verdict = judge(_made(url), draw(seed), tries=_TRIES_FOR_A_BUG)
                if isinstance(verdict, Failure):
                    _tell(f"{name}: seed {seed}, {len(verdict.script.steps)} steps\n{verdict}\n")
                    break
            else:
                missed += name in BUGS
                _tell(f"{name}: not found by {_MOST_SEEDS_FOR_A_BUG} seeds\n")
    return 1 if missed else 0


def _say(done: int, failures: int, seconds: float) -> None:
    """Show how it goes, on standard error."""
    end = "\r" if sys.stderr.isatty() else "\n"
    speed = done / max(seconds, 1)
    sys.stderr.write(f"{done:,} simulations in {seconds:,.0f} s ({speed:.1f} a second), {failures:,} failures  {end}")
    sys.stderr.flush()


def _tell(text: str) -> None:
    """Write a result, on standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _begin(url: str) -> None:
    _made(url)


def _made(url: str) -> Databases:
    """Return this process's databases."""
    global _databases  # noqa: PLW0603 - one per process of the pool
    if _databases is None:
        _databases = Databases(url, f"simulation_{os.getpid()}")
    return _databases


def _judge(script: Script) -> Summary | Failure:
    assert _databases is not None
    return judge(_databases, script)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m st_deltek_pipeline_tests.simulation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--seeds", type=_seeds, default=(1, None), metavar="A..B", help="from A to B; from 1 on if not given"
    )
    parser.add_argument(
        "--minutes", type=float, help="begin no more seeds after so many minutes; 10 where no end is given"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; one per core if not given")
    parser.add_argument("--seed", type=int, help="this seed only")
    parser.add_argument("--script", action="store_true", help="print the script of --seed and do nothing")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="carry out the script in a file")
    parser.add_argument("--examples", type=int, metavar="N", help="let Hypothesis draw N worlds")
    parser.add_argument("--planted", action="store_true", help="find bugs that are planted on purpose")
    arguments = parser.parse_args()
    if arguments.script and arguments.seed is None:
        parser.error("--script prints the script of a --seed")
    if arguments.jobs < 1:
        parser.error("--jobs must be at least 1")
    if arguments.minutes is None and arguments.seeds[1] is None:
        arguments.minutes = 10.0
    return arguments


def _seeds(text: str) -> tuple[int, int | None]:
    found = re.fullmatch(r"(\d+)\.\.(\d+)", text)
    if found is None or int(found[1]) > int(found[2]):
        message = f"{text!r} is not A..B"
        raise argparse.ArgumentTypeError(message)
    return int(found[1]), int(found[2])
