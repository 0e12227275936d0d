"""The balance of a customer follows what is done with its documents (servicetitan.md section 3.6)."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from st_deltek_pipeline.sandbox.state import SqliteState
from st_deltek_pipeline_tests.sandbox.servicetitan.money_rows import money_world
from st_deltek_pipeline_tests.sandbox.servicetitan.small_world import Tenant, served, stamp

FEED = "crm/export/customers"
WITHOUT_ACCOUNTING = "excludeAccountingChangesFromModifiedDateRange=true"


def _balance(tenant: Tenant, customer_id: int = 11) -> str:
    return str(tenant.get(f"crm/customers/{customer_id}").json(parse_float=Decimal)["balance"])


# Customer 11 begins with 12.30.
@pytest.mark.parametrize(
    ("act", "balance"),
    [
        (lambda twin: twin.payments.add({"splits": [{"invoiceId": 4, "amount": "10.00"}]}), "2.30"),
        (lambda twin: twin.payments.edit(101, {"splits": [{"invoiceId": 1, "amount": "30.00"}]}), "12.30"),
        (lambda twin: twin.payments.apply(102, 1, None), "12.30"),
        (lambda twin: twin.payments.move(101, 1, 4), "12.30"),
        (lambda twin: twin.payments.edit(102, {"total": "80.00"}), "9.30"),
        (lambda twin: twin.payments.void(101), "52.30"),
        (lambda twin: twin.payments.refund(101, {}), "52.30"),
        (lambda twin: twin.credit_memos.add({"invoiceId": 1, "total": "7.00"}), "5.30"),
        (lambda twin: twin.credit_memos.void(301), "42.30"),
        (lambda twin: twin.edit_invoice(1, {"total": "117.00"}), "22.30"),
        (lambda twin: twin.void_invoice(1), "-54.70"),
        (lambda twin: twin.add_invoice({"total": "100.00"}), "112.30"),
    ],
)
def test_a_balance_is_open_invoices_less_what_waits_to_be_applied(
    own_payer: Tenant, act: Callable[..., object], balance: str
) -> None:
    token = own_payer.feed(FEED)["continueFrom"]
    act(own_payer.twin)
    assert _balance(own_payer) == balance
    changed = own_payer.feed(FEED, f"?from={token}")["data"]
    assert [row["id"] for row in changed] == ([11] if balance != "12.30" else [])


def test_an_invoice_of_another_customer_takes_its_balance_along(own_payer: Tenant) -> None:
    own_payer.twin.edit_invoice(1, {"customerId": 12})
    assert (_balance(own_payer, 11), _balance(own_payer, 12)) == ("-54.70", "79.30")


def test_changes_of_the_balance_can_be_left_out_of_the_modified_ones(tmp_path: Path) -> None:
    state = tmp_path / "state.sqlite3"
    with served(money_world(), SqliteState(state)) as tenant:
        tenant.twin.payments.void(101)
        since = f"?modifiedOnOrAfter={stamp(20)}"
        assert tenant.ids("crm/customers", since) == [11]
        assert tenant.ids("crm/customers", f"{since}&{WITHOUT_ACCOUNTING}") == []
        assert tenant.ids("crm/customers", f"?modifiedBefore={stamp(2)}&{WITHOUT_ACCOUNTING}") == [11]
        assert set(tenant.get("crm/customers/11").json()) == set(tenant.get("crm/customers/12").json())
    with served(money_world(), SqliteState(state)) as tenant:
        assert tenant.ids("crm/customers", f"{since}&{WITHOUT_ACCOUNTING}") == []
        tenant.twin.edit_row("crm/customers", 11, {"name": "Zoë M."})
        assert tenant.ids("crm/customers", f"{since}&{WITHOUT_ACCOUNTING}") == [11]
