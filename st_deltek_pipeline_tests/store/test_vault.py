"""The vault: nothing readable in the database, nothing readable with the wrong key, nothing swapped unnoticed."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError, CredentialsError
from st_deltek_pipeline.settings import MASTER_KEY_VARIABLE, Settings
from st_deltek_pipeline.store.vault import Vault, load_keyring, open_vault, replace_master_key

_SECRETS = {"client_id": "cid.1", "client_secret": "cs-very-secret", "app_key": "ak1.ü"}


@pytest.fixture(autouse=True)
def _no_key_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MASTER_KEY_VARIABLE, raising=False)


@pytest.fixture
def vault(engine: Engine, settings: Settings) -> Vault:
    return open_vault(engine, settings)


def _with_keys(engine: Engine, settings: Settings, *keys: str) -> Vault:
    return Vault(engine, lambda: load_keyring(settings, {MASTER_KEY_VARIABLE: ",".join(keys)}))


def test_what_was_put_is_what_is_got(vault: Vault) -> None:
    vault.put("acme", "servicetitan", _SECRETS)
    vault.put("acme", "vantagepoint", {"username": "api"})
    assert vault.get("acme", "servicetitan") == _SECRETS
    assert vault.stored() == {"acme": {"servicetitan": frozenset(_SECRETS), "vantagepoint": frozenset({"username"})}}


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(st.dictionaries(st.text("abc_", min_size=1), st.text(), min_size=1, max_size=3))
def test_any_text_can_be_a_secret(vault: Vault, values: dict[str, str]) -> None:
    vault.put("acme", "servicetitan", values)
    assert vault.get("acme", "servicetitan") == values


def test_putting_again_leaves_nothing_of_what_was_there(vault: Vault) -> None:
    vault.put("acme", "servicetitan", _SECRETS)
    vault.put("acme", "servicetitan", {"client_id": "new"})
    assert vault.get("acme", "servicetitan") == {"client_id": "new"}


def test_the_database_holds_no_secret_in_clear(vault: Vault, engine: Engine) -> None:
    vault.put("acme", "servicetitan", _SECRETS)
    with engine.connect() as connection:
        tokens = connection.execute(text("SELECT token FROM vault.secrets")).scalars().all()
    assert len(tokens) == 3
    assert not any(secret.encode() in bytes(token) for token in tokens for secret in _SECRETS.values())


def test_nothing_shows_in_a_repr(vault: Vault, settings: Settings) -> None:
    vault.put("acme", "servicetitan", _SECRETS)
    key = (settings.data_dir / "master.key").read_text().strip()
    assert key not in repr(vault) + repr(load_keyring(settings)) + repr(settings)


def test_missing_credentials_say_which_command_stores_them(vault: Vault) -> None:
    with pytest.raises(CredentialsError, match=r"No servicetitan credentials.*acme.*st-deltek connection add acme"):
        vault.get("acme", "servicetitan")


def test_removing_one_connection_leaves_the_others(vault: Vault) -> None:
    vault.put("acme", "servicetitan", _SECRETS)
    vault.put("other", "servicetitan", {"client_id": "x"})
    assert vault.remove("acme") == 3
    assert vault.remove("acme") == 0
    assert vault.stored() == {"other": {"servicetitan": frozenset({"client_id"})}}


def test_a_wrong_key_is_named_by_where_it_comes_from(engine: Engine, settings: Settings) -> None:
    right, wrong = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    _with_keys(engine, settings, right).put("acme", "servicetitan", _SECRETS)
    with pytest.raises(CredentialsError, match=r"cannot be decrypted with the key from ST_DELTEK_MASTER_KEY") as caught:
        _with_keys(engine, settings, wrong).get("acme", "servicetitan")
    assert wrong not in str(caught.value)


def test_a_second_key_is_never_mixed_in(engine: Engine, settings: Settings) -> None:
    _with_keys(engine, settings, Fernet.generate_key().decode()).put("acme", "servicetitan", _SECRETS)
    with pytest.raises(CredentialsError, match="cannot be decrypted"):
        _with_keys(engine, settings, Fernet.generate_key().decode()).put("other", "servicetitan", _SECRETS)


def test_a_row_copied_onto_another_is_noticed(vault: Vault, engine: Engine) -> None:
    vault.put("acme", "servicetitan", _SECRETS)
    vault.put("other", "servicetitan", {"client_secret": "theirs"})
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE vault.secrets SET token = (SELECT token FROM vault.secrets WHERE connection = 'other') "
                "WHERE connection = 'acme' AND name = 'client_secret'"
            )
        )
    with pytest.raises(
        BrokenError, match=r"servicetitan client_secret of connection acme holds another entry's"
    ) as error:
        vault.get("acme", "servicetitan")
    assert "theirs" not in str(error.value)


def test_replacing_the_key_file_encrypts_every_row_anew(vault: Vault, engine: Engine, settings: Settings) -> None:
    vault.put("acme", "servicetitan", _SECRETS)
    path = settings.data_dir / "master.key"
    old_key = path.read_text().strip()
    assert replace_master_key(vault, settings) == 3
    new_key = path.read_text().strip()
    assert new_key != old_key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert vault.get("acme", "servicetitan") == _SECRETS
    with pytest.raises(CredentialsError):
        _with_keys(engine, settings, old_key).get("acme", "servicetitan")


def test_a_replacement_killed_half_way_leaves_a_readable_vault(vault: Vault, settings: Settings) -> None:
    vault.put("acme", "servicetitan", _SECRETS)
    path = settings.data_dir / "master.key"
    # What stands there between making the new key and encrypting the rows.
    path.write_text(f"{Fernet.generate_key().decode()}\n{path.read_text()}")
    assert vault.get("acme", "servicetitan") == _SECRETS
    assert replace_master_key(vault, settings) == 3
    assert vault.get("acme", "servicetitan") == _SECRETS


def test_replacements_at_once_lose_no_secret(vault: Vault, settings: Settings) -> None:
    vault.put("acme", "servicetitan", _SECRETS)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: replace_master_key(vault, settings), range(8))) == [3] * 8
    assert len((settings.data_dir / "master.key").read_text().split()) == 1
    assert vault.get("acme", "servicetitan") == _SECRETS


def test_secrets_can_be_read_and_stored_while_the_key_is_replaced(vault: Vault, settings: Settings) -> None:
    vault.put("acme", "servicetitan", _SECRETS)
    with ThreadPoolExecutor(3) as pool:
        replacing = pool.submit(lambda: [replace_master_key(vault, settings) for _ in range(8)])
        storing = pool.submit(lambda: [vault.put("other", "servicetitan", _SECRETS) for _ in range(8)])
        reading = pool.submit(lambda: [vault.get("acme", "servicetitan") for _ in range(20)])
        assert all(found == _SECRETS for found in reading.result())
        replacing.result()
        storing.result()
    assert vault.get("other", "servicetitan") == _SECRETS


def test_keys_from_the_environment_are_replaced_by_putting_the_new_one_first(
    engine: Engine, settings: Settings
) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    _with_keys(engine, settings, old).put("acme", "servicetitan", _SECRETS)
    with pytest.raises(ConfigurationError, match="holds one key"):
        replace_master_key(_with_keys(engine, settings, old), settings, {MASTER_KEY_VARIABLE: old})
    both = _with_keys(engine, settings, new, old)
    assert replace_master_key(both, settings, {MASTER_KEY_VARIABLE: f"{new},{old}"}) == 3
    assert _with_keys(engine, settings, new).get("acme", "servicetitan") == _SECRETS


def test_keys_from_a_named_file_are_read_anew_for_every_use_and_the_file_is_never_written(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    file = tmp_path / "keys"
    file.write_text(f"{old}\n")
    variables = {f"{MASTER_KEY_VARIABLE}_FILE": str(file)}
    vault = Vault(engine, lambda: load_keyring(settings, variables))
    vault.put("acme", "servicetitan", _SECRETS)
    with pytest.raises(ConfigurationError, match="ST_DELTEK_MASTER_KEY_FILE holds one key"):
        replace_master_key(vault, settings, variables)
    file.write_text(f"{new},{old}\n")
    file.chmod(0o444)
    assert replace_master_key(vault, settings, variables) == 3
    assert file.read_text() == f"{new},{old}\n"
    file.chmod(0o644)
    file.write_text(new)
    assert vault.get("acme", "servicetitan") == _SECRETS
    assert not settings.data_dir.exists() or not list(settings.data_dir.glob("master.key*"))


def test_a_rotation_that_meets_an_unknown_row_changes_none(engine: Engine, settings: Settings) -> None:
    first, second = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    _with_keys(engine, settings, first).put("acme", "servicetitan", _SECRETS)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO vault.secrets VALUES ('zzz', 'servicetitan', 'client_id', 'rubbish')"))
    with pytest.raises(CredentialsError, match="connection zzz"):
        _with_keys(engine, settings, second, first).rotate()
    assert _with_keys(engine, settings, first).get("acme", "servicetitan") == _SECRETS


def test_processes_that_start_at_once_make_one_key_file(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: load_keyring(settings), range(16)))
    assert [path.name for path in settings.data_dir.iterdir()] == ["master.key"]
    assert stat.S_IMODE((settings.data_dir / "master.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_key_file_that_others_can_use_is_refused(settings: Settings, mode: int) -> None:
    load_keyring(settings)
    path = settings.data_dir / "master.key"
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=rf"can be used by others \(mode {mode:04o}\).*chmod 600"):
        load_keyring(settings)


def test_a_key_file_that_is_a_link_is_refused(settings: Settings, tmp_path: Path) -> None:
    load_keyring(settings)
    path = settings.data_dir / "master.key"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        load_keyring(settings)


def test_a_malformed_key_is_named_by_its_place_and_never_shown(settings: Settings) -> None:
    good = Fernet.generate_key().decode()
    with pytest.raises(ConfigurationError, match="Key 2 of ST_DELTEK_MASTER_KEY is not a Fernet key") as caught:
        load_keyring(settings, {MASTER_KEY_VARIABLE: f"{good},notakey"})
    assert "notakey" not in str(caught.value)


def test_an_empty_key_file_is_not_silently_replaced(settings: Settings) -> None:
    load_keyring(settings)
    (settings.data_dir / "master.key").write_text("")
    with pytest.raises(ConfigurationError, match="is empty"):
        load_keyring(settings)
