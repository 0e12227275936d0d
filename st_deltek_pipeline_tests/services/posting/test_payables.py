"""Bills and AP credits over HTTP: what is owed to vendors in Vantagepoint is what ServiceTitan says, to the cent."""

from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.services.reconciliation import tie_out
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench
from st_deltek_pipeline_tests.services.posting.kinds import outcome_of, run_kinds, take_in_documents

DAY = QUIET_DAY.isoformat()
PAYABLES = (Kind.BILL, Kind.AP_CREDIT)

Row = dict[str, Any]


@pytest.fixture
def acme(quiet: Bench) -> Bench:
    """A small month, in which nothing happens on the day of these tests."""
    return quiet


def add(acme: Bench, total: str, **fields: Any) -> Row:
    return acme.sandbox.add_bill(date=DAY, total=total, **fields)


def run(acme: Bench) -> None:
    take_in_documents(acme)
    run_kinds(acme, PAYABLES)
    result = tie_out(acme.engine, acme.settings, QUIET_DAY, QUIET_DAY, kinds=PAYABLES)
    assert result.balanced


def posted(acme: Bench, kind: str = "AP") -> list[Row]:
    return [row for row in acme.sandbox.ledger() if row["TransType"] == kind]


def owed(acme: Bench, number: str) -> Decimal:
    """What Vantagepoint's ledger owes under a vendor's number: the rows it posted by itself, as a payable is negative."""
    rows = (row for row in posted(acme) if row["AutoEntry"] == "Y" and row["Invoice"] == number)
    return -sum((Decimal(row["Amount"]) for row in rows), Decimal(0))


def booked(acme: Bench, number: str) -> dict[str, Decimal]:
    """What the voucher's own lines book, by account; zeros left out."""
    found: dict[str, Decimal] = {}
    for row in posted(acme):
        if row["AutoEntry"] != "Y" and row["Invoice"] == number:
            found[row["Account"]] = found.get(row["Account"], Decimal(0)) + Decimal(row["Amount"])
    return {account: amount for account, amount in found.items() if amount}


@pytest.mark.parametrize("source", ["inventory_bills", "ap_bills"])
def test_a_bills_whole_life_is_followed_to_the_cent(acme: Bench, source: str) -> None:
    """T38: edited, cancelled, in another period."""
    acme.changed(posting={"bills_source": source})
    bill = add(acme, "250.00", vendorNumber="FR-1")
    run(acme)
    assert outcome_of(acme, Kind.BILL, bill["id"]) == ("posted", "", Decimal("0.00"))
    assert owed(acme, "FR-1") == Decimal("250.00")
    assert {row["PONumber"] for row in posted(acme) if row["AutoEntry"] != "Y" and row["Invoice"] == "FR-1"} != {""}

    acme.sandbox.edit_bill(bill["id"], billAmount="230.00")
    acme.sandbox.edit_bill(bill["id"], shippingAmount="12.50")
    run(acme)
    (edited,) = acme.rows("SELECT total FROM staged.bills WHERE document_id = :id", id=bill["id"])
    assert owed(acme, "FR-1") == edited.total != Decimal("250.00")

    acme.sandbox.edit_bill(bill["id"], vendorNumber="FR-2")
    run(acme)
    assert (owed(acme, "FR-1"), owed(acme, "FR-2")) == (Decimal(0), edited.total)

    acme.sandbox.bill(bill["id"], "cancel")
    run(acme)
    assert owed(acme, "FR-2") == Decimal(0)
    assert booked(acme, "FR-2") == {}
    assert outcome_of(acme, Kind.BILL, bill["id"]) == ("posted", "", Decimal("0.00"))


def test_tax_shipping_and_other_costs_are_lines_or_part_of_the_items_and_sum_up_either_way(acme: Bench) -> None:
    """T38: freight and tax."""
    extras = {"taxAmount": "8.13", "shippingAmount": "15.00", "otherAmount": "0.87"}
    add(acme, "250.00", vendorNumber="FR-LINES", **extras)
    run(acme)
    acme.changed(posting={"bill_extras": "allocated"})
    add(acme, "250.00", vendorNumber="FR-PARTS", **extras)
    run(acme)
    lines, parts = booked(acme, "FR-LINES"), booked(acme, "FR-PARTS")
    assert sum(lines.values()) == sum(parts.values()) == owed(acme, "FR-LINES") == owed(acme, "FR-PARTS")
    assert len(lines) > len(parts)


def test_bills_and_credits_as_journal_entries_balance_on_the_liability_account(acme: Bench) -> None:
    account = "201.00"
    payables = {"name": "payables", "when": {"line": "payable"}, "give": {"liability": account}}
    plain = acme.settings.model_dump()
    coding = [payables, *plain["coding"]]
    acme.settings = type(acme.settings).model_validate(
        {**plain, "posting": {**plain["posting"], "bills_as": "journal_entry"}, "coding": coding}
    )
    bill = add(acme, "250.00")
    run(acme)
    acme.sandbox.bill(bill["id"], "credit", amount="40.00", date=DAY)
    run(acme)
    rows = posted(acme, "JE")
    assert sum(Decimal(row["Amount"]) for row in rows) == Decimal(0)
    assert sum(Decimal(row["Amount"]) for row in rows if row["Account"] == account) == Decimal("-210.00")
    assert {row["RefNo"][0] for row in rows} == {"B", "A"}
    acme.sandbox.bill(bill["id"], "cancel")
    run(acme)
    assert sum(Decimal(row["Amount"]) for row in posted(acme, "JE") if row["Account"] == account) == Decimal("40.00")
    assert posted(acme) == []


def test_a_vendors_credit_takes_off_what_is_owed_to_it(acme: Bench) -> None:
    """T38: returned."""
    bill = add(acme, "250.00", vendorNumber="FR-1")
    run(acme)
    credit = acme.sandbox.bill(bill["id"], "credit", amount="40.00", date=DAY, referenceNumber="FR-CR-1")
    run(acme)
    assert outcome_of(acme, Kind.AP_CREDIT, credit["id"]) == ("posted", "", Decimal("0.00"))
    assert (owed(acme, "FR-1"), owed(acme, "FR-CR-1")) == (Decimal("250.00"), Decimal("-40.00"))


def test_two_bills_of_one_purchase_order_are_two_vouchers(acme: Bench) -> None:
    """T38: a second bill of one purchase order."""
    first = add(acme, "100.00", vendorNumber="FR-1")
    second = add(acme, "60.00", vendorNumber="FR-2", purchaseOrderId=first["purchaseOrderId"])
    assert first["purchaseOrderId"] == second["purchaseOrderId"] is not None
    run(acme)
    assert [owed(acme, number) for number in ("FR-1", "FR-2")] == [
        Decimal(bill["billAmount"]) for bill in (first, second)
    ]


def test_a_zero_bill_is_ignored_or_posted_as_the_connection_says(acme: Bench) -> None:
    nothing = add(acme, "50.00", vendorNumber="FR-0")
    free = [{**item, "cost": "0.00"} for item in nothing["items"]]
    acme.sandbox.edit_bill(nothing["id"], items=free)
    run(acme)
    assert outcome_of(acme, Kind.BILL, nothing["id"])[:2] == ("ignored", "zero_document")
    acme.changed(posting={"zero_documents": "post"})
    run(acme)
    assert outcome_of(acme, Kind.BILL, nothing["id"])[:2] == ("posted", "")
    assert {Decimal(row["Amount"]) for row in posted(acme) if row["Invoice"] == "FR-0"} == {Decimal(0)}


def test_bad_bills_are_held_each_for_its_reason_while_the_good_ones_go_on(acme: Bench) -> None:
    good = [add(acme, f"{number}00.00", vendorNumber=f"GOOD-{number}") for number in (1, 2)]
    bad = {
        "no_vendor": {"vendor": None},
        "negative_quantity": lambda bill: {"items": [{**bill["items"][0], "quantity": "-1"}, *bill["items"][1:]]},
        "amounts_do_not_add_up": {"billAmount": "999.99"},
        "unreadable": {"billAmount": "99.995"},
        "no_business_unit": {"businessUnit": None},
        "invoice_number_unusable": {"vendorNumber": "A number that is far too long"},
    }
    ids: dict[str, int] = {}
    for reason, change in bad.items():
        bill = add(acme, "70.00")
        fields = change(bill) if callable(change) else change
        acme.sandbox.edit_bill(bill["id"], verbatim=True, **fields)
        ids[reason] = bill["id"]
    take_in_documents(acme)
    run_kinds(acme, PAYABLES)
    assert {reason: outcome_of(acme, Kind.BILL, bill_id)[:2] for reason, bill_id in ids.items()} == {
        reason: ("held", reason) for reason in bad
    }
    assert [outcome_of(acme, Kind.BILL, bill["id"])[0] for bill in good] == ["posted", "posted"]
    result = tie_out(acme.engine, acme.settings, QUIET_DAY, QUIET_DAY, kinds=PAYABLES)
    assert result.unaccounted == ()
    assert result.balanced
