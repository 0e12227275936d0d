"""A check that breaks lets nothing through (ASVS 16.5.3): nothing is entered, nothing is posted, nothing is lost."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench, bench

_POSTING = "st_deltek_pipeline.services.posting"
CHECKS = (
    "st_deltek_pipeline.services.alignment.align_invoice",
    f"{_POSTING}.planner.decide",
    f"{_POSTING}.planner.check_owners",
    f"{_POSTING}.planner.without_taken_keys",
    f"{_POSTING}.check.is_entered",
    f"{_POSTING}.check.period_closed",
    f"{_POSTING}.check.ledger_under_natural_keys",
    f"{_POSTING}.check.allowances_of",
    "st_deltek_pipeline.store.locks.PosterLock.check",
    "st_deltek_pipeline.transport.hosts.HostPolicy.check",
    "st_deltek_pipeline.transport.pinned._Pinned._judged_addresses",
)
AFTER_ENTRY = (f"{_POSTING}.post.states_our_total", f"{_POSTING}.post.period_closed", f"{_POSTING}.post.is_posted")


class BrokenCheckError(RuntimeError):
    """No error that anything of ours expects."""


def broken(*_: object, **__: object) -> None:
    raise BrokenCheckError


def breaks(acme: Bench) -> bool:
    try:
        acme.run(QUIET_DAY)
    except BrokenCheckError:
        return True
    return False


def written(acme: Bench) -> list[str]:
    """Requests that Vantagepoint was sent and that change something there."""
    requests = acme.sandbox.admin("GET", "requests")["requests"]
    return [
        f"{each['method']} {each['path']}"
        for each in requests
        if each["system"] == "vantagepoint" and each["method"] != "GET" and not each["path"].endswith("/token")
    ]


def test_a_check_that_breaks_lets_nothing_through(
    quiet_engine: Engine, sandbox: Callable[..., SandboxUnderTest]
) -> None:
    with bench(sandbox(invoices=20), quiet_engine) as acme:
        invoice = acme.add(QUIET_DAY, PART_A="60.00", PART_B="40.00")
        before = written(acme)
        for check in CHECKS:
            # Sockets that are open already were judged when they were opened.
            acme.vantagepoint.close()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(check, broken)
                assert breaks(acme), check
            sent = [each for each in written(acme)[len(before) :] if "Settings/Active" not in each]
            assert sent == [], check
            assert acme.ledger_total() == 0, check
        for check in AFTER_ENTRY:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(check, broken)
                assert breaks(acme), check
            assert acme.ledger_total() == 0, check
        # And nothing was lost or doubled by any of it.
        acme.run(QUIET_DAY)
        assert acme.outcome(invoice["id"])[0] == "posted"
        assert acme.standing(invoice["id"]) == Decimal("100.00")
        assert acme.receivables(invoice["referenceNumber"]) == Decimal("100.00")
