"""What ``st-deltek firms review`` and ``firms list`` print, to people, machines and spreadsheets."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from st_deltek_pipeline.cli.output import print_json, print_table
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.firm_links import Candidate, LinkState, PartyKey, PartyKind
from st_deltek_pipeline.domain.firm_scores import Party
from st_deltek_pipeline.pages.spreadsheet import write_csv
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.firm_mappings import QueuedMapping, queue
from st_deltek_pipeline.store.parties import load_parties

PARTY, NAME, DECISION = "party", "name", "decision"
"""Columns of the file that are read back."""

_MOST_CANDIDATES = 5
_CSV_COLUMNS = (
    PARTY,
    NAME,
    "address",
    "state",
    "what is wrong",
    *(f"candidate {number}" for number in range(1, _MOST_CANDIDATES + 1)),
    DECISION,
)
# Longest waiting first within each: what a person can settle by deciding stands above what needs something else.
_WAITING = (
    LinkState.AMBIGUOUS,
    LinkState.MISSING,
    LinkState.GONE,
    LinkState.ROLE_MISSING,
    LinkState.INACTIVE,
    LinkState.TOO_LONG,
    LinkState.REFUSED,
    LinkState.IN_DOUBT,
)


def review(settings: Settings, name: str, *, csv_file: Path | None, everybody: bool, as_json: bool) -> None:
    """Print or write those who have no firm that can be posted to.

    Args:
        settings: The installation.
        name: The connection.
        csv_file: Where to write them instead.
        everybody: Also those that no document names.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: There is no such connection, or the file cannot be written.
    """
    find_connection(settings, name)
    engine = ready_database(settings)
    try:
        waiting = queue(engine, name, states=_WAITING, needed_only=not everybody)
        waiting.sort(key=lambda each: _WAITING.index(each.mapping.state))
        with engine.connect() as db:
            found = load_parties(db, name, [each.mapping.key for each in waiting])
    finally:
        engine.dispose()
    addresses = {party.key: _address(party) for party in found}
    if csv_file is not None:
        _write(csv_file, waiting, addresses)
        click.echo(f"Wrote {len(waiting):,} customers and vendors to {csv_file}. Fill in the column {DECISION}, then:")
        click.echo(f"  st-deltek firms import {name} {csv_file}")
    elif as_json:
        print_json({"connection": name, "waiting": [_as_data(each, addresses) for each in waiting]})
    elif not waiting:
        click.echo("Everybody that a document names has a firm." if not everybody else "Everybody has a firm.")
    else:
        _show_waiting(name, waiting, addresses)


def show_all(settings: Settings, name: str, *, state: LinkState | None, kind: PartyKind | None, as_json: bool) -> None:
    """Print all parties with their firms.

    Args:
        settings: The installation.
        name: The connection.
        state: Only in this state.
        kind: Only customers or vendors.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: There is no such connection.
    """
    find_connection(settings, name)
    engine = ready_database(settings)
    try:
        found = queue(engine, name, states=None if state is None else [state], kind=kind)
    finally:
        engine.dispose()
    found.sort(key=lambda each: each.mapping.key)
    counts = Counter(each.mapping.state for each in found)
    if as_json:
        data = [_as_data(each, {}) for each in found]
        print_json({"connection": name, "states": {key.value: count for key, count in counts.items()}, "parties": data})
        return
    print_table(
        ("party", "name", "state", "firm", "firm's name", "vendor", "decided by", ">score"),
        (
            (
                each.mapping.key,
                each.mapping.name,
                each.mapping.state.value,
                each.mapping.firm_number or each.mapping.firm_id,
                each.mapping.firm_name,
                each.mapping.vendor,
                _decided_by(each),
                each.mapping.score or "",
            )
            for each in found
        ),
    )
    click.echo(f"{len(found):,} in all: {_counted(counts)}." if found else "There are none.")


def _show_waiting(name: str, waiting: Sequence[QueuedMapping], addresses: dict[PartyKey, str]) -> None:
    print_table(
        ("party", "name and address", "state", "what is wrong", "candidate", ">score", "because"),
        (row for each in waiting for row in _rows(each, addresses)),
    )
    counts = Counter(each.mapping.state for each in waiting)
    click.echo(f"{len(waiting):,} wait: {_counted(counts)}.")
    click.echo(f"Decide one: st-deltek firms link {name} {waiting[0].mapping.key} FIRM (a number, a ClientID, or new).")
    click.echo(f"Decide many: st-deltek firms review {name} --csv FILE, then st-deltek firms import {name} FILE.")


def _rows(each: QueuedMapping, addresses: dict[PartyKey, str]) -> Iterator[tuple[object, ...]]:
    mapping = each.mapping
    wrong = f"{mapping.message} Vantagepoint: {mapping.words}" if mapping.words else mapping.message
    who = f"{mapping.name}\n{addresses.get(mapping.key, '')}".strip()
    first = (mapping.key, who, mapping.state.value, wrong)
    candidates = mapping.read_candidates()
    if not candidates:
        yield (*first, "", "", "")
    for number, candidate in enumerate(candidates):
        head = ("", "", "", "") if number else first
        yield (*head, f"{candidate.number or candidate.firm_id} {candidate.name}", candidate.score, candidate.why)


def _write(path: Path, waiting: Sequence[QueuedMapping], addresses: dict[PartyKey, str]) -> None:
    content = write_csv(_CSV_COLUMNS, (_csv_row(each, addresses) for each in waiting))
    try:
        path.write_text(content, encoding="utf-8", newline="")
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}."
        raise ConfigurationError(message, advice="Name another file.") from None


def _csv_row(each: QueuedMapping, addresses: dict[PartyKey, str]) -> tuple[str, ...]:
    mapping = each.mapping
    candidates = [_candidate_text(candidate) for candidate in mapping.read_candidates()][:_MOST_CANDIDATES]
    wrong = f"{mapping.message} {mapping.words}".strip()
    padded = [*candidates, *[""] * (_MOST_CANDIDATES - len(candidates))]
    return str(mapping.key), mapping.name, addresses.get(mapping.key, ""), mapping.state.value, wrong, *padded, ""


def _candidate_text(candidate: Candidate) -> str:
    return f"{candidate.number or candidate.firm_id}: {candidate.name} ({candidate.score}; {candidate.why})"


def _address(party: Party) -> str:
    address = party.address
    parts = (address.street, address.unit, address.city, f"{address.state} {address.zip}".strip())
    return ", ".join(part for part in parts if part)


def _decided_by(each: QueuedMapping) -> str:
    mapping = each.mapping
    words = mapping.decided_by.value if mapping.decided_by else ""
    return f"{words} {mapping.person}".strip()


def _counted(counts: Counter[LinkState]) -> str:
    return ", ".join(f"{counts[state]:,} {state.value}" for state in LinkState if counts[state])


def _as_data(each: QueuedMapping, addresses: dict[PartyKey, str]) -> dict[str, Any]:
    mapping = each.mapping
    data: dict[str, Any] = {
        "party": str(mapping.key),
        "name": mapping.name,
        "state": mapping.state.value,
        "needed": each.needed,
        "since": each.since,
        "firm": {"id": mapping.firm_id, "number": mapping.firm_number, "name": mapping.firm_name}
        if mapping.firm_id
        else None,
        "vendor": mapping.vendor,
        "decided_by": mapping.decided_by.value if mapping.decided_by else None,
        "person": mapping.person,
        "score": mapping.score,
        "merged_into": mapping.merged_into,
        "message": mapping.message,
        "words": mapping.words,
        "candidates": [asdict(candidate) for candidate in mapping.read_candidates()],
    }
    if mapping.key in addresses:
        data["address"] = addresses[mapping.key]
    return data
