"""``st-deltek rules`` as a person or a machine runs it."""

import csv
import io
import json
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.domain.coding import FACT_FIELDS
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.services.staging import pending_days
from st_deltek_pipeline_tests.orchestration.installations import Installation, installed
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest, running_sandbox
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, bench
from st_deltek_pipeline_tests.services.posting.kinds import prepare_kinds


@pytest.fixture(scope="module")
def staged(taken_in: Callable[..., AbstractContextManager[Engine]]) -> Generator[str]:
    """Name of a database with a clean month of 20 invoices, all of it staged, and nothing posted; for copies only."""
    with taken_in(invoices=20) as engine:
        with running_sandbox(invoices=20) as twin, bench(twin, engine) as connected:
            for day in pending_days(engine, connected.settings, connected.calendar, POSTING_ORDER):
                prepare_kinds(connected, day=day)
        engine.dispose()
        yield str(engine.url.database)


@pytest.fixture
def acme(
    sandbox: Callable[..., SandboxUnderTest],
    copied_database: Callable[[str], AbstractContextManager[Engine]],
    staged: str,
    tmp_path: Path,
) -> Generator[Installation]:
    """A clean month of 20 invoices, all of it staged, and nothing posted."""
    with copied_database(staged) as engine, installed(engine, tmp_path, sandbox(invoices=20)) as installation:
        yield installation


def _without_tax_rules(acme: Installation) -> None:
    coding = [rule for rule in acme.sandbox.connection["coding"] if "tax_zone" not in rule.get("when", {})]
    acme.write_file(coding=coding)


def _taxed(acme: Installation) -> int:
    with acme.engine.connect() as db:
        statement = "SELECT min(document_id) FROM staged.invoices WHERE active AND sales_tax > 0"
        return db.exec_driver_sql(statement).scalar_one()


def _first(acme: Installation, kind: Kind) -> str:
    """The first staged document of a kind, as people type it."""
    with acme.engine.connect() as db:
        statement = f"SELECT min(document_id) FROM staged.{kind.value}s WHERE active AND total <> 0"  # noqa: S608
        return f"{kind.value}:{db.exec_driver_sql(statement).scalar_one()}"


def test_a_bill_shows_what_decided_its_liability_bank_and_terms(
    acme: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    document = _first(acme, Kind.BILL)
    assert run(["rules", "test", "acme", document, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    payable, *others = answer["lines"]
    assert payable["whole_document"]
    assert {"liability", "terms"} <= payable["decided_by"].keys()
    assert payable["coding"]["liability"] == answer["postings"][0]["heading"]["liability"]
    assert sum(Decimal(line["amount"]) for line in others) == Decimal(answer["total"]) == Decimal(payable["amount"])
    assert run(["rules", "test", "acme", document]) == 0
    shown = capsys.readouterr().out
    for words in ("liability", "terms", "vendor", "purchase order", "purpose: "):
        assert words in shown


def test_a_payment_shows_its_bank_and_the_invoice_it_waits_for(
    acme: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    document = _first(acme, Kind.PAYMENT)
    assert run(["rules", "test", "acme", document]) == 4
    shown = capsys.readouterr().out
    assert "payment_type: " in shown
    assert "waiting_for_invoice" in shown
    assert run(["rules", "test", "acme", document, "--json"]) == 4
    receipt = json.loads(capsys.readouterr().out)["lines"][0]
    assert receipt["coding"]["bank"]
    assert receipt["decided_by"].keys() == {"bank"}


@pytest.mark.parametrize(("kind", "field"), [(Kind.PAYMENT, "bank"), (Kind.BILL, "account")])
def test_gaps_of_one_kind_are_those_of_its_own_rules(
    acme: Installation, kind: Kind, field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = [rule for rule in acme.sandbox.connection["coding"] if field not in rule["give"]]
    acme.write_file(coding=rules)
    assert run(["rules", "gaps", "acme", "--kind", kind.value, "--json"]) == 4
    answer = json.loads(capsys.readouterr().out, parse_float=pytest.fail)
    assert answer["kinds"] == [kind.value]
    assert {(gap["kind"], gap["missing"]) for gap in answer["gaps"]} == {(kind.value, field)}
    with acme.engine.connect() as db:
        totals = db.exec_driver_sql(f"SELECT sum(total) FROM staged.{kind.value}s WHERE active").scalar_one()  # noqa: S608
    if kind is Kind.BILL:
        assert Decimal(answer["amount"]) == totals


def test_a_kind_that_is_not_moved_has_no_gaps_to_look_for(
    acme: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    acme.write_file(posting={"documents": ["invoice"]})
    assert run(["rules", "gaps", "acme", "--kind", "bill"]) == 2
    assert "does not move this kind of document: bill" in capsys.readouterr().err


def test_a_person_sees_rules_facts_and_postings(acme: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "test", "acme", f"invoice:{_taxed(acme)}"]) == 0
    output = capsys.readouterr().out
    assert "sales tax " in output
    assert "tax_zone: " in output
    assert "section: taxes" in output
    assert "Lines that should stand in Vantagepoint" in output


def test_a_machine_sees_the_same_with_exact_amounts(acme: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    document = f"invoice:{_taxed(acme)}"
    assert run(["rules", "test", "acme", document, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out, parse_float=pytest.fail)
    assert answer["document"] == document
    assert answer["hold"] is None
    tax = next(line for line in answer["lines"] if line["facts"]["line"] == "tax")
    assert tax["decided_by"]["section"] == "taxes"
    assert tax["coding"]["section"] == "T"
    assert sum(Decimal(line["amount"]) for line in answer["postings"]) == Decimal(answer["total"])


def test_an_edited_file_shows_the_hold_and_its_advice(acme: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    _without_tax_rules(acme)
    assert run(["rules", "test", "acme", f"invoice:{_taxed(acme)}"]) == 4
    output = capsys.readouterr().out
    assert "missing" in output
    assert "It would be held (no_rule)" in output
    assert "Add a coding rule" in output
    assert run(["rules", "test", "acme", f"invoice:{_taxed(acme)}", "--json"]) == 4
    answer = json.loads(capsys.readouterr().out)
    assert answer["hold"]["reason"] == "no_rule"
    assert answer["postings"] == []


@pytest.mark.parametrize("document", ["7", "invoice:", "invoice:x", "invoice:٣", "cheque:7", f"invoice:{2**63}"])
def test_a_document_is_typed_as_kind_and_id(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "test", "acme", document]) == 2
    assert "such as invoice:123" in capsys.readouterr().err


def test_a_bank_deposit_has_nothing_that_rules_code(acme: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert acme.connection.name == "acme"
    assert run(["rules", "test", "acme", "bank_deposit:7"]) == 2
    assert "no lines of its own" in capsys.readouterr().err


def test_an_unknown_document_is_an_error(acme: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert acme.connection.name == "acme"
    assert run(["rules", "test", "acme", "invoice:7"]) == 2
    assert "not staged" in capsys.readouterr().err


def test_nothing_missing_ends_with_0(acme: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert acme.connection.name == "acme"
    assert run(["rules", "gaps", "acme"]) == 0
    assert "Nothing is missing" in capsys.readouterr().out


def test_gaps_end_with_4_in_every_form(acme: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    _without_tax_rules(acme)
    assert run(["rules", "gaps", "acme"]) == 4
    table = capsys.readouterr().out
    assert "What no rule of acme gives" in table
    assert "tax_zone: " in table
    assert run(["rules", "gaps", "acme", "--json"]) == 4
    answer = json.loads(capsys.readouterr().out, parse_float=pytest.fail)
    assert answer["documents_with_gaps"] > 0
    assert sum(Decimal(gap["amount"]) for gap in answer["gaps"]) == Decimal(answer["amount"])
    assert run(["rules", "gaps", "acme", "--csv"]) == 4
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert set(FACT_FIELDS) < rows[0].keys()
    assert [(row["missing"], row["amount"], row["example"]) for row in rows] == [
        (gap["missing"], gap["amount"], gap["example"]) for gap in answer["gaps"]
    ]


def test_a_range_without_staged_days_is_said(acme: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert acme.connection.name == "acme"
    assert run(["rules", "gaps", "acme", "--from", "2030-01-01"]) == 0
    assert "No business day of this range is staged" in capsys.readouterr().out


def test_contradictory_options_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "gaps", "acme", "--csv", "--json"]) == 2
    assert run(["rules", "gaps", "acme", "--from", str(QUIET_DAY), "--to", "2026-10-01"]) == 2
    assert "later than --to" in capsys.readouterr().err
