"""Signing in as the reference describes it (vantagepoint.md section 1)."""

import pytest
import requests

from st_deltek_pipeline_tests.sandbox.vantagepoint.conftest import OpenOffice
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import TIMEOUT, Office


def _error(answer: requests.Response) -> tuple[int, str, str]:
    body = answer.json()
    return answer.status_code, body["error"], body["error_description"]


def test_a_password_gives_an_opaque_bearer_token_for_1799_seconds(office: Office) -> None:
    body = office.ask_token().json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 1799)
    assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert "." not in body["access_token"]


def test_form_fields_may_be_spelt_in_any_case(office: Office) -> None:
    form = {"Username": "integration", "PASSWORD": "correct horse", "Grant_Type": "password", "Integrated": "N"}
    form |= {"Database": "SUMMIT", "Client_Id": "abc+/=client", "CLIENT_SECRET": "s3cret"}
    assert requests.post(f"{office.url}/token", data=form, timeout=TIMEOUT).status_code == 200


def test_a_wrong_password_is_invalid_grant(office: Office) -> None:
    status, error, _ = _error(office.ask_token(password="wrong"))
    assert (status, error) == (400, "invalid_grant")


def test_an_unknown_user_is_refused_with_the_sentence_of_a_wrong_password(office: Office) -> None:
    unknown = _error(office.ask_token(username="nobody", password=""))
    assert unknown == _error(office.ask_token(password="wrong"))


def test_a_disabled_user_gets_the_observed_sentence(open_office: OpenOffice) -> None:
    office = open_office()
    office.twin.set_switches({"disabled_users": ["integration"]})
    sentence = "Your login has been disabled.  Please contact your system administrator."
    assert _error(office.ask_token()) == (400, "invalid_grant", sentence)


def test_a_wrong_database_is_invalid_grant(office: Office) -> None:
    assert _error(office.ask_token(database="OTHER")) == (400, "invalid_grant", "The database is not valid.")


def test_a_wrong_client_secret_is_refused(office: Office) -> None:
    assert _error(office.ask_token(client_secret="old"))[:2] == (400, "invalid_client")


@pytest.mark.parametrize("error", ["invalid_grant", "unauthorized_client"])
def test_without_the_password_grant_tick_a_password_is_refused(open_office: OpenOffice, error: str) -> None:
    office = open_office(password_grant=error)
    assert _error(office.ask_token())[:2] == (400, error)


def test_an_unknown_grant_type_is_refused(office: Office) -> None:
    assert _error(office.ask_token(grant_type="client_credentials"))[:2] == (400, "unsupported_grant_type")


def test_a_refresh_token_can_be_used_many_times(office: Office) -> None:
    refresh = office.ask_token().json()["refresh_token"]
    answers = [office.ask_token(grant_type="refresh_token", refresh_token=refresh, password="") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.json()["access_token"] for answer in answers}) == 3


def test_a_refresh_token_can_be_made_to_work_once(open_office: OpenOffice) -> None:
    office = open_office(refresh_token_reusable=False)
    refresh = office.ask_token().json()["refresh_token"]
    statuses = [office.ask_token(grant_type="refresh_token", refresh_token=refresh).status_code for _ in range(2)]
    assert statuses == [200, 400]


def test_refreshing_goes_on_when_the_password_grant_is_switched_off(office: Office) -> None:
    refresh = office.ask_token().json()["refresh_token"]
    office.twin.set_switches({"password_grant": "unauthorized_client"})
    assert office.ask_token(grant_type="refresh_token", refresh_token=refresh).status_code == 200


def test_an_unknown_refresh_token_is_invalid_grant(office: Office) -> None:
    assert _error(office.ask_token(grant_type="refresh_token", refresh_token="x"))[:2] == (400, "invalid_grant")


def test_a_token_is_refused_once_it_has_expired(office: Office) -> None:
    office.clock.advance(1798)
    assert office.send("GET", "firm").status_code == 200
    office.clock.advance(1)
    assert office.send("GET", "firm").status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic abc"])
def test_without_a_known_bearer_token_the_answer_is_401(office: Office, header: str) -> None:
    answer = requests.get(f"{office.url}/firm", headers={"Authorization": header} if header else {}, timeout=TIMEOUT)
    assert answer.status_code == 401
    assert answer.json() == {"message": "Authorization has been denied for this request.", "detail": ""}


def test_a_new_client_secret_ends_the_old_one(office: Office) -> None:
    secret = office.twin.issue_client_secret()
    assert office.ask_token().status_code == 400
    assert office.ask_token(client_secret=secret).status_code == 200
    assert office.send("GET", "firm").status_code == 200


def test_a_second_user_can_sign_in(office: Office) -> None:
    office.twin.add_user("second", "pass")
    assert office.sign_in("second", "pass").get("Settings/ActivePeriod")[0]["Period"] == 202610
