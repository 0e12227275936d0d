"""A signal during a run of Dagster ends the command as it would at any other time."""

import signal
import subprocess
import sys
import threading

import dagster as dg
import pytest

from st_deltek_pipeline.orchestration.interrupts import own_handlers_afterwards

_COMMAND = """
import signal, time
# A shell's background job is started with Ctrl-C ignored; a person's command is not.
signal.signal(signal.SIGINT, signal.default_int_handler)
import dagster as dg
from st_deltek_pipeline.cli import main
from st_deltek_pipeline.orchestration.interrupts import own_handlers_afterwards

@dg.op
def wait(context) -> None:
    print("ready", flush=True)
    time.sleep(60)

@dg.job
def waiting() -> None:
    wait()

@main.root.command()
def work() -> None:
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    runs = [dg.job(name="short")(lambda: None), waiting]
    with dg.DagsterInstance.ephemeral() as instance:
        for run in runs:
            with own_handlers_afterwards():
                run.execute_in_process(instance=instance, run_config=quiet, raise_on_error=False)
    print("went on")

main.main(["work"])
"""


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [(signal.SIGTERM, 143, ""), (signal.SIGINT, 130, "Interrupted.")],
    ids=["terminated", "ctrl_c"],
)
def test_a_command_that_is_interrupted_during_a_run_says_so_with_its_exit_code(
    number: signal.Signals, code: int, words: str
) -> None:
    process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
        [sys.executable, "-c", _COMMAND], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors.strip()) == (code, "", words)


def test_dagster_leaves_no_handler_of_its_own_behind() -> None:
    @dg.job
    def nothing() -> None:
        pass

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with own_handlers_afterwards(), dg.DagsterInstance.ephemeral() as instance:
        assert nothing.execute_in_process(instance=instance).success
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_thread_may_run_dagster_too() -> None:
    entered: list[bool] = []

    def work() -> None:
        with own_handlers_afterwards():
            entered.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert entered == [True]
