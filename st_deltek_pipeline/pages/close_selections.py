"""Useful selections of a connection's assets, for Dagster's lineage: open-source Dagster cannot save any itself."""

from urllib.parse import quote

from st_deltek_pipeline.pages.cells import Simple
from st_deltek_pipeline.pages.close_links import CloseLinks

_GROUPS = ("servicetitan", "vantagepoint", "staged", "posted", "reconciled")


def selections(connection: str) -> dict[str, str]:
    """Return selections in Dagster's syntax, by what they show.

    Args:
        connection: The connection's name.
    """
    return {
        "everything": f'tag:"connection"="{connection}"',
        "what is held": f'key:"{connection}/aligned_*"',
        "posting": f'group:"{connection}_posted"',
        "reconciled": f'group:"{connection}_reconciled"',
        "all that the close rests on": f'+key:"{connection}/daily_close"',
        **{f"group {group}": f'group:"{connection}_{group}"' for group in _GROUPS},
    }


def saved_selections(connection: str, links: CloseLinks) -> list[Simple]:
    """Return links to the lineage of each selection, and to the pages of Dagster that go with them.

    Args:
        connection: The connection's name.
        links: Makes the links; without Dagster's address there is none.
    """
    if not links.dagster_url:
        return []
    found = [links.selection(text, selection) for text, selection in selections(connection).items()]
    checks = f"/assets/{quote(connection)}/daily_close?view=checks&checkDetail="
    return [
        *found,
        links.dagster("days with something waiting", f"{checks}nothing_waits"),
        links.dagster("days that differ", f"{checks}books_agree"),
        links.dagster("runs", f"/runs?q%5B0%5D=tag%3Aconnection%3D{quote(connection)}"),
    ]
