"""The items of credit memos, which ServiceTitan lists apart from the memos; by memo."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.invoices import InvoiceLine
from st_deltek_pipeline.store.copying import copy_rows

_UNREADABLE = InvoiceLine(0, "", "", "", None, None, taxable=False, quantity=Decimal(0), total=Decimal(0))
_LINE = ("line_id", "item_type", "sku", "description", "gl_account", "business_unit_id", "taxable", "quantity", "total")
_OWN = ("connection", "credit_memo_id", "active", "problem")


@dataclass(frozen=True, slots=True)
class StoredMemoItem:
    """An item of a credit memo.

    Attributes:
        line: ``None`` when it cannot be read.
        problem: Why it cannot be read; empty otherwise.
    """

    item_id: int
    credit_memo_id: int
    active: bool
    line: InvoiceLine | None
    problem: str = ""


def write_memo_items(db: Connection, connection: str, items: Sequence[StoredMemoItem]) -> list[int]:
    """Write what is known of some items.

    Args:
        db: The staging transaction.
        connection: The connection's name.
        items: Each item once.

    Returns:
        The ids of the credit memos that an item came to, changed on or left.
    """
    db.execute(text("CREATE TEMPORARY TABLE IF NOT EXISTS items_read (LIKE staged.credit_memo_items) ON COMMIT DROP"))
    db.execute(text("TRUNCATE items_read"))
    copy_rows(db, "items_read", (*_OWN, *_LINE), (_row(connection, item) for item in items))
    columns = ", ".join((*_OWN, *_LINE))
    changed = ", ".join(f"{column} = excluded.{column}" for column in (*_OWN[1:], *_LINE[1:]))
    rows = db.execute(
        text(
            f"""
            WITH before AS (
                SELECT i.line_id, i.credit_memo_id FROM staged.credit_memo_items AS i
                JOIN items_read AS r ON r.connection = i.connection AND r.line_id = i.line_id
            ), written AS (
                INSERT INTO staged.credit_memo_items AS i ({columns}) SELECT {columns} FROM items_read ORDER BY line_id
                ON CONFLICT (connection, line_id) DO UPDATE SET {changed}
                WHERE ({", ".join(f"i.{column}" for column in (*_OWN[1:], *_LINE[1:]))})
                    IS DISTINCT FROM ({", ".join(f"excluded.{column}" for column in (*_OWN[1:], *_LINE[1:]))})
                RETURNING line_id, credit_memo_id
            )
            SELECT credit_memo_id FROM written
            UNION
            SELECT before.credit_memo_id FROM before JOIN written USING (line_id)
            """  # noqa: S608 (column names are constants)
        )
    )
    return list(rows.scalars())


def memo_items(db: Connection, connection: str, memo_ids: Iterable[int]) -> dict[int, list[StoredMemoItem]]:
    """Return the items of some credit memos that are active, by memo and in the order of their ids.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        memo_ids: ServiceTitan's ids of the memos.
    """
    found: dict[int, list[StoredMemoItem]] = {}
    for row in db.execute(
        text(
            f"""
            SELECT credit_memo_id, problem, {", ".join(_LINE)} FROM staged.credit_memo_items
            WHERE connection = :connection AND credit_memo_id = ANY(:ids) AND active
            ORDER BY line_id
            """  # noqa: S608 (column names are constants)
        ),
        {"connection": connection, "ids": list(memo_ids)},
    ):
        memo_id, problem, *line = row
        read = None if problem else InvoiceLine(*line)
        found.setdefault(memo_id, []).append(StoredMemoItem(line[0], memo_id, active=True, line=read, problem=problem))
    return found


def _row(connection: str, item: StoredMemoItem) -> tuple[object, ...]:
    line = item.line or _UNREADABLE
    return (
        connection,
        item.credit_memo_id,
        item.active,
        item.problem,
        item.item_id,
        line.item_type,
        line.sku,
        line.description,
        line.gl_account,
        line.business_unit_id,
        line.taxable,
        line.quantity,
        line.total,
    )
