"""A scripted server and a clock that only moves by sleeping, for each test."""

from collections.abc import Iterator

import pytest

from st_deltek_pipeline_tests.scripted_server import FakeTime, ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime()
