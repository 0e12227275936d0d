"""Money is never a float: not in the code that reads, computes and sends it, and in no column of the database."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

import st_deltek_pipeline

PACKAGE = Path(st_deltek_pipeline.__file__).parent

# Whatever touches an amount on its way; elsewhere a float is a number of seconds.
MONEY = ("domain", "servicetitan", "vantagepoint")


def floats_of(source: str) -> Iterator[int]:
    """Yield the lines on which a float is written, made, or asked for."""
    for node in ast.walk(ast.parse(source)):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        if literal or (isinstance(node, ast.Name) and node.id == "float"):
            yield node.lineno


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = 0.01", [1]),
        ("\nx = float(amount)", [2]),
        ("def f(amount: float) -> None: ...", [1]),
        ('x = Decimal("0.01") * 2', []),
    ],
)
def test_a_float_in_code_is_found(source: str, found: list[int]) -> None:
    assert list(floats_of(source)) == found


def test_no_float_is_in_the_code_that_money_goes_through() -> None:
    """T33: float never appears (lint)."""
    files = [path for name in MONEY for path in sorted((PACKAGE / name).rglob("*.py"))]
    assert len(files) > 50
    found = [
        f"{path.relative_to(PACKAGE)}:{line}" for path in files for line in floats_of(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_no_column_of_our_schemas_is_a_float(engine: Engine) -> None:
    """T33: float never appears (stored)."""
    statement = """
        SELECT table_schema || '.' || table_name || '.' || column_name AS name, data_type
        FROM information_schema.columns
        WHERE table_schema NOT IN ('pg_catalog', 'information_schema', 'public')
    """
    with engine.connect() as db:
        types = {row.name: row.data_type for row in db.execute(text(statement))}
    assert types["journal.posting_lines.amount"] == "numeric"
    assert [name for name, kind in types.items() if kind in {"real", "double precision"}] == []
