"""Dagster's run launcher, with runs that start in a fraction of the time: dagster.yaml names this class.

Dagster's own launcher has the code server start a fresh Python for every run, which imports everything anew. Here a run
is a fork of a process that has imported it (``warm_worker``); from there on it is the run worker that Dagster has for
containers. What this launcher cannot start so, it leaves to Dagster's own. See docs/adr/0023.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any, get_type_hints

import dagster as dg

import st_deltek_pipeline
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.orchestration.run_workers import RunWorker, processes_can_be_told_apart
from st_deltek_pipeline.orchestration.warm_process import WarmProcess
from st_deltek_pipeline.settings import load_settings

# Set by whoever cancels a run from a place that cannot send its worker a signal; the launcher that started it does.
INTERRUPT_TAG = "st_deltek/interrupt"

_WANTED = "wanted"
_PAUSE_SECONDS = 2.0
_TRIES = 2

# Dagster does not export what its hook returns.
_Health: Any = get_type_hints(dg.DefaultRunLauncher.check_run_worker_health)["return"]
_HealthStatus: Any = get_type_hints(_Health)["status"]

_logger = logging.getLogger("dagster.st_deltek_pipeline")


class WarmRunLauncher(dg.DefaultRunLauncher):
    """Starts runs as forks of a warm process, and notices when one of them dies.

    Args:
        inst_data: What Dagster needs to build the same launcher in another process.
    """

    def __init__(self, inst_data: Any = None) -> None:  # noqa: ANN401 - Dagster's private type
        super().__init__(inst_data)
        self._lock = threading.Lock()
        self._warm: dict[str, WarmProcess] = {}
        self._interrupted: set[str] = set()

    def launch_run(self, context: Any) -> None:  # noqa: ANN401 - Dagster's private type
        """Start a run: in a fork where that is possible, else as Dagster's own launcher does.

        Args:
            context: The run, and the workspace it comes from.
        """
        run: dg.DagsterRun = context.dagster_run
        if not (_is_of_this_python(run) and self._launch_warm(run)):
            super().launch_run(context)
        self._run_ids.add(run.run_id)

    def terminate(self, run_id: str) -> bool:
        """Cancel a run.

        Args:
            run_id: The run.

        Returns:
            Whether its process was told, or will be by the launcher that started it.
        """
        run = self._instance.get_run_by_id(run_id) if self.has_instance else None
        if run is None or run.is_finished:
            return False
        worker = RunWorker.of_run(run_id, run.tags)
        if worker is None:
            return super().terminate(run_id)
        self._instance.report_run_canceling(run)
        if not worker.in_reach:
            self._instance.add_run_tags(run_id, {INTERRUPT_TAG: _WANTED})
            return True
        if not worker.interrupt():
            self._instance.report_run_canceled(run, "The process of this run had ended already.")
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether run monitoring may ask: it may, so that runs whose process died with the daemon are ended."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> Any:  # noqa: ANN401 - Dagster's private type
        """Say whether the process of a started run lives.

        Args:
            run: The run.

        Returns:
            Failed when it does not; running when it does, or when only another machine could know.
        """
        worker = RunWorker.of_run(run.run_id, run.tags)
        if worker is None or not worker.on_this_host or worker.is_running:
            return _Health(_HealthStatus.RUNNING)
        return _Health(_HealthStatus.FAILED, f"Its process {worker.pid} on {worker.host} is no more.")

    def dispose(self) -> None:
        """Interrupt what runs, as an orderly stop of the daemon does. A killed daemon's runs go on."""
        with self._lock:
            warm, self._warm = self._warm, {}
        for process in warm.values():
            process.stop()
        super().dispose()

    def _launch_warm(self, run: dg.DagsterRun) -> bool:
        arguments = json.dumps(
            {
                "__class__": "ExecuteRunArgs",
                "pipeline_origin": json.loads(dg.serialize_value(run.job_code_origin)),
                "pipeline_run_id": run.run_id,
                "instance_ref": json.loads(dg.serialize_value(self._instance.get_ref())),
                "set_exit_code_on_failure": None,
            }
        )

        def record(worker: RunWorker) -> None:
            self._instance.add_run_tags(run.run_id, worker.tags)

        with self._lock:
            for attempt in range(1, _TRIES + 1):
                try:
                    module, attribute = _own_definitions(run)
                    self._ready_process(module).start(run.run_id, attribute, arguments, record)
                except BrokenError as error:
                    _logger.warning("Attempt %d to start run %s: %s", attempt, run.run_id, error)
                else:
                    return True
        return False

    def _ready_process(self, module: str) -> WarmProcess:
        process = self._warm.get(module)
        if process is not None and not process.is_usable:
            process.release()
            process = None
        if process is None:
            process = WarmProcess(
                module,
                load_settings(),
                on_end=self._ended,
                on_pause=self._interrupt_cancelled,
                pause_seconds=_PAUSE_SECONDS,
            )
            self._warm[module] = process
        return process

    def _ended(self, run_id: str, status: int) -> None:
        """Say what became of a run whose process has ended without saying so itself."""
        self._interrupted.discard(run_id)
        try:
            run = self._instance.get_run_by_id(run_id) if self.has_instance else None
            if run is None or run.is_finished:
                return
            message = f"The process of this run ended unexpectedly: {_explained(status)}."
            if run.status is dg.DagsterRunStatus.CANCELING:
                self._instance.report_run_canceled(run, message)
            else:
                self._instance.report_run_failed(run, message)
        except Exception:
            # A database that is away, most likely. Run monitoring asks for the same run again in some seconds.
            _logger.exception("Could not report the end of run %s", run_id)

    def _interrupt_cancelled(self) -> None:
        """Interrupt runs that were cancelled where their processes could not be reached."""
        wanted = dg.RunsFilter(statuses=[dg.DagsterRunStatus.CANCELING], tags={INTERRUPT_TAG: _WANTED})
        try:
            runs: Sequence[dg.DagsterRun] = self._instance.get_runs(wanted) if self.has_instance else []
        except Exception:
            _logger.exception("Could not look for cancelled runs")
            return
        for run in runs:
            worker = RunWorker.of_run(run.run_id, run.tags)
            if worker is not None and run.run_id not in self._interrupted and worker.interrupt():
                self._interrupted.add(run.run_id)


def _is_of_this_python(run: dg.DagsterRun) -> bool:
    """Say whether a run's code is here: on this machine, for this Python, outside any container of its own."""
    if run.job_code_origin is None or run.remote_job_origin is None or not processes_can_be_told_apart():
        return False
    code = run.job_code_origin.repository_origin
    server = run.remote_job_origin.repository_origin.code_location_origin
    # A code server behind a port was started by somebody else, perhaps elsewhere or with other variables. Those that
    # Dagster starts itself have no address, or a Unix socket.
    return (
        code.executable_path == sys.executable
        and code.container_image is None
        and not code.container_context
        and getattr(server, "port", None) is None
    )


def _own_definitions(run: dg.DagsterRun) -> tuple[str, str]:
    """Return the module of this package and the name in it that a run's definitions have; ``""`` for those of anybody else."""
    pointer = run.job_code_origin.repository_origin.code_pointer if run.job_code_origin else None
    module = getattr(pointer, "module", "")
    ours = module.startswith(f"{st_deltek_pipeline.__name__}.")
    return (module, getattr(pointer, "fn_name", "")) if ours else ("", "")


def _explained(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"it was killed by signal {-code}" if code < 0 else f"it left with code {code}"
