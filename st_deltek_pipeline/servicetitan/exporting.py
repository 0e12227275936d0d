"""Telling ServiceTitan which documents were exported: the only calls of this project that write there.

By servicetitan.md sections 3.1 to 3.4. Marking a record that is exported already changes nothing, so each of these calls
may be repeated. No general-ledger entry is ever written.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.errors import refusal
from st_deltek_pipeline.transport.answers import Answer
from st_deltek_pipeline.transport.exact_json import strip_mark

EXPORTED = "Exported"

INVOICES = "accounting/invoices"
CREDIT_MEMOS = "accounting/credit-memos"
PAYMENTS = "accounting/payments"
INVENTORY_BILLS = "accounting/inventory-bills"
AP_BILLS = "accounting/ap-bills"
AP_CREDITS = "accounting/ap-credits"


@dataclass(frozen=True)
class ExportMark:
    """One record to be marked.

    Attributes:
        record_id: ServiceTitan's id.
        external_id: Our reference; only invoices and credit memos can carry one.
        message: What people read beside it; likewise.
    """

    record_id: int
    external_id: str
    message: str


@dataclass(frozen=True)
class MarkAnswer:
    """What ServiceTitan answered about one record; ``words`` are its own, where it refused."""

    record_id: int
    accepted: bool
    words: str


@dataclass(frozen=True)
class _Call:
    """One call.

    Attributes:
        path: Behind the resource.
        body: Makes the body.
        id_name: What the answer calls a record's id; empty where a success is an empty answer for all of them.
        passes: Query parameters with which the resource's list shows every record.
    """

    path: str
    body: Callable[[Sequence[ExportMark]], object]
    id_name: str = ""
    passes: tuple[Mapping[str, str], ...] = ({"active": "Any"},)


def _listed(id_name: str, *, with_reference: bool) -> Callable[[Sequence[ExportMark]], object]:
    def body(marks: Sequence[ExportMark]) -> list[dict[str, object]]:
        return [
            {
                id_name: mark.record_id,
                **({"externalId": mark.external_id, "externalMessage": mark.message} if with_reference else {}),
            }
            for mark in marks
        ]

    return body


def _ids(name: str, **others: str) -> Callable[[Sequence[ExportMark]], object]:
    return lambda marks: {name: [mark.record_id for mark in marks], **others}


_ALL = {"activeState": "All"}
_CALLS: Mapping[str, _Call] = {
    INVOICES: _Call("markasexported", _listed("invoiceId", with_reference=True), "invoiceId", (_ALL,)),
    CREDIT_MEMOS: _Call("markasexported", _listed("creditMemoId", with_reference=True), "creditMemoId"),
    PAYMENTS: _Call("status", _ids("paymentIds", status=EXPORTED), passes=(_ALL,)),
    INVENTORY_BILLS: _Call("markasexported", _ids("inventoryBillIds"), "inventoryBillId", ({},)),
    AP_BILLS: _Call(
        "markasexported",
        _ids("billIds"),
        "billId",
        # Only bills for purchase orders are listed unless the others are asked for (section 3.3).
        ({"billType": "Procurement"}, {"billType": "ApBill"}),
    ),
    AP_CREDITS: _Call("markasexported", _listed("apCreditId", with_reference=False), "apCreditId"),
}


class _Row(msgspec.Struct):
    id: int
    syncStatus: str | None = None  # noqa: N815 (ServiceTitan's name)


_ROW = msgspec.json.Decoder(_Row)
_ANSWERS = msgspec.json.Decoder(list[dict[str, object]])


def mark_exported(client: ServiceTitanClient, resource: str, marks: Sequence[ExportMark]) -> list[MarkAnswer]:
    """Mark records as exported, in one call.

    Args:
        client: The tenant's client.
        resource: One of this module's.
        marks: The records.

    Returns:
        An answer for each record that ServiceTitan said something about. Where it answers the call as a whole, all of
        them are accepted.

    Raises:
        RefusedError: The call as a whole was refused.
        PermissionMissingError: The resource's scope to write is missing.
        InDoubtError: Sent, and no clear answer came: read the statuses back.
        TransientError: Nothing was changed.
    """
    call = _CALLS[resource]

    def read(answer: Answer) -> list[MarkAnswer]:
        if not answer.succeeded:
            raise refusal(answer, writes=True)
        if not call.id_name:
            return [MarkAnswer(mark.record_id, accepted=True, words="") for mark in marks]
        return _answers(answer, call.id_name)

    return client.write(f"{resource}/{call.path}", msgspec.json.encode(call.body(marks)), read)


def sync_statuses(client: ServiceTitanClient, resource: str, ids: Sequence[int]) -> Mapping[int, str]:
    """Read which status records have now; those that ServiceTitan does not show are left out.

    Args:
        client: The tenant's client.
        resource: One of this module's.
        ids: ServiceTitan's ids.

    Raises:
        PipelineError: It cannot be read.
    """
    found: dict[int, str] = {}
    for filters in _CALLS[resource].passes:
        for row in client.by_ids(resource, ids, **filters):
            with contextlib.suppress(msgspec.DecodeError):
                # A row that cannot be read tells no status, so its record counts as not exported yet.
                record = _ROW.decode(row)
                found[record.id] = record.syncStatus or ""
    return found


def _answers(answer: Answer, id_name: str) -> list[MarkAnswer]:
    """Read an answer row by row.

    Raises:
        UnreadableAnswerError: It says nothing of the records; what was done is in doubt.
    """
    try:
        rows = _ANSWERS.decode(strip_mark(answer.body))
    except msgspec.DecodeError as error:
        reason = f"no list of results ({error})"
        raise answer.unreadable(reason, may_heal=True) from None
    found: list[MarkAnswer] = []
    for row in rows:
        record_id, accepted = row.get(id_name), row.get("success")
        if isinstance(record_id, int) and isinstance(accepted, bool):
            words = str(row.get("errorMessage") or "")
            found.append(MarkAnswer(record_id, accepted, answer.redactor.text(words)))
    return found
