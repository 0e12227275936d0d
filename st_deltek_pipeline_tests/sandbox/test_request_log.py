"""Counting calls: the busiest second wherever it starts, and calls per kind of path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.sandbox.request_log import LoggedRequest, RequestLog, path_template


@given(st.lists(st.floats(0, 5), max_size=60).map(sorted))
def test_the_busiest_second_may_start_anywhere(times: list[float]) -> None:
    log = RequestLog()
    for at in times:
        log.arrived("servicetitan", at)
    expected = max((sum(1 for each in times if at - 1 < each <= at) for at in times), default=0)
    assert log.most_calls_in_any_second("servicetitan") == expected
    assert log.most_calls_in_any_second("vantagepoint") == 0


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/accounting/v2/tenant/4711/invoices", "/accounting/v2/tenant/{key}/invoices"),
        ("/accounting/v2/tenant/4711/invoices/9/items/8", "/accounting/v2/tenant/{key}/invoices/{key}/items/{key}"),
        ("/summit/api/project/2026-HVAC", "/summit/api/project/{key}"),
        ("/summit/api/x/0123456789abcdef0123456789abcdef", "/summit/api/x/{key}"),
        ("/summit/api/DataEntry/inControl", "/summit/api/DataEntry/inControl"),
    ],
)
def test_keys_in_a_path_do_not_make_it_another_path(path: str, template: str) -> None:
    assert path_template(path) == template


def test_counters_go_on_when_the_ring_is_full() -> None:
    log = RequestLog(capacity=2)
    for number in range(5):
        log.answered(LoggedRequest(number, "servicetitan", "GET", f"/a/{number}", "", 200, 1.0))
    log.answered(LoggedRequest(9, "vantagepoint", "POST", "/b", "", 0, 1.0))
    assert [entry.path for entry in log.entries()] == ["/a/4", "/b"]
    assert (log.calls(), log.calls("servicetitan")) == (6, 5)
    assert log.calls_by_template("servicetitan") == {"GET /a/{key}": 5}
    assert log.calls_by_status("vantagepoint") == {0: 1}
    log.clear()
    assert (log.calls(), log.entries()) == (0, [])
