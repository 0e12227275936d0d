"""The file that says which connections share a code location: ``shards.json`` in the data folder.

Written by ``st-deltek workspace`` and ``st-deltek up``, read by every code location and run. How places are given is in
``domain.shards``.
"""

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from st_deltek_pipeline.connections.files import connection_files
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.shards import Shards
from st_deltek_pipeline.settings import Settings

_FILE = "shards.json"


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    per_shard: int = Field(ge=1)
    shards: tuple[tuple[Annotated[str, Field(min_length=1)], ...], ...]

    @model_validator(mode="after")
    def _each_name_once(self) -> "_Content":
        twice = [name for name, count in Counter(name for shard in self.shards for name in shard).items() if count > 1]
        if twice:
            message = f"{', '.join(sorted(twice))} stand there twice"
            raise ValueError(message)
        return self


def shard_file(settings: Settings) -> Path:
    """Return where the file is; it need not exist.

    Args:
        settings: The installation.
    """
    return settings.data_dir / _FILE


def read_shards(settings: Settings) -> Shards | None:
    """Read which connections share a code location.

    Args:
        settings: The installation.

    Returns:
        ``None`` when nobody has written that down yet.

    Raises:
        ConfigurationError: The file is there, but cannot be read or understood.
    """
    path = shard_file(settings)
    advice = "Correct the file, or remove it and run: st-deltek workspace"
    try:
        content = _Content.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise ConfigurationError(message, advice=advice) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        message = f"{path} does not say which connections share a code location: {where} {first['msg']}.".replace(
            "  ", " "
        )
        raise ConfigurationError(message, advice=advice) from error
    return Shards(content.per_shard, tuple(tuple(sorted(shard)) for shard in content.shards))


def write_shards(settings: Settings, shards: Shards) -> None:
    """Write it down, as a whole or not at all; a file that says the same already is left alone.

    Args:
        settings: The installation.
        shards: What to write.
    """
    content = _Content(per_shard=shards.per_shard, shards=tuple(shards.members))
    path = shard_file(settings)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_text(path, content.model_dump_json(indent=2) + "\n")


def replace_text(path: Path, text: str) -> None:
    """Write a file so that whoever reads it meanwhile sees the old one or the new one; leave one that says the same alone.

    Args:
        path: The file.
        text: Its content.
    """
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def connections_that_are(settings: Settings) -> frozenset[str]:
    """Return the names of all connection files, sound or not, whatever ``ST_DELTEK_CONNECTIONS`` says.

    Args:
        settings: The installation.
    """
    return frozenset(connection_files(settings))


@dataclass(frozen=True)
class ShardSettings:
    """The installation as one shard sees it.

    Attributes:
        settings: With the shard's connections chosen.
        strays: Those of them that have no place in any shard.
    """

    settings: Settings
    strays: frozenset[str]


def settings_of_shard(settings: Settings, number: int) -> ShardSettings:
    """Return the installation as one shard sees it.

    Args:
        settings: The installation.
        number: The shard's number.

    Raises:
        ConfigurationError: As ``read_shards``.
    """
    shards = read_shards(settings) or Shards()
    wanted = settings.connection_names
    names = connections_that_are(settings) if wanted is None else wanted
    loaded = shards.loads(number, names)
    return ShardSettings(replace(settings, connection_names=loaded), loaded - shards.placed)
