"""What a rightly signed body is read into, whatever is in it."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from st_deltek_pipeline.domain.deliveries import DeliveryState
from st_deltek_pipeline.webhooks.reading import Reading, Verdict, read_delivery
from st_deltek_pipeline.webhooks.routes import ROUTES
from st_deltek_pipeline_tests.sandbox.servicetitan.published import nullable

_TENANT = 4711
_SCHEMAS = Path(__file__).parents[3] / "shared/specs/servicetitan/webhook-events-2026-03.json"
needs_schemas = pytest.mark.skipif(
    not _SCHEMAS.is_file(), reason="ServiceTitan's CloudEvent schemas are not in ../shared/specs"
)


def _event(**changes: Any) -> dict[str, Any]:
    event = {
        "specversion": "1.0",
        "id": "d-1",
        "type": "tn.acc.invoice-posted",
        "time": "2026-10-05T12:30:00.1234567Z",
        "source": "https://webhooks.servicetitan.io",
        "userassignedid": "u-1",
        "datacontenttype": "application/json",
        "data": {"invoice": {"id": 77}, "tenantId": _TENANT, "tenantName": "Acme"},
    }
    return {**event, **changes}


def _read(event: object) -> Reading:
    return read_delivery("acme", _TENANT, event if isinstance(event, bytes) else json.dumps(event).encode())


def test_a_cloud_event_names_its_occurrence_and_its_record() -> None:
    found = _read(_event())
    delivery = found.delivery
    assert found.verdict is Verdict.ACCEPTED
    assert (delivery.state, delivery.record_kind, delivery.record_id) == (DeliveryState.WAITING, "invoice", 77)
    assert (delivery.occurrence, delivery.delivery_id, delivery.tenant_id) == ("user:u-1", "d-1", _TENANT)
    assert delivery.occurred_at == datetime(2026, 10, 5, 12, 30, 0, 123456, UTC)
    assert json.loads(delivery.body)["type"] == delivery.event_type == "tn.acc.invoice-posted"


@pytest.mark.parametrize(
    ("event_type", "data", "record"),
    [
        ("tn.acc.invoice-updated", {"invoice": {"id": 5}}, ("invoice", 5)),
        ("tn.acc.invoice-batched", {"invoice": {"id": 5}}, ("invoice", 5)),
        ("tn.acc.invoice-exported", {"invoice": {"id": 5}}, ("invoice", 5)),
        ("tn.acc.invoice-task-created", {"invoice": {"id": 5}, "task": {"id": "t9"}}, ("invoice", 5)),
        ("tn.jpm.job-completed", {"job": {"id": 6, "invoiceId": 7}}, ("job", 6)),
        ("tn.jpm.job-rescheduled", {"job": {"id": 6}, "appointmentId": 8}, ("job", 6)),
        ("tn.jpm.job-appointment-updated", {"appointment": {"id": 8, "jobId": 6}}, ("job", 6)),
        ("invoice.created", {"id": 5}, ("invoice", 5)),
        ("invoice.updated", {"invoice": {"id": "5"}, "id": 6}, ("invoice", 5)),
        ("payment.created", {"paymentId": 9}, ("payment", 9)),
        ("job.updated", {"job": {"id": 6}}, ("job", 6)),
        ("bill.created", {"id": 3}, ("bill", 3)),
        ("customer.updated", {"id": 2}, ("customer", 2)),
        ("credit_memo.created", {"creditMemo": {"id": 4}}, ("credit_memo", 4)),
    ],
)
def test_each_type_leads_to_its_record(event_type: str, data: dict[str, Any], record: tuple[str, int]) -> None:
    delivery = _read(_event(type=event_type, data=data)).delivery
    assert (delivery.record_kind, delivery.record_id) == record


def test_a_short_event_may_have_its_record_outside() -> None:
    found = [_read({"event": "invoice.updated", "id": 12, "at": moment}).delivery for moment in (1, 2)]
    assert [(each.record_kind, each.record_id, each.delivery_id) for each in found] == [("invoice", 12, "")] * 2
    # The id is the record's: two changes of one invoice are two occurrences.
    assert found[0].occurrence != found[1].occurrence
    assert found[0].occurrence.startswith("body:")


def test_an_id_beside_data_is_the_deliverys_and_never_the_records() -> None:
    assert _read(_event(type="invoice.updated", id=12, data={})).verdict is Verdict.NO_RECORD


def test_an_occurrence_is_known_by_its_own_id_then_the_deliverys_then_its_body() -> None:
    """T23: the occurrence has the id that the sender assigned."""
    no_assigned = _event(userassignedid=None)
    nothing = {key: value for key, value in no_assigned.items() if key not in {"id", "userassignedid"}}
    body = json.dumps(nothing).encode()
    found = [_read(each).delivery.occurrence for each in (_event(id="x"), _event(), no_assigned, body)]
    assert found == ["user:u-1", "user:u-1", "id:d-1", f"body:{hashlib.sha256(body).hexdigest()}"]


@pytest.mark.parametrize("tenant", [_TENANT + 1, "x", 0, {}, str(_TENANT + 1), True, 10**18])
def test_another_tenants_event_is_refused(tenant: object) -> None:
    found = _read(_event(data={"invoice": {"id": 77}, "tenantId": tenant}))
    assert (found.verdict, found.delivery.state) == (Verdict.OTHER_TENANT, DeliveryState.REFUSED)
    assert found.delivery.reason == "it is of another tenant"


def test_once_the_tenant_is_corrected_the_same_occurrence_is_taken() -> None:
    refused = read_delivery("acme", _TENANT + 1, json.dumps(_event()).encode()).delivery
    taken = _read(_event()).delivery
    assert (refused.occurrence, taken.occurrence) == ("refused:user:u-1", "user:u-1")


@pytest.mark.parametrize("tenant", [str(_TENANT), None])
def test_a_tenant_may_be_a_text_or_be_left_out(tenant: object) -> None:
    assert _read(_event(data={"invoice": {"id": 77}, "tenantId": tenant})).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("event_type", ["tn.crm.lead-created", "tn.acc.invoice-posted ", "", None, 7, ["x"], "x" * 999])
def test_a_type_that_nobody_knows_is_kept_and_needs_nothing(event_type: object) -> None:
    found = _read(_event(type=event_type))
    if event_type == "tn.acc.invoice-posted ":
        assert found.verdict is Verdict.ACCEPTED
    else:
        assert (found.verdict, found.delivery.state) == (Verdict.UNKNOWN_TYPE, DeliveryState.NOT_NEEDED)
        assert len(found.delivery.event_type) <= 200


@pytest.mark.parametrize("record", [None, 0, -1, 1.0, "", "7x", True, [], {"id": 1}, 2**63, "9" * 20, "٣"])
def test_a_record_without_a_usable_id_is_refused(record: object) -> None:
    found = _read(_event(data={"invoice": {"id": record}}))
    assert (found.verdict, found.delivery.state) == (Verdict.NO_RECORD, DeliveryState.REFUSED)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"7",
        b"{",
        b'{"id": NaN}',
        b"\xff\xfe",
        b'{"id": "\xff"}',
        b"id=7&type=x",
        b"[" * 100000,
        b'{"a":' * 100000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_object_is_refused_and_kept(body: bytes) -> None:
    found = _read(body)
    assert (found.verdict, found.delivery.state) == (Verdict.NOT_JSON, DeliveryState.REFUSED)
    assert found.delivery.body == body


@pytest.mark.parametrize("field", ["id", "userassignedid", "type", "time"])
@pytest.mark.parametrize(
    "value", ["\x00", "a\x00b", "x" * 500_000, "\u202e", "é" * 300, 2**62, {"a": 1}, [1], True, 0.5]
)
def test_nothing_odd_reaches_the_database(field: str, value: object) -> None:
    delivery = _read(_event(**{field: value})).delivery
    for text in (delivery.occurrence, delivery.event_type, delivery.delivery_id):
        assert text.isprintable()
        assert len(text) <= 300


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "yesterday", 7, "2026-13-01", ""]
)
def test_a_moment_that_cannot_be_is_left_out(moment: object) -> None:
    assert _read(_event(time=moment)).delivery.occurred_at is None


_keys = st.sampled_from(["id", "userassignedid", "type", "event", "time", "data", "tenantId", "invoice"])
_plain = st.none() | st.booleans() | st.integers() | st.text("a\x00\ud800\u202e7 ", max_size=4) | st.just(0.5)
_values = _plain | st.lists(_plain, max_size=2) | st.sampled_from(sorted(ROUTES))


@given(st.dictionaries(_keys, _values | st.dictionaries(_keys, _values, max_size=4)))
def test_every_json_object_is_read_into_something_storable(event: dict[str, Any]) -> None:
    delivery = _read(event).delivery
    assert (delivery.state is DeliveryState.WAITING) == (delivery.record_id is not None)
    assert delivery.record_id is None or 0 < delivery.record_id < 2**63
    assert "\x00" not in delivery.occurrence + delivery.event_type + delivery.delivery_id


@given(st.binary(max_size=400))
def test_any_bytes_are_read_into_something(body: bytes) -> None:
    assert read_delivery("acme", _TENANT, body).delivery.body == body


_SAMPLES = {"integer": _TENANT, "array": [], "boolean": True, "number": 1}


def _sample(schema: dict[str, Any], components: dict[str, Any]) -> Any:
    """Return the smallest value a schema allows."""
    if "$ref" in schema:
        return _sample(components[schema["$ref"].rsplit("/", 1)[1]], components)
    if "oneOf" in schema:
        return _sample(schema["oneOf"][0], components)
    if schema.get("type") == "object":
        return {name: _sample(schema["properties"][name], components) for name in schema.get("required", ())}
    moment = "2026-10-05T12:30:00Z" if schema.get("format") == "date-time" else "text"
    return schema["enum"][0] if "enum" in schema else _SAMPLES.get(schema["type"], moment)


@needs_schemas
def test_every_published_event_leads_to_its_record() -> None:
    document = json.loads(_SCHEMAS.read_text(encoding="utf-8"))
    components = document["components"]["schemas"]
    seen: set[str] = set()
    for name, schema in components.items():
        if not name.startswith("CloudEvent_Of_"):
            continue
        described = schema["properties"]["type"]["description"]
        event = {**_sample(schema, components), "type": described.split('"')[1]}
        whole = nullable({**schema, "components": document["components"]})
        Draft202012Validator(whole).validate(event)
        found = read_delivery("acme", _TENANT, json.dumps(event).encode())
        assert found.verdict is Verdict.ACCEPTED, name
        assert found.delivery.record_kind == ("invoice" if "invoice" in event["type"] else "job")
        seen.add(event["type"])
    assert len(seen) == 11
    assert seen <= set(ROUTES)
