"""Credit memos and their items are read exactly or not at all."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.domain.credit_memos import CreditMemo, CreditSplit
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.invoices import InvoiceLine
from st_deltek_pipeline.servicetitan.credit_memos import CreditMemoItemRecord, to_memo_line
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.records import read_record
from st_deltek_pipeline.servicetitan.shapes import Unfit
from st_deltek_pipeline.servicetitan.surroundings import CustomerFacts, MemoItems, Surroundings
from st_deltek_pipeline_tests.services.servicetitan_rows import applied, credit_memo, encoded, memo_item
from st_deltek_pipeline_tests.servicetitan.documents_read import reasons, typed


def _line(row: dict[str, Any]) -> InvoiceLine | Unfit:
    record = read_record(RecordKind.CREDIT_MEMO_ITEM, encoded(row))
    assert isinstance(record, CreditMemoItemRecord), record
    return to_memo_line(record)


def _known(*rows: dict[str, Any]) -> Surroundings:
    lines = [_line(row) for row in rows]
    return Surroundings(
        customers={50: CustomerFacts("Commercial", 51)},
        memo_items={
            1: MemoItems(
                tuple(line for line in lines if isinstance(line, InvoiceLine)),
                tuple(str(line) for line in lines if isinstance(line, Unfit)),
            )
        },
    )


def _memo(row: dict[str, Any], known: Surroundings | None = None, **arguments: Any) -> CreditMemo:
    found = typed(Kind.CREDIT_MEMO, row, known, **arguments)
    assert isinstance(found, CreditMemo), str(found)
    return found


def test_an_ordinary_memo_is_read_whole() -> None:
    row = credit_memo(1, salesTaxCode={"id": 1, "name": "Denver", "taxRate": 0.088})
    found = _memo(row, _known(memo_item(11)), raw_seq=4)
    assert (found.number, found.document_date, found.tax_name) == ("CM-00001", date(2026, 10, 5), "Denver")
    assert (found.subtotal, found.sales_tax, found.total, found.balance) == tuple(
        map(Decimal, ("50.00", "4.40", "54.40", "0.00"))
    )
    assert found.effect == Decimal("-54.40")
    assert (found.customer_id, found.billing_customer_id, found.customer_type) == (50, 51, "Commercial")
    assert found.splits == (CreditSplit(86, 1, "1001", Decimal("54.40")),)
    (line,) = found.lines
    assert (line.line_id, line.item_type, line.sku, line.gl_account) == (11, "Service", "WH-100", "4010")
    assert (line.quantity, line.total, line.taxable, line.business_unit_id) == (Decimal(1), Decimal("50.00"), True, 3)


def test_a_memo_without_items_and_splits_fits() -> None:
    found = _memo(credit_memo(1, appliedTo=None, customer=None, businessUnit=None, balance=None))
    assert (found.lines, found.splits, found.customer_id, found.balance) == ((), (), None, Decimal("0.00"))


def test_splits_stand_in_the_order_of_their_ids_without_those_of_nothing() -> None:
    rows = [applied(9, appliedAmount=1), applied(7, appliedAmount=0), applied(3, appliedAmount=2)]
    assert [split.split_id for split in _memo(credit_memo(1, appliedTo=rows)).splits] == [3, 9]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"total": "54.405"}, "54.405 at $.total is not an amount in whole cents"),
        ({"subTotal": None}, "$.subTotal is missing"),
        ({"balance": "0.001"}, "0.001 at $.balance"),
        ({"date": None}, "$.date is missing"),
        ({"syncStatus": None}, "$.syncStatus is missing"),
        ({"appliedTo": [applied(appliedAmount="1.234")]}, "$.appliedTo[0].appliedAmount"),
    ],
)
def test_what_does_not_fit_names_the_field(changes: dict[str, Any], reason: str) -> None:
    assert reason in reasons(Kind.CREDIT_MEMO, credit_memo(1, **changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"total": "1.005"}, "1.005 at $.items[id=12].total is not an amount in whole cents"),
        ({"total": None}, "$.items[id=12].total is missing"),
        ({"type": "Magic"}, "'Magic' at $.items[id=12].type is not a known item type"),
        ({"quantity": "Infinity"}, "$.items[id=12].quantity is not a quantity"),
    ],
)
def test_an_item_that_does_not_fit_is_named_by_its_memo(changes: dict[str, Any], reason: str) -> None:
    known = _known(memo_item(11), memo_item(12, **changes))
    assert reason in reasons(Kind.CREDIT_MEMO, credit_memo(1), known)


@pytest.mark.parametrize(
    ("changes", "revision"),
    [
        ({"total": 54.41}, 2),
        ({"balance": 1}, 2),
        ({"active": False}, 2),
        ({"appliedTo": [applied(86, appliedTo=2, appliedAmount=54.40)]}, 2),
        ({"appliedTo": [applied(99, appliedAmount=54.40)]}, 1),
        ({"description": "other words"}, 1),
        ({"syncStatus": "Exported"}, 1),
    ],
)
def test_only_what_matters_to_accounting_raises_the_revision(changes: dict[str, Any], revision: int) -> None:
    first = _memo(credit_memo(1), _known(memo_item(11)))
    assert _memo(credit_memo(1, **changes), _known(memo_item(11)), staged=(1, first.revision_hash)).revision == revision


@pytest.mark.parametrize(
    ("items", "revision"),
    [
        ([memo_item(11, total=49)], 2),
        ([memo_item(11), memo_item(12, total=0)], 2),
        ([memo_item(11, revenueGeneralLedgerAccount=None)], 2),
        ([memo_item(11, description="other words", quantity="1.00")], 1),
    ],
)
def test_items_belong_to_the_revision(items: list[dict[str, Any]], revision: int) -> None:
    first = _memo(credit_memo(1), _known(memo_item(11)))
    assert _memo(credit_memo(1), _known(*items), staged=(1, first.revision_hash)).revision == revision
