"""What figures were measured on: figures of different machines, or of a busy one, are not compared."""

import os
import platform
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

_KIB = 1024


def describe(engine: Engine) -> dict[str, Any]:
    """Describe this machine and the database server.

    Args:
        engine: The database that was measured.

    Returns:
        Ready for JSON.
    """
    with engine.connect() as db:
        postgres = str(db.execute(text("SHOW server_version")).scalar_one())
    return {
        "cpu": _field(Path("/proc/cpuinfo"), "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _KIB**3, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgres": postgres.split(" ", maxsplit=1)[0],
    }


def load() -> float:
    """Return the one-minute load average; before a measurement it says how busy the machine is with other things."""
    return round(os.getloadavg()[0], 1)


def line(machine: dict[str, Any]) -> str:
    """Return the machine in one line."""
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"Python {machine['python']}, PostgreSQL {machine['postgres']}"
    )


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Say whether two descriptions are of the same kind of machine, however busy it was."""
    return all(first.get(name) == second.get(name) for name in ("cpu", "cores", "python", "postgres"))


def peak_memory_mib() -> float:
    """Return the most memory this process has had, in MiB, counted from its own start.

    ``getrusage`` would count from its parent's: a child starts with what its parent had.
    """
    peak = _field(Path("/proc/self/status"), "VmHWM").removesuffix("kB").strip()
    return round(int(peak) / _KIB, 1)


def _field(path: Path, name: str) -> str:
    for each in path.read_text().splitlines():
        key, _, value = each.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
