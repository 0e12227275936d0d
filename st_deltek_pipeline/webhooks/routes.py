"""Which record an event tells of, as data: the event's type, the kind of record, and where its id stands.

CloudEvents are ServiceTitan's own (servicetitan.md section 6, published until May 2026). The short names are what other
senders, such as a middleware, are known to use. A type that is not here is kept and nothing is done about it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from st_deltek_pipeline.servicetitan.record_kinds import RecordKind

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """What an event of one type asks for.

    Attributes:
        kind: The kind of record to read again. Of a job the reader also reads the invoice.
        paths: Where the record's id may stand in the body; the first place that has one counts.
    """

    kind: RecordKind
    paths: tuple[Path, ...]


# ``tn.MODULE.ENTITY``: the kind, the path of its id, and what can happen to it. Creations, payments and bills are not in
# the published schemas; they stand here for the day when ServiceTitan sends them.
_CLOUD_EVENTS: tuple[tuple[str, RecordKind, Path, tuple[str, ...]], ...] = (
    (
        "tn.acc.invoice",
        RecordKind.INVOICE,
        ("data", "invoice", "id"),
        ("created", "updated", "batched", "posted", "exported", "task-created", "task-updated"),
    ),
    (
        "tn.jpm.job",
        RecordKind.JOB,
        ("data", "job", "id"),
        ("created", "scheduled", "rescheduled", "updated", "completed", "canceled"),
    ),
    ("tn.jpm.job-appointment", RecordKind.JOB, ("data", "appointment", "jobId"), ("created", "updated")),
    ("tn.acc.payment", RecordKind.PAYMENT, ("data", "payment", "id"), ("created", "updated")),
    ("tn.acc.bill", RecordKind.BILL, ("data", "bill", "id"), ("created", "updated")),
    ("tn.crm.customer", RecordKind.CUSTOMER, ("data", "customer", "id"), ("created", "updated")),
)

# Short names: the kind and what the body calls the record.
_NAMED: Mapping[str, tuple[RecordKind, str]] = {
    "invoice": (RecordKind.INVOICE, "invoice"),
    "payment": (RecordKind.PAYMENT, "payment"),
    "job": (RecordKind.JOB, "job"),
    "bill": (RecordKind.BILL, "bill"),
    "credit_memo": (RecordKind.CREDIT_MEMO, "creditMemo"),
    "ap_credit": (RecordKind.AP_CREDIT, "apCredit"),
    "bank_deposit": (RecordKind.BANK_DEPOSIT, "bankDeposit"),
    "purchase_order": (RecordKind.PURCHASE_ORDER, "purchaseOrder"),
    "customer": (RecordKind.CUSTOMER, "customer"),
    "location": (RecordKind.LOCATION, "location"),
    "project": (RecordKind.PROJECT, "project"),
    "vendor": (RecordKind.VENDOR, "vendor"),
}
_ACTIONS = ("created", "updated", "posted", "exported", "completed", "canceled", "voided", "deleted")

# Only where there is no ``data`` around the record: there the same key is the delivery's own id.
OUTER_ID: Path = ("id",)


def _cloud_events() -> Iterator[tuple[str, Route]]:
    for entity, kind, path, actions in _CLOUD_EVENTS:
        for action in actions:
            yield f"{entity}-{action}", Route(kind, (path,))


def _named() -> Iterator[tuple[str, Route]]:
    for name, (kind, entity) in _NAMED.items():
        inside = ((entity, "id"), (f"{entity}Id",))
        paths = (*(("data", *path) for path in inside), ("data", "id"), *inside, OUTER_ID)
        for action in _ACTIONS:
            yield f"{name}.{action}", Route(kind, paths)


ROUTES: Mapping[str, Route] = {**dict(_cloud_events()), **dict(_named())}
