"""Lists: paging, filters, sorting, what is hidden (servicetitan.md sections 2 and 3)."""

import pytest

from st_deltek_pipeline_tests.sandbox.servicetitan.small_world import Tenant, served

INVOICES = "accounting/invoices"


def test_inactive_invoices_are_hidden_unless_asked_for(tenant: Tenant) -> None:
    assert tenant.ids(INVOICES) == [1, 2, 4, 5, 6]
    assert tenant.ids(INVOICES, "?activeState=All") == [1, 2, 3, 4, 5, 6]
    assert tenant.ids(INVOICES, "?activeState=InactiveOnly") == [3]


def test_inactive_customers_are_hidden_unless_asked_for(tenant: Tenant) -> None:
    assert tenant.ids("crm/customers") == [11]
    assert tenant.ids("crm/customers", "?active=Any") == [11, 12]
    assert tenant.ids("crm/customers", "?active=False") == [12]


def test_total_count_is_null_unless_asked_for(tenant: Tenant) -> None:
    assert tenant.feed(INVOICES)["totalCount"] is None
    assert tenant.feed(INVOICES, "?includeTotal=true&pageSize=2")["totalCount"] == 5


def test_pages_cover_every_row_once_and_the_last_says_so(tenant: Tenant) -> None:
    pages = [tenant.feed(INVOICES, f"?page={number}&pageSize=2") for number in (1, 2, 3)]
    assert [row["id"] for page in pages for row in page["data"]] == [1, 2, 4, 5, 6]
    assert [page["hasMore"] for page in pages] == [True, True, False]
    assert tenant.feed(INVOICES, "?page=9&pageSize=2") == {
        "page": 9, "pageSize": 2, "hasMore": False, "totalCount": None, "data": [],
    }  # fmt: skip


def test_the_default_page_has_fifty_rows(tenant: Tenant) -> None:
    assert tenant.feed(INVOICES)["pageSize"] == 50


@pytest.mark.parametrize("query", ["?pageSize=5001", "?pageSize=0", "?page=0", "?page=x", "?includeTotal=maybe"])
def test_paging_out_of_range_is_refused(tenant: Tenant, query: str) -> None:
    assert tenant.get(INVOICES, query).status_code == 400


def test_the_largest_page_is_accepted(tenant: Tenant) -> None:
    assert tenant.get(INVOICES, "?pageSize=5000").status_code == 200


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?ids=6,1,99", [1, 6]),
        ("?ids=1,1", [1]),
        ("?statuses=Pending", [4]),
        ("?statuses=Pending&statuses=exported", [4, 5]),
        ("?batchId=5", [1, 2, 5, 6]),
        ("?batchNumber=12&pageSize=1", [1]),
        ("?jobId=702", [2]),
        ("?jobNumber=704", [4]),
        ("?businessUnitId=32", []),
        ("?businessUnitId=31&customerId=11", [1, 2, 4, 5, 6]),
        ("?invoicedOnOrAfter=2026-10-08", [5, 6]),
        ("?invoicedOnBefore=2026-10-07", [1, 2]),
        ("?number=n2", [2]),
        ("?totalGreater=107", [1, 4, 5]),
        ("?totalLess=57.00", [2, 6]),
        ("?balanceFilter.Balance=57&balanceFilter.Comparer=Equals", [2]),
        ("?balanceFilter.Balance=57&balanceFilter.Comparer=Less", [6]),
        ("?dueDateBefore=2026-10-09", [1, 2]),
        ("?dueDateOnOrAfter=2026-10-11", [6]),
        ("?reviewStatuses=Rejected", []),
        ("?invoiceConfigurations=JobInvoice&ids=4", [4]),
        ("?customField.Fields[PO]=6", [6]),
        ("?customField.Fields[PO]=6&customField.Fields%5BPO%5D=1&customField.Operator=Or", [1, 6]),
        ("?createdBefore=2026-10-05T12:00:00Z", []),
        ("?createdOnOrAfter=2026-10-09T12:00:00Z", [6]),
        ("?PageSize=1&PAGE=2", [2]),
        ("?active=Any&whatever=1", [1, 2, 4, 5, 6]),
        ("?number=", [1, 2, 4, 5, 6]),
    ],
)
def test_an_invoice_filter_keeps_what_it_says(tenant: Tenant, query: str, expected: list[int]) -> None:
    assert tenant.ids(INVOICES, query) == expected


@pytest.mark.parametrize(
    "spelling",
    [
        "2026-10-07T12:00:00Z",
        "2026-10-07T12:00:00.0000000Z",
        "2026-10-07T12:00:00.000Z",
        "2026-10-07T12:00:00+00:00",
        "2026-10-07T12:00:00%2B00:00",
        "2026-10-07T12:00:00.000000%2B00:00",
        "2026-10-07T06:00:00-06:00",
        "2026-10-07T12:00",
        "2026-10-07",
    ],
)
def test_every_spelling_of_an_instant_is_understood(tenant: Tenant, spelling: str) -> None:
    assert tenant.ids(INVOICES, f"?modifiedOnOrAfter={spelling}") == [4, 5, 6]
    assert tenant.ids(INVOICES, f"?modifiedBefore={spelling}") == [1, 2]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?sort=-Id", [6, 5, 4, 2, 1]),
        ("?sort=%2BId", [1, 2, 4, 5, 6]),
        ("?sort=+id", [1, 2, 4, 5, 6]),
        ("?sort=-ModifiedOn&pageSize=2", [6, 5]),
        ("?orderBy=CreatedOn&orderByDirection=desc", [6, 5, 4, 2, 1]),
    ],
)
def test_a_list_is_sorted_as_asked(tenant: Tenant, query: str, expected: list[int]) -> None:
    assert tenant.ids(INVOICES, query) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?sort=Colour", "sort"),
        ("?ids=" + ",".join(map(str, range(51))), "ids"),
        ("?ids=a", "ids"),
        ("?modifiedBefore=yesterday", "modifiedBefore"),
        ("?modifiedBefore=2026-13-01", "modifiedBefore"),
        ("?statuses=Lost", "statuses"),
        ("?totalLess=NaN", "totalLess"),
        ("?businessUnitId=99999999999999999999", "businessUnitId"),
    ],
)
def test_a_value_that_cannot_be_read_is_named(tenant: Tenant, query: str, field: str) -> None:
    answer = tenant.get(INVOICES, query)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


def test_a_filter_over_data_the_twin_does_not_hold_is_refused(tenant: Tenant) -> None:
    assert tenant.get("jpm/jobs", "?technicianId=5").status_code == 400


def test_job_filters_look_into_lists_of_numbers(tenant: Tenant) -> None:
    assert tenant.ids("jpm/jobs", "?tagTypeIds=8,9&ids=701") == [701]
    assert tenant.ids("jpm/jobs", "?tagTypeIds=9") == []


def test_a_job_has_active_in_the_feed_and_not_in_the_list(tenant: Tenant) -> None:
    assert "active" not in tenant.feed("jpm/jobs")["data"][0]
    assert tenant.feed("jpm/export/jobs")["data"][0]["active"] is True


def test_a_row_can_be_read_by_its_id_also_when_inactive(tenant: Tenant) -> None:
    assert tenant.get("crm/customers/12").json()["name"] == "Old Mill LLC"
    assert tenant.get("crm/customers/99").status_code == 404


def test_there_is_no_invoice_by_id(tenant: Tenant) -> None:
    assert tenant.get("accounting/invoices/1").status_code == 404


def test_money_keeps_its_type_and_its_digits(tenant: Tenant) -> None:
    assert '"total":"107.00"' in tenant.get(INVOICES, "?ids=1").text
    assert '"balance":12.30' in tenant.get("crm/customers").text


def test_names_keep_accents_and_trailing_spaces(tenant: Tenant) -> None:
    assert tenant.feed("crm/customers")["data"][0]["name"] == "Zoë Müller "


def test_lists_without_sort_may_come_in_any_order_but_page_without_loss() -> None:
    with served(unsorted_lists=True) as tenant:
        pages = [tenant.ids(INVOICES, f"?pageSize=2&page={number}") for number in (1, 2, 3)]
        seen = [key for page in pages for key in page]
    assert sorted(seen) == [1, 2, 4, 5, 6]
    assert seen != sorted(seen)


def test_a_changed_row_is_seen_by_the_next_call_with_the_same_filter(own_tenant: Tenant) -> None:
    assert own_tenant.ids(INVOICES, "?statuses=Pending") == [4]
    own_tenant.twin.unpost_invoice(1)
    assert own_tenant.ids(INVOICES, "?statuses=Pending") == [1, 4]
