"""Canaries: secrets that shout, put through everything a client can do, well and badly."""

import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from st_deltek_pipeline.domain.errors import PipelineError
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.credentials import ServiceTitanCredentials
from st_deltek_pipeline.transport.exchange import ExchangeRecord
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.credentials import VantagepointCredentials
from st_deltek_pipeline_tests.scripted_server import Call, FakeTime, NoLimit, Reply, ScriptedServer, json_reply

CANARY = "CaNaRy"
TITAN = ServiceTitanCredentials(f"cid.{CANARY}+1/=", f"cs1.{CANARY}&2", f"ak1.{CANARY}=3")
VANTAGE = VantagepointCredentials(f"{CANARY}-user", f"p {CANARY}&4", f"{CANARY}/5==", f'"{CANARY}<6>')
TOKEN = {"access_token": f"at.{CANARY}.7", "expires_in": 900, "refresh_token": f"rt.{CANARY}.8", "token_type": "Bearer"}


def everything_it_was_told(call: Call) -> str:
    """What a careless server, proxy or debug page echoes."""
    return json.dumps({"headers": call.headers, "body": call.body.decode(), "token": TOKEN, "query": call.query})


def echo(status: int) -> Callable[[Call], Reply]:
    return lambda call: json_reply(
        {"message": everything_it_was_told(call), "title": everything_it_was_told(call)}, status
    )


def echo_raw(status: int) -> Callable[[Call], Reply]:
    return lambda call: Reply(status, everything_it_was_told(call).encode())


def echo_page(status: int) -> Callable[[Call], Reply]:
    def page(call: Call) -> Reply:
        return Reply(status, b"<html>" + everything_it_was_told(call).encode(), {"Content-Type": "text/html"})

    return page


def echo_cut(call: Call) -> Reply:
    return Reply(200, everything_it_was_told(call).encode()[:-1], {"Content-Type": "application/json"})


def redirect(call: Call) -> Reply:
    secret = quote(call.headers.get("authorization", "none"))
    return Reply(302, b"", {"Location": f"https://{VANTAGE.username}:{secret}@evil.example/?token={secret}"})


MISFORTUNES: dict[str, Callable[[Call], Reply]] = {
    **{f"echo {status}": echo(status) for status in (200, 201, 400, 401, 403, 404, 409, 429, 500, 503)},
    **{f"raw {status}": echo_raw(status) for status in (200, 400, 500)},
    **{f"page {status}": echo_page(status) for status in (200, 400, 404, 500)},
    "cut": echo_cut,
    "redirect": redirect,
    "drop": lambda _: Reply(drop=True),
    "promise": lambda call: Reply(200, everything_it_was_told(call).encode(), promise=9),
}


class Watcher:
    """Collects everything that a person could come to see."""

    def __init__(self) -> None:
        self.records: list[ExchangeRecord] = []
        self.seen: list[str] = []

    def try_out(self, *actions: Callable[[], Any]) -> None:
        """Do what may fail; what comes back is the other system's data and no business of this test."""
        for action in actions:
            try:
                action()
            except PipelineError as error:
                self.seen += [str(error), repr(error), repr(vars(error))]
                self.seen.append("".join(traceback.format_exception(error)))
                self.seen.append(repr(pickle.dumps(str(error))))

    def assert_silent(self, log: str) -> None:
        everything = "\n".join([*self.seen, log, *(repr(record) for record in self.records)])
        position = everything.lower().find(CANARY.lower())
        assert position < 0, everything[max(0, position - 300) : position + 100]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


def titan_client(server: ScriptedServer, watcher: Watcher) -> ServiceTitanClient:
    return ServiceTitanClient(
        api_url=server.url,
        auth_url=server.url,
        tenant_id=1,
        credentials=TITAN,
        rate_limiter=NoLimit(),
        allow_insecure_hosts=True,
        request_log=watcher.records.append,
        options=FakeTime().options(largest_answer=100_000),
    )


def vantage_client(server: ScriptedServer, watcher: Watcher) -> VantagepointClient:
    return VantagepointClient(
        base_url=f"{server.url}/acme/api",
        database="ACME",
        credentials=VANTAGE,
        rate_limiter=NoLimit(),
        allow_insecure_hosts=True,
        request_log=watcher.records.append,
        options=FakeTime().options(largest_answer=100_000),
    )


@pytest.mark.parametrize("where", ["sign-in", "calls"])
@pytest.mark.parametrize("misfortune", MISFORTUNES)
def test_no_canary_sings(server: ScriptedServer, caplog: pytest.LogCaptureFixture, misfortune: str, where: str) -> None:
    def script(call: Call) -> Reply:
        at_sign_in = call.path.endswith("/token")
        if at_sign_in != (where == "sign-in"):
            return json_reply(TOKEN) if at_sign_in else json_reply({"hasMore": False, "data": [], "Batch": "b"})
        return MISFORTUNES[misfortune](call)

    server.script = script
    watcher = Watcher()
    with (
        caplog.at_level(logging.DEBUG),
        titan_client(server, watcher) as titan,
        vantage_client(server, watcher) as office,
    ):
        watcher.try_out(
            titan.ping,
            lambda: titan.export_feed("accounting/export/invoices", "token"),
            office.ping,
            lambda: office.read_control("in", "b"),
            lambda: office.set_active_period(202611),
            lambda: office.post_file("in", "b", company="01", period=202611, description="d"),
            lambda: office.delete_file("in", "b"),
            lambda: office.ledger_rows("IN", batches=["b"]),
        )
        watcher.seen += [repr(titan), repr(office), repr(vars(titan)), repr(vars(office))]
    assert watcher.records
    watcher.assert_silent(caplog.text)


def test_the_canaries_can_sing(server: ScriptedServer) -> None:
    """The test above would notice: the server really is told the secrets, and echoes them."""
    heard: list[str] = []

    def script(call: Call) -> Reply:
        heard.append(everything_it_was_told(call))
        return json_reply(TOKEN) if call.path.endswith("/token") else json_reply([{"Company": "1"}])

    server.script = script
    with vantage_client(server, Watcher()) as office:
        office.ping()
    assert sum(text.count(CANARY) for text in heard) >= 6


def test_credentials_are_silent() -> None:
    for credentials in (TITAN, VANTAGE):
        assert CANARY not in repr(credentials) + str(credentials)
