"""Names as they are compared: which two are the same, which look the same, and what of a name says who it is.

Three forms, each coarser than the one before. ``exact_name`` is what certainty rests on: it forgives only what no
person would see (case, spacing, Unicode form, kinds of apostrophe). ``look_alike`` also forgives accents and letters
of other scripts, ``name_words`` also punctuation and legal forms; these two find candidates for a person.
How near two names are, and what follows from it, is in ``firm_scores``.
"""

import re
import unicodedata

from st_deltek_pipeline.domain.confusables import LETTERS, SIGNS

# One sign each for what keyboards and word processors write in several ways.
_TYPOGRAPHY = str.maketrans({
    "\N{LEFT SINGLE QUOTATION MARK}": "'", "\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{MODIFIER LETTER APOSTROPHE}": "'",
    "\N{SINGLE LOW-9 QUOTATION MARK}": "'", "\N{SINGLE HIGH-REVERSED-9 QUOTATION MARK}": "'", "`": "'",
    "\N{ACUTE ACCENT}": "'", "\N{PRIME}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"', "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{DOUBLE LOW-9 QUOTATION MARK}": '"', "\N{DOUBLE PRIME}": '"',
    "\N{HYPHEN}": "-", "\N{NON-BREAKING HYPHEN}": "-", "\N{FIGURE DASH}": "-", "\N{EN DASH}": "-", "\N{EM DASH}": "-",
    "\N{HORIZONTAL BAR}": "-", "\N{MINUS SIGN}": "-",
})  # fmt: skip
# Control, format and surrogate characters: nothing a person sees. Spaces among them are gone by then.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs"})
_VARIATION_SELECTORS = frozenset(map(chr, range(0xFE00, 0xFE10)))

_DROPPED = str.maketrans(dict.fromkeys("'.\"", ""))
_NOT_A_WORD = re.compile(r"[\W_]+")
_LEGAL_FORMS = frozenset({
    "llc", "inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited", "lp", "llp", "lllp", "pllc",
    "pc", "plc", "gmbh", "ag", "sa", "sl", "srl", "bv", "nv", "ab", "as", "oy", "kg",
})  # fmt: skip
_SMALL_WORDS = frozenset({"the", "and", "of"})


def exact_name(name: str) -> str:
    """Fold a name for exact comparison.

    Args:
        name: As somebody typed it.

    Returns:
        The same text for names that no person could tell apart, but for look-alike letters, which stay different;
        empty for a name without a visible character.
    """
    if name.isascii() and name.isprintable():
        return " ".join(name.replace("`", "'").casefold().split())
    # Folding can give what is not composed, and composing what can be folded; some signs are taken apart by it.
    signs = unicodedata.normalize("NFC", name).translate(_TYPOGRAPHY)
    folded = unicodedata.normalize("NFKC", signs).casefold()
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())
    spaced = " ".join(composed.translate(_TYPOGRAPHY).split())
    visible = (
        letter
        for letter in spaced
        if unicodedata.category(letter) not in _INVISIBLE and letter not in _VARIATION_SELECTORS
    )
    return " ".join("".join(visible).split())


def look_alike(exact: str) -> str:
    """Fold an exact name to what it looks like: without accents, in Latin letters, digits as the letters they resemble.

    Args:
        exact: From ``exact_name``.
    """
    return _in_latin(exact).translate(SIGNS)


def name_words(exact: str) -> tuple[str, ...]:
    """Take the words out of an exact name that say who it is, in their order.

    Args:
        exact: From ``exact_name``.

    Returns:
        Its words in Latin letters without accents, punctuation, legal forms and small words; all its words where
        nothing else is left.
    """
    words = tuple(word for word in _NOT_A_WORD.split(_in_latin(exact).translate(_DROPPED)) if word)
    telling = tuple(word for word in words if word not in _LEGAL_FORMS and word not in _SMALL_WORDS)
    return telling or words


def foreign_letters(exact: str) -> tuple[str, ...]:
    """Name the letters of a name that look like Latin ones and are none, as Unicode names them.

    Args:
        exact: From ``exact_name``.
    """
    return tuple(sorted(unicodedata.name(letter) for letter in set(exact) if ord(letter) in LETTERS))


def clean_name(name: str) -> str:
    """Write a name as it is sent to Vantagepoint: composed, without invisible characters, single spaces.

    Args:
        name: As ServiceTitan has it.
    """
    composed = " ".join(unicodedata.normalize("NFC", name).split())
    # A joiner inside a word or an emoji is part of how it is written; other invisible characters are not.
    kept = (letter for letter in composed if unicodedata.category(letter) not in _INVISIBLE or letter in "\u200c\u200d")
    return " ".join("".join(kept).split())


def stored_length(name: str) -> int:
    """Count a name's characters as SQL Server does, which keeps UTF-16: an emoji counts twice."""
    return len(name.encode("utf-16-le", "surrogatepass")) // 2


def _in_latin(exact: str) -> str:
    if exact.isascii():
        return exact
    parts = unicodedata.normalize("NFD", exact)
    return "".join(letter for letter in parts if unicodedata.category(letter) != "Mn").translate(LETTERS)
