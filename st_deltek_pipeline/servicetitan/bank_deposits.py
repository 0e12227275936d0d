"""How a bank deposit becomes the domain's ``BankDeposit`` (servicetitan.md section 3.4). It is never staged."""

from collections.abc import Callable
from datetime import date

from st_deltek_pipeline.domain.deposits import BankDeposit
from st_deltek_pipeline.domain.documents import DocumentKey, Kind, SyncStatus, content_hash
from st_deltek_pipeline.servicetitan.document_fields import FieldReader
from st_deltek_pipeline.servicetitan.records import BankDepositRecord
from st_deltek_pipeline.servicetitan.shapes import Unfit, account_number, plain_text


def to_bank_deposit(
    record: BankDepositRecord,
    *,
    connection: str,
    business_day: Callable[[date], date],
    before: tuple[int, str] | None = None,
) -> BankDeposit | Unfit:
    """Make the domain's deposit out of a record.

    Args:
        record: As decoded, of a deposit that is deposited.
        connection: The connection's name.
        business_day: Gives the business day of a date.
        before: Revision and revision hash that were decided about last, if any.

    Returns:
        The deposit, its revision raised by one when what matters to accounting differs from ``before``; or every reason
        why the record does not fit.
    """
    reader = FieldReader()
    dated = reader.day(record.deposit_date, "$.depositDate")
    gross = reader.amount(record.gross_amount, "$.grossAmount")
    net = reader.amount(record.net_amount, "$.netAmount")
    fees = reader.amount_or_zero(record.fees, "$.fees")
    if reader.reasons:
        return Unfit(tuple(reader.reasons))
    revision_hash = content_hash((dated, gross, net, fees))
    revision, known = before or (0, "")
    return BankDeposit(
        key=DocumentKey(connection, Kind.BANK_DEPOSIT, record.id),
        revision=revision if known == revision_hash else revision + 1,
        revision_hash=revision_hash,
        number=plain_text(record.name),
        document_date=dated,
        due_date=None,
        business_day=business_day(dated),
        # It is at the bank, whatever became of ServiceTitan's own batch of it.
        sync_status=SyncStatus.POSTED,
        active=True,
        business_unit_id=None,
        business_unit_name="",
        total=gross,
        fees=fees,
        net=net,
        fee_account=account_number(record.fee_account) or "",
    )
