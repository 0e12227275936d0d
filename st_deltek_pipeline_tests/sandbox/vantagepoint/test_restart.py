"""What a restarted sandbox remembers, and its switches."""

from pathlib import Path

import pytest

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.sandbox.state import SqliteState
from st_deltek_pipeline.sandbox.vantagepoint.switches import VantagepointSwitches
from st_deltek_pipeline_tests.sandbox.vantagepoint.conftest import OpenOffice
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import one_invoice


def test_everything_that_happened_survives_a_restart(open_office: OpenOffice, tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.sqlite")
    office = open_office(state)
    office.enter_and_post(one_invoice("B1", amount="100.10"))
    office.enter(one_invoice("B2"))
    office.enter(one_invoice("B3"))
    office.send("DELETE", "DataEntry/inControl/B3")
    office.send("PUT", "Settings/ActivePeriod/202611")
    office.twin.set_period_closed(202610, closed=True)
    office.twin.update_project("P100", {"Status": "I"})
    office.twin.update_firm("F1", {"Name": "New name"})
    office.twin.set_switches({"deleted_batch_reusable": False})
    office.twin.add_user("second", "pass")
    secret = office.twin.issue_client_secret()
    ledger, totals, landing = office.twin.ledger_dump(), office.twin.totals(), office.get("DataEntry/inLanding")
    state.close()

    reopened = SqliteState(tmp_path / "state.sqlite")
    office = open_office(reopened, password_grant="invalid_grant")
    office.twin.set_switches({"password_grant": "on"})
    assert office.ask_token().status_code == 400
    office.token = office.ask_token(client_secret=secret).json()["access_token"]
    assert office.twin.ledger_dump() == ledger
    assert office.twin.totals() == totals
    assert office.get("DataEntry/inLanding") == landing
    assert office.get("Settings/ActivePeriod")[0]["Period"] == 202611
    assert office.get("Settings/Period")[1]["AllCompaniesClosed"] == "Y"
    assert office.get("project/P100")[0]["Status"] == "I"
    assert office.get("firm/F1")[0]["Name"] == "New name"
    assert "already exists" in office.refusal(one_invoice("B3"))
    assert "File B1 is already posted." in office.post("B1").message
    assert office.ask_token(username="second", password="pass", client_secret=secret).status_code == 200
    office.send("PUT", "Settings/ActivePeriod/202609")
    office.twin.set_period_closed(202609, closed=False)
    office.post("B2")
    assert office.twin.ledger_dump()[-1]["PostSeq"] == 1
    reopened.close()


def test_a_posting_sequence_goes_on_after_a_restart(open_office: OpenOffice, tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.sqlite")
    open_office(state).enter_and_post(one_invoice("B1"))
    state.close()
    reopened = SqliteState(tmp_path / "state.sqlite")
    office = open_office(reopened)
    office.enter(one_invoice("B2"))
    assert office.post("B2").values("postseqList") == ["2"]
    reopened.close()


def test_switches_are_changed_by_name_with_values_as_json_has_them() -> None:
    switches = VantagepointSwitches().changed({"hidden_fields": ["Org"], "refusal_status": 500})
    assert (switches.hidden_fields, switches.refusal_status) == (("Org",), 500)
    assert switches.password_grant == "on"


@pytest.mark.parametrize("values", [{"bogus": 1}, {"refusal_status": 418}, {"token_seconds": "long"}])
def test_an_unknown_switch_or_value_is_a_clear_error(values: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="Vantagepoint switch"):
        VantagepointSwitches().changed(values)
