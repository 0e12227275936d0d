"""``st-deltek sandbox serve``: options that cannot be served are a message, never a traceback."""

from pathlib import Path

import pytest

from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.sandbox.fault_plans import NAMED_FAULTS


@pytest.mark.parametrize("month", ["0001-01", "1999-12", "2100-01", "2026-13", "october"])
def test_a_month_nobody_can_be_billed_in_is_named(month: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "serve", "--month", month]) == 2
    assert "Invalid value for '--month'" in capsys.readouterr().err


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SystemExit, match="2"):
        run(["sandbox", "serve", "--invoices", "1", "--state-dir", str(tmp_path / "file" / "state")])
    assert "Name a --state-dir that can be written." in capsys.readouterr().err


def test_a_file_that_is_no_state_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sandbox.sqlite3").write_text("not a database" * 100)
    with pytest.raises(SystemExit, match="2"):
        run(["sandbox", "serve", "--invoices", "1", "--state-dir", str(tmp_path)])
    assert "file is not a database" in capsys.readouterr().err


def test_a_fault_that_is_none_is_named_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(["sandbox", "serve", "--invoices", "1", "--faults", "reset,nonsense"])
    said = capsys.readouterr().err
    assert "There is no fault 'nonsense'." in said
    assert all(each.name in said for each in NAMED_FAULTS)


def test_the_help_says_what_can_go_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "serve", "--help"]) == 0
    said = capsys.readouterr().out
    assert all(each.summary in said for each in NAMED_FAULTS)
