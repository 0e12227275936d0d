"""Reading a row as the document it is, for the tests of each kind."""

from typing import Any

from st_deltek_pipeline.domain.documents import Document, Kind
from st_deltek_pipeline.servicetitan.documents import FORMS
from st_deltek_pipeline.servicetitan.shapes import Unfit
from st_deltek_pipeline.servicetitan.surroundings import Surroundings
from st_deltek_pipeline_tests.services.servicetitan_rows import CALENDAR, encoded


def typed(kind: Kind, row: dict[str, Any], known: Surroundings | None = None, **arguments: Any) -> Document | Unfit:
    """Return the document, or why the row does not fit."""
    record = FORMS[kind].read(encoded(row))
    if isinstance(record, Unfit):
        return record
    return FORMS[kind].to_document(
        record,
        connection="acme",
        business_day=CALENDAR.business_day,
        surroundings=known or Surroundings(),
        **arguments,
    )


def reasons(kind: Kind, row: dict[str, Any], known: Surroundings | None = None) -> str:
    """Return why a row does not fit; it must not."""
    found = typed(kind, row, known)
    assert isinstance(found, Unfit), found
    return str(found)
