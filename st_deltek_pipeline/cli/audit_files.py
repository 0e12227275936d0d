"""What ``st-deltek audit export`` does: files of a period with a manifest that proves what is in them."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from st_deltek_pipeline.cli.audit_writers import Writer, writer_of
from st_deltek_pipeline.cli.output import print_json, print_table, say
from st_deltek_pipeline.cli.progress import LineProgress, SilentProgress
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store import audit_export
from st_deltek_pipeline.store.audit_export import ChainRange, Export, ExportedPeriod
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.migrate import current_revision
from st_deltek_pipeline.store.verification import one_view

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
_BLOCK = 1 << 20


def export(settings: Settings, name: str, first: date, last: date, *, form: str, folder: Path, as_json: bool) -> None:
    """Write the files of a period, and the manifest last: a folder without one is not complete.

    Args:
        settings: The installation.
        name: The connection.
        first: First business day.
        last: Last business day.
        form: ``csv`` or ``parquet``.
        folder: A new or empty folder.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: There is no such connection, the folder is not empty, or a package is missing.
    """
    find_connection(settings, name)
    if first > last:
        message = f"The period ends on {last}, before it begins on {first}."
        raise ConfigurationError(message, advice="Give the first day with --from and the last one with --to.")
    write = writer_of(form)
    _prepare(folder)
    engine = ready_database(settings)
    try:
        with SilentProgress() if as_json else LineProgress() as progress, one_view(engine) as db:
            chain = audit_export.chain_range(db, name, first, last)
            period = ExportedPeriod(name, first, last, chain)
            files: list[dict[str, Any]] = []
            for each in audit_export.EXPORTS:
                progress.doing(f"writing {each.name}")
                files.append(_written(db, each, period, write, folder / f"{each.name}.{form}"))
            undated = audit_export.without_a_day(db, name)
        manifest = {
            "connection": name,
            "first_business_day": first.isoformat(),
            "last_business_day": last.isoformat(),
            "format": form,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "database_revision": current_revision(engine),
            "chain": asdict(chain),
            "documents_of_no_business_day": undated,
            "files": files,
        }
    finally:
        engine.dispose()
    (folder / SUMS).write_text("".join(f"{each['sha256']}  {each['name']}\n" for each in files), encoding="utf-8")
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print_json(manifest)
    else:
        _print(files, folder, chain)


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except OSError as error:
        message = f"The folder {folder} cannot be used: {error.strerror}."
        raise ConfigurationError(message, advice="Name another one with --to-dir.") from error
    if taken:
        message = f"The folder {folder} is not empty."
        raise ConfigurationError(message, advice="An export never overwrites: name a new folder with --to-dir.")


def _written(db: Connection, export_: Export, period: ExportedPeriod, write: Writer, path: Path) -> dict[str, Any]:
    """Write one file, and say what is in it."""
    counted = _Counted(export_)
    write(path, export_.columns, counted.through(audit_export.rows(db, export_, period)))
    return {
        "name": path.name,
        "rows": counted.rows,
        "totals": {name: str(amount) for name, amount in counted.totals.items()},
        "bytes": path.stat().st_size,
        "sha256": _sha256(path),
    }


class _Counted:
    """Counts and sums up rows on their way."""

    def __init__(self, export_: Export) -> None:
        self.rows = 0
        self.totals = dict.fromkeys(export_.totals, Decimal(0))
        names = [column.name for column in export_.columns]
        self._places = [(name, names.index(name)) for name in export_.totals]

    def through(self, rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        for row in rows:
            self.rows += 1
            for name, place in self._places:
                self.totals[name] += row[place] or Decimal(0)
            yield row


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _print(files: Sequence[dict[str, Any]], folder: Path, chain: ChainRange) -> None:
    print_table(
        ("file", ">rows", "totals", "SHA-256"),
        (
            (
                each["name"],
                f"{each['rows']:,}",
                ", ".join(f"{name} {amount}" for name, amount in each["totals"].items()),
                each["sha256"],
            )
            for each in files
        ),
        title=f"Written to {folder}",
    )
    say(f"Events {chain.first:,} to {chain.last:,} of {chain.head:,}, without a gap; the manifest has their hashes.")
