"""What ServiceTitan's refusals mean (servicetitan.md section 5), as errors of the project's taxonomy.

====================  =======================================================================
400 on a feed token   FeedTokenRefusedError
400, 409, 422 ...     RefusedError with ServiceTitan's own words
403                   PermissionMissingError, naming the resource and its scope
404                   ConfigurationError: no such tenant or path
408, 5xx              TransientError, after the session's retries
====================  =======================================================================

401 and 429 never come here: the session renews the token, and waits.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

from st_deltek_pipeline.domain.errors import (
    ConfigurationError,
    CredentialsError,
    PermissionMissingError,
    PipelineError,
    RefusedError,
    TransientError,
)
from st_deltek_pipeline.servicetitan.scopes import read_scope, write_scope
from st_deltek_pipeline.transport.answers import Answer
from st_deltek_pipeline.transport.exact_json import NotJsonError, loads

_TRY_AGAIN = re.compile(r"try again in\s+(\d{1,9})\s+second", re.IGNORECASE)
_LONGEST_WORDS = 500
_TRY_LATER = "Nothing was changed by it: run again when ServiceTitan is well."


class FeedTokenRefusedError(RefusedError):
    """A feed refused the continuation token: read the feed again from its start."""


def seconds_in_title(answer: Answer) -> int | None:
    """Read the wait from a 429's title, ``... Try again in N seconds.`` (section 5).

    Args:
        answer: A 429 without ``Retry-After``.

    Returns:
        Seconds, or ``None`` when the title says nothing of the kind.
    """
    found = _TRY_AGAIN.search(_words(answer))
    return None if found is None else int(found.group(1))


def refusal(answer: Answer, *, feed_token: bool = False, writes: bool = False) -> PipelineError:
    """Turn an answer that is not a success into an error.

    Args:
        answer: Any status but 2xx, 3xx, 401 and 429.
        feed_token: The request was a feed's with a continuation token.
        writes: The request was to change something.

    Returns:
        The error to raise.
    """
    words, status, what = _words(answer), answer.status, answer.what
    said = f"ServiceTitan answered {what} with status {status}: {words or 'no text'}"
    if status == HTTPStatus.FORBIDDEN:
        return _permission_missing(answer, words, writes=writes)
    if status == HTTPStatus.NOT_FOUND:
        advice = "Check tenant_id and api_url in the connection."
        return ConfigurationError(said, advice=advice)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return TransientError(said, advice=_TRY_LATER, retry_after=answer.retry_after)
    if status == HTTPStatus.BAD_REQUEST and feed_token:
        message = f"ServiceTitan refused the continuation token of {what}: {words or 'no text'}"
        return FeedTokenRefusedError(message, words=words, status=status, advice="Read the feed again from its start.")
    return RefusedError(said, words=words, status=status)


def sign_in_refusal(answer: Answer) -> PipelineError:
    """Turn a token endpoint's answer that is not a success into an error (section 1).

    Args:
        answer: Any status but 2xx, 3xx and 429.

    Returns:
        The error to raise: wrong credentials, a wrong URL, or an outage.
    """
    words = _words(answer)
    said = f"ServiceTitan refused the sign-in with status {answer.status}: {words or 'no text'}"
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.REQUEST_TIMEOUT:
        return TransientError(said, advice=_TRY_LATER, retry_after=answer.retry_after)
    if answer.status == HTTPStatus.NOT_FOUND:
        return ConfigurationError(said, advice="Check auth_url in the connection.")
    advice = (
        "Check client id and secret; they are issued per tenant and per environment (st-deltek connection add NAME)."
    )
    return CredentialsError(said, advice=advice)


def _permission_missing(answer: Answer, words: str, *, writes: bool) -> PermissionMissingError:
    scope = write_scope(answer.what) if writes else read_scope(answer.what)
    missing = f"the scope {scope}" if scope else "a scope"
    what = f"{'write' if writes else 'read'} {answer.what}"
    message = f"ServiceTitan does not let this app {what} (403): {words or 'no text'}"
    advice = (
        f"Most likely {missing} is missing: add it to the app, then let the tenant's admin accept the new app version."
    )
    return PermissionMissingError(message, advice=advice)


def _words(answer: Answer) -> str:
    """Collect the texts of an error body, ``{type, title, status, traceId, errors, data}``; never all of a page."""
    if answer.is_page:
        return answer.excerpt()
    try:
        body = loads(answer.body)
    except NotJsonError:
        return answer.excerpt()
    if not isinstance(body, dict):
        return answer.excerpt()
    members = cast("Mapping[str, object]", body)
    texts = [members.get("title"), members.get("error"), members.get("error_description")]
    errors = members.get("errors")
    if isinstance(errors, dict):
        for name, messages in cast("Mapping[str, object]", errors).items():
            listed = cast("list[object]", messages) if isinstance(messages, list) else [messages]
            texts.extend(f"{name}: {message}" for message in listed)
    words = "; ".join(text for text in texts if isinstance(text, str) and text)
    return answer.redactor.text(words)[:_LONGEST_WORDS] or answer.excerpt()
