"""Vantagepoint's firms as last read, with everything that tells who they are.

Rows of ``reference.snapshots``, like those of ``store.reference``, which reads only what decides about postings.
"""

import msgspec
from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.addresses import Address
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.domain.firm_scores import KnownFirm
from st_deltek_pipeline.store.reference import ReferenceKind

_Text = str | int | float | bool | None
_CHUNK = 2000


class _FirmRow(msgspec.Struct):
    # Vantagepoint's own member names. A role may hide any of them, which then is missing.
    Client: _Text = None
    Name: _Text = None
    Status: _Text = None
    ClientInd: _Text = None
    VendorInd: _Text = None
    Vendor: _Text = None
    PrimaryAddress1: _Text = None
    PrimaryAddress2: _Text = None
    PrimaryAddress3: _Text = None
    PrimaryAddress4: _Text = None
    PrimaryCity: _Text = None
    PrimaryState: _Text = None
    PrimaryZip: _Text = None
    PrimaryCountry: _Text = None
    PrimaryPhone: _Text = None
    PrimaryEmail: _Text = None
    customer_ref: _Text = None
    vendor_ref: _Text = None


class FirmReader:
    """Reads rows of ``firm`` as known firms.

    Args:
        customer_column: The tenant's own column with ServiceTitan's customer ids; ``None`` without one.
        vendor_column: The one with vendor ids, likewise; may be the same.
    """

    def __init__(self, customer_column: str | None, vendor_column: str | None) -> None:
        self._columns = (customer_column, vendor_column)
        self._decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
        self._plain = msgspec.json.Decoder(_FirmRow, strict=False)
        self._value = msgspec.json.Decoder(_Text, strict=False)

    def read(self, client_id: str, row: str) -> KnownFirm:
        """Read one row.

        Args:
            client_id: Its key.
            row: Its JSON.

        Raises:
            BrokenError: It is not as expected.
        """
        try:
            found = self._plain.decode(row)
            customer_ref, vendor_ref = self._references(row)
        except msgspec.MsgspecError as error:
            message = f"Vantagepoint's firm {client_id!r} is not as expected: {error}."
            raise BrokenError(message, advice="Look at it in reference.snapshots and report it.") from None
        more = (found.PrimaryAddress2, found.PrimaryAddress3, found.PrimaryAddress4)
        return KnownFirm(
            client_id=client_id,
            number=_text(found.Client),
            name=_text(found.Name),
            # What the role hides counts as harmless, as in store.reference: Vantagepoint refuses what does not fit.
            active=found.Status is None or _text(found.Status).upper() == "A",
            is_client=found.ClientInd is None or _is_yes(found.ClientInd),
            is_vendor=_is_yes(found.VendorInd),
            vendor=_text(found.Vendor),
            address=Address(
                street=_text(found.PrimaryAddress1),
                # Further lines say where in the building, if anything that can be compared.
                unit=" ".join(line for part in more if (line := _text(part))),
                city=_text(found.PrimaryCity),
                state=_text(found.PrimaryState),
                zip=_text(found.PrimaryZip),
                country=_text(found.PrimaryCountry),
            ),
            phone=_text(found.PrimaryPhone),
            email=_text(found.PrimaryEmail),
            customer_ref=customer_ref,
            vendor_ref=vendor_ref,
        )

    def _references(self, row: str) -> tuple[str, str]:
        if self._columns == (None, None):
            return "", ""
        members = self._decoder.decode(row)
        customer, vendor = (
            _text(self._value.decode(members[name])) if name is not None and name in members else ""
            for name in self._columns
        )
        return customer, vendor


def load_known_firms(db: Connection, connection: str, reader: FirmReader) -> list[KnownFirm]:
    """Return every firm that exists in a connection's Vantagepoint, by key.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        reader: Knows the tenant's own columns.

    Raises:
        BrokenError: A stored row cannot be read.
    """
    found = db.execute(
        text(
            """
            SELECT key, CAST(row AS text) FROM reference.snapshots
            WHERE connection = :connection AND kind = :kind AND gone_at IS NULL ORDER BY key
            """
        ),
        {"connection": connection, "kind": ReferenceKind.FIRMS.value},
        execution_options={"stream_results": True, "max_row_buffer": _CHUNK},
    )
    return [reader.read(row[0], row[1]) for rows in found.partitions(_CHUNK) for row in rows]


def firms_fingerprint(db: Connection, connection: str) -> str | None:
    """Return what changes with every change of a connection's firms, or ``None`` when they were never read.

    Args:
        db: A connection to the database.
        connection: The connection's name.
    """
    polled = db.execute(
        text("SELECT count(*) FROM reference.polls WHERE connection = :connection AND kind = :kind"),
        {"connection": connection, "kind": ReferenceKind.FIRMS.value},
    ).scalar_one()
    if not polled:
        return None
    found = db.execute(
        text(
            """
            SELECT count(*), max(changed_at), max(gone_at) FROM reference.snapshots
            WHERE connection = :connection AND kind = :kind
            """
        ),
        {"connection": connection, "kind": ReferenceKind.FIRMS.value},
    ).one()
    return " ".join(map(str, found))


def _text(value: _Text) -> str:
    return "" if value is None else str(value).strip().replace("\x00", "\ufffd")


def _is_yes(value: _Text) -> bool:
    return value if isinstance(value, bool) else _text(value).upper() == "Y"
