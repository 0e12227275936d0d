"""COPY brings every value over unchanged, in one transaction, without holding the rows in memory."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from st_deltek_pipeline.store.copying import copy_rows

_COLUMNS = ("id", "words", "amount", "day", "moment", "flag", "document")


@pytest.fixture(scope="module")
def table(module_engine: Engine) -> Engine:
    with module_engine.begin() as connection:
        connection.execute(
            text(
                'CREATE TABLE public."odd name" (id bigint, words text, amount numeric, day date, '
                "moment timestamptz, flag boolean, document json)"
            )
        )
    return module_engine


def _round_trip(engine: Engine, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        assert copy_rows(connection, "public.odd name", _COLUMNS, rows) == len(rows)
        result = connection.execute(text('SELECT *, document::text AS d FROM public."odd name" ORDER BY id'))
        stored = [(*row[:6], row.d) for row in result]
        connection.rollback()
    return stored


def test_every_type_comes_back_as_it_went(table: Engine) -> None:
    rows = [
        (1, "tab\tnewline\nreturn\rback\\slash \\N \\.", Decimal("-0.10"), date(2026, 10, 5), None, True, None),
        (2, "", Decimal("12345678901234567890.99"), None, datetime(2026, 10, 5, 1, 2, 3, 4, UTC), False, '{"a":"\\n"}'),
        (3, None, None, None, None, None, None),
    ]
    assert _round_trip(table, rows) == rows


def test_bytes_are_stored_as_their_text_verbatim(table: Engine) -> None:
    payload = '{"name": "Señor \\"X\\" \\u00e9", "b":  1.10}'
    row = (1, None, None, None, None, None, payload.encode())
    assert _round_trip(table, [row]) == [(*row[:6], payload)]


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_any_text_survives(table: Engine, texts: list[str]) -> None:
    rows = [(number, words, None, None, None, None, None) for number, words in enumerate(texts)]
    assert _round_trip(table, rows) == rows


def test_rows_are_consumed_as_they_are_sent(table: Engine) -> None:
    def many() -> Iterator[tuple[Any, ...]]:
        for number in range(20_000):
            yield (number, "x" * 50, Decimal("1.25"), None, None, None, None)

    with table.connect() as connection:
        assert copy_rows(connection, "public.odd name", _COLUMNS, many()) == 20_000
        total = connection.execute(text('SELECT sum(amount) FROM public."odd name"')).scalar()
        assert total == Decimal("25000.00")


def test_nothing_is_kept_when_the_caller_does_not_commit(table: Engine) -> None:
    with table.connect() as connection:
        copy_rows(connection, "public.odd name", ("id",), [(1,)])
    with table.connect() as connection:
        assert connection.execute(text('SELECT count(*) FROM public."odd name"')).scalar() == 0


def test_a_nul_character_is_refused_with_the_row(table: Engine) -> None:
    with table.connect() as connection, pytest.raises(ValueError, match=r"NUL character.*a\\x00b"):
        copy_rows(connection, "public.odd name", ("id", "words"), [(1, "a\0b")])


def test_an_error_of_the_rows_is_the_error_the_caller_sees(table: Engine) -> None:
    def broken() -> Iterator[tuple[Any, ...]]:
        yield (1, "x")
        message = "row 2 cannot be read"
        raise LookupError(message)

    with table.connect() as connection, pytest.raises(LookupError, match="row 2"):
        copy_rows(connection, "public.odd name", ("id", "words"), broken())


def test_no_rows_are_no_work(table: Engine) -> None:
    with table.connect() as connection:
        assert copy_rows(connection, "public.odd name", ("id",), []) == 0
