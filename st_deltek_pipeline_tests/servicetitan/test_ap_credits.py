"""Vendors' credits are read exactly or not at all."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.bills import ApCredit, BillCredit
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.servicetitan.surroundings import JobFacts, Surroundings
from st_deltek_pipeline_tests.services.servicetitan_rows import ap_credit
from st_deltek_pipeline_tests.servicetitan.documents_read import reasons, typed


def _credit(row: dict[str, Any], known: Surroundings | None = None, **arguments: Any) -> ApCredit:
    found = typed(Kind.AP_CREDIT, row, known, **arguments)
    assert isinstance(found, ApCredit), str(found)
    return found


def test_an_ordinary_credit_is_read_whole() -> None:
    found = _credit(ap_credit(7), raw_seq=4)
    assert (found.key.document_id, found.number, found.vendor_invoice) == (7, "VC-00007", "CRS-9")
    assert (found.total, found.effect, found.document_date) == (
        Decimal("126.00"),
        Decimal("-126.00"),
        date(2026, 10, 5),
    )
    assert (found.vendor_id, found.job_id, found.memo, found.raw_seq) == (52, 70, "Returned", 4)
    assert found.splits == (BillCredit(92, 1, Decimal("126.00")),)


@given(st.decimals(Decimal(0), Decimal("99999999.99"), places=2), st.booleans())
def test_an_amount_is_the_same_as_text_and_as_number(amount: Decimal, as_text: bool) -> None:  # noqa: FBT001
    found = _credit(ap_credit(1, amount=str(amount) if as_text else float(amount), splits=None))
    assert (found.total, found.splits) == (amount, ())


def test_splits_that_were_taken_back_are_left_out() -> None:
    split = {"id": 92, "active": False, "inventoryBillId": 1, "amount": 1}
    assert _credit(ap_credit(1, splits=[split, {**split, "id": 93, "active": None}])).splits == (
        BillCredit(93, 1, Decimal("1.00")),
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": "126.005"}, "126.005 at $.amount is not an amount in whole cents"),
        ({"amount": None}, "$.amount is missing"),
        ({"date": None}, "$.date is missing"),
        ({"syncStatus": "Limbo"}, "'Limbo' at $.syncStatus"),
        ({"status": "Reconciled"}, "'Reconciled' at $.status is not a known status"),
        ({"splits": [{"id": 1, "inventoryBillId": 1}]}, "$.splits[0].amount is missing"),
        ({"splits": [{"id": 1, "amount": 1}]}, "inventoryBillId"),
    ],
)
def test_what_does_not_fit_names_the_field(changes: dict[str, Any], reason: str) -> None:
    assert reason in reasons(Kind.AP_CREDIT, ap_credit(1, **changes))


@pytest.mark.parametrize("changes", [{"active": False}, {"status": "Canceled"}, {"canceledOn": "2026-10-09T00:00:00Z"}])
def test_a_canceled_credit_does_not_count_any_more(changes: dict[str, Any]) -> None:
    first = _credit(ap_credit(1))
    canceled = _credit(ap_credit(1, **changes), staged=(1, first.revision_hash))
    assert (canceled.active, canceled.revision) == (False, 2)


@pytest.mark.parametrize(
    ("changes", "revision"),
    [
        ({"amount": 127}, 2),
        ({"vendor": {"id": 53}}, 2),
        ({"referenceNumber": "CRS-10"}, 2),
        ({"jobId": None}, 2),
        ({"syncStatus": "Pending"}, 2),
        ({"syncStatus": "Exported"}, 1),
        ({"splits": []}, 1),
        ({"memo": "other words"}, 1),
    ],
)
def test_only_what_matters_to_accounting_raises_the_revision(changes: dict[str, Any], revision: int) -> None:
    first = _credit(ap_credit(1))
    assert _credit(ap_credit(1, **changes), staged=(1, first.revision_hash)).revision == revision


def test_names_come_from_the_records() -> None:
    known = Surroundings(jobs={70: JobFacts("Repair", "Completed", "70-A", "P-8")}, business_units={3: "West"})
    found = _credit(ap_credit(1), known)
    assert (found.job_number, found.job_type, found.project_number, found.business_unit_name) == (
        "70-A",
        "Repair",
        "P-8",
        "West",
    )
    assert (_credit(ap_credit(1)).job_number, _credit(ap_credit(1)).business_unit_name) == ("", "Plumbing")
