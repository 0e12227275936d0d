"""An invoice is edited after it was posted, in every way: each edit is one linked difference, and undone edits leave nothing."""

from decimal import Decimal
from typing import Any

from st_deltek_pipeline.sandbox.contractor.taxes import ZONES_BY_ID
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench

Places = dict[tuple[str, str, str], Decimal]


def _places(quiet: Bench, *document_ids: int) -> Places:
    """What Vantagepoint's ledger holds of documents, by project, account and invoice number; no line stands twice."""
    ours = {
        row.line_key
        for row in quiet.rows(
            "SELECT line_key FROM journal.posting_lines WHERE document_id = ANY(:ids)", ids=list(document_ids)
        )
    }
    rows = [row for row in quiet.sandbox.ledger() if row["PKey"] in ours]
    assert len({row["PKey"] for row in rows}) == len(rows)
    found: Places = {}
    for row in rows:
        key = (row["WBS1"], row["Account"], row["Invoice"])
        found[key] = found.get(key, Decimal("0.00")) - Decimal(row["Amount"])
    return {key: amount for key, amount in found.items() if amount}


def _edit(quiet: Bench, invoice: dict[str, Any], **fields: Any) -> int:
    """Edit, take in and run; return how many documents were posted for it."""
    quiet.sandbox.edit_invoice(invoice["id"], **fields)
    quiet.take_in_invoices()
    planned = quiet.run(QUIET_DAY).planned
    assert quiet.outcome(invoice["id"]) == ("posted", "", Decimal("0.00"))
    assert quiet.tie_out(QUIET_DAY).balanced
    assert quiet.run(QUIET_DAY).batches == ()
    return planned


def test_edits_of_amount_unit_customer_and_lines_are_differences_and_undone_they_net_to_nothing(quiet: Bench) -> None:
    """T36: amount, date, customer, business unit, line; once, linked; edited back to the original is net zero."""
    invoice = quiet.add(PART_A="60.00", PART_B="40.00")
    original = quiet.sandbox.edit_invoice(invoice["id"])
    quiet.run(QUIET_DAY)
    first = _places(quiet, invoice["id"])
    assert sum(first.values()) == Decimal("100.00")
    world = quiet.sandbox.running.sandbox.world.servicetitan
    lines = original["items"]
    unit = next(key for key in world.business_units if key != original["businessUnit"]["id"])
    # A customer whose firm is certain, as of any clean invoice.
    customer = next(
        row["customer"]["id"]
        for row in world.invoices.values()
        if row["customer"]["id"] != original["customer"]["id"] and row["syncStatus"] == "Posted"
    )

    assert _edit(quiet, invoice, items=[{**lines[0], "price": "65.00", "total": "65.00"}, lines[1]]) == 1
    assert sum(_places(quiet, invoice["id"]).values()) == Decimal("105.00")
    # One line goes; what it stood on is taken back there.
    assert _edit(quiet, invoice, items=[lines[0]]) == 1
    assert _places(quiet, invoice["id"]) == {key: amount for key, amount in first.items() if amount == Decimal("60.00")}
    # Another SKU is another line, which no rule gives a project, so that the unit's counts.
    other = {**lines[0], "id": lines[0]["id"] + 7, "skuName": "TUNE-UP"}
    assert _edit(quiet, invoice, items=[other]) == 1
    before = _places(quiet, invoice["id"])
    assert _edit(quiet, invoice, businessUnitId=unit) == 1
    moved = _places(quiet, invoice["id"])
    assert {wbs1 for wbs1, _, _ in moved}.isdisjoint(wbs1 for wbs1, _, _ in before)
    assert sum(moved.values()) == Decimal("60.00")
    # An AR invoice names no customer: its project does. The new revision is settled without a posting.
    assert _edit(quiet, invoice, customerId=customer) == 0
    assert _places(quiet, invoice["id"]) == moved

    back = {"customerId": original["customer"]["id"], "businessUnitId": original["businessUnit"]["id"]}
    assert _edit(quiet, invoice, **back, items=lines) == 1
    assert _places(quiet, invoice["id"]) == first
    postings = quiet.rows(
        "SELECT posting_no, correction FROM journal.postings WHERE document_id = :id ORDER BY posting_no",
        id=invoice["id"],
    )
    # Numbered on from the first ones, whose corrections they say they are.
    assert [row.posting_no for row in postings] == list(range(1, len(postings) + 1))
    assert [row.correction for row in postings] == [False, False] + [True] * (len(postings) - 2)


def test_a_chain_of_adjustment_invoices_stands_invoice_by_invoice_and_a_void_takes_back_only_its_own(
    quiet: Bench,
) -> None:
    """T37: adjustment invoice chain; void and active=false in the middle of it."""
    origin = quiet.add(PART_A="100.00")
    number = origin["referenceNumber"]
    first = quiet.add(PART_A="-30.00")
    second = quiet.add(PART_A="10.00")
    for each, suffix, adjusted in ((first, "001", origin), (second, "002", first)):
        changed = {"referenceNumber": f"{number}-{suffix}", "adjustmentToId": adjusted["id"]}
        quiet.sandbox.edit_invoice(each["id"], **changed)
    quiet.take_in_invoices()
    quiet.run(QUIET_DAY)
    everything = [each["id"] for each in (origin, first, second)]
    amounts = {invoice: sum(_places(quiet, invoice).values()) for invoice in everything}
    assert list(amounts.values()) == [Decimal("100.00"), Decimal("-30.00"), Decimal("10.00")]
    numbers = {key[2] for key in _places(quiet, *everything)}
    assert len(numbers) == 3
    quiet.sandbox.void_invoice(first["id"])
    quiet.take_in_invoices()
    assert quiet.run(QUIET_DAY).total == Decimal("30.00")
    assert _places(quiet, first["id"]) == {}
    assert sum(_places(quiet, *everything).values()) == Decimal("110.00")
    assert quiet.tie_out(QUIET_DAY).balanced


def test_each_tax_account_holds_exactly_the_months_sales_tax_of_its_zone(quiet: Bench) -> None:
    """T34: the liability account per zone ties out per month, from ServiceTitan's own figures to the ledger."""
    for day in quiet.days():
        quiet.run(day)
    world = quiet.sandbox.running.sandbox.world.servicetitan
    posted = {
        row.document_id for row in quiet.rows("SELECT document_id FROM journal.outcomes WHERE outcome = 'posted'")
    }
    charged: dict[tuple[str, str], Decimal] = {}
    for invoice_id in posted:
        row = world.invoices[invoice_id]
        if Decimal(row["salesTax"]):
            key = (row["invoiceDate"][:7], ZONES_BY_ID[row["taxZoneId"]].account)
            charged[key] = charged.get(key, Decimal("0.00")) + Decimal(row["salesTax"])
    held: dict[tuple[str, str], Decimal] = {}
    for row in quiet.sandbox.ledger():
        if row["TaxCode"] and row["AutoEntry"] == "N":
            key = (f"{str(row['Period'])[:4]}-{str(row['Period'])[4:]}", row["Account"])
            held[key] = held.get(key, Decimal("0.00")) - Decimal(row["Amount"])
    assert len(charged) > 2
    assert held == charged
