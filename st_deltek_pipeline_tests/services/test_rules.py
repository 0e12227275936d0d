"""Trying rules on a staged month of the sandbox's contractor: one document, or all of them."""

from collections.abc import Callable, Generator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.services.rules import explain_document, find_gaps
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench, bench
from st_deltek_pipeline_tests.services.staged_invoices import invoices_of_day


@pytest.fixture
def acme(sandbox: Callable[..., SandboxUnderTest], quiet_engine: Engine) -> Generator[Bench]:
    """A small clean month, every day of it staged and aligned, and nothing on ``QUIET_DAY``."""
    with bench(sandbox(invoices=20), quiet_engine) as connected:
        for day in connected.days():
            connected.prepare(day)
        yield connected


def _with_rules(settings: ConnectionSettings, change: Callable[[list[dict[str, Any]]], Any]) -> ConnectionSettings:
    plain = settings.model_dump()
    coding = [dict(rule) for rule in plain["coding"]]
    change(coding)
    return ConnectionSettings.model_validate({**plain, "coding": coding})


def _staged(acme: Bench) -> list[int]:
    days = acme.rows("SELECT DISTINCT business_day FROM staged.invoices ORDER BY business_day")
    return [
        invoice.key.document_id
        for row in days
        for invoice in invoices_of_day(acme.engine, acme.settings.name, row.business_day)
    ]


def test_each_field_of_each_line_names_its_rule_and_the_postings_sum_to_the_total(acme: Bench) -> None:
    documents = _staged(acme)
    assert documents
    for document_id in documents:
        explained = explain_document(acme.engine, acme.settings, Kind.INVOICE, document_id)
        assert explained.hold is None
        assert total(line.amount for line in explained.lines) == explained.document.total
        assert total(line.amount for line in explained.postings) == explained.document.total
        for line in explained.lines:
            assert line.missing == ()
            assert {"wbs1", "account", "section"} <= line.decided_by.keys()
            assert line.facts["business_unit"] == explained.document.business_unit_name
            for field in line.decided_by:
                assert getattr(line.coding, field) is not None


def test_an_edited_rule_counts_at_once_without_aligning_again(acme: Bench) -> None:
    invoice = acme.add(PART_A="60.00")
    acme.prepare(QUIET_DAY)
    edited = _with_rules(
        acme.settings,
        lambda coding: coding.insert(0, {"name": "mine", "when": {"sku": ("PART-A",)}, "give": {"account": "404.00"}}),
    )
    before = explain_document(acme.engine, acme.settings, Kind.INVOICE, invoice["id"])
    after = explain_document(acme.engine, edited, Kind.INVOICE, invoice["id"])
    assert [line.coding.account for line in before.lines if line.facts["line"] == "item"] == ["401.00"]
    (item,) = (line for line in after.lines if line.facts["line"] == "item")
    assert (item.coding.account, item.decided_by["account"]) == ("404.00", "mine")
    assert item.decided_by["section"] != "mine"
    stored = acme.rows("SELECT account FROM mapping.coded_lines WHERE document_id = :id", id=invoice["id"])
    assert "404.00" not in {row.account for row in stored}


def test_a_line_without_a_rule_shows_the_hold_it_would_get(acme: Bench) -> None:
    invoice = acme.add(PART_A="60.00")
    acme.prepare(QUIET_DAY)

    def drop(coding: list[dict[str, Any]]) -> None:
        coding[:] = [rule for rule in coding if "account" not in rule["give"]]

    bare = _with_rules(acme.settings, drop)
    explained = explain_document(acme.engine, bare, Kind.INVOICE, invoice["id"])
    assert explained.hold is not None
    assert explained.hold.reason is HoldReason.NO_RULE
    assert explained.hold.advice
    assert explained.postings == ()
    assert {line.missing for line in explained.lines} == {("account",)}


def test_an_unknown_document_is_an_error_that_says_what_to_do(acme: Bench) -> None:
    with pytest.raises(ConfigurationError, match="invoice:1 is not staged") as caught:
        explain_document(acme.engine, acme.settings, Kind.INVOICE, 1)
    assert "st-deltek sync acme" in str(caught.value)


def test_a_version_that_cannot_be_read_is_shown_as_a_hold(acme: Bench) -> None:
    invoice = acme.add(PART_A="60.00")
    acme.prepare(QUIET_DAY)
    acme.sandbox.edit_invoice(invoice["id"], verbatim=True, total="12.345")
    acme.take_in_invoices()
    acme.prepare(QUIET_DAY)
    explained = explain_document(acme.engine, acme.settings, Kind.INVOICE, invoice["id"])
    assert explained.hold is not None
    assert explained.hold.reason is HoldReason.UNREADABLE
    assert explained.postings == ()


def test_the_clean_contractor_has_no_gaps(acme: Bench) -> None:
    found = find_gaps(acme.engine, acme.settings)
    assert found.gaps == ()
    (staged,) = acme.rows("SELECT count(*) FILTER (WHERE active) AS active FROM staged.invoices")
    assert found.documents == staged.active
    assert found.lines > found.documents


def test_removed_rules_are_gaps_with_counts_and_amounts(acme: Bench) -> None:
    def drop(coding: list[dict[str, Any]]) -> None:
        coding[:] = [rule for rule in coding if "tax_zone" not in rule["when"]]

    found = find_gaps(acme.engine, _with_rules(acme.settings, drop))
    taxes = acme.rows(
        "SELECT count(*) AS n, sum(sales_tax) AS tax FROM staged.invoices WHERE active AND sales_tax <> 0"
    )
    assert {gap.missing for gap in found.gaps} == {"account"}
    assert {gap.facts["line"] for gap in found.gaps} == {"tax"}
    assert sum(gap.documents for gap in found.gaps) == found.documents_with_gaps == taxes[0].n
    assert found.amount == taxes[0].tax
    amounts = [abs(gap.amount) for gap in found.gaps]
    assert amounts == sorted(amounts, reverse=True)


def test_a_range_of_days_limits_what_is_looked_at(acme: Bench) -> None:
    acme.add(PART_A="60.00")
    acme.prepare(QUIET_DAY)
    found = find_gaps(acme.engine, acme.settings, first=QUIET_DAY, last=QUIET_DAY)
    assert (found.first, found.last, found.documents) == (QUIET_DAY, QUIET_DAY, 1)
    nothing = find_gaps(acme.engine, acme.settings, first=date(2030, 1, 1))
    assert (nothing.first, nothing.documents, nothing.amount) == (None, 0, Decimal("0.00"))


def test_without_anything_staged_there_is_no_false_all_clear(
    sandbox: Callable[..., SandboxUnderTest], engine: Engine
) -> None:
    with bench(sandbox(invoices=20), engine) as connected, pytest.raises(BrokenError, match="Nothing is staged"):
        find_gaps(engine, connected.settings)
