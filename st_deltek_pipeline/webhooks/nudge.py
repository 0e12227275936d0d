"""A short cut from a kept delivery to its run: asking Dagster's webserver to launch it, instead of waiting for the sensor.

Dagster looks at sensors every five seconds at best. The receiver knows at once that something waits, and says so over
Dagster's GraphQL. Nothing depends on it: without an answer the sensor of the connection's inbox does the same a little
later, and a run that finds nothing left to do ends at once.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests
from sqlalchemy.exc import SQLAlchemyError

from st_deltek_pipeline.connections.job_names import (
    TRIGGER_TAG,
    WEBHOOKS_TRIGGER,
    sync_job_name,
    sync_run_config,
)

_logger = logging.getLogger(__name__)

_ANSWER_SECONDS = 15
# What arrives together is handled together.
_GATHER_SECONDS = 0.05
# How soon to look again while a run is under way: it may have looked into the inbox for the last time.
_AGAIN_SECONDS = 0.5
# After this the sensor has long seen it.
_GIVE_UP_SECONDS = 30
# One line about a webserver that is away is enough for a while.
_QUIET_SECONDS = 300

StillWaiting = Callable[[Sequence[str]], Collection[str]]
"""Gives those of some connections that have events waiting."""

_UNFINISHED = ("NOT_STARTED", "QUEUED", "STARTING", "STARTED", "CANCELING")

_JOBS = """
query Jobs {
  repositoriesOrError {
    ... on RepositoryConnection { nodes { name location { name } jobs { name } } }
  }
}
"""
_UNDER_WAY = """
query UnderWay($filter: RunsFilter!) {
  runsOrError(filter: $filter, limit: 1) { ... on Runs { results { runId } } }
}
"""
_LAUNCH = """
mutation Launch($parameters: ExecutionParams!) {
  launchRun(executionParams: $parameters) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""


class NudgeError(Exception):
    """Dagster's webserver did not do what it was asked; the sensor will."""


@dataclass(frozen=True)
class _Job:
    location: str
    repository: str
    name: str


class DagsterNudge:
    """Asks for a run of the connections that have new events. A thread of its own; ``stop`` ends it.

    Args:
        url: Dagster's webserver, such as ``http://127.0.0.1:3000``.
        still_waiting: Asks the inbox.
    """

    def __init__(self, url: str, still_waiting: StillWaiting) -> None:
        # A server that listens on every address is reached here by the loopback.
        self._address = f"{url.rstrip('/')}/graphql".replace("://0.0.0.0:", "://127.0.0.1:", 1)
        self._still_waiting = still_waiting
        self._session = requests.Session()
        # Our own web server is next door: neither a proxy of the environment nor a .netrc is for it.
        self._session.trust_env = False
        self._jobs: dict[str, _Job] = {}
        self._pending: dict[str, float] = {}
        self._changed = threading.Condition()
        self._stopped = False
        self._complained_at = -float(_QUIET_SECONDS)
        self._thread = threading.Thread(target=self._work, name="dagster-nudge", daemon=True)
        self._thread.start()

    def __call__(self, connections: Collection[str]) -> None:
        """Tell that something new waits; returns at once.

        Args:
            connections: Their names.
        """
        with self._changed:
            for name in connections:
                self._pending.setdefault(name, time.monotonic() + _GIVE_UP_SECONDS)
            self._changed.notify()

    def stop(self) -> None:
        """End the thread; what was not asked for is left to the sensors."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join(_ANSWER_SECONDS + 1)
        self._session.close()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._stopped)
                self._changed.wait_for(lambda: self._stopped, timeout=_GATHER_SECONDS)
                if self._stopped:
                    return
                pending, self._pending = self._pending, {}
            again: dict[str, float] = {}
            for name, deadline in pending.items():
                try:
                    asked = self._ask(name)
                except (requests.RequestException, NudgeError, ValueError) as error:
                    self._complain(error)
                    continue
                if not asked and time.monotonic() < deadline:
                    again[name] = deadline
            if again:
                self._look_again(again)

    def _look_again(self, again: Mapping[str, float]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._stopped, timeout=_AGAIN_SECONDS)
        try:
            waiting = self._still_waiting(list(again))
        except SQLAlchemyError as error:
            self._complain(error)
            return
        with self._changed:
            for name in waiting:
                self._pending.setdefault(name, again[name])

    def _ask(self, connection: str) -> bool:
        """Ask for a run; ``False`` when one is under way, which may or may not see what is new."""
        job = self._job(sync_job_name(connection))
        wanted = {"pipelineName": job.name, "statuses": list(_UNFINISHED)}
        found = self._call(_UNDER_WAY, {"filter": wanted})["runsOrError"]
        if found.get("results"):
            return False
        parameters = {
            "selector": {
                "repositoryLocationName": job.location,
                "repositoryName": job.repository,
                "jobName": job.name,
            },
            "runConfigData": sync_run_config(connection, settle=False),
            "executionMetadata": {"tags": [{"key": TRIGGER_TAG, "value": WEBHOOKS_TRIGGER}]},
        }
        answer = self._call(_LAUNCH, {"parameters": parameters})["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            self._jobs.clear()
            message = f"Dagster did not launch {job.name}: {answer['__typename']} {answer.get('message', '')}".strip()
            raise NudgeError(message)
        return True

    def _job(self, name: str) -> _Job:
        if name not in self._jobs:
            repositories = self._call(_JOBS, {})["repositoriesOrError"].get("nodes", [])
            self._jobs = {
                job["name"]: _Job(each["location"]["name"], each["name"], job["name"])
                for each in repositories
                for job in each["jobs"]
            }
        if name not in self._jobs:
            message = f"Dagster has no job {name} loaded."
            raise NudgeError(message)
        return self._jobs[name]

    def _call(self, query: str, variables: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON of Dagster's schema
        answer = self._session.post(
            self._address,
            json={"query": query, "variables": variables},
            timeout=_ANSWER_SECONDS,
            allow_redirects=False,
        )
        answer.raise_for_status()
        body = answer.json()
        if body.get("errors"):
            message = f"Dagster's webserver refused a query: {body['errors'][0].get('message', '')}"
            raise NudgeError(message)
        return body["data"]

    def _complain(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self._complained_at >= _QUIET_SECONDS:
            self._complained_at = now
            _logger.warning("No short cut to Dagster, so its sensors take what waits: %s", error)
