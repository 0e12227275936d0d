"""Letters of other scripts that look like Latin ones, so that a look-alike is shown to a person and never trusted.

A selection from the look-alikes of Unicode's security mechanisms (UTS 39): what is met in names that were typed with
another keyboard, or pasted on purpose. Letters are in lower case; names are folded before they are looked up. That a
pair looks alike only ever makes a candidate, so a letter too many costs a question and one too few a duplicate.
"""

# ruff: noqa: RUF001 - the look-alikes themselves
from collections.abc import Mapping

_CYRILLIC = {
    "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "ё": "e", "һ": "h", "н": "h", "і": "i", "ї": "i", "ј": "j",
    "к": "k", "ӏ": "l", "м": "m", "п": "n", "о": "o", "ө": "o", "р": "p", "ԛ": "q", "г": "r", "ѕ": "s", "т": "t",
    "у": "y", "ү": "y", "ѵ": "v", "ԝ": "w", "х": "x", "ь": "b", "з": "3",
}  # fmt: skip
_GREEK = {
    "α": "a", "β": "b", "γ": "y", "ε": "e", "ζ": "z", "η": "n", "ι": "i", "κ": "k", "μ": "u", "ν": "v", "ο": "o",
    "ρ": "p", "σ": "o", "τ": "t", "υ": "u", "χ": "x", "ϲ": "c", "ϳ": "j", "ω": "w",
}  # fmt: skip
_ARMENIAN_AND_OTHERS = {"օ": "o", "ս": "u", "հ": "h", "ց": "g", "զ": "q", "ո": "n", "ⲟ": "o", "ꓳ": "o"}
_LATIN = {
    "ı": "i", "ɩ": "i", "ɑ": "a", "ɡ": "g", "ꞓ": "c", "đ": "d", "ð": "d", "ħ": "h", "ł": "l", "ø": "o", "ŧ": "t",
    "ƅ": "b", "ʀ": "r", "ʏ": "y", "ᴄ": "c", "ᴏ": "o", "ᴠ": "v", "ᴡ": "w", "ᴢ": "z", "ꜱ": "s", "ʟ": "l", "ɴ": "n",
}  # fmt: skip

LETTERS: Mapping[int, str] = str.maketrans({**_CYRILLIC, **_GREEK, **_ARMENIAN_AND_OTHERS, **_LATIN})
"""Letter to the Latin letter it looks like, for ``str.translate``."""

SIGNS: Mapping[int, str] = str.maketrans({"0": "o", "1": "l", "|": "l"})
"""Digits and signs that are mistaken for a letter, likewise."""
