"""A scripted Vantagepoint: the sign-in works, the rest is each test's script."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.credentials import VantagepointCredentials
from st_deltek_pipeline_tests.scripted_server import Call, FakeTime, NoLimit, Reply, ScriptedServer, json_reply

CREDENTIALS = VantagepointCredentials("apiuser", "p@ss+w=rd&1", "client/id+==", "client&secret")

MakeClient = Callable[..., VantagepointClient]


class Tenant:
    """Answers the sign-in with numbered tokens and everything else as told."""

    def __init__(self, server: ScriptedServer) -> None:
        self.forms: list[dict[str, str]] = []
        self.sign_in: Callable[[dict[str, str]], Reply] = self._token
        self._server = server

    def _token(self, _: dict[str, str]) -> Reply:
        number = len(self.forms)
        return json_reply(
            {
                "access_token": f"access-{number}",
                "token_type": "bearer",
                "expires_in": 1799,
                "refresh_token": f"refresh-{number}",
            }
        )

    def then(self, script: Callable[[Call], Reply]) -> None:
        def answer(call: Call) -> Reply:
            if call.path == "/acme/api/token":
                self.forms.append(call.form)
                return self.sign_in(call.form)
            return script(call)

        self._server.script = answer

    def then_replies(self, *replies: Reply) -> None:
        waiting = list(replies)
        self.then(lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0])

    def calls(self) -> list[Call]:
        return [call for call in self._server.calls if call.path != "/acme/api/token"]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime()


@pytest.fixture
def tenant(server: ScriptedServer) -> Tenant:
    return Tenant(server)


@pytest.fixture
def make(server: ScriptedServer, clock: FakeTime) -> Iterator[MakeClient]:
    made: list[VantagepointClient] = []

    def build(**changes: Any) -> VantagepointClient:
        settings: dict[str, Any] = {
            "base_url": f"{server.url}/acme/api",
            "database": "ACME DB",
            "credentials": CREDENTIALS,
            "page_size": 3,
            "rate_limiter": NoLimit(),
            "allow_insecure_hosts": True,
            "options": clock.options(),
        }
        made.append(VantagepointClient(**{**settings, **changes}))
        return made[-1]

    yield build
    for client in made:
        client.close()


@pytest.fixture
def client(make: MakeClient) -> VantagepointClient:
    return make()
