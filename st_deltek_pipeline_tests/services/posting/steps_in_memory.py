"""The steps of the posting protocol against a journal in memory and a small Vantagepoint with a clock of its own.

The journal's SQL and Vantagepoint's real behaviour have tests of their own; here thousands of courses of events are gone
through in seconds: which documents are refused, when a request arrives whose answer was lost, and when it shows.
"""

import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import yaml

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.example import starting_file
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import DocumentKey
from st_deltek_pipeline.domain.errors import AlreadyExistsError, InDoubtError, RefusedError
from st_deltek_pipeline.domain.holds import Hold
from st_deltek_pipeline.domain.journal import Event, EventType, FileState
from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline.domain.transaction_files import TransactionFile, build_file
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.store.journal_rows import StoredFile
from st_deltek_pipeline_tests.domain.test_transaction_files import posting

START = datetime(2026, 10, 8, 12, tzinfo=UTC)
LOCK: Any = "the poster's lock"


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = START
        self.waited: list[float] = []

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.waited.append(seconds)
        self.now += timedelta(seconds=seconds)


@dataclass
class MemoryJournal:
    """What the journal is asked for while a file is sent; a transaction that fails leaves nothing."""

    clock: Clock
    files: dict[str, StoredFile] = field(default_factory=dict[str, StoredFile])
    postings: dict[str, tuple[Posting, ...]] = field(default_factory=dict[str, tuple[Posting, ...]])
    changed: dict[str, datetime] = field(default_factory=dict[str, datetime])
    events: list[Event] = field(default_factory=list[Event])
    held: dict[DocumentKey, tuple[Hold, str]] = field(default_factory=dict[DocumentKey, tuple[Hold, str]])
    released: list[str] = field(default_factory=list[str])

    def file(self, batch: str) -> StoredFile:
        return replace(self.files[batch], unchanged_for=self.clock.now - self.changed[batch])

    def postings_of(self, batch: str) -> tuple[Posting, ...]:
        return self.postings[batch]

    @contextmanager
    def writing(self, lock: object) -> Generator["MemoryJournal"]:
        assert lock is LOCK
        before = {name: copy(value) for name, value in vars(self).items() if name != "clock"}
        try:
            yield self
        except BaseException:
            vars(self).update(before)
            raise

    def move_file(
        self, batch: str, state: FileState, *, before: Iterable[FileState], words: str = "", sent_now: bool = False
    ) -> None:
        assert self.files[batch].state in set(before)
        assert isinstance(state, FileState)
        sent_at = self.clock.now if sent_now else self.files[batch].sent_at
        self.files[batch] = replace(self.files[batch], state=state, words=words, sent_at=sent_at)
        self.changed[batch] = self.clock.now

    def append(self, events: Iterable[Event]) -> None:
        for event in events:
            assert isinstance(event.event_type, EventType)
            self.events.append(event)

    def hold(self, holds: Mapping[DocumentKey, tuple[Hold, str]]) -> None:
        self.held.update(holds)

    def release_natural_keys(self, batch: str) -> None:
        self.released.append(batch)

    def add_files(self, files: Sequence[TransactionFile], *, padded_to: int, parent_batch: str | None = None) -> None:
        assert padded_to == 7
        for file in files:
            self.files[file.batch] = StoredFile(
                batch=file.batch,
                kind=file.kind,
                entry=file.entry,
                company=file.company,
                period=file.period,
                business_day=file.postings[0].business_day,
                state=FileState.PLANNED,
                documents=len(file.postings),
                amount=file.amount,
                body=file.body,
                body_hash=file.body_hash,
                parent_batch=parent_batch,
                sent_at=None,
                post_sequence=None,
                words="",
                together=file.together,
                unchanged_for=timedelta(),
            )
            self.postings[file.batch] = file.postings
            self.changed[file.batch] = self.clock.now

    def states(self) -> dict[FileState, int]:
        found = [file.state for file in self.files.values()]
        return {state: found.count(state) for state in set(found)}

    def types(self, batch: str | None = None) -> list[str]:
        """The events' types in order, of one file or of all."""
        return [event.event_type.value for event in self.events if batch in {None, event.batch}]


@dataclass
class SmallVantagepoint:
    """Files by Batch, a ledger, and what becomes of each request; nothing arrives before its time.

    Attributes:
        poison: Documents that a rule refuses, by ServiceTitan's id, with Vantagepoint's words.
        lost: For each request whose answer is lost, after how many seconds it arrives; ``None`` for never. The requests
            after these are answered.
        in_ledger: Batches that somebody has posted already, and whose control row is gone.
        controls: Batches of which there is a control row and nothing else.
        stated: What control rows say the lines sum to, where it is not the truth.
    """

    clock: Clock
    poison: dict[int, str] = field(default_factory=dict[int, str])
    lost: list[float | None] = field(default_factory=list[float | None])
    in_ledger: set[str] = field(default_factory=set[str])
    files: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    controls: set[str] = field(default_factory=set[str])
    arriving: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list[tuple[datetime, dict[str, Any]]])
    requests: list[str] = field(default_factory=list[str])
    session: tuple[str, int] = ("", 202609)
    stated: Decimal | None = None

    def active_company(self) -> str:
        return self.session[0]

    def set_active_company(self, code: str) -> None:
        self.session = (code, self.session[1])

    def active_period(self) -> int:
        return self.session[1]

    def set_active_period(self, period: int) -> None:
        self.session = (self.session[0], period)

    def enter_file(self, entry: str, body: bytes) -> dict[str, Any]:
        content = json.loads(body, parse_float=Decimal)
        self.requests.append(content["Batch"])
        if self.lost:
            delay = self.lost.pop(0)
            if delay is not None:
                self.arriving.append((self.clock.now + timedelta(seconds=delay), content))
            message = "the answer was lost"
            raise InDoubtError(message)
        return self._enter(entry, content)

    def enter_document(self, entry: str, batch: str, key: Sequence[str], body: Mapping[str, Any]) -> dict[str, Any]:
        assert key[0] == body["Invoice"]
        assert isinstance(body[f"{entry}Detail"][0]["Amount"], Decimal)
        content = {"Batch": batch, f"{entry}Master": [body], f"{entry}Detail": body[f"{entry}Detail"]}
        return self.enter_file(entry, json.dumps(content, default=str).encode())

    def _enter(self, entry: str, content: dict[str, Any]) -> dict[str, Any]:
        self._let_arrive()
        if self.session[1] != 202610:
            message = "another period is active"
            raise AssertionError(message)
        if content["Batch"] in self.files or content["Batch"] in self.in_ledger:
            message = "the key is taken"
            raise AlreadyExistsError(message, words="Batch already exists.", status=400)
        for row in content[f"{entry}Master"]:
            # The tests' documents have their id in their number.
            words = self.poison.get(int(row["Invoice"][2:]))
            if words is not None:
                message = "refused"
                raise RefusedError(message, words=words, status=400)
        self.files[content["Batch"]] = content
        total = sum((Decimal(str(row["Amount"])) for row in content[f"{entry}Detail"]), start=Decimal("0.00"))
        return {"Batch": content["Batch"], "SumTotal": self.stated if self.stated is not None else total}

    def _let_arrive(self) -> None:
        for at, content in sorted(self.arriving, key=lambda each: each[0]):
            if at <= self.clock.now:
                self.arriving.remove((at, content))
                # A Batch is there once: a request that arrives late finds the other and changes nothing.
                self.files.setdefault(content["Batch"], content)

    def read_control(self, entry: str, batch: str) -> dict[str, Any] | None:
        assert entry == "in"
        self._let_arrive()
        return {"Batch": batch} if batch in self.files or batch in self.controls else None

    def read_masters(self, entry: str, batch: str) -> list[dict[str, Any]]:
        self._let_arrive()
        return self.files.get(batch, {}).get(f"{entry}Master", [])

    def read_details(self, entry: str, batch: str) -> list[dict[str, Any]]:
        self._let_arrive()
        return self.files.get(batch, {}).get(f"{entry}Detail", [])

    def ledger_rows(self, trans_type: str, *, batches: Sequence[str]) -> list[str]:
        assert trans_type == "IN"
        return [batch for batch in batches if batch in self.in_ledger]


@dataclass(frozen=True)
class MemoryContext(PostingContext):
    """A run whose journal is in memory and whose lock is held by nobody else."""

    memory: MemoryJournal | None = None

    @property
    def journal(self) -> Any:
        return self.memory

    @contextmanager
    def locked(self) -> Generator[Any]:
        yield LOCK


@dataclass
class Steps:
    """A run's context, its journal, and the Vantagepoint that it sends to."""

    context: MemoryContext
    journal: MemoryJournal
    vantagepoint: SmallVantagepoint
    clock: Clock

    def plan(self, *document_ids: int, amount: str = "100.00", together: str = "") -> str:
        """Freeze a file of invoices; return its Batch."""
        members = [replace(posting(document_id, amount), together=together) for document_id in document_ids]
        file = build_file("acme", "01", members)
        self.journal.add_files([file], padded_to=7)
        return file.batch

    def in_state(self, batch: str, state: FileState, *, for_seconds: float = 0.0) -> StoredFile:
        """Put a file into a state as a run left it some time ago."""
        self.journal.files[batch] = replace(self.journal.files[batch], state=state)
        self.journal.changed[batch] = self.clock.now - timedelta(seconds=for_seconds)
        return self.journal.file(batch)

    def documents(self, batches: Iterable[str]) -> list[int]:
        """The documents in some files, by ServiceTitan's id."""
        return [each.document.document_id for batch in batches for each in self.journal.postings_of(batch)]


def steps(*, entry: str = "files", settling_seconds: int = 60) -> Steps:
    """A connection that has sent nothing yet."""
    plain = yaml.load(starting_file("acme"), yaml.BaseLoader)  # noqa: S506 (texts only)
    plain["servicetitan"]["tenant_id"] = 4711
    plain["vantagepoint"] |= {"entry": entry, "settling_seconds": settling_seconds, "company": "01"}
    settings = ConnectionSettings.model_validate(plain)
    clock = Clock()
    journal, vantagepoint = MemoryJournal(clock), SmallVantagepoint(clock)
    context = MemoryContext(
        engine=None,  # type: ignore[arg-type]
        settings=settings,
        calendar=business_calendar(settings.calendar, 2026, 2026),
        client=vantagepoint,  # type: ignore[arg-type]
        username="poster",
        run_id="test",
        now=lambda: clock.now,
        sleep=clock.sleep,
        memory=journal,
    )
    return Steps(context, journal, vantagepoint, clock)
