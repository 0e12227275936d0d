"""The short cut to Dagster: one launch for many events, none beside a run under way, and nothing lost without an answer."""

import logging
import time
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from st_deltek_pipeline.webhooks.nudge import DagsterNudge
from st_deltek_pipeline_tests.scripted_server import Call, Reply, ScriptedServer, json_reply

_DEADLINE_SECONDS = 15


class Webserver:
    """Dagster's GraphQL as far as the nudge uses it."""

    def __init__(self) -> None:
        self.launched: list[dict[str, Any]] = []
        self.asked = 0
        self.under_way = 0
        self.broken = False

    def __call__(self, call: Call) -> Reply:
        if self.broken:
            return Reply(502, b"<html>no</html>")
        query, variables = call.json["query"], call.json["variables"]
        if "query Jobs" in query:
            repository = {"name": "__repository__", "location": {"name": "shard_01"}, "jobs": [{"name": "acme_sync"}]}
            return json_reply({"data": {"repositoriesOrError": {"nodes": [repository]}}})
        if "query UnderWay" in query:
            self.asked += 1
            self.under_way -= 1
            runs = [{"runId": "r"}] if self.under_way >= 0 else []
            return json_reply({"data": {"runsOrError": {"results": runs}}})
        self.launched.append(variables["parameters"])
        return json_reply({"data": {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "r"}}}})


def _everybody(names: Sequence[str]) -> Collection[str]:
    return names


@contextmanager
def _nudging(
    webserver: Webserver, still_waiting: Callable[[Sequence[str]], Collection[str]] = _everybody
) -> Generator[DagsterNudge]:
    with ScriptedServer() as server:
        server.script = webserver
        nudge = DagsterNudge(server.url, still_waiting)
        try:
            yield nudge
        finally:
            nudge.stop()


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_new_events_launch_the_connections_job_once_without_settling_anything_else() -> None:
    webserver = Webserver()
    with _nudging(webserver) as nudge:
        for _ in range(20):
            nudge({"acme"})
        _until(lambda: webserver.launched)
    (parameters,) = webserver.launched
    assert parameters["selector"] == {
        "repositoryLocationName": "shard_01",
        "repositoryName": "__repository__",
        "jobName": "acme_sync",
    }
    assert parameters["runConfigData"] == {"ops": {"acme_handle_changes": {"config": {"settle": False}}}}
    assert parameters["executionMetadata"] == {"tags": [{"key": "trigger", "value": "webhooks"}]}


def test_beside_a_run_under_way_none_is_launched_until_it_has_ended_and_left_something() -> None:
    webserver = Webserver()
    webserver.under_way = 2
    with _nudging(webserver) as nudge:
        nudge({"acme"})
        _until(lambda: webserver.launched)
    assert webserver.asked == 3


def test_a_run_under_way_that_took_everything_is_enough() -> None:
    webserver = Webserver()
    webserver.under_way = 1
    looked: list[Sequence[str]] = []

    def nobody(names: Sequence[str]) -> Collection[str]:
        looked.append(names)
        return []

    with _nudging(webserver, nobody) as nudge:
        nudge({"acme"})
        _until(lambda: looked)
    assert webserver.launched == []


def test_a_webserver_that_is_away_is_told_once_and_asked_again_for_the_next_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    webserver = Webserver()
    webserver.broken = True
    with caplog.at_level(logging.WARNING), _nudging(webserver) as nudge:
        nudge({"acme"})
        _until(lambda: caplog.records)
        nudge({"acme"})
        webserver.broken = False
        nudge({"acme"})
        _until(lambda: webserver.launched)
    assert len([record for record in caplog.records if "sensors" in record.message]) == 1


def test_a_connection_that_dagster_has_not_loaded_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    webserver = Webserver()
    with caplog.at_level(logging.WARNING), _nudging(webserver) as nudge:
        nudge({"bravo"})
        nudge({"acme"})
        _until(lambda: webserver.launched)
    assert [parameters["selector"]["jobName"] for parameters in webserver.launched] == ["acme_sync"]
