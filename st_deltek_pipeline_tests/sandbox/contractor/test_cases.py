"""Every case that a program must handle is in the month of the demo, and the manual says where."""

from collections.abc import Callable
from pathlib import Path

import pytest

from st_deltek_pipeline.sandbox.contractor.cases import CASES, cases_of
from st_deltek_pipeline.sandbox.contractor.generate import generate
from st_deltek_pipeline.sandbox.contractor.world import World
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest

MANUAL = Path(__file__).parents[3] / "docs/sandbox.md"
NAMES = [case.name for case in CASES]


@pytest.fixture(scope="module")
def cases(default_month: World) -> dict[str, list[int]]:
    return cases_of(default_month)


@pytest.mark.parametrize("name", NAMES)
def test_every_case_happens_in_the_demos_month(name: str, cases: dict[str, list[int]]) -> None:
    assert cases[name]


def test_every_case_has_a_name_of_its_own_and_holds_no_document_in_trouble(
    default_month: World, cases: dict[str, list[int]]
) -> None:
    assert len(set(NAMES)) == len(NAMES)
    awkward = {key for ids in default_month.awkward.values() for key in ids}
    assert all(not awkward & set(ids) for ids in cases.values())


def test_the_manual_names_every_case_and_every_trouble(default_month: World) -> None:
    text = MANUAL.read_text(encoding="utf-8")
    assert [name for name in (*NAMES, *default_month.awkward) if f"`{name}`" not in text] == []


def test_cases_follow_what_users_do(sandbox: Callable[..., SandboxUnderTest]) -> None:
    running = sandbox(invoices=60)
    found = running.admin("GET", "cases")
    assert set(found) == {"cases", "awkward"}
    made = running.admin("POST", "servicetitan/payments", {"total": "75.00", "businessUnitId": 1101})
    voided = running.admin("POST", "servicetitan/payments", {"total": "5.00", "date": "2026-10-07"})
    running.admin("POST", f"servicetitan/payments/{voided['id']}/void", {})
    cases = running.admin("GET", "cases")["cases"]
    assert made["id"] in cases["unapplied_payment"]
    assert voided["id"] in cases["voided_payment"]
    assert voided["id"] not in cases["unapplied_payment"]


def test_a_small_clean_month_has_cases_too() -> None:
    cases = cases_of(generate(11, "2026-02", invoices=150, scenario="clean"))
    assert {"partial_payment", "overpayment", "refund", "voided_payment", "canceled_bill", "zero_bill"} <= {
        name for name, ids in cases.items() if ids
    }
