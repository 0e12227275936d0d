"""A person lets one bill share a vendor's invoice number: this revision, this number, and what corrects it."""

from dataclasses import replace

from st_deltek_pipeline.domain.allowances import Allowance
from st_deltek_pipeline.domain.coded_amounts import Heading
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.posting_keys import natural_key
from st_deltek_pipeline.domain.postings import Posting
from st_deltek_pipeline_tests.domain.test_reversals import posting

HEADING = Heading(EntryType.VOUCHERS, "INV-7788", vendor="V1", bank="OPER")


def voucher(heading: Heading = HEADING, *, revision: int = 1) -> Posting:
    made = posting(1)
    return replace(
        made, master=replace(made.master, heading=heading), revision=revision, revision_hash=str(revision) * 64
    )


def permits(made: Posting, *, used: bool = False) -> bool:
    key = natural_key(HEADING, padded_to=7)
    allowance = Allowance(made.document, 1, "1" * 64, key, reason="Two deliveries.", by="jane", used=used)
    return allowance.permits(made, padded_to=7)


def test_the_revision_that_was_decided_about_may_share_the_number() -> None:
    assert permits(voucher())


def test_another_revision_may_not_before_the_first_is_posted() -> None:
    assert not permits(voucher(revision=2))


def test_what_corrects_a_posted_bill_may() -> None:
    assert permits(voucher(revision=2), used=True)


def test_another_number_or_vendor_is_another_question() -> None:
    assert not permits(voucher(replace(HEADING, number="INV-7789")))
    assert not permits(voucher(replace(HEADING, vendor="V2")), used=True)


def test_a_bank_that_changed_makes_no_difference() -> None:
    assert permits(voucher(replace(HEADING, bank="MERC")))
