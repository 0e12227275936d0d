"""Payments: lists, what users and the API change, and the balances of invoices that follow (section 3.2)."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError
from st_deltek_pipeline.sandbox.servicetitan.instants import parse_instant
from st_deltek_pipeline.sandbox.state import Row, SqliteState
from st_deltek_pipeline_tests.sandbox.servicetitan.money_rows import money_world
from st_deltek_pipeline_tests.sandbox.servicetitan.published import check, needs_documents
from st_deltek_pipeline_tests.sandbox.servicetitan.small_world import Tenant, served

LIST, FEED = "accounting/payments", "accounting/export/payments"
INVOICES, INVOICE_FEED = "accounting/invoices", "accounting/export/invoices"


def served_row(tenant: Tenant, key: int) -> Row:
    return tenant.feed(LIST, f"?ids={key}&activeState=All")["data"][0]


def balance(tenant: Tenant, key: int) -> tuple[str, str | None]:
    row = tenant.feed(INVOICES, f"?ids={key}")["data"][0]
    return row["balance"], row["paidOn"] and row["paidOn"][:10]


def parts(row: Row) -> dict[int, str]:
    return {each["appliedTo"]: each["appliedAmount"] for each in row["appliedTo"]}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [101, 102, 104]),
        ("?activeState=All", [101, 102, 103, 104]),
        ("?activeState=InactiveOnly", [103]),
        ("?appliedToInvoiceIds=2,6", [102]),
        ("?appliedToInvoiceIds=1&activeState=All", [101, 103]),
        ("?appliedToReferenceNumber=n1", [101]),
        ("?batchId=6&batchNumber=13", [101, 102, 104]),
        ("?businessUnitIds=32", []),
        ("?customerId=11&businessUnitIds=31,32", [101, 102, 104]),
        ("?depositIds=501", [101, 104]),
        ("?paidOnAfter=2026-10-09&paidOnBefore=2026-10-11", [102]),
        ("?statuses=Pending", [104]),
        ("?statuses=posted,Exported", [101, 102]),
        ("?statuses=Posted&statuses=Pending", [101, 102, 104]),
        ("?totalGreater=40&totalLess=77", [101, 102]),
        ("?transactionType=JournalEntry", [104]),
        ("?transactionType=ReceivePayment", [101, 102]),
        ("?createdBefore=2026-10-09", [101]),
        ("?modifiedOnOrAfter=2026-10-11", [104]),
        ("?sort=-Id&pageSize=1", [104]),
    ],
)
def test_a_payment_filter_keeps_what_it_says(payer: Tenant, query: str, expected: list[int]) -> None:
    assert payer.ids(LIST, query) == expected


def test_money_and_the_type_id_are_texts(payer: Tenant) -> None:
    text = payer.get(LIST, "?ids=102").text
    assert all(part in text for part in ('"total":"77.00"', '"unappliedAmount":"20.00"', '"typeId":"62"'))
    assert "exportId" not in text
    assert [row["id"] for row in payer.feed(FEED)["data"]] == [101, 102, 103, 104]


def test_a_new_payment_pays_its_invoices_and_shows_in_both_feeds(own_payer: Tenant) -> None:
    payments, invoices = own_payer.feed(FEED)["continueFrom"], own_payer.feed(INVOICE_FEED)["continueFrom"]
    splits = [{"invoiceId": 1}, {"invoiceId": 4, "amount": "7.00"}]
    row = own_payer.twin.payments.add({"splits": splits, "total": "80.00", "date": "2026-10-14", "memo": "door"})
    assert (row["total"], row["unappliedAmount"], row["memo"]) == ("80.00", "6.00", "door")
    assert (row["type"], row["typeId"], row["syncStatus"]) == ("Check", "61", "Posted")
    assert row["customer"]["id"] == 11
    assert parts(row) == {1: "67.00", 4: "7.00"}
    assert len({each["appliedId"] for each in row["appliedTo"]} | {201, 202, 203}) == 5
    assert balance(own_payer, 1) == ("0.00", "2026-10-14")
    assert balance(own_payer, 4) == ("100.00", None)
    assert own_payer.feed(FEED, f"?from={payments}")["data"] == [served_row(own_payer, row["id"])]
    assert [each["id"] for each in own_payer.feed(INVOICE_FEED, f"?from={invoices}")["data"]] == [1, 4]


def test_a_payment_may_pay_more_than_is_owed_or_nothing_at_all(own_payer: Tenant) -> None:
    own_payer.twin.payments.add({"splits": [{"invoiceId": 1, "amount": "70.00"}]})
    assert balance(own_payer, 1) == ("-3.00", None)
    row = own_payer.twin.payments.add({"total": "12.00", "customerId": 11, "typeId": 62})
    assert (row["appliedTo"], row["unappliedAmount"], row["type"]) == ([], "12.00", "Credit Card")


def test_a_void_payment_leaves_the_list_and_its_invoice_is_open_again(own_payer: Tenant) -> None:
    row = own_payer.twin.payments.void(102)
    assert (row["active"], parts(row)) == (False, {2: "57.00"})
    assert balance(own_payer, 2) == ("57.00", None)
    assert own_payer.ids(LIST, "?ids=102") == []
    own_payer.twin.payments.void(102)
    assert balance(own_payer, 2) == ("57.00", None)
    own_payer.twin.payments.edit(102, {"active": True})
    assert balance(own_payer, 2) == ("0.00", "2026-10-09")


def test_a_void_payment_may_forget_what_it_was_applied_to() -> None:
    with served(money_world(), voided_payments_keep_applications=False) as tenant:
        assert tenant.twin.payments.void(102)["appliedTo"] == []
        assert balance(tenant, 2) == ("57.00", None)


def test_money_moves_from_one_invoice_to_another(own_payer: Tenant) -> None:
    row = own_payer.twin.payments.move(102, 2, 4, Decimal("50.00"))
    assert (parts(row), row["unappliedAmount"]) == ({2: "7.00", 4: "50.00"}, "20.00")
    assert row["appliedTo"][0]["appliedId"] == 202
    assert (balance(own_payer, 2), balance(own_payer, 4)) == (("50.00", None), ("57.00", None))
    assert parts(own_payer.twin.payments.move(102, 2, 4)) == {4: "57.00"}


def test_unapplied_money_is_applied_later(own_payer: Tenant) -> None:
    row = own_payer.twin.payments.apply(102, 1, Decimal("15.00"))
    assert (parts(row), row["unappliedAmount"]) == ({2: "57.00", 1: "15.00"}, "5.00")
    assert balance(own_payer, 1) == ("52.00", None)
    assert own_payer.twin.payments.apply(102, 1)["unappliedAmount"] == "0.00"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("move", (102, 4, 1)),
        ("move", (102, 2, 1, Decimal("57.01"))),
        ("move", (102, 2, 99)),
        ("apply", (102, 1, Decimal("20.01"))),
        ("apply", (101, 1)),
        ("apply", (102, 99)),
        ("refund", (102, {"amount": "77.01"})),
        ("refund", (103, {})),
        ("edit", (102, {"splits": [{"invoiceId": 1, "amount": "80.00"}]})),
        ("edit", (102, {"splits": [{"invoiceId": 99}]})),
        ("edit", (102, {"colour": "red"})),
        ("edit", (102, {"id": 5})),
        ("edit", (102, {"total": "much"})),
        ("edit", (102, {"syncStatus": "Lost"})),
        ("edit", (102, {"typeId": [1]})),
        ("edit", (99, {"memo": "x"})),
        ("add", ({"splits": [{"invoiceId": 1, "amount": "2.00"}], "total": "1.00"},)),
        ("add", ({"splits": "all"},)),
    ],
)
def test_an_action_that_makes_no_sense_changes_nothing(
    own_payer: Tenant, name: str, arguments: tuple[Any, ...]
) -> None:
    payments, invoices = own_payer.feed(FEED), own_payer.feed(INVOICE_FEED)
    with pytest.raises(ApiError):
        getattr(own_payer.twin.payments, name)(*arguments)
    assert (own_payer.feed(FEED), own_payer.feed(INVOICE_FEED)) == (payments, invoices)


def test_a_refund_takes_unapplied_money_first_and_a_refund_of_it_gives_it_back(own_payer: Tenant) -> None:
    refund = own_payer.twin.payments.refund(102, {"amount": "30.00", "date": "2026-10-20"})
    assert (refund["total"], refund["unappliedAmount"], parts(refund)) == ("-30.00", "-20.00", {2: "-10.00"})
    assert (refund["refundedPaymentId"], refund["deposit"]) == (102, None)
    assert balance(own_payer, 2) == ("10.00", None)
    again = own_payer.twin.payments.refund(refund["id"], {})
    assert (again["total"], again["unappliedAmount"], parts(again)) == ("30.00", "20.00", {2: "10.00"})
    assert again["refundedPaymentId"] == refund["id"]
    assert balance(own_payer, 2)[0] == "0.00"
    rest = own_payer.twin.payments.refund(102, {})
    assert (rest["total"], parts(rest)) == ("-77.00", {2: "-57.00"})
    with pytest.raises(ApiError):
        own_payer.twin.payments.refund(102, {})


def test_an_edit_moves_amounts_dates_units_and_types(own_payer: Tenant) -> None:
    before = parse_instant(served_row(own_payer, 102)["modifiedOn"])
    fields = {"total": "57.00", "date": "2026-10-21", "businessUnitId": 32, "typeId": 61, "syncStatus": "Pending"}
    row = own_payer.twin.payments.edit(102, fields)
    assert (row["total"], row["unappliedAmount"], row["date"][:10]) == ("57.00", "0.00", "2026-10-21")
    assert (row["businessUnit"]["name"], row["type"], row["syncStatus"]) == ("Plumbing", "Check", "Pending")
    assert parse_instant(row["modifiedOn"]) > before
    assert own_payer.twin.payments.unpost(101)["batch"] is None


def test_a_verbatim_edit_writes_what_does_not_add_up_or_names_nothing(own_payer: Tenant) -> None:
    row = own_payer.twin.payments.edit(102, {"total": "77.005"}, verbatim=True)
    assert (row["total"], row["unappliedAmount"]) == ("77.005", "20.00")
    lines = [{"appliedTo": 999, "appliedAmount": "57.00"}]
    row = own_payer.twin.payments.edit(102, {"appliedTo": lines, "typeId": None}, verbatim=True)
    assert (parts(row), row["typeId"]) == ({999: "57.00"}, None)
    assert balance(own_payer, 2) == ("57.00", None)


@needs_documents
def test_the_api_changes_a_payment_and_answers_as_published(own_payer: Tenant) -> None:
    splits = [{"amount": 50.25, "invoiceId": 1}, {"amount": 1, "invoiceNumber": "N4"}]
    body = {"splits": splits, "typeId": 61, "paidOn": "2026-10-16T00:00:00Z", "exportId": "CR-1", "memo": "m"}
    answer = check(own_payer.send("PATCH", f"{LIST}/102", body), "accounting", "payments/{id}", method="patch")
    assert (answer["id"], answer["typeId"], answer["exportId"], answer["status"]) == (102, 61, "CR-1", "Posted")
    assert answer["splits"] == [
        {"amount": 50.25, "invoiceId": 1, "invoiceNumber": "N1"},
        {"amount": 1, "invoiceId": 4, "invoiceNumber": "N4"},
    ]
    row = served_row(own_payer, 102)
    assert (parts(row), row["unappliedAmount"]) == ({1: "50.25", 4: "1.00"}, "25.75")
    assert (row["date"], row["type"]) == ("2026-10-16T00:00:00Z", "Check")
    assert (balance(own_payer, 1)[0], balance(own_payer, 2)[0], balance(own_payer, 4)[0]) == (
        "16.75", "57.00", "106.00",
    )  # fmt: skip
    own_payer.send("PATCH", f"{LIST}/102", {"splits": [], "typeId": 61, "active": False})
    assert served_row(own_payer, 102)["active"] is False


@pytest.mark.parametrize(
    ("key", "body", "status"),
    [
        (99, {"splits": [], "typeId": 61}, 404),
        (102, {"splits": []}, 400),
        (102, {"typeId": 61}, 400),
        (102, {"splits": [], "typeId": 9}, 400),
        (102, {"splits": [{"invoiceId": 1, "amount": 77.01}], "typeId": 61}, 400),
        (102, {"splits": [{"invoiceId": 1, "amount": "NaN"}], "typeId": 61}, 400),
        (102, {"splits": [{}], "typeId": 61}, 400),
        (102, {"splits": [], "typeId": 61, "status": "Lost"}, 400),
        (102, {"splits": [], "typeId": 61, "paidOn": "soon"}, 400),
        (102, [], 400),
    ],
)
def test_a_malformed_change_is_refused(own_payer: Tenant, key: int, body: Any, status: int) -> None:
    before = own_payer.feed(FEED)
    answer = own_payer.send("PATCH", f"{LIST}/{key}", body)
    assert (answer.status_code, own_payer.feed(FEED)) == (status, before), answer.text


def test_payments_are_marked_as_exported_all_or_none_with_an_empty_answer(own_payer: Tenant) -> None:
    answer = own_payer.send("POST", f"{LIST}/status", {"paymentIds": [101, 102, 101], "status": "Exported"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert own_payer.ids(LIST, "?statuses=Exported") == [101, 102]
    assert own_payer.send("PATCH", f"{LIST}/102", {"splits": [], "typeId": 61}).status_code == 400
    for body in (
        {"paymentIds": [101, 99], "status": "Posted"},
        {"paymentIds": [101, 104], "status": "Exported"},
        {"paymentIds": [101], "status": "Lost"},
        {"paymentIds": ["101"], "status": "Posted"},
        {"status": "Posted"},
    ):
        assert own_payer.send("POST", f"{LIST}/status", body).status_code == 400
    assert own_payer.ids(LIST, "?statuses=Exported") == [101, 102]
    assert own_payer.send("POST", f"{LIST}/status", {"paymentIds": [], "status": "Posted"}).status_code == 200
    assert own_payer.send("POST", f"{LIST}/status", {"paymentIds": [101], "status": "Pending"}).status_code == 200
    assert own_payer.ids(LIST, "?statuses=Pending") == [101, 104]


def test_reading_and_writing_payments_need_their_scopes() -> None:
    with served(money_world(), scopes=["tn.acc.payments:r"]) as tenant:
        assert tenant.get(LIST).status_code == tenant.get(FEED).status_code == 200
        refused = tenant.send("POST", f"{LIST}/status", {"paymentIds": [101], "status": "Exported"})
        assert refused.status_code == 403
        assert "tn.acc.payments:w" in refused.json()["title"]
    with served(money_world(), scopes=["tn.acc.invoices:r"]) as tenant:
        assert tenant.get(LIST).status_code == tenant.get(FEED).status_code == 403


def test_payments_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    with served(money_world(), SqliteState(path)) as tenant:
        start = tenant.feed(FEED)["continueFrom"]
        added = tenant.twin.payments.add({"splits": [{"invoiceId": 1}]})
        tenant.twin.payments.void(102)
        body = {"splits": [{"invoiceId": 1, "amount": 40}], "typeId": 61, "exportId": "CR-9"}
        assert tenant.send("PATCH", f"{LIST}/101", body).json()["exportId"] == "CR-9"
        before, invoices = tenant.feed(FEED), tenant.feed(INVOICE_FEED)
    with served(money_world(), SqliteState(path)) as tenant:
        assert (tenant.feed(FEED), tenant.feed(INVOICE_FEED)) == (before, invoices)
        assert [row["id"] for row in tenant.feed(FEED, f"?from={start}")["data"]] == [added["id"], 102, 101]
        assert tenant.send("PATCH", f"{LIST}/101", {**body, "exportId": None}).json()["exportId"] == "CR-9"
        again = tenant.twin.payments.add({"total": "1.00", "splits": [{"invoiceId": 4, "amount": "1.00"}]})
        assert again["id"] == added["id"] + 1
        assert again["appliedTo"][0]["appliedId"] > added["appliedTo"][0]["appliedId"]
