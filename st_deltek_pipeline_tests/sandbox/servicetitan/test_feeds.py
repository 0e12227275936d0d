"""Export feeds: nothing missed, nothing twice without need, tokens that last (servicetitan.md section 4)."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.sandbox.servicetitan.resources import INVOICES
from st_deltek_pipeline.sandbox.servicetitan.tables import Table
from st_deltek_pipeline_tests.sandbox.servicetitan.small_world import Tenant, invoice, served

FEED = "accounting/export/invoices"


def drain(tenant: Tenant, start: str = "") -> tuple[list[int], str]:
    seen: list[int] = []
    token, more = start, True
    while more:
        page = tenant.feed(FEED, f"?from={token}")
        assert not (page["data"] and page["continueFrom"] == token)
        seen += [row["id"] for row in page["data"]]
        token, more = page["continueFrom"], page["hasMore"]
    return seen, token


def test_a_feed_holds_active_and_inactive_rows(tenant: Tenant) -> None:
    page = tenant.feed(FEED)
    assert [row["id"] for row in page["data"]] == [1, 2, 3, 4, 5, 6]
    assert page["data"][2]["active"] is False
    assert page["hasMore"] is False


def test_small_pages_hold_every_row_once_even_where_instants_tie() -> None:
    with served(export_page_size=1) as tenant:
        assert drain(tenant)[0] == [1, 2, 3, 4, 5, 6]


def test_a_caught_up_reader_gets_nothing_and_the_same_token(tenant: Tenant) -> None:
    _, token = drain(tenant)
    page = tenant.feed(FEED, f"?from={token}")
    assert page == {"hasMore": False, "continueFrom": token, "data": []}


def test_a_token_can_stand_in_a_url_as_it_is(tenant: Tenant) -> None:
    _, token = drain(tenant)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)


@pytest.mark.parametrize("start", ["", "2020-01-01", "2026-10-05T12:00:00Z", "2026-10-05T12:00:00.000000%2B00:00"])
def test_a_date_starts_the_feed_at_that_instant_inclusive(tenant: Tenant, start: str) -> None:
    assert drain(tenant, start)[0] == [1, 2, 3, 4, 5, 6]


def test_a_later_date_starts_the_feed_mid_way(tenant: Tenant) -> None:
    assert drain(tenant, "2026-10-07")[0] == [4, 5, 6]
    assert drain(tenant, "2030-01-01")[0] == []


@pytest.mark.parametrize("token", ["nonsense", "%23%23", "2026-99-99", "YWNjb3VudGluZy9leHBvcnQvaW52b2ljZXM6Mw", "é"])
def test_a_bad_token_is_refused(tenant: Tenant, token: str) -> None:
    answer = tenant.get(FEED, f"?from={token}")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["from"]


def test_a_token_of_another_feed_is_refused(tenant: Tenant) -> None:
    token = tenant.feed("crm/export/customers")["continueFrom"]
    assert tenant.get(FEED, f"?from={token}").status_code == 400


def test_an_edit_while_paging_comes_later_and_nothing_is_missed() -> None:
    with served(export_page_size=2) as tenant:
        first = tenant.feed(FEED)
        tenant.twin.edit_invoice(1, {"summary": "seen already, changed since"})
        tenant.twin.edit_invoice(5, {"summary": "not seen yet"})
        rest, token = drain(tenant, first["continueFrom"])
        assert [row["id"] for row in first["data"]] == [1, 2]
        assert rest == [3, 4, 6, 1, 5]
        tenant.twin.void_invoice(4)
        assert drain(tenant, token)[0] == [4]


def test_a_feed_with_a_lag_holds_back_what_is_new_until_it_is_asked_for() -> None:
    with served(export_lag_seconds=3600) as tenant:
        _, token = drain(tenant)
        tenant.twin.edit_invoice(2, {"summary": "new"})
        assert tenant.feed(FEED, f"?from={token}")["data"] == []
        recent = tenant.feed(FEED, f"?from={token}&includeRecentChanges=true")
        assert [row["id"] for row in recent["data"]] == [2]


def test_recent_changes_may_repeat_rows() -> None:
    with served(recent_changes_repeat=2) as tenant:
        _, token = drain(tenant)
        tenant.twin.edit_invoice(2, {"summary": "new"})
        page = tenant.feed(FEED, f"?from={token}&includeRecentChanges=true")
        assert [row["id"] for row in page["data"]] == [5, 6, 2]
        assert tenant.feed(FEED, f"?from={page['continueFrom']}&includeRecentChanges=true")["data"] == []


@given(
    st.lists(
        st.one_of(st.tuples(st.just("edit"), st.integers(0, 7)), st.tuples(st.just("read"), st.integers(1, 4))),
        max_size=30,
    )
)
def test_whatever_is_edited_between_pages_a_reader_ends_with_every_latest_version(steps: list[tuple[str, int]]) -> None:
    """T20: any edits between pages, in the twin."""
    table = Table(INVOICES, {key: invoice(key, 5) for key in range(8)})
    latest = dict.fromkeys(range(8), 0)
    read: dict[int, int] = {}
    position, positions = 0, [0]
    for number, (action, value) in enumerate([*steps, ("read", 100)], start=1):
        if action == "edit":
            latest[value] = number
            table.put({**table.rows[value], "summary": str(number)})
        else:
            ids, position, _ = table.changes(position, value)
            positions.append(position)
            read.update({key: latest[key] for key in ids})
    assert read == latest
    assert all(before <= after for before, after in pairwise(positions))
    assert table.changes(position, 100) == ([], position, False)


def test_items_come_again_with_their_invoice_and_name_it(own_tenant: Tenant) -> None:
    path = "accounting/export/invoice-items"
    first = own_tenant.feed(path)
    assert {(row["id"], row["invoiceId"]) for row in first["data"]} == {(key * 10, key) for key in range(1, 7)}
    assert [row["invoiceId"] for row in first["data"] if not row["active"]] == [3]
    own_tenant.twin.edit_invoice(2, {"total": "77.00"})
    again = own_tenant.feed(path, f"?from={first['continueFrom']}")["data"]
    assert [(row["invoiceId"], row["total"]) for row in again] == [(2, "70.00")]
    token = own_tenant.feed("accounting/export/invoices")["continueFrom"]
    assert own_tenant.get(path, f"?from={token}").status_code == 400
