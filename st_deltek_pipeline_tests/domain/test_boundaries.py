"""The moments at which a process may die are passed by in production, and all of them are described."""

import ast
from pathlib import Path

import st_deltek_pipeline
from st_deltek_pipeline.domain.boundaries import Boundary, pass_by

_PACKAGE = Path(st_deltek_pipeline.__file__).parent
_GIVEN_ON = {"reached", "self.reached", "context.reached", "pass_by"}


def _given() -> set[str]:
    """Return what the program gives as ``reached``, by argument or as a default."""
    found: set[str] = set()
    sources = [path.read_text() for path in _PACKAGE.rglob("*.py")]
    for node in (node for source in sources if "reached" in source for node in ast.walk(ast.parse(source))):
        match node:
            case ast.keyword(arg="reached", value=value) | ast.AnnAssign(annotation=ast.Name("Reached"), value=value):
                found.update([ast.unparse(value)] if value is not None else [])
            case ast.arguments():
                named = zip(node.kwonlyargs, node.kw_defaults, strict=True)
                found.update(ast.unparse(value) for arg, value in named if arg.arg == "reached" and value is not None)
            case _:
                pass
    return found


def test_nothing_but_passing_by_is_ever_given_by_the_program() -> None:
    given = _given()
    assert "pass_by" in given
    assert given <= _GIVEN_ON


def test_passing_by_does_nothing() -> None:
    assert [pass_by(each) for each in Boundary] == [None] * len(Boundary)


def test_every_moment_is_in_the_documentation_with_what_the_next_run_does() -> None:
    page = (_PACKAGE.parent / "docs" / "posting-protocol.md").read_text()
    for each in Boundary:
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {each.value} |")]
        assert row.count("|") == 4
