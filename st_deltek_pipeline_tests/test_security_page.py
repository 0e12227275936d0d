"""docs/security.md says what is so: figures, tests, scopes and roles are those of the code."""

import re
from pathlib import Path

import yaml

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.services.alert_channels import _SECONDS
from st_deltek_pipeline.services.connection_check import _IMPATIENT
from st_deltek_pipeline.services.feeds import feeds_of
from st_deltek_pipeline.servicetitan.client import HOST_SUFFIXES as TITAN
from st_deltek_pipeline.servicetitan.scopes import read_scope
from st_deltek_pipeline.store.database import _CONNECT_SECONDS, _SESSION_OPTIONS
from st_deltek_pipeline.store.roles import Role
from st_deltek_pipeline.transport.options import TransportOptions
from st_deltek_pipeline.vantagepoint.client import HOST_SUFFIXES as DELTEK
from st_deltek_pipeline.webhooks.limits import Limits
from st_deltek_pipeline_tests.services.rule_settings import rule, settings

PROJECT = Path(__file__).parents[1]
PAGE = (PROJECT / "docs/security.md").read_text()


def _scopes(line: str) -> set[str]:
    return set(re.findall(r"`(tn\.[a-z.]+:r)`", line))


def row(begin: str) -> str:
    (found,) = [line for line in PAGE.splitlines() if line.startswith(f"| {begin}")]
    return found


def test_every_time_out_and_bound_is_the_one_in_force() -> None:
    options, limits = TransportOptions(), Limits()
    retry = options.retry
    assert f"| {options.connect_seconds:g} s |" in row("connecting to")
    assert f"| {options.read_seconds:g} s " in row("each wait")
    assert f"| {options.answer_seconds:g} s |" in row("a whole answer")
    assert f"| {options.largest_answer >> 20} MiB |" in row("size of an answer")
    tries = f"| {retry.attempts}, after 429 {retry.attempts_when_limited}; {retry.longest_wait_in_all:g} s of waiting"
    assert tries in row("attempts of")
    assert f"| {_SECONDS:g} s, once" in row("an alert")
    patience = f"{_IMPATIENT.connect_seconds:g} s to connect, {_IMPATIENT.read_seconds:g} s for an answer"
    assert f"{patience}, {_IMPATIENT.retry.attempts} attempts" in row("`connection check` |")
    statement, lock, idle = re.findall(r"=(\d+)s", _SESSION_OPTIONS)
    words = f"| {statement} s; {lock} s for a lock; {idle} s idle in a transaction; {_CONNECT_SECONDS} s to connect |"
    assert words in row("a statement of")
    delivery = row("a delivery to")
    assert (
        f"{limits.body_bytes >> 20} MiB, head {limits.header_bytes >> 10} KiB, {limits.request_seconds:g} s" in delivery
    )
    assert f"{limits.answer_seconds:g} s to be stored; {limits.connections} connections" in delivery
    assert f"{limits.all_bodies_bytes >> 20} MiB of bodies" in delivery
    dagster = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    assert f"| {dagster['run_monitoring']['max_runtime_seconds']} s " in row("a run |")


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:[a-z_]+/)?test_[a-z_]+\.py)`", PAGE)
    there = {path.name for path in (PROJECT / "st_deltek_pipeline_tests").rglob("test_*.py")}
    assert len(named) > 30
    assert [name for name in named if name.rpartition("/")[2] not in there] == []
    whole = [name for name in named if "/" in name]
    tests = [str(path) for path in (PROJECT / "st_deltek_pipeline_tests").rglob("test_*.py")]
    assert [name for name in whole if not any(path.endswith(f"/{name}") for path in tests)] == []


def test_every_scope_and_host_and_role_of_the_page_is_one_of_the_codes() -> None:
    always = _scopes(row("always"))
    told = {kind: always | _scopes(row(f"`{kind}` |")) for kind in POSTING_ORDER}
    plain = settings(rule(wbs1="P"))
    for kind in POSTING_ORDER:
        kinds = [kind, *([Kind.INVOICE] if kind in {Kind.PAYMENT, Kind.CREDIT_MEMO} else [])]
        posting = {**plain.posting.model_dump(), "documents": kinds}
        needed = feeds_of(ConnectionSettings.model_validate({**plain.model_dump(), "posting": posting}))
        described = set().union(*(told[each] for each in kinds)) - {"tn.acc.apbills:r"}
        assert {read_scope(feed.resource) for feed in needed} == described, kind
    for suffix in (*TITAN, *DELTEK):
        assert f"`*.{suffix}`" in PAGE
    assert set(re.findall(r"^\| `(st_deltek_[a-z]+)` \|", PAGE, re.MULTILINE)) == {
        each.of("st_deltek") for each in Role
    }
