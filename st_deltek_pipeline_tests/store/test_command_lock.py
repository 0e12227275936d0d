"""Tests of one command of a kind at a time."""

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.store.command_lock import command_lock


def test_the_same_command_on_the_same_connection_is_refused_meanwhile(engine: Engine) -> None:
    with (
        command_lock(engine, "sync", "acme"),
        pytest.raises(TransientError, match="Another st-deltek sync of connection acme is running"),
        command_lock(engine, "sync", "acme"),
    ):
        pytest.fail("two commands held the lock")


def test_other_connections_and_commands_go_on(engine: Engine) -> None:
    with (
        command_lock(engine, "sync", "acme"),
        command_lock(engine, "sync", "other"),
        command_lock(engine, "replay", "acme"),
    ):
        pass


def test_the_lock_is_free_again_afterwards(engine: Engine) -> None:
    for _ in range(2):
        with command_lock(engine, "sync", "acme"):
            pass


def test_the_lock_is_free_again_after_a_failure(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), command_lock(engine, "sync", "acme"):
        raise ZeroDivisionError
    with command_lock(engine, "sync", "acme"):
        pass
