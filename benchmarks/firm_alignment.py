"""Measures matching all customers of a large contractor with all firms of its Vantagepoint: time, memory, and mistakes.

    python -m benchmarks.firm_alignment

Customers and firms are made from a seed, the firms as an office spells them: mostly the same, some with typing errors, other
legal forms, former addresses, look-alike letters, or twice, and some on one side only. Who is whom is known, so that a wrong
link is counted. Records are kept as sent beforehand; a process of its own then stages, matches and stores them, and does it
again with nothing new.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine, create_engine, text

from benchmarks import machine
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.sandbox.contractor.people import company_name, person_name, respelled
from st_deltek_pipeline.services.firm_matching import match_firms
from st_deltek_pipeline.services.reference_data import keep_read_back
from st_deltek_pipeline.store import raw, reference
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.embedded import EmbeddedPostgres
from st_deltek_pipeline.store.migrate import migrate
from st_deltek_pipeline.store.reference import ReferenceKind
from st_deltek_pipeline.transport.exact_json import dumps

CONNECTION, RUN_ID, SEED = "benchmark", "benchmark", 20261001
CUSTOMERS = 50_000
MOST_SECONDS, MOST_MEMORY_MIB = 60, 1024
_CHUNK = 5000
_PERSONS_IN_A_HUNDRED = 70

_STREETS = (
    "Main", "Oak", "Elm", "Pine", "Cedar", "Maple", "Colfax", "Broadway", "Sheridan", "Federal", "Alameda", "Evans",
    "Hampden", "Yale", "Larimer", "Blake", "Wazee", "Pearl", "Pennsylvania", "Logan", "Downing", "Josephine", "Monaco",
)  # fmt: skip
_KINDS_OF_STREET = (("Street", "St"), ("Avenue", "Ave."), ("Drive", "Dr"), ("Court", "Ct"), ("Boulevard", "Blvd"))
_CITIES = ("Denver", "Aurora", "Lakewood", "Boulder", "Arvada", "Westminster", "Thornton", "Golden", "Littleton")
_FORMS = ("LLC", "L.L.C.", "Inc.", "Co.", "Ltd.")
_LOOK_ALIKES = {
    "a": "\N{CYRILLIC SMALL LETTER A}",
    "e": "\N{CYRILLIC SMALL LETTER IE}",
    "o": "\N{CYRILLIC SMALL LETTER O}",
}


@dataclass(frozen=True)
class _Address:
    number: int
    direction: str
    street: str
    kind: tuple[str, str]
    city: str
    zip: str

    def as_customer(self) -> dict[str, str]:
        street = f"{self.number} {self.direction} {self.street} {self.kind[0]}"
        return {"street": street, "unit": "", "city": self.city, "state": "CO", "zip": self.zip, "country": "USA"}

    def as_firm(self) -> dict[str, str]:
        street = f"{self.number} {self.direction[0]}. {self.street} {self.kind[1]}"
        return {
            "PrimaryAddress1": street,
            "PrimaryCity": self.city,
            "PrimaryState": "CO",
            "PrimaryZip": f"{self.zip}-0001",
        }


def _address(rng: Random) -> _Address:
    return _Address(
        rng.randint(1, 19999),
        rng.choice(("North", "South", "East", "West")),
        rng.choice(_STREETS),
        rng.choice(_KINDS_OF_STREET),
        rng.choice(_CITIES),
        f"80{rng.randint(0, 699):03d}",
    )


def _mistyped(name: str, rng: Random) -> str:
    at = rng.randrange(1, max(2, len(name) - 1))
    match rng.randrange(3):
        case 0:
            return name[:at] + name[at + 1 :]
        case 1:
            return name[:at] + name[at] + name[at:]
        case _:
            return name[: at - 1] + name[at] + name[at - 1] + name[at + 1 :]


def _other_form(name: str, rng: Random) -> str:
    words = name.rstrip(".").split()
    return f"{name}, {rng.choice(_FORMS)}" if words[-1] not in {"LLC", "Inc", "Ltd"} else " ".join(words[:-1])


def _looking_alike(name: str) -> str:
    at = next((position for position, letter in enumerate(name) if letter in _LOOK_ALIKES), None)
    return name + "\N{COMBINING ACUTE ACCENT}" if at is None else name[:at] + _LOOK_ALIKES[name[at]] + name[at + 1 :]


# Of a thousand customers, what became of them in the office.
_CASES = (
    (760, "same"),
    (60, "typing error"),
    (40, "legal form"),
    (20, "typing error and moved"),
    (30, "moved"),
    (20, "no address"),
    (5, "look-alike"),
    (10, "twice"),
    (50, "no firm, but another one"),
    (5, "no firm"),
)
_WITHOUT_FIRM = frozenset({"no firm", "no firm, but another one"})


def _cases(count: int) -> Iterator[tuple[int, str, _Address, str, list[tuple[str, _Address | None]]]]:
    """Yield each customer: its place, name and address, what became of it in the office, and the firms made there."""
    rng = Random(SEED)
    weights, cases = [share for share, _ in _CASES], [case for _, case in _CASES]
    for number in range(count):
        name = person_name(rng) if rng.randrange(100) < _PERSONS_IN_A_HUNDRED else company_name(rng)
        home, other = _address(rng), _address(rng)
        (case,) = rng.choices(cases, weights)
        yield number, name, home, case, _firms_of(case, name, home, other, rng)


def _firms_of(case: str, name: str, home: _Address, other: _Address, rng: Random) -> list[tuple[str, _Address | None]]:
    """Return the names and addresses under which the office knows somebody."""
    known: dict[str, list[tuple[str, _Address | None]]] = {
        "same": [(respelled(name, rng), home)],
        "typing error": [(_mistyped(name, rng), home)],
        "legal form": [(_other_form(name, rng), home)],
        "typing error and moved": [(_mistyped(name, rng), other)],
        "moved": [(name, other)],
        "no address": [(name, None)],
        "look-alike": [(_looking_alike(name), home)],
        "twice": [(name, home), (respelled(name, rng), home)],
        "no firm, but another one": [(person_name(rng), other)],
        "no firm": [],
    }
    return known[case]


def _fill(engine: Engine, count: int) -> int:
    versions: list[raw.Version] = []
    firms: list[dict[str, Any]] = []
    for number, name, home, case, known in _cases(count):
        payload = dumps({
            "id": number + 1, "active": True, "name": name, "type": "Residential", "address": home.as_customer(),
            "customFields": [], "balance": number % 977, "taxExempt": False, "tagTypeIds": [], "doNotMail": False,
            "doNotService": False, "nationalAccount": False, "createdOn": "2024-03-04T15:09:11.0042100Z",
            "createdById": 70121, "modifiedOn": "2026-09-30T15:09:11.0042100Z", "mergedToId": None,
            "paymentTermId": None, "creditLimit": None, "creditLimitBalance": None, "externalData": [],
        })  # fmt: skip
        versions.append(
            raw.Version(number + 1, payload, f"{number:064x}", None, active=True, document_date=None, total=None)
        )
        for each, (spelled, place) in enumerate(known):
            mine = "" if case in _WITHOUT_FIRM else f"{number}"
            address = place.as_firm() if place else {"PrimaryAddress1": "", "PrimaryCity": "", "PrimaryZip": ""}
            firms.append({
                "ClientID": f"F{mine or 'X'}_{each}_{len(firms)}", "Client": f"{len(firms) + 1:08d}", "Name": spelled,
                "Status": "A", "ClientInd": "Y", "VendorInd": "N", "Vendor": "", "Category": "", "Org": "01:HV:RS",
                "SortName": spelled.upper()[:40], "WebSite": "", "FedID": "", "CurrentStatus": "Existing", **address,
                "CreateDate": "2024-03-04T00:00:00.000", "ModDate": "2026-09-30T00:00:00.000",
            })  # fmt: skip
    with engine.begin() as db:
        for begin in range(0, len(versions), _CHUNK):
            raw.store_versions(db, CONNECTION, "customer", versions[begin : begin + _CHUNK], run_id=RUN_ID)
        reference.record_poll(db, CONNECTION, ReferenceKind.FIRMS, len(firms), run_id=RUN_ID)
    keep_read_back(engine, CONNECTION, ReferenceKind.FIRMS, firms, run_id=RUN_ID)
    return len(firms)


def _settings() -> ConnectionSettings:
    return ConnectionSettings.model_validate({
        "name": CONNECTION,
        "start_date": date(2026, 10, 1),
        "servicetitan": {"tenant_id": 1},
        "vantagepoint": {"base_url": "https://benchmark.deltekfirst.com/benchmark/api", "database": "BENCHMARK"},
        "calendar": {"time_zone": "America/Denver"},
        "coding": [{"give": {"section": "L"}}],
    })  # fmt: skip


def measure(database_url: str, customers: int) -> dict[str, Any]:
    """Match everybody, twice; runs in a process of its own.

    Args:
        database_url: Where customers and firms have been taken in.
        customers: How many there are.

    Returns:
        The figures; ``problems`` names what is wrong.
    """
    engine = engine_for(database_url)
    settings = _settings()
    at_start = machine.peak_memory_mib()
    started, cpu = time.perf_counter(), time.process_time()
    first = match_firms(engine, settings, run_id=RUN_ID)
    matched, cpu = time.perf_counter(), time.process_time() - cpu
    peak = machine.peak_memory_mib()
    again = match_firms(engine, settings, run_id=RUN_ID)
    ended = time.perf_counter()
    found, wrong, candidates = _judge(engine, customers)
    engine.dispose()
    problems = [f"{wrong} customers were linked to somebody else's firm"] if wrong else []
    if again.written:
        problems.append(f"the second run wrote {again.written} rows")
    return {
        "customers": customers,
        "seconds": round(matched - started, 2),
        "own_cpu_seconds": round(cpu, 2),
        "customers_per_second": round(customers / (matched - started)),
        "memory_at_start_mib": at_start,
        "peak_memory_mib": peak,
        "second_run_seconds": round(ended - matched, 3),
        "second_run_rows_written": again.written,
        "rows_written": first.written,
        "wrong_links": wrong,
        "by_case": found,
        "right_firm_among_candidates": candidates,
        "problems": problems,
    }


def _judge(engine: Engine, customers: int) -> tuple[dict[str, dict[str, int]], int, str]:
    """Hold what was decided against who is whom."""
    with engine.connect() as db:
        rows = {
            row.party_id - 1: row
            for row in db.execute(text("SELECT party_id, state, firm_id, candidates FROM mapping.firm_mappings"))
        }
    found: dict[str, Counter[str]] = {}
    wrong = asked = shown = 0
    for number, _, _, case, _ in _cases(customers):
        row = rows[number]
        own = f"F{number}_"
        counts = found.setdefault(case, Counter())
        counts[row.state] += 1
        if row.firm_id and not row.firm_id.startswith(own):
            wrong += 1
        if row.state != "linked" and case not in _WITHOUT_FIRM:
            asked += 1
            is_shown = any(candidate["firm_id"].startswith(own) for candidate in row.candidates)
            shown += is_shown
            counts["of them shown the right firm"] += is_shown
    return {case: dict(counts) for case, counts in sorted(found.items())}, wrong, f"{shown:,} of {asked:,}"


def run(customers: int = CUSTOMERS) -> dict[str, Any]:
    """Fill a fresh database, and measure in a process that has done nothing yet.

    Args:
        customers: How many, and about as many firms.

    Returns:
        The figures, ready for JSON.
    """
    with tempfile.TemporaryDirectory(prefix="st-deltek-benchmark-") as folder:
        postgres = EmbeddedPostgres(Path(folder))
        postgres.ensure_running()
        try:
            admin = create_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT")
            with admin.connect() as db:
                db.execute(text("CREATE DATABASE benchmark_firms"))
            admin.dispose()
            url = postgres.url("benchmark_firms")
            engine = engine_for(url)
            migrate(engine)
            firms = _fill(engine, customers)
            engine.dispose()
            command = [sys.executable, "-m", "benchmarks.firm_alignment", "--measure", url, str(customers)]
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        finally:
            postgres.stop(force=True)
    return {"firms": firms, **json.loads(answer.stdout)}


def show(figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    print(f"Firm alignment of {figures['customers']:,} customers with {figures['firms']:,} firms")
    print(
        f"  {figures['seconds']:.1f} s from records as sent to stored mappings, {figures['own_cpu_seconds']:.1f} s of it our own CPU,"
        f" peak memory {figures['memory_at_start_mib']:.0f} MiB at start, {figures['peak_memory_mib']:.0f} at most"
    )
    print(
        f"  again with nothing new: {figures['second_run_seconds']:.2f} s,"
        f" {figures['second_run_rows_written']} rows written"
    )
    print(
        f"  wrong links: {figures['wrong_links']}; right firm shown to a person: {figures['right_firm_among_candidates']}"
    )
    for case, counts in figures["by_case"].items():
        print(f"    {case:<26}{', '.join(f'{count:,} {state}' for state, count in sorted(counts.items()))}")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Measure matching customers with firms.")
    parser.add_argument("--customers", type=int, default=CUSTOMERS, help="how many, and about as many firms")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--measure", nargs=2, metavar=("DATABASE", "CUSTOMERS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure[0], int(options.measure[1]))))
        return
    figures = run(options.customers)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures)
    if figures["problems"]:
        raise SystemExit("; ".join(figures["problems"]))


if __name__ == "__main__":
    main()
