"""The bodies of the writing calls, as the published documents type them; what a call then does is elsewhere.

Fields that a document does not name are ignored, as ServiceTitan does with them.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar, cast

import msgspec
from starlette.requests import Request

from st_deltek_pipeline.domain.money import LARGEST_AMOUNT
from st_deltek_pipeline.sandbox.servicetitan.answers import bad_value
from st_deltek_pipeline.sandbox.state import Row

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
SyncStatus = Literal["Pending", "Posted", "Exported"]
CancelReason = Literal["NotRequired", "Duplicate", "Accidental", "VendorIssue", "Other", "JobCanceled"]

_Body = TypeVar("_Body")

_anything = msgspec.json.Decoder(float_hook=Decimal)


class Body(msgspec.Struct, rename="camel", kw_only=True):
    """What every body has in common: no number in it is beyond what can be booked."""

    def __post_init__(self) -> None:
        """Refuse a number that is not finite or not bookable."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, Decimal) and not (value.is_finite() and abs(value) <= LARGEST_AMOUNT):
                message = f"{name} is not an amount that can be booked"
                raise ValueError(message)


class Mark(Body):
    """An entry of ``invoices/markasexported``."""

    invoice_id: Id
    external_id: str | None = None
    external_message: str | None = None


class CreditMemoMark(Body):
    """An entry of ``credit-memos/markasexported``."""

    credit_memo_id: Id
    external_id: str | None = None
    external_message: str | None = None


class ApPaymentMark(Body):
    """An entry of ``ap-payments/markasexported``."""

    ap_payment_id: Id
    external_id: str | None = None
    external_message: str | None = None


class ApCreditMark(Body):
    """An entry of ``ap-credits/markasexported``."""

    ap_credit_id: Id


class InventoryBillMarks(Body):
    """The body of ``inventory-bills/markasexported``."""

    inventory_bill_ids: list[Id]


class ApBillMarks(Body):
    """The body of ``ap-bills/markasexported``."""

    bill_ids: list[Id]


class DepositMarks(Body):
    """The body of ``bank-deposits/markasexported``."""

    ids: list[Id] | None = None


class PaymentStatuses(Body):
    """The body of ``payments/status``."""

    payment_ids: list[Id]
    status: SyncStatus


class Split(Body):
    """A part of a payment or credit memo and the invoice it pays."""

    amount: Decimal | None = None
    invoice_id: Id | None = None
    invoice_number: str | None = None


class PaymentUpdate(Body):
    """The body of ``PATCH /payments/{id}``; what it does not name stays as it is."""

    splits: list[Split]
    type_id: Id
    active: bool | None = None
    auth_code: str | None = None
    check_number: str | None = None
    export_id: str | None = None
    memo: str | None = None
    paid_on: str | None = None
    status: SyncStatus | None = None


class CreditMemoUpdate(Body):
    """The body of ``PATCH /credit-memos/{id}``."""

    active: bool | None = None
    summary: str | None = None
    date: str | None = None
    business_unit_id: Id | None = None


class CreditMemoSplits(Body):
    """The body of ``POST /credit-memos/{id}/splits``."""

    splits: list[Split] | None = None


class Address(Body):
    """Where goods are sent."""

    street: str
    unit: str
    city: str
    state: str
    zip: str
    country: str


class ShipTo(Body):
    """Where goods are sent, and what that place is called."""

    description: str
    address: Address


class NewOrderItem(Body):
    """An item of ``POST /purchase-orders``."""

    sku_id: Id
    description: str
    vendor_part_number: str
    quantity: Decimal
    cost: Decimal
    budget_code_id: Id | None = None


class NewOrder(Body):
    """The body of ``POST /purchase-orders``."""

    vendor_id: Id
    type_id: Id
    business_unit_id: Id
    inventory_location_id: Id
    ship_to: ShipTo
    impacts_technician_payroll: bool
    date: str
    required_on: str
    tax: Decimal
    shipping: Decimal
    items: list[NewOrderItem]
    job_id: Id | None = None
    technician_id: Id | None = None
    project_id: Id | None = None
    budget_code_id: Id | None = None
    vendor_invoice_number: str | None = None
    memo: str | None = None


class ReceivedItem(Body):
    """An item of ``POST /receipts``."""

    sku_id: Id
    quantity: Decimal
    cost: Decimal
    purchase_order_item_id: Id | None = None
    description: str | None = None
    vendor_part_number: str | None = None
    budget_code_id: Id | None = None


class NewReceipt(Body):
    """The body of ``POST /receipts``."""

    purchase_order_id: Id
    date_received: str
    tax: Decimal
    shipping: Decimal
    items: list[ReceivedItem]
    job_id: Id | None = None
    vendor_document_number: str | None = None
    memo: str | None = None
    budget_code_id: Id | None = None


class Cancellation(Body):
    """The body of the cancellation of a purchase order or receipt."""

    canceled_reason: CancelReason | None = None


async def read_json(request: Request) -> Any:  # noqa: ANN401 - whatever the client sent
    """Return a body as it is.

    Raises:
        ApiError: 400 when it is not JSON.
    """
    try:
        return _anything.decode(await request.body())
    except msgspec.DecodeError as error:
        raise bad_value(name="$", message=f"The body is not JSON: {error}.") from None


async def read_object(request: Request) -> Row:
    """Return a body that must be a JSON object.

    Raises:
        ApiError: 400 when it is not one.
    """
    body = await read_json(request)
    if not isinstance(body, dict):
        raise bad_value(name="$", message="A JSON object is expected.")
    return cast("Row", body)


async def read_body(request: Request, kind: type[_Body]) -> _Body:
    """Return a body as its type.

    Raises:
        ApiError: 400 that names the field when it does not fit.
    """
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        place = path.rstrip("`") or "$"
        raise bad_value(place, f"{message}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_value(name="$", message=f"The body is not JSON: {error}.") from None
