"""Writes the database of this version into ``releases``: a small month posted, as later versions will find it.

Run it once per release: ``python -m st_deltek_pipeline_tests.store.release_dump``. Existing dumps are never written anew;
each was made by the code of its release.
"""

from pathlib import Path

from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline.store.migrate import known_revisions, migrate
from st_deltek_pipeline_tests.memory import quick_folder
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox
from st_deltek_pipeline_tests.services.posting.harness import bench
from st_deltek_pipeline_tests.store.postgres_programs import run_program

RELEASES = Path(__file__).parent / "releases"
INVOICES = 20


def write_dump(path: Path) -> None:
    """Post a clean month on a server of its own, and dump its database."""
    with quick_folder() as folder:
        server = EmbeddedPostgres(folder, server_settings={"fsync": "off"})
        url = server.ensure_running()
        engine = engine_for(url)
        try:
            migrate(engine)
            with running_sandbox(invoices=INVOICES) as sandbox, bench(sandbox, engine) as connected:
                connected.take_in()
                for day in connected.days():
                    connected.run_every_kind(day)
            run_program("pg_dump", url, "--format=custom", "--compress=9", "--no-owner", f"--file={path}")
        finally:
            engine.dispose()
            server.stop(force=True)


if __name__ == "__main__":
    target = RELEASES / f"{known_revisions()[-1]}.dump"
    if target.exists():
        raise SystemExit(f"{target} is there already.")  # noqa: EM102, TRY003 - for a person
    write_dump(target)
