"""The firms of one database as a register: numbers given, vendor codes found, addresses and accounting data kept.

What a request may change and what it is refused for is in ``firms``.
"""

import hashlib

from st_deltek_pipeline.sandbox.contractor.world import VantagepointWorld
from st_deltek_pipeline.sandbox.state import Row, StatePersistence

_FIRMS = "vantagepoint_firms"
_ADDRESSES = "vantagepoint_addresses"
_VENDOR_ACCOUNTING = "vantagepoint_vendor_accounting"
_VENDOR_DIGITS = 6


class _Numbers:
    """The numbers in use of one kind: who has which, and the largest of those that are plain numbers."""

    def __init__(self, column: str, digits: int) -> None:
        self._column = column
        self._digits = digits
        self._largest = 0
        self._holders: dict[str, str] = {}

    def add(self, row: Row) -> None:
        number = str(row.get(self._column) or "")
        if not number:
            return
        self._holders[number] = row["ClientID"]
        if number.isascii() and number.isdigit():
            self._largest = max(self._largest, int(number))
            self._digits = max(self._digits, len(number))

    def holder(self, number: str, firms: dict[str, Row]) -> str:
        """Return the ClientID of the firm that has a number now, or the empty string."""
        client_id = self._holders.get(number, "")
        row = firms.get(client_id)
        return client_id if row is not None and row.get(self._column) == number else ""

    def next(self, asked: int) -> str:
        return str(asked or self._largest + 1).rjust(self._digits, "0")


class FirmRegister:
    """All firms of a database.

    Args:
        world: Its rows are changed in place, and get what an earlier run stored.
        persistence: Where changes are kept.
    """

    def __init__(self, world: VantagepointWorld, persistence: StatePersistence) -> None:
        self._world = world
        self._persistence = persistence
        world.firms.update(persistence.load(_FIRMS))
        for row in persistence.load(_VENDOR_ACCOUNTING).values():
            world.vendor_accounting[row["Vendor"], row["Company"]] = row
        self._addresses = {key: list[Row](row["rows"]) for key, row in persistence.load(_ADDRESSES).items()}
        self._clients = _Numbers("Client", 1)
        self._vendors = _Numbers("Vendor", _VENDOR_DIGITS)
        for row in world.firms.values():
            self._clients.add(row)
            self._vendors.add(row)

    def keep(self, row: Row) -> None:
        """Store a firm, new or changed."""
        self._persistence.put(_FIRMS, row["ClientID"], row)
        self._world.firms[row["ClientID"]] = row
        self._clients.add(row)
        self._vendors.add(row)

    def new_client_id(self) -> str:
        """Return a ClientID that no firm has: 32 hexadecimal digits, the same ones for the same sandbox."""
        number = len(self._world.firms)
        while True:
            number += 1
            found = hashlib.sha256(f"{self._world.database}|firm|{number}".encode()).hexdigest()[:32].upper()
            if found not in self._world.firms:
                return found

    def next_client(self, asked: int) -> str:
        """Return the next firm number: the one after the largest, unless the tenant's counter says another."""
        return self._clients.next(asked)

    def next_vendor(self, asked: int) -> str:
        """Return the next vendor number, as ``next_client`` does."""
        return self._vendors.next(asked)

    def with_client(self, number: str) -> str:
        """Return the ClientID of the firm with this firm number, or the empty string."""
        return self._clients.holder(number, self._world.firms)

    def with_vendor(self, code: str) -> str:
        """Return the ClientID of the firm with this vendor code, or the empty string."""
        return self._vendors.holder(code, self._world.firms)

    def vendor(self, code: str) -> Row | None:
        """Return the firm that is this vendor; a firm that has the code but is no vendor is none."""
        row = self._world.firms.get(self.with_vendor(code))
        return row if row is not None and row.get("VendorInd") == "Y" else None

    def accounting(self, vendor: str, company: str) -> Row | None:
        """Return a vendor's accounting data in a company."""
        return self._world.vendor_accounting.get((vendor, company))

    def accounting_rows(self, vendor: str) -> list[Row]:
        """Return a vendor's accounting data, one row per company that has any."""
        return [row for (code, _), row in self._world.vendor_accounting.items() if code == vendor] if vendor else []

    def keep_accounting(self, row: Row) -> None:
        """Store a vendor's accounting data in one company."""
        vendor, company = row["Vendor"], row["Company"]
        self._persistence.put(_VENDOR_ACCOUNTING, f"{vendor}|{company}", row)
        self._world.vendor_accounting[vendor, company] = row

    def addresses(self, client_id: str) -> list[Row]:
        """Return a firm's addresses; the one that the firm's own row shows is there from the start."""
        if client_id in self._addresses:
            return self._addresses[client_id]
        firm = self._world.firms[client_id]
        if not firm.get("PrimaryAddress1"):
            return []
        return [
            {
                "ClientID": client_id,
                "CLAddressID": new_address_id(client_id, 0),
                "PrimaryInd": "Y",
                "Billing": "Y",
                "Accounting": "Y",
                "Payment": "Y",
                "Address": "Main",
                "Addressee": "",
                **{f"Address{number}": firm.get(f"PrimaryAddress{number}", "") for number in range(1, 5)},
                **{name: firm.get(f"Primary{name}", "") for name in ("City", "State", "Zip", "Country", "Phone")},
                "FAX": firm.get("PrimaryFax", ""),
                "Email": firm.get("PrimaryEmail", ""),
                "TaxRegistrationNumber": "",
                "TaxCountryCode": "",
            }
        ]

    def keep_addresses(self, client_id: str, rows: list[Row]) -> None:
        """Store all addresses of a firm."""
        self._persistence.put(_ADDRESSES, client_id, {"rows": rows})
        self._addresses[client_id] = rows


def new_address_id(client_id: str, number: int) -> str:
    """Return the CLAddressID of a firm's address: 32 hexadecimal digits."""
    return hashlib.sha256(f"{client_id}|address|{number}".encode()).hexdigest()[:32].upper()
