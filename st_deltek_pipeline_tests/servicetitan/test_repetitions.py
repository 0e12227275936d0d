"""A record that ServiceTitan's list writes otherwise than its feed is no news; one that says something else is."""

import pytest

from st_deltek_pipeline.servicetitan.repetitions import says_the_same

FEED = b'{"id": 7, "billAmount": "510.60", "items": [{"cost": 10.10}], "active": true}'


@pytest.mark.parametrize(
    "row",
    [
        FEED,
        b'{"id":7,"billAmount":"510.60","items":[{"cost":10.10}]}',
        b'{"items": [{"cost": 10.1}], "billAmount": "510.60", "id": 7}',
    ],
)
def test_the_same_bill_without_active_or_in_another_order_is_no_news(row: bytes) -> None:
    assert says_the_same(row, FEED)
    assert says_the_same(FEED, row)


@pytest.mark.parametrize(
    "row",
    [
        b'{"id": 7, "billAmount": "510.61", "items": [{"cost": 10.10}]}',
        b'{"id": 7, "billAmount": "510.60", "items": [{"cost": 10.10}], "active": false}',
        b'{"id": 7, "billAmount": "510.60", "items": []}',
        b'{"id": 7, "billAmount": "510.60", "items": [{"cost": 10.10}], "memo": null}',
        b'{"id": 7, "id": 7, "billAmount": "510.60", "items": [{"cost": 10.10}]}',
        b"[]",
        b"",
    ],
)
def test_whatever_says_something_else_is_news(row: bytes) -> None:
    assert not says_the_same(row, FEED)
