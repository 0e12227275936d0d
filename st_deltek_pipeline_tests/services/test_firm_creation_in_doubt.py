"""No clear answer to creating a firm, or a crash around it: looked for, and never created twice."""

import hashlib
from collections.abc import Generator, Mapping
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.domain.errors import PipelineError, TransientError
from st_deltek_pipeline.domain.firm_links import DecidedBy, LinkState, PartyKey
from st_deltek_pipeline.services.firm_creation import create_missing_firms
from st_deltek_pipeline.services.firm_decisions import link_party
from st_deltek_pipeline.services.firm_matching import match_firms
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox
from st_deltek_pipeline_tests.services.firm_bench import (
    ADDRESS,
    ELSEWHERE,
    add_customer,
    align,
    allow,
    firms_named,
    mapping,
    state,
    writes,
)
from st_deltek_pipeline_tests.services.posting.harness import Bench, bench

_FIRM = {"system": "vantagepoint", "method": "POST", "path": "/firm$"}
_ADDRESS = {"system": "vantagepoint", "method": "POST", "path": "/address$"}

LOST = [
    pytest.param({"effect": "drop_after_effect"}, id="connection-cut-after-the-effect"),
    pytest.param({"effect": "drop_before_effect"}, id="connection-cut-before-the-effect"),
    pytest.param({"effect": "answer_after_effect", "status": 500, "body": ""}, id="500-after-the-effect"),
    pytest.param({"effect": "answer_after_effect", "status": 502, "html": True}, id="502-html-after-the-effect"),
    pytest.param({"effect": "answer_after_effect", "status": 200, "html": True}, id="html-with-200-after-the-effect"),
    pytest.param({"effect": "answer_after_effect", "status": 201, "body": "[]"}, id="nothing-answered"),
    pytest.param({"effect": "answer", "status": 503, "html": True}, id="503-before-the-effect"),
    pytest.param({"effect": "answer", "status": 500, "body": "{}"}, id="500-before-the-effect"),
    pytest.param({"effect": "truncate"}, id="answer-truncated"),
]


@pytest.fixture(scope="module")
def connected(module_engine: Engine) -> Generator[Bench]:
    # A tenant where a repeated address is a second one.
    with (
        running_sandbox(invoices=30, vantagepoint={"repeated_address": "add"}) as sandbox,
        bench(sandbox, module_engine) as acme,
    ):
        yield acme


@pytest.fixture
def acme(connected: Bench) -> Generator[Bench]:
    """One connection for all tests, each of which has customers of its own."""
    plain = connected.settings
    allow(connected)
    yield connected
    connected.settings = plain
    connected.sandbox.no_faults()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name and address nobody else has; similar ones would be asked about."""
    digest = hashlib.sha256(request.node.nodeid.encode()).hexdigest()
    return f"{digest[:8]} {digest[8:16]} Bakery"


def home(name: str) -> dict[str, str]:
    return {**ADDRESS, "street": f"{int(name[:4], 16)} Larkspur Way"}


class CrashError(Exception):
    """The process ends here."""


class DyingClient:
    """Vantagepoint, and a process that dies right before or right after one of its calls."""

    def __init__(self, client: VantagepointClient, call: str, *, before: bool) -> None:
        self._client = client
        self._call = call
        self._before = before

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if name != self._call:
            return method

        def dying(*arguments: Any, **more: Any) -> Any:
            if not self._before:
                method(*arguments, **more)
            raise CrashError

        return dying


def until_done(acme: Bench) -> None:
    """Align as an operator would, again after each failure."""
    for _ in range(4):
        try:
            if not align(acme).creation.in_doubt:
                return
        except PipelineError:
            continue
    pytest.fail("it did not settle in four runs")


def creation_state(acme: Bench, key: PartyKey) -> str:
    (row,) = acme.rows("SELECT state FROM mapping.firm_creations WHERE party_id = :id", id=key.party_id)
    return row.state


def assert_one_firm(acme: Bench, name: str) -> dict[str, Any]:
    (firm,) = firms_named(acme, name)
    assert len(acme.vantagepoint.firm_addresses(firm["ClientID"])) == 1
    return firm


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_to_creating_never_makes_a_second_firm(acme: Bench, name: str, fault: Mapping[str, Any]) -> None:
    key = add_customer(acme, name, home(name))
    acme.take_in(firms=False)
    acme.sandbox.fault(**_FIRM, nth=1, **fault)
    until_done(acme)
    until_done(acme)
    firm = assert_one_firm(acme, name)
    found = mapping(acme, key)
    assert (found.state, found.firm_id, found.decided_by) == (LinkState.LINKED, firm["ClientID"], DecidedBy.CREATED)
    assert found.firm_number == firm["Client"]


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_to_the_address_never_makes_a_second_address(
    acme: Bench, name: str, fault: Mapping[str, Any]
) -> None:
    add_customer(acme, name, home(name))
    acme.take_in(firms=False)
    acme.sandbox.fault(**_ADDRESS, nth=1, **fault)
    until_done(acme)
    until_done(acme)
    assert_one_firm(acme, name)


def test_what_is_in_doubt_is_not_sent_again_before_it_has_settled(acme: Bench, name: str) -> None:
    acme.changed(vantagepoint={"settling_seconds": 3600})
    key = add_customer(acme, name, home(name))
    acme.take_in(firms=False)
    acme.sandbox.fault(**_FIRM, nth=1, effect="drop_before_effect")
    assert align(acme).creation.in_doubt == 1
    assert state(acme, key) is LinkState.IN_DOUBT
    sent = writes(acme)["POST firm"]
    align(acme)
    assert writes(acme)["POST firm"] == sent
    align(acme, days_later=1)
    assert_one_firm(acme, name)
    assert state(acme, key) is LinkState.LINKED


def test_a_firm_whose_answer_was_lost_is_recognised_also_after_the_next_poll_has_seen_it(
    acme: Bench, name: str
) -> None:
    acme.changed(vantagepoint={"settling_seconds": 3600})
    key = add_customer(acme, name, home(name))
    acme.take_in(firms=False)
    acme.sandbox.fault(**_FIRM, nth=1, effect="drop_after_effect")
    acme.sandbox.fault(
        system="vantagepoint", method="GET", path="/firm\\?.*Name", nth=tuple(range(2, 30)), effect="answer", status=503
    )
    with pytest.raises(TransientError):
        align(acme)
    acme.sandbox.no_faults()
    acme.take_in(firms=False)
    align(acme)
    firm = assert_one_firm(acme, name)
    assert mapping(acme, key).firm_id == firm["ClientID"]
    assert creation_state(acme, key) == "created"


@pytest.mark.parametrize("call", ["create_firm", "create_firm_address", "firms"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_any_call_never_makes_a_second_firm(acme: Bench, name: str, call: str, moment: str) -> None:
    """T01: killed around any call that creates a firm."""
    key = add_customer(acme, name, home(name))
    acme.take_in(firms=False)
    match_firms(acme.engine, acme.settings, run_id="first")
    with pytest.raises(CrashError):
        create_missing_firms(
            acme.engine,
            DyingClient(acme.vantagepoint, call, before=moment == "before"),  # pyright: ignore[reportArgumentType]
            acme.settings,
            run_id="crash",
        )
    until_done(acme)
    firm = assert_one_firm(acme, name)
    assert mapping(acme, key).firm_id == firm["ClientID"]


def test_namesakes_are_told_apart_when_the_answer_for_one_of_them_is_lost(acme: Bench, name: str) -> None:
    first = add_customer(acme, name, home(name))
    acme.take_in(firms=False)
    align(acme)
    second = add_customer(acme, name, ELSEWHERE)
    acme.take_in(firms=False)
    acme.sandbox.fault(**_FIRM, nth=1, effect="drop_after_effect")
    until_done(acme)
    assert len(firms_named(acme, name)) == 2
    assert mapping(acme, first).firm_id != mapping(acme, second).firm_id
    assert state(acme, second) is LinkState.LINKED


def test_a_person_who_wants_a_new_firm_beside_a_namesake_gets_exactly_one(acme: Bench, name: str) -> None:
    key = add_customer(acme, name, home(name))
    acme.vantagepoint.create_firm(
        {"Name": name, "ClientInd": "Y", "PrimaryAddress1": "9 Other St", "PrimaryZip": "80111"}
    )
    acme.take_in(firms=False)
    align(acme)
    assert state(acme, key) is LinkState.AMBIGUOUS
    link_party(acme.engine, acme.settings, key, "new", by="jane", run_id="cli")
    acme.sandbox.fault(**_FIRM, nth=1, effect="drop_after_effect")
    until_done(acme)
    until_done(acme)
    assert len(firms_named(acme, name)) == 2
    assert mapping(acme, key).decided_by is DecidedBy.CREATED


def test_a_party_linked_by_a_person_while_its_creation_is_in_doubt_stays_linked_and_it_is_said(
    acme: Bench, name: str
) -> None:
    acme.changed(vantagepoint={"settling_seconds": 3600})
    key = add_customer(acme, name, home(name))
    other = acme.vantagepoint.create_firm({"Name": "The Real One", "ClientInd": "Y"})
    acme.take_in(firms=False)
    acme.sandbox.fault(**_FIRM, nth=1, effect="drop_before_effect")
    align(acme)
    link_party(acme.engine, acme.settings, key, other["ClientID"], by="jane", run_id="cli")
    done = align(acme, days_later=1)
    assert mapping(acme, key).firm_id == other["ClientID"]
    assert firms_named(acme, name) == []
    assert creation_state(acme, key) == "absent"
    assert done.creation.created == 0
    assert any("look whether Vantagepoint has it twice" in problem for problem in done.problems)


def test_what_a_person_decides_while_firms_are_being_created_is_obeyed(acme: Bench, name: str) -> None:
    key = add_customer(acme, name, home(name))
    other = acme.vantagepoint.create_firm({"Name": f"Real {name[::-1]}", "ClientInd": "Y"})
    acme.take_in(firms=False)
    match_firms(acme.engine, acme.settings, run_id="first")

    class Watched(DyingClient):
        def __getattr__(self, called: str) -> Any:
            if called == "firms" and mapping(acme, key).state is LinkState.MISSING:
                link_party(acme.engine, acme.settings, key, other["ClientID"], by="jane", run_id="cli")
            return super().__getattr__(called)

    watched = Watched(acme.vantagepoint, "", before=True)
    create_missing_firms(acme.engine, watched, acme.settings, run_id="race")  # pyright: ignore[reportArgumentType]
    assert firms_named(acme, name) == []
    assert mapping(acme, key).firm_id == other["ClientID"]


def test_an_outage_stops_the_run_and_keeps_what_was_done(acme: Bench, name: str) -> None:
    first = add_customer(acme, name, home(name))
    second = add_customer(acme, f"Second {name[::-1]}", ELSEWHERE)
    acme.take_in(firms=False)
    acme.sandbox.fault(system="vantagepoint", path="/firm\\?.*Second", effect="answer", status=503)
    with pytest.raises(TransientError):
        align(acme)
    assert (state(acme, first), state(acme, second)) == (LinkState.LINKED, LinkState.MISSING)
    acme.sandbox.no_faults()
    align(acme)
    assert {len(firms_named(acme, name)) for name in (name, f"Second {name[::-1]}")} == {1}
