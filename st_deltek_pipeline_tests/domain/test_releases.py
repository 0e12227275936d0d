"""What Vantagepoint shows of a held file decides how it goes on; nothing is taken on trust."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.releases import FoundFile, Verdict, judge

LINE = {
    "PKey": "a1",
    "WBS1": "HVAC",
    "WBS2": "",
    "WBS3": "",
    "InvoiceSection": "F",
    "Account": "401.00",
    "Invoice": "104417",
    "TaxCode": "",
    "Amount": Decimal("60.00"),
}
BODY = {"Period": 202610, "inDetail": [LINE]}


@dataclass(frozen=True)
class Row:
    line_key: str = "a1"
    period: int = 202610
    wbs1: str = "HVAC"
    account: str = "401.00"
    invoice: str = "0104417"
    amount: Decimal = Decimal("-60.00")
    vendor: str = ""


def verdict(details: Sequence[dict[str, Any]] | None, *ledger: Row, posted: bool = False) -> Verdict:
    return judge(BODY, FoundFile(details, posted, ledger), entry=EntryType.INVOICES, padded_to=7)


def test_what_neither_entry_nor_ledger_show_may_be_planned_again() -> None:
    assert verdict(None).state is FileState.REFUSED


def test_an_entry_exactly_as_sent_is_entered() -> None:
    assert verdict([LINE]) == Verdict(FileState.ENTERED)


@pytest.mark.parametrize("details", [[LINE], None], ids=["control_row_shown", "only_the_ledger_shows_it"])
def test_ledger_rows_exactly_as_sent_are_finished(details: list[dict[str, Any]] | None) -> None:
    assert verdict(details, Row(), posted=details is not None) == Verdict(FileState.POSTING)


@pytest.mark.parametrize(
    ("details", "ledger", "posted", "word"),
    [
        ([{**LINE, "Amount": Decimal("0.01")}], [], False, "0.01"),
        ([], [], False, "missing"),
        ([LINE, {**LINE, "PKey": "b2"}], [], False, "not ours"),
        ([LINE], [replace(Row(), amount=Decimal("-0.01"))], True, "0.01"),
        ([LINE], [replace(Row(), period=202611)], True, "202611"),
        # Told to post, Vantagepoint would post it a second time.
        ([LINE], [Row()], False, "not posted"),
        # The ledger may lag: entered it is not any more, and sending it again would double it.
        ([LINE], [], True, "no line"),
    ],
    ids=["amount", "emptied", "line_added", "ledger_amount", "ledger_period", "entry_not_posted", "ledger_empty"],
)
def test_anything_else_stays_held_and_says_what_differs(
    details: list[dict[str, Any]], ledger: list[Row], *, posted: bool, word: str
) -> None:
    found = verdict(details, *ledger, posted=posted)
    assert found.state is FileState.HELD
    assert word in " ".join(found.differences)
