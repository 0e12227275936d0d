"""What is active for a user (vantagepoint.md section 4.8)."""

import pytest

from st_deltek_pipeline_tests.sandbox.vantagepoint.conftest import OpenOffice
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import Office


def _active_period(office: Office) -> int:
    return office.get("Settings/ActivePeriod")[0]["Period"]


def test_a_session_starts_in_the_first_open_period(office: Office) -> None:
    assert _active_period(office) == 202610


def test_closing_the_active_period_does_not_move_a_session(office: Office) -> None:
    office.twin.set_period_closed(202610, closed=True)
    assert _active_period(office) == 202610


def test_a_user_can_change_the_active_period(office: Office) -> None:
    answer = office.send("PUT", "Settings/ActivePeriod/202611")
    assert (answer.status_code, answer.json()[0]["Period"]) == (200, 202611)
    assert _active_period(office) == 202611


def test_two_logons_of_one_user_share_one_period(office: Office) -> None:
    other = office.sign_in()
    other.send("PUT", "Settings/ActivePeriod/202611")
    assert _active_period(office) == 202611


def test_two_users_have_periods_of_their_own(office: Office) -> None:
    office.twin.add_user("second", "pass")
    office.sign_in("second", "pass").send("PUT", "Settings/ActivePeriod/202611")
    assert _active_period(office) == 202610


@pytest.mark.parametrize("period", ["209901", "October"])
def test_an_unknown_period_cannot_be_active(office: Office, period: str) -> None:
    answer = office.send("PUT", f"Settings/ActivePeriod/{period}")
    assert (answer.status_code, answer.json()["message"]) == (400, f"Period {period} does not exist.")


def test_a_closed_period_can_be_active_unless_switched(open_office: OpenOffice) -> None:
    assert open_office().send("PUT", "Settings/ActivePeriod/202609").status_code == 200
    refused = open_office(closed_period_can_be_active=False).send("PUT", "Settings/ActivePeriod/202609")
    assert refused.json()["message"].startswith("Period 202609 is closed.")


def test_closing_a_period_shows_in_the_list(office: Office) -> None:
    office.twin.set_period_closed(202610, closed=True)
    office.twin.set_period_closed(202609, closed=False)
    closed = {row["Period"]: row["AllCompaniesClosed"] for row in office.get("Settings/Period")}
    assert closed == {202609: "N", 202610: "Y", 202611: "N"}


def test_the_active_company_can_be_read_and_set(office: Office) -> None:
    assert office.get("Settings/ActiveCompany")[0]["Company"] == "A0"
    assert office.send("PUT", "Settings/ActiveCompany/A0").json()[0]["Company"] == "A0"


def test_an_unknown_company_cannot_be_active(office: Office) -> None:
    answer = office.send("PUT", "Settings/ActiveCompany/ZZ")
    assert (answer.status_code, answer.json()["message"]) == (400, "Company ZZ does not exist.")
