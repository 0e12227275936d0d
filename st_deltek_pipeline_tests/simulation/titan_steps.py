"""What people do in ServiceTitan, as steps. A step names documents by their place in the order in which they were made."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.sandbox.servicetitan.resources import CUSTOMERS
from st_deltek_pipeline_tests.simulation.step import DAYS, PARTS, Step

if TYPE_CHECKING:
    from st_deltek_pipeline_tests.simulation.simulation import Simulation


def _money(cents: int) -> str:
    return str(Decimal(cents) / 100)


@dataclass(frozen=True)
class InTitan(Step):
    """Something that a user of ServiceTitan does.

    Attributes:
        tenant: Which one; 1 is the second company's.
    """

    def do(self, simulation: "Simulation") -> None:
        """Let it happen, if ServiceTitan lets the user."""
        simulation.by_a_user(self.act)

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        raise NotImplementedError


@dataclass(frozen=True)
class MakeInvoice(InTitan):
    """A new invoice; its amounts go to as many projects as there are parts."""

    day: int
    cents: tuple[int, ...]
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        twin = simulation.twin(self.tenant)
        row = twin.add_invoice({"date": DAYS[self.day].isoformat(), "total": _money(self.cents[0])})
        simulation.made(self.tenant, Kind.INVOICE, row["id"])
        if len(self.cents) > 1:
            twin.edit_invoice(row["id"], {"items": _items(row, self.cents)})


def _items(row: dict[str, Any], cents: tuple[int, ...]) -> list[dict[str, Any]]:
    first = row["items"][0]
    return [
        {**first, "id": first["id"] + place, "skuName": PARTS[place][0], "price": _money(part), "total": _money(part)}
        for place, part in enumerate(cents)
    ]


@dataclass(frozen=True)
class EditInvoice(InTitan):
    """An invoice is about other amounts."""

    which: int
    cents: tuple[int, ...]
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        twin, row = simulation.twin(self.tenant), simulation.invoice(self.which, self.tenant)
        twin.edit_invoice(row["id"], {"items": _items(row, self.cents)})


@dataclass(frozen=True)
class RedateInvoice(InTitan):
    """An invoice belongs to another day, and perhaps to another period."""

    which: int
    day: int
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        row = simulation.invoice(self.which, self.tenant)
        simulation.twin(self.tenant).edit_invoice(row["id"], {"invoiceDate": DAYS[self.day].isoformat()})


@dataclass(frozen=True)
class RenumberInvoice(InTitan):
    """An invoice gets another number."""

    which: int
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        row = simulation.invoice(self.which, self.tenant)
        number = f"{int(row['referenceNumber']) + 5000}"
        simulation.twin(self.tenant).edit_invoice(row["id"], {"referenceNumber": number})


@dataclass(frozen=True)
class MisstateInvoice(InTitan):
    """An invoice whose parts and total do not agree, by some cents or parts of one."""

    which: int
    by: str
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        row = simulation.invoice(self.which, self.tenant)
        total = Decimal(row["total"]) + Decimal(self.by)
        simulation.twin(self.tenant).edit_invoice(row["id"], {"total": str(total)}, verbatim=True)


@dataclass(frozen=True)
class Unpost(InTitan):
    """The batch of a document is un-posted."""

    kind: str
    which: int
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        twin, kind = simulation.twin(self.tenant), Kind(self.kind)
        document = simulation.document(kind, self.which, self.tenant)
        if kind is Kind.INVOICE:
            twin.unpost_invoice(document)
        elif kind is Kind.PAYMENT:
            twin.payments.unpost(document)
        elif kind is Kind.BILL:
            twin.bills.unpost(document)


@dataclass(frozen=True)
class Repost(InTitan):
    """A document is posted, again or at last."""

    kind: str
    which: int
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        twin, kind = simulation.twin(self.tenant), Kind(self.kind)
        document = simulation.document(kind, self.which, self.tenant)
        if kind is Kind.INVOICE:
            twin.edit_invoice(document, {"syncStatus": "Posted"})
        elif kind is Kind.PAYMENT:
            twin.payments.edit(document, {"syncStatus": "Posted"})
        elif kind is Kind.BILL:
            twin.bills.edit(document, {"syncStatus": "Posted"})


@dataclass(frozen=True)
class Void(InTitan):
    """A document is voided, cancelled or deleted."""

    kind: str
    which: int
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        twin, kind = simulation.twin(self.tenant), Kind(self.kind)
        document = simulation.document(kind, self.which, self.tenant)
        match kind:
            case Kind.INVOICE:
                twin.void_invoice(document)
            case Kind.PAYMENT:
                twin.payments.void(document)
            case Kind.CREDIT_MEMO:
                twin.credit_memos.void(document)
            case Kind.BILL:
                twin.bills.cancel(document)
            case _:
                twin.edit_row("accounting/ap-credits", document, {"active": False})


@dataclass(frozen=True)
class Pay(InTitan):
    """A payment for an invoice, of which a part may not be applied to it."""

    which: int
    day: int
    cents: int
    unapplied: int = 0
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        row = simulation.invoice(self.which, self.tenant)
        wanted: dict[str, Any] = {
            "splits": [{"invoiceId": row["id"], "amount": _money(self.cents)}],
            "total": _money(self.cents + self.unapplied),
            "date": DAYS[self.day].isoformat(),
        }
        made = simulation.twin(self.tenant).payments.add(wanted)
        simulation.made(self.tenant, Kind.PAYMENT, made["id"])


@dataclass(frozen=True)
class EditPayment(InTitan):
    """A payment is of another amount, and for another invoice perhaps."""

    which: int
    invoice: int
    cents: int
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        row = simulation.invoice(self.invoice, self.tenant)
        payment = simulation.document(Kind.PAYMENT, self.which, self.tenant)
        splits = [{"invoiceId": row["id"], "amount": _money(self.cents)}]
        simulation.twin(self.tenant).payments.edit(payment, {"splits": splits, "total": _money(self.cents)})


@dataclass(frozen=True)
class ApplyPayment(InTitan):
    """What a payment has left is applied to an invoice."""

    which: int
    invoice: int
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        row = simulation.invoice(self.invoice, self.tenant)
        payment = simulation.document(Kind.PAYMENT, self.which, self.tenant)
        simulation.twin(self.tenant).payments.apply(payment, row["id"])


@dataclass(frozen=True)
class Refund(InTitan):
    """Money is given back."""

    which: int
    day: int
    cents: int
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        payment = simulation.document(Kind.PAYMENT, self.which, self.tenant)
        wanted = {"amount": _money(self.cents), "date": DAYS[self.day].isoformat()}
        made = simulation.twin(self.tenant).payments.refund(payment, wanted)
        simulation.made(self.tenant, Kind.PAYMENT, made["id"])


@dataclass(frozen=True)
class Credit(InTitan):
    """A credit memo for an invoice."""

    which: int
    day: int
    cents: int
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        row = simulation.invoice(self.which, self.tenant)
        wanted = {"invoiceId": row["id"], "total": _money(self.cents), "date": DAYS[self.day].isoformat()}
        made = simulation.twin(self.tenant).credit_memos.add(wanted)
        simulation.made(self.tenant, Kind.CREDIT_MEMO, made["id"])


@dataclass(frozen=True)
class Bill(InTitan):
    """A vendor's bill, with tax and shipping."""

    day: int
    cents: int
    tax: int = 0
    shipping: int = 0
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        wanted = {
            "date": DAYS[self.day].isoformat(),
            "total": _money(self.cents + self.tax + self.shipping),
            "taxAmount": _money(self.tax),
            "shippingAmount": _money(self.shipping),
        }
        made = simulation.twin(self.tenant).bills.add(wanted)
        simulation.made(self.tenant, Kind.BILL, made["id"])


@dataclass(frozen=True)
class EditBill(InTitan):
    """A bill is about another amount."""

    which: int
    cents: int
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        bill = simulation.document(Kind.BILL, self.which, self.tenant)
        simulation.twin(self.tenant).bills.edit(bill, {"billAmount": _money(self.cents)})


@dataclass(frozen=True)
class ReturnGoods(InTitan):
    """A vendor credits what was returned."""

    which: int
    day: int
    cents: int
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        bill = simulation.document(Kind.BILL, self.which, self.tenant)
        wanted = {"amount": _money(self.cents), "date": DAYS[self.day].isoformat()}
        made = simulation.twin(self.tenant).bills.credit(bill, wanted)
        simulation.made(self.tenant, Kind.AP_CREDIT, made["id"])


@dataclass(frozen=True)
class MergeCustomer(InTitan):
    """The customer of an invoice turns out to be that of another one."""

    which: int
    into: int
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        here, there = (simulation.invoice(each, self.tenant)["customer"]["id"] for each in (self.which, self.into))
        if here != there:
            twin = simulation.twin(self.tenant)
            if twin.book.row(CUSTOMERS, there)["mergedToId"] is None:
                twin.edit_row(CUSTOMERS.path, here, {"mergedToId": there, "active": False})


@dataclass(frozen=True)
class RenameCustomer(InTitan):
    """The customer of an invoice is written otherwise."""

    which: int
    tenant: int = 0

    def act(self, simulation: "Simulation") -> None:
        """Do it."""
        customer = simulation.invoice(self.which, self.tenant)["customer"]["id"]
        twin = simulation.twin(self.tenant)
        name = twin.book.row(CUSTOMERS, customer)["name"]
        twin.edit_row(CUSTOMERS.path, customer, {"name": f"{name} "})
