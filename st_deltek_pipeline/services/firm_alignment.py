"""Aligning firms: match every customer and vendor, create what is missing where that is allowed, look at accounting data.

The parts are in ``firm_matching``, ``firm_creation`` and ``vendor_accounting``; this is their order. What alignment of
documents reads afterwards is ``store.firm_mappings.firm_links``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.firm_links import LinkState, PartyKind
from st_deltek_pipeline.services.firm_creation import CreationResult, FirmClient, create_missing_firms
from st_deltek_pipeline.services.firm_matching import MatchingResult, match_firms
from st_deltek_pipeline.services.vendor_accounting import AccountingClient, AccountingResult, read_vendor_accounting
from st_deltek_pipeline.store.command_lock import command_lock
from st_deltek_pipeline.store.firm_mappings import count_states


class AlignmentClient(FirmClient, AccountingClient, Protocol):
    """The part of ``VantagepointClient`` that aligning firms calls."""


@dataclass(frozen=True)
class FirmAlignment:
    """What aligning firms did, and how everybody stands now.

    Attributes:
        counts: Parties by kind, state, and whether a document names them.
    """

    matching: MatchingResult
    creation: CreationResult
    accounting: AccountingResult
    counts: Mapping[tuple[PartyKind, LinkState, bool], int]

    @property
    def parties(self) -> int:
        """All customers and vendors."""
        return sum(self.counts.values())

    @property
    def problems(self) -> tuple[str, ...]:
        """What a person should know, in whole sentences."""
        return (*self.creation.problems, *([self.accounting.problem] if self.accounting.problem else []))

    def in_state(self, state: LinkState, *, needed_only: bool = False) -> int:
        """Count the parties in a state."""
        return sum(
            count
            for (_, counted, needed), count in self.counts.items()
            if counted is state and (needed or not needed_only)
        )


def align_firms(
    engine: Engine,
    client: AlignmentClient,
    settings: ConnectionSettings,
    *,
    run_id: str,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Callable[[int, int], None] | None = None,
) -> FirmAlignment:
    """Bring the firm of every customer and vendor of a connection up to date.

    Args:
        engine: The application's database; records and Vantagepoint's master data have been taken in.
        client: Vantagepoint.
        settings: The connection.
        run_id: Recorded with what is decided.
        now: The clock.
        progress: Told how many of how many missing firms are done.

    Raises:
        BrokenError: Vantagepoint's firms have not been read yet.
        TransientError: Another process aligns firms of the same database, or Vantagepoint cannot be reached now.
    """
    # Two connections may share a database: both must not create the same vendor.
    target = f"{settings.vantagepoint.base_url}|{settings.vantagepoint.database}".lower()
    with command_lock(engine, "alignment of firms", target):
        matching = match_firms(engine, settings, run_id=run_id)
        creation = create_missing_firms(engine, client, settings, run_id=run_id, now=now, progress=progress)
        if creation.changed_firms:
            # Parties that were merged into those that have a firm now, and others that a new firm concerns.
            again = match_firms(engine, settings, run_id=run_id)
            matching = MatchingResult(matched=True, written=matching.written + again.written)
        accounting = read_vendor_accounting(engine, client, settings, now=now)
        counts = count_states(engine, settings.name)
    return FirmAlignment(matching, creation, accounting, counts)
