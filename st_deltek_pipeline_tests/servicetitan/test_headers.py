"""Headers are read whatever the rest of a record looks like, and say what the tie-out and intake rest on."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.servicetitan.headers import Header, read_header
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.shapes import Unfit
from st_deltek_pipeline_tests.services.servicetitan_rows import (
    ap_bill,
    ap_credit,
    bill,
    credit_memo,
    encoded,
    invoice,
    payment,
)


def _header(row: bytes, kind: RecordKind = RecordKind.INVOICE) -> Header:
    header = read_header(kind, row)
    assert isinstance(header, Header), str(header)
    return header


def test_a_header_has_what_intake_needs() -> None:
    header = _header(encoded(invoice(1)))
    assert (header.id, header.active, header.total) == (1, True, Decimal("108.81"))
    assert header.modified_on == datetime(2026, 10, 5, 14, 0, 0, 123457, UTC)


def test_a_time_without_zone_is_utc() -> None:
    assert _header(b'{"id": 1, "modifiedOn": "2026-10-05T14:00:00"}').modified_on == datetime(
        2026, 10, 5, 14, tzinfo=UTC
    )


def test_only_the_unreadable_parts_of_a_header_are_left_out() -> None:
    row = {"id": "7", "modifiedOn": "yesterday", "active": "perhaps", "invoiceDate": 5, "total": "1.23"}
    header = _header(encoded(row))
    assert (header.id, header.modified_on, header.active, header.document_date) == (7, None, True, None)
    assert header.total == Decimal("1.23")


@pytest.mark.parametrize("total", ["NaN", "sNaN", "1e400000", "1e-400000", "-Infinity", "1e15"])
def test_a_total_that_is_no_money_is_left_out_of_the_header(total: str) -> None:
    assert _header(encoded({"id": 1, "total": total})).total is None


@pytest.mark.parametrize(
    "row", [b"{}", b"[]", b"null", b'{"id": null}', b'{"id": "x"}', b'{"id": 1.5}', b'{"id": 99999999999999999999}']
)
def test_a_row_without_a_usable_id_is_unfit_with_a_reason(row: bytes) -> None:
    header = read_header(RecordKind.INVOICE, row)
    assert isinstance(header, Unfit)
    assert str(header)


@pytest.mark.parametrize(
    ("kind", "row", "dated", "total"),
    [
        (RecordKind.INVOICE, invoice(1), "2026-10-05T00:00:00Z", "108.81"),
        (RecordKind.PAYMENT, payment(1), "2026-10-05T00:00:00Z", "108.81"),
        (RecordKind.BILL, bill(1), "2026-10-05T00:00:00Z", "107.00"),
        (RecordKind.BILL, ap_bill(1), "2026-10-05T00:00:00Z", "107.00"),
        (RecordKind.AP_CREDIT, ap_credit(1), "2026-10-05T00:00:00Z", "126.0"),
        (RecordKind.CREDIT_MEMO, credit_memo(1), "2026-10-05", "54.4"),
        (RecordKind.JOURNAL_ENTRY_PAYMENT, payment(1), None, None),
    ],
)
def test_a_documents_own_date_and_total_are_in_its_header(
    kind: RecordKind, row: dict[str, Any], dated: str | None, total: str | None
) -> None:
    header = _header(encoded(row), kind)
    assert (header.document_date, header.total) == (dated, None if total is None else Decimal(total))
    assert (header.active, header.is_open) == (True, False)


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (RecordKind.PAYMENT, payment(1, active=False)),
        (RecordKind.BILL, bill(1, active=False)),
        (RecordKind.BILL, ap_bill(1, status="Canceled")),
        (RecordKind.BILL, ap_bill(1, dateCanceled="2026-10-06T00:00:00Z", syncStatus="Pending")),
        (RecordKind.AP_CREDIT, ap_credit(1, status="Canceled")),
        (RecordKind.AP_CREDIT, ap_credit(1, canceledOn="2026-10-06T00:00:00Z")),
        (RecordKind.CREDIT_MEMO, credit_memo(1, active=False)),
    ],
)
def test_what_was_voided_or_canceled_is_not_active(kind: RecordKind, row: dict[str, Any]) -> None:
    header = _header(encoded(row), kind)
    assert (header.active, header.is_open) == (False, False)


@pytest.mark.parametrize("row", [bill(1, syncStatus="Pending"), ap_bill(1, syncStatus="Pending", status=5)])
def test_a_bill_that_is_not_posted_is_open(row: dict[str, Any]) -> None:
    header = _header(encoded(row), RecordKind.BILL)
    assert (header.active, header.is_open) == (True, True)


def test_a_row_that_was_never_modified_says_when_it_was_made() -> None:
    header = _header(b'{"id": 1, "modifiedOn": null, "createdOn": "2026-10-05T14:00:00Z"}', RecordKind.BANK_DEPOSIT)
    assert (header.modified_on, header.created_on) == (None, datetime(2026, 10, 5, 14, tzinfo=UTC))
