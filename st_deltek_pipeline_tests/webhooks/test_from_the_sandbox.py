"""The sandbox's webhooks to a real receiver: what users do in ServiceTitan is in the inbox, whatever happens on the way."""

import json
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator
from sqlalchemy import Engine

from st_deltek_pipeline.services.webhook_keys import store_key
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.vault import open_vault
from st_deltek_pipeline_tests.sandbox.servicetitan.published import nullable
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest, running_sandbox
from st_deltek_pipeline_tests.webhooks.conftest import (
    KEY,
    TIMEOUT,
    RunningReceiver,
    running_receiver,
    write_connection,
)

_SCHEMAS = Path(__file__).parents[3] / "shared/specs/servicetitan/webhook-events-2026-03.json"
_URL = "/webhooks/acme/servicetitan"


@pytest.fixture(scope="module")
def tenant() -> Generator[SandboxUnderTest]:
    with running_sandbox(invoices=30) as sandbox:
        yield sandbox


@pytest.fixture
def acme(settings: Settings, engine: Engine, tenant: SandboxUnderTest) -> Generator[RunningReceiver]:
    write_connection(settings, "acme", {"enabled": True}, tenant.ready_line["servicetitan"]["tenant_id"])
    store_key(open_vault(engine, settings), "acme", KEY)
    with running_receiver(settings, engine) as running:
        yield running
    tenant.admin("DELETE", "servicetitan/webhooks")


def _subscribe(tenant: SandboxUnderTest, receiver: RunningReceiver, **fields: Any) -> dict[str, Any]:
    wanted = {"url": f"{receiver.url}{_URL}", "key": KEY, "retry_scale": 0, **fields}
    return tenant.admin("PUT", "servicetitan/webhooks", wanted)


def _settled(tenant: SandboxUnderTest, since: int) -> list[dict[str, Any]]:
    """Return the deliveries after the first so many, once none of them waits."""

    def found() -> list[dict[str, Any]]:
        return tenant.admin("GET", "servicetitan/webhooks/deliveries")[since:]

    deadline = time.monotonic() + TIMEOUT
    while any(each["state"] == "waiting" for each in found()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found()


def _count(tenant: SandboxUnderTest) -> int:
    return len(tenant.admin("GET", "servicetitan/webhooks/deliveries"))


def test_what_users_do_to_invoices_and_jobs_is_told_with_its_own_event(
    tenant: SandboxUnderTest, acme: RunningReceiver
) -> None:
    described = _subscribe(tenant, acme)
    assert described["url"] == f"{acme.url}{_URL}"
    assert KEY not in json.dumps(tenant.admin("GET", "servicetitan/webhooks"))
    since = _count(tenant)
    invoice = tenant.add_invoice(total="100.00", syncStatus="Pending", batch=None)
    tenant.edit_invoice(invoice["id"], total="110.00")
    batch = {"id": 7, "number": "7", "name": "Batch"}
    tenant.edit_invoice(invoice["id"], batch=batch)
    tenant.edit_invoice(invoice["id"], syncStatus="Posted")
    tenant.edit_invoice(invoice["id"], syncStatus="Exported")
    job = next(iter(tenant.running.sandbox.servicetitan.tables["jpm/jobs"].rows))
    for fields in ({"priority": "High"}, {"jobStatus": "Scheduled"}, {"jobStatus": "Completed"}):
        tenant.admin("PATCH", f"servicetitan/rows/jpm/jobs/{job}", fields)
    found = [(each["type"], each["recordId"], each["state"]) for each in _settled(tenant, since)]
    own = [(kind, record, state) for kind, record, state in found if record in {invoice["id"], job}]
    assert own == [
        ("tn.acc.invoice-updated", invoice["id"], "delivered"),
        ("tn.acc.invoice-batched", invoice["id"], "delivered"),
        ("tn.acc.invoice-posted", invoice["id"], "delivered"),
        ("tn.acc.invoice-exported", invoice["id"], "delivered"),
        ("tn.jpm.job-updated", job, "delivered"),
        ("tn.jpm.job-updated", job, "delivered"),
        ("tn.jpm.job-completed", job, "delivered"),
    ]
    kept = acme.rows("record_kind, record_id, state", where=f"record_id IN ({invoice['id']}, {job})")
    assert kept == [("invoice", invoice["id"], "waiting")] * 4 + [("job", job, "waiting")] * 3


@pytest.mark.skipif(not _SCHEMAS.is_file(), reason="ServiceTitan's CloudEvent schemas are not in ../shared/specs")
def test_the_events_are_those_of_the_published_schemas(tenant: SandboxUnderTest, acme: RunningReceiver) -> None:
    _subscribe(tenant, acme)
    invoice = tenant.add_invoice(total="100.00")
    job = next(iter(tenant.running.sandbox.servicetitan.tables["jpm/jobs"].rows))
    tenant.admin("PATCH", f"servicetitan/rows/jpm/jobs/{job}", {"priority": "Low"})
    _settled(tenant, 0)
    document = json.loads(_SCHEMAS.read_text(encoding="utf-8"))
    bodies = [json.loads(row[0]) for row in acme.rows("body", where=f"record_id IN ({invoice['id']}, {job})")]
    names = {"tn.acc.invoice-posted": "InvoicePostedEventPayload", "tn.jpm.job-updated": "JobUpdatedWebhookEvent"}
    seen: set[str] = set()
    for body in bodies:
        if body["type"] not in names:
            continue
        seen.add(body["type"])
        part = "Accounting" if "acc" in body["type"] else "Jpm"
        schema = document["components"]["schemas"][f"CloudEvent_Of_{part}.V2.Webhook.{names[body['type']]}"]
        Draft202012Validator(nullable({**schema, "components": document["components"]})).validate(body)
    assert seen == set(names)


@pytest.mark.parametrize(
    ("fields", "stated"),
    [({"encoding": "base64"}, "base64"), ({"prefix": True}, "hex"), ({"header": "X-ST-Signature"}, "hex")],
)
def test_every_way_of_signing_that_was_seen_is_accepted(
    tenant: SandboxUnderTest, acme: RunningReceiver, fields: dict[str, Any], stated: str
) -> None:
    assert _subscribe(tenant, acme, **fields)["encoding"] == stated
    since = _count(tenant)
    tenant.add_invoice(total="10.00")
    assert {each["state"] for each in _settled(tenant, since)} == {"delivered"}


def test_only_the_chosen_types_are_sent(tenant: SandboxUnderTest, acme: RunningReceiver) -> None:
    _subscribe(tenant, acme, types=["tn.acc.invoice-updated"])
    since = _count(tenant)
    invoice = tenant.add_invoice(total="10.00")
    tenant.edit_invoice(invoice["id"], total="11.00")
    assert [each["type"] for each in _settled(tenant, since)] == ["tn.acc.invoice-updated"]


def _updates(tenant: SandboxUnderTest, invoice: int, count: int) -> None:
    for number in range(count):
        tenant.edit_invoice(invoice, summary=f"edit {number}")


def test_what_is_lost_doubled_reordered_or_tampered_with_is_what_the_inbox_then_shows(
    tenant: SandboxUnderTest, acme: RunningReceiver
) -> None:
    invoice = tenant.add_invoice(total="10.00")["id"]
    cases: list[tuple[str, dict[str, int], Callable[[list[tuple[Any, ...]]], bool]]] = [
        ("lose_every", {"lost": 1, "delivered": 3}, lambda rows: len(rows) == 3),
        ("double_every", {"delivered": 4}, lambda rows: [row[1] for row in rows] == [1, 1, 1, 2]),
        ("tamper_every", {"failed": 1, "delivered": 3}, lambda rows: len(rows) == 3),
    ]
    for fault, states, fits in cases:
        _subscribe(tenant, acme, **{fault: 4})
        since, before = _count(tenant), len(acme.rows())
        _updates(tenant, invoice, 4)
        found = _settled(tenant, since)
        deadline = time.monotonic() + TIMEOUT
        while not fits(acme.rows("seq, deliveries")[before:]) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert fits(acme.rows("seq, deliveries")[before:]), fault
        assert {state: sum(each["state"] == state for each in found) for state in states} == states, fault
    _subscribe(tenant, acme, reorder_every=3)
    since, before = _count(tenant), len(acme.rows())
    _updates(tenant, invoice, 4)
    sent = [each["userassignedid"] for each in _settled(tenant, since)]
    arrived = [row[0].removeprefix("user:") for row in acme.rows("occurrence")[before:]]
    assert arrived == [sent[0], sent[1], sent[3], sent[2]]


def test_a_failed_delivery_is_repeated_four_times_and_can_be_replayed_by_hand(
    tenant: SandboxUnderTest, acme: RunningReceiver
) -> None:
    _subscribe(tenant, acme, key="k" * 40)
    since = _count(tenant)
    tenant.add_invoice(total="10.00")
    (failed,) = [each for each in _settled(tenant, since) if each["type"] == "tn.acc.invoice-posted"]
    assert (failed["state"], [each["status"] for each in failed["attempts"]]) == ("failed", [401] * 5)
    _subscribe(tenant, acme)
    tenant.admin("POST", f"servicetitan/webhooks/deliveries/{failed['id']}/replay")
    found = {each["id"]: each for each in _settled(tenant, since)}[failed["id"]]
    assert (found["state"], found["attempts"][-1]["status"], len(found["attempts"])) == ("delivered", 200, 6)
    assert len(acme.rows(where=f"occurrence = 'user:{found['userassignedid']}'")) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "url"),
        ({"url": "ftp://x", "key": "k"}, "url"),
        ({"url": "http://x", "key": "k", "nonsense": 1}, "nonsense"),
    ],
)
def test_a_subscription_that_cannot_be_is_refused(tenant: SandboxUnderTest, body: dict[str, Any], words: str) -> None:
    answer = requests.put(f"{tenant.admin_url}/servicetitan/webhooks", json=body, timeout=TIMEOUT)
    assert answer.status_code == 400
    assert words in answer.text
    missing = requests.post(f"{tenant.admin_url}/servicetitan/webhooks/deliveries/x/replay", timeout=TIMEOUT)
    assert missing.status_code == 404
