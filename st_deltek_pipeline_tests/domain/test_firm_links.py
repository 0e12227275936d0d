"""Looking a document's firm up: a firm that can be posted to, or the hold that says what is missing."""

import pytest

from st_deltek_pipeline.domain.firm_links import (
    FirmLink,
    FirmLinks,
    LinkState,
    PartyKey,
    PartyKind,
    VendorAccounting,
)
from st_deltek_pipeline.domain.holds import Hold, HoldReason

CUSTOMER = PartyKey(PartyKind.CUSTOMER, 1)
VENDOR = PartyKey(PartyKind.VENDOR, 2)
ACCOUNTING = VendorAccounting("AP", "OPER", "Date")


def _customer(state: LinkState, **more: str) -> FirmLink | Hold:
    links = FirmLinks({1: FirmLink(CUSTOMER, "Acme", state, firm_id="F1", number="7", **more)})
    return links.customer(1, "Acme ", "invoice:9")


def _vendor(vendor: str, accounting: VendorAccounting | None) -> FirmLink | Hold:
    link = FirmLink(VENDOR, "Supply", LinkState.LINKED, "F2", "8", vendor, accounting=accounting)
    return FirmLinks(vendors={2: link}).vendor(2, "Supply", "bill:5")


def test_a_linked_customer_and_a_vendor_with_accounting_data_can_be_posted_to() -> None:
    found = _customer(LinkState.LINKED)
    assert isinstance(found, FirmLink)
    assert found.firm_id == "F1"
    found = _vendor("000008", ACCOUNTING)
    assert isinstance(found, FirmLink)
    assert (found.vendor, found.accounting) == ("000008", ACCOUNTING)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (LinkState.AMBIGUOUS, HoldReason.CUSTOMER_FIRM_AMBIGUOUS),
        (LinkState.MISSING, HoldReason.CUSTOMER_WITHOUT_FIRM),
        (LinkState.GONE, HoldReason.CUSTOMER_WITHOUT_FIRM),
        (LinkState.TOO_LONG, HoldReason.FIRM_NAME_TOO_LONG),
        (LinkState.INACTIVE, HoldReason.FIRM_INACTIVE),
        (LinkState.ROLE_MISSING, HoldReason.FIRM_ROLE_MISSING),
        (LinkState.REFUSED, HoldReason.FIRM_REFUSED),
        (LinkState.IN_DOUBT, HoldReason.FIRM_IN_DOUBT),
    ],
)
def test_every_other_state_is_a_hold_that_names_the_document_and_the_party(
    state: LinkState, reason: HoldReason
) -> None:
    hold = _customer(state, message="is not what it should be.", words="No.")
    assert isinstance(hold, Hold)
    assert (hold.reason, hold.words) == (reason, "No.")
    assert hold.message == "invoice:9: customer:1 'Acme' is not what it should be."
    assert hold.advice


@pytest.mark.parametrize(
    ("vendor", "accounting", "lacks"), [("000008", None, "no accounting data"), ("", ACCOUNTING, "no vendor code")]
)
def test_a_vendor_without_code_or_accounting_data_is_a_hold(
    vendor: str, accounting: VendorAccounting | None, lacks: str
) -> None:
    hold = _vendor(vendor, accounting)
    assert isinstance(hold, Hold)
    assert hold.reason is HoldReason.VENDOR_WITHOUT_ACCOUNTING
    assert lacks in hold.message


def test_a_party_that_was_never_matched_is_a_hold_too() -> None:
    for hold, reason in (
        (FirmLinks().customer(1, "Acme", "invoice:9"), HoldReason.CUSTOMER_WITHOUT_FIRM),
        (FirmLinks().vendor(2, "Supply", "bill:5"), HoldReason.VENDOR_WITHOUT_FIRM),
    ):
        assert isinstance(hold, Hold)
        assert hold.reason is reason
