"""A click group whose commands are imported when they are used, so that ``--help`` answers at once."""

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass

import click


@dataclass(frozen=True)
class LazyCommand:
    """A command that has not been imported.

    Attributes:
        module: Where it is.
        name: What it is called there.
        summary: Its line in the group's help.
    """

    module: str
    name: str
    summary: str

    @property
    def is_there(self) -> bool:
        """Whether the module can be found; it is not imported for that."""
        return importlib.util.find_spec(self.module) is not None

    def load(self) -> click.Command:
        """Import the command."""
        return getattr(importlib.import_module(self.module), self.name)


class LazyGroup(click.Group):
    """A group of lazily imported commands, listed in the order they are given.

    Args:
        lazy: Name to command.
        **attributes: What ``click.Group`` takes.
    """

    def __init__(self, *, lazy: Mapping[str, LazyCommand] | None = None, **attributes: object) -> None:
        super().__init__(**attributes)  # pyright: ignore[reportArgumentType] (click's own, passed through)
        self._lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands that are there."""
        return [*super().list_commands(ctx), *(name for name, command in self._lazy.items() if command.is_there)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        command = self._lazy.get(cmd_name)
        if command is None or not command.is_there:
            return super().get_command(ctx, cmd_name)
        return command.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by their summaries, importing none."""
        rows = [(name, self._lazy[name].summary) for name in self.list_commands(ctx) if name in self._lazy]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
