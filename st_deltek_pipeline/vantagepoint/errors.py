"""What Vantagepoint's refusals mean (vantagepoint.md sections 2 and 5), as one table read from top to bottom.

The status alone does not tell: rules were seen with 400 and with 500, so the text decides. Texts are those
observed on live tenants, and phrases that only a rule uses. A 500 that no phrase explains is a fault of the
server: a read may be repeated, a write is in doubt.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import cast

from st_deltek_pipeline.domain.errors import (
    AlreadyExistsError,
    ConfigurationError,
    CredentialsError,
    InDoubtError,
    PermissionMissingError,
    PipelineError,
    RefusedError,
    TransientError,
)
from st_deltek_pipeline.transport.answers import Answer
from st_deltek_pipeline.transport.exact_json import NotJsonError, loads

_LONGEST_WORDS = 1000
_TEXT_KEYS = ("message", "detail", "exceptionmessage", "error_description", "error", "title")

CLIENT_ERRORS = range(400, 500)
RULES = frozenset({*CLIENT_ERRORS, 500})
FAULTS = frozenset({408, *range(500, 600)})


class Meaning(Enum):
    """What a refusal amounts to."""

    EXISTS = auto()  # AlreadyExistsError
    REFUSED = auto()  # RefusedError
    NO_RIGHT = auto()  # PermissionMissingError
    OTHER_ENTRY = auto()  # ConfigurationError
    FAULT = auto()  # a read: TransientError; a write: InDoubtError


@dataclass(frozen=True)
class ErrorRule:
    """One line of the table.

    Attributes:
        statuses: HTTP statuses it is for.
        text: What the words must contain: a pattern, in any case; empty for any words.
        meaning: What it amounts to.
    """

    statuses: frozenset[int] | range
    text: str
    meaning: Meaning


ERROR_TABLE = (
    ErrorRule(frozenset({403}), r"", Meaning.NO_RIGHT),
    ErrorRule(RULES, r"already exists", Meaning.EXISTS),
    # The setting's own name, and its negation; the sentence itself was not found (section 4).
    ErrorRule(RULES, r"\bfiles\b.{0,30}\bto group\b", Meaning.OTHER_ENTRY),
    ErrorRule(frozenset({408}), r"", Meaning.FAULT),
    # The server's own stumbles: what it did before is not known.
    ErrorRule(frozenset({500}), r"object reference not set to an instance", Meaning.FAULT),
    ErrorRule(frozenset({500}), r"timeout (expired|period)|timed out|deadlock|an error has occurred", Meaning.FAULT),
    # Rules, observed word by word.
    ErrorRule(RULES, r"does not exist", Meaning.REFUSED),
    ErrorRule(RULES, r"please provide an? ", Meaning.REFUSED),
    ErrorRule(RULES, r"the correct format is", Meaning.REFUSED),
    ErrorRule(RULES, r"(string or binary )?data would be truncated", Meaning.REFUSED),
    ErrorRule(RULES, r"autonumber", Meaning.REFUSED),
    # Rules, by the way rules are worded.
    ErrorRule(
        RULES, r"\b(is|are) (required|invalid|not valid|closed|inactive|dormant|posted|already posted)", Meaning.REFUSED
    ),
    ErrorRule(
        RULES, r"\b(is|are) not (an? )?(active|allowed|enabled|permitted|mapped|open|set up|balanced)", Meaning.REFUSED
    ),
    ErrorRule(
        RULES,
        r"\b(cannot|can not|must|must not|may not|does not allow|out of balance|no transactions)\b",
        Meaning.REFUSED,
    ),
    # Whatever else a 4xx says, it says that nothing was done.
    ErrorRule(CLIENT_ERRORS, r"", Meaning.REFUSED),
    ErrorRule(FAULTS, r"", Meaning.FAULT),
)

_NO_RIGHT = "Give the API user's role the right to this, and access to the company (Settings > Security)."
_OTHER_ENTRY = (
    "Set vantagepoint.entry in the connection to what Vantagepoint's setting Use Files to Group Transactions says: files "
    "for yes, single for no."
)
_TRY_LATER = "Nothing was changed by it: run again when Vantagepoint is well."

# Advice for a refused sign-in, by Vantagepoint's error code or sentence (section 1).
SIGN_IN_ADVICE = (
    (r"login has been disabled", "Have a Vantagepoint administrator enable the user again."),
    (
        r"unauthorized_client|password grant|grant type",
        "Tick Allow Password Grant Type for this client under Integrations > API Authorization.",
    ),
    (r"invalid_client|client id|client secret", "Enter client id and secret again: st-deltek connection add NAME."),
    (r"database", "Check database in the connection; API Authorization shows the right name."),
    (r"", "Check user and password, and that no password change is pending: st-deltek connection add NAME."),
)


def meaning_of(status: int, words: str) -> Meaning:
    """Look a refusal up in the table.

    Args:
        status: HTTP status, 400 or above.
        words: What the answer says.

    Returns:
        The first rule that fits; a status no rule knows is a fault.
    """
    for rule in ERROR_TABLE:
        if status in rule.statuses and re.search(rule.text, words, re.IGNORECASE):
            return rule.meaning
    return Meaning.FAULT


def refusal(answer: Answer, *, writes: bool) -> PipelineError:
    """Turn an answer that is not a success into an error.

    Args:
        answer: Any status but 2xx, 3xx, 401 and 429.
        writes: The request may have changed something.

    Returns:
        The error to raise.
    """
    if answer.is_page and answer.status in CLIENT_ERRORS and answer.status != HTTPStatus.FORBIDDEN:
        return _page_instead(answer, writes=writes)
    words = words_of(answer)
    said = f"Vantagepoint answered {answer.what} with status {answer.status}: {words or 'no text'}"
    match meaning_of(answer.status, words):
        case Meaning.NO_RIGHT:
            error: PipelineError = PermissionMissingError(said, advice=_NO_RIGHT)
        case Meaning.OTHER_ENTRY:
            error = ConfigurationError(said, advice=_OTHER_ENTRY)
        case Meaning.EXISTS:
            error = AlreadyExistsError(said, words=words, status=answer.status)
        case Meaning.REFUSED:
            error = RefusedError(said, words=words, status=answer.status)
        case Meaning.FAULT if writes:
            error = InDoubtError(said, advice="Read back before anything is sent again.")
        case Meaning.FAULT:
            error = TransientError(said, advice=_TRY_LATER, retry_after=answer.retry_after)
    return error


def sign_in_refusal(answer: Answer) -> PipelineError:
    """Turn a token endpoint's answer that is not a success into an error (section 1).

    Args:
        answer: Any status but 2xx, 3xx and 429.

    Returns:
        Wrong credentials in Vantagepoint's own sentence, a wrong URL, or an outage.
    """
    words = words_of(answer)
    said = f"Vantagepoint refused the sign-in with status {answer.status}: {words or 'no text'}"
    if answer.status in FAULTS:
        return TransientError(said, advice=_TRY_LATER, retry_after=answer.retry_after)
    if answer.status == HTTPStatus.NOT_FOUND or answer.is_page:
        return ConfigurationError(said, advice="Check base_url in the connection: https://HOST/TENANT/api.")
    advice = next(text for pattern, text in SIGN_IN_ADVICE if re.search(pattern, words, re.IGNORECASE))
    return CredentialsError(said, advice=advice)


def words_of(answer: Answer) -> str:
    """Collect what an error body says, its keys read in any case.

    Args:
        answer: With a JSON object, an array of one, a JSON string, or a page.

    Returns:
        Each different text once, redacted and bounded; the beginning of the body when it has none.
    """
    if answer.is_page:
        return answer.excerpt()
    try:
        body = loads(answer.body)
    except NotJsonError:
        return answer.excerpt()
    if isinstance(body, list) and body:
        body = cast("list[object]", body)[0]
    texts: list[str] = []
    if isinstance(body, str):
        texts = [body]
    elif isinstance(body, dict):
        members = {key.lower(): value for key, value in cast("Mapping[str, object]", body).items()}
        texts = [text for text in map(members.get, _TEXT_KEYS) if isinstance(text, str)]
    words = "; ".join(dict.fromkeys(text.strip() for text in texts if text.strip()))
    return answer.redactor.text(words)[:_LONGEST_WORDS] or answer.excerpt()


def _page_instead(answer: Answer, *, writes: bool) -> PipelineError:
    """A web server or gateway answered 4xx in the API's place."""
    message = f"A page with status {answer.status} came instead of Vantagepoint's answer to {answer.what}: "
    message += answer.excerpt()
    if answer.status == HTTPStatus.NOT_FOUND:
        return ConfigurationError(message, advice="Check base_url in the connection: https://HOST/TENANT/api.")
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return RefusedError(message, words=answer.excerpt(), status=answer.status)
    if writes:
        return InDoubtError(message, advice="Read back before anything is sent again.")
    return TransientError(message, retry_after=answer.retry_after)
