"""Credit memos and bank deposits (servicetitan.md section 3.4)."""

from decimal import Decimal
from pathlib import Path

import pytest

from st_deltek_pipeline.sandbox.servicetitan.answers import ApiError
from st_deltek_pipeline.sandbox.state import Row, SqliteState
from st_deltek_pipeline_tests.sandbox.servicetitan.money_rows import money_world
from st_deltek_pipeline_tests.sandbox.servicetitan.published import check, needs_documents
from st_deltek_pipeline_tests.sandbox.servicetitan.small_world import Tenant, served

MEMOS, DEPOSITS = "accounting/credit-memos", "accounting/bank-deposits"


def memo(tenant: Tenant, key: int = 301) -> Row:
    return tenant.feed(MEMOS, f"?ids={key}&active=Any")["data"][0]


def balance(tenant: Tenant, key: int) -> str:
    return tenant.feed("accounting/invoices", f"?ids={key}")["data"][0]["balance"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [301, 302]),
        ("?businessUnitIds=32", []),
        ("?appliedToInvoiceIds=1", [302]),
        ("?appliedToReferenceNumber=N1", [302]),
        ("?dateBefore=2026-10-13", [301]),
        ("?dateOnOrAfter=2026-10-13", [302]),
        ("?appliedOnOrAfter=2026-10-13&appliedBefore=2026-10-14", [302]),
        ("?appliedBefore=2026-10-13", []),
        ("?totalFilter.Amount=30&totalFilter.Comparer=Equal", [301]),
        ("?totalFilter.Amount=30&totalFilter.Comparer=LessThan", [302]),
        ("?balanceFilter.Amount=0", [302]),
        ("?balanceFilter.Amount=0&balanceFilter.Comparer=GreaterThanOrEqual", [301, 302]),
        ("?balanceFilter.Amount=30&balanceFilter.Comparer=NotEqual", [302]),
    ],
)
def test_a_credit_memo_filter_keeps_what_it_says(memo_tenant: Tenant, query: str, expected: list[int]) -> None:
    assert memo_tenant.ids(MEMOS, query) == expected


@pytest.fixture(scope="module")
def memo_tenant(payer: Tenant) -> Tenant:
    payer.twin.credit_memos.add({"invoiceId": 1, "total": "12.00", "date": "2026-10-13"})
    return payer


def test_money_of_credit_memos_and_deposits_is_numbers(payer: Tenant) -> None:
    assert '"total":30.00,"balance":30.00' in payer.get(MEMOS, "?ids=301").text
    assert '"grossAmount":45.00' in payer.get(DEPOSITS).text


@needs_documents
def test_splitting_a_credit_memo_pays_invoices_and_answers_as_published(own_payer: Tenant) -> None:
    body = {"splits": [{"invoiceId": 1, "amount": 20.5}, {"invoiceId": 4, "amount": 9.5}]}
    answer = own_payer.send("POST", f"{MEMOS}/301/splits", body)
    assert check(answer, "accounting", "credit-memos/{id}/splits", method="post") == {"id": 301, **body}
    row = memo(own_payer)
    assert (row["balance"], [each["appliedTo"] for each in row["appliedTo"]]) == (0, [1, 4])
    assert (balance(own_payer, 1), balance(own_payer, 4)) == ("46.50", "97.50")
    for splits in ([{"invoiceId": 1, "amount": 0.01}], [{"invoiceId": 99, "amount": 0}]):
        assert own_payer.send("POST", f"{MEMOS}/301/splits", {"splits": splits}).status_code == 400
    own_payer.twin.credit_memos.void(301)
    assert (balance(own_payer, 1), balance(own_payer, 4)) == ("67.00", "107.00")


@needs_documents
def test_the_header_of_a_credit_memo_changes_until_it_is_exported(own_payer: Tenant) -> None:
    body = {"summary": "sorry", "date": "2026-10-15", "businessUnitId": 32}
    answer = own_payer.send("PATCH", f"{MEMOS}/301", body)
    reply = check(answer, "accounting", "credit-memos/{id}", method="patch")
    assert reply == {"id": 301, "active": True, **body}
    assert (memo(own_payer)["description"], memo(own_payer)["date"]) == ("sorry", "2026-10-15")
    marks = [{"creditMemoId": 301, "externalId": "IN-5"}, {"creditMemoId": 9}]
    answer = own_payer.send("POST", f"{MEMOS}/markasexported", marks)
    results = check(answer, "accounting", "credit-memos/markasexported", method="post")
    assert [each["success"] for each in results] == [True, False]
    assert (memo(own_payer)["syncStatus"], memo(own_payer)["exportId"]) == ("Exported", "IN-5")
    assert own_payer.send("PATCH", f"{MEMOS}/301", body).status_code == 400
    assert own_payer.send("POST", f"{MEMOS}/301/splits", {"splits": []}).status_code == 400
    assert own_payer.send("PATCH", f"{MEMOS}/9", body).status_code == 404


@needs_documents
def test_items_of_credit_memos_are_as_published(payer: Tenant) -> None:
    one = check(payer.get(f"{MEMOS}/301/items"), "accounting", "credit-memos/{id}/items")
    assert [(item["total"], item["description"]) for item in one["data"]] == [(30, "Goodwill")]
    path = "credit-memos/credit-memo-items"
    every = check(payer.get(f"accounting/{path}", "?creditMemoIds=301&includeTotal=true"), "accounting", path)
    assert (every["totalCount"], every["data"][0]["creditMemoId"]) == (1, 301)
    assert payer.get(f"accounting/{path}", "?creditMemoIds=9").json()["data"] == []
    assert payer.get(f"{MEMOS}/301/items", "?active=False").json()["data"] == []
    assert payer.get(f"{MEMOS}/9/items").status_code == 404


def test_a_credit_memo_may_wait_unapplied(own_payer: Tenant) -> None:
    row = own_payer.twin.credit_memos.add({"invoiceId": 4, "total": "7.00", "applied": False})
    assert (row["balance"], row["appliedTo"], balance(own_payer, 4)) == (Decimal("7.00"), [], "107.00")
    with pytest.raises(ApiError):
        own_payer.twin.credit_memos.add({"invoiceId": 4, "colour": "red"})
    with pytest.raises(ApiError):
        own_payer.twin.credit_memos.add({"invoiceId": 99})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [501]),
        ("?depositDateOnOrAfter=2026-10-13", []),
        ("?depositDateBefore=2026-10-13", [501]),
        ("?reviewedOnOrAfter=2026-10-13", [501]),
        ("?reviewStatus=NeedsReview", []),
        ("?depositStatus=Deposited&syncStatus=Posted", [501]),
        ("?grossAmountGreater=45.01", []),
        ("?grossAmountLess=45", [501]),
    ],
)
def test_a_deposit_filter_keeps_what_it_says(payer: Tenant, query: str, expected: list[int]) -> None:
    assert payer.ids(DEPOSITS, query) == expected


@needs_documents
def test_a_deposits_transactions_are_its_payments_as_they_are(own_payer: Tenant) -> None:
    path = "bank-deposits/{id}/transactions"
    page = check(own_payer.get(f"{DEPOSITS}/501/transactions", "?pageSize=1&includeTotal=true"), "accounting", path)
    assert (page["data"][0]["id"], page["hasMore"], page["totalCount"]) == (101, True, 2)
    own_payer.twin.payments.void(101)
    rows = own_payer.get(f"{DEPOSITS}/501/transactions").json()["data"]
    assert [(row["id"], row["active"], row["deposit"]["id"]) for row in rows] == [(101, False, 501), (104, True, 501)]
    assert own_payer.get(f"{DEPOSITS}/9/transactions").status_code == 404


def test_payments_are_taken_to_the_bank_once(own_payer: Tenant) -> None:
    row = own_payer.twin.deposits.add({"paymentIds": [102], "date": "2026-10-14", "fees": "1.25"})
    assert (row["grossAmount"], row["netAmount"]) == (Decimal("77.00"), Decimal("75.75"))
    assert own_payer.ids("accounting/payments", f"?depositIds={row['id']}") == [102]
    for wanted in ({"paymentIds": [102]}, {"paymentIds": []}, {"paymentIds": [103]}, {"paymentIds": [9]}):
        with pytest.raises(ApiError):
            own_payer.twin.deposits.add(wanted)


def test_deposits_are_marked_as_exported_all_or_none_with_an_empty_answer(own_payer: Tenant) -> None:
    url = f"{DEPOSITS}/markasexported"
    assert own_payer.send("POST", url, {"ids": [501, 9]}).status_code == 400
    assert own_payer.ids(DEPOSITS, "?syncStatus=Exported") == []
    answer = own_payer.send("POST", url, {"ids": [501]})
    assert (answer.status_code, answer.content) == (200, b"")
    assert own_payer.ids(DEPOSITS, "?syncStatus=Exported") == [501]


def test_credit_memos_and_deposits_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    with served(money_world(), SqliteState(path)) as tenant:
        tenant.twin.credit_memos.add({"invoiceId": 1})
        tenant.twin.deposits.add({"paymentIds": [102]})
        before = [tenant.feed(each) for each in (MEMOS, DEPOSITS, "accounting/invoices", "accounting/payments")]
    with served(money_world(), SqliteState(path)) as tenant:
        after = [tenant.feed(each) for each in (MEMOS, DEPOSITS, "accounting/invoices", "accounting/payments")]
    assert before == after
    assert len(after[0]["data"]) == len(after[1]["data"]) == 2
