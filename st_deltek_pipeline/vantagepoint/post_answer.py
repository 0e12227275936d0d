"""Reads what ``PostTransFile`` answers: a text that looks like JSON and is not (vantagepoint.md section 4.6).

The published example lacks a comma after ``typeList`` and separates lines by a literal ``[CRLF]``, so the parts
are found by their names.
"""

import re
from collections.abc import Mapping
from typing import cast

from st_deltek_pipeline.vantagepoint.rows import PostAnswer

_LIST = r"""["']?\b{name}["']?\s*[:=]\s*["']?(?P<values>[^"',}}\[\]]*)"""
_MESSAGE = re.compile(r"""["']?\bmsg["']?\s*[:=]\s*["']?(?P<text>.*)""", re.IGNORECASE | re.DOTALL)
_LINE_END = re.compile(r"\[CRLF\]|\\r\\n|\r?\n|<br\s*/?>", re.IGNORECASE)
_COUNTS = re.compile(r"(?P<done>\d{1,9})\s+of\s+(?P<all>\d{1,9})\s+records?\s+posted", re.IGNORECASE)
_POSTED = "1"


class UnclearPostAnswerError(ValueError):
    """The answer does not say whether the file was posted, or says two things."""


def parse_post_answer(answer: object, batch: str) -> PostAnswer:
    """Read what was said about one file.

    Args:
        answer: The JSON string, or an object with the same members; anything else is unclear.
        batch: The file; the answer may name several.

    Returns:
        What became of the file.

    Raises:
        UnclearPostAnswerError: The file or its ``retList`` entry is missing, or some of its records were
            posted and some not: only a read-back can tell.
    """
    text = _text_of(answer)
    batches, outcomes = _list(text, "batchList"), _list(text, "retList")
    position = _position(batches, outcomes, batch)
    message = _message(text, batch, position, len(outcomes))
    posted = outcomes[position] == _POSTED
    counts = _COUNTS.search(message)
    if counts is not None:
        done, records = int(counts["done"]), int(counts["all"])
        if (posted and done < records) or (done and not posted):
            reason = f"{done} of {records} records posted, retList {outcomes[position]!r}"
            raise UnclearPostAnswerError(reason)
    return PostAnswer(
        posted=posted,
        period=_number(_list(text, "periodList"), position),
        post_sequence=_number(_list(text, "postseqList"), position),
        message=message,
    )


def _text_of(answer: object) -> str:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, dict):
        members = cast("Mapping[str, object]", answer)
        return ",".join(f'"{name}":"{value}"' for name, value in members.items() if name != "msg") + (
            f',"msg":"{members["msg"]}"' if "msg" in members else ""
        )
    reason = f"a {type(answer).__name__} instead of a text"
    raise UnclearPostAnswerError(reason)


def _position(batches: list[str], outcomes: list[str], batch: str) -> int:
    folded = [each.casefold() for each in batches]
    if not batches and len(outcomes) == 1:
        return 0  # one file was sent, so the one outcome is its own
    if folded.count(batch.casefold()) != 1 or len(outcomes) != len(batches):
        reason = f"no single outcome for file {batch}"
        raise UnclearPostAnswerError(reason)
    return folded.index(batch.casefold())


def _list(text: str, name: str) -> list[str]:
    before_message = text[: _message_start(text)]
    found = re.search(_LIST.format(name=name), before_message, re.IGNORECASE)
    if found is None or not found["values"].strip():
        return []
    return [value.strip() for value in found["values"].split("|")]


def _message_start(text: str) -> int:
    found = _MESSAGE.search(text)
    return len(text) if found is None else found.start()


def _message(text: str, batch: str, position: int, files: int) -> str:
    found = _MESSAGE.search(text)
    if found is None:
        return ""
    lines = [line.strip(" \t\"'}") for line in _LINE_END.split(found["text"])]
    lines = [line for line in lines if line]
    if files == 1:
        return "\n".join(lines)
    name = re.compile(rf"(?<![a-z0-9]){re.escape(batch)}(?![a-z0-9])", re.IGNORECASE)
    about = [line for line in lines if name.search(line)]
    if len(about) != 1 and len(lines) == files:
        # One line per file, in the files' order.
        about = [lines[position]]
    return "\n".join(about)


def _number(values: list[str], position: int) -> int | None:
    if position >= len(values) or not values[position].isascii() or not values[position].isdigit():
        return None
    return int(values[position][:9]) or None
