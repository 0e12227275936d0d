"""Faults on a real wire: what a client sees, and whether the request had its effect."""

import time
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from st_deltek_pipeline.sandbox.fault_rules import FaultRule
from st_deltek_pipeline.sandbox.faults import FaultPlan, RequestHooks
from st_deltek_pipeline.sandbox.serving import HttpServers, ServerThread, listen

TIMEOUT = 10


@dataclass
class Counting:
    """An app whose only effect is a count."""

    url: str
    hooks: RequestHooks
    effects: list[str] = field(default_factory=list)

    def post(self, path: str = "/thing", **options: Any) -> requests.Response:
        return requests.post(f"{self.url}{path}", data="x" * 100, timeout=TIMEOUT, **options)

    def fault(self, **rule: Any) -> None:
        self.hooks.faults.add(FaultRule(**rule))


@pytest.fixture
def counting() -> Generator[Counting]:
    hooks = RequestHooks()
    listening = listen("127.0.0.1", 0)
    server = Counting(f"http://127.0.0.1:{listening.getsockname()[1]}", hooks)

    async def act(request: Request) -> Response:
        await request.body()
        server.effects.append(request.headers.get("x-mark", request.url.path))
        return JSONResponse({"count": len(server.effects), "padding": "." * 1000})

    app = Starlette(routes=[Route("/{path:path}", act, methods=["GET", "POST"])])
    with ServerThread(HttpServers([(hooks.wrap(app, "vantagepoint"), listening)], hooks.connections)):
        yield server


def test_without_rules_everything_goes_through_and_is_logged(counting: Counting) -> None:
    assert counting.post("/thing?a=1").json()["count"] == 1
    entry = counting.hooks.log.entries()[0]
    assert (entry.system, entry.method, entry.path, entry.query) == ("vantagepoint", "POST", "/thing", "a=1")
    assert entry.status == 200


def test_an_answer_in_place_of_the_effect(counting: Counting) -> None:
    counting.fault(effect="answer", status=429, headers={"Retry-After": "3"}, body='{"title":"wait"}', nth=1)
    answer = counting.post()
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()) == (429, "3", {"title": "wait"})
    assert counting.effects == []
    assert counting.post().status_code == 200


def test_an_html_page_in_place_of_the_effect(counting: Counting) -> None:
    counting.fault(effect="answer", status=503, html=True)
    answer = counting.post()
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert "<html>" in answer.text
    assert counting.effects == []


def test_a_server_error_after_the_effect(counting: Counting) -> None:
    counting.fault(effect="answer_after_effect", status=500, html=True)
    assert counting.post().status_code == 500
    assert counting.effects == ["/thing"]


def test_a_connection_that_breaks_before_the_effect(counting: Counting) -> None:
    counting.fault(effect="drop_before_effect", nth=1)
    with pytest.raises(requests.ConnectionError):
        counting.post()
    assert counting.effects == []
    assert counting.post().status_code == 200
    assert [entry.status for entry in counting.hooks.log.entries()] == [0, 200]


def test_a_lost_answer_leaves_the_effect_behind(counting: Counting) -> None:
    counting.fault(effect="drop_after_effect", nth=1)
    with pytest.raises(requests.ConnectionError):
        counting.post()
    assert counting.effects == ["/thing"]
    assert counting.post().json()["count"] == 2


def test_a_truncated_answer_is_shorter_than_announced(counting: Counting) -> None:
    counting.fault(effect="truncate", truncate_to=10)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="10 bytes read"):
        counting.post()
    assert counting.effects == ["/thing"]


def test_a_slow_answer_comes_after_the_effect(counting: Counting) -> None:
    counting.fault(delay_after_ms=400)
    with pytest.raises(requests.Timeout):
        requests.post(f"{counting.url}/thing", timeout=0.2)
    assert counting.effects == ["/thing"]


def test_a_delay_comes_before_the_effect(counting: Counting) -> None:
    counting.fault(delay_ms=400)
    with pytest.raises(requests.Timeout):
        requests.post(f"{counting.url}/thing", timeout=0.2)
    assert counting.effects == []


def test_an_answer_may_arrive_in_drips(counting: Counting) -> None:
    counting.fault(drip_ms=5)
    started = time.monotonic()
    assert counting.post().json()["count"] == 1
    assert time.monotonic() - started > 0.05


def test_a_rule_strikes_only_what_it_names(counting: Counting) -> None:
    counting.fault(system="servicetitan", effect="answer")
    counting.fault(method="GET", effect="answer")
    counting.fault(path=r"/other\?a=", effect="answer", status=418)
    assert counting.post().status_code == 200
    assert counting.post("/other").status_code == 200
    assert counting.post("/other?a=2").status_code == 418


def strikes(count: int, **rule: Any) -> list[int]:
    plan = FaultPlan([FaultRule(effect="answer", **rule)])
    return [number for number in range(1, count + 1) if plan.choose("servicetitan", "GET", "/x") is not None]


def test_a_rule_counts_the_way_it_says() -> None:
    assert strikes(6, nth=3) == [3]
    assert strikes(6, nth=[2, 5]) == [2, 5]
    assert strikes(6, first=2) == [1, 2]
    assert strikes(6, every=3) == [3, 6]
    assert strikes(3) == [1, 2, 3]


def test_chance_is_the_same_for_the_same_seed() -> None:
    first, again, other = (strikes(200, probability=0.3, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert 30 < len(first) < 90


def test_a_plan_says_what_it_did_and_can_be_cleared() -> None:
    plan = FaultPlan([FaultRule(name="storm", effect="answer", status=429, first=1)])
    for _ in range(3):
        plan.choose("servicetitan", "GET", "/x")
    described = plan.describe()[0]
    assert (described["matches"], described["hits"], described["rule"]["name"]) == (3, 1, "storm")
    plan.clear()
    assert plan.describe() == []


@pytest.mark.parametrize("rule", [{"path": "("}, {"nth": 1, "first": 1}, {"effect": "explode"}, {"whatever": 1}])
def test_a_rule_that_makes_no_sense_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FaultRule(**rule)


def test_faults_leave_the_admin_endpoints_alone(counting: Counting) -> None:
    counting.fault(effect="answer", status=500)
    assert requests.get(f"{counting.url}/_sandbox/x", timeout=TIMEOUT).status_code == 200
    assert counting.hooks.log.entries() == []


def test_a_429_says_how_long_to_wait_as_a_number_or_as_a_date(counting: Counting) -> None:
    counting.fault(nth=1, effect="answer", status=429, retry_after=7)
    counting.fault(nth=2, effect="answer", status=429, retry_after=3600, retry_after_date=True)
    assert counting.post().headers["retry-after"] == "7"
    until = parsedate_to_datetime(counting.post().headers["retry-after"])
    assert timedelta(minutes=59) < until - datetime.now(UTC) <= timedelta(hours=1)


def test_a_rule_ends_after_so_many_strikes() -> None:
    plan = FaultPlan([FaultRule(every=2, most=2, effect="answer")])
    struck = [plan.choose("vantagepoint", "GET", "/") is not None for _ in range(10)]
    assert struck == [False, True, False, True, *[False] * 6]


@pytest.mark.parametrize(
    ("arrives", "effects"),
    [
        ("before_next", ["late", "/late"]),
        ("after_next", ["/late", "late"]),
        ("when_cleared", ["/late"]),
    ],
)
def test_a_late_request_arrives_when_nobody_waits_for_it_any_more(
    counting: Counting, arrives: str, effects: list[str]
) -> None:
    counting.fault(path="/late", nth=1, effect="late", arrives=arrives)
    with pytest.raises(requests.ConnectionError):
        counting.post("/late", headers={"x-mark": "late"})
    assert counting.effects == []
    # Another request does not bring it along.
    counting.post("/other")
    assert counting.effects == ["/other"]
    assert counting.post("/late").status_code == 200
    assert counting.effects[1:] == effects


def test_something_happens_just_before_a_request(counting: Counting) -> None:
    counting.hooks.happenings["vantagepoint", "period_closed"] = lambda: counting.effects.append("closed")
    counting.fault(system="vantagepoint", nth=2, happens="period_closed")
    counting.post()
    counting.post()
    assert counting.effects == ["/thing", "closed", "/thing"]
