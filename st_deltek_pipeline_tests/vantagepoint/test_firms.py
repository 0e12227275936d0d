"""Firms through the client: read by any column, and written at most once."""

from collections.abc import Callable

import pytest

from st_deltek_pipeline.domain.errors import AlreadyExistsError, InDoubtError, RefusedError, TransientError
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline_tests.scripted_server import HTML, Reply, json_reply
from st_deltek_pipeline_tests.vantagepoint.conftest import Tenant

BODY = {"Name": "Acme", "ClientInd": "Y"}
CREATED = json_reply([{"ClientID": "F1", "Name": "Acme", "Client": ""}], 201)

Write = Callable[[VantagepointClient], object]
WRITES = pytest.mark.parametrize(
    "write",
    [
        lambda client: client.create_firm(BODY),
        lambda client: client.change_firm("F1", {"VendorInd": "Y"}),
        lambda client: client.create_firm_address("F1", {"Address": "Main"}),
    ],
    ids=["create", "change", "address"],
)


def test_firms_are_looked_for_by_any_column_and_what_was_not_asked_for_is_left_out(
    client: VantagepointClient, tenant: Tenant
) -> None:
    # A tenant that does not know the condition answers everything.
    rows = [{"ClientID": "F1", "Name": "ACME "}, {"ClientID": "F2", "Name": "Other"}, {"ClientID": "F3", "Name": None}]
    tenant.then_replies(json_reply(rows), json_reply([]))
    assert [row["ClientID"] for row in client.firms("Name", ["Acme", "Acme"])] == ["F1"]
    call = tenant.calls()[0]
    assert call.path == "/acme/api/firm"
    assert client.firms("Name", []) == []


def test_a_created_firm_is_answered_with_its_key(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(CREATED)
    assert client.create_firm(BODY)["ClientID"] == "F1"
    (call,) = tenant.calls()
    assert (call.method, call.path, call.body) == ("POST", "/acme/api/firm", b'{"Name":"Acme","ClientInd":"Y"}')


@pytest.mark.parametrize("answer", [json_reply([], 201), json_reply([{"Name": "Acme"}], 201), json_reply("ok", 201)])
def test_a_created_firm_without_its_key_is_in_doubt(client: VantagepointClient, tenant: Tenant, answer: Reply) -> None:
    tenant.then_replies(answer)
    with pytest.raises(InDoubtError, match="did not answer with its ClientID"):
        client.create_firm(BODY)
    assert len(tenant.calls()) == 1


@WRITES
@pytest.mark.parametrize(
    "answer", [Reply(500, b""), Reply(502, HTML), json_reply({"message": "Timeout expired."}, 500)]
)
def test_a_write_without_a_clear_answer_is_sent_once(
    client: VantagepointClient, tenant: Tenant, write: Write, answer: Reply
) -> None:
    tenant.then_replies(answer)
    with pytest.raises(InDoubtError):
        write(client)
    assert len(tenant.calls()) == 1


@WRITES
def test_a_refusal_is_told_in_vantagepoints_own_words(client: VantagepointClient, tenant: Tenant, write: Write) -> None:
    tenant.then_replies(json_reply({"message": "Please provide a Vendor Type for table Firm."}, 400))
    with pytest.raises(RefusedError) as raised:
        write(client)
    assert raised.value.words == "Please provide a Vendor Type for table Firm."


def test_a_number_in_use_is_told_apart(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(json_reply({"message": "Firm Number already exists: 00000056."}, 400))
    with pytest.raises(AlreadyExistsError):
        client.create_firm(BODY)


@pytest.mark.parametrize("answer", [json_reply([]), json_reply({"message": "Not found."}, 404)])
def test_a_firm_without_accounting_data_or_addresses_has_none(
    client: VantagepointClient, tenant: Tenant, answer: Reply
) -> None:
    tenant.then_replies(answer)
    assert client.vendor_accounting("F1") == []
    assert client.firm_addresses("F1") == []
    assert [call.path for call in tenant.calls()] == [
        "/acme/api/firm/F1/vendorAccountingInfo",
        "/acme/api/firm/F1/address",
    ]


def test_reading_a_firm_tells_nothing_there_from_an_outage(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(json_reply([{"ClientID": "F 1"}]))
    assert client.read_firm("F 1") == {"ClientID": "F 1"}
    tenant.then_replies(json_reply({"message": "Not found."}, 404))
    assert client.read_firm("F1") is None
    tenant.then_replies(Reply(503, HTML))
    with pytest.raises(TransientError):
        client.read_firm("F1")
