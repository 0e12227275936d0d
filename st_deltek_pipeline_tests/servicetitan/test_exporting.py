"""The calls that tell ServiceTitan what was exported: as published, once, and never guessed about."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from st_deltek_pipeline.domain.errors import InDoubtError, PermissionMissingError, RefusedError, TransientError
from st_deltek_pipeline.servicetitan import exporting
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.credentials import ServiceTitanCredentials
from st_deltek_pipeline.servicetitan.exporting import ExportMark, MarkAnswer, mark_exported, sync_statuses
from st_deltek_pipeline.servicetitan.scopes import write_scope
from st_deltek_pipeline_tests.scripted_server import (
    HTML,
    Call,
    FakeTime,
    NoLimit,
    Reply,
    ScriptedServer,
    json_reply,
)

SPECS = Path(__file__).parents[3] / "shared" / "specs" / "servicetitan"

MARKS = [ExportMark(11, "BATCH", "Posted."), ExportMark(12, "BATCH", "Posted.")]
RESOURCES = [
    exporting.INVOICES,
    exporting.CREDIT_MEMOS,
    exporting.PAYMENTS,
    exporting.INVENTORY_BILLS,
    exporting.AP_BILLS,
    exporting.AP_CREDITS,
]
BODIES: dict[str, tuple[str, Any, str]] = {
    exporting.INVOICES: (
        "invoices/markasexported",
        [{"invoiceId": each, "externalId": "BATCH", "externalMessage": "Posted."} for each in (11, 12)],
        "invoiceId",
    ),
    exporting.CREDIT_MEMOS: (
        "credit-memos/markasexported",
        [{"creditMemoId": each, "externalId": "BATCH", "externalMessage": "Posted."} for each in (11, 12)],
        "creditMemoId",
    ),
    exporting.PAYMENTS: ("payments/status", {"paymentIds": [11, 12], "status": "Exported"}, ""),
    exporting.INVENTORY_BILLS: ("inventory-bills/markasexported", {"inventoryBillIds": [11, 12]}, "inventoryBillId"),
    exporting.AP_BILLS: ("ap-bills/markasexported", {"billIds": [11, 12]}, "billId"),
    exporting.AP_CREDITS: ("ap-credits/markasexported", [{"apCreditId": 11}, {"apCreditId": 12}], "apCreditId"),
}


@pytest.fixture
def client(server: ScriptedServer, clock: FakeTime) -> Iterator[ServiceTitanClient]:
    with ServiceTitanClient(
        api_url=server.url,
        auth_url=server.url,
        tenant_id=42,
        credentials=ServiceTitanCredentials("cid", "secret", "ak1.key"),
        rate_limiter=NoLimit(),
        allow_insecure_hosts=True,
        options=clock.options(),
    ) as made:
        yield made


def answering(server: ScriptedServer, *replies: Reply) -> None:
    """Sign everybody in, then give these answers; the last one for ever."""
    waiting = list(replies)

    def answer(call: Call) -> Reply:
        if call.path == "/connect/token":
            return json_reply({"access_token": "token", "expires_in": 900, "token_type": "Bearer"})
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    server.script = answer


def calls(server: ScriptedServer) -> list[Call]:
    return [call for call in server.calls if call.path != "/connect/token"]


def results(id_name: str, *rows: tuple[int, bool, str | None]) -> Reply:
    return json_reply([{id_name: each, "success": ok, "errorMessage": words} for each, ok, words in rows])


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_call_is_the_published_one(client: ServiceTitanClient, server: ScriptedServer, resource: str) -> None:
    """T51: what is written back."""
    path, body, id_name = BODIES[resource]
    answering(server, results(id_name, (11, True, None), (12, True, None)) if id_name else Reply(200, b""))
    assert mark_exported(client, resource, MARKS) == [MarkAnswer(each, accepted=True, words="") for each in (11, 12)]
    (call,) = calls(server)
    assert (call.method, call.path) == ("POST", f"/accounting/v2/tenant/42/{path}")
    assert call.json == body
    assert call.headers["content-type"] == "application/json"
    assert call.headers["st-app-key"] == "ak1.key"


@pytest.mark.skipif(not SPECS.is_dir(), reason="the published OpenAPI documents are not here")
@pytest.mark.parametrize("resource", RESOURCES)
def test_paths_and_scopes_are_those_of_the_published_documents(resource: str) -> None:
    path = BODIES[resource][0]
    paths = json.loads((SPECS / "accounting-v2.json").read_text())["paths"]
    security = paths[f"/tenant/{{tenant}}/{path}"]["post"].get("security", [])
    assert {scope for each in security for scope in each.get("oauth", [])} == {write_scope(f"accounting/{path}")}


def test_each_record_has_its_own_answer(client: ServiceTitanClient, server: ScriptedServer) -> None:
    answering(server, results("invoiceId", (11, False, "Invoice was not found."), (12, True, None)))
    assert mark_exported(client, exporting.INVOICES, MARKS) == [
        MarkAnswer(11, accepted=False, words="Invoice was not found."),
        MarkAnswer(12, accepted=True, words=""),
    ]


def test_a_record_that_the_answer_does_not_name_is_not_taken_as_exported(
    client: ServiceTitanClient, server: ScriptedServer
) -> None:
    answering(server, json_reply([{"invoiceId": 11, "success": True}, {"invoiceId": "12", "success": True}, {}]))
    assert mark_exported(client, exporting.INVOICES, MARKS) == [MarkAnswer(11, accepted=True, words="")]


@pytest.mark.parametrize(
    "reply",
    [
        HTML,
        Reply(drop=True),
        json_reply({"title": "Oops"}, 500),
        Reply(200, b"<html>ok</html>", {"Content-Type": "text/html"}),
        Reply(200, b""),
        Reply(200, b'[{"invoiceId":11,', {"Content-Type": "application/json"}),
        json_reply({"unexpected": 1}),
    ],
    ids=["page", "dropped", "error", "page_with_200", "empty", "cut_off", "shape"],
)
def test_an_unclear_answer_is_in_doubt_and_the_call_is_not_repeated(
    client: ServiceTitanClient, server: ScriptedServer, reply: Reply
) -> None:
    answering(server, reply)
    with pytest.raises(InDoubtError):
        mark_exported(client, exporting.INVOICES, MARKS)
    assert len(calls(server)) == 1


def test_one_call_too_many_is_turned_away_before_anything_happened_and_sent_again(
    client: ServiceTitanClient, server: ScriptedServer
) -> None:
    answering(server, json_reply({"title": "Try again in 1 seconds."}, 429), results("invoiceId", (11, True, None)))
    assert mark_exported(client, exporting.INVOICES, MARKS[:1])[0].accepted
    assert len(calls(server)) == 2


def test_a_refusal_of_the_whole_call_has_servicetitans_words(
    client: ServiceTitanClient, server: ScriptedServer
) -> None:
    body = {"title": "One or more validation errors occurred.", "errors": {"paymentIds": ["12 is not posted."]}}
    answering(server, json_reply(body, 400))
    with pytest.raises(RefusedError) as refused:
        mark_exported(client, exporting.PAYMENTS, MARKS)
    assert "12 is not posted." in refused.value.words


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_missing_permission_names_the_scope_to_write(
    client: ServiceTitanClient, server: ScriptedServer, resource: str
) -> None:
    answering(server, json_reply({"title": "Forbidden"}, 403))
    with pytest.raises(PermissionMissingError) as missing:
        mark_exported(client, resource, MARKS)
    assert write_scope(resource) in missing.value.advice
    assert ":w" in missing.value.advice


def test_statuses_are_read_by_ids_whether_or_not_records_are_active(
    client: ServiceTitanClient, server: ScriptedServer
) -> None:
    rows = [{"id": 11, "syncStatus": "Exported", "total": "1.00"}, {"id": 12, "syncStatus": None}]
    answering(server, json_reply({"hasMore": False, "data": rows}))
    assert sync_statuses(client, exporting.INVOICES, [11, 12, 13]) == {11: "Exported", 12: ""}
    (call,) = calls(server)
    assert (call.method, call.parameters["ids"], call.parameters["activeState"]) == ("GET", "11,12,13", "All")


def test_bills_without_a_purchase_order_are_asked_for_as_well(
    client: ServiceTitanClient, server: ScriptedServer
) -> None:
    answering(
        server,
        json_reply({"hasMore": False, "data": [{"id": 11, "syncStatus": "Posted"}]}),
        json_reply({"hasMore": False, "data": [{"id": 12, "syncStatus": "Exported"}]}),
    )
    assert sync_statuses(client, exporting.AP_BILLS, [11, 12]) == {11: "Posted", 12: "Exported"}
    assert [call.parameters["billType"] for call in calls(server)] == ["Procurement", "ApBill"]


def test_a_row_that_cannot_be_read_has_no_status(client: ServiceTitanClient, server: ScriptedServer) -> None:
    answering(server, json_reply({"hasMore": False, "data": [{"id": "x"}, {"id": 12, "syncStatus": "Posted"}]}))
    assert sync_statuses(client, exporting.INVOICES, [11, 12]) == {12: "Posted"}


def test_statuses_that_cannot_be_read_are_not_guessed(client: ServiceTitanClient, server: ScriptedServer) -> None:
    answering(server, HTML)
    with pytest.raises(TransientError):
        sync_statuses(client, exporting.INVOICES, [11])
