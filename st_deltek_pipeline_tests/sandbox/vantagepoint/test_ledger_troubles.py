"""Troubles of the posted ledger: they hit what was meant, survive a restart, and are refused when nothing is meant."""

from pathlib import Path
from typing import Any

import pytest

from st_deltek_pipeline.sandbox.vantagepoint.errors import RuleError
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox

_BY_HAND = {
    "type": "IN",
    "batch": "HAND",
    "number": "7654321",
    "account": "401.00",
    "amount": "70.00",
    "wbs1": "CHS2026",
    "date": "2026-10-09",
    "period": 202610,
}


def test_what_is_posted_by_hand_stands_on_both_sides_and_can_be_deleted_doubled_and_altered(tmp_path: Path) -> None:
    with running_sandbox(invoices=5, state_dir=tmp_path) as sandbox:

        def trouble(kind: str, **wanted: Any) -> Any:
            return sandbox.admin("POST", f"vantagepoint/ledger/{kind}", wanted)

        posted = trouble("by-hand", **_BY_HAND)
        assert sorted((row["Account"], row["Amount"]) for row in posted) == [("121.00", "70.00"), ("401.00", "-70.00")]
        assert len(trouble("double", where={"Batch": "HAND"})) == 2
        assert len(sandbox.ledger()) == 4
        trouble("alter", where={"Batch": "HAND"}, change={"Account": "404.00"})
        trouble("by-hand", **{**_BY_HAND, "batch": "OTHER"})
        assert len(trouble("delete", where={"Batch": "OTHER", "AutoEntry": "N"})) == 1
    with running_sandbox(invoices=5, state_dir=tmp_path) as sandbox:
        rows = sorted((row["Batch"], row["Account"]) for row in sandbox.ledger())
    assert rows == [("HAND", "121.00"), ("HAND", "121.00"), ("HAND", "404.00"), ("HAND", "404.00"), ("OTHER", "121.00")]


def test_every_type_can_be_posted_by_hand_and_nonsense_is_refused() -> None:
    with running_sandbox(invoices=5) as sandbox:
        twin = sandbox.running.sandbox.vantagepoint
        receipt = {**_BY_HAND, "type": "CR", "account": "121.00", "bank": "OPER", "number": "HAND1"}
        entry = {**_BY_HAND, "type": "JE", "against": "404.00", "number": "ADJ1"}
        for wanted in (receipt, entry):
            rows = twin.trouble("post_by_hand", wanted)
            assert sum(row["Amount"] for row in rows) == 0
        with pytest.raises(RuleError, match="(?i)vendor"):
            twin.trouble("post_by_hand", {**_BY_HAND, "type": "AP", "vendor": "NOBODY", "liability": "TRADE"})
        for kind, wanted, words in (
            ("delete", {"where": {"Batch": "NONE"}}, "No posted row"),
            ("double", {}, "where must name"),
            ("alter", {"where": {"Colour": "red"}, "change": {"Amount": "1"}}, "no Colour"),
            ("alter", {"where": {"Batch": "HAND"}, "change": {"PKey": "X"}}, "change must name"),
            ("alter", {"where": {"Batch": "HAND"}, "change": {"Amount": "red"}}, "not an amount"),
            ("post_by_hand", {"type": "IN"}, "batch"),
        ):
            with pytest.raises(ValueError, match=words):
                twin.trouble(kind, wanted)  # type: ignore[arg-type]
