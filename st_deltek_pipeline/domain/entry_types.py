"""Vantagepoint's transaction entry types that this project enters, and how each shows in the ledger.

The bodies of files are in ``entry_bodies``; vantagepoint.md section 4.
"""

from enum import StrEnum

DATED = "Date"
PAY_TERMS = (DATED, "Next", "Hold", "PWP")
"""Payment terms of a voucher: due on its date, with the next payments, not for now, or once the client has paid."""


class EntryType(StrEnum):
    """By the two-letter prefix of transaction entry; stored, so a value never changes."""

    INVOICES = "in"
    RECEIPTS = "cr"
    VOUCHERS = "ap"
    JOURNAL_ENTRIES = "je"

    @property
    def ledger_type(self) -> str:
        """Its name in the posted ledger and in PostTransFile."""
        return self.value.upper()

    @property
    def ledger_sign(self) -> int:
        """What turns a line's amount in the ledger into our amount.

        Invoices and receipts are entered from their credit side, vouchers and journal entries from the debit side
        (sections 4.1 to 4.5), and the ledger shows credits as negative.
        """
        return -1 if self in {EntryType.INVOICES, EntryType.RECEIPTS} else 1

    @property
    def plural(self) -> str:
        """What people call a file's documents."""
        return _PLURALS[self]


_PLURALS = {
    EntryType.INVOICES: "AR invoices",
    EntryType.RECEIPTS: "cash receipts",
    EntryType.VOUCHERS: "AP vouchers",
    EntryType.JOURNAL_ENTRIES: "journal entries",
}
