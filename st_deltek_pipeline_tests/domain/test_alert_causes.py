"""Facts become alerts: grouped so that one cause is one alert, and each says what to do."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain import alert_causes
from st_deltek_pipeline.domain.alert_causes import SERVICETITAN, DoubtfulFile
from st_deltek_pipeline.domain.alerts import MOST_SUBJECTS, Severity, one_per_cause
from st_deltek_pipeline.domain.chain_check import ChainBreak
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.hold_queue import ReasonSum
from st_deltek_pipeline.domain.journal import FileState
from st_deltek_pipeline.domain.run_failures import FailedWork

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def failed(
    run: int = 1, error: str = "TransientError", system: str = SERVICETITAN, work: str = "acme__raw_invoices"
) -> FailedWork:
    moment = NOW + timedelta(minutes=run)
    return FailedWork(f"run-{run:04d}", work, error, system, "It cannot be reached.", "Check the network.", moment)


def file(number: int) -> DoubtfulFile:
    return DoubtfulFile(f"B{number}", FileState.IN_DOUBT, 3, Decimal("10.00"), NOW - number * HOUR)


def test_an_outage_that_makes_twelve_runs_fail_is_one_alert() -> None:
    (alert,) = alert_causes.run_failures("acme", [failed(number) for number in range(12)])
    assert alert.title == "12 runs failed: TransientError, ServiceTitan"
    assert (alert.count, len(alert.subjects)) == (12, 12)
    assert alert.since == NOW
    assert "It cannot be reached." in alert.what_happened
    assert alert.what_to_do == "Check the network. The log is in Dagster's UI, run run-0011."


def test_one_run_that_fails_on_both_sides_is_two_alerts_and_several_steps_of_it_are_one_run() -> None:
    alerts = alert_causes.run_failures(
        "acme", [failed(), failed(work="acme__raw_jobs"), failed(system="Vantagepoint", work="acme__reference")]
    )
    assert {alert.cause: alert.count for alert in alerts} == {
        "run_failure:TransientError:Vantagepoint": 1,
        "run_failure:TransientError:ServiceTitan": 1,
    }


def test_a_run_that_ended_in_doubt_and_its_file_are_one_alert() -> None:
    found = [
        *alert_causes.in_doubt("acme", [file(1)]),
        *alert_causes.run_failures("acme", [failed(error="InDoubtError", system="Vantagepoint")]),
    ]
    assert list(one_per_cause(found)) == ["in_doubt"]


@given(
    st.lists(
        st.builds(failed, st.integers(0, 500), st.sampled_from(["A", "B", "InDoubtError"]), st.sampled_from(["S", "V"]))
    )
)
def test_there_is_one_alert_for_each_class_and_system_and_no_run_is_left_out(works: list[FailedWork]) -> None:
    alerts = alert_causes.run_failures("acme", works)
    assert len({alert.cause for alert in alerts}) == len(alerts)
    assert {alert.cause for alert in alerts} == {
        alert_causes.failure_cause(work.error_class, work.system) for work in works
    }
    for alert in alerts:
        own = [work for work in works if alert_causes.failure_cause(work.error_class, work.system) == alert.cause]
        assert alert.count == len({work.run_id for work in own})
        assert len(alert.subjects) == min(alert.count, MOST_SUBJECTS)


def test_all_files_in_doubt_are_one_alert_that_names_them() -> None:
    assert alert_causes.in_doubt("acme", []) == []
    (alert,) = alert_causes.in_doubt("acme", [file(number) for number in range(1, 31)])
    assert (alert.count, alert.since) == (30, NOW - 30 * HOUR)
    assert "B30" in alert.what_happened
    assert "and 10 more" in alert.what_happened
    assert "st-deltek sync acme" in alert.what_to_do


def test_a_broken_chain_is_critical_and_names_the_event() -> None:
    assert alert_causes.chain_break("acme", None, now=NOW) == []
    (alert,) = alert_causes.chain_break("acme", ChainBreak(7, "event 7 is missing"), now=NOW)
    assert alert.severity is Severity.CRITICAL
    assert "event 7" in alert.what_happened
    assert "st-deltek alerts check-journal acme" in alert.what_to_do


def test_old_holds_are_one_alert_with_counts_and_exact_amounts_by_reason() -> None:
    """T42: one alert, not one per document."""
    assert alert_causes.old_holds("acme", [], hours=48) == []
    sums = [
        ReasonSum(Kind.BILL, "no_rule", 2, Decimal("-1234.50"), NOW - 60 * HOUR),
        ReasonSum(Kind.INVOICE, "not_ready", 5, Decimal("10.105"), NOW - 90 * HOUR),
    ]
    (alert,) = alert_causes.old_holds("acme", sums, hours=48)
    assert alert.what_happened == (
        "7 documents held for more than 48 hours: 5 invoice not_ready (10.105), 2 bill no_rule (-1,234.50)."
    )
    assert (alert.count, alert.since, alert.severity) == (7, NOW - 90 * HOUR, Severity.WARNING)
    assert "st-deltek holds list acme" in alert.what_to_do


def test_webhooks_are_silent_only_where_some_came_before_and_only_if_that_is_asked_for() -> None:
    def silence(last: datetime | None, hours: int | None) -> int:
        return len(alert_causes.webhook_silence("acme", last, now=NOW, hours=hours))

    assert silence(None, 24) == 0
    assert silence(NOW - 30 * HOUR, None) == 0
    assert silence(NOW - 24 * HOUR, 24) == 0
    assert silence(NOW - 25 * HOUR, 24) == 1


def test_late_feeds_are_one_alert_and_a_consequence_of_runs_that_fail_on_servicetitans_side() -> None:
    read = {"invoices": NOW - 2 * HOUR, "jobs": NOW - 3 * HOUR, "customers": NOW}
    (alert,) = alert_causes.feed_lag("acme", read, [], now=NOW, minutes=60)
    assert alert.subjects == ("jobs", "invoices")
    assert alert.since == NOW - 3 * HOUR
    assert alert.explained_by == frozenset()
    works = [failed(), failed(system="Vantagepoint")]
    (explained,) = alert_causes.feed_lag("acme", read, works, now=NOW, minutes=60)
    assert explained.explained_by == {"run_failure:TransientError:ServiceTitan"}
    assert alert_causes.feed_lag("acme", read, [], now=NOW, minutes=None) == []
    assert alert_causes.feed_lag("acme", read, [], now=NOW, minutes=240) == []
    assert alert_causes.feed_lag("acme", {}, [], now=NOW, minutes=60) == []
