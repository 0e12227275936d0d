from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.sandbox.contractor.bank_deposits import transaction_row
from st_deltek_pipeline.sandbox.contractor.credit_memos import CreditMemoTrouble
from st_deltek_pipeline.sandbox.contractor.payment_troubles import PaymentTrouble
from st_deltek_pipeline.sandbox.contractor.payment_types import BANK_BY_PAYMENT_TYPE, JOURNAL_ENTRY_TYPES
from st_deltek_pipeline.sandbox.contractor.world import Row, World

READY = ("Posted", "Exported")
ZERO = Decimal("0.00")


def _applied(payment: Row) -> list[tuple[int, Decimal]]:
    return [(part["appliedTo"], Decimal(part["appliedAmount"])) for part in payment["appliedTo"]]


def _received(world: World) -> dict[int, Decimal]:
    received: dict[int, Decimal] = defaultdict(Decimal)
    for payment in world.servicetitan.payments.values():
        for invoice_id, amount in _applied(payment) if payment["active"] else []:
            received[invoice_id] += amount
    for memo in world.servicetitan.credit_memos.values():
        for part in memo["appliedTo"] if memo["active"] else []:
            received[part["appliedTo"]] += part["appliedAmount"]
    return received


def test_a_default_month_has_about_seven_payments_for_six_invoices(default_month: World) -> None:
    tenant = default_month.servicetitan
    assert 6_700 < len(tenant.payments) < 7_500


@pytest.mark.parametrize("scenario", ["month_world", "clean_world"])
def test_every_balance_is_the_total_less_what_active_payments_and_credit_memos_apply(
    scenario: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(scenario)
    received = _received(world)
    for key, invoice in world.servicetitan.invoices.items():
        if invoice["total"] is None:
            assert invoice["balance"] is None
            continue
        assert Decimal(invoice["balance"]) == Decimal(invoice["total"]) - received.get(key, ZERO), key
        assert (invoice["paidOn"] is not None) == (key in received and Decimal(invoice["balance"]) == 0)
        assert invoice["depositedOn"] is None or invoice["paidOn"] is not None


def test_a_customers_balance_is_open_invoices_less_money_that_waits(month_world: World) -> None:
    tenant = month_world.servicetitan
    owed: dict[int, Decimal] = defaultdict(Decimal)
    for invoice in tenant.invoices.values():
        if invoice["active"]:
            owed[invoice["customer"]["id"]] += Decimal(invoice["balance"] or 0)
    for payment in tenant.payments.values():
        if payment["active"]:
            owed[payment["customer"]["id"]] -= Decimal(payment["unappliedAmount"])
    for memo in tenant.credit_memos.values():
        if memo["active"]:
            owed[memo["customer"]["id"]] -= memo["balance"]
    assert all(row["balance"] == owed.get(key, ZERO) for key, row in tenant.customers.items())
    assert any(row["balance"] < 0 for row in tenant.customers.values())


def test_every_clean_payment_adds_up_and_names_what_exists(clean_world: World) -> None:
    tenant = clean_world.servicetitan
    types = {str(key): row["name"] for key, row in tenant.payment_types.items()}
    for payment in tenant.payments.values():
        applied = total(amount for _, amount in _applied(payment))
        assert Decimal(payment["total"]) == applied + Decimal(payment["unappliedAmount"]), payment["id"]
        assert Decimal(payment["total"]) != 0
        assert types[payment["typeId"]] == payment["type"]
        assert payment["type"] in BANK_BY_PAYMENT_TYPE or payment["type"] in JOURNAL_ENTRY_TYPES
        assert payment["customer"]["id"] in tenant.customers
        assert payment["refundedPaymentId"] is None or payment["refundedPaymentId"] < payment["id"]
        assert payment["appliedTo"] or payment["businessUnit"], "unapplied money needs a business unit"
        assert "2026-10-01" <= payment["date"][:10] <= "2026-10-31"
        for invoice_id, _ in _applied(payment):
            invoice = tenant.invoices[invoice_id]
            assert invoice["active"]
            assert invoice["syncStatus"] in READY
            assert invoice["customer"]["id"] == payment["customer"]["id"]


def test_no_clean_invoice_is_ever_paid_more_than_it_is_worth(clean_world: World) -> None:
    tenant = clean_world.servicetitan
    running: dict[int, Decimal] = defaultdict(Decimal)
    for payment in tenant.payments.values():
        for invoice_id, amount in _applied(payment) if payment["active"] else []:
            running[invoice_id] += amount
            worth = Decimal(tenant.invoices[invoice_id]["total"])
            assert min(ZERO, worth) <= running[invoice_id] <= max(ZERO, worth), invoice_id


def test_payments_come_in_the_order_of_entry_with_unique_ids(month_world: World) -> None:
    payments = month_world.servicetitan.payments
    assert list(payments) == sorted(payments)
    created = [row["createdOn"][:19] for row in payments.values()]
    assert created == sorted(created)
    parts = [part["appliedId"] for row in payments.values() for part in row["appliedTo"]]
    assert len(set(parts)) == len(parts)
    assert all(row["modifiedOn"] >= row["createdOn"] for row in payments.values())


def test_everything_that_happens_with_money_happens_twice(clean_world: World) -> None:
    tenant = clean_world.servicetitan
    rows = list(tenant.payments.values())
    refunded = {row["refundedPaymentId"] for row in rows} - {None}
    units = {key: (row["businessUnit"] or {}).get("id") for key, row in tenant.invoices.items()}

    def happens(name: str) -> int:
        return {
            "in part": sum(
                Decimal(row["balance"]) > 0 and row["balance"] != row["total"] for row in tenant.invoices.values()
            ),
            "overpaid": sum(bool(row["appliedTo"]) and Decimal(row["unappliedAmount"]) > 0 for row in rows),
            "several invoices": sum(len(row["appliedTo"]) > 1 for row in rows),
            "several units": sum(len({units[key] for key, _ in _applied(row)}) > 1 for row in rows),
            "never applied": sum(not row["appliedTo"] and Decimal(row["total"]) > 0 for row in rows),
            "applied later": sum(any(part["appliedOn"] > row["date"] for part in row["appliedTo"]) for row in rows),
            "before its invoice": sum(
                any(tenant.invoices[key]["invoiceDate"] > row["date"] for key, _ in _applied(row)) for row in rows
            ),
            "dated before it was entered": sum(row["date"][:10] < row["createdOn"][:10] for row in rows),
            "voided": sum(not row["active"] for row in rows),
            "refunds": sum(row["refundedPaymentId"] is not None and Decimal(row["total"]) < 0 for row in rows),
            "refunds of refunds": sum(row["id"] in refunded and row["refundedPaymentId"] is not None for row in rows),
            "refunds of an adjustment": sum(
                Decimal(row["total"]) < 0 and any(tenant.invoices[key]["adjustmentToId"] for key, _ in _applied(row))
                for row in rows
            ),
            "returned checks": sum(row["type"] == "NSF (returned check)" for row in rows),
            "journal entries": sum(row["type"] == "Journal Entry" for row in rows),
            "pending": sum(row["syncStatus"] == "Pending" for row in rows),
            "exported": sum(row["syncStatus"] == "Exported" for row in rows),
        }[name]

    for name in ("in part", "overpaid", "several invoices", "several units", "never applied", "applied later",
                 "before its invoice", "dated before it was entered", "voided", "refunds", "refunds of refunds",
                 "refunds of an adjustment", "returned checks", "journal entries", "pending", "exported"):  # fmt: skip
        assert happens(name) >= 2, name
    assert {row["type"] for row in rows} >= {"Check", "Credit Card", "Cash", "ACH", "Financing"}


def test_deposits_bring_in_exactly_their_payments_and_cards_cost_fees(month_world: World) -> None:
    tenant = month_world.servicetitan
    deposits, transactions = tenant.bank_deposits, tenant.bank_deposit_transactions
    assert list(deposits) == list(transactions)
    banked = Counter(row["id"] for rows in transactions.values() for row in rows)
    assert set(banked.values()) == {1}
    for key, deposit in deposits.items():
        rows = transactions[key]
        assert deposit["grossAmount"] == total(Decimal(row["total"]) for row in rows)
        assert deposit["netAmount"] == deposit["grossAmount"] - (deposit["fees"] or ZERO)
        for row in rows:
            assert row == transaction_row(tenant.payments[row["id"]])
            assert row["deposit"]["id"] == key
            assert row["active"]
    assert {row["depositStatus"] for row in deposits.values()} == {"Open", "Deposited"}
    assert any(row["fees"] for row in deposits.values())
    assert any(row["deposit"] is None for row in tenant.payments.values())


def test_credit_memos_apply_exactly_what_they_are_worth(clean_world: World) -> None:
    tenant = clean_world.servicetitan
    memos = list(tenant.credit_memos.values())
    for memo in memos:
        applied = total(part["appliedAmount"] for part in memo["appliedTo"])
        assert memo["total"] == memo["subTotal"] + memo["salesTax"] == applied + memo["balance"]
        assert memo["total"] > 0
        assert all(
            part["appliedAmount"] <= Decimal(tenant.invoices[part["appliedTo"]]["total"]) for part in memo["appliedTo"]
        )
        assert memo["subTotal"] == total(item["total"] for item in tenant.credit_memo_items[memo["id"]])
    items = [item for memo in memos for item in tenant.credit_memo_items[memo["id"]]]
    numbers = {item["revenueGeneralLedgerAccount"]["number"] for item in items}
    assert len(numbers) > 1
    assert any(memo["balance"] for memo in memos)
    assert any(not memo["active"] for memo in memos)
    assert any(memo["syncStatus"] == "Pending" for memo in memos)


@pytest.mark.parametrize("trouble", [*PaymentTrouble, *CreditMemoTrouble])
def test_each_trouble_with_money_happens_twice_in_a_month_and_never_in_a_clean_one(
    trouble: str, month_world: World, clean_world: World
) -> None:
    assert len(month_world.awkward[trouble]) >= 2
    assert clean_world.awkward[trouble] == []


def test_every_trouble_with_a_payment_is_what_its_name_says(month_world: World) -> None:
    tenant = month_world.servicetitan
    rows = {trouble: [tenant.payments[key] for key in month_world.awkward[trouble]] for trouble in PaymentTrouble}
    invoice_troubles = {
        key for kind, ids in month_world.awkward.items() if not kind.startswith(("payment_", "bill_")) for key in ids
    }
    targets = {trouble: [key for row in some for key, _ in _applied(row)] for trouble, some in rows.items()}

    assert not set(targets[PaymentTrouble.TARGET_MISSING]) & set(tenant.invoices)
    assert set(targets[PaymentTrouble.TARGET_HELD]) <= invoice_troubles
    assert {tenant.invoices[key]["syncStatus"] for key in targets[PaymentTrouble.TARGET_NOT_POSTED]} == {"Pending"}
    assert not {row["type"] for row in rows[PaymentTrouble.TYPE_UNKNOWN]} & set(BANK_BY_PAYMENT_TYPE)
    listed = {str(key) for key in tenant.payment_types}
    assert {row["typeId"] in listed for row in rows[PaymentTrouble.TYPE_UNKNOWN]} == {True, False}
    assert all(len(row["total"].partition(".")[2]) == 3 for row in rows[PaymentTrouble.THREE_DECIMALS])
    assert all(Decimal(tenant.invoices[key]["balance"]) < 0 for key in targets[PaymentTrouble.OVER_APPLIED])
    for row in rows[PaymentTrouble.OVER_APPLIED]:
        ((invoice_id, _),) = _applied(row)
        paying = [other for other in tenant.payments.values() if invoice_id in dict(_applied(other))]
        assert [other["id"] for other in paying][-1] == row["id"], "the one that came later is too much"
    for row in rows[PaymentTrouble.DOES_NOT_ADD_UP]:
        parts = total(amount for _, amount in _applied(row)) + Decimal(row["unappliedAmount"])
        assert Decimal(row["total"]) != parts
    assert all(
        row["businessUnit"] is None and not row["appliedTo"] for row in rows[PaymentTrouble.UNAPPLIED_WITHOUT_UNIT]
    )
    assert all(row["date"] < "2026-10-01" for row in rows[PaymentTrouble.CLOSED_PERIOD])
    for some in rows.values():
        assert min(row["createdOn"][:10] for row in some) <= "2026-10-08"
        assert all(row["active"] and row["syncStatus"] in READY and row["deposit"] is None for row in some)


def test_only_the_awkward_payments_of_a_month_are_in_trouble(month_world: World) -> None:
    tenant = month_world.servicetitan
    troubled = {key for trouble in PaymentTrouble for key in month_world.awkward[trouble]}
    invoice_troubles = {key for ids in month_world.awkward.values() for key in ids} & set(tenant.invoices)
    for key, row in tenant.payments.items():
        if key in troubled:
            continue
        assert Decimal(row["total"]) == total(part for _, part in _applied(row)) + Decimal(row["unappliedAmount"])
        assert row["type"] in BANK_BY_PAYMENT_TYPE or row["type"] in JOURNAL_ENTRY_TYPES
        assert row["date"] >= "2026-10-01"
        for invoice_id, _ in _applied(row):
            assert invoice_id not in invoice_troubles
            assert tenant.invoices[invoice_id]["syncStatus"] in READY


def test_every_trouble_with_a_credit_memo_is_what_its_name_says(month_world: World) -> None:
    tenant = month_world.servicetitan
    memos = {
        trouble: [tenant.credit_memos[key] for key in month_world.awkward[trouble]] for trouble in CreditMemoTrouble
    }
    for memo in memos[CreditMemoTrouble.TARGET_MISSING]:
        assert all(part["appliedTo"] not in tenant.invoices for part in memo["appliedTo"])
    for memo in memos[CreditMemoTrouble.DOES_NOT_ADD_UP]:
        assert memo["total"] != memo["subTotal"] + memo["salesTax"]
    for memo in memos[CreditMemoTrouble.THREE_DECIMALS]:
        assert memo["total"].as_tuple().exponent == -3
        assert memo["total"] == memo["subTotal"] + memo["salesTax"]
        assert memo["total"] == memo["balance"] + total(part["appliedAmount"] for part in memo["appliedTo"])
    cents = Decimal("0.01")
    assert all(Decimal(row["balance"]) % cents == 0 for row in tenant.invoices.values() if row["total"] and
               row["id"] not in month_world.awkward["three_decimals"])  # fmt: skip
