"""Accounting data of linked vendors in the connection's company, as last read. Rows of ``mapping.vendor_accounting``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.firm_links import LinkState, PartyKind, VendorAccounting
from st_deltek_pipeline.store.changes import note_change


@dataclass(frozen=True, slots=True)
class VendorFirm:
    """A linked vendor's firm."""

    firm_id: str
    vendor: str


def vendors_to_read(db: Connection, connection: str, company: str, *, older_than: datetime) -> list[VendorFirm]:
    """Return linked vendors that documents name and whose accounting data should be read (again).

    Args:
        db: A connection to the database.
        connection: The connection's name.
        company: The company it is wanted for.
        older_than: What was read before this is read again; a vendor without any always is.
    """
    found = db.execute(
        text(
            """
            SELECT DISTINCT m.firm_id, m.vendor FROM mapping.firm_mappings AS m
            LEFT JOIN mapping.vendor_accounting AS a
                ON a.connection = m.connection AND a.firm_id = m.firm_id AND a.company = :company
                AND a.vendor = m.vendor
            WHERE m.connection = :connection AND m.party_kind = :kind AND m.state = :linked AND m.needed
                AND m.vendor <> '' AND (a.has_accounting IS NOT TRUE OR a.read_at < :older_than)
            ORDER BY m.firm_id
            """
        ),
        {
            "connection": connection,
            "company": company,
            "kind": PartyKind.VENDOR.value,
            "linked": LinkState.LINKED.value,
            "older_than": older_than,
        },
    )
    return [VendorFirm(row.firm_id, row.vendor) for row in found]


def put_accounting(
    db: Connection,
    connection: str,
    company: str,
    found: Sequence[tuple[VendorFirm, VendorAccounting | None]],
    *,
    read_at: datetime,
) -> None:
    """Keep what was read.

    Args:
        db: The transaction.
        connection: The connection's name.
        company: The company it is of.
        found: Each vendor with its data; ``None`` when it has none in the company.
        read_at: When it was read.
    """
    parameters = [
        {
            "connection": connection,
            "firm_id": firm.firm_id,
            "company": company,
            "vendor": firm.vendor,
            "has_accounting": data is not None,
            "liability_code": data.liability if data else "",
            "bank_code": data.bank if data else "",
            "pay_terms": data.terms if data else "",
            "read_at": read_at,
        }
        for firm, data in found
    ]
    if parameters:
        db.execute(
            text(
                """
                INSERT INTO mapping.vendor_accounting (connection, firm_id, company, vendor, has_accounting,
                    liability_code, bank_code, pay_terms, read_at)
                VALUES (:connection, :firm_id, :company, :vendor, :has_accounting, :liability_code, :bank_code,
                    :pay_terms, :read_at)
                ON CONFLICT (connection, firm_id) DO UPDATE SET
                    company = excluded.company, vendor = excluded.vendor, has_accounting = excluded.has_accounting,
                    liability_code = excluded.liability_code, bank_code = excluded.bank_code,
                    pay_terms = excluded.pay_terms, read_at = excluded.read_at
                -- A vendor that has none is asked about in every run; that it still has none is no news.
                WHERE excluded.has_accounting OR vendor_accounting.has_accounting
                    OR (vendor_accounting.company, vendor_accounting.vendor) <> (excluded.company, excluded.vendor)
                """
            ),
            parameters,
        )
    if any(each["has_accounting"] for each in parameters):
        note_change(db, connection, "vendor_accounting", run_id="")
