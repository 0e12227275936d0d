"""A vendor's invoice number that comes twice is held; a person lets one bill have it, and only that one."""

import json
from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import ConfigurationError, TransientError
from st_deltek_pipeline.services.holds import Released, release_document
from st_deltek_pipeline.services.reconciliation import tie_out
from st_deltek_pipeline.services.reversing import reverse
from st_deltek_pipeline.store.holds import events_of_document
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench
from st_deltek_pipeline_tests.services.posting.kinds import outcome_of, prepare_kinds, run_kinds, take_in_documents

BILLS = (Kind.BILL,)
DAY = QUIET_DAY.isoformat()
NUMBER = "INV-7788"
WHY = "Two deliveries on one invoice."
ZERO = Decimal("0.00")
HELD = ("held", "duplicate_vendor_invoice")


def add(acme: Bench, total: str, **fields: Any) -> dict[str, Any]:
    """Enter a bill of the one vendor of these tests, and take it in."""
    vendor = fields.pop("vendorId", None) or _vendor(acme)
    bill = acme.sandbox.add_bill(date=DAY, total=total, vendorId=vendor, vendorNumber=NUMBER, **fields)
    take_in_documents(acme)
    return bill


def _vendor(acme: Bench) -> int:
    """A vendor of the month that its bills show to have a firm with accounting data."""
    (row,) = acme.rows("SELECT vendor_id FROM staged.bills WHERE document_id = :id", id=_first_posted(acme))
    return row.vendor_id


def _first_posted(acme: Bench) -> int:
    rows = acme.rows("SELECT min(document_id) AS id FROM journal.outcomes WHERE kind = 'bill' AND outcome = 'posted'")
    return rows[0].id


@pytest.fixture
def acme(quiet: Bench) -> Bench:
    """The small month with a bill posted on the quiet day, whose vendor the tests use."""
    quiet.sandbox.add_bill(date=DAY, total="1.00")
    take_in_documents(quiet)
    run_kinds(quiet, BILLS)
    return quiet


@pytest.fixture
def bills(acme: Bench) -> tuple[dict[str, Any], dict[str, Any]]:
    """A bill that is posted, and one with the same number and the same amount that is held."""
    first = add(acme, "250.00")
    run_kinds(acme, BILLS)
    second = add(acme, "250.00")
    run_kinds(acme, BILLS)
    assert outcome_of(acme, Kind.BILL, first["id"])[0] == "posted"
    assert outcome_of(acme, Kind.BILL, second["id"]) == (*HELD, Decimal("250.00"))
    return first, second


def key(bill: dict[str, Any]) -> DocumentKey:
    return DocumentKey("acme", Kind.BILL, bill["id"])


def allow(acme: Bench, bill: dict[str, Any], reason: str = WHY) -> Released:
    return release_document(acme.context, key(bill), by="jane", reason=reason).what


def stands(acme: Bench) -> Decimal:
    """What Vantagepoint's ledger owes under the number, over all vouchers."""
    rows = [row for row in acme.sandbox.ledger() if row["TransType"] == "AP" and row["AutoEntry"] != "Y"]
    return sum((Decimal(row["Amount"]) for row in rows if row["Invoice"] == NUMBER), start=ZERO)


def ties_out(acme: Bench) -> bool:
    return tie_out(acme.engine, acme.settings, QUIET_DAY, QUIET_DAY, kinds=BILLS).balanced


def test_where_the_connection_allows_it_both_bills_are_posted_and_each_follows_its_own_changes(acme: Bench) -> None:
    acme.changed(posting={"duplicate_vendor_invoice": "allow"})
    first, second = add(acme, "250.00"), add(acme, "250.00")
    run_kinds(acme, BILLS)
    assert stands(acme) == Decimal("500.00")
    acme.sandbox.edit_bill(second["id"], billAmount="260.00")
    take_in_documents(acme)
    run_kinds(acme, BILLS)
    assert {outcome_of(acme, Kind.BILL, bill["id"])[0] for bill in (first, second)} == {"posted"}
    assert stands(acme) == Decimal("510.00")
    assert ties_out(acme)
    run_kinds(acme, BILLS)
    assert stands(acme) == Decimal("510.00")


def test_an_allowed_bill_is_posted_beside_the_first_and_not_taken_for_it(
    acme: Bench, bills: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    """T38: the same vendor invoice number twice."""
    _, second = bills
    assert stands(acme) == Decimal("250.00")
    assert allow(acme, second) is Released.DUPLICATE
    assert outcome_of(acme, Kind.BILL, second["id"]) == ("in_flight", "", Decimal("250.00"))
    assert QUIET_DAY in acme.context.journal.days_under_way(Kind.BILL)
    assert ties_out(acme)
    run_kinds(acme, BILLS)
    assert outcome_of(acme, Kind.BILL, second["id"]) == ("posted", "", ZERO)
    assert stands(acme) == Decimal("500.00")
    assert ties_out(acme)
    (told,) = [
        json.loads(event.body)
        for event in events_of_document(acme.engine, key(second))
        if event.event_type == "document_allowed"
    ]
    assert (told["by"], told["why"], told["number"]) == ("jane", WHY, NUMBER.lower())


def test_other_bills_of_the_vendor_stay_protected(acme: Bench, bills: tuple[dict[str, Any], dict[str, Any]]) -> None:
    _, second = bills
    third = add(acme, "99.00")
    allow(acme, second)
    run_kinds(acme, BILLS)
    assert outcome_of(acme, Kind.BILL, third["id"]) == (*HELD, Decimal("99.00"))
    fourth = add(acme, "250.00")
    run_kinds(acme, BILLS)
    assert outcome_of(acme, Kind.BILL, fourth["id"]) == (*HELD, Decimal("250.00"))
    assert stands(acme) == Decimal("500.00")


def test_without_a_reason_nothing_is_allowed(acme: Bench, bills: tuple[dict[str, Any], dict[str, Any]]) -> None:
    _, second = bills
    with pytest.raises(ConfigurationError, match="used before"):
        allow(acme, second, "")
    run_kinds(acme, BILLS)
    assert outcome_of(acme, Kind.BILL, second["id"])[:2] == HELD


def test_a_bill_that_is_edited_before_it_is_posted_is_held_again(
    acme: Bench, bills: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    _, second = bills
    allow(acme, second)
    acme.sandbox.edit_bill(second["id"], billAmount="900.00")
    take_in_documents(acme)
    run_kinds(acme, BILLS)
    assert outcome_of(acme, Kind.BILL, second["id"]) == (*HELD, Decimal("900.00"))
    assert stands(acme) == Decimal("250.00")


def test_a_bill_that_changed_since_it_was_held_is_not_allowed_unseen(
    acme: Bench, bills: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    _, second = bills
    acme.sandbox.edit_bill(second["id"], billAmount="900.00")
    take_in_documents(acme)
    prepare_kinds(acme, BILLS)
    with pytest.raises(TransientError, match="has changed"):
        allow(acme, second)


def test_corrections_and_cancellation_of_an_allowed_bill_need_no_new_permission(
    acme: Bench, bills: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    first, second = bills
    allow(acme, second)
    run_kinds(acme, BILLS)
    acme.sandbox.edit_bill(second["id"], billAmount="300.00")
    take_in_documents(acme)
    run_kinds(acme, BILLS)
    assert outcome_of(acme, Kind.BILL, second["id"]) == ("posted", "", ZERO)
    assert stands(acme) == Decimal("550.00")
    acme.sandbox.bill(second["id"], "cancel")
    take_in_documents(acme)
    run_kinds(acme, BILLS)
    assert outcome_of(acme, Kind.BILL, second["id"])[2] == ZERO
    assert stands(acme) == Decimal("250.00")
    assert outcome_of(acme, Kind.BILL, first["id"])[0] == "posted"
    assert ties_out(acme)


def test_an_allowed_bill_is_reversed_without_touching_the_other(
    acme: Bench, bills: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    first, second = bills
    allow(acme, second)
    run_kinds(acme, BILLS)
    assert reverse(acme.context, key(second), reason=WHY, by="jane").complete
    assert stands(acme) == Decimal("250.00")
    assert outcome_of(acme, Kind.BILL, first["id"])[0] == "posted"
    assert ties_out(acme)


def test_a_number_that_somebody_entered_in_vantagepoint_is_allowed_likewise(acme: Bench) -> None:
    bill = add(acme, "250.00")
    run_kinds(acme, BILLS)
    assert reverse(acme.context, key(bill), reason="Entered by hand.", by="jane").complete
    body = json.loads(
        acme.rows(
            "SELECT body FROM journal.bodies JOIN journal.transaction_files USING (body_hash) "
            "JOIN journal.postings USING (connection, batch) WHERE document_id = :id AND posting_no = 1",
            id=bill["id"],
        )[0].body,
        parse_float=Decimal,
    )
    by_hand = _renamed(body)
    acme.vantagepoint.set_active_period(202610)
    acme.vantagepoint.enter_file("ap", by_hand)
    assert acme.vantagepoint.post_file("ap", "BYHAND", company="01", period=202610, description="by hand").posted
    again = add(acme, "80.00")
    run_kinds(acme, BILLS)
    assert outcome_of(acme, Kind.BILL, again["id"]) == (*HELD, Decimal("80.00"))
    allow(acme, again)
    run_kinds(acme, BILLS)
    assert outcome_of(acme, Kind.BILL, again["id"]) == ("posted", "", ZERO)
    third = add(acme, "90.00")
    run_kinds(acme, BILLS)
    assert outcome_of(acme, Kind.BILL, third["id"]) == (*HELD, Decimal("90.00"))


def _renamed(body: dict[str, Any]) -> dict[str, Any]:
    """The same voucher under keys of its own, as a person's entry would have them."""
    (master,) = body["apMaster"]
    details = [
        {**row, "Batch": "BYHAND", "MasterPKey": "HAND", "PKey": f"HAND{n}"} for n, row in enumerate(body["apDetail"])
    ]
    return {
        **body,
        "Batch": "BYHAND",
        "apMaster": [{**master, "Batch": "BYHAND", "MasterPKey": "HAND"}],
        "apDetail": details,
    }
