"""Mutation tests of the code that money depends on: every small change of it must make a test fail.

Run with ``make mutants``; it takes half an hour or more, on one core. mutmut changes one operator, number, argument or
constant at a time and runs the module's own tests, each mutant in a fork of a process that has everything imported. It works
in a copy of the project, so that nothing appears in the working tree. The words of messages are not changed.

What survives is printed with its difference. Survivors that change nothing are explained in docs/reliability.md.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PACKAGE = "st_deltek_pipeline"
TESTS = "st_deltek_pipeline_tests"

# mutmut's own codes of how a mutant's tests ended.
_KILLED = {1, 3}
_TIMED_OUT = {24, 36, 152, 255, -24}


@dataclass(frozen=True)
class Subject:
    """A module, or some functions of it, and the tests that have to notice.

    Attributes:
        module: Below the package, with dots.
        tests: Files or tests below the folder of tests.
        functions: Only these; all when empty.
    """

    module: str
    tests: tuple[str, ...]
    functions: tuple[str, ...] = ()

    @property
    def patterns(self) -> list[str]:
        """What mutmut calls the mutants."""
        start = f"{PACKAGE}.{self.module}"
        return [f"{start}.x_{name}__mutmut_*" for name in self.functions] or [f"{start}.*"]


def _domain(name: str, *more: str, functions: tuple[str, ...] = ()) -> Subject:
    return Subject(f"domain.{name}", tuple(f"domain/test_{each}.py" for each in (name, *more)), functions)


_STEPS = ("services/posting/test_splitting_and_doubt.py",)
_PLANNER = ("services/posting/test_planner_rules.py",)
# What reads and writes the database in it is tested with a database.
_PLANNERS_OWN = (
    "posting_rules",
    "documents_per_file",
    "_hold_of",
    "_deposit_hold",
    "_decided_elsewhere",
    "_unreadable_outcome",
    "file_events",
    "_outcome_events",
)

SUBJECTS = (
    # The splitter and the in-doubt resolver.
    Subject("services.posting.enter", _STEPS),
    Subject("services.posting.resolve", _STEPS),
    Subject("services.posting.moves", _STEPS),
    _domain("reading_back"),
    # The planner: what has to change, in which file, under which key.
    Subject("services.posting.planner", _PLANNER, _PLANNERS_OWN),
    _domain("postings"),
    _domain("transaction_files", "reversals"),
    _domain("posting_keys"),
    # Allocation arithmetic.
    _domain("money"),
    _domain("receivables"),
    _domain("bill_alignment", functions=("bill_lines", "_allocated_extras", "_shares")),
    _domain("credit_memo_alignment", functions=("_lines", "_taken_back")),
    _domain("sales_tax"),
    _domain("coded_amounts"),
    # What is decided before anything is planned.
    _domain("decisions", "ignores", "reversals", "following"),
    _domain("periods", "postings"),
)

# A message's words are no decision, and production passes the named moments of crash tests by. A test of 200,000 hashes
# need not be run again for each mutant.
_CONFIGURATION = """
[tool.mutmut]
source_paths = ["{package}"]
also_copy = ["{tests}", "dagster.yaml", "mutants_profile.py"]
only_mutate = ["{file}"]
# An endless loop is one after a few times what the tests take; more would only cost time.
timeout_multiplier = 3
timeout_constant = 2
do_not_mutate_patterns = ["^\\\\s*message = ", "\\\\(message[,)]", "^\\\\s+f\\"", "\\\\.reached\\\\("]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "mutants_profile", "--hypothesis-profile=mutants"]
pytest_add_cli_args_test_selection = [{selection}, "-k", "not two_hundred_thousand"]
"""

# The same examples each time, and fewer than usual: mutants that survive them are rare, and every mutant runs them all.
_PROFILE = """
from hypothesis import HealthCheck, settings

settings.register_profile(
    "mutants", max_examples=25, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
"""


def copy_project(folder: Path) -> None:
    """Copy the package and the tests that need no fixtures into a folder: without these, a mutant is tried in a second."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / PACKAGE, folder / PACKAGE, ignore=ignored)
    shutil.copytree(PROJECT / TESTS / "domain", folder / TESTS / "domain", ignore=ignored)
    steps = [PROJECT / TESTS / name for name in (*_STEPS, *_PLANNER)]
    for path in (*steps, *(path.with_name(name) for path in steps for name in ("__init__.py", "steps_in_memory.py"))):
        copied = folder / path.relative_to(PROJECT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copied)
    for name in ("services", "."):
        shutil.copy(PROJECT / TESTS / name / "__init__.py", folder / TESTS / name / "__init__.py")
    shutil.copy(PROJECT / "dagster.yaml", folder)
    (folder / "mutants_profile.py").write_text(_PROFILE, encoding="utf-8")


def run(subject: Subject, folder: Path) -> dict[str, int | None]:
    """Try every mutant of a subject.

    Args:
        subject: What is changed.
        folder: The copy.

    Returns:
        The exit code of the tests by the mutant's name.

    Raises:
        RuntimeError: mutmut could not run: the tests fail without any mutant, for example.
    """
    file = f"{PACKAGE}/{subject.module.replace('.', '/')}.py"
    original = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    chosen = ", ".join(f'"{TESTS}/{name}"' for name in subject.tests)
    configuration = _CONFIGURATION.format(package=PACKAGE, tests=TESTS, file=file, selection=chosen)
    (folder / "pyproject.toml").write_text(original + configuration, encoding="utf-8")
    shutil.rmtree(folder / "mutants", ignore_errors=True)
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *subject.patterns]
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    found = json.loads((folder / "mutants" / f"{file}.meta").read_text(encoding="utf-8"))["exit_code_by_key"]
    tried = {name: code for name, code in found.items() if code is not None}
    if not tried:
        message = f"mutmut could not run for {subject.module}:\n{done.stdout[-4000:]}"
        raise RuntimeError(message)
    return tried


def difference(mutant: str, folder: Path) -> str:
    """Say what a mutant changes."""
    command = [sys.executable, "-m", "mutmut", "show", mutant]
    shown = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return "\n".join(line for line in shown if line.startswith(("-", "+")) and not line.startswith(("---", "+++")))


def main() -> None:
    """Try all subjects, or some, and print figures and survivors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="only these, such as domain.money")
    chosen = parser.parse_args().modules
    unknown = set(chosen) - {subject.module for subject in SUBJECTS}
    if unknown:
        parser.error(f"no such subject: {', '.join(sorted(unknown))}")
    os.nice(10)
    everything: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        copy_project(folder)
        for subject in SUBJECTS:
            if chosen and subject.module not in chosen:
                continue
            codes = run(subject, folder)
            survivors = sorted(mutant for mutant, code in codes.items() if code not in _KILLED | _TIMED_OUT)
            figures = Counter(mutants=len(codes), killed=len(codes) - len(survivors), survived=len(survivors))
            everything += figures
            print(
                f"{subject.module:<34}{figures['mutants']:>6} mutants {figures['killed']:>6} killed"
                f"{figures['survived']:>6} survived",
                flush=True,
            )
            for mutant in survivors:
                print(f"  {mutant}\n{difference(mutant, folder)}", flush=True)
    print(f"{everything['mutants']} mutants, {everything['killed']} killed, {everything['survived']} survived")


if __name__ == "__main__":
    main()
