"""Matching customers and vendors with Vantagepoint's firms as last read, and storing what was decided.

Nothing is asked of Vantagepoint here. When nothing has changed since the last time, nothing is computed or written.
"""

import gc
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings, FirmSettings
from st_deltek_pipeline.domain.documents import content_hash
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.domain.firm_creation import CreationRules
from st_deltek_pipeline.domain.firm_links import LinkState, PartyKey
from st_deltek_pipeline.domain.firm_matching import FirmMatch, MatchRules, match_parties
from st_deltek_pipeline.domain.firm_scores import Weights
from st_deltek_pipeline.domain.firm_search import FirmSearch
from st_deltek_pipeline.services.parties import note_needed_parties, stage_parties
from st_deltek_pipeline.store.firm_creations import Creation, CreationState, latest_creations
from st_deltek_pipeline.store.firm_decisions import latest_decisions, newest_decision
from st_deltek_pipeline.store.firm_mappings import (
    FirmMapping,
    earlier_links,
    keep_fingerprint,
    last_fingerprint,
    lock_mappings,
    mapping_of,
    mark_needed,
    stored_mappings,
    write_mappings,
)
from st_deltek_pipeline.store.known_firms import FirmReader, firms_fingerprint, load_known_firms
from st_deltek_pipeline.store.parties import load_parties

# Raised when the same facts are decided differently, so that everything is matched again.
_SHAPE = 1


@dataclass(frozen=True)
class MatchingResult:
    """What matching did.

    Attributes:
        matched: Nothing had changed when it is false.
        written: Mappings that are new or differ.
    """

    matched: bool
    written: int


def match_rules(settings: FirmSettings) -> MatchRules:
    """Read the matching rules from a connection's settings.

    Args:
        settings: The connection's ``firms`` block.
    """
    weights = settings.weights
    return MatchRules(
        weights=Weights(weights.name, weights.address, weights.contact),
        link_from=settings.link_from,
        ask_from=settings.ask_from,
        lead=settings.lead,
        name_alone=settings.name_alone == "link",
        address_alone=settings.address_alone == "ask",
        longest_name=settings.longest_name,
    )


def creation_rules(settings: FirmSettings) -> CreationRules:
    """Read what firms are created with from a connection's settings.

    Args:
        settings: The connection's ``firms`` block.
    """
    return CreationRules(
        customer_fields=settings.required_fields.customer,
        vendor_fields=settings.required_fields.vendor,
        customer_column=settings.external_id_column,
        vendor_column=settings.vendor_external_id_column,
        firm_number=settings.firm_number,
        vendor_number=settings.vendor_number,
        country_codes=settings.country_codes,
    )


def firm_reader(settings: FirmSettings) -> FirmReader:
    """Build the reader of the connection's firms.

    Args:
        settings: The connection's ``firms`` block.
    """
    return FirmReader(settings.external_id_column, settings.vendor_external_id_column)


def match_firms(engine: Engine, settings: ConnectionSettings, *, run_id: str) -> MatchingResult:
    """Stage what is new of customers and vendors, match everybody, and store what differs.

    Args:
        engine: The application's database.
        settings: The connection.
        run_id: Recorded with the mappings.

    Raises:
        BrokenError: Vantagepoint's firms have not been read yet.
    """
    with engine.begin() as db:
        lock_mappings(db, settings.name)
        changed = stage_parties(db, settings.name)
        note_needed_parties(db, settings.name, settings.start_date)
        fingerprint = _fingerprint(db, settings, changed)
        matched = fingerprint != last_fingerprint(db, settings.name)
        written = 0
        if matched:
            with _without_garbage_collection():
                written = _match(db, settings, run_id)
            keep_fingerprint(db, settings.name, fingerprint, run_id=run_id)
        mark_needed(db, settings.name)
    return MatchingResult(matched, written)


def with_creation(match: FirmMatch, creation: Creation | None) -> FirmMapping:
    """Write a match as a row, and a firm that could not be created as what it is.

    Args:
        match: What matching decided.
        creation: The party's latest request that creates a firm.
    """
    if match.state is LinkState.MISSING and creation is not None:
        if creation.state is CreationState.SENDING:
            message = "had a firm created and the answer was lost; the next run looks whether it is there."
            return mapping_of(match, state=LinkState.IN_DOUBT, message=message)
        if creation.state is CreationState.REFUSED:
            message = "could not be created as a firm: Vantagepoint refused it."
            return mapping_of(match, state=LinkState.REFUSED, message=message, words=creation.words)
    return mapping_of(match)


def _fingerprint(db: Connection, settings: ConnectionSettings, parties_changed: Sequence[int]) -> str:
    firms = firms_fingerprint(db, settings.name)
    if firms is None:
        message = f"Vantagepoint's firms have not been read yet for {settings.name}."
        raise BrokenError(message, advice="Materialize the connection's reference assets first.")
    decided = settings.firms.model_dump_json(
        include={
            "name_alone",
            "address_alone",
            "external_id_column",
            "vendor_external_id_column",
            "longest_name",
            "weights",
            "link_from",
            "ask_from",
            "lead",
        }
    )
    return content_hash([_SHAPE, decided, firms, *parties_changed, newest_decision(db, settings.name)])


def _match(db: Connection, settings: ConnectionSettings, run_id: str) -> int:
    stored = stored_mappings(db, settings.name)
    creations = latest_creations(db, settings.name)
    matches = match_parties(
        load_parties(db, settings.name),
        FirmSearch(load_known_firms(db, settings.name, firm_reader(settings.firms))),
        match_rules(settings.firms),
        decisions=latest_decisions(db, settings.name),
        earlier=earlier_links(stored),
    )
    return write_mappings(db, settings.name, _changed(matches, stored, creations), run_id=run_id)


def _changed(
    matches: Sequence[FirmMatch], stored: Mapping[PartyKey, FirmMapping], creations: Mapping[PartyKey, Creation]
) -> Iterator[FirmMapping]:
    for match in matches:
        mapping = with_creation(match, creations.get(match.party.key))
        if stored.get(mapping.key) != mapping:
            yield mapping


@contextmanager
def _without_garbage_collection() -> Generator[None]:
    """Hold the collector back: hundreds of thousands of values are made, and none of them in a cycle."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
