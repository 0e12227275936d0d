"""Faults by name: what people may write, and that the same words and seed mean the same trouble."""

import json
from decimal import Decimal
from typing import Any

import pytest
import requests

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.sandbox.altered_bodies import changed_answer, half_of_file
from st_deltek_pipeline.sandbox.fault_plans import NAMED_FAULTS, fault_plan
from st_deltek_pipeline.sandbox.fault_rules import AnswerChange
from st_deltek_pipeline.transport.exact_json import dumps, loads
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox

_PAGE: dict[str, Any] = {
    "hasMore": False,
    "continueFrom": "t2",
    "data": [{"id": 1, "total": Decimal("1.10")}, {"id": 2, "total": Decimal("2.20")}],
}


def changed(query: str = "from=t1", **change: Any) -> dict[str, Any]:
    return loads(changed_answer(dumps(_PAGE), AnswerChange(**change), query=query, seed=3))


def test_every_name_is_one_of_a_kind_and_says_what_goes_wrong() -> None:
    assert len({each.name for each in NAMED_FAULTS}) == len(NAMED_FAULTS)
    assert all(each.summary and each.rules for each in NAMED_FAULTS)
    assert len(fault_plan(",".join(each.name for each in NAMED_FAULTS), 1)) > len(NAMED_FAULTS)
    assert fault_plan("", 1) == fault_plan(" , ", 1) == ()


def test_the_seed_decides_and_every_rule_has_a_draw_of_its_own() -> None:
    assert fault_plan("lost_answer,reset", 7) == fault_plan("lost_answer,reset", 7)
    assert fault_plan("reset", 7) != fault_plan("reset", 8)
    seeds = [rule.seed for rule in fault_plan("lost_answer,reset", 7)]
    assert len(set(seeds)) == len(seeds)


def test_trouble_can_be_had_at_any_endpoint() -> None:
    (rule,) = fault_plan("bad_gateway@/export/invoices", 0)
    assert (rule.path, rule.name, rule.status) == ("/export/invoices", "bad_gateway@/export/invoices", 502)


@pytest.mark.parametrize("wanted", ["nonsense", "reset,nonsense", "reset@", "reset@(", "Reset"])
def test_what_is_no_fault_is_named_with_those_there_are(wanted: str) -> None:
    with pytest.raises(ConfigurationError, match="fault"):
        fault_plan(wanted, 0)


def test_pages_are_changed_as_they_are_asked_for_and_amounts_stay_exact() -> None:
    twice = changed(page="rows_twice")
    assert [row["id"] for row in twice["data"]] == [1, 2, 1, 2]
    assert twice["data"][1]["total"] == Decimal("2.20")
    assert {row["id"] for row in changed(page="rows_reordered")["data"]} == {1, 2}
    assert changed(page="rows_dropped") == {**_PAGE, "data": []}
    assert changed(page="token_repeated") == {**_PAGE, "hasMore": True, "continueFrom": "t1"}
    assert changed(page="empty_with_more") == {"hasMore": True, "continueFrom": "t1", "data": []}
    assert changed("", page="nothing_new") == {"hasMore": False, "continueFrom": "1970-01-01T00:00:00Z", "data": []}


def test_rows_are_changed_and_what_has_no_rows_is_left_alone() -> None:
    (row, _) = changed(set_fields={"new": [1]}, remove_fields=["id"], retype_fields=["total"])["data"]
    assert row == {"total": "1.10", "new": [1]}
    assert changed(replace_fields={"total": None, "absent": 1})["data"][0] == {"id": 1, "total": None}
    bare = changed_answer(b'[{"a": {"id": 5, "name": "x"}}]', AnswerChange(retype_fields=("a",)), query="", seed=0)
    assert json.loads(bare) == [{"a": 5}]
    for body in (b"<html>", b'{"access_token": "x"}', b"[1]"):
        assert changed_answer(body, AnswerChange(remove_fields=("id",)), query="", seed=0) == body


def test_half_of_a_file_is_its_first_documents_or_the_first_lines_of_its_only_one() -> None:
    masters = [{"Batch": "b", "RefNo": number} for number in ("P1", "P2")]
    lines = [{"Batch": "b", "RefNo": number, "Seq": seq} for number in ("P1", "P2") for seq in (1, 2)]
    whole: dict[str, Any] = {"Batch": "b", "Total": 4, "crMaster": masters, "crDetail": lines}
    assert loads(half_of_file(dumps(whole))) == {**whole, "crMaster": masters[:1], "crDetail": lines[:2]}
    single = {**whole, "crMaster": masters[:1], "crDetail": lines[:2]}
    assert loads(half_of_file(dumps(single))) == {**single, "crDetail": lines[:1]}
    assert half_of_file(b'{"parms": []}') == b'{"parms": []}'


def test_named_faults_are_added_and_listed_by_the_admin_endpoints() -> None:
    with running_sandbox(invoices=1) as sandbox:
        names = [each["name"] for each in sandbox.admin("GET", "faults/named")]
        assert names == [each.name for each in NAMED_FAULTS]
        (added,) = sandbox.admin("POST", "faults/named", {"faults": "sign_in_down@/token", "seed": 2})[1:]
        assert added["rule"]["path"] == "/token"
        for body in ({"faults": "nonsense"}, {"faults": ["reset"]}, {"faults": "reset", "path": "x"}):
            answer = requests.post(f"{sandbox.admin_url}/faults/named", json=body, timeout=10)
            assert answer.status_code == 400
