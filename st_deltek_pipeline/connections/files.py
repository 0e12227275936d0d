"""Reads ``connections/NAME.yaml``. What may stand in one is in ``settings``; secrets are in the vault.

Every value is read as the text that stands in the file and typed by the settings model, so an account ``401.00``
stays ``401.00``, a business unit ``0123`` keeps its zero and Norway is ``NO``. Every complaint names file, line and
key. A broken file disables its own connection and no other.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from st_deltek_pipeline.connections.calendars import check_country
from st_deltek_pipeline.connections.environments import environment_problem
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.settings import CONNECTIONS_VARIABLE, Settings

_SUFFIX = ".yaml"
# NAME.local.yaml is the same connection, kept out of version control.
_LOCAL = ".local"
_LARGEST_FILE = 1 << 20
# Aliases can blow a small file up; no honest file comes near these.
_MOST_VALUES = 200_000
_DEEPEST = 20
# What YAML's core schema calls things; their meaning is decided by the settings model.
_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq")
)
_MERGE_KEY = "<<"
_EMPTY = frozenset({"", "~", "null"})
# The same parser in C, where PyYAML was built with it: ten times faster for files with thousands of rules.
_LOADER: "type[yaml.SafeLoader | yaml.CSafeLoader]" = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class ConnectionFileError:
    """One thing that is wrong with a connection file.

    Attributes:
        path: The file.
        line: Line in it, from 1; 0 when the file as a whole is meant.
        key: The key's path, for example ``coding[2].give`` (items counted from 1); may be empty.
        message: What is wrong, and what would be right.
    """

    path: Path
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.path}, line {self.line}" if self.line else str(self.path)
        return f"{where}, {self.key}: {self.message}" if self.key else f"{where}: {self.message}"

    @property
    def name(self) -> str:
        """The connection the file is for, by the file's name."""
        return _name_of(self.path)


@dataclass(frozen=True)
class LoadedConnections:
    """The connections that can be used, and what is wrong with the others."""

    connections: dict[str, ConnectionSettings] = field(default_factory=dict[str, ConnectionSettings])
    errors: list[ConnectionFileError] = field(default_factory=list[ConnectionFileError])


def load_connections(settings: Settings) -> LoadedConnections:
    """Read every connection file of the installation, or those chosen by ``ST_DELTEK_CONNECTIONS``.

    Args:
        settings: Says where the files are (``connections_dir``, and ``connections`` in the data folder) and which
            are wanted.

    Returns:
        The sound connections by name, in the order of their names, and every problem of the others.
    """
    loaded = LoadedConnections()
    wanted = settings.connection_names
    paths = connection_files(settings)
    for name in sorted(paths):
        if wanted is not None and name not in wanted:
            continue
        found, errors = _read(paths[name][0])
        for other in paths[name][1:]:
            errors.append(ConnectionFileError(other, 0, "", f"{paths[name][0].name} is the same connection."))
        if found is not None and not errors:
            loaded.connections[name] = found
        loaded.errors.extend(errors)
    for name in sorted((wanted or frozenset()) - paths.keys()):
        path = settings.connections_dir / f"{name}{_SUFFIX}"
        loaded.errors.append(
            ConnectionFileError(path, 0, "", f"there is no such file ({CONNECTIONS_VARIABLE} names it).")
        )
    return loaded


def load_connection(path: Path) -> ConnectionSettings:
    """Read one connection file.

    Args:
        path: ``NAME.yaml`` or ``NAME.local.yaml``.

    Returns:
        The settings.

    Raises:
        ConfigurationError: The file is missing or wrong; the message names file, line and key of every problem.
    """
    found, errors = _read(path)
    if found is None or errors:
        raise ConfigurationError("\n".join(map(str, errors)), advice="\nThe keys are described in docs/connections.md.")
    return found


def find_connection(settings: Settings, name: str) -> ConnectionSettings:
    """Read the file of one connection of the installation.

    Args:
        settings: Says where the files are.
        name: The connection's name.

    Returns:
        The settings.

    Raises:
        ConfigurationError: There is no such file, or it is wrong.
    """
    candidates = connection_files(settings).get(name, [])
    if not candidates:
        path = settings.connections_dir / f"{name}{_SUFFIX}"
        known = ", ".join(sorted(connection_files(settings))) or "none"
        message = f"There is no connection {name}: {path} does not exist (there are: {known})."
        raise ConfigurationError(message, advice=f"Run: st-deltek connection add {name}")
    if len(candidates) > 1:
        message = f"{' and '.join(path.name for path in candidates)} are the same connection."
        raise ConfigurationError(message, advice="Remove one of them.")
    return load_connection(candidates[0])


def connection_files(settings: Settings) -> dict[str, list[Path]]:
    """Return the files of each connection by its name, unread; more than one for the same is an error.

    Args:
        settings: Says where the files are.
    """
    found: dict[str, list[Path]] = {}
    # The data folder's own are those that commands write, such as the demo's.
    for folder in dict.fromkeys((settings.connections_dir, settings.data_dir / "connections")):
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                if path.suffix in {_SUFFIX, ".yml"} and not path.name.startswith("."):
                    found.setdefault(_name_of(path), []).append(path)
    return found


def _name_of(path: Path) -> str:
    return path.name.removesuffix(path.suffix).removesuffix(_LOCAL)


def _read(path: Path) -> tuple[ConnectionSettings | None, list[ConnectionFileError]]:
    if path.suffix != _SUFFIX:
        return None, [ConnectionFileError(path, 0, "", f"connection files end in {_SUFFIX}: rename it.")]
    try:
        text = _read_text(path)
        root = _compose(path, text)
        data = _Reader(path).value(root, "", 0)
    except _FileProblemError as problem:
        return None, [problem.error]
    if not isinstance(data, dict):
        return None, [ConnectionFileError(path, 1, "", "the file must be a mapping of keys to values.")]
    try:
        settings = ConnectionSettings.model_validate(data)
    except ValidationError as error:
        return None, _explained(path, root, error)
    return settings, _checked(path, root, settings)


def _checked(path: Path, root: Node, settings: ConnectionSettings) -> list[ConnectionFileError]:
    """What the model alone cannot see: the file's name, the country's holidays, test meets production."""
    errors: list[ConnectionFileError] = []
    if settings.name != _name_of(path):
        line, key = _locate(root, ("name",))
        message = f"it says {settings.name!r}, but the file is named {path.name}: they must agree."
        errors.append(ConnectionFileError(path, line, key, message))
    country = check_country(settings.calendar)
    if country is not None:
        line, key = _locate(root, ("calendar", country[0]))
        errors.append(ConnectionFileError(path, line, key, country[1]))
    environment = environment_problem(settings)
    if environment is not None:
        line, key = _locate(root, environment[0].split("."))
        errors.append(ConnectionFileError(path, line, key or environment[0], environment[1]))
    return errors


class _FileProblemError(Exception):
    def __init__(self, error: ConnectionFileError) -> None:
        super().__init__(str(error))
        self.error = error


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise _FileProblemError(ConnectionFileError(path, 0, "", f"cannot be read: {error.strerror}.")) from None
    if len(content) > _LARGEST_FILE:
        raise _FileProblemError(ConnectionFileError(path, 0, "", f"is larger than {_LARGEST_FILE >> 20} MiB."))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _FileProblemError(ConnectionFileError(path, line, "", "is not UTF-8 text.")) from None


def _compose(path: Path, text: str) -> Node:
    loader = None
    try:
        loader = _LOADER(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = ", ".join(part for part in (error.problem, error.context) if part)
        line = mark.line + 1 if mark else 0
        if error.context_mark and mark and error.context_mark.line != mark.line:
            # A quote or bracket that is never closed is noticed at the file's end, and mended where it begins.
            words = f"{words} that begins in line {error.context_mark.line + 1}"
        raise _FileProblemError(ConnectionFileError(path, line, "", f"is not YAML: {words}.")) from None
    except yaml.YAMLError as error:
        first_line = str(error).splitlines()[0]
        raise _FileProblemError(ConnectionFileError(path, 0, "", f"is not YAML: {first_line}.")) from None
    except RecursionError:
        raise _FileProblemError(ConnectionFileError(path, 0, "", "is nested too deeply.")) from None
    finally:
        if loader is not None:
            loader.dispose()
    if root is None:
        raise _FileProblemError(ConnectionFileError(path, 0, "", "is empty."))
    return root


class _Reader:
    """Turns nodes into plain values: mappings, lists, literal texts and ``None``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values = 0

    def value(self, node: Node, key: str, depth: int) -> Any:  # noqa: ANN401 (what a YAML file holds)
        """Return a node's value, or complain."""
        self._values += 1
        if depth > _DEEPEST or self._values > _MOST_VALUES:
            raise self._problem(node, key, "is nested too deeply, or repeats itself too often by aliases.")
        if node.tag not in _TAGS:
            raise self._problem(node, key, f"the tag {node.tag!r} has no meaning here.")
        if isinstance(node, ScalarNode):
            # A style means quotes: "" is an empty text, nothing at all is no value.
            return None if not node.style and node.value in _EMPTY else node.value
        if isinstance(node, SequenceNode):
            return [self.value(item, f"{key}[{number}]", depth + 1) for number, item in enumerate(node.value, start=1)]
        if isinstance(node, MappingNode):
            return self._mapping(node, key, depth)
        raise self._problem(node, key, "cannot be understood.")

    def _mapping(self, node: MappingNode, key: str, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self._problem(key_node, key, "a key must be a word.")
            name: str = key_node.value
            inner = f"{key}.{name}" if key else name
            if name == _MERGE_KEY and not key_node.style:
                sources = value_node.value if isinstance(value_node, SequenceNode) else [value_node]
                for source in sources:
                    if not isinstance(source, MappingNode):
                        raise self._problem(value_node, inner, "only mappings can be merged.")
                    merged = {**self.value(source, inner, depth + 1), **merged}
                continue
            if name in own:
                raise self._problem(key_node, inner, "stands there twice.")
            own[name] = self.value(value_node, inner, depth + 1)
        return {**merged, **own}

    def _problem(self, node: Node, key: str, message: str) -> _FileProblemError:
        return _FileProblemError(ConnectionFileError(self._path, node.start_mark.line + 1, key, message))


def _explained(path: Path, root: Node, error: ValidationError) -> list[ConnectionFileError]:
    found: dict[tuple[int, str], ConnectionFileError] = {}
    for detail in error.errors(include_url=False, include_input=False):
        location = detail["loc"]
        line, key = _locate(root, location)
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = f"is not a known key.{_suggestion(str(location[-1]))}"
        elif detail["type"] == "missing":
            message = "is required, but missing."
            key = ".".join(part for part in (key, str(location[-1])) if part) if not _has(root, location) else key
        # A value that fits none of several types is one problem, not one per type.
        found.setdefault((line, key), ConnectionFileError(path, line, key, message))
    return sorted(found.values(), key=lambda item: (item.line, item.key))


def _locate(root: Node, location: Sequence[int | str]) -> tuple[int, str]:
    """Follow an error's location as far as the file goes; the last steps can be the model's own."""
    node, line, key = root, root.start_mark.line + 1, ""
    for step in location:
        following = _step(node, step)
        if following is None:
            break
        node, line = following
        key = f"{key}[{step + 1}]" if isinstance(step, int) else f"{key}.{step}" if key else step
    return line, key


def _has(root: Node, location: Sequence[int | str]) -> bool:
    node = root
    for step in location:
        following = _step(node, step)
        if following is None:
            return False
        node = following[0]
    return True


def _step(node: Node, step: int | str) -> tuple[Node, int] | None:
    if isinstance(node, MappingNode):
        merges: list[Node] = []
        for key_node, value_node in node.value:
            if key_node.value == step:
                return value_node, key_node.start_mark.line + 1
            if key_node.value == _MERGE_KEY:
                merges.extend(value_node.value if isinstance(value_node, SequenceNode) else [value_node])
        return next((found for merge in merges if (found := _step(merge, step)) is not None), None)
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item, item.start_mark.line + 1
    return None


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(name, _field_names(ConnectionSettings), n=1)
    return f" Did you mean {near[0]}?" if near else " The keys are described in docs/connections.md."


def _field_names(model: type[BaseModel]) -> set[str]:
    names: set[str] = set()
    for name, info in model.model_fields.items():
        names.add(info.alias or name)
        for inner in (info.annotation, *get_args(info.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                names |= _field_names(inner)
    return names
