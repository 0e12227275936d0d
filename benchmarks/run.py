"""Runs every benchmark, sets the figures beside their goals, and says what changed since the committed ones.

    make bench                          everything: some minutes
    python -m benchmarks.run --quick    small volumes: does it work, not how fast it is

A figure never makes it fail; a cent or a document that does not agree does.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks import firm_alignment, intake, machine, month, planning, posting, webhooks

RESULTS = Path(__file__).parent / "results" / "latest.json"
MOST_MEMORY_GROWTH = Decimal("1.20")
_QUICK_INTAKE, _QUICK_MEMORY, _QUICK_POSTING, _QUICK_PLANNING = 3_000, (1_000, 3_000), 800, (500,)
_QUICK_MONTH = 300
_QUICK_CUSTOMERS = 2_000
_QUICK_WEBHOOK_SECONDS = 2
# Smaller changes are the machine's own noise.
_WORTH_SAYING = Decimal("0.05")


@dataclass(frozen=True)
class Goal:
    """One figure of the specification beside what was measured.

    Attributes:
        met: ``None`` where the volumes are too small to judge.
    """

    what: str
    goal: str
    measured: str
    met: bool | None


def measure(*, quick: bool) -> dict[str, Any]:
    """Run every benchmark.

    Args:
        quick: Small volumes.

    Returns:
        The figures, ready for JSON.
    """
    load = machine.load()
    _say("intake: throughput, then peak memory at two volumes")
    taken_in = _intake(quick=quick)
    _say("posting: five business days through both systems")
    posted = posting.run(_QUICK_POSTING) if quick else posting.run()
    _say("alignment and planning of a large day")
    planned = planning.run(_QUICK_PLANNING) if quick else planning.run()
    _say("firms: all customers of a large contractor with all firms")
    firms = firm_alignment.run(_QUICK_CUSTOMERS) if quick else firm_alignment.run()
    _say("webhooks: a delivery from sent to answered")
    received = webhooks.run(_QUICK_WEBHOOK_SECONDS) if quick else webhooks.run()
    _say("a month of every kind of document, through Dagster")
    whole_month = _month(quick=quick)
    return {
        "machine": {**posted.pop("machine"), "load_before": load},
        "quick": quick,
        "intake": taken_in,
        "posting": posted,
        "planning": planned,
        "firms": firms,
        "webhooks": received,
        "month": whole_month,
    }


def _month(*, quick: bool) -> dict[str, Any]:
    # In a process of its own, so that its peak memory is its own; it fails by its figures, not by its exit code.
    command = [sys.executable, "-m", "benchmarks.month", "--json"]
    if quick:
        command += ["--invoices", str(_QUICK_MONTH)]
    return dict(json.loads(subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True).stdout))


def _intake(*, quick: bool) -> dict[str, Any]:
    # In a process that has done nothing yet: a child's getrusage starts with the peak memory of its parent.
    command = [sys.executable, "-m", "benchmarks.intake", "--json"]
    if quick:
        command += ["--invoices", str(_QUICK_INTAKE), "--memory", *map(str, _QUICK_MEMORY)]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def goals(figures: dict[str, Any]) -> list[Goal]:
    """Set the figures beside the goals.

    Args:
        figures: From ``measure``.
    """
    throughput, memory = figures["intake"]["throughput"], figures["intake"]["memory"]
    first, second = figures["posting"]["first"], figures["posting"]["second"]
    growth = Decimal(str(memory[-1]["peak_memory_mib"])) / Decimal(str(memory[0]["peak_memory_mib"]))
    feed_calls = max(second["most_calls_per_feed"], throughput["second_intake_calls"])
    written = throughput["second_intake_rows_written"] + sum(
        rows for table, rows in second["intake_rows_written"].items() if table.startswith(("raw.", "staged."))
    )

    def judged(met: bool) -> bool | None:  # noqa: FBT001 - the judgement itself
        return None if figures["quick"] else met

    return [
        Goal(
            f"intake of {throughput['invoices']:,} three-line invoices, end to end",
            f"above {intake.GOAL:,}/s",
            f"{throughput['end_to_end_per_second']:,}/s",
            judged(throughput["end_to_end_per_second"] > intake.GOAL),
        ),
        Goal("second intake: most calls per feed", "at most 1", str(feed_calls), feed_calls <= 1),
        Goal("second intake: rows written to raw and staged", "0", str(written), written == 0),
        Goal(
            f"peak memory, {memory[0]['invoices']:,} to {memory[-1]['invoices']:,} invoices",
            "flat within 20 %",
            f"{memory[0]['peak_memory_mib']:.0f} to {memory[-1]['peak_memory_mib']:.0f} MiB ({growth - 1:+.0%})",
            judged(growth <= MOST_MEMORY_GROWTH),
        ),
        Goal(
            f"calls to Vantagepoint per invoice, {first['posted']:,} posted",
            f"at most {posting.MOST_CALLS_PER_INVOICE}",
            f"{first['calls_per_invoice']:.3f}",
            judged(Decimal(str(first["calls_per_invoice"])) <= posting.MOST_CALLS_PER_INVOICE),
        ),
        Goal(
            f"calls to Vantagepoint per document, month of {figures['month']['first']['documents']:,} of every kind",
            f"at most {month.MOST_CALLS_PER_DOCUMENT}",
            f"{figures['month']['first']['calls_per_document']['vantagepoint']:.3f}",
            judged(
                Decimal(str(figures["month"]["first"]["calls_per_document"]["vantagepoint"]))
                <= month.MOST_CALLS_PER_DOCUMENT
            ),
        ),
        Goal(
            "tie-out of the month, and its second run",
            "to the cent",
            "; ".join(figures["month"]["problems"]) or "difference 0.00, nothing posted again",
            not figures["month"]["problems"],
        ),
        *_firm_goals(figures["firms"], judged),
        Goal(
            f"webhooks, {figures['webhooks']['per_second']}/s: sent to durably kept and answered, p99",
            f"under {webhooks.MOST_MILLISECONDS} ms",
            f"{figures['webhooks']['p99_milliseconds']} ms",
            judged(figures["webhooks"]["p99_milliseconds"] < webhooks.MOST_MILLISECONDS),
        ),
        Goal(
            "posting, plan to confirm",
            "(none)",
            f"{first['posting_invoices_per_second']:,} invoices/s",
            judged(met=True),
        ),
        Goal(
            "tie-out, and the sandbox's own books",
            "to the cent",
            f"difference {first['difference']}",
            not figures["posting"]["problems"],
        ),
    ]


def _firm_goals(firms: dict[str, Any], judged: Callable[[bool], bool | None]) -> list[Goal]:
    return [
        Goal(
            f"firm alignment of {firms['customers']:,} customers with {firms['firms']:,} firms",
            f"under {firm_alignment.MOST_SECONDS} s",
            f"{firms['seconds']:.1f} s",
            judged(firms["seconds"] < firm_alignment.MOST_SECONDS),
        ),
        Goal(
            "the same, peak memory",
            f"under {firm_alignment.MOST_MEMORY_MIB} MiB",
            f"{firms['peak_memory_mib']:.0f} MiB",
            judged(firms["peak_memory_mib"] < firm_alignment.MOST_MEMORY_MIB),
        ),
        Goal(
            "the same: wrong links; rows written by a second run",
            "0; 0",
            f"{firms['wrong_links']}; {firms['second_run_rows_written']}",
            not firms["problems"],
        ),
    ]


def changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Say which headline figures moved by more than a twentieth.

    Args:
        before: Earlier figures.
        now: These figures.
    """
    lines: list[str] = []
    for name, path in _HEADLINES.items():
        old, new = (_at(figures, path) for figures in (before, now))
        if old is None or new is None or old == new:
            continue
        change = (new - old) / old if old else Decimal(1)
        if abs(change) > _WORTH_SAYING:
            lines.append(f"{name}: {old:,} -> {new:,} ({change:+.0%})")
    return lines


_HEADLINES = {
    "intake, invoices/s": ("intake", "throughput", "end_to_end_per_second"),
    "intake into raw, invoices/s": ("intake", "throughput", "raw_per_second"),
    "staging, invoices/s": ("intake", "throughput", "staged_per_second"),
    "peak memory, smaller volume, MiB": ("intake", "memory", 0, "peak_memory_mib"),
    "peak memory, larger volume, MiB": ("intake", "memory", -1, "peak_memory_mib"),
    "calls to Vantagepoint per invoice": ("posting", "first", "calls_per_invoice"),
    "posting, invoices/s": ("posting", "first", "posting_invoices_per_second"),
    "aligning a large day, s": ("planning", -1, "align_seconds"),
    "planning a large day, s": ("planning", -1, "plan_seconds"),
    "a month of every kind, s": ("month", "first", "seconds"),
    "the same again, s": ("month", "second", "seconds"),
    "calls to Vantagepoint per document of the month": ("month", "first", "calls_per_document", "vantagepoint"),
    "peak memory of the month, MiB": ("month", "first", "peak_memory_mib"),
    "firm alignment, s": ("firms", "seconds"),
    "a webhook answered, p99, ms": ("webhooks", "p99_milliseconds"),
    "peak memory of firm alignment, MiB": ("firms", "peak_memory_mib"),
    "peak memory of planning a large day, MiB": ("planning", -1, "peak_memory_after_planning_mib"),
}


def _at(figures: Any, path: tuple[str | int, ...]) -> Decimal | None:  # noqa: ANN401 - JSON
    for step in path:
        try:
            figures = figures[step]
        except (KeyError, IndexError):
            return None
    return Decimal(str(figures))


def _show(figures: dict[str, Any], judged: list[Goal]) -> None:
    print(machine.line(figures["machine"]))
    print(f"Load average before measuring: {figures['machine']['load_before']}")
    print()
    intake.show(figures["intake"])
    posting.show(figures["posting"])
    planning.show(figures["planning"])
    firm_alignment.show(figures["firms"])
    webhooks.show(figures["webhooks"])
    month.show(figures["month"])
    print()
    width = max(len(goal.what) for goal in judged)
    for goal in judged:
        verdict = {None: "not judged", True: "met", False: "MISSED"}[goal.met if goal.goal != "(none)" else None]
        print(f"{goal.what:<{width}}  {goal.goal:<16}  {goal.measured:<22}  {verdict}")


def _committed() -> dict[str, Any] | None:
    """Return the committed figures, or ``None`` outside a git checkout and before there are any."""
    command = ["git", "show", f"HEAD:./{RESULTS.name}"]
    try:
        found = subprocess.run(command, cwd=RESULTS.parent, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return dict(json.loads(found.stdout)) if found.returncode == 0 else None


def _show_changes(figures: dict[str, Any]) -> None:
    before = None if figures["quick"] else _committed()
    if before is None:
        return
    if not machine.same(before["machine"], figures["machine"]):
        print(f"\nNot compared: the committed figures are of another machine, {machine.line(before['machine'])}")
        return
    moved = changes(before, figures)
    print(f"\nAgainst the committed figures, measured from a load average of {before['machine']['load_before']}:")
    for line in moved or ["nothing moved by more than 5 %"]:
        print(f"  {line}")


def _say(what: str) -> None:
    print(f"Measuring {what} ...", file=sys.stderr, flush=True)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Run every benchmark.")
    parser.add_argument("--quick", action="store_true", help="small volumes; nothing is judged or written")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the figures are written")
    options = parser.parse_args()
    try:
        figures = measure(quick=options.quick)
    except subprocess.CalledProcessError as error:
        raise SystemExit(error.returncode) from error
    judged = goals(figures)
    _show(figures, judged)
    _show_changes(figures)
    if not options.quick:
        options.output.parent.mkdir(exist_ok=True)
        figures["goals"] = [asdict(goal) for goal in judged]
        options.output.write_text(json.dumps(figures, indent=2) + "\n")
    if any(figures[measured]["problems"] for measured in ("posting", "month", "firms", "webhooks")):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
