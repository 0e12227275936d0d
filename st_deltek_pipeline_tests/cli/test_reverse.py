"""``st-deltek reverse`` as a person and a script use it."""

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
"""A business day on which the small month has no invoices."""

BECAUSE = ["--reason", "Wrong customer", "--by", "jane"]


@pytest.fixture
def acme(sandbox: Callable[..., SandboxUnderTest], engine: Engine, tmp_path: Path) -> Generator[Installation]:
    """A connection that moves invoices, with a small month; nothing taken in yet."""
    with installed(engine, tmp_path, sandbox(invoices=20)) as installation:
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


def test_a_document_is_previewed_reversed_once_and_taken_back(acme: Installation, answer: Callable[..., Any]) -> None:
    invoice = acme.sandbox.add_invoice(date=DAY, syncStatus="Posted", total="100.00")
    document = f"invoice:{invoice['id']}"
    code, report = answer("sync", "acme", "--from", DAY, "--to", DAY)
    assert (code, report["posted_now"]) == (0, 1)
    ledger = len(acme.sandbox.ledger())

    code, shown = answer("reverse", "acme", "--document", document, "--preview")
    assert (code, shown["preview"]) == (0, True)
    assert [each["state"] for each in shown["documents"]] == ["to_reverse"]
    lines = [line for file in shown["files"] for posting in file["postings"] for line in posting["lines"]]
    assert sum(Decimal(line["amount"]) for line in lines) == Decimal("-100.00")
    assert len(acme.sandbox.ledger()) == ledger

    words = ["reverse", "acme", "--document", document, *BECAUSE]
    assert run([*words, "--plan-hash", "0" * 64]) == 1
    code, done = answer(*words, "--plan-hash", shown["plan_hash"])
    assert code == 0
    assert [(each["state"], each["amount"]) for each in done["documents"]] == [("reversed", "100.00")]
    assert [file["body_hash"] for file in done["files"]] == [file["body_hash"] for file in shown["files"]]
    reversed_ledger = len(acme.sandbox.ledger())
    assert reversed_ledger > ledger

    code, again = answer(*words)
    assert (code, again["nothing_new"], again["files"]) == (0, True, [])
    assert len(acme.sandbox.ledger()) == reversed_ledger

    code, report = answer("sync", "acme", "--from", DAY, "--to", DAY)
    assert (code, report["posted_now"]) == (0, 0)
    assert [row["ignored"] for row in report["tie_out"]] == ["100.00"]
    history = answer("holds", "show", "acme", document)[1]
    assert (history["outcome"]["reason"], history["reversed"]["by"]) == ("reversed_by_person", "jane")

    code, released = answer("holds", "release", "acme", document)
    assert (code, released["released"]) == (0, "reversal")
    assert answer("sync", "acme", "--from", DAY, "--to", DAY)[1]["posted_now"] == 1


def test_a_runs_postings_are_reversed_by_the_id_that_sync_told(acme: Installation, answer: Callable[..., Any]) -> None:
    acme.sandbox.add_invoice(date=DAY, syncStatus="Posted", total="100.00")
    ((day,),) = (answer("sync", "acme", "--from", DAY, "--to", DAY)[1]["days"],)
    code, done = answer("reverse", "acme", "--run", day["run"][:8], *BECAUSE)
    assert (code, [each["state"] for each in done["documents"]]) == (0, ["reversed"])
    assert run(["reverse", "acme", "--file", done["files"][0]["batch"], *BECAUSE]) == 2


def test_people_read_what_is_taken_out_and_what_is_in_the_way(
    acme: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    invoice = acme.sandbox.add_invoice(date=DAY, syncStatus="Posted", total="1234.50")
    assert run(["sync", "acme", "--from", DAY, "--to", DAY, "--json"]) == 0
    words = ["reverse", "acme", "--document", f"invoice:{invoice['id']}", *BECAUSE]
    assert run([*words, "--preview"]) == 0
    output = capfd.readouterr().out
    assert "-1,234.50" in output
    assert "Nothing was sent." in output
    acme.sandbox.set_period(202610, closed=True)
    assert run(words) == 4
    assert "not reversed" in capfd.readouterr().out.replace("held", "not reversed")
    acme.sandbox.set_period(202610, closed=False)
    assert run(words) == 0
    assert "Taken out of the ledger now: 1,234.50." in capfd.readouterr().out
    assert run(words) == 0
    assert "Nothing to do" in capfd.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        [*BECAUSE],
        ["--document", "invoice:1", "--run", "5be0c1d2", *BECAUSE],
        ["--document", "104417", *BECAUSE],
        ["--document", "invoice:1"],
        ["--document", "invoice:1", "--reason", " "],
        ["--document", "invoice:1", *BECAUSE],
        ["--file", "0" * 32, *BECAUSE],
        ["--run", "no-such-run", *BECAUSE],
    ],
    ids=["nothing", "two", "no_kind", "no_reason", "blank_reason", "not_posted", "no_file", "no_run"],
)
def test_a_wrong_call_ends_with_code_2_and_what_to_do(
    acme: Installation, words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert acme.connection
    assert run(["reverse", "acme", *words]) == 2
    assert capfd.readouterr().err
