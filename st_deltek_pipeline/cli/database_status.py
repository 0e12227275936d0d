"""What ``st-deltek database status`` says."""

from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import database_url, engine_for
from st_deltek_pipeline.store.embedded import APPLICATION_DATABASE, EmbeddedPostgres
from st_deltek_pipeline.store.migrate import current_revision, known_revisions


def database_status(settings: Settings) -> dict[str, Any]:
    """Describe the database without starting or changing anything.

    Args:
        settings: The installation.

    Returns:
        Plain values for printing; no password among them.
    """
    found: dict[str, Any] = {}
    if settings.database_url:
        url = database_url(settings)
        found |= {"kind": "named", "url": make_url(url).render_as_string(hide_password=True)}
    else:
        embedded = EmbeddedPostgres(settings.data_dir)
        status = embedded.status()
        url = embedded.url(APPLICATION_DATABASE)
        found |= {"kind": "embedded", "folder": str(status.folder), "state": status.state, "pid": status.pid}
        if status.state != "running":
            return {**found, "revision": None, "newest_revision": known_revisions()[-1]}
    engine = engine_for(url)
    try:
        found["revision"] = current_revision(engine)
        found["state"] = "running"
        found["schema"] = _schema(found["revision"])
    except OperationalError as error:
        found |= {"revision": None, "state": "unreachable", "reason": " ".join(str(error.orig).split())}
    finally:
        engine.dispose()
    return {**found, "newest_revision": known_revisions()[-1]}


def _schema(revision: str | None) -> str:
    known = known_revisions()
    if revision is None:
        return "absent"
    if revision not in known:
        return "newer than this version of st-deltek"
    return "current" if revision == known[-1] else "older: the next command changes it"
