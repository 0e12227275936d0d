"""``st-deltek firms`` as a person and a script use it."""

import csv
import io
import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline_tests.orchestration.installations import installed
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.firm_bench import ADDRESS, ELSEWHERE, add_customer, align
from st_deltek_pipeline_tests.services.posting.harness import Bench, bench

FORMULA = '=HYPERLINK("http://example.invalid","Sum Rentals 4711")'


@pytest.fixture
def acme(sandbox: Callable[..., SandboxUnderTest], engine: Engine, tmp_path: Path) -> Generator[Bench]:
    """A small month with two customers to ask about, matched once."""
    twin = sandbox(invoices=20)
    with installed(engine, tmp_path, twin), bench(twin, engine) as connected:
        for name in (FORMULA, "Ambiguous Bakery"):
            add_customer(connected, name)
            for number in (1, 2):
                connected.vantagepoint.create_firm({
                    "Name": name, "ClientInd": "Y", "PrimaryAddress1": ADDRESS["street"], "PrimaryZip": ADDRESS["zip"],
                    "PrimaryAddress2": f"Suite {number}",
                })  # fmt: skip
        add_customer(connected, "Missing Bakery", ELSEWHERE)
        add_customer(connected, "Nobody Needs Me", {**ELSEWHERE, "street": "1 Nowhere Rd"}, needed=False)
        connected.take_in(firms=False)
        align(connected)
        yield connected


@pytest.fixture
def answer(capfd: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a command with ``--json``; return its exit code and what it answered."""

    def ask(*words: str) -> tuple[int, Any]:
        capfd.readouterr()
        code = run([*words, "--json"])
        return code, json.loads(capfd.readouterr().out, parse_float=pytest.fail)

    return ask


def waiting(answer: Callable[..., Any], *more: str) -> dict[str, dict[str, Any]]:
    code, found = answer("firms", "review", "acme", *more)
    assert code == 0
    return {each["name"]: each for each in found["waiting"]}


def test_the_queue_shows_candidates_with_scores_and_why(
    acme: Bench, answer: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    queue = waiting(answer)
    assert set(queue) == {FORMULA, "Ambiguous Bakery", "Missing Bakery"}
    asked = queue["Ambiguous Bakery"]
    assert (asked["state"], len(asked["candidates"])) == ("ambiguous", 2)
    assert {candidate["score"] for candidate in asked["candidates"]} == {100}
    assert asked["candidates"][0]["why"] == "same name; same address"
    assert asked["address"] == "4711 Larkspur Way, Denver, CO 80299"
    assert "Nobody Needs Me" in waiting(answer, "--all")
    capfd.readouterr()
    assert run(["firms", "review", "acme"]) == 0
    output = capfd.readouterr().out
    assert "same name; same address" in output
    assert "3 wait: 2 ambiguous, 1 missing." in output
    assert acme.settings.name == "acme"


def test_a_person_links_unlinks_and_asks_for_a_new_firm(
    acme: Bench, answer: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    asked = waiting(answer)["Ambiguous Bakery"]
    first = asked["candidates"][0]
    code, linked = answer("firms", "link", "acme", asked["party"], first["number"], "--by", "jane")
    assert (code, linked["state"], linked["firm_id"]) == (0, "linked", first["firm_id"])
    _, listed = answer("firms", "list", "acme", "--state", "linked", "--kind", "customer")
    (row,) = [each for each in listed["parties"] if each["party"] == asked["party"]]
    assert (row["decided_by"], row["person"], row["firm"]["number"]) == ("person", "jane", first["number"])
    code, unlinked = answer("firms", "unlink", "acme", asked["party"])
    assert (code, unlinked["state"], unlinked["firm_id"]) == (0, "ambiguous", "")
    assert run(["firms", "unlink", "acme", asked["party"]]) == 2
    assert "is linked to no firm" in capfd.readouterr().err
    assert run(["firms", "link", "acme", asked["party"], "new"]) == 0
    output = capfd.readouterr().out
    assert "firms.create is no" in output
    assert answer("firms", "review", "acme")[1]["waiting"][-1]["state"] == "missing"
    decisions = acme.rows("SELECT decision, decided_by FROM mapping.firm_decisions ORDER BY decision_no")
    assert [row.decision for row in decisions] == ["link", "unlink", "new"]


@pytest.mark.usefixtures("acme")
def test_decisions_go_out_and_come_back_as_a_file_that_runs_nothing(
    answer: Callable[..., Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "firms.csv"
    assert run(["firms", "review", "acme", "--csv", str(path)]) == 0
    assert "Wrote 3 customers and vendors" in capfd.readouterr().out
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    by_name = {row["name"]: row for row in rows}
    queue = waiting(answer)
    # A spreadsheet eats leading zeros, and saves with semicolons in some countries.
    by_name[f"'{FORMULA}"]["decision"] = queue[FORMULA]["candidates"][1]["number"].lstrip("0")
    by_name["Ambiguous Bakery"]["decision"] = queue["Ambiguous Bakery"]["candidates"][0]["firm_id"]
    rows += [
        {**rows[0], "party": "customer:1", "decision": "new"},
        {**rows[0], "party": "nobody", "decision": "new"},
        {**by_name["Missing Bakery"], "decision": "no such firm"},
        {**by_name["Missing Bakery"], "name": "Somebody Else", "decision": "new"},
        {**by_name["Ambiguous Bakery"], "decision": "new"},
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    code, done = answer("firms", "import", "acme", str(path), "--by", "jane")
    assert (code, done["applied"], done["unchanged"], done["undecided"]) == (4, 2, 0, 1)
    problems = {each["line"]: each["problem"] for each in done["bad"]}
    assert list(problems) == [5, 6, 7, 8, 9]
    for line, words in ((5, "There is no customer:1"), (6, "'nobody'"), (7, "There is no firm"), (8, "not 'Somebody"),
                        (9, "decided differently")):  # fmt: skip
        assert words in problems[line]
    _, listed = answer("firms", "list", "acme", "--state", "linked")
    linked = {each["name"]: each["firm"]["id"] for each in listed["parties"] if each["decided_by"] == "person"}
    assert linked == {
        FORMULA: queue[FORMULA]["candidates"][1]["firm_id"],
        "Ambiguous Bakery": queue["Ambiguous Bakery"]["candidates"][0]["firm_id"],
    }
    code, again = answer("firms", "import", "acme", str(path))
    assert (code, again["applied"], again["unchanged"]) == (4, 0, 2)
    assert run(["firms", "import", "acme", str(path)]) == 4
    assert "not applied because" in capfd.readouterr().out


def test_nobody_waits_any_more(acme: Bench, answer: Callable[..., Any], capfd: pytest.CaptureFixture[str]) -> None:
    for each in waiting(answer).values():
        number = (
            each["candidates"][0]["number"]
            if each["candidates"]
            else acme.vantagepoint.firms("Status", ["A"])[0]["Client"]
        )
        assert run(["firms", "link", "acme", each["party"], number]) == 0
    capfd.readouterr()
    assert run(["firms", "review", "acme"]) == 0
    assert capfd.readouterr().out == "Everybody that a document names has a firm.\n"


@pytest.mark.parametrize(
    "words",
    [
        ["link", "acme", "customer:1", "00001"],
        ["link", "acme", "bill:1", "00001"],
        ["unlink", "acme", "customer:1"],
        ["import", "acme", "no-such-file.csv"],
        ["review", "acme", "--csv", "x.csv", "--json"],
        ["list", "acme", "--state", "married"],
        ["review", "nowhere"],
    ],
    ids=["unknown party", "no party", "unknown to unlink", "no file", "two shapes", "no state", "no connection"],
)
def test_a_wrong_call_ends_with_code_2(acme: Bench, words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert acme.settings.name == "acme"
    assert run(["firms", *words]) == 2
    assert capfd.readouterr().err


def test_a_merged_customer_is_decided_about_where_it_went(acme: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    gone = add_customer(acme, "Gone Bakery", {**ELSEWHERE, "street": "2 Nowhere Rd"})
    left = add_customer(acme, "Left Bakery", {**ELSEWHERE, "street": "3 Nowhere Rd"})
    acme.sandbox.admin("PATCH", f"servicetitan/rows/crm/customers/{gone.party_id}", {"mergedToId": left.party_id})
    acme.take_in(firms=False)
    align(acme)
    assert run(["firms", "link", "acme", str(gone), "new"]) == 2
    assert f"was merged into {left}" in capfd.readouterr().err
