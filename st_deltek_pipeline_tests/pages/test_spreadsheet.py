"""CSV for spreadsheets: nothing in it runs, and everything comes back as it was."""

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.pages.spreadsheet import neutral, original, read_csv, write_csv

_FORMULAS = [
    '=HYPERLINK("http://example.invalid","Sum")',
    "+1 Property",
    "-Dash-",
    "@Home",
    "\tTab",
    "\rReturn",
    "'=SUM",
]


@pytest.mark.parametrize("name", _FORMULAS)
def test_a_name_that_begins_like_a_formula_is_text_in_a_spreadsheet(name: str) -> None:
    assert neutral(name)[0] == "'"
    assert original(neutral(name)) == name


@pytest.mark.parametrize("name", ["Acme", "O'Reilly", "'Quoted'", "0012345", "Smith = Jones", ""])
def test_other_names_stay_as_they_are(name: str) -> None:
    assert neutral(name) == name
    assert original(name) == name


_CELLS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


@given(st.lists(st.tuples(_CELLS, _CELLS), max_size=5))
def test_whatever_is_written_is_read_back_and_no_cell_begins_like_a_formula(rows: list[tuple[str, str]]) -> None:
    """T39: a name that looks like a formula."""
    written = write_csv(("a", "b"), rows)
    cells = [cell for row in csv.reader(io.StringIO(written.removeprefix("\ufeff"), newline="")) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
    found = [(row["a"], row["b"]) for _, row in read_csv(written.encode(), ("a", "b"))]
    assert found == [row for row in rows if any(cell.strip() for cell in map(neutral, row))]


def test_numbers_stay_numbers_and_amounts_have_their_cents() -> None:
    row = (3, Decimal(-4), Decimal("1234567.5"), Decimal("0.125"), "-4")
    assert write_csv(("a", "b", "c", "d", "e"), [row]).splitlines()[1] == "3,-4.00,1234567.50,0.125,'-4"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheets_own_delimiter_and_headings_are_understood(delimiter: str) -> None:
    lines = [
        delimiter.join(cells) for cells in (("Party", " DECISION "), ("customer:1", "new"), ("", ""), ("vendor:2",))
    ]
    found = list(read_csv("\n".join(lines).encode("utf-8-sig"), ("party", "decision")))
    assert found == [(2, {"party": "customer:1", "decision": "new"}), (4, {"party": "vendor:2", "decision": ""})]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"name,decision\n", "no column party"),
        (b"", "no column party, decision"),
        (b'party,decision\n"customer:1,new\n', "not CSV, line 2"),
    ],
)
def test_what_is_no_such_file_is_said(content: bytes, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        list(read_csv(content, ("party", "decision")))
