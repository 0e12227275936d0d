import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.errors import ConfigurationError, CredentialsError, PipelineError, TransientError
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.sign_in import raw_client_value
from st_deltek_pipeline_tests.scripted_server import HTML, FakeTime, Reply, ScriptedServer, json_reply
from st_deltek_pipeline_tests.vantagepoint.conftest import CREDENTIALS, MakeClient, Tenant

COMPANY = json_reply([{"Company": "01"}])


def test_the_password_form_is_as_documented_and_encoded_once(
    client: VantagepointClient, tenant: Tenant, server: ScriptedServer
) -> None:
    tenant.then_replies(COMPANY)
    client.ping()
    assert tenant.forms == [
        {
            "Username": "apiuser",
            "Password": "p@ss+w=rd&1",
            "grant_type": "password",
            "Integrated": "N",
            "database": "ACME DB",
            "Client_Id": "client/id+==",
            "client_secret": "client&secret",
        }
    ]
    assert b"client%2Fid%2B%3D%3D" in server.calls[0].body
    assert server.calls[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert tenant.calls()[0].headers["authorization"] == "Bearer access-1"


def test_integrated_sign_in_says_so(make: MakeClient, tenant: Tenant) -> None:
    tenant.then_replies(COMPANY)
    make(integrated_sign_in=True).ping()
    assert tenant.forms[0]["Integrated"] == "Y"


@pytest.mark.parametrize(
    ("stored", "raw"),
    [
        ("abc%2Fdef%2b%3D%3D", "abc/def+=="),
        ("abc/def+==", "abc/def+=="),
        ("100%", "100%"),
        ("abc%20def", "abc%20def"),
        ("plain", "plain"),
    ],
)
def test_a_client_id_that_was_stored_encoded_is_not_encoded_twice(stored: str, raw: str) -> None:
    assert raw_client_value(stored) == raw


@given(st.binary(min_size=1, max_size=40))
def test_any_base64_value_is_kept(value: bytes) -> None:
    text = base64.b64encode(value).decode()
    assert raw_client_value(text) == text
    assert raw_client_value(quote(text, safe="")) == text


def test_the_token_is_renewed_by_refresh_token_before_it_lapses(
    client: VantagepointClient, tenant: Tenant, clock: FakeTime
) -> None:
    tenant.then_replies(COMPANY)
    client.ping()
    clock.seconds += 1740
    client.ping()
    assert tenant.forms[1] == {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-1",
        "database": "ACME DB",
        "Client_Id": "client/id+==",
        "client_secret": "client&secret",
    }
    assert [call.headers["authorization"] for call in tenant.calls()] == ["Bearer access-1", "Bearer access-2"]


def test_a_refresh_token_that_has_ended_falls_back_to_the_password(
    client: VantagepointClient, tenant: Tenant, clock: FakeTime
) -> None:
    tenant.then_replies(COMPANY)
    client.ping()
    clock.seconds += 1740
    issue = tenant.sign_in
    tenant.sign_in = lambda form: (
        json_reply({"error": "invalid_grant"}, 400) if form["grant_type"] == "refresh_token" else issue(form)
    )
    client.ping()
    assert [form["grant_type"] for form in tenant.forms] == ["password", "refresh_token", "password"]


def test_a_401_starts_over_with_the_password(client: VantagepointClient, tenant: Tenant) -> None:
    """T16: the same for Vantagepoint."""
    tenant.then(lambda call: COMPANY if call.headers["authorization"] == "Bearer access-2" else json_reply({}, 401))
    client.ping()
    assert [form["grant_type"] for form in tenant.forms] == ["password", "password"]


def test_a_second_401_is_a_matter_of_credentials(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(json_reply({"Message": "Authorization has been denied for this request."}, 401))
    with pytest.raises(CredentialsError, match=r"\(401\)\. Check base_url and database"):
        client.ping()
    assert len(tenant.calls()) == 2


@pytest.mark.parametrize(
    ("error", "sentence", "advice"),
    [
        (
            "invalid_grant",
            "Your login has been disabled.  Please contact your system administrator.",
            "enable the user again",
        ),
        ("unauthorized_client", "The password grant type is not allowed for this client.", "Allow Password Grant Type"),
        ("invalid_client", "The client ID or client secret is incorrect.", "client id and secret"),
        ("invalid_grant", "The database is not valid.", "database in the connection"),
        ("invalid_grant", "The user name or password is incorrect.", "user and password"),
    ],
)
def test_a_refused_sign_in_gives_vantagepoints_own_sentence_and_what_to_do(
    client: VantagepointClient, tenant: Tenant, error: str, sentence: str, advice: str
) -> None:
    tenant.sign_in = lambda _: json_reply({"error": error, "error_description": sentence}, 400)
    tenant.then_replies(COMPANY)
    with pytest.raises(CredentialsError) as raised:
        client.ping()
    assert sentence in raised.value.message
    assert advice in raised.value.advice
    with pytest.raises(CredentialsError):
        client.ping()
    assert len(tenant.forms) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (HTML, TransientError),
        (json_reply({}, 500), TransientError),
        (Reply(404, b"<html>404</html>", {"Content-Type": "text/html"}), ConfigurationError),
        (Reply(404, b""), ConfigurationError),
        (Reply(200, b"<html>Welcome</html>"), TransientError),
    ],
)
def test_a_sign_in_that_is_none_is_named(
    client: VantagepointClient, tenant: Tenant, reply: Reply, error: type[PipelineError]
) -> None:
    tenant.sign_in = lambda _: reply
    tenant.then_replies(COMPANY)
    with pytest.raises(error, match="sign-in"):
        client.ping()


def test_nothing_secret_is_in_a_repr(client: VantagepointClient) -> None:
    for secret in ("apiuser", "p@ss", "client/id", "client&secret"):
        assert secret not in repr(client) + repr(CREDENTIALS)
