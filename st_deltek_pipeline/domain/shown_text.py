"""Texts of others as they are shown to people: nothing in a name may move the cursor, end a line, or turn letters around.

What is stored and posted stays as it was sent; this is for terminals, logs and tables only.
"""

import re

# Controls of both sets, what ends a line without looking so, what turns the direction of writing around, halves of letters.
_ANYWHERE = "\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff"
_IN_LINES = re.compile(f"[{_ANYWHERE}]")
_IN_A_LINE = re.compile(f"[{_ANYWHERE}\\t\\n]")


def in_a_line(text: str) -> str:
    """Write a text so that it is part of one line and stays there.

    Args:
        text: Any, with names of others in it.

    Returns:
        The same with its control characters written out, each as a backslash and its number.
    """
    return _IN_A_LINE.sub(_written_out, text)


def in_lines(text: str) -> str:
    """Do the same to a text whose own lines and tabs are meant.

    Args:
        text: Of ours, with names of others in it.
    """
    return _IN_LINES.sub(_written_out, text)


def in_json(text: str) -> str:
    """Write out what JSON allows in its strings and a terminal would obey.

    Args:
        text: A JSON document.

    Returns:
        The same document in other letters.
    """
    return _IN_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _written_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
