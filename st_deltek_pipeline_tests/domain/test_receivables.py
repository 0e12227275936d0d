"""Over-application: no invoice receives more than it is for, and nothing that is right is refused."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.domain.receivables import (
    Receivable,
    ReceivableKey,
    over_application,
    over_applied,
    receivable_key,
)

A: ReceivableKey = ("HVAC", "0000001")
B: ReceivableKey = ("HVAC", "0000002")


def receivable(billed: str, received: str = "0.00") -> Receivable:
    return Receivable(Decimal(billed), Decimal(received))


def change(**amounts: str) -> dict[ReceivableKey, Decimal]:
    return {{"a": A, "b": B}[name]: Decimal(amount) for name, amount in amounts.items()}


def waiting(*documents: dict[ReceivableKey, Decimal], **stands: Receivable) -> list[int]:
    return sorted(over_applied(documents, {{"a": A, "b": B}[name]: each for name, each in stands.items()}))


def test_padded_and_plain_numbers_are_one_receivable() -> None:
    assert receivable_key("HVAC", "104417", 7) == receivable_key("HVAC", "0104417", 7)


def test_an_invoice_can_be_paid_in_full_but_not_a_cent_more() -> None:
    stands = {A: receivable("100.00", "60.00")}
    assert over_application(change(a="40.00"), stands) is None
    found = over_application(change(a="40.01"), stands)
    assert found is not None
    assert (found.invoice, found.change, found.receivable) == ("0000001", Decimal("40.01"), stands[A])


def test_nothing_can_be_received_on_an_invoice_that_does_not_stand() -> None:
    assert over_application(change(a="0.01"), {}) is not None


def test_more_than_was_received_cannot_be_given_back() -> None:
    assert over_application(change(a="-60.00"), {A: receivable("100.00", "60.00")}) is None
    assert over_application(change(a="-60.01"), {A: receivable("100.00", "60.00")}) is not None


def test_a_credit_is_used_up_to_its_amount_and_no_further() -> None:
    assert over_application(change(a="-50.00"), {A: receivable("-50.00")}) is None
    assert over_application(change(a="-50.01"), {A: receivable("-50.00")}) is not None
    assert over_application(change(a="0.01"), {A: receivable("-50.00")}) is not None


def test_what_leads_back_towards_the_range_is_always_right() -> None:
    # The invoice was edited down after it had been paid.
    assert over_application(change(a="-10.00"), {A: receivable("80.00", "100.00")}) is None


def test_of_payments_that_compete_for_an_invoice_the_later_ones_wait() -> None:
    assert waiting(change(a="80.00"), change(a="50.00"), change(a="20.00"), a=receivable("100.00")) == [1]


def test_two_payments_that_change_places_are_both_right() -> None:
    stands = {"a": receivable("100.00", "100.00"), "b": receivable("100.00", "100.00")}
    assert waiting(change(a="-100.00", b="100.00"), change(a="100.00", b="-100.00"), **stands) == []


def test_a_refund_earlier_in_the_day_than_its_payment_does_not_wait() -> None:
    assert waiting(change(a="-40.00"), change(a="100.00"), a=receivable("100.00")) == []


def test_a_payment_that_needs_the_room_of_one_that_waits_has_to_wait_too() -> None:
    # The first makes room on A by moving to B, where there is none.
    stands = {"a": receivable("100.00", "100.00"), "b": receivable("100.00", "100.00")}
    assert waiting(change(a="-100.00", b="100.00"), change(a="100.00"), **stands) == [0, 1]


_CHANGES = st.lists(
    st.dictionaries(st.sampled_from([A, B]), st.decimals("-120", "120", places=2).filter(bool), min_size=1), max_size=7
)
_STANDS = st.fixed_dictionaries(
    {key: st.tuples(st.decimals("-100", "200", places=2), st.decimals("-100", "200", places=2)) for key in (A, B)}
)


@given(_CHANGES, _STANDS)
def test_what_is_posted_never_leads_out_of_the_range(
    documents: list[dict[ReceivableKey, Decimal]], drawn: dict[ReceivableKey, tuple[Decimal, Decimal]]
) -> None:
    stands = {key: Receivable(*amounts) for key, amounts in drawn.items()}
    found = over_applied(documents, stands)
    kept = [changes for place, changes in enumerate(documents) if place not in found]
    for key, before in stands.items():
        moved = sum((changes.get(key, ZERO) for changes in kept), start=ZERO)
        after, low, high = before.received + moved, min(ZERO, before.billed), max(ZERO, before.billed)
        assert moved <= ZERO or after <= high
        assert moved >= ZERO or after >= low


@given(_CHANGES, _STANDS)
def test_nothing_waits_that_could_be_posted_by_itself_after_the_others(
    documents: list[dict[ReceivableKey, Decimal]], drawn: dict[ReceivableKey, tuple[Decimal, Decimal]]
) -> None:
    stands = {key: Receivable(*amounts) for key, amounts in drawn.items()}
    found = over_applied(documents, stands)
    if len(found) == 1:
        (place,) = found
        others = [changes for at, changes in enumerate(documents) if at != place]
        after = {
            key: Receivable(before.billed, before.received + sum((each.get(key, ZERO) for each in others), start=ZERO))
            for key, before in stands.items()
        }
        assert over_application(documents[place], after) is not None
