"""Staging customers and vendors: typed rows of what tells who they are, and which of them documents name.

Which firm they are is the firm alignment's business. Reads only raw versions that it has not seen.
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection

from st_deltek_pipeline.domain.addresses import NOWHERE, Address
from st_deltek_pipeline.domain.firm_links import PartyKey, PartyKind
from st_deltek_pipeline.domain.firm_scores import Party
from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.records import CustomerRecord, PostalAddress, VendorRecord, read_record
from st_deltek_pipeline.servicetitan.shapes import plain_text
from st_deltek_pipeline.store import parties as store
from st_deltek_pipeline.store.staged_lookups import lookup_candidates

_CHUNK = 2000
_KINDS = {PartyKind.CUSTOMER: RecordKind.CUSTOMER, PartyKind.VENDOR: RecordKind.VENDOR}
# What progress is kept under. Another number makes everything be read again: raise it when records are read differently.
_SHAPE = 1
_STAGED = "{kind}, shape {shape}"
_NEEDS = "parties of {kind}, shape {shape}"


def stage_parties(db: Connection, connection: str) -> tuple[int, ...]:
    """Bring ``staged.parties`` up to date with ``raw``.

    A record that cannot be read changes nothing: what was known of the party stays.

    Args:
        db: The transaction that holds the lock of the mappings.
        connection: The connection's name.

    Returns:
        The raw version of the last change of each kind: these change whenever a party does.
    """
    return tuple(_stage(db, connection, kind) for kind in PartyKind)


def note_needed_parties(db: Connection, connection: str, start_date: date) -> None:
    """Note the parties that documents from a start date on name.

    Args:
        db: The transaction that holds the lock of the mappings.
        connection: The connection's name.
        start_date: Documents before it are never posted, so that nobody needs a firm for them.
    """
    for kind, newest in store.documents_seen(db, connection).items():
        name = _NEEDS.format(kind=kind, shape=_SHAPE)
        progress = store.progress_of(db, connection, name)
        # With an earlier start date, documents that were passed over count as well.
        seen = progress.raw_seq_high if progress.since == start_date else 0
        if newest > seen:
            store.note_needs(db, connection, kind, seen=seen, since=start_date)
            store.move_progress(db, connection, name, store.Progress(newest, newest, start_date))


def _stage(db: Connection, connection: str, kind: PartyKind) -> int:
    name = _STAGED.format(kind=kind.value, shape=_SHAPE)
    progress = store.progress_of(db, connection, name)
    high, changed = progress.raw_seq_high, progress.changed_seq
    for chunk in lookup_candidates(db, connection, _KINDS[kind].value, high, chunk=_CHUNK):
        newest_change = store.write_parties(db, connection, _read(kind, chunk))
        changed = max(changed, newest_change or 0)
        high = chunk[-1][1]
    if high > progress.raw_seq_high:
        store.move_progress(db, connection, name, store.Progress(high, changed, None))
    return changed


def _read(kind: PartyKind, chunk: Sequence[tuple[int, int, str]]) -> list[tuple[Party, int]]:
    found: list[tuple[Party, int]] = []
    for _, raw_seq, payload in chunk:
        party = party_of(kind, payload)
        if party is not None:
            found.append((party, raw_seq))
    return found


def party_of(kind: PartyKind, payload: str | bytes) -> Party | None:
    """Read a customer's or vendor's record as a party.

    Args:
        kind: Which of both.
        payload: The record's JSON.

    Returns:
        The party, or ``None`` when the record does not fit.
    """
    record = read_record(_KINDS[kind], payload)
    match record:
        case CustomerRecord():
            key = PartyKey(PartyKind.CUSTOMER, record.id)
            return Party(
                key, plain_text(record.name), record.active is not False, record.merged_to_id, _address(record.address)
            )
        case VendorRecord():
            contact = record.contact_info
            return Party(
                PartyKey(PartyKind.VENDOR, record.id),
                plain_text(record.name),
                record.active is not False,
                None,
                _address(record.address),
                plain_text(contact.phone) if contact else "",
                plain_text(contact.email) if contact else "",
            )
        case _:
            return None


def _address(address: PostalAddress | None) -> Address:
    if address is None:
        return NOWHERE
    parts = (address.street, address.unit, address.city, address.state, address.zip, address.country)
    return Address(*(plain_text(part).strip() for part in parts))
