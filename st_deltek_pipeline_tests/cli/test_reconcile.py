"""``st-deltek reconcile`` as a person, a script and a spreadsheet use it."""

import csv
import json
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline_tests.orchestration.installations import installed
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench, bench

_RANGE = ["--from", QUIET_DAY.isoformat(), "--to", QUIET_DAY.isoformat(), "--kind", "invoice"]


@pytest.fixture
def acme(
    sandbox: Callable[..., SandboxUnderTest],
    taken_in: Callable[..., AbstractContextManager[Engine]],
    tmp_path: Path,
) -> Generator[Bench]:
    """A connection with a small month taken in, and the installation that commands find."""
    with (
        taken_in(invoices=20) as engine,
        installed(engine, tmp_path, sandbox(invoices=20)) as installation,
        bench(installation.sandbox, engine) as connected,
    ):
        yield connected


def _altered(acme: Bench) -> dict[str, Any]:
    """An invoice that was posted and altered afterwards, beside one in order."""
    acme.add(PART_A="40.00")
    invoice = acme.add(PART_A="60.00")
    acme.run(QUIET_DAY)
    where = {"TransType": "IN", "Invoice": invoice["referenceNumber"], "AutoEntry": "N"}
    wanted = {"where": where, "change": {"Amount": "-55.00"}}
    acme.sandbox.admin("POST", "vantagepoint/ledger/alter", wanted)
    return invoice


def test_a_script_reads_the_differences_and_the_exit_code(
    acme: Bench, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    invoice = _altered(acme)
    capfd.readouterr()
    table = tmp_path / "october.csv"
    assert run(["reconcile", "acme", *_RANGE, "--csv", str(table), "--json"]) == 4
    found = json.loads(capfd.readouterr().out, parse_float=pytest.fail)
    assert (found["clean"], found["documents"], found["classes"]) == (False, 2, {"altered": 1})
    (only,) = found["differences"]
    assert (only["document"], only["journal"], only["ledger"], only["difference"]) == (
        f"invoice:{invoice['id']}",
        "60.00",
        "55.00",
        "-5.00",
    )
    assert "AR invoice" in only["reference"]
    assert found["balances_read"] == 2

    with table.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["what"] for line in lines] == ["sum", "altered"]
    assert (lines[1]["document"], lines[1]["difference"]) == (only["document"], "-5.00")
    assert lines[0]["ledger"] == "95.00"


def test_people_see_the_rows_what_is_wrong_and_what_to_do(acme: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    acme.add(PART_A="40.00")
    acme.run(QUIET_DAY)
    assert run(["reconcile", "acme", *_RANGE, "--by", "account"]) == 0
    clean = capfd.readouterr().out
    assert "401.00" in clean
    assert "no differences. Nothing needs a person." in clean
    _altered(acme)
    assert run(["reconcile", "acme", *_RANGE]) == 4
    shown = " ".join(capfd.readouterr().out.split())
    assert "altered" in shown
    assert "another amount" in shown
    assert "Somebody has to look at it." in shown


def test_a_range_that_ends_before_it_begins_and_a_file_that_cannot_be_written_are_arguments(
    acme: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["reconcile", "acme", "--from", "2026-10-09", "--to", "2026-10-08"]) == 2
    assert run(["reconcile", "acme", *_RANGE, "--csv", "/nowhere/at/all.csv"]) == 2
    assert "cannot be written" in capfd.readouterr().err
    assert acme.settings.name == "acme"
