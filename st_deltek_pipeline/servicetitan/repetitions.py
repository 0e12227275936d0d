"""Whether two payloads of a record say the same, though ServiceTitan's feed and list write it a little differently."""

from typing import Any, cast

from st_deltek_pipeline.transport.exact_json import NotJsonError, loads

# Rows of export feeds state it; those of the list of inventory bills, which has active ones only, do not (section 3.3).
_UNDERSTOOD = {"active": True}


def says_the_same(payload: bytes, other: bytes) -> bool:
    """Say whether two versions of a record have the same members, in any order; ``active`` is understood.

    Args:
        payload: JSON of one version.
        other: JSON of another; a payload that cannot be read exactly says nothing and so not the same.
    """
    try:
        return bool(_said(payload) == _said(other))
    except NotJsonError:
        return False


def _said(payload: bytes) -> Any:  # noqa: ANN401 - any JSON value, only compared
    found = loads(payload)
    return _UNDERSTOOD | cast("dict[str, Any]", found) if isinstance(found, dict) else found
