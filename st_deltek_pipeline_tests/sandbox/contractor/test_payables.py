from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from st_deltek_pipeline.domain.money import round_to_cents, total
from st_deltek_pipeline.sandbox.contractor.ap_credits import ApCreditTrouble
from st_deltek_pipeline.sandbox.contractor.ledger_accounts import BILL_ACCOUNTS
from st_deltek_pipeline.sandbox.contractor.purchasing import BillTrouble
from st_deltek_pipeline.sandbox.contractor.world import Row, World

ONLY_PAYABLE = {
    "status", "source", "billType", "earlyDiscountDate", "vendorInvoiceTotal", "doNotPay", "dateCanceled", "canceledBy",
    "remittanceVendorInfo", "expenseItems",
}  # fmt: skip


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _goods(bill: Row) -> Decimal:
    return total(round_to_cents(Decimal(item["quantity"]) * Decimal(item["cost"])) for item in bill["items"])


def _extras(bill: Row) -> Decimal:
    return Decimal(bill["taxAmount"]) + Decimal(bill["shippingAmount"]) + Decimal(bill["otherAmount"] or 0)


def _firms(world: World) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in world.vantagepoint.firms.values():
        found[_folded(row["Name"])].append(row)
    return found


def test_a_default_month_has_about_2500_bills_of_about_three_lines(default_month: World) -> None:
    tenant = default_month.servicetitan
    bills = tenant.inventory_bills.values()
    assert 2_350 < len(bills) < 2_650
    assert 2.5 < sum(len(bill["items"]) for bill in bills) / len(bills) < 3.3


def test_every_clean_bill_is_the_sum_of_its_lines_and_extras_to_the_cent(clean_world: World) -> None:
    for bill in clean_world.servicetitan.inventory_bills.values():
        assert Decimal(bill["billAmount"]) == _goods(bill) + _extras(bill), bill["id"]
        assert all(Decimal(item["quantity"]) > 0 for item in bill["items"])
        if bill["landedCostMethod"] == "ByValue":
            for field, amount in (("allocatedTax", "taxAmount"), ("allocatedShipping", "shippingAmount"),
                                  ("allocatedOtherCosts", "otherAmount")):  # fmt: skip
                assert total(Decimal(item[field]) for item in bill["items"]) == Decimal(bill[amount] or 0)


def test_ap_bills_show_the_same_bills_and_a_few_without_an_order(clean_world: World) -> None:
    tenant = clean_world.servicetitan
    assert set(tenant.inventory_bills) < set(tenant.ap_bills)
    for key, payable in tenant.ap_bills.items():
        inventory = tenant.inventory_bills.get(key)
        if inventory is None:
            assert (payable["billType"], payable["source"], payable["purchaseOrderId"]) == (
                "ApBill",
                "Standalone",
                None,
            )
            assert Decimal(payable["billAmount"]) == total(Decimal(line["amount"]) for line in payable["expenseItems"])
            assert {line["generalLedgerAccount"]["number"] for line in payable["expenseItems"]} <= set(BILL_ACCOUNTS)
            continue
        assert payable["billType"] == "Procurement"
        assert payable["expenseItems"] == []
        assert {name: value for name, value in payable.items() if name not in {*ONLY_PAYABLE, "items"}} == {
            name: value for name, value in inventory.items() if name not in {"active", "items"}
        }
        assert (payable["status"] == "Canceled") == (not inventory["active"])
        for one, other in zip(payable["items"], inventory["items"], strict=True):
            assert {**one, "inventoryLocation": None} == {**other, "inventoryLocation": None,
                                                          "vendorPartNumber": one["vendorPartNumber"]}  # fmt: skip


def test_every_bill_follows_a_receipt_of_an_order(month_world: World) -> None:
    tenant = month_world.servicetitan
    receipts = {row["billId"]: row for row in tenant.receipts.values() if row["billId"] is not None}
    assert set(receipts) == set(tenant.inventory_bills)
    for key, bill in tenant.inventory_bills.items():
        receipt, order = receipts[key], tenant.purchase_orders[bill["purchaseOrderId"]]
        assert receipt["purchaseOrderId"] == order["id"]
        assert bill["vendor"] is None or bill["vendor"]["id"] == order["vendorId"] == receipt["vendorId"]
        assert bill["jobId"] == order["jobId"] == receipt["jobId"]
        assert bill["jobId"] is None or tenant.jobs[bill["jobId"]]["jobNumber"] == bill["jobNumber"]
        items = {item["id"] for item in order["items"]}
        assert all(item["purchaseOrderItemId"] in items for item in receipt["items"])
        assert [item["receiptItemId"] for item in bill["items"]] == [item["id"] for item in receipt["items"]]
    for order in tenant.purchase_orders.values():
        assert order["vendorId"] in tenant.vendors
        assert order["total"] >= total(item["total"] for item in order["items"])


def test_ids_of_purchasing_are_unique_and_rise(month_world: World) -> None:
    tenant = month_world.servicetitan
    for table in (tenant.purchase_orders, tenant.receipts, tenant.inventory_bills, tenant.ap_bills, tenant.ap_credits):
        assert list(table) == sorted(table)
        assert all(key == row["id"] for key, row in table.items())
    items = [item["id"] for bill in tenant.inventory_bills.values() for item in bill["items"]]
    items += [item["id"] for bill in tenant.ap_bills.values() for item in bill["expenseItems"]]
    items += [item["id"] for order in tenant.purchase_orders.values() for item in order["items"]]
    items += [item["id"] for receipt in tenant.receipts.values() for item in receipt["items"]]
    assert len(set(items)) == len(items)
    created = [bill["createdOn"][:19] for bill in tenant.ap_bills.values()]
    assert created == sorted(created)
    documents = [key for ids in month_world.awkward.values() for key in ids]
    assert len(set(documents)) == len(documents)


def test_everything_that_happens_with_bills_happens_twice(clean_world: World) -> None:
    tenant = clean_world.servicetitan
    bills = list(tenant.inventory_bills.values())
    orders = Counter(bill["purchaseOrderId"] for bill in bills)
    happens = {
        "two bills for one order": sum(count > 1 for count in orders.values()),
        "cancelled": sum(not bill["active"] for bill in bills),
        "zero": sum(bill["billAmount"] == "0.00" for bill in bills),
        "pending": sum(bill["active"] and bill["syncStatus"] == "Pending" for bill in bills),
        "exported": sum(bill["syncStatus"] == "Exported" for bill in bills),
        "taxed": sum(bill["taxAmount"] != "0.00" for bill in bills),
        "shipped": sum(bill["shippingAmount"] != "0.00" for bill in bills),
        "other costs": sum(bool(Decimal(bill["otherAmount"] or 0)) for bill in bills),
        "landed": sum(bill["landedCostMethod"] == "ByValue" for bill in bills),
        "for a job": sum(bill["jobId"] is not None for bill in bills),
        "for stock": sum(bill["jobId"] is None for bill in bills),
        "costs of four decimals": sum(any(len(item["cost"].partition(".")[2]) == 4 for item in bill["items"])
                                      for bill in bills),
        "returned": sum(credit["appliedAmount"] > 0 for credit in tenant.ap_credits.values()),
        "unapplied credits": sum(not credit["splits"] for credit in tenant.ap_credits.values()),
        "received, not billed": sum(row["billId"] is None for row in tenant.receipts.values()),
        "not received": sum(row["status"] == "Sent" for row in tenant.purchase_orders.values()),
    }  # fmt: skip
    assert {name: count for name, count in happens.items() if count < 2} == {}


def test_every_clean_vendor_with_a_bill_has_one_active_firm_with_accounting_data(clean_world: World) -> None:
    office, firms = clean_world.vantagepoint, _firms(clean_world)
    seen: set[str] = set()
    numbers: set[tuple[int, str]] = set()
    for bill in clean_world.servicetitan.ap_bills.values():
        (firm,) = firms[_folded(bill["vendor"]["name"])]
        assert (firm["Status"], firm["VendorInd"]) == ("A", "Y")
        accounting = office.vendor_accounting[firm["Vendor"], office.company]
        assert office.liability_codes[accounting["LiabCode"]]["Account"] in office.accounts
        assert accounting["BankCode"] in office.banks
        assert {accounting["RegAccount"], accounting["OHAccount"]} <= set(office.accounts)
        seen.add(firm["ClientInd"])
        assert (bill["vendor"]["id"], bill["vendorNumber"]) not in numbers
        numbers.add((bill["vendor"]["id"], bill["vendorNumber"]))
        assert len(bill["vendorNumber"]) <= 12
        assert bill["businessUnit"]["id"] in clean_world.servicetitan.business_units
        assert "2026-10-01" <= bill["billDate"][:10] <= "2026-10-31"
    assert seen == {"Y", "N"}, "some vendors are customers too"


def test_vendors_are_about_sixty_and_their_codes_are_unique_and_padded(clean_world: World) -> None:
    tenant, office = clean_world.servicetitan, clean_world.vantagepoint
    assert 55 <= len(tenant.vendors) <= 65
    codes = [row["Vendor"] for row in office.firms.values() if row["VendorInd"] == "Y"]
    assert all(len(code) == 6 and code.isdecimal() for code in codes)
    assert len(set(codes)) == len(codes)
    assert {code for code, _ in office.vendor_accounting} <= set(codes)
    assert all(row["Vendor"] == key[0] and row["Company"] == key[1] for key, row in office.vendor_accounting.items())
    names = {row["name"] for row in tenant.vendors.values()}
    assert names - {row["Name"] for row in office.firms.values()}, "some firms must be spelled differently"
    assert any(not row["active"] for row in tenant.vendors.values())


def test_a_vendor_that_is_a_customer_is_one_firm_with_both_flags(clean_world: World) -> None:
    tenant, firms = clean_world.servicetitan, _firms(clean_world)
    customers = {_folded(row["name"]): row for row in tenant.customers.values()}
    both = [row for row in tenant.vendors.values() if _folded(row["name"]) in customers]
    assert len(both) == 3
    for row in both:
        (firm,) = firms[_folded(row["name"])]
        assert (firm["ClientInd"], firm["VendorInd"]) == ("Y", "Y")
    paying = {row["customer"]["id"] for row in tenant.payments.values()}
    assert all(customers[_folded(row["name"])]["id"] in paying for row in both)


def test_every_account_of_a_bill_is_booked_by_an_active_account(month_world: World) -> None:
    office = month_world.vantagepoint
    assert {office.accounts[number]["Status"] for number in BILL_ACCOUNTS.values()} == {"A"}
    used = {
        item[field]["number"]
        for bill in month_world.servicetitan.inventory_bills.values()
        for item in bill["items"]
        for field in ("costOfSaleAccount", "assetAccount")
        if item[field]
    }
    assert used
    assert used <= set(BILL_ACCOUNTS)


@pytest.mark.parametrize("trouble", [*BillTrouble, *ApCreditTrouble])
def test_each_trouble_with_a_bill_happens_twice_in_a_month_and_never_in_a_clean_one(
    trouble: str, month_world: World, clean_world: World
) -> None:
    assert len(month_world.awkward[trouble]) >= 2
    assert clean_world.awkward[trouble] == []


def test_every_trouble_with_a_bill_is_what_its_name_says(month_world: World) -> None:
    tenant, office, firms = month_world.servicetitan, month_world.vantagepoint, _firms(month_world)
    rows = {
        trouble: [
            table[key] for table in (tenant.inventory_bills, tenant.ap_bills) for key in month_world.awkward[trouble]
        ]
        for trouble in BillTrouble
    }

    def known(trouble: BillTrouble) -> list[list[Row]]:
        return [firms.get(_folded(row["vendor"]["name"]), []) for row in rows[trouble]]

    assert all(row["vendor"] is None for row in rows[BillTrouble.VENDOR_MISSING])
    for (firm,) in known(BillTrouble.VENDOR_WITHOUT_ACCOUNTING):
        assert firm["VendorInd"] == "Y"
        assert (firm["Vendor"], office.company) not in office.vendor_accounting
    assert any(company != office.company for _, company in office.vendor_accounting)
    assert all(not some for some in known(BillTrouble.VENDOR_WITHOUT_FIRM))
    assert all(len(some) == 2 for some in known(BillTrouble.VENDOR_WITH_TWO_FIRMS))
    for (firm,) in known(BillTrouble.VENDOR_CUSTOMER_ONLY):
        assert (firm["ClientInd"], firm["VendorInd"], firm["Vendor"]) == ("Y", "N", "")
    assert all(not some for some in known(BillTrouble.VENDOR_NAME_TOO_LONG))
    assert all(len(row["vendor"]["name"]) > 100 for row in rows[BillTrouble.VENDOR_NAME_TOO_LONG])
    assert all(len(row["billAmount"].partition(".")[2]) == 3 for row in rows[BillTrouble.THREE_DECIMALS])
    for row in rows[BillTrouble.NEGATIVE_QUANTITY]:
        assert any(Decimal(item["quantity"]) < 0 for item in row["items"])
        assert Decimal(row["billAmount"]) == _goods(row) + _extras(row)
    for row in rows[BillTrouble.LINES_DO_NOT_ADD_UP]:
        assert Decimal(row["billAmount"]) != _goods(row) + _extras(row)
    for row in rows[BillTrouble.SAME_VENDOR_NUMBER]:
        same = [
            other["id"] for other in tenant.inventory_bills.values()
            if (other["vendor"] or {}).get("id") == row["vendor"]["id"] and other["vendorNumber"] == row["vendorNumber"]
            and other["billDate"] == row["billDate"]
        ]  # fmt: skip
        assert len(same) == 2
        assert max(same) == row["id"]
    assert all(row["businessUnit"] is None and row["jobId"] is None for row in rows[BillTrouble.BUSINESS_UNIT_MISSING])
    for row in rows[BillTrouble.ACCOUNTS_MISSING]:
        assert {item["costOfSaleAccount"] for item in row["items"] if not item["assetAccount"]} == {None}
    assert all(row["billDate"] < "2026-10-01" for row in rows[BillTrouble.CLOSED_PERIOD])
    for some in rows.values():
        assert min(row["createdOn"][:10] for row in some) <= "2026-10-08"
        assert {row["syncStatus"] for row in some} == {"Posted"}


def test_only_the_awkward_bills_of_a_month_do_not_add_up_or_lack_something(month_world: World) -> None:
    troubled = {key for trouble in BillTrouble for key in month_world.awkward[trouble]}
    for key, bill in month_world.servicetitan.inventory_bills.items():
        if key not in troubled:
            assert Decimal(bill["billAmount"]) == _goods(bill) + _extras(bill)
            assert bill["vendor"]
            assert bill["businessUnit"]
            assert bill["billDate"] >= "2026-10-01"


def test_vendor_credits_are_worth_what_came_back(month_world: World) -> None:
    tenant = month_world.servicetitan
    troubled = {key for trouble in ApCreditTrouble for key in month_world.awkward[trouble]}
    for key, credit in tenant.ap_credits.items():
        assert credit["appliedAmount"] == total(split["amount"] for split in credit["splits"]) <= credit["amount"]
        assert credit["amount"] > 0
        if key not in troubled:
            for split in credit["splits"]:
                assert tenant.inventory_bills[split["inventoryBillId"]]["vendor"] == credit["vendor"]
    missing = [tenant.ap_credits[key] for key in month_world.awkward[ApCreditTrouble.BILL_MISSING]]
    assert all(split["inventoryBillId"] not in tenant.ap_bills for credit in missing for split in credit["splits"])
    assert all(tenant.ap_credits[key]["vendor"] is None for key in month_world.awkward[ApCreditTrouble.VENDOR_MISSING])
    odd = [tenant.ap_credits[key] for key in month_world.awkward[ApCreditTrouble.THREE_DECIMALS]]
    assert all(credit["amount"].as_tuple().exponent == -3 for credit in odd)
