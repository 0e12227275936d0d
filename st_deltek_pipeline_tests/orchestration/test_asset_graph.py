"""The asset graph as a golden file: what the data team sees changes only on purpose.

After an intended change: ``UPDATE_GOLDEN=1 pytest st_deltek_pipeline_tests/orchestration/test_asset_graph.py``.
"""

import json
import os
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.orchestration.build import build_definitions
from st_deltek_pipeline.orchestration.groups import Group
from st_deltek_pipeline.sandbox.contractor.generate import generate
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline_tests.orchestration.installations import write_connection_file

GOLDEN = Path(__file__).parent / "asset_graph.json"


@pytest.fixture(scope="module")
def ready() -> dict[str, Any]:
    """A sandbox's ready line as far as connection files need it; nothing listens there."""
    return {
        "servicetitan": {"api_url": "http://127.0.0.1:9", "auth_url": "http://127.0.0.1:9", "tenant_id": 1},
        "vantagepoint": {"base_url": "http://127.0.0.1:9/api", "database": "D", "company": "01"},
        "connection": generate(7, "2026-10", invoices=20).connection,
    }


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory, ready: dict[str, Any]) -> dg.Definitions:
    folder = tmp_path_factory.mktemp("graph")
    write_connection_file(folder / "connections", ready)
    return build_definitions(Settings(folder / "data", None, folder / "connections", None))


def _windows(policy: Any) -> list[str]:
    """The ages at which an asset is called late, and overdue."""
    if policy is None:
        return []
    windows = (policy.warn_window, policy.fail_window)
    return [str(window.to_timedelta()) for window in windows if window is not None]


def described(definitions: dg.Definitions) -> dict[str, Any]:
    graph = definitions.resolve_asset_graph()
    assets: dict[str, Any] = {}
    for spec in definitions.resolve_all_asset_specs():
        node = graph.get(spec.key)
        schema = spec.metadata.get("dagster/column_schema")
        assets[spec.key.to_user_string()] = {
            "after": sorted(key.to_user_string() for key in node.parent_keys),
            "description": spec.description,
            "group": spec.group_name,
            "kinds": sorted(spec.kinds),
            "owners": list(spec.owners),
            "tags": {name: value for name, value in spec.tags.items() if not name.startswith("dagster/")},
            "external": node.is_external,
            "partitioned": node.is_partitioned,
            "pools": sorted(node.pools or ()),
            # The coded part changes with the generated rules.
            "code_version": (spec.code_version or "").split("-")[0],
            "fresh": _windows(spec.freshness_policy),
            "table": spec.metadata.get("dagster/table_name"),
            "columns": [column.name for column in schema.columns] if schema else [],
            "checks": sorted(key.name for key in node.check_keys),
        }
    jobs = {
        job.name: sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
        for job in (
            definitions.resolve_job_def(name)
            for name in ("acme_take_in", "acme_post_days", "acme_tie_out", "acme_close_day")
        )
    }
    return {"assets": dict(sorted(assets.items())), "jobs": jobs}


def test_the_asset_graph_is_the_golden_one(definitions: dg.Definitions) -> None:
    found = json.dumps(described(definitions), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(found)
    assert found == GOLDEN.read_text(), "run with UPDATE_GOLDEN=1 and look at the difference"


def test_groups_follow_each_other_without_a_circle(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    behind: dict[str, set[str]] = {}
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        parents = {graph.get(parent).group_name for parent in node.parent_keys}
        behind.setdefault(node.group_name, set()).update(parents - {node.group_name})
    order = list(TopologicalSorter(behind).static_order())
    assert order[0] == "acme_servicetitan"
    assert order[-2:] == ["acme_posted", "acme_reconciled"]
    assert len(order) == len(Group)


def test_every_executable_asset_has_a_table_or_a_report_an_owner_and_a_description(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    specs = [spec for spec in definitions.resolve_all_asset_specs() if spec.key in graph.executable_asset_keys]
    assert [spec.key for spec in specs if not (spec.owners and spec.description)] == []
    without = {spec.key.path[-1] for spec in specs if "dagster/table_name" not in spec.metadata}
    assert without == {"daily_tie_out"}


def test_every_check_says_what_to_do(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    described = {key.name: graph.get_check_spec(key).description or "" for key in graph.asset_check_keys}
    assert len(described) >= 7
    assert [name for name, words in described.items() if len(words) < 80] == []


@pytest.mark.parametrize("kind", POSTING_ORDER)
def test_posting_is_a_graph_of_the_named_steps_in_vantagepoints_pool(definitions: dg.Definitions, kind: Kind) -> None:
    job = definitions.resolve_job_def("acme_post_days")
    graph = next(node for node in job.graph.nodes if node.name == f"acme__posted_{kind.value}s")
    assert {node.name for node in graph.definition.nodes} == {"plan", "check", "enter", "post", "confirm"}
    assert {node.definition.pool for node in graph.definition.nodes} == {"vantagepoint_acme"}


def test_what_is_applied_to_invoices_is_aligned_after_they_are_posted(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()

    def before(asset: str) -> set[str]:
        return {key.path[-1] for key in graph.get(dg.AssetKey(["acme", asset])).parent_keys}

    assert {"posted_invoices", "posted_credit_memos"} <= before("aligned_payments")
    assert "posted_invoices" in before("aligned_credit_memos")
    assert not any(name.startswith("posted_") for name in before("aligned_bills"))


def test_a_connection_that_moves_invoices_only_has_no_other_assets(tmp_path: Path, ready: dict[str, Any]) -> None:
    write_connection_file(tmp_path / "connections", ready, posting={"documents": ["invoice"]})
    found = build_definitions(Settings(tmp_path / "data", None, tmp_path / "connections", None))
    names = {spec.key.path[-1] for spec in found.resolve_all_asset_specs()}
    assert {
        "staged_invoices",
        "aligned_invoices",
        "posted_invoices",
        "daily_tie_out",
        "daily_close",
        "vantagepoint_ar_ledger",
    } <= names
    others = ("payments", "credits", "memo", "bill", "deposits", "orders")
    assert not [name for name in names if any(other in name for other in others)]
    assert not names & {"vantagepoint_cash_ledger", "vantagepoint_ap_ledger"}


def test_replaying_many_days_is_one_run_per_day(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    partitioned = [graph.get(key) for key in graph.materializable_asset_keys if graph.get(key).is_partitioned]
    assert {node.backfill_policy for node in partitioned} == {dg.BackfillPolicy.multi_run(max_partitions_per_run=1)}
