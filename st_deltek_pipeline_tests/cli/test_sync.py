"""``st-deltek sync`` and ``preview`` as a person or a scheduler runs them."""

import json
from collections.abc import Callable, Generator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.domain.reconciliation import Area
from st_deltek_pipeline_tests.orchestration.installations import Installation, installed
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest

DAY = ("--from", "2026-10-06", "--to", "2026-10-06")


@pytest.fixture
def acme(sandbox: Callable[..., SandboxUnderTest], engine: Engine, tmp_path: Path) -> Generator[Installation]:
    """A connection with an awkward month of 200 invoices, nothing taken in yet."""
    with installed(engine, tmp_path, sandbox(invoices=200, scenario="month")) as installation:
        yield installation


def test_a_person_sees_each_step_and_the_tie_out(acme: Installation, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["sync", "acme", *DAY]) == 0
    output, progress = capfd.readouterr()
    assert "took in" in progress
    assert "2026-10-06" in progress
    assert "Tie-out: ServiceTitan = posted + held + ignored" in output
    assert "Posted " in output
    for amount in acme.books.values():
        assert f"{amount:,.2f}" in output
    assert "RHS2026" not in output
    for secret in acme.secrets:
        assert secret not in output + progress


def test_a_machine_gets_json_with_exact_amounts_and_a_second_run_posts_nothing(
    acme: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["sync", "acme", *DAY, "--json"]) == 0
    output, progress = capfd.readouterr()
    first = json.loads(output, parse_float=pytest.fail)
    assert progress == ""
    assert first["accounted_for"] is True
    assert first["posted_now"] > 0
    assert first["new_versions"]["invoices"] == 200
    assert {each["kind"] for each in first["posted"]} >= {"invoice", "payment", "bill"}
    assert {each["area"]: Decimal(each["posted"]) for each in first["totals"]} == acme.books
    assert {row["project"] for row in first["tie_out"] if row["kind"] == "invoice"} >= {"RHS2026", "RPS2026"}
    assert {row["difference"] for row in first["tie_out"]} == {"0.00"}
    assert run(["sync", "acme", *DAY, "--json"]) == 0
    second = json.loads(capfd.readouterr().out)
    assert second["posted_now"] == 0
    assert second["tie_out"] == first["tie_out"]
    # Open bills are read again from the list, whose rows have another form than the feed's.
    assert not any(count for feed, count in second["new_versions"].items() if feed != "inventory_bills")


def test_a_person_may_see_every_project_and_single_kinds(acme: Installation, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["sync", "acme", *DAY, "--kind", "invoice", "--by-project"]) == 0
    output = capfd.readouterr().out
    assert "RHS2026" in output
    assert "payments" not in output
    # A close of the day would say of the other kinds that they are missing.
    assert "losed" not in output
    assert acme.books[Area.CASH] == 0


def test_an_accountant_sees_why_documents_are_held_and_what_to_do(
    acme: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["sync", "acme", *DAY, "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["connection"] == acme.connection.name
    assert report["held"]
    assert sum(Decimal(each["amount"]) for each in report["held"]) == sum(
        Decimal(row["held"]) for row in report["tie_out"]
    )
    for each in report["held"]:
        assert each["advice"]
        assert len(each["document_ids"]) == each["documents"]
    assert run(["sync", "acme", *DAY]) == 0
    output = capfd.readouterr().out
    for each in report["held"]:
        lines = [line for line in output.splitlines() if f" {each['reason']} " in line]
        line = next(line for line in lines if f"{Decimal(each['amount']):,.2f}" in line)
        assert each["advice"].split()[0] in line
    assert run(["preview", "acme", "--day", "2026-10-06"]) == 0
    preview = capfd.readouterr().out
    for each in report["held"]:
        line = next(line for line in preview.splitlines() if f" {each['reason']} " in line)
        assert each["advice"].split()[0] in line


def test_a_rule_for_a_project_that_does_not_exist_is_named_when_synchronising(
    acme: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    coding = [*acme.sandbox.connection["coding"], {"name": "typing mistake", "when": {}, "give": {"wbs1": "RHS9999"}}]
    acme.move_only(Kind.INVOICE, coding=coding)
    assert run(["sync", "acme", *DAY, "--json"]) == 0
    problems = json.loads(capfd.readouterr().out)["rule_problems"]
    assert [each["problem"] for each in problems if "typing mistake" in each["rule"]] == [
        "Project RHS9999 does not exist in Vantagepoint."
    ]
    assert run(["sync", "acme", *DAY]) == 0
    assert "Project RHS9999 does not exist in Vantagepoint." in capfd.readouterr().err


def test_a_cent_that_differs_is_shown_and_ends_with_code_1(
    acme: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    acme.move_only(Kind.INVOICE)
    assert run(["sync", "acme", *DAY]) == 0
    with acme.engine.begin() as db:
        changed = db.execute(
            text(
                "UPDATE journal.ledger_rows SET document_amount = document_amount + 0.01 WHERE ctid ="
                " (SELECT ctid FROM journal.ledger_rows LIMIT 1)"
            )
        )
    assert changed.rowcount == 1
    capfd.readouterr()
    assert run(["sync", "acme", *DAY]) == 1
    assert "-0.01" in capfd.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["sync", "acme", "--from", "2026-10-06"],
        ["sync", "acme", "--plan-hash", "abc"],
        ["sync", "acme", "--kind", "letter"],
        ["sync", "acme", "--from", "sixth of October", "--to", "2026-10-06"],
        ["sync"],
        ["preview", "acme"],
    ],
    ids=["from_without_to", "hash_without_day", "no_kind", "no_date", "no_name", "preview_without_day"],
)
def test_a_wrong_call_ends_with_code_2(words: list[str]) -> None:
    assert run(words) == 2


def test_wrong_credentials_end_with_code_3_and_what_to_do(
    acme: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    acme.store_credentials(vantagepoint={"password": "wrong"})
    assert run(["sync", "acme", *DAY]) == 3
    message = capfd.readouterr().err
    assert "acme_take_in" in message
    assert "wrong" not in message


def test_a_wrong_app_key_ends_with_code_3_and_what_to_do(acme: Installation, capfd: pytest.CaptureFixture[str]) -> None:
    acme.store_credentials(servicetitan={"app_key": "wrong"})
    assert run(["sync", "acme", *DAY]) == 3
    assert "Check the app key" in capfd.readouterr().err


def test_a_refusal_by_servicetitan_ends_with_code_4_and_its_words(
    acme: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    body = json.dumps({"title": "No such page"})
    acme.sandbox.fault(system="servicetitan", path="/gl-accounts", effect="answer", status=422, body=body)
    assert run(["sync", "acme", *DAY]) == 4
    assert "No such page" in capfd.readouterr().err


def test_what_is_previewed_is_what_is_sent(acme: Installation, capfd: pytest.CaptureFixture[str]) -> None:
    # Taking in happens with the first day; nothing of the next one is posted by it.
    assert run(["sync", "acme", *DAY, "--kind", "invoice", "--json"]) == 0
    capfd.readouterr()
    assert run(["preview", "acme", "--day", "2026-10-07", "--json"]) == 0
    plans = json.loads(capfd.readouterr().out)["plans"]
    assert [each["kind"] for each in plans] == [kind.value for kind in POSTING_ORDER]
    plan = plans[0]
    assert plan["files"]
    days = ["--from", "2026-10-07", "--to", "2026-10-07", "--kind", "invoice"]
    assert run(["sync", "acme", *days, "--plan-hash", plan["plan_hash"], "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["days"][0]["kinds"][0]["plan_hash"] == plan["plan_hash"]
    amount = sum(Decimal(file["amount"]) for file in plan["files"])
    assert [each["amount"] for each in report["posted"]] == [f"{amount:.2f}"]
    with acme.engine.connect() as db:
        sent = text(
            "SELECT body FROM journal.transaction_files JOIN journal.bodies USING (body_hash) WHERE batch = :batch"
        )
        for file in plan["files"]:
            assert db.execute(sent, {"batch": file["batch"]}).scalar_one() == file["body"]


def test_a_preview_sends_nothing(acme: Installation, capfd: pytest.CaptureFixture[str]) -> None:
    acme.move_only(Kind.INVOICE)
    assert run(["sync", "acme", *DAY, "--json"]) == 0
    calls = len(acme.sandbox.admin("GET", "requests")["requests"])
    assert run(["preview", "acme", "--day", "2026-10-07"]) == 0
    assert len(acme.sandbox.admin("GET", "requests")["requests"]) == calls
    assert "Plan hash of the invoices: " in capfd.readouterr().out


def test_only_the_plan_of_one_kind_can_be_pinned(acme: Installation, capfd: pytest.CaptureFixture[str]) -> None:
    acme.move_only(Kind.INVOICE, Kind.BILL)
    assert run(["sync", "acme", *DAY, "--json"]) == 0
    assert run(["preview", "acme", "--day", "2026-10-07", "--pin"]) == 2
    assert "--kind" in capfd.readouterr().err
    assert run(["preview", "acme", "--day", "2026-10-07", "--kind", "bill", "--pin"]) == 0
    assert "Pinned: only the plan" in capfd.readouterr().out


def test_a_preview_before_anything_was_taken_in_says_so(acme: Installation, capfd: pytest.CaptureFixture[str]) -> None:
    assert acme.connection
    assert run(["preview", "acme", "--day", "2026-10-07"]) == 1
    assert "has not been" in capfd.readouterr().err


def test_a_preview_of_a_day_off_names_the_day_it_belongs_to(
    acme: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    assert acme.connection
    assert run(["preview", "acme", "--day", "2026-10-04"]) == 2
    assert "2026-10-06" in capfd.readouterr().err
