"""``st-deltek preview`` shows every kind's plan of a day, and exactly what a run then sends."""

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline_tests.orchestration.installations import installed
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench, bench
from st_deltek_pipeline_tests.services.posting.kinds import prepare_kinds, run_kinds, take_in_documents

DAY = str(QUIET_DAY)


@pytest.fixture
def acme(sandbox: Callable[..., SandboxUnderTest], quiet_engine: Engine, tmp_path: Path) -> Generator[Bench]:
    """A small month with an invoice of 100.00 and a payment of 60.00 on ``QUIET_DAY``, taken in and not posted."""
    running = sandbox(invoices=20)
    with bench(running, quiet_engine) as connected, installed(quiet_engine, tmp_path, running):
        invoice = running.add_invoice(date=DAY, syncStatus="Posted", total="100.00")
        running.add_payment(splits=[{"invoiceId": invoice["id"], "amount": "60.00"}], date=DAY, syncStatus="Posted")
        take_in_documents(connected)
        yield connected


def preview(capsys: pytest.CaptureFixture[str], *options: str) -> dict[Kind, dict[str, Any]]:
    assert run(["preview", "acme", "--day", DAY, "--json", *options]) == 0
    return {Kind(plan["kind"]): plan for plan in json.loads(capsys.readouterr().out)["plans"]}


def test_every_kind_has_a_plan_and_a_hash_of_its_own(acme: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert acme.settings.name == "acme"
    plans = preview(capsys)
    assert tuple(plans) == POSTING_ORDER
    (file,) = plans[Kind.INVOICE]["files"]
    assert (file["entry"], file["documents"], file["amount"]) == ("in", 1, "100.00")
    assert plans[Kind.PAYMENT]["files"] == []
    assert [each["reason"] for each in plans[Kind.PAYMENT]["outside"]] == ["waiting_for_invoice"]
    assert plans[Kind.INVOICE]["plan_hash"] != plans[Kind.PAYMENT]["plan_hash"]


def test_a_run_sends_exactly_what_was_shown(acme: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    shown = preview(capsys)[Kind.INVOICE]
    posted = run_kinds(acme, [Kind.INVOICE])[Kind.INVOICE]
    assert posted.plan_hash == shown["plan_hash"]
    assert [acme.context.journal.file(batch).body for batch in posted.batches] == [
        file["body"] for file in shown["files"]
    ]
    # The payment's turn has come.
    shown = preview(capsys, "--kind", "payment")[Kind.PAYMENT]
    assert [(file["entry"], file["amount"]) for file in shown["files"]] == [("cr", "60.00")]
    assert run_kinds(acme, [Kind.PAYMENT])[Kind.PAYMENT].plan_hash == shown["plan_hash"]


def test_a_person_sees_the_kinds_the_files_and_what_is_left_out(
    acme: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert acme.settings.name == "acme"
    assert run(["preview", "acme", "--day", DAY]) == 0
    shown = capsys.readouterr().out
    for words in ("credit memos", "AP credits", "AR invoices", "100.00", "waiting_for_invoice", "Left out"):
        assert words in shown
    assert "Plan hash of the invoices: " in shown
    assert "Plan hash of the bills: " not in shown


def test_a_plan_is_pinned_for_its_kind_only(acme: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["preview", "acme", "--day", DAY, "--kind", "invoice", "--pin"]) == 0
    assert "Pinned: only the plan" in capsys.readouterr().out
    journal = acme.context.journal
    assert journal.pinned_plan(Kind.INVOICE, QUIET_DAY) == preview(capsys)[Kind.INVOICE]["plan_hash"]
    assert journal.pinned_plan(Kind.PAYMENT, QUIET_DAY) is None
    assert run(["preview", "acme", "--day", DAY, "--pin"]) == 2
    assert "--kind" in capsys.readouterr().err


def test_nothing_is_sent_and_nothing_is_written_into_the_journal(
    acme: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """T45: zero writes."""
    prepare_kinds(acme)
    before, ledger = acme.context.journal.last_sequence(), acme.sandbox.ledger()
    preview(capsys)
    assert acme.context.journal.last_sequence() == before
    assert acme.sandbox.ledger() == ledger
