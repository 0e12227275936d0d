import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.domain.errors import (
    AlreadyExistsError,
    BrokenError,
    ConfigurationError,
    CredentialsError,
    InDoubtError,
    PermissionMissingError,
    PipelineError,
    RefusedError,
    TransientError,
)
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.rows import PostAnswer
from st_deltek_pipeline_tests.scripted_server import HTML, Call, FakeTime, Reply, json_reply, unused_port
from st_deltek_pipeline_tests.vantagepoint.conftest import MakeClient, Tenant

BATCH = "48aed4940d014a319758a9921362510f"
BODY = {"Batch": BATCH, "Total": Decimal("100.10"), "inMaster": [{"Invoice": "0001234"}], "inDetail": []}
ENTERED = json_reply([{"Batch": BATCH, "Total": 100.10, "SumTotal": 100.10}], 201)
POSTED = json_reply(
    '{"typeList":"IN""batchList":"' + BATCH + '","retList":"1","periodList":"202611","postseqList":"17",'
    '"msg":"Invoices, File: ' + BATCH + ', 1 of 1 records posted, Posting Sequence: 17[CRLF]"}'
)

Write = Callable[[VantagepointClient], object]


def enter(client: VantagepointClient) -> object:
    return client.enter_file("in", BODY)


def post(client: VantagepointClient) -> object:
    return client.post_file("in", BATCH, company="01", period=202611, description="October")


def delete(client: VantagepointClient) -> object:
    return client.delete_file("in", BATCH)


def set_period(client: VantagepointClient) -> object:
    return client.set_active_period(202611)


def enter_one(client: VantagepointClient) -> object:
    return client.enter_document("in", BATCH, ("0001234", "HVAC", "", ""), {"Batch": BATCH, "inDetail": []})


WRITES = pytest.mark.parametrize("write", [enter, enter_one, post, delete, set_period])


# --- What is sent -------------------------------------------------------------------------------------------------


def test_a_file_is_entered_with_exact_amounts(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(ENTERED)
    assert client.enter_file("in", BODY)["SumTotal"] == Decimal("100.10")
    call = tenant.calls()[0]
    assert (call.method, call.path) == ("POST", "/acme/api/DataEntry/inControl")
    assert call.headers["content-type"] == "application/json"
    assert call.body == (
        b'{"Batch":"' + BATCH.encode() + b'","Total":100.10,"inMaster":[{"Invoice":"0001234"}],"inDetail":[]}'
    )


def test_a_frozen_body_is_sent_byte_for_byte(client: VantagepointClient, tenant: Tenant) -> None:
    frozen = b'{ "Batch" : "' + BATCH.encode() + b'", "Total":1.10 }'
    tenant.then_replies(ENTERED)
    client.enter_file("in", frozen)
    assert tenant.calls()[0].body == frozen


def test_a_float_never_reaches_the_wire(client: VantagepointClient, tenant: Tenant) -> None:
    """T33: float never appears (at run time)."""
    tenant.then_replies(ENTERED)
    with pytest.raises(TypeError, match="float"):
        client.enter_file("in", {"Batch": BATCH, "Total": 100.1})
    assert tenant.calls() == []


def test_a_document_alone_is_named_by_batch_and_key(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(json_reply([{"Batch": BATCH, "Invoice": "0001234"}], 201))
    body = {"Batch": BATCH, "Invoice": "1234/A", "inDetail": [{"Amount": Decimal("100.10")}]}
    assert client.enter_document("in", BATCH, ("1234/A", "HVAC", "", ""), body)["Invoice"] == "0001234"
    call = tenant.calls()[0]
    assert (call.method, call.path) == ("POST", f"/acme/api/DataEntry/inMaster/{BATCH}%7C1234%2FA%7CHVAC%7C%7C")
    assert call.body.endswith(b'"inDetail":[{"Amount":100.10}]}')


@pytest.mark.parametrize(
    "words",
    [
        "Files are not used to group transactions. Use inMaster to create transactions.",
        "Files are used to group transactions. Use inControl to create a transaction file.",
        "Use Files to Group Transactions is not enabled.",
    ],
)
def test_the_other_way_of_entry_is_a_matter_of_the_setting(
    client: VantagepointClient, tenant: Tenant, words: str
) -> None:
    tenant.then_replies(json_reply({"message": words}, 400))
    with pytest.raises(ConfigurationError, match=r"vantagepoint\.entry"):
        enter(client)


def test_a_file_is_posted_as_documented(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(POSTED)
    answer = client.post_file("in", BATCH, company="01", period=202611, description="October")
    assert answer == PostAnswer(
        posted=True,
        period=202611,
        post_sequence=17,
        message=f"Invoices, File: {BATCH}, 1 of 1 records posted, Posting Sequence: 17",
    )
    call = tenant.calls()[0]
    assert (call.method, call.path) == ("PUT", "/acme/api/DataEntry/PostTransFile")
    assert call.json == {
        "parms": {
            "batch": BATCH,
            "clientcompany": "01",
            "description": "October",
            "period": "202611",
            "transtype": "IN",
        }
    }


def test_an_answer_that_is_the_text_itself_is_read_too(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(json_reply(b'{"typeList":"IN""batchList":"' + BATCH.encode() + b'","retList":"0","msg":"no"}'))
    answer = client.post_file("in", BATCH, company="01", period=202611, description="October")
    assert answer == PostAnswer(posted=False, period=None, post_sequence=None, message="no")


@pytest.mark.parametrize("reply", [json_reply([]), Reply(200, b""), json_reply({"message": "gone"}, 404)])
def test_deleting_a_file_that_is_not_there_is_no_error(
    client: VantagepointClient, tenant: Tenant, reply: Reply
) -> None:
    tenant.then_replies(reply)
    client.delete_file("in", BATCH)
    assert (tenant.calls()[0].method, tenant.calls()[0].path) == ("DELETE", f"/acme/api/DataEntry/inControl/{BATCH}")


# --- The session's period and company -----------------------------------------------------------------------------


def test_the_period_is_set_and_its_answer_checked(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(json_reply([{"Period": 202611}]))
    client.set_active_period(202611)
    assert [(call.method, call.path) for call in tenant.calls()] == [("PUT", "/acme/api/Settings/ActivePeriod/202611")]
    with pytest.raises(BrokenError, match="stayed with 202611"):
        client.set_active_period(202610)


@pytest.mark.parametrize("answer", [Reply(200, b""), json_reply(""), json_reply({}), json_reply(b"nonsense")])
def test_an_answer_that_does_not_say_is_read_back(client: VantagepointClient, tenant: Tenant, answer: Reply) -> None:
    tenant.then(lambda call: answer if call.method == "PUT" else json_reply([{"Company": "01"}]))
    client.set_active_company("01")
    assert [call.method for call in tenant.calls()] == ["PUT", "GET"]
    with pytest.raises(BrokenError, match="stayed with 01"):
        client.set_active_company("02")


# --- Refused, in doubt, or surely not sent ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 500])
def test_a_taken_batch_is_told_apart_from_other_refusals(
    client: VantagepointClient, tenant: Tenant, status: int
) -> None:
    words = f"Record {BATCH} already exists and cannot be added."
    tenant.then_replies(json_reply({"message": words}, status))
    with pytest.raises(AlreadyExistsError) as raised:
        enter(client)
    assert raised.value.words == words
    assert len(tenant.calls()) == 1


@pytest.mark.parametrize("status", [400, 500])
def test_a_rule_is_refused_in_vantagepoints_own_words(client: VantagepointClient, tenant: Tenant, status: int) -> None:
    tenant.then_replies(json_reply({"Message": "Project 2026-001 is inactive."}, status))
    with pytest.raises(RefusedError) as raised:
        enter(client)
    assert raised.value.words == "Project 2026-001 is inactive."
    assert not isinstance(raised.value, AlreadyExistsError)
    assert len(tenant.calls()) == 1


@WRITES
@pytest.mark.parametrize(
    "reply",
    [
        Reply(drop=True),
        Reply(200, b'[{"Batch"', {"Content-Type": "application/json"}, promise=30),
        HTML,
        Reply(200, b"<html>Welcome</html>", {"Content-Type": "text/html"}),
        json_reply({"message": "Object reference not set to an instance of an object."}, 500),
        json_reply({"message": "Service unavailable"}, 503),
        json_reply({}, 502),
        json_reply({}, 504),
        Reply(500, b""),
        Reply(400, b"<html>Bad request</html>", {"Content-Type": "text/html"}),
    ],
)
def test_a_write_without_a_clear_answer_is_in_doubt_and_never_sent_again(
    client: VantagepointClient, tenant: Tenant, clock: FakeTime, write: Write, reply: Reply
) -> None:
    tenant.then_replies(reply)
    with pytest.raises(InDoubtError):
        write(client)
    assert len(tenant.calls()) == 1
    assert clock.sleeps == []


@pytest.mark.parametrize(
    "reply",
    [
        Reply(201, b""),
        json_reply(b'[{"Batch": "x', 201),
        json_reply(b'[{"Total": NaN}]', 201),
        json_reply([], 201),
        json_reply("done", 201),
        json_reply([{"Batch": "another file"}], 201),
        json_reply({"message": "?"}, 200),
    ],
)
def test_an_entry_that_is_not_confirmed_by_its_control_row_is_in_doubt(
    client: VantagepointClient, tenant: Tenant, reply: Reply
) -> None:
    tenant.then_replies(reply)
    with pytest.raises(InDoubtError):
        enter(client)
    assert len(tenant.calls()) == 1


@pytest.mark.parametrize("answer", ["", "Posted.", '{"batchList":"another","retList":"1"}', [], None])
def test_a_posting_that_is_not_clear_is_in_doubt(client: VantagepointClient, tenant: Tenant, answer: object) -> None:
    tenant.then_replies(json_reply(answer))
    with pytest.raises(InDoubtError, match="not clear"):
        post(client)
    assert len(tenant.calls()) == 1


@WRITES
def test_a_write_that_times_out_is_in_doubt(make: MakeClient, tenant: Tenant, clock: FakeTime, write: Write) -> None:
    client = make(options=clock.options(read_seconds=0.3))
    tenant.then_replies(json_reply([{"Company": "01"}]))
    client.ping()
    release = threading.Event()

    def slow(_: Call) -> Reply:
        release.wait(10)
        return ENTERED

    tenant.then(slow)
    with pytest.raises(InDoubtError, match="ReadTimeout"):
        write(client)
    release.set()
    assert len(tenant.calls()) == 2


@WRITES
def test_a_write_that_could_not_leave_is_safe_to_repeat(make: MakeClient, tenant: Tenant, write: Write) -> None:
    client = make()
    tenant.then_replies(json_reply([{"Company": "01"}]))
    client.ping()
    client._base_url = f"http://127.0.0.1:{unused_port()}/acme/api"
    with pytest.raises(TransientError, match="was not sent"):
        write(client)


@WRITES
def test_a_429_turns_a_write_away_before_anything_happened(
    client: VantagepointClient, tenant: Tenant, clock: FakeTime, write: Write
) -> None:
    answers = {
        enter: ENTERED,
        enter_one: ENTERED,
        post: POSTED,
        delete: Reply(),
        set_period: json_reply([{"Period": 202611}]),
    }
    tenant.then_replies(json_reply({}, 429, Retry_After="2"), answers[write])  # type: ignore[index]
    write(client)
    assert clock.sleeps == [2.0]
    assert len(tenant.calls()) == 2


@WRITES
def test_a_401_turns_a_write_away_and_a_new_token_repeats_it_once(
    client: VantagepointClient, tenant: Tenant, write: Write
) -> None:
    answers = {
        enter: ENTERED,
        enter_one: ENTERED,
        post: POSTED,
        delete: Reply(),
        set_period: json_reply([{"Period": 202611}]),
    }
    tenant.then_replies(json_reply({}, 401), answers[write])  # type: ignore[index]
    write(client)
    assert [call.headers["authorization"] for call in tenant.calls()] == ["Bearer access-1", "Bearer access-2"]
    tenant.then_replies(json_reply({}, 401))
    with pytest.raises(CredentialsError):
        write(client)
    assert len(tenant.calls()) == 4


@WRITES
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (json_reply({"message": "You do not have access to perform this operation."}, 403), PermissionMissingError),
        (Reply(302, b"", {"Location": "https://login.example/"}), BrokenError),
    ],
)
def test_a_missing_right_or_a_redirect_stops_a_write(
    client: VantagepointClient, tenant: Tenant, write: Write, reply: Reply, error: type[PipelineError]
) -> None:
    tenant.then_replies(reply)
    with pytest.raises(error):
        write(client)
    assert len(tenant.calls()) == 1


def test_a_write_is_never_sent_twice_whatever_the_other_side_does(
    client: VantagepointClient, tenant: Tenant, clock: FakeTime
) -> None:
    """Counts what arrives, over every status: only 401 and 429 may bring a second request."""
    for status in [*range(200, 209), *range(300, 309), *range(400, 452), *range(500, 512)]:
        before = len(tenant.calls())

        def answer(_: Call, status: int = status) -> Reply:
            return Reply(status, b"" if status in {204, 304} else b'{"message": "?"}')

        tenant.then(answer)
        with pytest.raises(PipelineError):
            enter(client)
        sent = len(tenant.calls()) - before
        assert sent == {401: 2, 429: 10}.get(status, 1), status
    assert clock.sleeps


def test_unknown_members_of_the_control_row_do_not_matter(client: VantagepointClient, tenant: Tenant) -> None:
    row: dict[str, Any] = {"Batch": BATCH, "New2027Field": {"nested": [1]}}
    tenant.then_replies(json_reply(row, 201))
    assert enter(client) == row
