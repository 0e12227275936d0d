"""``st-deltek audit`` and ``st-deltek verify`` as a person, an auditor and a script use them."""

import csv
import hashlib
import importlib.util
import json
import re
from collections.abc import Callable, Generator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from st_deltek_pipeline.cli.audit_writers import write_csv_file, write_parquet_file
from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.domain.chain_check import ChainPosition, RecordedLink, follow
from st_deltek_pipeline.domain.errors import BrokenError
from st_deltek_pipeline.services.clients import CREDENTIAL_NAMES
from st_deltek_pipeline.settings import load_settings
from st_deltek_pipeline.store.audit_export import ColumnType, ExportColumn
from st_deltek_pipeline.store.vault import open_vault
from st_deltek_pipeline_tests.browser.desk import browsing, find_browser
from st_deltek_pipeline_tests.orchestration.installations import write_connection_file
from st_deltek_pipeline_tests.services.audited_books import NAME, audited_books
from st_deltek_pipeline_tests.services.posting.harness import Bench
from st_deltek_pipeline_tests.taken_in_fixtures import TakenIn
from st_deltek_pipeline_tests.tampering import tampering

Answer = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def acme(taken_in: TakenIn, tmp_path_factory: pytest.TempPathFactory) -> Generator[Bench]:
    """An installation whose connection has posted, corrected, reversed and ignored."""
    folder = tmp_path_factory.mktemp("audit")
    with taken_in(invoices=20) as engine, audited_books(engine) as books, pytest.MonkeyPatch.context() as patch:
        write_connection_file(folder / "connections", books.sandbox.ready_line)
        patch.setenv("ST_DELTEK_DATA_DIR", str(folder / "data"))
        patch.setenv("ST_DELTEK_CONNECTIONS_DIR", str(folder / "connections"))
        patch.setenv("ST_DELTEK_DATABASE_URL", engine.url.render_as_string(hide_password=False))
        yield books


@pytest.fixture
def answer(capfd: pytest.CaptureFixture[str]) -> Answer:
    """Run a command with ``--json``; return its exit code and what it answered, amounts as text."""

    def ask(*words: str) -> tuple[int, Any]:
        capfd.readouterr()
        code = run([*words, "--json"])
        out = capfd.readouterr().out
        return code, json.loads(out, parse_float=pytest.fail) if out else None

    return ask


def corrected(acme: Bench) -> str:
    """Return the invoice that was posted, changed, and posted again with the difference."""
    (row,) = acme.rows("SELECT document_id FROM journal.postings WHERE correction AND reverses IS NULL GROUP BY 1")
    return f"invoice:{row.document_id}"


class TestVerify:
    def test_everything_holds(self, acme: Bench, answer: Answer, capfd: pytest.CaptureFixture[str]) -> None:
        code, found = answer("verify", "acme")
        assert (code, found["holds"]) == (0, True)
        (connection,) = found["connections"]
        assert connection["events"] == acme.context.journal.last_sequence()
        assert {check["violations"] for check in connection["checks"]} == {0}
        assert "ledger" not in {check["invariant"] for check in connection["checks"]}
        assert run(["verify"]) == 0
        assert "Everything holds for acme." in capfd.readouterr().out

    def test_what_does_not_hold_is_named_with_what_to_do_and_ends_with_code_1(
        self, acme: Bench, answer: Answer, capfd: pytest.CaptureFixture[str]
    ) -> None:
        change = "UPDATE journal.postings SET amount = amount {} 0.01 WHERE posting_no = 1 AND document_id = :id"
        document = int(corrected(acme).partition(":")[2])
        with tampering(acme.engine) as db:
            db.execute(text(change.format("+")), {"id": document})
        try:
            code, found = answer("verify", "acme")
            assert run(["verify", "acme"]) == 1
        finally:
            with tampering(acme.engine) as db:
                db.execute(text(change.format("-")), {"id": document})
        assert (code, found["holds"]) == (1, False)
        violations = found["connections"][0]["violations"]
        assert {each["invariant"] for each in violations} == {"files_balance", "document_totals"}
        assert f"invoice:{document}" in {each["subject"] for each in violations}
        assert all(each["advice"] for each in violations)
        assert "its postings sum to" in capfd.readouterr().out

    def test_vantagepoints_ledger_is_read_back_on_request(self, acme: Bench, answer: Answer) -> None:
        assert answer("verify", "acme", "--ledger")[0] == 3, "without credentials nothing is read"
        settings = load_settings()
        login = {name: str(acme.sandbox.ready_line["vantagepoint"][name]) for name in CREDENTIAL_NAMES["vantagepoint"]}
        open_vault(acme.engine, settings).put("acme", "vantagepoint", login)
        code, found = answer("verify", "acme", "--ledger")
        checks = {check["invariant"]: check for check in found["connections"][0]["checks"]}
        assert (code, checks["ledger"]["violations"]) == (0, 0)
        assert checks["ledger"]["looked_at"] > 5
        assert found["connections"][0]["not_checked"] == ""

    def test_a_ledger_that_cannot_be_read_for_want_of_a_file_is_no_success(
        self,
        acme: Bench,
        answer: Answer,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        assert acme.rows("SELECT FROM journal.events LIMIT 1")
        monkeypatch.setenv("ST_DELTEK_CONNECTIONS_DIR", str(tmp_path))
        assert answer("verify")[0] == 0
        code, found = answer("verify", "--ledger")
        assert (code, found["holds"]) == (2, True)
        assert "was not read for acme" in found["connections"][0]["not_checked"]
        assert run(["verify", "--ledger"]) == 2
        assert "Everything that was checked holds for acme." in capfd.readouterr().out

    @pytest.mark.usefixtures("acme")
    def test_a_connection_that_does_not_exist_is_said_so(self, answer: Answer) -> None:
        assert answer("verify", "nobody")[0] == 2


class TestShow:
    def test_a_documents_whole_life_is_told_in_order(self, acme: Bench, answer: Answer) -> None:
        document = corrected(acme)
        code, life = answer("audit", "show", document)
        assert (code, life["connection"], life["document"]) == (0, "acme", document)
        newest, before = life["versions"][-1], life["versions"][-2]
        assert newest["latest"]
        assert not before["latest"]
        changed = {
            each["path"]: (each["before"], each["after"]) for version in life["versions"] for each in version["changes"]
        }
        assert json.loads(changed["customer.name"][1]) == NAME
        assert any(path.startswith("items[id=") and path.endswith(".total") for path in changed)
        first, *_ = life["postings"]
        assert [(each["state"], each["amount"]) for each in life["postings"]] == [
            ("posted", "60.00"),
            ("posted", "40.00"),
            ("posted", "10.00"),
        ]
        assert sum(Decimal(each["amount"]) for each in life["ledger"]) == Decimal("110.00")
        exchange = life["exchanges"][0]
        assert exchange["sent"]
        sent = {
            line["line_key"] for part in life["postings"] if part["batch"] == first["batch"] for line in part["lines"]
        }
        assert {line["PKey"] for line in exchange["request"]["inDetail"]} == sent
        assert {master["TransComment"] for master in exchange["request"]["inMaster"]} == {
            f"ServiceTitan {document} revision {first['revision']}"
        }
        answers = " ".join(words for _, words in exchange["answers"])
        assert "accepted" in answers
        assert "told to post: answered" in answers
        assert "the ledger shows it" in answers
        planned = next(each for each in life["events"] if each["event_type"] == "document_planned")
        assert planned["body"]["decided_by"][0]["rules"]
        assert {"account", "wbs1"} <= set(life["coded_lines"][0]["decided_by"])
        assert [each["sequence"] for each in life["events"]] == sorted(each["sequence"] for each in life["events"])
        assert [each["run_id"] for each in life["runs"]] == ["test"]

    def test_what_people_decided_is_told_with_their_words(self, acme: Bench, answer: Answer) -> None:
        (reversed_,) = acme.rows("SELECT document_id FROM journal.reversed_documents")
        _, life = answer("audit", "show", f"invoice:{reversed_.document_id}", "--connection", "acme")
        (said,) = life["people"]
        assert (said["by"], said["what"], said["why"]) == ("jane", "document reversed", "entered by hand")
        assert [each["reverses"] for each in life["postings"]] == [None, 1]

    def test_people_read_it_as_tables(self, acme: Bench, capfd: pytest.CaptureFixture[str]) -> None:
        assert run(["audit", "show", corrected(acme)]) == 0
        output = capfd.readouterr().out
        for title in (
            "Everything that happened",
            "What version 2 changed",
            "which rules decided",
            "Requests and answers",
        ):
            assert title in output

    def test_the_page_is_self_contained_and_escaped_and_leads_to_runs(self, acme: Bench, tmp_path: Path) -> None:
        page = tmp_path / "life.html"
        assert run(["audit", "show", corrected(acme), "--html", str(page)]) == 0
        html = page.read_text(encoding="utf-8")
        assert "<script" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert "default-src &#39;none&#39;" in html
        assert re.findall(r"""(?:src|href)=["'](?!#|data:)([^"']*)""", html) == []
        assert "document planned" in html
        assert "What was sent of it in file" in html

    def test_the_page_fits_a_telephone_and_runs_nothing(self, acme: Bench, tmp_path: Path) -> None:
        if find_browser() is None:
            pytest.skip("there is no Chromium here")
        page = tmp_path / "life.html"
        assert run(["audit", "show", corrected(acme), "--html", str(page)]) == 0
        with browsing(tmp_path / "profile") as browser:
            asked: list[str] = []
            browser.page.on("request", lambda request: asked.append(request.url))
            browser.page.set_viewport_size({"width": 390, "height": 800})
            browser.open(page.as_uri(), "Everything that happened, in order")
            assert NAME in browser.text()
            assert browser.page.evaluate("document.scripts.length") == 0
            assert browser.page.evaluate("document.documentElement.scrollWidth") <= 390
            assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
            assert browser.complaints == []

    def test_what_was_only_taken_in_has_a_life_too(
        self, acme: Bench, answer: Answer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        invoice = acme.sandbox.add_invoice(date="2026-10-30", total="1.00")
        acme.take_in_invoices()
        document = f"invoice:{invoice['id']}"
        code, life = answer("audit", "show", document)
        assert (code, life["outcome"], life["events"], len(life["versions"])) == (0, None, [], 1)
        assert run(["audit", "show", document]) == 0
        assert "not decided about yet" in capfd.readouterr().out
        assert run(["audit", "show", document, "--html", str(tmp_path / "life.html")]) == 0

    @pytest.mark.usefixtures("acme")
    def test_a_document_that_nobody_knows_is_said_so(self, answer: Answer) -> None:
        assert answer("audit", "show", "invoice:1")[0] == 2
        assert answer("audit", "show", "bill:1", "--connection", "acme")[0] == 2

    def test_a_page_that_cannot_be_written_is_said_so(self, acme: Bench, tmp_path: Path) -> None:
        assert run(["audit", "show", corrected(acme), "--html", str(tmp_path / "no" / "life.html")]) == 2


PERIOD = ("--from", "2026-10-01", "--to", "2026-10-31")


class TestExport:
    def test_every_file_is_what_the_manifest_says(self, acme: Bench, answer: Answer, tmp_path: Path) -> None:
        code, manifest = answer("audit", "export", "acme", *PERIOD, "--to-dir", str(tmp_path / "out"))
        assert code == 0
        assert manifest == json.loads((tmp_path / "out" / "manifest.json").read_text())
        sums = dict(reversed(line.split("  ")) for line in (tmp_path / "out" / "SHA256SUMS").read_text().splitlines())
        for file in manifest["files"]:
            content = (tmp_path / "out" / file["name"]).read_bytes()
            assert sums[file["name"]] == file["sha256"] == hashlib.sha256(content).hexdigest()
            rows = self._read(tmp_path / "out" / file["name"])
            assert len(rows) == file["rows"]
            for column, total in file["totals"].items():
                assert sum((Decimal(row[column] or 0) for row in rows), start=Decimal(0)) == Decimal(total)
        counted = {file["name"]: file["rows"] for file in manifest["files"]}
        (stored,) = acme.rows(
            """
            SELECT (SELECT count(*) FROM journal.outcomes WHERE business_day IS NOT NULL) AS documents,
                   (SELECT count(*) FROM journal.postings) AS postings,
                   (SELECT count(*) FROM journal.posting_lines) AS lines,
                   (SELECT count(*) FROM journal.transaction_files) AS files,
                   (SELECT count(*) FROM journal.events WHERE event_type = 'document_held') AS holds,
                   (SELECT count(*) FROM journal.ledger_rows) AS ledger
            """
        )
        names = ("documents", "postings", "posting_lines", "files", "holds", "ledger")
        assert tuple(counted[f"{name}.csv"] for name in names) == tuple(stored)
        decisions = self._read(tmp_path / "out" / "decisions.csv")
        assert {(row["decided_by"], row["event_type"]) for row in decisions} == {
            ("jane", "document_reversed"),
            ("'=jane", "document_ignored"),
        }

    @pytest.mark.usefixtures("acme")
    def test_the_chain_is_proved_by_the_exported_events_alone(self, answer: Answer, tmp_path: Path) -> None:
        _, manifest = answer(
            "audit", "export", "acme", *PERIOD, "--format", "parquet", "--to-dir", str(tmp_path / "out")
        )
        chain = manifest["chain"]
        events = pq.read_table(tmp_path / "out" / "events.parquet").to_pylist()
        links = [
            RecordedLink(
                "acme",
                row["sequence"],
                row["occurred_at"],
                row["run_id"],
                row["event_type"],
                f"{row['kind']}:{row['document_id']}" if row["kind"] else "",
                row["revision"] or 0,
                row["batch"] or "",
                row["body"],
                row["previous_hash"],
                row["hash"],
            )
            for row in events
        ]
        end = follow(links, ChainPosition(chain["first"] - 1, chain["before"]))
        assert end == ChainPosition(chain["last"], chain["end"])

    @pytest.mark.usefixtures("acme")
    def test_amounts_are_exact_in_parquet_and_no_float_is_among_them(self, answer: Answer, tmp_path: Path) -> None:
        for form in ("csv", "parquet"):
            assert (
                answer("audit", "export", "acme", *PERIOD, "--format", form, "--to-dir", str(tmp_path / form))[0] == 0
            )
        for path in sorted((tmp_path / "parquet").glob("*.parquet")):
            table = pq.read_table(path)
            assert not any(pa.types.is_floating(field.type) for field in table.schema)
            rows = self._read(tmp_path / "csv" / f"{path.stem}.csv")
            assert table.column_names == (list(rows[0]) if rows else table.column_names)
            for name in (field.name for field in table.schema if pa.types.is_decimal(field.type)):
                exact = [None if value is None else cast("Decimal", value) for value in table.column(name).to_pylist()]
                assert exact == [Decimal(row[name]) if row[name] else None for row in rows]

    @pytest.mark.usefixtures("acme")
    def test_only_the_period_is_exported(self, answer: Answer, tmp_path: Path) -> None:
        days = ("--from", "2026-10-09", "--to", "2026-10-09")
        _, manifest = answer("audit", "export", "acme", *days, "--to-dir", str(tmp_path / "day"))
        assert {file["name"]: file["rows"] for file in manifest["files"]}["documents.csv"] == 3
        nothing = ("--from", "2025-01-01", "--to", "2025-01-31")
        _, manifest = answer("audit", "export", "acme", *nothing, "--to-dir", str(tmp_path / "nothing"))
        assert {file["rows"] for file in manifest["files"] if file["name"] != "firm_decisions.csv"} == {0}
        assert (manifest["chain"]["first"], manifest["chain"]["last"]) == (0, 0)

    @pytest.mark.usefixtures("acme")
    def test_an_export_overwrites_nothing(self, answer: Answer, tmp_path: Path) -> None:
        (tmp_path / "kept").write_text("mine")
        assert answer("audit", "export", "acme", *PERIOD, "--to-dir", str(tmp_path))[0] == 2
        assert [path.name for path in tmp_path.iterdir()] == ["kept"]
        days = ("--from", "2026-10-31", "--to", "2026-10-01")
        assert answer("audit", "export", "acme", *days, "--to-dir", str(tmp_path / "new"))[0] == 2

    @pytest.mark.usefixtures("acme")
    def test_without_pyarrow_parquet_is_refused_clearly(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        found = importlib.util.find_spec
        monkeypatch.setattr(
            "st_deltek_pipeline.cli.audit_writers.find_spec", lambda name: None if name == "pyarrow" else found(name)
        )
        assert run(["audit", "export", "acme", *PERIOD, "--format", "parquet", "--to-dir", str(tmp_path / "out")]) == 2
        assert "pip install 'st_deltek_pipeline[parquet]'" in capfd.readouterr().err
        assert not (tmp_path / "out").exists()

    @staticmethod
    def _read(path: Path) -> list[dict[str, str]]:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))


class TestWriters:
    COLUMNS = (
        ExportColumn("name", ColumnType.TEXT),
        ExportColumn("amount", ColumnType.EXACT),
        ExportColumn("cents", ColumnType.AMOUNT),
    )

    def test_no_cell_is_a_formula_to_a_spreadsheet_and_negative_amounts_stay_numbers(self, tmp_path: Path) -> None:
        names = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=1", "plain"]
        rows = [(name, Decimal("-0.005"), Decimal("-1E+2")) for name in names]
        write_csv_file(tmp_path / "it.csv", self.COLUMNS, rows)
        with (tmp_path / "it.csv").open(encoding="utf-8-sig", newline="") as file:
            _, *written = csv.reader(file)
        assert [cells[0] for cells in written] == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "''=1", "plain"]
        assert {tuple(cells[1:]) for cells in written} == {("-0.005", "-100")}

    def test_an_amount_that_does_not_fit_is_refused_and_never_rounded(self, tmp_path: Path) -> None:
        write_parquet_file(tmp_path / "ok.parquet", self.COLUMNS, [("a", Decimal("0.0000000001"), Decimal("1.2345"))])
        assert pq.read_table(tmp_path / "ok.parquet").column("amount").to_pylist() == [Decimal("0.0000000001")]
        with pytest.raises(BrokenError, match=r"column cents does not fit"):
            write_parquet_file(tmp_path / "no.parquet", self.COLUMNS, [("a", Decimal(1), Decimal("0.00001"))])
