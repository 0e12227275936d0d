"""Opens Dagster's instance for our own commands, so that their runs show in the UI beside everybody else's.

``DAGSTER_HOME`` is obeyed when it is set. Otherwise the home is ``DATA_DIR/dagster``, with the project's dagster.yaml
minus its relative folders: files then lie in the home itself, whatever directory a command is started from.
"""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.settings import Settings

HOME_VARIABLE = "DAGSTER_HOME"
INSTANCE_FILE = "dagster.yaml"

# Their folders are relative to the directory `dagster dev` is typed in; without them Dagster uses its home.
_FOLDER_SECTIONS = ("local_artifact_storage", "compute_logs")
# A command's runs store thousands of events one by one. Dagster's storage opens a connection for each unless it is told,
# in the words it has for its web server, to keep one open; that was half the time of a run.
KEPT_CONNECTION: Mapping[str, int] = {"statement_timeout": 600_000, "pool_recycle": 1800, "max_overflow": 20}
# Runs inside our own process: capturing would redirect the command's own output, and start two processes a run.
_OUR_STORAGE: Mapping[str, Mapping[str, object]] = {
    "custom": {"module": "st_deltek_pipeline.orchestration.instance_storage", "class": "InstanceStorage", "config": {}}
}
_COMMAND_FILE = "command.yaml"
_NO_CAPTURE: Mapping[str, object] = {
    "module": "dagster.core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
    "config": {},
}


def instance_file() -> Path:
    """Find the dagster.yaml to use: of the current directory, of the source checkout, or of the installed package.

    Raises:
        ConfigurationError: There is none in any of these places.
    """
    package = Path(str(files("st_deltek_pipeline")))
    folders = (Path.cwd(), package.parent, package / "orchestration")
    places = [folder / INSTANCE_FILE for folder in folders]
    for place in places:
        if place.is_file():
            return place
    message = f"There is no {INSTANCE_FILE} in {places[0].parent}."
    raise ConfigurationError(message, advice=f"Run from the project's root, or set {HOME_VARIABLE}.")


def prepare_home(settings: Settings) -> Path:
    """Make Dagster's home folder ready.

    Args:
        settings: The installation.

    Returns:
        The folder to name in ``DAGSTER_HOME``: the one named there already, or ``DATA_DIR/dagster``.

    Raises:
        ConfigurationError: ``DAGSTER_HOME`` is not a folder, or there is no dagster.yaml.
    """
    named = os.environ.get(HOME_VARIABLE)
    if named:
        home = Path(named).expanduser()
        if not home.is_dir():
            message = f"{HOME_VARIABLE} names {home}, which is not a folder."
            raise ConfigurationError(message, advice=f"Make it, or unset {HOME_VARIABLE}.")
        return home
    home = settings.data_dir / "dagster"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    sections: dict[str, Any] = {
        name: value
        for name, value in yaml.safe_load(instance_file().read_text()).items()
        if name not in _FOLDER_SECTIONS
    }
    _write_whole(home / INSTANCE_FILE, sections)
    _write_whole(home / _COMMAND_FILE, {**sections, **_of_commands(sections)})
    return home


def _of_commands(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs for a command's own runs.

    Their steps take no pool slots: a slot costs fourteen statements, and a command does one thing at a time anyhow. Beside
    a run of the daemon, the poster's lock and the shared rate limits keep the two apart.
    """
    concurrency = sections.get("concurrency", {})
    pools = {**concurrency.get("pools", {}), "granularity": "run"}
    changes = {"compute_logs": _NO_CAPTURE, "concurrency": {**concurrency, "pools": pools}}
    if sections.get("storage") == _OUR_STORAGE:
        changes["storage"] = {"custom": {**_OUR_STORAGE["custom"], "class": "CommandStorage"}}
    return changes


def _write_whole(target: Path, sections: Mapping[str, Any]) -> None:
    wanted = yaml.safe_dump(dict(sections))
    if target.exists() and target.read_text() == wanted:
        return
    # Another command may read it at this moment: it sees the old file or the new one, never half of one.
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    fresh.write_text(wanted)
    fresh.replace(target)


@contextmanager
def open_instance(settings: Settings) -> Generator[dg.DagsterInstance]:
    """Open the instance of ``prepare_home``, and close it.

    Args:
        settings: The installation.

    Yields:
        An instance on the installation's Postgres.
    """
    home = prepare_home(settings)
    file = _COMMAND_FILE if (home / _COMMAND_FILE).is_file() else INSTANCE_FILE
    with dg.DagsterInstance.from_config(str(home), file) as instance:
        instance.optimize_for_webserver(**KEPT_CONNECTION)
        yield instance
