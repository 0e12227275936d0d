"""Reading vendors' accounting data: without it in the company, Vantagepoint takes no voucher of a vendor.

It costs a call per vendor, so only linked vendors that documents name are asked about, and those that have it not again
before some hours have passed. Accounting data is never made here: terms and accounts are the accountant's to choose.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.errors import PermissionMissingError
from st_deltek_pipeline.domain.firm_links import VendorAccounting
from st_deltek_pipeline.store.vendor_accounting import VendorFirm, put_accounting, vendors_to_read

Row = dict[str, Any]

_STORED_AT_ONCE = 50


class AccountingClient(Protocol):
    """The part of ``VantagepointClient`` that this calls."""

    def vendor_accounting(self, client_id: str) -> list[Row]:
        """Read a vendor firm's accounting data, one row for each company that has any."""
        ...

    def active_company(self) -> str:
        """Say which company the user's session is in."""
        ...


@dataclass(frozen=True)
class AccountingResult:
    """What was read.

    Attributes:
        read: Vendors asked about.
        without: Those of them that have none in the company.
        problem: Why nothing could be read; empty when it could.
    """

    read: int
    without: int
    problem: str = ""


def read_vendor_accounting(
    engine: Engine,
    client: AccountingClient,
    settings: ConnectionSettings,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AccountingResult:
    """Read the accounting data of linked vendors where it is unknown, missing or old.

    Args:
        engine: The application's database, with mappings up to date.
        client: Vantagepoint.
        settings: The connection.
        now: The clock.

    Raises:
        TransientError: Vantagepoint cannot be reached now. What was read is stored.
    """
    company = settings.vantagepoint.company
    older_than = now() - timedelta(hours=settings.firms.accounting_hours)
    with engine.connect() as db:
        vendors = vendors_to_read(db, settings.name, company, older_than=older_than)
    if not vendors:
        return AccountingResult(0, 0)
    without = 0
    try:
        wanted = company or client.active_company()
        for begin in range(0, len(vendors), _STORED_AT_ONCE):
            found = [(vendor, _read(client, vendor, wanted)) for vendor in vendors[begin : begin + _STORED_AT_ONCE]]
            with engine.begin() as db:
                put_accounting(db, settings.name, company, found, read_at=now())
            without += sum(1 for _, data in found if data is None)
    except PermissionMissingError as error:
        return AccountingResult(0, 0, f"Accounting data of vendors cannot be read: {error.message} {error.advice}")
    return AccountingResult(len(vendors), without)


def _read(client: AccountingClient, vendor: VendorFirm, company: str) -> VendorAccounting | None:
    row = _of_company(client.vendor_accounting(vendor.firm_id), company)
    if row is None:
        return None
    return VendorAccounting(*(str(row.get(name) or "").strip() for name in ("LiabCode", "BankCode", "PayTerms")))


def _of_company(rows: Sequence[Row], company: str) -> Row | None:
    # A database with one company may leave it blank on either side.
    return next((row for row in rows if str(row.get("Company") or "").strip() in {company, ""}), None)
