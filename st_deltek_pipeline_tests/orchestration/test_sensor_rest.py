"""Sensors of many connections rest longer, so that all of them together ask no more of the daemon than some few."""

import pytest

from st_deltek_pipeline.orchestration.sensor_rest import Looks


@pytest.mark.parametrize("kind", Looks)
@pytest.mark.parametrize("connections", [1, 2, 10, 59, 61, 200, 1000])
def test_the_ticks_of_a_kind_are_bounded_whatever_the_number_of_connections(kind: Looks, connections: int) -> None:
    shortest, ticks_per_second = kind.value
    assert kind.rest(connections) >= shortest
    assert connections / kind.rest(connections) <= ticks_per_second


def test_few_connections_are_looked_at_as_often_as_dagster_can() -> None:
    assert [kind.rest(1) for kind in Looks] == [1, 30, 60]
    assert Looks.INBOX.rest(10) == 5
