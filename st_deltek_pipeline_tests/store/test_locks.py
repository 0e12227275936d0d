"""The poster's lock: one holder at a time, a fence for the one that lost it, and nothing left behind."""

import threading
from collections.abc import Generator
from importlib import import_module

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.pool import QueuePool

from st_deltek_pipeline.domain.errors import LockLostError, TransientError
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.locks import PosterLock, poster_key, poster_lock

KEY = poster_key("https://acme.deltekfirst.com/acme/api", "acme", "integration")


@pytest.fixture
def other(engine: Engine) -> Generator[Engine]:
    """Another process's view of the same database."""
    own = engine_for(engine.url.render_as_string(hide_password=False))
    yield own
    own.dispose()


def end_advisory_sessions(engine: Engine) -> int:
    with engine.begin() as connection:
        return len(
            connection.execute(
                text(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_locks
                    WHERE locktype = 'advisory' AND granted
                      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                    """
                )
            ).all()
        )


def check(engine: Engine, lock: PosterLock) -> None:
    with engine.begin() as connection:
        lock.check(connection)


def free(engine: Engine) -> bool:
    """Say whether another process could have the lock now."""
    try:
        with poster_lock(engine, KEY, holder="probe", wait_seconds=1):
            return True
    except TransientError:
        return False


def test_a_second_worker_waits_and_is_told_when_it_takes_too_long(engine: Engine, other: Engine) -> None:
    """T12: two posters at once."""
    with poster_lock(engine, KEY, holder="first"):
        assert not free(other)
    assert free(other)


def test_the_second_worker_gets_the_lock_as_soon_as_the_first_gives_it_back(engine: Engine, other: Engine) -> None:
    got = threading.Event()

    def wait() -> None:
        with poster_lock(other, KEY, holder="second", wait_seconds=30):
            got.set()

    with poster_lock(engine, KEY, holder="first") as lock:
        second = threading.Thread(target=wait)
        second.start()
        assert not got.wait(0.1)
        check(engine, lock)
    assert got.wait(30)
    second.join()


def test_other_users_of_vantagepoint_do_not_wait(engine: Engine, other: Engine) -> None:
    with (
        poster_lock(engine, KEY, holder="first"),
        poster_lock(other, KEY + "2", holder="second", wait_seconds=1) as lock,
    ):
        check(other, lock)


def test_a_user_is_the_same_however_it_is_written() -> None:
    assert poster_key("https://ACME.deltekfirst.com/acme/api", "Acme", "Integration") == KEY


def test_a_worker_whose_session_was_cut_goes_on_until_another_one_takes_over(engine: Engine, other: Engine) -> None:
    """T13: its session was cut, another has taken over."""
    with poster_lock(engine, KEY, holder="first") as lock:
        assert end_advisory_sessions(other) == 1
        check(engine, lock)
        with poster_lock(other, KEY, holder="second", wait_seconds=1) as newer:
            assert newer.fence > lock.fence
            with pytest.raises(LockLostError):
                check(engine, lock)
            check(other, newer)
    # Giving back what was lost is no error, and takes nothing away from anybody.
    assert free(other)


def test_an_error_inside_is_what_the_caller_sees_even_when_the_session_is_gone(engine: Engine, other: Engine) -> None:
    def lose(lock: PosterLock) -> None:
        end_advisory_sessions(other)
        with poster_lock(other, KEY, holder="second", wait_seconds=1):
            check(engine, lock)

    with pytest.raises(LockLostError), poster_lock(engine, KEY, holder="first") as lock:
        lose(lock)


@pytest.mark.parametrize("statement", ["pg_advisory_lock", "journal.poster_locks", "pg_advisory_unlock"])
def test_a_worker_interrupted_while_it_takes_or_gives_back_the_lock_leaves_it_free(
    engine: Engine, other: Engine, statement: str
) -> None:
    def interrupt(_connection: object, _cursor: object, sent: str, *_rest: object) -> None:
        if statement in sent:
            raise KeyboardInterrupt

    event.listen(engine, "after_cursor_execute" if "unlock" not in statement else "before_cursor_execute", interrupt)
    with pytest.raises(KeyboardInterrupt), poster_lock(engine, KEY, holder="first"):
        pass
    assert free(other)


def test_a_worker_interrupted_while_it_holds_the_lock_leaves_it_free(engine: Engine, other: Engine) -> None:
    with pytest.raises(KeyboardInterrupt), poster_lock(engine, KEY, holder="first"):
        raise KeyboardInterrupt
    assert free(other)


def test_the_long_wait_does_not_stay_on_the_pooled_session(engine: Engine, other: Engine) -> None:
    with engine.connect() as connection:
        usual = connection.execute(text("SHOW lock_timeout")).scalar_one()
    with poster_lock(other, KEY, holder="first"):
        assert not free(engine)
    assert isinstance(engine.pool, QueuePool)
    sessions = [engine.connect() for _ in range(engine.pool.checkedin() + 1)]
    assert {session.execute(text("SHOW lock_timeout")).scalar_one() for session in sessions} == {usual}
    for session in sessions:
        session.close()


def test_a_lock_is_named_without_the_user_and_differs_by_all_three() -> None:
    key = poster_key("https://acme.deltekfirst.com/acme/api", "ACME", "CaNaRy@acme.example")
    assert "canary" not in key.lower()
    assert key == poster_key("https://ACME.deltekfirst.com/acme/api", "acme", "canary@acme.example")
    others = [
        ("https://b", "ACME", "u"),
        ("https://a", "B", "u"),
        ("https://a", "ACME", "v"),
        ("https://a", "ACME", "u"),
    ]
    assert len({poster_key(*each) for each in others}) == 4


def test_a_lock_of_an_older_version_keeps_its_fence_under_the_new_name(engine: Engine) -> None:
    url, database, user = "https://acme.deltekfirst.com/acme/api", "acme", "somebody|größe@acme.example"
    script = import_module("st_deltek_pipeline.store.migrations.versions.0018_poster_names")._RENAME
    with engine.begin() as db:
        statement = text("INSERT INTO journal.poster_locks VALUES (:poster, 41, 'acme run 1', now())")
        for poster in (f"{url}|{database}|{user}", "write-back|acme"):
            db.execute(statement, {"poster": poster})
        db.exec_driver_sql(script)
        names = set(db.scalars(text("SELECT poster FROM journal.poster_locks")))
    assert names == {poster_key(url, database, user), "write-back|acme"}
    with poster_lock(engine, poster_key(url, database, user), holder="acme run 2") as lock:
        assert lock.fence == 42
