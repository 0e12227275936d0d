"""What every step of the posting protocol needs: database, settings, client, and who is asking."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.boundaries import Boundary, Reached, pass_by
from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.domain.errors import BrokenError, InDoubtError
from st_deltek_pipeline.store.journal import Journal
from st_deltek_pipeline.store.journal_rows import StoredFile
from st_deltek_pipeline.store.locks import PosterLock, poster_key, poster_lock
from st_deltek_pipeline.store.reference import load_periods
from st_deltek_pipeline.vantagepoint.client import VantagepointClient

LOOK_AGAIN_SECONDS = 2.0
"""One pause between two looks at something that should appear."""

SENDINGS_PER_RUN = 2
"""How often one run sends the same frozen file; after that the next run goes on."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class PostingContext:
    """One run's view of a connection.

    Attributes:
        username: The Vantagepoint user we sign in as; its session state is what the lock protects.
        run_id: Recorded with every event.
        now, sleep: Replaced by tests, so that waiting for settling costs nothing.
        reached: Told of the moments at which a process may die; for tests.
    """

    engine: Engine
    settings: ConnectionSettings
    calendar: BusinessCalendar
    client: VantagepointClient
    username: str
    run_id: str
    now: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep
    reached: Reached = pass_by

    @property
    def journal(self) -> Journal:
        """The connection's journal, written to in this run's name."""
        return Journal(self.engine, self.settings.name, run_id=self.run_id)

    @property
    def target(self) -> str:
        """The database that is posted to, however many connections or users share it."""
        return posting_target(self.settings)

    @property
    def one_by_one(self) -> bool:
        """Documents are entered one by one: the company does not use files to group transactions."""
        return self.settings.vantagepoint.entry == "single"

    @property
    def reviewed(self) -> bool:
        """What is entered is posted by a person."""
        return self.settings.posting.posting == "review"

    @contextmanager
    def locked(self) -> Generator[PosterLock]:
        """Hold the poster's lock."""
        vantagepoint = self.settings.vantagepoint
        key = poster_key(vantagepoint.base_url, vantagepoint.database, self.username)
        with poster_lock(self.engine, key, holder=f"{self.settings.name} run {self.run_id}") as lock:
            self.reached(Boundary.LOCKED)
            yield lock

    def enter_session(self, company: str, period: int) -> None:
        """Make company and period the active ones of our Vantagepoint session; call it under the lock.

        Posting lands in the session's period, whatever a document's date says (vantagepoint.md section 4.8).

        Raises:
            RefusedError: The period is closed to this user.
            InDoubtError: An answer was lost, and the settling time is over.
            BrokenError: Vantagepoint answered, but another company or period is active.
        """
        if company and self.client.active_company() != company:
            with self._settling():
                self.client.set_active_company(company)
            if self.client.active_company() != company:
                message = f"Vantagepoint did not switch to company {company}."
                raise BrokenError(message, advice="Give the integration's role access to that company.")
        if self.client.active_period() != period:
            with self._settling():
                self.client.set_active_period(period)
            if self.client.active_period() != period:
                message = f"Vantagepoint did not switch to period {period}."
                raise BrokenError(message, advice="Check the role's period rights in Vantagepoint.")
        self.reached(Boundary.SESSION_SET)

    @contextmanager
    def _settling(self) -> Generator[None]:
        """Keep the lock while a change of the session may still arrive whose answer was lost."""
        try:
            yield
        except InDoubtError:
            self.sleep(self.settings.vantagepoint.settling_seconds)
            raise


def looks_until_settled(context: PostingContext, file: StoredFile) -> Iterator[None]:
    """Say when to look whether a request about a file has arrived whose answer was lost.

    It may arrive until the settling time is over. What of it has passed since the file's last change is told by the database,
    since other machines' clocks differ.

    Yields:
        Once for each look; after the last one absence is certain enough.
    """
    settling = timedelta(seconds=context.settings.vantagepoint.settling_seconds)
    settled_at = context.now() + settling - file.unchanged_for
    while True:
        settled = context.now() >= settled_at
        yield
        if settled:
            return
        context.sleep(min(LOOK_AGAIN_SECONDS, (settled_at - context.now()).total_seconds() + 0.01))


def period_closed(context: PostingContext, file: StoredFile) -> bool:
    """Say whether a file's period was closed since it was planned; what our role might do there all the same, it must not.

    Raises:
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    period = load_periods(context.engine, context.settings.name).get(file.period)
    return period is not None and period.closed


def posting_target(settings: ConnectionSettings) -> str:
    """Name the Vantagepoint database a connection posts to."""
    return f"{settings.vantagepoint.base_url.lower()}|{settings.vantagepoint.database.lower()}"
