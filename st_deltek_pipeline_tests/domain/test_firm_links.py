"""Looking a document's firm up: one that can be posted to, or the hold that says what is missing."""

import pytest

from st_deltek_pipeline.domain.firm_links import FirmLink, LinkState, PartyKey, PartyKind, VendorLink
from st_deltek_pipeline.domain.holds import HoldReason

_STATES = [
    (LinkState.AMBIGUOUS, HoldReason.CUSTOMER_FIRM_AMBIGUOUS, HoldReason.VENDOR_FIRM_AMBIGUOUS),
    (LinkState.MISSING, HoldReason.CUSTOMER_WITHOUT_FIRM, HoldReason.VENDOR_WITHOUT_FIRM),
    (LinkState.GONE, HoldReason.CUSTOMER_WITHOUT_FIRM, HoldReason.VENDOR_WITHOUT_FIRM),
    (LinkState.TOO_LONG, HoldReason.FIRM_NAME_TOO_LONG, HoldReason.FIRM_NAME_TOO_LONG),
    (LinkState.INACTIVE, HoldReason.FIRM_INACTIVE, HoldReason.FIRM_INACTIVE),
    (LinkState.ROLE_MISSING, HoldReason.FIRM_ROLE_MISSING, HoldReason.FIRM_ROLE_MISSING),
    (LinkState.REFUSED, HoldReason.FIRM_REFUSED, HoldReason.FIRM_REFUSED),
    (LinkState.IN_DOUBT, HoldReason.FIRM_IN_DOUBT, HoldReason.FIRM_IN_DOUBT),
]


@pytest.mark.parametrize(("state", "of_customer", "of_vendor"), _STATES)
def test_every_state_but_linked_is_a_hold_that_names_the_document_and_the_party(
    state: LinkState, of_customer: HoldReason, of_vendor: HoldReason
) -> None:
    for kind, reason in ((FirmLink, of_customer), (VendorLink, of_vendor)):
        hold = kind(1, "Acme", state, message="is not what it should be.", words="No.").hold("invoice:9: 1 'Acme'")
        assert hold is not None
        assert (hold.reason, hold.words) == (reason, "No.")
        assert hold.message == "invoice:9: 1 'Acme' is not what it should be."
        assert hold.advice


def test_what_is_linked_is_no_hold_and_every_state_is_looked_at() -> None:
    assert FirmLink(1, "Acme", LinkState.LINKED, "F1").hold("invoice:9") is None
    assert {state for state, _, _ in _STATES} == set(LinkState) - {LinkState.LINKED}


def test_a_party_is_written_as_people_type_it() -> None:
    assert str(PartyKey(PartyKind.CUSTOMER, 123)) == "customer:123"
