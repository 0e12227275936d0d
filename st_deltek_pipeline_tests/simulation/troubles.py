"""What can go wrong on the wire, by name: the sandbox's own fault rules, and requests that arrive late."""

from collections.abc import Mapping

from st_deltek_pipeline.sandbox.faults import FaultRule
from st_deltek_pipeline_tests.simulation.wire import Late

_ENTER = r"/DataEntry/(in|cr|ap|je)Control$"
_POST = r"/DataEntry/PostTransFile$"
_SESSION = r"/Settings/Active"

# Where: system, method, path.
PLACES: Mapping[str, tuple[str, str, str]] = {
    "enter": ("vantagepoint", "POST", _ENTER),
    "post": ("vantagepoint", "PUT", _POST),
    "session": ("vantagepoint", "PUT", _SESSION),
    "look": ("vantagepoint", "GET", r"/DataEntry/"),
    "ledger": ("vantagepoint", "GET", r"/PSALedger/"),
    "books": ("vantagepoint", "GET", r"/(firm|project|organization|Accounts|Settings/Period)"),
    "feed": ("servicetitan", "GET", r"/export/"),
    "list": ("servicetitan", "GET", r"/(invoices|payments|credit-memos|ap-credits|inventory-bills)"),
    "token": ("servicetitan", "POST", r"/connect/token"),
}

# What: the fields of a rule.
EFFECTS: Mapping[str, Mapping[str, object]] = {
    "lost before": {"effect": "drop_before_effect"},
    "lost after": {"effect": "drop_after_effect"},
    "cut off": {"effect": "truncate"},
    "500 before": {"effect": "answer", "status": 500},
    "500 after": {"effect": "answer_after_effect", "status": 500},
    "502 page before": {"effect": "answer", "status": 502, "html": True},
    "502 page after": {"effect": "answer_after_effect", "status": 502, "html": True},
    "504 after": {"effect": "answer_after_effect", "status": 504, "html": True},
    "page with 200 after": {"effect": "answer_after_effect", "status": 200, "html": True},
    "empty 200 after": {"effect": "answer_after_effect", "status": 200},
    "429": {"effect": "answer", "status": 429, "headers": {"Retry-After": "7"}},
    "429 without a word": {"effect": "answer", "status": 429},
    "429 for an hour": {"effect": "answer", "status": 429, "headers": {"Retry-After": "3600"}},
    "401": {"effect": "answer", "status": 401},
    "refused": {"effect": "answer", "status": 400, "body": '{"message": "The record is not valid.", "detail": ""}'},
}


def rule(place: str, effect: str, nth: int, times: int) -> FaultRule:
    """Return the rule that some requests go wrong.

    Args:
        place: A name of ``PLACES``.
        effect: A name of ``EFFECTS``.
        nth: The first request of that place that it strikes, from 1.
        times: How many in a row.
    """
    system, method, path = PLACES[place]
    struck = tuple(range(nth, nth + times))
    return FaultRule.model_validate(
        {
            "name": f"{place}: {effect}",
            "system": system,
            "method": method,
            "path": path,
            "nth": struck,
            **EFFECTS[effect],
        }
    )


def late(place: str, seconds: int) -> Late:
    """Return the rule that the next request of a place is given up and arrives later."""
    _, method, path = PLACES[place]
    return Late(method, path, seconds)
