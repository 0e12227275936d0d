"""The bodies that a real third-party client builds are accepted as they are."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_deltek_pipeline.sandbox.contractor.world import VantagepointWorld
from st_deltek_pipeline_tests.sandbox.vantagepoint.conftest import OpenOffice
from st_deltek_pipeline_tests.sandbox.vantagepoint.full_books import cost, full_books, voucher, vouchers
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import Office, detail, exact, invoice_file, master

_PAYLOADS = Path(__file__).parents[4] / "shared/specs/vantagepoint/peer_payloads"

pytestmark = pytest.mark.skipif(not _PAYLOADS.exists(), reason="the payloads are not beside this repository")


def _payload(name: str) -> dict[str, Any]:
    return json.loads((_PAYLOADS / f"{name}.json").read_text(), parse_float=Decimal)


def _peer_world() -> VantagepointWorld:
    """Return books with the period, project and accounts that the payloads name."""
    world = full_books()
    period = {**world.periods[202610], "Period": 202603, "FmtPeriod": "3/2026"}
    world.periods = {202603: period, **world.periods}
    world.projects["26-0001", "", ""] = {**world.projects["P100", "", ""], "WBS1": "26-0001"}
    for number, kind in (("11100", "1"), ("52300", "7")):
        world.accounts[number] = {"Account": number, "Name": number, "Type": kind, "Status": "A", "Detail": "1"}
    world.auto_posting["A0"]["AcctsReceivable"] = "11100"
    return world


@pytest.fixture
def peer(open_office: OpenOffice) -> Office:
    return open_office(world=_peer_world())


def test_a_cash_receipt_is_entered_and_posted(peer: Office) -> None:
    lines = [detail("0001234", "26-0001", "100.00")]
    peer.enter_and_post(invoice_file("I1", [master("0001234", "26-0001")], lines, Period=202603))
    answer = peer.send("POST", "DataEntry/crControl", _payload("qbo_cash_receipt_POST_DataEntry_crControl"))
    assert answer.status_code == 201, answer.text
    assert exact(answer)[0]["DiffTotal"] == 0
    posted = peer.send("PUT", "DataEntry/PostTransFile", _payload("qbo_cash_receipt_PUT_DataEntry_PostTransFile"))
    assert '"retList":"1"' in posted.json()
    (balance,) = peer.get("ARReview/ARBalance")
    assert (balance["OriginalAmt"], balance["Balance"]) == (Decimal("100.00"), 0)


def test_a_cash_disbursement_is_entered_and_posted(peer: Office) -> None:
    body = _payload("ukg_cash_disbursement_POST_DataEntry_cdControl")
    rows = peer.book("cd", body)
    assert [row["Amount"] for row in rows] == [Decimal("120.00"), Decimal("-120.00")]
    assert rows[0]["PKey"] == "UKGProPR202603_0000"
    again = peer.send("POST", "DataEntry/cdControl", body)
    assert "already exists and cannot be added" in again.json()["message"]


def test_a_vendor_payment_pays_its_voucher(peer: Office) -> None:
    peer.twin.set_switches({"voucher_numbers": "required"})
    bill = voucher(Invoice="INV-9", InvoiceDate="2026-03-01", Voucher="0000012", TransDate="2026-03-01")
    peer.book("ap", vouchers("V1", [bill], [cost(WBS1="26-0001", Account="52300")]))
    answer = peer.send("POST", "../vision/ledger/PP", _payload("qbo_vendor_payment_POST_vision_ledger_PP"))
    assert answer.status_code == 201, answer.text
    rows = peer.get("PSALedger/PP")
    assert [(row["Account"], row["Amount"], row["RefNo"]) for row in rows] == [
        ("2000.00", Decimal("250.00"), "5005"),
        ("1010.00", Decimal("-250.00"), "5005"),
    ]
