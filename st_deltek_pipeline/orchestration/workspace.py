"""Dagster's workspace.yaml: one code location for each shard of connections (``domain.shards``).

Which connections a shard has is not written there; see ``connections.shard_file``.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from st_deltek_pipeline.connections.shard_file import connections_that_are, read_shards, replace_text, write_shards
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.shards import FIRST, Shards
from st_deltek_pipeline.settings import Settings

DEFINITIONS_MODULE = "st_deltek_pipeline.definitions"
SHARDS_MODULE = "st_deltek_pipeline.shards"

_LOCATION = "st_deltek_pipeline"
_ATTRIBUTE = re.compile(r"^shard_(\d{2,4})$")
_LOAD_FROM = "load_from"
_HEADER = """\
# Written by `st-deltek workspace`, which replaces the entries of st_deltek_pipeline and keeps all others.
# Which connections each of them has: `st-deltek workspace --check`.
"""


@dataclass(frozen=True)
class Location:
    """A code location and its connections.

    Attributes:
        number: The shard's number, from 1.
        connections: Their names, sorted.
    """

    number: int
    connections: tuple[str, ...]

    @property
    def name(self) -> str:
        """What Dagster calls it. The first one has the name that a single location has, so that growing moves nobody."""
        return _LOCATION if self.number == FIRST else f"{_LOCATION}_{self.number:02d}"


@dataclass(frozen=True)
class Plan:
    """The code locations as they should be, and how what is written down differs.

    Attributes:
        new: Connections that have no place yet.
        gone: Connections with a place, but without a file.
    """

    shards: Shards
    locations: tuple[Location, ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]


def shard_number(attribute: str) -> int | None:
    """Read a shard's number from the attribute that names it in a workspace.

    Args:
        attribute: Such as ``shard_02``.

    Returns:
        ``None`` for any other attribute.
    """
    found = _ATTRIBUTE.match(attribute)
    return int(found[1]) if found else None


def plan(settings: Settings, *, per_shard: int | None = None) -> Plan:
    """Say how the installation's connections are spread; nothing is written.

    Args:
        settings: The installation. Every connection file has a place; a location is planned only where
            ``ST_DELTEK_CONNECTIONS`` leaves any connection in it.
        per_shard: The most connections of one location; as before when not given.

    Raises:
        ConfigurationError: What is written down cannot be read.
    """
    before = read_shards(settings)
    names = connections_that_are(settings)
    shards = (before or Shards()).assigned(names, per_shard=per_shard)
    placed = before.placed if before else frozenset[str]()
    chosen = names if settings.connection_names is None else names & settings.connection_names
    return Plan(
        shards, _locations(shards, chosen), new=tuple(sorted(names - placed)), gone=tuple(sorted(placed - names))
    )


def write(settings: Settings, planned: Plan, output: Path) -> None:
    """Write shards and workspace. Code locations that run already keep what they have loaded until Dagster is restarted.

    Args:
        settings: The installation.
        planned: From ``plan``.
        output: The workspace file; entries of other code in it are kept.

    Raises:
        ConfigurationError: The workspace file is not one of Dagster's.
    """
    text = workspace_text(planned.locations, output)
    write_shards(settings, planned.shards)
    replace_text(output, text)


def is_written(settings: Settings, planned: Plan, output: Path) -> bool:
    """Say whether shards and workspace are as planned.

    Raises:
        ConfigurationError: As ``write``.
    """
    text = workspace_text(planned.locations, output)
    same_text = output.is_file() and output.read_text(encoding="utf-8") == text
    return same_text and read_shards(settings) == planned.shards


def workspace_text(locations: Collection[Location], output: Path) -> str:
    """Return what a workspace file should say.

    Args:
        locations: The code locations.
        output: The file as it is, if there is one.

    Raises:
        ConfigurationError: The file is not a workspace of Dagster's.
    """
    alone = len(locations) == 1
    entries = [*(_entry(each, alone=alone) for each in locations), *_foreign_entries(output)]
    return _HEADER + yaml.safe_dump({_LOAD_FROM: entries}, sort_keys=False)


def _locations(shards: Shards, chosen: Collection[str]) -> tuple[Location, ...]:
    found = [
        Location(number, tuple(name for name in names if name in chosen))
        for number, names in enumerate(shards.members, start=FIRST)
    ]
    # The first is there in any case: what has no place yet is loaded with it.
    return tuple(each for each in found if each.connections or each.number == FIRST) or (Location(FIRST, ()),)


def _entry(location: Location, *, alone: bool) -> dict[str, Any]:
    # The module of all connections needs no restart for a new file: reloading the location in the UI is enough.
    target = (
        {"module_name": DEFINITIONS_MODULE}
        if alone
        else {"module_name": SHARDS_MODULE, "attribute": f"shard_{location.number:02d}"}
    )
    return {"python_module": {**target, "location_name": location.name}}


def _foreign_entries(output: Path) -> list[Any]:
    if not output.is_file():
        return []
    try:
        content: Any = yaml.safe_load(output.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _no_workspace(output) from error
    entries = _under(content, _LOAD_FROM)
    if not isinstance(entries, list):
        raise _no_workspace(output)
    return [entry for entry in cast("list[Any]", entries) if _module(entry) not in {DEFINITIONS_MODULE, SHARDS_MODULE}]


def _module(entry: Any) -> Any:  # noqa: ANN401 - what a YAML file holds
    target = _under(entry, "python_module")
    return target if isinstance(target, str) else _under(target, "module_name")


def _under(content: Any, key: str) -> Any:  # noqa: ANN401 - what a YAML file holds
    return cast("dict[str, Any]", content).get(key) if isinstance(content, dict) else None


def _no_workspace(path: Path) -> ConfigurationError:
    message = f"{path} is not a workspace of Dagster's: it has no list named {_LOAD_FROM}."
    return ConfigurationError(message, advice="It was left alone. Choose another file with --output.")
