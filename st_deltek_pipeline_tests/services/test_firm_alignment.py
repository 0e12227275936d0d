"""Aligning firms against both twins over HTTP: who is whom, what is created, and never a second firm for anybody."""

from collections.abc import Callable, Generator
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.domain.errors import BrokenError, TransientError
from st_deltek_pipeline.domain.firm_links import DecidedBy, LinkState, PartyKind
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.store.command_lock import command_lock
from st_deltek_pipeline.store.firm_mappings import load_firm_links
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.firm_bench import (
    ADDRESS,
    ELSEWHERE,
    add_customer,
    add_vendor,
    align,
    allow,
    calls,
    edit_customer,
    firms_named,
    mapping,
    state,
    writes,
)
from st_deltek_pipeline_tests.services.posting.harness import Bench, bench

NAME = "Wobbly Larkspur Bakery"


@pytest.fixture
def acme(sandbox: Callable[..., SandboxUnderTest], engine: Engine) -> Generator[Bench]:
    with bench(sandbox(invoices=30), engine) as connected:
        yield connected


@pytest.fixture
def twin(sandbox: Callable[..., SandboxUnderTest], engine: Engine) -> Generator[Callable[..., Bench]]:
    """Connect to a Vantagepoint with some switches set."""
    opened: list[Any] = []

    def connect(**switches: Any) -> Bench:
        opened.append(bench(sandbox(invoices=30, vantagepoint=switches), engine))
        return opened[-1].__enter__()

    yield connect
    for each in opened:
        each.__exit__(None, None, None)


def written_by(acme: Bench) -> set[tuple[str, int, str]]:
    rows = acme.rows("SELECT party_kind, party_id, xmin::text AS written_by FROM mapping.firm_mappings")
    return {(row.party_kind, row.party_id, row.written_by) for row in rows}


# --- Matching what is there -------------------------------------------------------------------------------------------


def test_everybody_of_a_clean_month_is_linked_and_a_second_run_writes_and_asks_nothing(acme: Bench) -> None:
    acme.take_in(firms=False)
    first = align(acme)
    assert first.parties > 80
    assert first.in_state(LinkState.LINKED, needed_only=True) == first.parties - sum(
        count for (_, found, needed), count in first.counts.items() if not (needed and found is LinkState.LINKED)
    )
    assert {found for (_, found, needed) in first.counts if needed} == {LinkState.LINKED}
    before, asked = written_by(acme), calls(acme)
    second = align(acme)
    assert (second.matching.matched, second.matching.written) == (False, 0)
    assert written_by(acme) == before
    assert calls(acme) == asked


def test_a_change_that_says_nothing_about_who_somebody_is_matches_nobody_again(acme: Bench) -> None:
    acme.take_in(firms=False)
    key = add_customer(acme, NAME)
    acme.take_in(firms=False)
    align(acme)
    edit_customer(acme, key, doNotMail=True)
    acme.take_in(firms=False)
    assert not align(acme).matching.matched
    edit_customer(acme, key, name="Steady Larkspur Bakery")
    acme.take_in(firms=False)
    assert align(acme).matching.written == 1


def test_a_connection_that_may_not_create_says_who_is_missing_and_sends_nothing(acme: Bench) -> None:
    key = add_customer(acme, NAME)
    acme.take_in(firms=False)
    done = align(acme)
    assert state(acme, key) is LinkState.MISSING
    assert done.in_state(LinkState.MISSING, needed_only=True) == 1
    assert not writes(acme)
    hold = load_firm_links(acme.engine, acme.settings.name).customers[key.party_id].hold("invoice:1")
    assert hold is not None
    assert hold.reason is HoldReason.CUSTOMER_WITHOUT_FIRM


def test_names_that_only_look_the_same_and_names_with_spaces(acme: Bench) -> None:
    """T39: spaces, and letters that only look the same."""
    look_alike = add_customer(acme, "\N{CYRILLIC CAPITAL LETTER KA}estrel Bakery")
    spaced = add_customer(acme, "  Spaced   Out Bakery  ", ELSEWHERE)
    acme.vantagepoint.create_firm({"Name": "Kestrel Bakery", "ClientInd": "Y", "PrimaryAddress1": "4711 Larkspur Way",
                                   "PrimaryZip": "80299"})  # fmt: skip
    acme.vantagepoint.create_firm({"Name": "SPACED OUT  BAKERY", "ClientInd": "Y", "PrimaryAddress1": "12 Tamarack Ct",
                                   "PrimaryZip": "80298"})  # fmt: skip
    acme.take_in(firms=False)
    align(acme)
    found = mapping(acme, look_alike)
    assert found.state is LinkState.AMBIGUOUS
    assert "CYRILLIC SMALL LETTER KA" in found.read_candidates()[0].why
    assert mapping(acme, spaced).decided_by is DecidedBy.NAME_AND_ADDRESS


def test_a_link_survives_renames_in_both_systems(acme: Bench) -> None:
    """T39: renamed in both systems."""
    key = add_customer(acme, NAME)
    firm = acme.vantagepoint.create_firm({"Name": NAME, "ClientInd": "Y"})
    acme.take_in(firms=False)
    align(acme)
    assert mapping(acme, key).firm_id == firm["ClientID"]
    edit_customer(acme, key, name="Entirely Different")
    acme.sandbox.admin("PATCH", f"vantagepoint/firms/{firm['ClientID']}", {"Name": "Something Else"})
    acme.take_in(firms=False)
    align(acme)
    found = mapping(acme, key)
    assert (found.state, found.firm_id, found.firm_name) == (LinkState.LINKED, firm["ClientID"], "Something Else")


def test_a_merged_customer_gets_the_firm_of_the_one_that_is_left(acme: Bench) -> None:
    allow(acme)
    gone, left = add_customer(acme, "Gone Bakery"), add_customer(acme, NAME, ELSEWHERE, needed=False)
    edit_customer(acme, gone, active=False, mergedToId=left.party_id)
    acme.take_in(firms=False)
    align(acme)
    assert mapping(acme, gone).firm_id == mapping(acme, left).firm_id
    assert [len(firms_named(acme, name)) for name in (NAME, "Gone Bakery")] == [1, 0]
    links = load_firm_links(acme.engine, acme.settings.name, [gone])
    assert set(links.customers) == {gone.party_id}
    assert links.customers[gone.party_id].hold("invoice:1") is None


def test_a_customer_merged_after_its_firm_was_made_takes_the_firm_along(acme: Bench) -> None:
    """T39: merged."""
    allow(acme)
    gone = add_customer(acme, NAME)
    acme.take_in(firms=False)
    align(acme)
    firm_id = mapping(acme, gone).firm_id
    left = add_customer(acme, "Brand New Owner", ELSEWHERE)
    edit_customer(acme, gone, active=False, mergedToId=left.party_id)
    acme.take_in(firms=False)
    align(acme)
    assert mapping(acme, left).firm_id == mapping(acme, gone).firm_id == firm_id
    assert firms_named(acme, "Brand New Owner") == []


# --- Creating ---------------------------------------------------------------------------------------------------------


def test_what_is_missing_and_needed_is_created_once_with_its_address_and_read_back(acme: Bench) -> None:
    allow(acme)
    key = add_customer(acme, f"  {NAME} ")
    unneeded = add_customer(acme, "Nobody Needs Me", ELSEWHERE, needed=False)
    supplier = add_vendor(acme, "Larkspur Pipe Supply")
    acme.take_in(firms=False)
    done = align(acme)
    assert (done.creation.created, done.problems) == (2, ())
    (firm,) = firms_named(acme, NAME)
    found = mapping(acme, key)
    assert (found.state, found.firm_id, found.decided_by) == (LinkState.LINKED, firm["ClientID"], DecidedBy.CREATED)
    assert found.firm_number == firm["Client"] != ""
    assert (firm["PrimaryAddress1"], firm["PrimaryCountry"]) == ("4711 Larkspur Way", "US")
    (bought_from,) = firms_named(acme, "Larkspur Pipe Supply")
    assert (bought_from["VendorInd"], bought_from["ClientInd"], bought_from["Category"]) == ("Y", "N", "MAT")
    assert mapping(acme, supplier).vendor == bought_from["Vendor"] != ""
    assert state(acme, unneeded) is LinkState.MISSING
    sent = writes(acme)
    acme.take_in(firms=False)
    again = align(acme)
    assert again.creation.created == 0
    assert writes(acme) == sent


def test_two_new_customers_of_one_name_get_a_firm_each_and_the_same_one_entered_twice_gets_one(acme: Bench) -> None:
    """T39: the same name twice."""
    allow(acme)
    first, second = add_customer(acme, "John Q. Smith"), add_customer(acme, "John Q. Smith", ELSEWHERE)
    twice = add_customer(acme, "JOHN Q. SMITH")
    acme.take_in(firms=False)
    align(acme)
    assert mapping(acme, first).firm_id != mapping(acme, second).firm_id
    assert mapping(acme, twice).firm_id == mapping(acme, first).firm_id
    assert len(firms_named(acme, "John Q. Smith")) == 2


def test_namesakes_without_addresses_wait_for_a_person_instead_of_sharing(acme: Bench) -> None:
    allow(acme)
    nowhere = dict.fromkeys(ADDRESS, "")
    first, second = add_customer(acme, "Jane Doe", nowhere), add_customer(acme, "Jane Doe", nowhere)
    acme.take_in(firms=False)
    align(acme)
    assert {state(acme, first), state(acme, second)} == {LinkState.LINKED, LinkState.AMBIGUOUS}
    assert len(firms_named(acme, "Jane Doe")) == 1


def test_a_firm_that_a_person_created_in_between_is_found_right_before_creating(acme: Bench) -> None:
    """T40: created by a person between check and create."""
    allow(acme)
    key = add_customer(acme, NAME)
    acme.take_in(firms=False)
    by_hand = acme.vantagepoint.create_firm({"Name": NAME.upper(), "ClientInd": "Y"})
    done = align(acme)
    assert (done.creation.created, done.creation.found) == (0, 1)
    assert mapping(acme, key).firm_id == by_hand["ClientID"]
    assert len(firms_named(acme, NAME)) == 1


def test_a_similar_firm_created_in_between_elsewhere_is_asked_about(acme: Bench) -> None:
    allow(acme)
    key = add_customer(acme, NAME)
    acme.take_in(firms=False)
    acme.vantagepoint.create_firm(
        {"Name": NAME, "ClientInd": "Y", "PrimaryAddress1": "9 Other St", "PrimaryZip": "80111"}
    )
    assert align(acme).creation.created == 0
    assert state(acme, key) is LinkState.AMBIGUOUS


def test_a_vendor_that_is_a_client_becomes_one_firm_with_both_flags(acme: Bench) -> None:
    """T40: vendor = customer."""
    key = add_customer(acme, NAME)
    supplier = add_vendor(acme, NAME)
    acme.vantagepoint.create_firm({"Name": NAME, "ClientInd": "Y", "PrimaryAddress1": ADDRESS["street"],
                                   "PrimaryZip": ADDRESS["zip"]})  # fmt: skip
    acme.take_in(firms=False)
    align(acme)
    assert state(acme, supplier) is LinkState.ROLE_MISSING
    allow(acme)
    done = align(acme)
    assert (done.creation.marked, done.creation.created) == (1, 0)
    (firm,) = firms_named(acme, NAME)
    assert (firm["ClientInd"], firm["VendorInd"], firm["Category"]) == ("Y", "Y", "MAT")
    assert mapping(acme, supplier).vendor == firm["Vendor"]
    assert mapping(acme, key).firm_id == mapping(acme, supplier).firm_id == firm["ClientID"]
    assert align(acme).creation.marked == 0


def test_a_customer_and_a_vendor_that_are_one_and_both_missing_get_one_firm(acme: Bench) -> None:
    allow(acme)
    key, supplier = add_customer(acme, NAME), add_vendor(acme, NAME)
    acme.take_in(firms=False)
    align(acme)
    (firm,) = firms_named(acme, NAME)
    assert (firm["ClientInd"], firm["VendorInd"]) == ("Y", "Y")
    assert {mapping(acme, each).firm_id for each in (key, supplier)} == {firm["ClientID"]}
    assert {state(acme, each) for each in (key, supplier)} == {LinkState.LINKED}


def test_a_name_longer_than_the_field_is_never_sent(acme: Bench) -> None:
    """T39: very long."""
    allow(acme)
    key = add_customer(acme, "The Estate of " * 12)
    acme.take_in(firms=False)
    align(acme)
    assert state(acme, key) is LinkState.TOO_LONG
    assert not writes(acme)
    hold = load_firm_links(acme.engine, acme.settings.name).customers[key.party_id].hold("invoice:1")
    assert hold is not None
    assert hold.reason is HoldReason.FIRM_NAME_TOO_LONG


# --- The tenant's own rules -------------------------------------------------------------------------------------------


def test_a_refusal_is_kept_in_vantagepoints_words_and_tried_again_once_something_has_changed(
    twin: Callable[..., Bench],
) -> None:
    acme = twin(required_firm_fields=("Name", "Org"))
    allow(acme)
    key = add_customer(acme, NAME)
    acme.take_in(firms=False)
    done = align(acme)
    found = mapping(acme, key)
    assert (done.creation.refused, found.state) == (1, LinkState.REFUSED)
    assert found.words == "Please provide a Organization for table Firm."
    sent = writes(acme)
    align(acme)
    assert writes(acme) == sent
    align(acme, days_later=2)
    assert writes(acme)["POST firm"] == sent["POST firm"] + 1
    allow(acme, required_fields={"customer": {"Org": "01:HV:RS"}})
    align(acme)
    assert state(acme, key) is LinkState.LINKED
    assert firms_named(acme, NAME)[0]["Org"] == "01:HV:RS"


def test_refusals_in_a_row_in_the_same_words_end_the_attempts(twin: Callable[..., Bench]) -> None:
    acme = twin(required_firm_fields=("Name", "Org"))
    allow(acme)
    for number in range(8):
        add_customer(acme, f"Customer Of Letter {'ABCDEFGH'[number] * 5}", {**ADDRESS, "street": f"{number}00 Main St"})
    acme.take_in(firms=False)
    done = align(acme)
    assert done.creation.refused == 5
    assert any("the others were not tried" in problem for problem in done.problems)


@pytest.mark.parametrize("switch", [{"created_firm_shows_numbers": True}, {"created_firm_shows_numbers": False}])
def test_numbers_are_read_back_whether_or_not_the_answer_shows_them(
    twin: Callable[..., Bench], switch: dict[str, bool]
) -> None:
    """T40: numbers given by Vantagepoint."""
    acme = twin(**switch)
    allow(acme)
    key = add_vendor(acme, NAME)
    acme.take_in(firms=False)
    align(acme)
    (firm,) = firms_named(acme, NAME)
    found = mapping(acme, key)
    assert (found.firm_number, found.vendor) == (firm["Client"], firm["Vendor"])
    assert "" not in {firm["Client"], firm["Vendor"]}


def test_a_tenant_without_automatic_numbers_gets_them_from_servicetitans_ids(twin: Callable[..., Bench]) -> None:
    acme = twin(firm_numbers="manual", vendor_numbers="manual")
    allow(acme)
    key = add_vendor(acme, NAME)
    acme.take_in(firms=False)
    align(acme)
    assert mapping(acme, key).words == "Please provide a Firm Number for table Firm."
    allow(acme, firm_number="ST{id}", vendor_number="{id}")
    align(acme)
    found = mapping(acme, key)
    assert (found.firm_number, found.vendor) == (f"ST{key.party_id}", str(key.party_id))


def test_the_tenants_own_columns_are_written_and_decide_afterwards(twin: Callable[..., Bench]) -> None:
    acme = twin(custom_firm_fields=("CustSTID", "CustSTVendor"))
    # The twin knows a column of the tenant's own once a firm has something in it.
    some = acme.vantagepoint.firms("Status", ["A"])[0]["ClientID"]
    acme.vantagepoint.change_firm(some, {"CustSTID": "-", "CustSTVendor": "-"})
    columns = {"external_id_column": "CustSTID", "vendor_external_id_column": "CustSTVendor"}
    allow(acme, **columns)
    key, supplier = add_customer(acme, NAME), add_vendor(acme, "Larkspur Pipe Supply")
    acme.take_in(firms=False)
    align(acme)
    assert firms_named(acme, NAME)[0]["CustSTID"] == str(key.party_id)
    assert firms_named(acme, "Larkspur Pipe Supply")[0]["CustSTVendor"] == str(supplier.party_id)
    with acme.engine.begin() as db:
        db.exec_driver_sql("TRUNCATE mapping.firm_mappings, mapping.firm_creations, mapping.firm_alignments")
    edit_customer(acme, key, name="Renamed Since", address=ELSEWHERE)
    acme.take_in(firms=False)
    align(acme)
    assert mapping(acme, key).decided_by is DecidedBy.EXTERNAL_ID


def test_a_role_without_the_right_to_create_is_a_problem_that_stops_nothing_else(twin: Callable[..., Bench]) -> None:
    acme = twin(role_may_change_firms=False)
    allow(acme)
    key = add_customer(acme, NAME)
    acme.take_in(firms=False)
    done = align(acme)
    assert state(acme, key) is LinkState.MISSING
    assert any("firms.create" in problem for problem in done.problems)
    assert done.in_state(LinkState.LINKED) > 50


def test_a_refused_address_does_not_take_the_firm_away(twin: Callable[..., Bench]) -> None:
    acme = twin(country_codes=("CA",))
    allow(acme)
    key = add_customer(acme, NAME)
    acme.take_in(firms=False)
    done = align(acme)
    assert state(acme, key) is LinkState.LINKED
    assert any("Country Code US does not exist." in problem for problem in done.problems)


# --- Accounting data of vendors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["empty", "not_found"])
def test_accounting_data_is_read_for_vendors_that_are_needed_and_once_a_day(
    twin: Callable[..., Bench], missing: str
) -> None:
    acme = twin(missing_vendor_accounting=missing)
    acme.take_in(firms=False)
    first = align(acme)
    needed = first.counts[PartyKind.VENDOR, LinkState.LINKED, True]
    assert needed > 3
    assert first.counts[PartyKind.VENDOR, LinkState.LINKED, False] > 3
    assert (first.accounting.read, first.accounting.without) == (needed, 0)
    assert align(acme).accounting.read == 0
    allow(acme)
    without = add_vendor(acme, NAME)
    acme.take_in(firms=False)
    done = align(acme)
    assert (done.accounting.read, done.accounting.without) == (1, 1)
    vendors = load_firm_links(acme.engine, acme.settings.name).vendors
    assert vendors[without.party_id].accounting is None
    found = [link.accounting for link in vendors.values() if link.accounting is not None]
    assert len(found) == needed
    assert {(accounting.bank, accounting.terms) for accounting in found} == {("OPER", "Date")}
    assert "" not in {accounting.liability for accounting in found}
    assert align(acme).accounting.read == 1
    assert align(acme, days_later=2).accounting.read == needed + 1


# --- In the way -------------------------------------------------------------------------------------------------------


def test_firms_must_have_been_read_first(acme: Bench) -> None:
    with pytest.raises(BrokenError, match="have not been read yet"):
        align(acme)


def test_one_process_at_a_time_aligns_the_firms_of_a_database(acme: Bench) -> None:
    acme.take_in(firms=False)
    target = f"{acme.settings.vantagepoint.base_url}|{acme.settings.vantagepoint.database}".lower()
    with command_lock(acme.engine, "alignment of firms", target), pytest.raises(TransientError):
        align(acme)
