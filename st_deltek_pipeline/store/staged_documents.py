"""Staged documents of every kind: typed rows, written and read back whole.

A document has one row here whatever its day; a change moves or rewrites it. What fits is decided by the staging
service, which tables there are by ``staged_tables``.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, text

from st_deltek_pipeline.domain.documents import Document, DocumentKey, Kind, SyncStatus
from st_deltek_pipeline.store.copying import copy_rows
from st_deltek_pipeline.store.staged_tables import TABLES, PartTable, StagedTable

D = TypeVar("D", bound=Document)


def write_documents(
    db: Connection, table: StagedTable[D], connection: str, documents: Iterable[D], replaced: Sequence[int]
) -> int:
    """Write documents with their parts.

    Args:
        db: The staging transaction.
        table: Where to.
        connection: The connection's name.
        documents: New or changed ones; consumed while Postgres is already inserting the first of them.
        replaced: Ids of those that have a staged row now.

    Returns:
        How many there were.
    """
    if replaced:
        for name in (*(part.table for part in table.parts), table.table):
            db.execute(
                text(f"DELETE FROM {name} WHERE connection = :connection AND document_id = ANY(:ids)"),  # noqa: S608
                {"connection": connection, "ids": list(replaced)},
            )
    written: list[D] = []

    def remembered() -> Iterator[D]:
        for document in documents:
            written.append(document)
            yield document

    # Parts first: they are most of Postgres' work, and it does it while the documents are still being made.
    for number, part in enumerate(table.parts):
        copy_rows(db, part.table, part.columns, _part_rows(part, written if number else remembered()))
    copy_rows(db, table.table, table.columns, map(table.row, written))
    return len(written)


def _part_rows(part: PartTable, documents: Iterable[Document]) -> Iterator[tuple[Any, ...]]:
    member, values = part.member, part.values
    for document in documents:
        key = document.key
        for line_no, each in enumerate(getattr(document, member), start=1):
            yield (key.connection, key.document_id, line_no, *values(each))


def parts_of(db: Connection, table: StagedTable[D], connection: str, ids: Sequence[int]) -> dict[int, list[Any]]:
    """Return the staged parts of some documents.

    Args:
        db: A connection to the database.
        table: Where from.
        connection: The connection's name.
        ids: ServiceTitan's ids.

    Returns:
        By id, a tuple of parts for each of the table's part tables in their order.
    """
    found = _read_parts(db, table, "document_id = ANY(:ids)", {"connection": connection, "ids": list(ids)})
    return {each: [tuple(parts.get(each, ())) for parts in found] for each in ids}


def documents_of_day(engine: Engine, connection: str, kind: Kind, business_day: date) -> list[Document]:
    """Return every staged document of a kind on a business day, active or not, by id.

    Args:
        engine: The application's database.
        connection: The connection's name.
        kind: The kind.
        business_day: The day.
    """
    return list(read_day(engine, TABLES[kind], connection, business_day))


def documents_by_id(engine: Engine, connection: str, kind: Kind, ids: Sequence[int]) -> list[Document]:
    """Return staged documents of a kind by their ids, whatever their day.

    Args:
        engine: The application's database.
        connection: The connection's name.
        kind: The kind.
        ids: ServiceTitan's ids; unknown ones are left out, and those of a kind that is never staged.
    """
    return list(read_ids(engine, TABLES[kind], connection, ids)) if kind in TABLES else []


def read_day(engine: Engine, table: StagedTable[D], connection: str, business_day: date) -> list[D]:
    """Return the staged documents of a business day by their own type; see ``documents_of_day``."""
    return _read(engine, table, connection, "business_day = :business_day", {"business_day": business_day})


def read_ids(engine: Engine, table: StagedTable[D], connection: str, ids: Sequence[int]) -> list[D]:
    """Return staged documents by their own type; see ``documents_by_id``."""
    return _read(engine, table, connection, "document_id = ANY(:ids)", {"ids": list(ids)})


def _read(
    engine: Engine, table: StagedTable[D], connection: str, condition: str, parameters: dict[str, Any]
) -> list[D]:
    parameters = {"connection": connection, **parameters}
    columns = ", ".join(table.columns)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as db:
        rows = db.execute(
            text(
                f"SELECT {columns} FROM {table.table}"  # noqa: S608 (constants)
                f" WHERE connection = :connection AND {condition} ORDER BY document_id"
            ),
            parameters,
        ).all()
        parts = _read_parts(
            db,
            table,
            f"document_id IN (SELECT document_id FROM {table.table}"  # noqa: S608 (constants)
            f" WHERE connection = :connection AND {condition})",
            parameters,
        )
    return [_document(table, tuple(row), parts) for row in rows]


def _read_parts(
    db: Connection, table: StagedTable[D], condition: str, parameters: dict[str, Any]
) -> list[dict[int, list[Any]]]:
    found: list[dict[int, list[Any]]] = []
    for part in table.parts:
        by_document: dict[int, list[Any]] = {}
        statement = (
            f"SELECT document_id, {', '.join(part.fields)} FROM {part.table}"  # noqa: S608 (constants)
            f" WHERE connection = :connection AND {condition} ORDER BY document_id, line_no"
        )
        for row in db.execute(text(statement), parameters):
            by_document.setdefault(row[0], []).append(part.type(*row[1:]))
        found.append(by_document)
    return found


def _document(table: StagedTable[D], row: tuple[Any, ...], parts: Sequence[dict[int, list[Any]]]) -> D:
    connection, document_id, *values, _shape = row
    own: dict[str, Any] = dict(zip(table.fields, values, strict=True))
    own["sync_status"] = SyncStatus(own["sync_status"])
    for part, by_document in zip(table.parts, parts, strict=True):
        own[part.member] = tuple(by_document.get(document_id, ()))
    return table.type(key=DocumentKey(connection, table.kind, document_id), **own)
