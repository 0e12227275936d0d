"""Writes deliveries into the inbox: one thread, which puts all that wait into one transaction.

Whoever hands in a delivery learns when it is durably there, or that it is not. What is read out of a body is elsewhere.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from st_deltek_pipeline.domain.boundaries import Boundary, Reached, pass_by
from st_deltek_pipeline.domain.deliveries import Delivery, DeliveryState
from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.store import inbox

_logger = logging.getLogger(__name__)

_MOST_IN_A_BATCH = 500
_MOST_BYTES_IN_A_BATCH = 8 << 20
# Longer than a disk ever takes, and shorter than a sender waits.
_STATEMENT_MILLISECONDS = 5_000
_SAY_SO_EVERY_SECONDS = 60

OnNew = Callable[[set[str]], None]


@dataclass(slots=True)
class _Handed:
    delivery: Delivery
    done: "Future[bool]" = field(default_factory=Future[bool])


class InboxWriter:
    """The only writer of a receiver. ``start`` it, and ``stop`` it at the end.

    Args:
        engine: The migrated database.
        most_waiting: Deliveries that may wait.
        on_new: Called with the names of connections that have new waiting events, in a thread of its own, after they
            are committed. It is never called twice at once, and names that come meanwhile are told together.
        reached: Told of the moments at which a process may die; for tests.
    """

    def __init__(
        self, engine: Engine, *, most_waiting: int, on_new: OnNew | None = None, reached: Reached = pass_by
    ) -> None:
        self._engine = engine
        self._most = most_waiting
        self._reached = reached
        self._waiting: list[_Handed] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._db: Connection | None = None
        self._said = -float(_SAY_SO_EVERY_SECONDS)
        self._thread = threading.Thread(target=self._run, name="inbox-writer", daemon=True)
        self._announcer = None if on_new is None else _Announcer(on_new)

    @property
    def waiting(self) -> int:
        """How many deliveries wait to be written."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits still, and end. Nothing is taken any more."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()
        if self._announcer is not None:
            self._announcer.stop()

    def hand_in(self, delivery: Delivery) -> "Future[bool]":
        """Hand in a delivery to be written.

        Args:
            delivery: Its connection is a known one.

        Returns:
            Done once it is committed, with whether its occurrence is new; or failed with a ``TransientError``.

        Raises:
            TransientError: Too many wait already, or the writer is stopping.
        """
        handed = _Handed(delivery)
        # From here on it cannot be cancelled: whoever gives up waiting for it does not undo it.
        handed.done.set_running_or_notify_cancel()
        with self._changed:
            if self._stopping or len(self._waiting) >= self._most:
                message = f"{len(self._waiting)} deliveries wait for the database already."
                raise TransientError(message)
            self._waiting.append(handed)
            self._changed.notify()
        return handed.done

    def _run(self) -> None:
        while batch := self._next():
            try:
                self._write(batch)
            except Exception:
                # Whatever it was, the senders must not be told that it is kept, and the thread must go on.
                _logger.exception("Deliveries could not be written.")
                _fail(batch)
        self._disconnect()

    def _next(self) -> list[_Handed]:
        with self._changed:
            while not self._waiting and not self._stopping:
                self._changed.wait()
            size = 0
            for number, handed in enumerate(self._waiting):
                size += len(handed.delivery.body)
                if number and (number >= _MOST_IN_A_BATCH or size > _MOST_BYTES_IN_A_BATCH):
                    break
            else:
                number = len(self._waiting)
            batch, self._waiting = self._waiting[:number], self._waiting[number:]
            return batch

    def _write(self, batch: Sequence[_Handed]) -> None:
        try:
            new = self._committed(batch)
        except (OperationalError, InterfaceError) as error:
            self._say(error)
            _fail(batch)
            return
        except (DBAPIError, ValueError) as error:
            if len(batch) > 1:
                # One that the database does not take must not keep the others out.
                for handed in batch:
                    self._write([handed])
                return
            # Without the error's own words: they hold the body.
            cause = type(error.orig if isinstance(error, DBAPIError) else error).__name__
            _logger.error("A delivery to %s cannot be stored (%s).", batch[0].delivery.connection, cause)  # noqa: TRY400
            _fail(batch)
            return
        for handed, is_new in zip(batch, new, strict=True):
            handed.done.set_result(is_new)
        names = {
            handed.delivery.connection
            for handed, is_new in zip(batch, new, strict=True)
            if is_new and handed.delivery.state is DeliveryState.WAITING
        }
        if names and self._announcer is not None:
            self._announcer.tell(names)

    def _committed(self, batch: Sequence[_Handed]) -> list[bool]:
        try:
            return self._kept(batch)
        except SQLAlchemyError as error:
            # A server that was restarted, or closed a connection, is there again at the second attempt.
            if not (isinstance(error, DBAPIError) and error.connection_invalidated):
                raise
        return self._kept(batch)

    def _kept(self, batch: Sequence[_Handed]) -> list[bool]:
        if self._db is None:
            self._db = _durable_connection(self._engine)
        try:
            with self._db.begin():
                new = inbox.keep(self._db, [handed.delivery for handed in batch])
                self._reached(Boundary.DELIVERY_WRITTEN)
        except BaseException:
            self._disconnect()
            raise
        self._reached(Boundary.DELIVERY_KEPT)
        return new

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            # One that is broken cannot be closed in good order, and need not be.
            with contextlib.suppress(SQLAlchemyError):
                db.close()

    def _say(self, error: DBAPIError) -> None:
        now = time.monotonic()
        if now - self._said > _SAY_SO_EVERY_SECONDS:
            self._said = now
            words = " ".join(str(error.orig).split())[:300]
            _logger.warning("The database does not take deliveries, so they are answered 503: %s", words)


class _Announcer:
    """Tells of connections with something new, one call at a time, keeping the writer from waiting for it."""

    def __init__(self, on_new: OnNew) -> None:
        self._on_new = on_new
        self._names: set[str] = set()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="inbox-announcer", daemon=True)
        self._thread.start()

    def tell(self, names: set[str]) -> None:
        with self._changed:
            self._names |= names
            self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while names := self._next():
            try:
                self._on_new(names)
            except Exception:
                # The events are in the inbox, where they are found without being told of.
                _logger.exception("New events of %s could not be announced.", ", ".join(sorted(names)))

    def _next(self) -> set[str]:
        with self._changed:
            while not self._names and not self._stopping:
                self._changed.wait()
            names, self._names = self._names, set()
            return names


def _durable_connection(engine: Engine) -> Connection:
    """Return a connection whose commits wait for the disk, whatever the server's default, and not longer than a sender.

    It is taken out of the pool, so that nobody else gets these settings, and is not prepared for each batch again.
    """
    db = engine.connect()
    try:
        db.detach()
        db.execute(
            text(
                """
                SELECT set_config('statement_timeout', :milliseconds, false),
                    set_config('lock_timeout', :milliseconds, false),
                    set_config('synchronous_commit',
                        CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on'
                        ELSE current_setting('synchronous_commit') END, false)
                """
            ),
            {"milliseconds": str(_STATEMENT_MILLISECONDS)},
        )
        db.commit()
    except BaseException:
        db.close()
        raise
    return db


def _fail(batch: Sequence[_Handed]) -> None:
    for handed in batch:
        if not handed.done.done():
            handed.done.set_exception(TransientError("The database did not take the delivery."))
