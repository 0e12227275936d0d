"""What passes between the steps of a run: batch names and counts, as JSON files in Dagster's storage folder.

Dagster's own files are pickles, and it logs two lines for every one of them. Customer data stays in PostgreSQL.
"""

import json
from pathlib import Path
from typing import Any

import dagster as dg

IO_MANAGER_KEY = "io_manager"


class StepValues(dg.IOManager):
    """Writes and reads the values of a run's steps.

    Args:
        folder: Where they are kept, a folder for each run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:  # noqa: ANN401 - plain JSON
        """Keep a value."""
        path = self._folder.joinpath(*context.get_identifier())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(obj))

    def load_input(self, context: dg.InputContext) -> Any:  # noqa: ANN401 - plain JSON
        """Return a value that an earlier step kept, perhaps in the run that this one repeats."""
        return json.loads(self._folder.joinpath(*context.get_identifier()).read_text())


@dg.io_manager(description="Keeps what passes between steps, batch names and counts, as JSON.")
def step_values(context: dg.InitResourceContext) -> StepValues:
    """Keep values in the storage folder of Dagster's instance."""
    if context.instance is None:
        message = "values between steps need an instance"
        raise dg.DagsterInvariantViolationError(message)
    return StepValues(Path(context.instance.storage_directory()))
