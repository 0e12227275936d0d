"""Tokens, keys, scopes, tenants, the rate limit and the error body (servicetitan.md sections 1 and 5)."""

import pytest
import requests

from st_deltek_pipeline.sandbox.servicetitan.switches import DEFAULT_SCOPES
from st_deltek_pipeline_tests.sandbox.servicetitan.small_world import TENANT, TIMEOUT, Tenant, served

INVOICES = "accounting/invoices"
GOOD = {"grant_type": "client_credentials", "client_id": "cid.test", "client_secret": "cs1.test"}


def test_a_token_lives_fifteen_minutes_and_names_its_scopes(tenant: Tenant) -> None:
    answer = requests.post(f"{tenant.url}/connect/token", data=GOOD, timeout=TIMEOUT).json()
    assert (answer["expires_in"], answer["token_type"]) == (900, "Bearer")
    assert "tn.acc.invoices:r" in answer["scope"].split()


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({**GOOD, "client_secret": "wrong"}, "invalid_client"),
        ({**GOOD, "client_id": "wrong"}, "invalid_client"),
        ({**GOOD, "grant_type": "password"}, "unsupported_grant_type"),
        ({"client_id": "cid.test"}, "invalid_request"),
    ],
)
def test_a_bad_token_request_is_refused_with_its_reason(tenant: Tenant, form: dict[str, str], error: str) -> None:
    answer = requests.post(f"{tenant.url}/connect/token", data=form, timeout=TIMEOUT)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_a_token_request_in_json_is_refused(tenant: Tenant) -> None:
    answer = requests.post(f"{tenant.url}/connect/token", json=GOOD, timeout=TIMEOUT)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "])
def test_the_token_is_accepted_bare_and_as_bearer(tenant: Tenant, prefix: str) -> None:
    token = str(tenant.session.headers["Authorization"]).removeprefix("Bearer ")
    assert tenant.get(INVOICES, headers={"Authorization": prefix + token}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Authorization": None}, {"Authorization": "Bearer x"}, {"ST-App-Key": None}, {"ST-App-Key": "ak1.x"}]
)
def test_a_missing_or_wrong_token_or_app_key_is_unauthorized(tenant: Tenant, headers: dict[str, str | None]) -> None:
    answer = tenant.get(INVOICES, headers=headers)
    assert answer.status_code == 401
    assert set(answer.json()) == {"type", "title", "status", "traceId", "errors", "data"}
    assert answer.headers["Content-Type"] == "application/json"


def test_another_tenant_is_forbidden(tenant: Tenant) -> None:
    url = tenant.address(INVOICES).replace("/4711/", "/4712/")
    answer = tenant.session.get(url, timeout=TIMEOUT)
    assert (answer.status_code, answer.json()["status"]) == (403, 403)


def test_a_missing_scope_is_forbidden_and_named() -> None:
    with served(scopes=[scope for scope in DEFAULT_SCOPES if scope != "tn.crm.customers:r"]) as tenant:
        answer = tenant.get("crm/customers")
        assert answer.status_code == 403
        assert "tn.crm.customers:r" in answer.json()["title"]
        assert tenant.get(INVOICES).status_code == 200


def test_every_call_of_the_twin_needs_a_scope_of_its_own() -> None:
    with served(scopes=[]) as tenant:
        for route in tenant.twin.routes:
            if route.path == "/connect/token":
                continue
            path = route.path.replace("{tenant:int}", str(TENANT)).replace("{id:int}", "1").replace("{item:int}", "1")
            for method in (route.methods or set()) - {"HEAD"}:
                answer = tenant.session.request(method, f"{tenant.url}{path}", json={}, timeout=TIMEOUT)
                assert answer.status_code == 403, (method, path)
                needed = answer.json()["title"].split()[-1].rstrip(".")
                assert needed in DEFAULT_SCOPES, needed
                assert needed.endswith(":r" if method == "GET" else ":w")


def test_an_expired_token_is_unauthorized_until_a_new_one_is_fetched(own_tenant: Tenant) -> None:
    own_tenant.twin.access.expire_tokens()
    assert own_tenant.get(INVOICES).status_code == 401
    own_tenant.sign_in()
    assert own_tenant.get(INVOICES).status_code == 200


@pytest.mark.parametrize("path", ["accounting/nothing", "nowhere/at-all", "accounting/gl-accounts/types"])
def test_an_unknown_path_is_not_found_with_the_whole_error_body(tenant: Tenant, path: str) -> None:
    answer = tenant.get(path)
    assert answer.status_code == 404
    assert set(answer.json()) == {"type", "title", "status", "traceId", "errors", "data"}


def test_a_method_the_path_does_not_have_is_not_found(tenant: Tenant) -> None:
    assert tenant.session.delete(tenant.address("accounting/tax-zones"), timeout=TIMEOUT).status_code == 404


def test_a_get_with_an_empty_json_object_as_body_is_answered(tenant: Tenant) -> None:
    headers = {"Content-Type": "application/json"}
    assert tenant.get(INVOICES, data="{}", headers=headers).status_code == 200
    assert tenant.get(INVOICES).status_code == 200


def test_the_call_over_the_rate_limit_says_how_long_to_wait() -> None:
    with served(rate_limit=3) as tenant:
        answers = [tenant.get(INVOICES) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[3].json()["title"] == "Rate limit is exceeded. Try again in 1 seconds."
        assert answers[3].headers["Retry-After"] == "1"
        assert tenant.hooks.log.most_calls_in_any_second("servicetitan") == 4


def test_retry_after_can_be_left_out() -> None:
    with served(rate_limit=1, send_retry_after=False) as tenant:
        tenant.get(INVOICES)
        answer = tenant.get(INVOICES)
    assert answer.status_code == 429
    assert "Retry-After" not in answer.headers
