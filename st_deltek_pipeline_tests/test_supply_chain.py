"""What is installed is what was locked: every package by version and hash, from nowhere in particular; and it is listed."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[1]
LOCKS = tuple(sorted(path.name for path in PROJECT.glob("requirements*.lock")))
_REQUIREMENT = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^ ;]+)(?: ; [^\\]+)?")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def locked(name: str) -> dict[str, tuple[str, set[str]]]:
    """Return the packages of a lock file with version and hashes; anything else in it fails."""
    packages: dict[str, tuple[str, set[str]]] = {}
    text = (PROJECT / name).read_text().replace("\\\n", " ")
    for line in filter(None, text.splitlines()):
        head, *hashes = re.split(r"\s+(?=--hash)", line.strip())
        found = _REQUIREMENT.fullmatch(head.strip())
        assert found, line[:100]
        assert hashes, f"{head} has no hash"
        assert all(_HASH.fullmatch(each) for each in hashes), line[:100]
        version, known = packages.get(found["name"], (found["version"], set()))
        packages[found["name"]] = (version, known | {each.rpartition(":")[2] for each in hashes})
    return packages


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_a_version_with_hashes_and_names_no_registry(name: str) -> None:
    assert len(locked(name)) >= 1
    assert "://" not in (PROJECT / name).read_text()
    assert "index-url" not in (PROJECT / name).read_text()


def test_what_changing_the_project_needs_runs_on_the_very_packages_that_it_runs_on() -> None:
    running, changing, mutating = (locked(f"requirements{name}.lock") for name in ("", "-dev", "-mutants"))
    assert {name: changing.get(name) for name in running} == running
    assert {name: mutating.get(name) for name in changing} == changing


def test_packages_are_installed_by_hash_only() -> None:
    text = (PROJECT / "Makefile").read_text()
    assert "LOCKED = --no-deps --require-hashes" in text
    installs = [line for line in text.splitlines() if re.search(r"(pip|\$\(PIP\)) install ", line)]
    assert len(installs) >= 4
    for line in installs:
        assert "$(LOCKED)" in line or "--no-deps --no-build-isolation --editable ." in line, line


def test_the_list_of_what_the_program_is_made_of_has_every_locked_package_with_its_hashes(tmp_path: Path) -> None:
    (line,) = [each for each in (PROJECT / "Makefile").read_text().splitlines() if "cyclonedx_py" in each]
    words = shlex.split(line.replace("$(BIN)/python", sys.executable).replace("build/", f"{tmp_path}/"))
    # The schema is looked at by `make sbom` itself, each time; it costs seconds.
    assert "--validate" in words
    words[words.index("--validate")] = "--no-validate"
    subprocess.run(words, cwd=PROJECT, check=True, capture_output=True, timeout=120)  # noqa: S603 - our own Makefile
    (path,) = tmp_path.glob("*.json")
    listed: dict[str, Any] = json.loads(path.read_text())
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.6")
    assert listed["metadata"]["component"]["name"] == "st_deltek_pipeline"
    found: dict[str, tuple[str, set[str]]] = {}
    for component in listed["components"]:
        hashes = {each["content"] for where in component["externalReferences"] for each in where["hashes"]}
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        version, known = found.get(component["name"], (component["version"], set()))
        found[component["name"]] = (version, known | hashes)
    assert found == locked("requirements.lock")


def test_bandits_rules_and_the_search_for_secrets_are_part_of_every_check() -> None:
    ruff = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in ruff["select"]
    assert not [rule for rule in ruff["ignore"] if rule.startswith("S")]
    product = [pattern for pattern in ruff["per-file-ignores"] if pattern.startswith("st_deltek_pipeline/")]
    assert not [rule for pattern in product for rule in ruff["per-file-ignores"][pattern] if rule.startswith("S")]
    hooks = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert {"ruff-check", "detect-secrets"} <= {hook["id"] for hook in hooks}
    makefile = (PROJECT / "Makefile").read_text()
    (first,) = re.findall(r"^lint:([^#\n]*)", makefile, re.MULTILINE)
    recipes = [makefile.partition(f"\n{target}:")[2].partition("\n\n")[0] for target in ("lint", *first.split())]
    assert any("ruff check ." in recipe for recipe in recipes)
    assert any("detect-secrets-hook --baseline" in recipe for recipe in recipes)
    assert re.search(r"^[^#\n]*\blint\b", (PROJECT / ".ci/run").read_text(), re.MULTILINE)
