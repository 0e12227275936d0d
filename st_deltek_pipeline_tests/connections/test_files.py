"""Connection files: read as written, and every complaint names file, line and key."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from st_deltek_pipeline.connections.files import (
    ConnectionFileError,
    find_connection,
    load_connection,
    load_connections,
)
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.settings import Settings

_GOOD = """\
name: acme
start_date: 2026-10-01
servicetitan:
  tenant_id: 123456
vantagepoint:
  base_url: https://acme.deltekfirst.com/acme/api/
  database: ACME
calendar:
  time_zone: America/Denver
  country: US
  state: CO
  holidays: [2026-12-24]
coding:
  - name: plumbing
    when: {business_unit: [Plumbing, 0123]}
    give: {wbs1: 2026.10, account: 401.00}
  - give: {organization: 01:02, section: L}
"""


def _installation(folder: Path, *names: str) -> Settings:
    return Settings(folder, None, folder, frozenset(names) or None)


def _problems(folder: Path, text: str, file_name: str = "acme.yaml") -> list[str]:
    """What is wrong with a file, without the folder."""
    (folder / file_name).write_text(text)
    errors = load_connections(_installation(folder)).errors
    return [str(error).replace(f"{folder}/", "") for error in errors]


def test_a_good_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(_GOOD)
    loaded = load_connections(_installation(tmp_path))
    assert loaded.errors == []
    connection = loaded.connections["acme"]
    assert connection.start_date == date(2026, 10, 1)
    assert connection.servicetitan.tenant_id == 123456
    assert connection.vantagepoint.base_url == "https://acme.deltekfirst.com/acme/api"
    assert connection.calendar.holidays == (date(2026, 12, 24),)


def test_values_that_look_like_numbers_dates_or_times_stay_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(_GOOD)
    rules = load_connection(tmp_path / "acme.yaml").coding
    assert rules[0].give == {"wbs1": "2026.10", "account": "401.00"}
    assert rules[0].when["business_unit"] == ("Plumbing", "0123")
    assert rules[1].give["organization"] == "01:02"


@pytest.mark.parametrize("value", ["NO", "on", "1e3", "0x10", "2026-10-05", "1_000", ".5", "+1", "12:30:45", "TRUE"])
def test_no_account_is_ever_taken_for_something_else(tmp_path: Path, value: str) -> None:
    (tmp_path / "acme.yaml").write_text(_GOOD.replace("401.00", value))
    assert load_connection(tmp_path / "acme.yaml").coding[0].give["account"] == value


def test_an_empty_text_is_a_value_and_nothing_is_none(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(_GOOD.replace("401.00", '""'))
    assert load_connection(tmp_path / "acme.yaml").coding[0].give["account"] == ""
    assert _problems(tmp_path, _GOOD.replace("account: 401.00", "account: ")) == [
        "acme.yaml, line 16, coding[1].give.account: Input should be a valid string"
    ]


def test_anchors_and_merges_are_understood(tmp_path: Path) -> None:
    text = _GOOD.replace("give: {wbs1", "give: &base {wbs1").replace(
        "give: {organization: 01:02, section: L}", "give: {<<: *base, account: 402.00}"
    )
    (tmp_path / "acme.yaml").write_text(text)
    assert load_connection(tmp_path / "acme.yaml").coding[1].give == {"wbs1": "2026.10", "account": "402.00"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("tenant_id: 123456", "tenant_id: abc", "line 4, servicetitan.tenant_id: Input should be a valid integer"),
        ("tenant_id: 123456", "tenant_id: -1", "line 4, servicetitan.tenant_id: Input should be greater than 0"),
        ("  tenant_id: 123456", "  {}", "line 3, servicetitan.tenant_id: is required, but missing."),
        ("  state: CO", "  stat: CO", "line 11, calendar.stat: is not a known key. Did you mean state?"),
        ("  state: CO", "  state: XX", "line 11, calendar.state: 'XX' is not a state of US. "),
        ("country: US", "country: USSR", "line 10, calendar.country: 'USSR' is not a country code. "),
        ("America/Denver", "Denver", "line 9, calendar.time_zone: 'Denver' is not a time zone; use an IANA name"),
        ("2026-10-01", "01.10.2026", "line 2, start_date: Input should be a valid date"),
        ("2026-10-01", "", "line 2, start_date: "),
        ("[2026-12-24]", "[2026-12-24, 2026-02-30]", "line 12, calendar.holidays[2]: Input should be a valid date"),
        ("account: 401.00", "acount: 401.00", "line 16, coding[1].give: 'acount' is not something a rule can give"),
        ("business_unit:", "bu:", "line 15, coding[1].when: 'bu' is not something a rule can match on"),
        ("[Plumbing, 0123]", "{a: b}", "line 15, coding[1].when.business_unit: Input should be a valid string"),
        ("https://acme", "acme", "line 6, vantagepoint.base_url: String should match pattern"),
        ("name: acme\n", "name: acme\nname: acme\n", "line 2, name: stands there twice."),
        ("  state: CO", "  country: CA", "line 11, calendar.country: stands there twice."),
        ("name: acme", "name: other", "line 1, name: it says 'other', but the file is named acme.yaml"),
        ("name: acme", "name: [acme", "line 2: is not YAML: "),
        ("name: acme", 'name: "acme', "that begins in line 1."),
        ("  country: US", "\tcountry: US", "line 10: is not YAML: "),
        ("state: CO", "state: *nobody", "line 11: is not YAML: found undefined alias"),
        ("state: CO", "state: !!python/name:os.system x", "line 11, calendar.state: the tag "),
        ("state: CO", "state: !include x", "line 11, calendar.state: the tag '!include' has no meaning here."),
        ("state: CO", "state: &me [*me]", "nested too deeply"),
        ("coding:\n", "? [a]\n: b\ncoding:\n", "line 13: a key must be a word."),
    ],
)
def test_every_complaint_names_the_line_and_the_key(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in _GOOD
    problems = _problems(tmp_path, _GOOD.replace(old, new))
    assert problems
    assert all(problem.startswith("acme.yaml, line ") for problem in problems)
    assert any(expected in problem for problem in problems), problems


def test_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = _GOOD.replace("123456", "abc").replace("America/Denver", "Denver").replace("2026-10-01", "soon")
    assert [problem.split(":")[0] for problem in _problems(tmp_path, text)] == [
        "acme.yaml, line 2, start_date",
        "acme.yaml, line 4, servicetitan.tenant_id",
        "acme.yaml, line 9, calendar.time_zone",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty."),
        (b"# nothing\n", "is empty."),
        (b"- a\n", "the file must be a mapping"),
        (b"name: a\n---\nname: b\n", "is not YAML: "),
        (b"name: a\nx: \xff\xfe\n", "line 2: is not UTF-8 text."),
        (b"name: \x00\n", "is not YAML: "),
        (b"#" * (1 << 20) + b"\n", "is larger than 1 MiB."),
        (b"a: " + b"[" * 5000 + b"]" * 5000, "is nested too deeply"),
    ],
)
def test_a_file_that_is_no_connection_at_all_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "acme.yaml").write_bytes(content)
    loaded = load_connections(_installation(tmp_path))
    assert loaded.connections == {}
    assert expected in str(loaded.errors[0])


def test_aliases_that_multiply_are_stopped(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "repeats itself too often" in _problems(tmp_path, "\n".join(lines))[0]


def test_a_broken_file_disables_no_other_connection(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(_GOOD)
    (tmp_path / "broken.yaml").write_text("name: broken\nstart_date: 2026-10-01\n")
    loaded = load_connections(_installation(tmp_path))
    assert list(loaded.connections) == ["acme"]
    assert {error.name for error in loaded.errors} == {"broken"}


def test_only_the_wanted_connections_are_read(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(_GOOD)
    (tmp_path / "broken.yaml").write_text("nonsense")
    loaded = load_connections(_installation(tmp_path, "acme", "absent"))
    assert list(loaded.connections) == ["acme"]
    assert loaded.errors == [
        ConnectionFileError(tmp_path / "absent.yaml", 0, "", "there is no such file (ST_DELTEK_CONNECTIONS names it).")
    ]


def test_a_local_file_is_the_same_connection_and_not_a_second_one(tmp_path: Path) -> None:
    (tmp_path / "acme.local.yaml").write_text(_GOOD)
    assert list(load_connections(_installation(tmp_path)).connections) == ["acme"]
    assert _problems(tmp_path, _GOOD) == ["acme.yaml: acme.local.yaml is the same connection."]
    assert load_connections(_installation(tmp_path)).connections == {}


def test_the_other_ending_is_told_to_be_renamed(tmp_path: Path) -> None:
    assert _problems(tmp_path, _GOOD, "acme.yml") == ["acme.yml: connection files end in .yaml: rename it."]


def test_no_folder_is_no_connections(tmp_path: Path) -> None:
    assert load_connections(_installation(tmp_path / "absent")).connections == {}


def test_looking_for_an_unknown_connection_lists_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(_GOOD)
    assert find_connection(_installation(tmp_path), "acme").name == "acme"
    with pytest.raises(ConfigurationError, match=r"no connection acm: .*acm\.yaml does not exist \(there are: acme\)"):
        find_connection(_installation(tmp_path), "acm")


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_whatever_stands_in_a_file_it_is_a_problem_and_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("connections")
    (folder / "acme.yaml").write_text(text)
    assert load_connections(_installation(folder)).errors
