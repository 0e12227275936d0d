"""Faults by name: what is known to go wrong between the two systems and a client, each as rules of ``fault_rules``.

``fault_plan`` reads what people write: names, with an endpoint and a seed where they like. A name never changes what it
means. Each of them ends by itself after some strikes, so that work goes on.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.sandbox.fault_rules import FaultRule


@dataclass(frozen=True)
class NamedFault:
    """Trouble with a name.

    Attributes:
        summary: What goes wrong, for people; a few words.
        rules: How, by the endpoints that it is about.
    """

    name: str
    summary: str
    rules: tuple[FaultRule, ...]


def _named(name: str, summary: str, *rules: dict[str, Any]) -> NamedFault:
    return NamedFault(name, summary, tuple(FaultRule(name=name, **rule) for rule in rules))


# Everything but signing in, which is limited and refused in other ways.
_CALLS: dict[str, Any] = {"path": r"^/(?!connect/token|\w+/api/token)"}
_SIGN_IN: dict[str, Any] = {"path": r"^/(connect/token|\w+/api/token)"}
_FEEDS: dict[str, Any] = {"system": "servicetitan", "method": "GET", "path": r"/export/"}
_RECORDS: dict[str, Any] = {"system": "servicetitan", "method": "GET", "path": r"/v2/tenant/"}
_ENTERS: dict[str, Any] = {"system": "vantagepoint", "method": "POST", "path": r"/DataEntry/\w+(Control|Master)"}
_POSTS: dict[str, Any] = {"system": "vantagepoint", "method": "PUT", "path": r"/PostTransFile"}
_MARKS: dict[str, Any] = {"system": "servicetitan", "method": "POST", "path": r"/v2/tenant/"}

_STORM: dict[str, Any] = {"probability": 0.6, "most": 30, "effect": "answer", "status": 429}
_NOW_AND_THEN: dict[str, Any] = {"probability": 0.2, "most": 30}
_OFTEN: dict[str, Any] = {"probability": 0.75, "most": 6}
_TOKENS_LAPSE: dict[str, Any] = {**_CALLS, "probability": 0.2, "most": 10, "happens": "tokens_lapse"}

NAMED_FAULTS: Sequence[NamedFault] = (
    # --- Too many calls ----------------------------------------------------------------------------------------------
    _named(
        "too_many_calls_seconds",
        "a storm of 429, each with Retry-After in seconds",
        {**_CALLS, **_STORM, "retry_after": 1},
    ),
    _named(
        "too_many_calls_date",
        "a storm of 429, each with Retry-After as a date",
        {**_CALLS, **_STORM, "retry_after": 2, "retry_after_date": True},
    ),
    _named("too_many_calls_silent", "a storm of 429 without Retry-After", {**_CALLS, **_STORM}),
    _named(
        "too_many_calls_huge",
        "429 with a Retry-After of a day",
        {**_CALLS, **_NOW_AND_THEN, "most": 6, "effect": "answer", "status": 429, "retry_after": 86_400},
    ),
    # --- Broken answers and connections ------------------------------------------------------------------------------
    _named("error_500", "500 before the effect", {**_CALLS, **_NOW_AND_THEN, "effect": "answer", "body": "{}"}),
    _named("error_500_after", "500 after the effect", {**_CALLS, **_NOW_AND_THEN, "effect": "answer_after_effect"}),
    _named(
        "bad_gateway",
        "502 with an HTML page before the effect",
        {**_CALLS, **_NOW_AND_THEN, "effect": "answer", "status": 502, "html": True},
    ),
    _named(
        "bad_gateway_after",
        "502 with an HTML page after the effect",
        {**_CALLS, **_NOW_AND_THEN, "effect": "answer_after_effect", "status": 502, "html": True},
    ),
    _named("unavailable", "503 before the effect", {**_CALLS, **_NOW_AND_THEN, "effect": "answer", "status": 503}),
    _named(
        "page_for_answer",
        "an HTML page with 200 after the effect",
        {**_CALLS, **_NOW_AND_THEN, "effect": "answer_after_effect", "status": 200, "html": True},
    ),
    _named(
        "reset", "the connection breaks before the effect", {**_CALLS, **_NOW_AND_THEN, "effect": "drop_before_effect"}
    ),
    _named(
        "reset_after",
        "the connection breaks after the effect",
        {**_CALLS, **_NOW_AND_THEN, "effect": "drop_after_effect"},
    ),
    _named("truncated", "the answer stops in its middle", {**_CALLS, **_NOW_AND_THEN, "effect": "truncate"}),
    _named(
        "slow_drip", "the answer comes in drips, for a third of a second", {**_CALLS, **_NOW_AND_THEN, "drip_ms": 20}
    ),
    _named(
        "lost_answer",
        "what was written is there, and its answer is lost",
        {**_ENTERS, **_OFTEN, "effect": "drop_after_effect"},
        {**_POSTS, **_OFTEN, "effect": "drop_after_effect"},
        {**_MARKS, **_OFTEN, "effect": "drop_after_effect"},
    ),
    # --- Late arrivals -----------------------------------------------------------------------------------------------
    _named(
        "late_entry",
        "an entered file that timed out arrives after it was sent again",
        {**_ENTERS, **_OFTEN, "effect": "late", "arrives": "after_next"},
    ),
    _named(
        "late_entry_before",
        "an entered file that timed out arrives between the decision to send it again and the sending",
        {**_ENTERS, **_OFTEN, "effect": "late", "arrives": "before_next"},
    ),
    _named(
        "late_entry_at_last",
        "an entered file that timed out arrives when everything is over",
        {**_ENTERS, **_OFTEN, "effect": "late", "arrives": "when_cleared"},
    ),
    _named(
        "late_posting",
        "the posting of a file that timed out arrives after the next one",
        {**_POSTS, **_OFTEN, "effect": "late", "arrives": "after_next"},
    ),
    _named(
        "late_period",
        "a change of the active period that timed out arrives after the next one",
        {
            "system": "vantagepoint",
            "method": "PUT",
            "path": r"/Settings/ActivePeriod",
            **_OFTEN,
            "effect": "late",
            "arrives": "after_next",
        },
    ),
    # --- Signing in --------------------------------------------------------------------------------------------------
    _named("tokens_lapse", "every access token lapses in mid-run", _TOKENS_LAPSE),
    _named(
        "sign_in_down",
        "tokens lapse, and the token endpoint answers 503",
        _TOKENS_LAPSE,
        {**_SIGN_IN, **_OFTEN, "effect": "answer", "status": 503, "html": True},
    ),
    _named(
        "sign_in_error_body",
        "tokens lapse, and the token endpoint answers 200 with an error in place of a token",
        _TOKENS_LAPSE,
        {**_SIGN_IN, **_OFTEN, "effect": "answer", "status": 200, "body": '{"error":"temporarily_unavailable"}'},
    ),
    _named(
        "new_secret",
        "somebody makes a new client secret in Vantagepoint, which ends the old one and its tokens",
        {**_CALLS, "system": "vantagepoint", "nth": 5, "happens": "new_secret"},
    ),
    # --- Entering, posting and reading back --------------------------------------------------------------------------
    _named(
        "lagging_ledger",
        "the ledger does not show yet what was posted",
        {"system": "vantagepoint", "path": r"/PSALedger/", **_OFTEN, "effect": "answer", "status": 200, "body": "[]"},
    ),
    _named(
        "lagging_entry",
        "answers to entered files are lost, and the files are not shown yet",
        {**_ENTERS, **_OFTEN, "effect": "drop_after_effect"},
        {
            "system": "vantagepoint",
            "method": "GET",
            "path": r"/DataEntry/\w+(Control|Master|Detail)",
            **_OFTEN,
            "effect": "answer",
            "status": 404,
            "body": '{"message":"The requested resource does not exist.","detail":""}',
        },
    ),
    _named("half_a_file", "half of a file is entered", {**_ENTERS, "nth": 1, "half": True}),
    _named(
        "half_a_file_unanswered",
        "half of a file is entered, and its answer is lost",
        {**_ENTERS, "nth": 1, "half": True, "effect": "drop_after_effect"},
    ),
    _named(
        "post_refused",
        "an entered file is refused when it is to be posted",
        {**_POSTS, **_OFTEN, "effect": "answer", "status": 400, "body": '{"message":"The file cannot be posted now."}'},
    ),
    _named(
        "post_answer_lost",
        "a file is posted, and the answer is lost",
        {**_POSTS, **_OFTEN, "effect": "drop_after_effect"},
    ),
    _named(
        "period_closed",
        "the period is closed between entering and posting",
        {**_POSTS, "nth": 1, "happens": "period_closed"},
    ),
    # --- Feeds -------------------------------------------------------------------------------------------------------
    _named(
        "feed_repeats",
        "pages of a feed hold every row twice",
        {**_FEEDS, **_OFTEN, "change": {"page": "rows_twice"}},
    ),
    _named(
        "feed_lags",
        "a feed says that there is nothing new yet",
        {**_FEEDS, **_OFTEN, "change": {"page": "nothing_new"}},
    ),
    _named(
        "feed_reorders",
        "pages of a feed are in another order",
        {**_FEEDS, **_OFTEN, "change": {"page": "rows_reordered"}},
    ),
    _named(
        "feed_repeats_token",
        "a feed gives the token again that it was asked with, and promises more",
        {**_FEEDS, **_OFTEN, "change": {"page": "token_repeated"}},
    ),
    _named(
        "feed_drops_page",
        "a feed loses the rows of a page, once",
        {**_FEEDS, **_OFTEN, "most": 1, "change": {"page": "rows_dropped"}},
    ),
    _named(
        "feed_empty_page",
        "a page of a feed is empty, and promises more",
        {**_FEEDS, **_OFTEN, "change": {"page": "empty_with_more"}},
    ),
    # --- Records that change their shape -----------------------------------------------------------------------------
    _named(
        "field_added",
        "records have a member that nobody knows",
        {**_RECORDS, **_OFTEN, "change": {"set_fields": {"addedByServiceTitan": {"id": 1, "notes": ["new", None]}}}},
    ),
    _named(
        "field_missing",
        "records lack members that they can do without",
        {**_RECORDS, **_OFTEN, "change": {"remove_fields": ["memo", "summary", "dueDate", "customFields"]}},
    ),
    _named(
        "date_missing",
        "documents lack their date",
        {**_RECORDS, **_OFTEN, "change": {"remove_fields": ["invoiceDate", "date", "billDate", "depositDate"]}},
    ),
    _named("id_missing", "records lack their id", {**_RECORDS, **_OFTEN, "change": {"remove_fields": ["id"]}}),
    _named(
        "type_changed",
        "members of records have another type: totals are texts, customers and vendors are numbers",
        {**_RECORDS, **_OFTEN, "change": {"retype_fields": ["total", "billAmount", "amount", "customer", "vendor"]}},
    ),
    _named(
        "status_unknown",
        "documents have a status that nobody knows",
        {**_RECORDS, **_OFTEN, "change": {"replace_fields": {"syncStatus": "Archived"}}},
    ),
    _named(
        "null_for_list",
        "lists within records are null",
        {
            **_RECORDS,
            **_OFTEN,
            "change": {"replace_fields": {"items": None, "appliedTo": None, "splits": None, "expenseItems": None}},
        },
    ),
)
"""Every name, in the order of a list for people."""

_BY_NAME = {each.name: each for each in NAMED_FAULTS}
_WRITTEN = re.compile(r"([a-z0-9_]+)(?:@(.+))?", re.DOTALL)


def fault_plan(wanted: str, seed: int) -> tuple[FaultRule, ...]:
    """Return the rules of what people write.

    Args:
        wanted: Names, separated by commas; ``NAME@PATH`` has the trouble at the endpoints whose address holds the
            regular expression ``PATH``, in place of the usual ones.
        seed: The same names and seed have the same trouble with the same requests.

    Raises:
        ConfigurationError: A name that is none, or a path that is no regular expression.
    """
    return tuple(rule for each in wanted.split(",") if each.strip() for rule in _rules(each.strip(), seed))


def _rules(written: str, seed: int) -> list[FaultRule]:
    match = _WRITTEN.fullmatch(written)
    named = None if match is None else _BY_NAME.get(match[1])
    if match is None or named is None:
        message = f"There is no fault {written!r}."
        raise ConfigurationError(message, advice=f"Choose from {', '.join(_BY_NAME)}.")
    rules: list[FaultRule] = []
    for number, rule in enumerate(named.rules):
        own = {"name": written, "seed": zlib.crc32(f"{named.name}/{number}/{seed}".encode())}
        if match[2] is not None:
            own["path"] = match[2]
        try:
            rules.append(FaultRule.model_validate({**rule.model_dump(exclude_defaults=True), **own}))
        except ValidationError as error:
            message = f"The fault {written!r} cannot be: {error.errors()[0]['msg']}."
            raise ConfigurationError(message) from None
    return rules
