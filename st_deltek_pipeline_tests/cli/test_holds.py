"""``st-deltek holds`` as a person and a script use it."""

import csv
import io
import json
from collections.abc import Callable, Generator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline_tests.orchestration.installations import Installation, installed
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest

DAY = "2026-10-09"
"""A business day on which the small month has no documents."""


@pytest.fixture
def acme(sandbox: Callable[..., SandboxUnderTest], engine: Engine, tmp_path: Path) -> Generator[Installation]:
    """A connection with a small month, nothing taken in yet."""
    with installed(engine, tmp_path, sandbox(invoices=20)) as installation:
        # What the other kinds of the month are held for has tests of its own.
        installation.move_only(Kind.INVOICE)
        yield installation


@pytest.fixture
def answer(capfd: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a command with ``--json``; return its exit code and what it answered."""

    def ask(*words: str) -> tuple[int, Any]:
        capfd.readouterr()
        code = run([*words, "--json"])
        return code, json.loads(capfd.readouterr().out, parse_float=pytest.fail)

    return ask


def held_invoice(acme: Installation, day: str = DAY) -> str:
    """Add an invoice without a business unit, and synchronise; returns it as people type it."""
    invoice = acme.sandbox.add_invoice(date=day, syncStatus="Posted", total="100.00")
    acme.sandbox.edit_invoice(invoice["id"], businessUnit=None)
    assert run(["sync", "acme", "--from", day, "--to", day, "--json"]) == 0
    return f"invoice:{invoice['id']}"


def complete(acme: Installation, document: str) -> None:
    """Give the invoice the business unit it lacks."""
    unit = acme.sandbox.add_invoice(date=DAY, syncStatus="Pending", total="0.00")["businessUnit"]
    acme.sandbox.edit_invoice(int(document.partition(":")[2]), businessUnit=unit)


def test_the_queue_has_reason_age_amount_and_advice_and_is_summed_up_by_reason(
    acme: Installation, answer: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    document = held_invoice(acme)
    code, queue = answer("holds", "list", "acme")
    assert code == 0
    (hold,) = queue["holds"]
    assert (hold["document"], hold["reason"], hold["amount"]) == (document, "no_business_unit", "100.00")
    assert hold["age_seconds"] >= 0
    assert "business unit" in hold["advice"]
    assert [(each["reason"], each["documents"], each["amount"]) for each in queue["reasons"]] == [
        ("no_business_unit", 1, "100.00")
    ]
    assert answer("holds", "list", "acme", "--day", "2026-10-08")[1]["holds"] == []
    assert answer("holds", "list", "acme", "--kind", "bill")[1]["holds"] == []
    assert answer("holds", "list", "acme", "--kind", "invoice")[1]["documents"] == 1
    assert answer("holds", "list", "acme", "--reason", "no_rule")[1]["documents"] == 0
    assert run(["holds", "list", "acme"]) == 0
    output = capfd.readouterr().out
    assert document in output
    assert "what would release it" in output
    assert run(["holds", "list", "acme", "--reason", "no_rule"]) == 0
    assert capfd.readouterr().out == "Nothing is held.\n"


def test_the_queue_is_csv_for_a_spreadsheet_that_takes_no_number_for_a_formula(
    acme: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    invoice = acme.sandbox.add_invoice(date=DAY, syncStatus="Posted", total="-5.00")
    acme.sandbox.edit_invoice(invoice["id"], businessUnit=None, referenceNumber="=1+1")
    assert run(["sync", "acme", "--from", DAY, "--to", DAY, "--json"]) == 0
    capfd.readouterr()
    assert run(["holds", "list", "acme", "--reason", "no_business_unit", "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capfd.readouterr().out))
    assert (row["document"], row["kind"], row["amount"]) == (f"invoice:{invoice['id']}", "invoice", "-5.00")
    assert row["number"] == "'=1+1"
    assert row["advice"]


def test_show_tells_everything_about_a_document(
    acme: Installation, answer: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    document = held_invoice(acme)
    code, history = answer("holds", "show", "acme", document)
    assert code == 0
    assert history["outcome"]["reason"] == "no_business_unit"
    assert history["outcome"]["advice"]
    assert history["staged"]["total"] == "100.00"
    assert [event["event"] for event in history["events"]] == ["document_held"]
    complete(acme, document)
    assert run(["holds", "retry", "acme", document]) == 0
    assert "Of 1 held before: 1 posted now." in capfd.readouterr().out
    code, history = answer("holds", "show", "acme", document)
    assert history["files"][0]["state"] == "posted"
    assert sum(Decimal(line["amount"]) for line in history["standing"]) == Decimal("100.00")
    assert all(line["decided_by"] for line in history["coded_lines"])
    assert run(["holds", "show", "acme", document]) == 0
    output = capfd.readouterr().out
    for title in ("As ServiceTitan has it", "which rules decided", "ledger", "transaction files", "What happened"):
        assert title in output


def test_retry_ends_with_code_4_while_something_is_held_and_leaves_other_days_alone(
    acme: Installation, answer: Callable[..., Any]
) -> None:
    document = held_invoice(acme)
    code, report = answer("holds", "retry", "acme", "--reason", "no_business_unit")
    assert code == 4
    assert report["retried"] == [{"document": document, "outcome": "held", "reason": "no_business_unit"}]
    assert [day["day"] for day in report["days"]] == [DAY]
    assert report["accounted_for"] is True


def test_retrying_days_apart_ties_out_these_days_only(acme: Installation, answer: Callable[..., Any]) -> None:
    first = held_invoice(acme, "2026-10-02")
    last = held_invoice(acme)
    complete(acme, first)
    complete(acme, last)
    code, report = answer("holds", "retry", "acme", "--all")
    assert {row["document"]: row["outcome"] for row in report["retried"]} == {first: "posted", last: "posted"}
    assert {row["day"] for row in report["tie_out"]} == {"2026-10-02", DAY}
    assert report["unaccounted"] == []
    assert code == 0


def test_a_person_ignores_a_document_and_takes_it_back(
    acme: Installation, answer: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    document = held_invoice(acme)
    why = "Booked  by hand\n[see note]"
    code, ignored = answer("holds", "ignore", "acme", document, "--reason", why, "--by", "jane")
    assert (code, ignored["outcome"], ignored["reason"]) == (0, "ignored", "ignored_by_person")
    assert ignored["message"] == f"{document}: ignored by jane: Booked by hand [see note]"
    assert answer("holds", "list", "acme")[1]["holds"] == []
    assert run(["sync", "acme", "--from", DAY, "--to", DAY, "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert [row["ignored"] for row in report["tie_out"]] == ["100.00"]
    code, released = answer("holds", "release", "acme", document)
    assert (code, released["held_again_for"]) == (0, "no_business_unit")
    assert len(answer("holds", "list", "acme")[1]["holds"]) == 1
    assert run(["holds", "release", "acme", document]) == 2
    assert "neither ignored" in capfd.readouterr().err
    assert run(["holds", "ignore", "acme", document, "--reason", "Test"]) == 0
    assert "stays in the tie-out" in capfd.readouterr().out


def test_a_duplicate_vendor_invoice_is_allowed_with_a_reason_and_posted_by_the_next_run(
    acme: Installation, answer: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    acme.write_file(posting={**acme.sandbox.connection.get("posting", {}), "documents": ["bill"]})
    first = acme.sandbox.add_bill(date=DAY, total="250.00", vendorNumber="INV-1")
    sync = ["sync", "acme", "--from", DAY, "--to", DAY]
    assert answer(*sync)[0] == 0
    again = acme.sandbox.add_bill(date=DAY, total="250.00", vendorNumber="INV-1", vendorId=first["vendor"]["id"])
    assert answer(*sync)[0] == 0
    document = f"bill:{again['id']}"
    assert [hold["document"] for hold in answer("holds", "list", "acme", "--kind", "bill")[1]["holds"]] == [document]
    assert run(["holds", "release", "acme", document]) == 2
    assert "--reason" in capfd.readouterr().err
    code, released = answer("holds", "release", "acme", document, "--reason", "Two deliveries", "--by", "jane")
    assert (code, released["released"]) == (0, "duplicate")
    code, report = answer(*sync)
    assert (code, report["posted_now"]) == (0, 1)
    assert answer("holds", "list", "acme")[1]["holds"] == []


@pytest.mark.parametrize(
    "words",
    [
        ["list", "acme", "--reason", "no_such_reason"],
        ["list", "acme", "--csv", "--json"],
        ["show", "acme", "104417"],
        ["retry", "acme"],
        ["retry", "acme", "--all", "--reason", "no_rule"],
        ["ignore", "acme", "invoice:1"],
        ["ignore", "acme", "invoice:1", "--reason", "  "],
        ["ignore", "acme", "invoice:1", "--reason", "x", "--by", " "],
    ],
    ids=["reason", "two_shapes", "no_kind", "nothing", "two_selections", "no_reason", "blank_reason", "blank_name"],
)
def test_a_wrong_call_ends_with_code_2(words: list[str]) -> None:
    assert run(["holds", *words]) == 2


@pytest.mark.parametrize(
    "words",
    [["show"], ["retry"], ["ignore", "--reason", "x"], ["release"]],
    ids=["show", "retry", "ignore", "release"],
)
def test_an_unknown_document_ends_with_code_2_and_what_to_do(
    acme: Installation, words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert acme.connection
    assert run(["holds", words[0], "acme", "invoice:1", *words[1:]]) == 2
    assert "invoice:1" in capfd.readouterr().err
