"""Lists are read so that nothing is lost: not by their order, not by equal times, not by rows that come late."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.services.feeds import FEEDS_BY_NAME, Feed, feeds_of
from st_deltek_pipeline.services.intake import take_in_feed
from st_deltek_pipeline.services.intake_lists import OVERLAP
from st_deltek_pipeline.services.intake_pages import IntakeResult
from st_deltek_pipeline.servicetitan.feeds import FeedPage
from st_deltek_pipeline.store import raw, raw_cursors
from st_deltek_pipeline_tests.services.servicetitan_rows import CONNECTION, ap_bill, bill, encoded, settings
from st_deltek_pipeline_tests.services.test_intake import _written

AP_BILLS = FEEDS_BY_NAME["ap_bills"]
MEMOS = FEEDS_BY_NAME["credit_memos"]

_NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def _at(minute: float) -> str:
    return (_NOON + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")


class Lists:
    """A ServiceTitan with one list, which filters by time as the real one does and promises no order.

    Attributes:
        rows: As they are now.
        asked: The filters of each call.
        page_size: Rows per page.
    """

    def __init__(self, *rows: dict[str, Any], page_size: int = 100) -> None:
        self.rows = {row["id"]: row for row in rows}
        self.asked: list[dict[str, Any]] = []
        self.page_size = page_size

    def put(self, *rows: dict[str, Any]) -> None:
        self.rows.update({row["id"]: row for row in rows})

    def export_feed(self, feed: str, continue_from: str | None, *, include_recent_changes: bool = False) -> FeedPage:
        del feed, include_recent_changes
        return FeedPage([], has_more=False, continue_from=continue_from or "end")

    def list_pages(self, resource: str, **filters: str) -> Iterator[list[bytes]]:
        assert resource
        self.asked.append(filters)
        page = 0
        while found := self._chosen(filters)[page * self.page_size : (page + 1) * self.page_size]:
            yield [encoded(row) for row in found]
            page += 1

    def by_ids(self, resource: str, ids: Sequence[int], **filters: str) -> Iterator[bytes]:
        assert resource
        self.asked.append({**filters, "ids": list(ids)})
        yield from (encoded(row) for row in self._chosen(filters) if row["id"] in ids)

    def _chosen(self, filters: dict[str, str]) -> list[dict[str, Any]]:
        tests = {"modifiedOnOrAfter": "modifiedOn", "createdOnOrAfter": "createdOn"}
        since = [(name, _time(filters[test])) for test, name in tests.items() if test in filters]
        return [
            row
            for row in self.rows.values()
            if row.get("billType", filters.get("billType")) == filters.get("billType")
            and all(row[name] is not None and _time(row[name]) >= moment for name, moment in since)
        ]


def _time(text_: str) -> datetime:
    return datetime.fromisoformat(text_)


def _take_in(engine: Engine, lists: Lists, feed: Feed = MEMOS, **options: Any) -> IntakeResult:
    return take_in_feed(engine, lists, CONNECTION, feed, run_id="run", **options)


def _memo(memo_id: int, minute: float, **changes: Any) -> dict[str, Any]:
    return {"id": memo_id, "modifiedOn": _at(minute), "createdOn": _at(0), **changes}


def _mark(engine: Engine, feed: Feed = MEMOS) -> str | None:
    return raw_cursors.read_cursor(engine, CONNECTION, feed.name).continue_from


def _known(engine: Engine, kind: str = "credit_memo") -> dict[int, dict[str, Any]]:
    found = raw.latest_payloads_of_kind(engine, CONNECTION, kind)
    return {record_id: json.loads(payload) for record_id, payload in found.items()}


def test_the_first_reading_asks_for_everything_and_the_next_for_what_is_newer_less_the_overlap(engine: Engine) -> None:
    lists = Lists(_memo(1, 5), _memo(2, 90), _memo(3, 40))
    assert _take_in(engine, lists).new_versions == 3
    assert _mark(engine) == "2026-10-05T13:30:00.000000Z"
    assert _take_in(engine, lists).unchanged == 1
    assert lists.asked == [{"active": "Any"}, {"active": "Any", "modifiedOnOrAfter": "2026-10-05T13:15:00.000000Z"}]


def test_a_reading_without_news_writes_nothing(engine: Engine) -> None:
    lists = Lists(_memo(1, 5), _memo(2, 6))
    _take_in(engine, lists)
    before = _written(engine)
    assert _take_in(engine, lists) == IntakeResult(0, 2, 0, 1, frozenset())
    assert _written(engine) == before


def test_an_empty_list_leaves_the_mark_where_it_is(engine: Engine) -> None:
    _take_in(engine, Lists())
    assert _mark(engine) is None
    _take_in(engine, Lists(_memo(1, 5)))
    _take_in(engine, Lists())
    assert _mark(engine) == "2026-10-05T12:05:00.000000Z"


def test_rows_of_the_same_instant_are_not_lost(engine: Engine) -> None:
    """T21: the same instant."""
    lists = Lists(_memo(1, 5))
    _take_in(engine, lists)
    lists.put(_memo(2, 5))
    assert _take_in(engine, lists).new_versions == 1


def test_a_row_that_becomes_visible_late_is_not_lost(engine: Engine) -> None:
    """T21: committed late with an older stamp."""
    lists = Lists(_memo(1, 30))
    _take_in(engine, lists)
    lists.put(_memo(2, 30 - OVERLAP / timedelta(minutes=1)))
    assert _take_in(engine, lists).new_versions == 1
    assert _mark(engine) == "2026-10-05T12:30:00.000000Z"


def test_a_time_in_the_future_does_not_carry_the_mark_away(engine: Engine) -> None:
    """T21: another server's clock."""
    lists = Lists(_memo(1, 5), {**_memo(2, 0), "modifiedOn": "2999-01-01T00:00:00Z"})
    began = datetime.now(UTC)
    _take_in(engine, lists)
    mark = _mark(engine)
    assert mark is not None
    assert began <= _time(mark) <= datetime.now(UTC)


def test_a_reading_of_everything_never_moves_the_mark_back(engine: Engine) -> None:
    lists = Lists(_memo(1, 60))
    _take_in(engine, lists)
    lists.rows = {2: _memo(2, 5)}
    assert _take_in(engine, lists, full=True).new_versions == 1
    assert _mark(engine) == "2026-10-05T13:00:00.000000Z"


def test_the_mark_does_not_move_when_reading_breaks_off(engine: Engine) -> None:
    class Breaking(Lists):
        def list_pages(self, resource: str, **filters: str) -> Iterator[list[bytes]]:
            pages = super().list_pages(resource, **filters)
            yield next(pages)
            message = "gone"
            raise TransientError(message)

    with pytest.raises(TransientError, match="gone"):
        _take_in(engine, Breaking(_memo(1, 5), _memo(2, 6), page_size=1))
    assert _mark(engine) is None
    _take_in(engine, Lists(_memo(1, 5), _memo(2, 6)))
    assert sorted(_known(engine)) == [1, 2]


def test_a_row_that_another_pushes_to_a_page_already_read_is_found(engine: Engine) -> None:
    """T20: changed while paging."""

    class Moving(Lists):
        moved = False

        def list_pages(self, resource: str, **filters: str) -> Iterator[list[bytes]]:
            for page in super().list_pages(resource, **filters):
                yield page
                if not self.moved:
                    self.moved = True
                    # The first row is changed and goes to the end: what came behind it moves up one place.
                    self.rows[1] = {**self.rows.pop(1), "modifiedOn": _at(50)}

    result = _take_in(engine, Moving(*(_memo(number, number) for number in range(1, 7)), page_size=2))
    assert sorted(_known(engine)) == [1, 2, 3, 4, 5, 6]
    assert _known(engine)[1]["modifiedOn"] == _at(50)
    assert result.new_versions == 7


def test_a_list_that_never_stands_still_is_given_up_without_moving_the_mark(engine: Engine) -> None:
    class Restless(Lists):
        def list_pages(self, resource: str, **filters: str) -> Iterator[list[bytes]]:
            self.put(_memo(1, len(self.asked)))
            yield from super().list_pages(resource, **filters)

    lists = Restless(_memo(1, 0), _memo(2, 0), page_size=1)
    with pytest.raises(TransientError, match="changed each time"):
        _take_in(engine, lists)
    assert (_mark(engine), sorted(_known(engine))) == (None, [1, 2])


def test_every_pass_is_read_and_rows_without_a_time_are_found_by_when_they_were_made(engine: Engine) -> None:
    bills = [ap_bill(1), ap_bill(2, billType="ApBill")]
    lists = Lists(*bills)
    assert _take_in(engine, lists, AP_BILLS).new_versions == 2
    lists.put(ap_bill(3, modifiedOn=None, billType="ApBill", createdOn="2026-10-05T13:50:00Z"))
    lists.asked.clear()
    assert _take_in(engine, lists, AP_BILLS).new_versions == 1
    assert [(asked["billType"], *sorted(set(asked) - {"billType"})) for asked in lists.asked] == [
        ("Procurement", "modifiedOnOrAfter"),
        ("Procurement", "createdOnOrAfter"),
        ("ApBill", "modifiedOnOrAfter"),
        ("ApBill", "createdOnOrAfter"),
    ]


@pytest.mark.parametrize(("source", "row"), [("ap_bills", ap_bill), ("inventory_bills", bill)])
def test_an_open_bill_that_is_edited_silently_is_seen_and_seen_when_it_is_changed_back(
    engine: Engine, source: Any, row: Any
) -> None:
    feed = feeds_of(settings(bills_source=source))[-1]
    assert feed.name == source
    lists = Lists(row(1, syncStatus="Pending"), row(2))
    _store_first(engine, lists, feed)
    for amount in ("200.00", "107.00", "107.00"):
        lists.put(row(1, syncStatus="Pending", billAmount=amount), row(2, billAmount=amount))
        _take_in(engine, lists, feed)
        assert _known(engine, "bill")[1]["billAmount"] == amount
    asked = [each["ids"] for each in lists.asked if "ids" in each]
    assert asked
    assert all(ids == [1] for ids in asked)


def _store_first(engine: Engine, lists: Lists, feed: Feed) -> None:
    """Store a tenant's bills as the feed itself brings them, and look as if it was long ago."""

    class Feeding(Lists):
        def export_feed(
            self, feed: str, continue_from: str | None, *, include_recent_changes: bool = False
        ) -> FeedPage:
            del feed, include_recent_changes
            rows = [encoded(row) for row in self.rows.values()] if continue_from is None else []
            return FeedPage(rows, has_more=False, continue_from="end")

    _take_in(engine, Feeding(*lists.rows.values()), feed)
    with engine.begin() as db:
        late = "2026-11-01T00:00:00.000000Z"
        db.execute(
            text("UPDATE raw.cursors SET continue_from = :late WHERE feed = 'ap_bills'"),
            {"late": late},
        )


def test_open_bills_from_before_the_start_and_those_just_read_are_not_read_again(engine: Engine) -> None:
    feed = feeds_of(settings(bills_source="ap_bills"))[-1]
    lists = Lists(ap_bill(1, syncStatus="Pending", billDate="2025-01-01"), ap_bill(2, syncStatus="Pending"))
    _take_in(engine, lists, feed)
    assert not [asked for asked in lists.asked if "ids" in asked]
    assert raw.open_records(engine, CONNECTION, "bill", settings().start_date) == [2]


def test_a_bill_that_was_posted_or_canceled_is_open_no_more(engine: Engine) -> None:
    feed = FEEDS_BY_NAME["ap_bills"]
    lists = Lists(ap_bill(1, syncStatus="Pending"), ap_bill(2, syncStatus="Pending"))
    _take_in(engine, lists, feed)
    lists.put(ap_bill(1, modifiedOn=_at(300)), ap_bill(2, modifiedOn=_at(300), status="Canceled", syncStatus="Pending"))
    _take_in(engine, lists, feed)
    assert raw.open_records(engine, CONNECTION, "bill", settings().start_date) == []


def test_an_older_state_that_a_lagging_list_gives_is_kept_but_is_not_the_latest(engine: Engine) -> None:
    _take_in(engine, Lists(_memo(1, 20)))
    assert _take_in(engine, Lists(_memo(1, 10)), full=True).new_versions == 1
    assert _take_in(engine, Lists(_memo(1, 10)), full=True).new_versions == 0
    assert _known(engine)[1]["modifiedOn"] == _at(20)


def test_a_connection_reads_one_view_of_its_bills_and_each_feed_behind_what_it_rests_on() -> None:
    for source in ("inventory_bills", "ap_bills"):
        feeds = feeds_of(settings(bills_source=source))
        names = [feed.name for feed in feeds]
        assert len({feed.kind for feed in feeds}) == len(feeds)
        assert source in names
        assert all(feed.after is None or names.index(feed.after) < names.index(feed.name) for feed in feeds)
        assert [feed.reread_since for feed in feeds if feed.reread_from] == [settings().start_date]


def test_a_connection_that_moves_invoices_only_reads_no_payments_and_no_bills() -> None:
    names = {feed.name for feed in feeds_of(settings(documents=["invoice"]))}
    assert names == {
        "invoices",
        "customers",
        "locations",
        "business_units",
        "jobs",
        "projects",
        "job_types",
        "gl_accounts",
        "tax_zones",
        "payment_types",
    }
