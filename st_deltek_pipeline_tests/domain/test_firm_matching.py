"""Which firm somebody is: certain, for a person to say, or missing; and never two where there should be one."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_deltek_pipeline.domain.addresses import NOWHERE, Address
from st_deltek_pipeline.domain.firm_links import DecidedBy, LinkState, PartyKey, PartyKind
from st_deltek_pipeline.domain.firm_matching import (
    Decision,
    EarlierLink,
    FirmMatch,
    MatchRules,
    PersonsDecision,
    match_one,
    match_parties,
)
from st_deltek_pipeline.domain.firm_scores import KnownFirm, Party, Weights
from st_deltek_pipeline.domain.firm_search import FirmSearch

HOME = Address("1 Main St", "", "Denver", "CO", "80202", "US")
ELSEWHERE = Address("77 Oak Ave", "", "Boulder", "CO", "80301", "US")
RULES = MatchRules()


def customer(number: int, name: str, address: Address = HOME, **more: object) -> Party:
    return replace(Party(PartyKey(PartyKind.CUSTOMER, number), name, address=address), **more)


def vendor(number: int, name: str, address: Address = HOME, **more: object) -> Party:
    return replace(Party(PartyKey(PartyKind.VENDOR, number), name, address=address), **more)


def firm(key: str, name: str, address: Address = HOME, **more: object) -> KnownFirm:
    is_vendor = bool(more.pop("is_vendor", False))
    is_client = bool(more.pop("is_client", not is_vendor))
    return replace(
        KnownFirm(key, f"N{key}", name, active=True, is_client=is_client, is_vendor=is_vendor, address=address), **more
    )


def matched(
    parties: Iterable[Party],
    firms: Iterable[KnownFirm],
    rules: MatchRules = RULES,
    *,
    decisions: Mapping[PartyKey, PersonsDecision] | None = None,
    earlier: Mapping[PartyKey, EarlierLink] | None = None,
) -> list[FirmMatch]:
    return match_parties(list(parties), FirmSearch(firms), rules, decisions=decisions or {}, earlier=earlier or {})


def one(party: Party, *firms: KnownFirm, rules: MatchRules = RULES, **more: object) -> FirmMatch:
    (match,) = matched([party], firms, rules, **more)  # pyright: ignore[reportArgumentType]
    return match


def told(decision: Decision, firm_id: str = "") -> PersonsDecision:
    return PersonsDecision(decision, firm_id, "jane")


# --- Certain --------------------------------------------------------------------------------------------------------


def test_the_same_name_at_the_same_address_is_linked() -> None:
    match = one(
        customer(1, " ACME  Mechanical "), firm("F1", "Acme Mechanical", Address("1 Main Street", zip="80202-9"))
    )
    assert match.state is LinkState.AMBIGUOUS  # "80202-9" is no ZIP code of the same place
    match = one(customer(1, " ACME  Mechanical "), firm("F1", "Acme Mechanical", Address("1 Main Street", zip="80202")))
    assert (match.state, match.firm_id, match.decided_by) == (LinkState.LINKED, "F1", DecidedBy.NAME_AND_ADDRESS)
    assert match.score == 100


def test_a_unique_name_is_enough_where_an_address_is_missing_unless_the_connection_wants_to_be_asked() -> None:
    party, known = customer(1, "Acme"), firm("F1", "Acme", NOWHERE)
    assert one(party, known).decided_by is DecidedBy.NAME
    assert one(party, known, rules=replace(RULES, name_alone=False)).state is LinkState.AMBIGUOUS


def test_the_tenants_own_column_decides_before_any_name() -> None:
    party = customer(41, "Acme")
    by_name, by_id = firm("F1", "Acme"), firm("F2", "Old Name", ELSEWHERE, customer_ref="41")
    match = one(party, by_name, by_id)
    assert (match.firm_id, match.decided_by) == ("F2", DecidedBy.EXTERNAL_ID)
    assert one(vendor(41, "Somebody"), by_id).state is LinkState.MISSING
    twice = one(party, by_id, firm("F3", "Another", customer_ref="41"))
    assert twice.state is LinkState.AMBIGUOUS
    assert {candidate.firm_id for candidate in twice.candidates} == {"F2", "F3"}


def test_a_stored_link_survives_renames_on_both_sides() -> None:
    party, known = customer(1, "New Name"), firm("F1", "Old Name Altogether", ELSEWHERE)
    earlier = {party.key: EarlierLink("F1", DecidedBy.NAME_AND_ADDRESS, 100)}
    match = one(party, known, firm("F2", "New Name"), earlier=earlier)
    assert (match.firm_id, match.decided_by) == ("F1", DecidedBy.NAME_AND_ADDRESS)


def test_a_person_decides_before_everything_else() -> None:
    party = customer(1, "Acme")
    firms = [firm("F1", "Acme"), firm("F2", "Other", ELSEWHERE)]
    earlier = {party.key: EarlierLink("F1", DecidedBy.NAME_AND_ADDRESS, 100)}
    match = one(party, *firms, decisions={party.key: told(Decision.LINK, "F2")}, earlier=earlier)
    assert (match.firm_id, match.decided_by, match.by) == ("F2", DecidedBy.PERSON, "jane")


def test_what_a_person_took_back_is_not_linked_again_by_itself() -> None:
    party, known = customer(1, "Acme"), firm("F1", "Acme")
    decisions = {party.key: told(Decision.UNLINK, "F1")}
    for earlier in ({}, {party.key: EarlierLink("F1", DecidedBy.PERSON, 100)}):
        match = one(party, known, decisions=decisions, earlier=earlier)
        assert match.state is LinkState.AMBIGUOUS
        assert "a person said it is not" in match.message


def test_a_person_can_say_that_it_is_none_of_them() -> None:
    party, known = customer(1, "Acme"), firm("F1", "Acme")
    decisions = {party.key: told(Decision.NEW)}
    assert one(party, known, decisions=decisions).state is LinkState.MISSING
    created = {party.key: EarlierLink("F1", DecidedBy.CREATED, 100)}
    assert one(party, known, decisions=decisions, earlier=created).firm_id == "F1"


# --- For a person to say ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("\N{CYRILLIC CAPITAL LETTER A}cme Mechanical", "CYRILLIC SMALL LETTER A"),
        ("Acm\N{LATIN SMALL LETTER E WITH ACUTE} Mechanical", "looks the same"),
        ("Acme Mechanica1", "looks the same"),
    ],
)
def test_a_look_alike_waits_for_a_person_whatever_the_thresholds_say(name: str, why: str) -> None:
    lax = replace(RULES, link_from=90, ask_from=50, lead=0)
    match = one(customer(1, name), firm("F1", "Acme Mechanical"), rules=lax)
    assert match.state is LinkState.AMBIGUOUS
    assert why in match.candidates[0].why


@pytest.mark.parametrize(
    "name",
    ["Acme Mechancal", "Acme Mechanical LLC", "Mechanical, Acme", "Acme Mechanical & Co.", "ACME-MECHANICAL INC"],
)
def test_a_similar_name_at_the_same_address_is_a_candidate(name: str) -> None:
    match = one(customer(1, name), firm("F1", "Acme Mechanical"))
    assert match.state is LinkState.AMBIGUOUS
    assert match.candidates[0].score >= RULES.ask_from


def test_a_similar_name_is_linked_only_where_the_thresholds_allow_it_and_it_leads() -> None:
    lax = replace(RULES, link_from=95)
    party = customer(1, "Acme Mechanical Inc.")
    match = one(party, firm("F1", "Acme Mechanical"), rules=lax)
    assert (match.state, match.decided_by) == (LinkState.LINKED, DecidedBy.SCORE)
    assert one(party, firm("F1", "Acme Mechanical"), firm("F2", "Acme Mechanical Co"), rules=lax).state is (
        LinkState.AMBIGUOUS
    )


def test_the_same_name_elsewhere_is_asked_about() -> None:
    match = one(customer(1, "John Smith"), firm("F1", "John Smith", ELSEWHERE))
    assert match.state is LinkState.AMBIGUOUS
    assert "another address" in match.message


def test_a_similar_name_at_the_partys_own_address_is_shown_beside_the_same_name_elsewhere() -> None:
    firms = [firm("F1", "John Smith", ELSEWHERE), firm("F2", "Jon Smith")]
    assert [candidate.firm_id for candidate in one(customer(1, "John Smith"), *firms).candidates] == ["F2", "F1"]


def test_a_name_alone_is_not_enough_while_a_similar_one_is_at_the_address() -> None:
    bare, there = firm("F1", "John Smith", NOWHERE), firm("F2", "Jon Smith")
    match = one(customer(1, "John Smith"), bare, there)
    assert match.state is LinkState.AMBIGUOUS
    assert {candidate.firm_id for candidate in match.candidates} == {"F1", "F2"}


def test_a_firm_of_another_name_at_the_address_may_be_a_former_name_unless_it_is_somebody_else() -> None:
    former = firm("F1", "Julia Maiden")
    match = one(customer(1, "Julia Abbott"), former)
    assert (match.state, match.candidates[0].firm_id) == (LinkState.AMBIGUOUS, "F1")
    assert "a former one" in match.message
    assert one(customer(1, "Julia Abbott"), former, rules=replace(RULES, address_alone=False)).state is (
        LinkState.MISSING
    )
    pair = [customer(1, "Julia Abbott"), customer(2, "Julia Maiden")]
    assert [match.state for match in matched(pair, [former])] == [LinkState.MISSING, LinkState.LINKED]


def test_two_firms_of_the_same_name_and_address_are_asked_about() -> None:
    match = one(customer(1, "Twofold"), firm("F1", "Twofold"), firm("F2", "TWOFOLD "))
    assert [candidate.firm_id for candidate in match.candidates] == ["F1", "F2"]


def test_another_number_is_another_branch() -> None:
    assert one(customer(1, "Supply Branch 114", NOWHERE), firm("F1", "Supply Branch 115", NOWHERE)).state is (
        LinkState.MISSING
    )


def test_names_that_have_nothing_in_common_are_missing() -> None:
    assert one(customer(1, "Acme"), firm("F1", "Zenith Foods", ELSEWHERE)).state is LinkState.MISSING


def test_contact_counts_where_both_sides_have_it() -> None:
    party = vendor(1, "Acme Supply", NOWHERE, phone="(720) 555-0100")
    same = firm("F1", "Acme Suply", NOWHERE, is_vendor=True, phone="+1 720 555 0100")
    other = replace(same, phone="720 555 9999")
    assert one(party, same).candidates[0].score > one(party, other).candidates[0].score
    without = replace(RULES, weights=Weights(60, 30, 0))
    assert one(party, other, rules=without).candidates[0].score > one(party, other).candidates[0].score


# --- What a firm lacks ------------------------------------------------------------------------------------------------


def test_a_vendor_that_is_a_client_firm_is_the_same_firm_without_the_mark() -> None:
    match = one(vendor(1, "Acme"), firm("F1", "Acme"))
    assert (match.state, match.firm_id) == (LinkState.ROLE_MISSING, "F1")
    both = firm("F1", "Acme", is_client=True, is_vendor=True)
    pair = matched([customer(1, "Acme"), vendor(1, "Acme")], [both])
    assert [match.firm_id for match in pair] == ["F1", "F1"]


def test_a_client_firm_found_by_name_alone_is_not_made_a_vendor() -> None:
    assert one(vendor(1, "Acme"), firm("F1", "Acme", NOWHERE)).state is LinkState.AMBIGUOUS


def test_among_firms_of_one_name_and_address_the_usable_one_is_meant() -> None:
    client, supplier = firm("F1", "Acme"), firm("F2", "Acme", is_vendor=True)
    assert one(vendor(1, "Acme"), client, supplier).firm_id == "F2"
    assert one(customer(1, "Acme"), client, supplier).firm_id == "F1"
    assert one(customer(1, "Acme"), replace(client, active=False), firm("F3", "Acme")).firm_id == "F3"


def test_an_inactive_firm_is_the_firm_and_cannot_be_used() -> None:
    match = one(customer(1, "Acme"), firm("F1", "Acme", active=False))
    assert (match.state, match.firm_id) == (LinkState.INACTIVE, "F1")


def test_a_linked_firm_that_has_vanished_is_said_so_and_nothing_new_is_made() -> None:
    party = customer(1, "Acme")
    earlier = {party.key: EarlierLink("F1", DecidedBy.CREATED, 100)}
    match = one(party, earlier=earlier)
    assert (match.state, match.firm_id) == (LinkState.GONE, "F1")
    assert one(party, firm("F2", "Acme"), earlier=earlier).firm_id == "F2"


def test_a_name_longer_than_the_field_cannot_become_a_firm() -> None:
    long_name = "The Estate of " * 12
    match = one(customer(1, long_name))
    assert match.state is LinkState.TOO_LONG
    assert "167 characters" in match.message
    cut = one(customer(1, long_name), firm("F1", long_name[:100].strip(), ELSEWHERE))
    assert (cut.state, cut.candidates[0].firm_id) == (LinkState.AMBIGUOUS, "F1")


def test_a_party_without_a_name_is_nobody() -> None:
    match = one(customer(1, " \N{ZERO WIDTH SPACE} "), firm("F1", ""))
    assert match.state is LinkState.MISSING
    assert "no name" in match.message


# --- Several parties --------------------------------------------------------------------------------------------------


def test_two_customers_of_one_name_never_share_a_firm_by_name_alone() -> None:
    parties = [customer(1, "John Smith"), customer(2, "John  SMITH", ELSEWHERE)]
    states = [match.state for match in matched(parties, [firm("F1", "John Smith", NOWHERE)])]
    assert states == [LinkState.AMBIGUOUS, LinkState.AMBIGUOUS]


def test_of_two_customers_of_one_name_the_address_says_whose_firm_it_is() -> None:
    parties = [customer(1, "John Smith"), customer(2, "John Smith", ELSEWHERE)]
    first, second = matched(parties, [firm("F1", "John Smith")])
    assert first.firm_id == "F1"
    assert (second.state, second.candidates) == (LinkState.MISSING, ())


def test_the_same_customer_entered_twice_shares_its_firm_because_each_is_certain() -> None:
    parties = [customer(1, "John Smith"), customer(2, "JOHN SMITH")]
    assert [match.firm_id for match in matched(parties, [firm("F1", "John Smith")])] == ["F1", "F1"]


def test_a_weak_link_gives_way_to_a_certain_one_and_a_standing_one_stays() -> None:
    lax = replace(RULES, link_from=95)
    parties = [customer(1, "Acme Mechanical"), customer(2, "Acme Mechanical LLC")]
    first, second = matched(parties, [firm("F1", "Acme Mechanical")], lax)
    assert (first.firm_id, second.state) == ("F1", LinkState.AMBIGUOUS)
    assert "customer:1" in second.message
    standing = {parties[1].key: EarlierLink("F1", DecidedBy.SCORE, 98)}
    first, second = matched(parties, [firm("F1", "Acme Mechanical")], lax, earlier=standing)
    assert (first.state, second.firm_id) == (LinkState.AMBIGUOUS, "F1")


def test_people_may_link_two_customers_to_one_firm() -> None:
    parties = [customer(1, "Household"), customer(2, "Smith, John")]
    decisions = {party.key: told(Decision.LINK, "F1") for party in parties}
    assert [match.firm_id for match in matched(parties, [firm("F1", "Smiths")], decisions=decisions)] == ["F1", "F1"]


def test_a_merged_customer_has_the_firm_of_the_one_that_is_left() -> None:
    left = customer(3, "Acme")
    parties = [customer(1, "Acme Old", merged_into=2), customer(2, "Acme Older", merged_into=3), left]
    known = [firm("F1", "Acme"), firm("F2", "Acme Old")]
    earlier = {parties[0].key: EarlierLink("F2", DecidedBy.NAME_AND_ADDRESS, 100)}
    found = matched(parties, known, earlier=earlier)
    assert [match.firm_id for match in found] == ["F1", "F1", "F1"]
    assert [match.merged_into for match in found] == [3, 3, None]


def test_the_one_that_is_left_after_a_merge_takes_over_the_firm_rather_than_getting_a_second_one() -> None:
    gone, left = customer(1, "Acme Old", merged_into=2), customer(2, "Brand New Name", ELSEWHERE)
    earlier = {gone.key: EarlierLink("F1", DecidedBy.CREATED, 100)}
    found = matched([gone, left], [firm("F1", "Acme Old")], earlier=earlier)
    assert [(match.firm_id, match.decided_by) for match in found] == [("F1", DecidedBy.MERGED)] * 2


def test_a_merge_into_somebody_unknown_and_a_circle_of_merges_are_survived() -> None:
    (match,) = matched([customer(1, "Acme", merged_into=9)], [firm("F1", "Acme")])
    assert (match.state, match.merged_into) == (LinkState.MISSING, 9)
    circle = [customer(1, "Acme", merged_into=2), customer(2, "Zenith", ELSEWHERE, merged_into=1)]
    found = matched(circle, [firm("F1", "Acme"), firm("F2", "Zenith", ELSEWHERE)])
    assert [match.firm_id for match in found] == ["F1", "F2"]


# --- A look just before creating --------------------------------------------------------------------------------------


def test_a_firm_that_somebody_has_just_created_is_found() -> None:
    match = match_one(customer(1, "Acme"), FirmSearch([firm("F1", "Acme")]), RULES, shares_name=False, taken=set())
    assert match.firm_id == "F1"


def test_a_firm_just_created_for_a_namesake_is_not_shared_by_name_alone() -> None:
    party = customer(1, "John Smith")
    bare = FirmSearch([firm("F1", "John Smith", NOWHERE)])
    assert match_one(party, bare, RULES, shares_name=True, taken={"F1"}).state is LinkState.AMBIGUOUS
    assert match_one(party, bare, RULES, shares_name=False, taken={"F1"}).state is LinkState.AMBIGUOUS
    elsewhere = FirmSearch([firm("F1", "John Smith", ELSEWHERE)])
    assert match_one(party, elsewhere, RULES, shares_name=True, taken={"F1"}).state is LinkState.MISSING


# --- Whatever is put in -----------------------------------------------------------------------------------------------

_NAMES = st.sampled_from(
    ["Acme", "ACME ", "Acme LLC", "Acme Inc", "\N{CYRILLIC CAPITAL LETTER A}cme", "Zenith", "", " "]
)
_PLACES = st.sampled_from([HOME, ELSEWHERE, NOWHERE])


@given(
    parties=st.lists(
        st.tuples(_NAMES, _PLACES, st.sampled_from(list(PartyKind)), st.none() | st.integers(0, 5)), max_size=6
    ),
    firms=st.lists(st.tuples(_NAMES, _PLACES, st.booleans(), st.booleans(), st.booleans()), max_size=5),
    link_from=st.integers(90, 100),
)
@settings(max_examples=300)
def test_whatever_there_is_matching_is_stable_and_nobody_shares_without_certainty(
    parties: list[tuple[str, Address, PartyKind, int | None]],
    firms: list[tuple[str, Address, bool, bool, bool]],
    link_from: int,
) -> None:
    everybody = [
        Party(PartyKey(kind, number), name, address=place, merged_into=merged)
        for number, (name, place, kind, merged) in enumerate(parties)
    ]
    known = [
        KnownFirm(f"F{number}", "", name, active, is_client, is_vendor, address=place)
        for number, (name, place, active, is_client, is_vendor) in enumerate(firms)
    ]
    rules = replace(RULES, link_from=link_from)
    found = matched(everybody, known, rules)
    assert [match.party for match in found] == everybody
    weak = [
        (match.party.key.kind, match.firm_id)
        for match in found
        if match.firm_id and match.merged_into is None and match.decided_by in {DecidedBy.NAME, DecidedBy.SCORE}
    ]
    claims = [(match.party.key.kind, match.firm_id) for match in found if match.firm_id and match.merged_into is None]
    assert all(claims.count(claim) == 1 for claim in weak)
    earlier = {
        match.party.key: EarlierLink(match.firm_id, match.decided_by, match.score)
        for match in found
        if match.firm_id and match.decided_by is not None and match.merged_into is None
    }
    again = matched(everybody, known, rules, earlier=earlier)
    assert [(match.state, match.firm_id) for match in again] == [(match.state, match.firm_id) for match in found]
