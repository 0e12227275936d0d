"""docs/reliability.md and the tests agree: each of the cases T01 to T55 is protected by a test, or the page says why not."""

import ast
import re
from pathlib import Path

PROJECT = Path(__file__).parents[1]
TESTS = Path(__file__).parent
PAGE = PROJECT / "docs" / "reliability.md"
# The list itself is not part of the project; where it lies beside it, the numbers are compared.
LIST = PROJECT.parent / "shared" / "reference" / "anchors.md"

CASES = {f"T{number:02d}" for number in range(1, 56)}

_CLAIM = re.compile(r"(T\d\d(?:, T\d\d)*): \S")
_REASON = re.compile(r"^\| (T\d\d) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_FILE = re.compile(r"`([a-z_/]+/test_\w+\.py)(?:::(\w+))?`")


def claims(source: str) -> dict[str, set[str]]:
    """Return the cases that each test's docstring begins with, by the test's name."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            named = _CLAIM.match(ast.get_docstring(node) or "")
            if named:
                found[node.name] = set(named[1].split(", "))
    return found


def claimed_cases() -> set[str]:
    sources = (path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    # Reading them all would take seconds; most make no claim.
    claiming = (source for source in sources if re.search(r'"""T\d\d', source))
    return {case for source in claiming for cases in claims(source).values() for case in cases}


def test_a_case_is_claimed_only_by_the_first_words_of_a_tests_docstring() -> None:
    source = '''
def test_one():
    """T01, T02: killed, and cut."""
def test_two():
    """Not T03: it is only mentioned."""
def test_three():
    "T04:"
def helper():
    """T05: no test."""
'''
    assert claims(source) == {"test_one": {"T01", "T02"}}


def test_every_case_is_protected_by_a_test_or_the_page_says_why_not() -> None:
    reasons = _REASON.findall(PAGE.read_text(encoding="utf-8"))
    explained = {case for case, _, _ in reasons}
    claimed = claimed_cases()
    assert claimed <= CASES
    assert explained <= CASES
    assert sorted(CASES - claimed - explained) == []
    assert all(len(why.split()) > 4 for _, _, why in reasons)


def test_the_page_names_only_tests_that_exist() -> None:
    named = _FILE.findall(PAGE.read_text(encoding="utf-8"))
    assert named
    for path, test in named:
        assert (TESTS / path).is_file(), path
        assert not test or f"def {test}(" in (TESTS / path).read_text(encoding="utf-8"), test


def test_the_cases_are_those_of_the_list() -> None:
    if LIST.is_file():
        assert set(re.findall(r"^(T\d\d) ", LIST.read_text(encoding="utf-8"), re.MULTILINE)) == CASES
    groups = re.findall(r"^\| T(\d\d) to T(\d\d) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {f"T{case:02d}" for first, last in groups for case in range(int(first), int(last) + 1)} == CASES
