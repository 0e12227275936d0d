"""From a script that fails to the smallest one that still fails by the same rule."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from st_deltek_pipeline_tests.simulation.flavours import Flavour
from st_deltek_pipeline_tests.simulation.simulation import Script
from st_deltek_pipeline_tests.simulation.violation import Violation

Fails = Callable[[Script], Violation | None]
"""Carries a script out, and returns what did not hold."""


def shrink(script: Script, violation: Violation, fails: Fails, *, tries: int = 150) -> tuple[Script, Violation]:
    """Drop steps, settings and crashes for as long as the script still fails by the same rule.

    Args:
        script: It fails.
        violation: By this.
        fails: Tells whether another one does.
        tries: How many to try at most.

    Returns:
        The smallest one that was found, and its violation.
    """
    rule = violation.rule
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(script):
            if tries == 0:
                return script, violation
            tries -= 1
            found = fails(smaller)
            if found is not None and found.rule == rule:
                script, violation, progress = smaller, found, True
                break
    return script, violation


def _smaller(script: Script) -> Iterator[Script]:
    """Yield scripts with less in them, those with much less first."""
    size = len(script.steps)
    length = size // 2
    while length:
        # What comes last is often what is not needed, since a run ends where the rule is broken.
        for start in range(size - length, -1, -length):
            yield replace(script, steps=script.steps[:start] + script.steps[start + length :])
        length //= 2
    for name in ("posting", "vantagepoint", "books", "titan"):
        values: dict[str, Any] = dict(getattr(script.flavour, name))
        for key in values:
            if key not in {"entry", "use_files"}:
                kept = {each: value for each, value in values.items() if each != key}
                yield replace(script, flavour=replace(script.flavour, **{name: kept}))
    if script.flavour.vantagepoint.get("entry") == "single":
        yield replace(script, flavour=_with_files(script.flavour))
    for place, step in enumerate(script.steps):
        for name, plain in (("crash", 0), ("tenant", 0), ("times", 1), ("which", 0), ("unapplied", 0)):
            if getattr(step, name, plain) != plain:
                steps = (*script.steps[:place], replace(step, **{name: plain}), *script.steps[place + 1 :])
                yield replace(script, steps=steps)


def _with_files(flavour: Flavour) -> Flavour:
    vantagepoint = {name: value for name, value in flavour.vantagepoint.items() if name != "entry"}
    books = {name: value for name, value in flavour.books.items() if name != "use_files"}
    return replace(flavour, vantagepoint=vantagepoint, books=books)
