"""Document numbers as Vantagepoint compares them: padding, blanks and case do not tell two apart (section 4.1)."""


def same_invoice_number(first: str, second: str, *, padded_to: int) -> bool:
    """Compare AR invoice numbers, one of which Vantagepoint may have padded with zeros."""
    return invoice_number_key(first, padded_to) == invoice_number_key(second, padded_to)


def invoice_number_key(number: str, padded_to: int) -> str:
    """Fold an AR invoice number so that all its spellings are equal: padding, blanks, and case as in SQL Server."""
    return pad_invoice_number(number, padded_to).casefold()


def pad_invoice_number(number: str, padded_to: int) -> str:
    """Left-pad a manual invoice number the way Vantagepoint does; no number stays none."""
    plain = number.strip()
    return plain.rjust(padded_to, "0") if plain else ""


def folded_number(number: str) -> str:
    """Fold a reference or a vendor's invoice number, which are never padded."""
    return number.strip().casefold()
