"""Which connections share a code location is written down whole, and a file that says nonsense is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from st_deltek_pipeline.connections.shard_file import read_shards, settings_of_shard, shard_file, write_shards
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.shards import Shards
from st_deltek_pipeline.settings import Settings


@pytest.fixture
def installation(tmp_path: Path) -> Settings:
    folder = tmp_path / "connections"
    folder.mkdir()
    for name in ("acme", "beta", "gamma", "no"):
        (folder / f"{name}.yaml").write_text("not even a connection")
    return Settings(tmp_path / "data", None, folder, None)


def chosen(settings: Settings, number: int) -> frozenset[str] | None:
    return settings_of_shard(settings, number).settings.connection_names


def test_what_was_written_is_read_again_and_nothing_else_is_left(installation: Settings) -> None:
    assert read_shards(installation) is None
    shards = Shards(2, (("acme", "no"), (), ("beta",)))
    write_shards(installation, shards)
    assert read_shards(installation) == shards
    assert [path.name for path in installation.data_dir.iterdir()] == ["shards.json"]


def test_a_file_that_says_the_same_is_left_alone(installation: Settings) -> None:
    write_shards(installation, Shards(2, (("acme",),)))
    before = shard_file(installation).stat().st_mtime_ns
    write_shards(installation, Shards(2, (("acme",),)))
    assert shard_file(installation).stat().st_mtime_ns == before


def test_a_new_connection_is_loaded_by_the_first_shard_and_a_vanished_one_by_none(installation: Settings) -> None:
    write_shards(installation, Shards(2, (("acme", "vanished"), ("beta", "no"))))
    first = settings_of_shard(installation, 1)
    assert first.settings.connection_names == {"acme", "gamma"}
    assert first.strays == {"gamma"}
    assert chosen(installation, 2) == {"beta", "no"}
    assert chosen(installation, 3) == frozenset()


def test_without_a_file_the_first_shard_loads_everything(installation: Settings) -> None:
    assert chosen(installation, 1) == {"acme", "beta", "gamma", "no"}
    assert chosen(installation, 2) == frozenset()


def test_chosen_connections_are_loaded_by_their_shards_and_a_misspelt_one_is_not_lost(installation: Settings) -> None:
    write_shards(installation, Shards(2, (("acme", "beta"), ("gamma", "no"))))
    some = replace(installation, connection_names=frozenset({"beta", "gamma", "misspelt"}))
    assert chosen(some, 1) == {"beta", "misspelt"}
    assert chosen(some, 2) == {"gamma"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"per_shard": 0, "shards": []}',
        '{"per_shard": 2}',
        '{"per_shard": 2, "shards": [["acme"], ["acme"]]}',
    ],
    ids=["empty", "a list", "no room", "no shards", "twice"],
)
def test_a_file_that_makes_no_sense_is_refused_with_its_name_and_what_to_do(
    installation: Settings, content: str
) -> None:
    write_shards(installation, Shards())
    shard_file(installation).write_text(content)
    with pytest.raises(ConfigurationError, match=r"shards\.json.*Run|shards\.json.*run: st-deltek workspace"):
        settings_of_shard(installation, 1)
