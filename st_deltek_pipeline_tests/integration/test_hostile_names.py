"""Names and words of others go through the whole product as they are, and do nothing anywhere but stand there."""

import csv
import io
import json
import logging
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from st_deltek_pipeline.cli.log_lines import LineFormatter
from st_deltek_pipeline.cli.output import print_csv, print_json, print_table, say
from st_deltek_pipeline.domain.shown_text import in_a_line, in_json, in_lines
from st_deltek_pipeline.orchestration.location import console
from st_deltek_pipeline.orchestration.presenting import markdown_table
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, bench

HOSTILE = (
    "Robert'); DROP TABLE journal.events; --",
    "' OR 1=1; DELETE FROM raw.records; --",
    "\\'; COPY vault.secrets TO PROGRAM 'id'; --",
    "$$; SELECT pg_sleep(9); $$",
    "%(name)s %s :name {0} {name} ${jndi:ldap://example.invalid}",
    "\\.\n1\t2\t3\n\\N",
    "=cmd|'/c calc'!A1",
    "\x1b[2J\x1b]0;owned\x07\x9b31mRed",
    "line one\r\n2026-10-06 00:00:00Z INFO all is well",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) ![x](https://example.invalid/p.png) | a | `b`",
    "\u202egnp.exe\u2066",
    "null", "a\tb", "\U0001f6e0\ufe0f \u05d0\u05d1 e\u0301", "x" * 3000,
)  # fmt: skip
_NAMES = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=60),
    st.text("'\"\\;-%:${}()|\n\t\r\x1b", min_size=1, max_size=20),
)
_OTHERS = "SELECT md5(string_agg(r::text, '|' ORDER BY seq)) FROM raw.records r WHERE seq <= :newest"
_TABLES = "SELECT array_agg(schemaname || '.' || tablename ORDER BY 1) FROM pg_tables WHERE schemaname <> 'pg_catalog'"


def test_no_name_is_a_statement_of_sql(quiet_engine: Engine, sandbox: Callable[..., SandboxUnderTest]) -> None:
    """T39: from ServiceTitan's answer to the journal and Vantagepoint's ledger, and nothing else is touched."""
    with bench(sandbox(invoices=20), quiet_engine) as acme:
        acme.changed(posting={"invoice_lines": "item"})
        [(newest,)] = acme.rows("SELECT max(seq) FROM raw.records")
        before = [acme.rows(_OTHERS, newest=newest), acme.rows(_TABLES)]
        posted: list[int] = []

        @hypothesis_settings(
            max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
        )
        @given(st.lists(_NAMES, min_size=6, max_size=6))
        @example(list(HOSTILE))
        def post(names: list[str]) -> None:
            added: dict[int, str] = {}
            for name in names:
                invoice = acme.sandbox.add_invoice(date=QUIET_DAY.isoformat(), syncStatus="Posted", total="1.00")
                (item,) = invoice["items"]
                items = [{**item, "skuName": "PART-A", "description": name, "price": "1.00", "total": "1.00"}]
                customer = {**invoice["customer"], "name": name}
                acme.sandbox.edit_invoice(invoice["id"], items=items, customer=customer, summary=name)
                added[invoice["id"]] = name
            acme.take_in_invoices()
            acme.run(QUIET_DAY)
            for document, name in added.items():
                assert acme.outcome(document)[0] == "posted", acme.message(document)
                [(customer_name, description)] = acme.rows(
                    "SELECT i.customer_name, l.description FROM staged.invoices i "
                    "JOIN staged.invoice_lines l USING (connection, document_id) WHERE document_id = :id",
                    id=document,
                )
                assert (customer_name, description) == (name, name)
                assert acme.standing(document) == Decimal("1.00")
            posted.extend(added)

        post()
        assert [acme.rows(_OTHERS, newest=newest), acme.rows(_TABLES)] == before
        bodies = acme.rows("SELECT body FROM journal.bodies")
        for (body,) in bodies:
            assert json.loads(body)["inDetail"]
        assert len(posted) >= len(HOSTILE)
        with quiet_engine.connect() as db:
            assert db.scalar(text("SELECT count(*) FROM journal.events")) > len(posted)


def controls(shown: str) -> list[str]:
    """What a terminal would obey, or what would turn letters around."""
    allowed = "\n\t"
    return [each for each in shown if each not in allowed and (not each.isprintable() and each not in "\u200e\u200f")]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_moves_the_cursor_or_turns_letters_around(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name",), [(name,)])
    say(f"Firm {name} is linked.")
    print_csv(("name", "amount"), [(name, "1.00")])
    shown = capsys.readouterr().out
    assert [each for each in controls(shown) if each not in "\r\ufe0f"] == []
    print_json({"name": name})
    document = capsys.readouterr().out
    assert json.loads(document) == {"name": name}
    assert [each for each in controls(document) if each != "\ufe0f"] == []


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1"])
def test_no_cell_of_any_csv_begins_like_a_formula(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_csv(("name",), [(name,)])
    _, (cell,) = csv.reader(io.StringIO(capsys.readouterr().out))
    assert cell.startswith("'")


def test_a_log_line_is_one_line_in_utc_whatever_is_in_it() -> None:
    logger, written = logging.getLogger("st_deltek_pipeline_tests.hostile"), io.StringIO()
    logger.propagate = False
    handler = logging.StreamHandler(written)
    handler.setFormatter(LineFormatter())
    logger.addHandler(handler)
    for name in HOSTILE:
        logger.warning("Turned away: %s", name)
    lines = written.getvalue().splitlines()
    assert len(lines) == len(HOSTILE)
    assert all(line[19:29] == "Z WARNING " for line in lines)
    assert [each for each in controls(written.getvalue()) if each != "\ufe0f"] == []
    try:
        int("\x1b[2J")
    except ValueError:
        logger.exception("failed")
    logger.removeHandler(handler)
    assert "\x1b" not in written.getvalue()


def test_the_console_of_a_run_shows_controls_instead_of_obeying_them() -> None:
    logger = console.logger_fn(SimpleNamespace(logger_config={"log_level": "INFO", "name": "hostile"}))
    record = logger.makeRecord("hostile", logging.INFO, "f", 1, "A firm: %s", (HOSTILE[7],), None)
    assert logger.filter(record)
    assert record.getMessage() == "A firm: \\x1b[2J\\x1b]0;owned\\x07\\x9b31mRed"


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_is_html_a_link_or_a_column_in_dagsters_ui(name: str) -> None:
    shown = str(markdown_table(("name", "amount"), [(name, 1)]).value)
    *_, row = shown.split("\n")
    assert len(shown.split("\n")) == 3
    assert "<" not in row
    unescaped = row.replace("\\\\", "").replace("\\|", "").replace("\\[", "").replace("\\`", "")
    assert unescaped.count("|") == 3
    assert "[" not in unescaped
    assert "`" not in unescaped


def test_words_of_ours_stay_readable_in_dagsters_ui() -> None:
    assert "| not_ready | 1,234.50 |" in str(
        markdown_table(("reason", "amount"), [("not_ready", Decimal("1234.50"))]).value
    )


@given(st.text())
def test_any_text_can_be_shown(words: str) -> None:
    assert "\n" not in in_a_line(words)
    in_lines(words).encode()
    assert json.loads(in_json(json.dumps(words, ensure_ascii=False))) == words
