"""Rows that survive a restart, exact to the digit."""

import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.sandbox.state import MemoryState, SqliteState, StatePersistence, decode_row, encode_row


@pytest.fixture(params=["memory", "sqlite"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> StatePersistence:
    kinds: dict[str, Callable[[], StatePersistence]] = {
        "memory": MemoryState,
        "sqlite": lambda: SqliteState(tmp_path / "folder" / "state.sqlite3"),
    }
    return kinds[request.param]()


def test_rows_come_back_by_key_in_the_order_they_were_first_put(state: StatePersistence) -> None:
    state.put("t", "b", {"n": 1})
    state.put_many("t", {"a": {"n": 2}, "c": {"n": 3}})
    state.put("t", "b", {"n": 4})
    state.put("other", "a", {"n": 9})
    assert list(state.load("t").items()) == [("b", {"n": 4}), ("a", {"n": 2}), ("c", {"n": 3})]
    state.delete("t", "a")
    state.delete("t", "never there")
    assert list(state.load("t")) == ["b", "c"]
    assert state.load("empty") == {}
    state.close()


def test_a_row_put_is_not_changed_by_what_the_caller_does_next(state: StatePersistence) -> None:
    row = {"lines": [Decimal("1.10")]}
    state.put("t", "a", row)
    row["lines"].append(Decimal(2))
    assert state.load("t") == {"a": {"lines": [Decimal("1.10")]}}
    state.close()


def test_what_was_put_is_there_after_a_restart_without_closing(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    first = SqliteState(path)
    first.put("t", "a", {"amount": Decimal("0.10"), "name": "Zoë"})
    second = SqliteState(path)
    assert second.load("t") == {"a": {"amount": Decimal("0.10"), "name": "Zoë"}}
    first.close()
    second.close()


def test_many_rows_are_put_all_or_none(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.sqlite3")
    with pytest.raises(sqlite3.Error):
        state.put_many("t", {"a": {}, None: {}})  # type: ignore[dict-item]
    assert state.load("t") == {}
    state.put("t", "b", {})
    assert list(state.load("t")) == ["b"]
    state.close()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_an_amount_keeps_its_value_and_its_digits(amount: Decimal) -> None:
    row = {"amount": amount}
    assert str(decode_row(encode_row(row))["amount"]) == str(amount)
