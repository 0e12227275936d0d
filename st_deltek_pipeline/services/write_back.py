"""Telling ServiceTitan what stands in Vantagepoint's ledger (setting ``write_back``), in bulk, after posting.

Nothing here posts or holds anything. A write-back that fails in whatever way is told again by a later run, which is
harmless; a document is never posted again for it. Which calls there are is ``servicetitan.exporting``.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.boundaries import Boundary, Reached, pass_by
from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.domain.errors import InDoubtError, LockLostError, PipelineError, RefusedError
from st_deltek_pipeline.domain.exports import UNCLEAR_STATES, DueExport, ExportState, RefusedExport
from st_deltek_pipeline.domain.journal import Event, EventType
from st_deltek_pipeline.servicetitan import exporting
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.store import write_backs
from st_deltek_pipeline.store.journal import Journal
from st_deltek_pipeline.store.locks import PosterLock, poster_lock

DOCUMENTS_PER_CALL = 200

SENDINGS_PER_RUN = 2
"""How often one run tells ServiceTitan about the same document without a clear answer."""

_RESOURCES = {
    Kind.INVOICE: exporting.INVOICES,
    Kind.CREDIT_MEMO: exporting.CREDIT_MEMOS,
    Kind.PAYMENT: exporting.PAYMENTS,
    Kind.AP_CREDIT: exporting.AP_CREDITS,
}
_BILLS = {"inventory_bills": exporting.INVENTORY_BILLS, "ap_bills": exporting.AP_BILLS}


@dataclass(frozen=True)
class WriteBackResult:
    """What came of telling ServiceTitan about a day.

    Attributes:
        exported: Documents that it takes as exported now.
        refused: Documents that it does not, with its words; they stay posted.
        unclear: Documents about which it gave no clear answer; a later run tells it again.
        failures: Why whole kinds could not be told about, with advice; a later run tries again.
    """

    exported: int = 0
    refused: tuple[RefusedExport, ...] = ()
    unclear: tuple[DocumentKey, ...] = ()
    failures: tuple[str, ...] = ()

    def __add__(self, other: "WriteBackResult") -> "WriteBackResult":
        return WriteBackResult(
            self.exported + other.exported,
            self.refused + other.refused,
            self.unclear + other.unclear,
            self.failures + other.failures,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know, in sentences."""
        unclear = f"ServiceTitan gave no clear answer about {len(self.unclear)} documents; the next run tells it again."
        return (
            *(f"ServiceTitan does not take {each.document} as exported: {each.words}" for each in self.refused),
            *([unclear] if self.unclear else []),
            *self.failures,
        )


def write_back_resources(settings: ConnectionSettings) -> list[str]:
    """Return the resources of ServiceTitan that are written to where ``write_back`` says so.

    Args:
        settings: The connection: the kinds of document it moves, and which view of bills it reads.
    """
    return [_resource(settings, kind) for kind in settings.posting.documents]


def write_back_days(
    engine: Engine, settings: ConnectionSettings, *, kinds: Collection[Kind] | None = None
) -> list[date]:
    """Return the business days about which ServiceTitan has to be told yet, oldest first; none where it is not told.

    Args:
        engine: The database.
        settings: The connection.
        kinds: Kinds of document; all that the connection moves by default.
    """
    if settings.posting.write_back == "off":
        return []
    return write_backs.days_due(engine, settings.name, settings.posting.documents if kinds is None else kinds)


def write_back_day(
    engine: Engine,
    settings: ConnectionSettings,
    client: ServiceTitanClient,
    business_day: date,
    *,
    run_id: str,
    kinds: Collection[Kind] | None = None,
    reached: Reached = pass_by,
) -> WriteBackResult:
    """Tell ServiceTitan which documents of a business day are posted, if the connection says so.

    Call it after the day's files were confirmed. It raises nothing that concerns ServiceTitan or its answers, so that
    posting goes on whatever becomes of it; look at ``warnings``.

    Args:
        engine: The database.
        settings: The connection.
        client: Its ServiceTitan tenant.
        business_day: The partition.
        run_id: Recorded with every event.
        kinds: Kinds of document; all that the connection moves by default.
        reached: Told of the moments at which a process may die; for tests.

    Raises:
        LockLostError: Another run has taken over.
        TransientError: Another run is telling it for too long.
    """
    result = WriteBackResult()
    if settings.posting.write_back == "off":
        return result
    for kind in settings.posting.documents:
        # Looked at before the lock is waited for: most days have nothing to tell.
        if (kinds is None or kind in kinds) and write_backs.due_exports(engine, settings.name, kind, business_day):
            result += _tell_kind(engine, settings, client, kind, business_day, run_id=run_id, reached=reached)
    return result


def _tell_kind(
    engine: Engine,
    settings: ConnectionSettings,
    client: ServiceTitanClient,
    kind: Kind,
    day: date,
    *,
    run_id: str,
    reached: Reached,
) -> WriteBackResult:
    holder = f"{settings.name} run {run_id}"
    with poster_lock(engine, f"write-back|{settings.name}", holder=holder) as lock:
        due = write_backs.due_exports(engine, settings.name, kind, day)
        resource = _resource(settings, kind)
        teller = _Teller(Journal(engine, settings.name, run_id=run_id), lock, client, resource, reached)
        result = WriteBackResult()
        try:
            for part in teller.tell(due):
                result += part
        except LockLostError:
            raise
        except PipelineError as error:
            result += WriteBackResult(failures=(f"ServiceTitan was not told about {kind.value}s of {day}: {error}",))
    return result


@dataclass(frozen=True)
class _Teller:
    """Tells ServiceTitan about documents of one kind, and writes down what comes of it."""

    journal: Journal
    lock: PosterLock
    client: ServiceTitanClient
    resource: str
    reached: Reached

    def tell(self, due: Sequence[DueExport]) -> Iterator[WriteBackResult]:
        """Tell about documents, one call after another.

        Yields:
            What came of each call.

        Raises:
            PipelineError: ServiceTitan cannot be told or asked; what was told is recorded.
        """
        settled, left = self._settled([each for each in due if each.state in UNCLEAR_STATES])
        if settled:
            yield self._exported(settled, found="by reading back")
        fresh = [*left, *(each for each in due if each.state not in UNCLEAR_STATES)]
        for start in range(0, len(fresh), DOCUMENTS_PER_CALL):
            yield self._call(fresh[start : start + DOCUMENTS_PER_CALL])

    def _settled(self, unclear: Sequence[DueExport]) -> tuple[list[DueExport], list[DueExport]]:
        """Read which documents ServiceTitan takes as exported; returns those, and the others."""
        if not unclear:
            return [], []
        statuses = exporting.sync_statuses(self.client, self.resource, [each.document.document_id for each in unclear])
        known, others = list[DueExport](), list[DueExport]()
        for each in unclear:
            taken = statuses.get(each.document.document_id) == exporting.EXPORTED
            (known if taken else others).append(each)
        return known, others

    def _call(self, exports: Sequence[DueExport]) -> WriteBackResult:
        """Tell about some documents in one call; one that is refused as a whole is narrowed down to who causes it."""
        result, left = WriteBackResult(), list(exports)
        for _ in range(SENDINGS_PER_RUN):
            self._sending(left)
            marks = [exporting.ExportMark(each.document.document_id, each.batch, each.message) for each in left]
            try:
                answers = {each.record_id: each for each in exporting.mark_exported(self.client, self.resource, marks)}
            except RefusedError as error:
                if len(left) == 1:
                    return result + self._refused([(left[0], error.words)])
                middle = len(left) // 2
                return result + self._call(left[:middle]) + self._call(left[middle:])
            except InDoubtError:
                answers = {}
            self.reached(Boundary.EXPORT_ANSWERED)
            answered = [
                (each, answers[each.document.document_id]) for each in left if each.document.document_id in answers
            ]
            result += self._exported([each for each, answer in answered if answer.accepted], found="")
            result += self._refused([(each, answer.words) for each, answer in answered if not answer.accepted])
            settled, left = self._settled([each for each in left if each.document.document_id not in answers])
            result += self._exported(settled, found="by reading back")
            if not left:
                return result
        return result + self._in_doubt(left)

    def _sending(self, exports: Sequence[DueExport]) -> None:
        ids = [each.document.document_id for each in exports]
        with self.journal.writing(self.lock) as transaction:
            transaction.tell(exports, ExportState.SENDING)
            transaction.append([Event(EventType.EXPORT_SENDING, {"resource": self.resource, "ids": ids})])
        self.reached(Boundary.EXPORT_RECORDED)

    def _exported(self, exports: Sequence[DueExport], *, found: str) -> WriteBackResult:
        if exports:
            with self.journal.writing(self.lock) as transaction:
                transaction.tell(exports, ExportState.EXPORTED)
                transaction.append(
                    Event(
                        EventType.DOCUMENT_EXPORTED,
                        {"external_id": each.batch, "message": each.message, "found": found},
                        document=each.document,
                        revision=each.revision,
                    )
                    for each in exports
                )
            self.reached(Boundary.EXPORTED_RECORDED)
        return WriteBackResult(exported=len(exports))

    def _refused(self, refused: Sequence[tuple[DueExport, str]]) -> WriteBackResult:
        if refused:
            with self.journal.writing(self.lock) as transaction:
                transaction.tell([each for each, _ in refused], ExportState.REFUSED, [words for _, words in refused])
                transaction.append(
                    Event(EventType.EXPORT_REFUSED, {"words": words}, document=each.document, revision=each.revision)
                    for each, words in refused
                )
        return WriteBackResult(refused=tuple(RefusedExport(each.document, words) for each, words in refused))

    def _in_doubt(self, exports: Sequence[DueExport]) -> WriteBackResult:
        with self.journal.writing(self.lock) as transaction:
            transaction.tell(exports, ExportState.IN_DOUBT)
            transaction.append(
                Event(EventType.EXPORT_IN_DOUBT, {}, document=each.document, revision=each.revision) for each in exports
            )
        return WriteBackResult(unclear=tuple(each.document for each in exports))


def _resource(settings: ConnectionSettings, kind: Kind) -> str:
    return _BILLS[settings.posting.bills_source] if kind is Kind.BILL else _RESOURCES[kind]
