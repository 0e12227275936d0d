"""Whether the role of the Vantagepoint user may more than this connection does, as far as reading can tell.

What the role lacks is found by ``connection_check``. That it may process closed or prior periods cannot be read anywhere
(vantagepoint.md section 4.8): docs/security.md asks a person to look.
"""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.errors import PermissionMissingError, PipelineError, RefusedError
from st_deltek_pipeline.services.findings import Finding, Level
from st_deltek_pipeline.vantagepoint.client import VantagepointClient

_SUBJECT = "Vantagepoint role"
_ADVICE = "Take it from the role in Vantagepoint (Settings > Security > Roles), or give the user a role of its own."
# Files of every type that the user may see, each with what the user may do with it (section 1, role-based access).
_LANDING = "DataEntry/allLanding"
# Records of people, which nothing here is about (section 3).
_EMPLOYEES = "employee"


def check_rights(client: VantagepointClient, entered: Iterable[EntryType]) -> Iterator[Finding]:
    """Look at what the role may do and need not.

    Args:
        client: Of the connection.
        entered: The types of transaction that the connection enters.

    Yields:
        Warnings; nothing where the role may no more than it has to, or where the tenant has no such list.
    """
    needed = {entry.ledger_type for entry in entered}
    more: dict[str, str] = {}
    landing, employees = _first_page(client, _LANDING), _first_page(client, _EMPLOYEES, "Employee")
    for unknown in (landing, employees):
        if isinstance(unknown, PipelineError):
            message = f"Whether the role may more than it has to could not be looked at: {unknown.message}"
            yield Finding(Level.WARNING, _SUBJECT, message, unknown.advice)
    for row in [] if isinstance(landing, PipelineError) else landing:
        code = str(row.get("TransType") or "").strip().upper()
        if code and code not in needed and "Y" in {_flag(row, "EntryAccess"), _flag(row, "PostAccess")}:
            more[code] = str(row.get("TransTypeDesc") or code).strip()
    if more:
        named = ", ".join(f"{words} ({code})" for code, words in sorted(more.items()))
        message = f"The role may enter or post transactions that this connection never does: {named}."
        yield Finding(Level.WARNING, _SUBJECT, message, _ADVICE)
    if employees and not isinstance(employees, PipelineError):
        message = "The role sees employees, which this program never reads."
        yield Finding(Level.WARNING, _SUBJECT, message, _ADVICE)


def _first_page(client: VantagepointClient, path: str, *fields: str) -> list[dict[str, Any]] | PipelineError:
    """Read what the role sees of a list; why not, where that says nothing about the role."""
    try:
        return next(client.rows(path, fields=fields), list[dict[str, Any]]())
    except PermissionMissingError:
        # As it should be.
        return []
    except RefusedError as error:
        return [] if error.status == HTTPStatus.NOT_FOUND else error
    except PipelineError as error:
        return error


def _flag(row: dict[str, Any], name: str) -> str:
    return str(row.get(name) or "").strip().upper()
