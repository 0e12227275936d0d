"""Secrets of the installation can be handed over as files, and a wrong file is told without repeating what is in it."""

from pathlib import Path

import pytest

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.settings import load_settings, secret_value

_URL = "postgresql://st_deltek@postgres:5432/st_deltek"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_database_url_can_come_from_a_file(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "database_url"
    file.write_text(f"{_URL}{ending}", newline="")
    settings = load_settings({"ST_DELTEK_DATABASE_URL_FILE": str(file)})
    assert settings.database_url == _URL
    assert settings.dagster_database_url is None
    assert load_settings({"ST_DELTEK_DAGSTER_DATABASE_URL_FILE": str(file)}).dagster_database_url == _URL


def test_a_value_and_a_file_at_once_are_refused_since_nobody_knows_which_one_counts(tmp_path: Path) -> None:
    file = tmp_path / "database_url"
    file.write_text("postgresql://h/in-the-file")
    with pytest.raises(ConfigurationError, match=r"ST_DELTEK_DATABASE_URL and ST_DELTEK_DATABASE_URL_FILE") as caught:
        load_settings({"ST_DELTEK_DATABASE_URL": "postgresql://h/x", "ST_DELTEK_DATABASE_URL_FILE": str(file)})
    assert "in-the-file" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe", "it is not text")],
    ids=["missing", "empty", "blank", "binary"],
)
def test_a_file_without_a_value_is_named_with_its_variable(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"{file}, which ST_DELTEK_MASTER_KEY_FILE names, .*{words}"):
        secret_value("ST_DELTEK_MASTER_KEY", {"ST_DELTEK_MASTER_KEY_FILE": str(file)})


def test_an_empty_variable_counts_as_none(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("k")
    variables = {"ST_DELTEK_MASTER_KEY": "", "ST_DELTEK_MASTER_KEY_FILE": str(file)}
    assert secret_value("ST_DELTEK_MASTER_KEY", variables) == "k"
    assert secret_value("ST_DELTEK_MASTER_KEY", {"ST_DELTEK_MASTER_KEY_FILE": ""}) is None
