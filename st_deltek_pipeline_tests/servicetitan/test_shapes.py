"""What all of ServiceTitan's records share is read exactly."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.servicetitan.shapes import date_part


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-05", date(2026, 10, 5)),
        ("2026-10-05T00:00:00Z", date(2026, 10, 5)),
        ("2026-10-05T23:59:59.9999999-07:00", date(2026, 10, 5)),
        ("2028-02-29T00:00:00Z", date(2028, 2, 29)),
        ("2026-11-01T07:30:00Z", date(2026, 11, 1)),
        ("2027-02-29", None),
        ("2026-W41-1", None),
        ("20261005", None),
        ("2026-10-051", None),
        ("٢٠٢٦-10-05", None),
        ("", None),
        (None, None),
    ],
)
def test_the_date_is_the_one_that_was_written(text: str | None, expected: date | None) -> None:
    """T41: the date is the one that was written, in any zone."""
    assert date_part(text) == expected


@given(st.dates())
def test_any_date_survives_as_midnight_in_any_zone(day: date) -> None:
    assert date_part(f"{day.isoformat()}T00:00:00Z") == day
    assert date_part(f"{day.isoformat()}T00:00:00-07:00") == day
