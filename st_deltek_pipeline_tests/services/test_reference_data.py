"""Vantagepoint's master data is kept as it is, and no bad answer wipes it."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.errors import BrokenError, TransientError
from st_deltek_pipeline.domain.reference import Account, Bank, Firm, FiscalPeriod, Organization, ProjectLevel, TaxCode
from st_deltek_pipeline.services.reference_data import REFERENCE_KINDS, PollResult, poll_reference
from st_deltek_pipeline.store.reference import ReferenceKind, load_reference

Rows = list[dict[str, Any]]


def _firm(client_id: str = "A1", **changes: Any) -> dict[str, Any]:
    return {
        "ClientID": client_id,
        "Client": "00001",
        "Name": " Acme ",
        "Status": "A",
        "ClientInd": "Y",
        "VendorInd": "N",
    } | changes


def _project(wbs1: str = "P1", wbs2: str = " ", wbs3: str = " ", **changes: Any) -> dict[str, Any]:
    return {
        "WBS1": wbs1,
        "WBS2": wbs2,
        "WBS3": wbs3,
        "Name": "Project",
        "Status": "A",
        "SubLevel": "N",
        "ChargeType": "R",
        "Org": "01:PL",
        "ClientID": "A1",
        "BillingClientID": "A2",
    } | changes


def _period(period: int = 202610, **changes: Any) -> dict[str, Any]:
    return {
        "Period": period,
        "AccountPdStart": "2026-10-01T00:00:00.000",
        "AccountPdEnd": "2026-10-31T00:00:00.000",
        "ActiveCompanyClosed": "N",
        "AllCompaniesClosed": "N",
    } | changes


class _Vantagepoint:
    """Answers each list with a test's rows; a path whose rows are an error raises it after the first page."""

    def __init__(self) -> None:
        self.company = "01"
        self.answers: dict[str, Rows] = {
            "firm": [_firm(), _firm("A2", Status="D")],
            "project:wbs1": [_project(SubLevel="Y")],
            "project:wbs2": [_project(wbs2="01")],
            "project:wbs3": [],
            "organization": [{"Org": "01:PL", "Name": "Plumbing", "Status": "A"}],
            "Accounts": [{"Account": Decimal("121.00"), "Name": "Receivables", "Type": 1, "Status": "A"}],
            "Settings/Period": [_period()],
            "TaxCodeEntity": [{"Code": "DEN", "Rate": Decimal("8.81"), "Status": "A"}],
            "BankCode/CFGBANKS": [{"Code": "OPER", "Description": "Operating"}],
            "Settings/Company": [{"Company": "01"}, {"Company": "02"}],
            "AccountConfiguration/CFGAutoPosting": [
                {"Company": "01", "AcctsReceivable": "121.00"},
                {"Company": "02", "AcctsReceivable": "122.00"},
            ],
        }
        self.failing: set[str] = set()

    def rows(self, path: str, *, parameters: Mapping[str, str] | None = None) -> Iterator[Rows]:
        name = f"{path}:{parameters['wbstype']}" if parameters else path
        for row in self.answers[name]:
            yield [row]
        if name in self.failing:
            message = "The connection was lost."
            raise TransientError(message)

    def active_company(self) -> str:
        return self.company


@pytest.fixture
def vantagepoint() -> _Vantagepoint:
    return _Vantagepoint()


def _poll(engine: Engine, vantagepoint: _Vantagepoint, **options: Any) -> dict[ReferenceKind, PollResult]:
    return poll_reference(engine, vantagepoint, "acme", run_id="run", **options)


def test_everything_is_read_back_typed(engine: Engine, vantagepoint: _Vantagepoint) -> None:
    counts = _poll(engine, vantagepoint)
    assert set(counts) == set(REFERENCE_KINDS)
    assert counts[ReferenceKind.PROJECTS] == PollResult(rows=2, new=2, changed=0, gone=0)
    reference = load_reference(engine, "acme")
    assert reference.firms["A1"] == Firm("A1", "00001", "Acme", active=True, is_client=True, is_vendor=False)
    assert not reference.firms["A2"].active
    assert reference.projects["P1", "", ""] == ProjectLevel(
        "P1",
        "",
        "",
        "Project",
        active=True,
        has_sublevels=True,
        charge_type="R",
        organization="01:PL",
        billing_client_id="A2",
    )
    assert reference.projects["P1", "01", ""].key == ("P1", "01", "")
    assert reference.organizations == {"01:PL": Organization("01:PL", "Plumbing", active=True)}
    assert reference.accounts == {"121.00": Account("121.00", "Receivables", active=True, account_type="1")}
    assert reference.tax_codes == {"DEN": TaxCode("DEN", active=True, rate=Decimal("8.81"))}
    assert reference.periods == {202610: FiscalPeriod(202610, date(2026, 10, 1), date(2026, 10, 31), closed=False)}
    assert reference.banks == {"OPER": Bank("OPER", "Operating")}
    assert (reference.company, reference.receivables_account) == ("01", "121.00")


def test_before_the_first_poll_there_is_a_clear_error(engine: Engine) -> None:
    with pytest.raises(BrokenError, match="not been read yet for acme"):
        load_reference(engine, "acme")


def test_an_unchanged_poll_changes_no_row(engine: Engine, vantagepoint: _Vantagepoint) -> None:
    _poll(engine, vantagepoint)
    with engine.connect() as db:
        before = db.execute(text("SELECT xmin, * FROM reference.snapshots ORDER BY kind, key")).all()
    counts = _poll(engine, vantagepoint)
    assert all((result.new, result.changed, result.gone) == (0, 0, 0) for result in counts.values())
    with engine.connect() as db:
        after = db.execute(text("SELECT xmin, * FROM reference.snapshots ORDER BY kind, key")).all()
    assert [tuple(map(str, row)) for row in after] == [tuple(map(str, row)) for row in before]


def test_changed_new_and_vanished_rows_are_told_apart(engine: Engine, vantagepoint: _Vantagepoint) -> None:
    _poll(engine, vantagepoint)
    vantagepoint.answers["firm"] = [_firm(Name="Acme Two"), _firm("A3")]
    assert _poll(engine, vantagepoint)[ReferenceKind.FIRMS] == PollResult(rows=2, new=1, changed=1, gone=1)
    assert sorted(load_reference(engine, "acme").firms) == ["A1", "A3"]
    with engine.connect() as db:
        gone = db.execute(text("SELECT key FROM reference.snapshots WHERE gone_at IS NOT NULL")).scalars().all()
    assert gone == ["A2"]
    vantagepoint.answers["firm"] = [_firm(Name="Acme Two"), _firm("A3"), _firm("A2")]
    assert _poll(engine, vantagepoint)[ReferenceKind.FIRMS] == PollResult(rows=3, new=1, changed=0, gone=0)


def test_a_reading_that_fails_half_way_wipes_nothing(engine: Engine, vantagepoint: _Vantagepoint) -> None:
    _poll(engine, vantagepoint)
    vantagepoint.answers["firm"] = [_firm()]
    vantagepoint.failing = {"firm"}
    with pytest.raises(TransientError):
        _poll(engine, vantagepoint)
    assert sorted(load_reference(engine, "acme").firms) == ["A1", "A2"]


@pytest.mark.parametrize("path", ["firm", "Accounts", "Settings/Period", "project:wbs1", "project:wbs2"])
def test_an_empty_answer_where_rows_were_is_not_believed(
    engine: Engine, vantagepoint: _Vantagepoint, path: str
) -> None:
    _poll(engine, vantagepoint)
    before = load_reference(engine, "acme")
    vantagepoint.answers[path] = []
    with pytest.raises(BrokenError, match=r"answered acme with no .*Nothing was changed"):
        _poll(engine, vantagepoint)
    assert load_reference(engine, "acme") == before
    _poll(engine, vantagepoint, accept_empty=True)
    assert load_reference(engine, "acme") != before


@pytest.mark.parametrize("key", [None, "", " ", "a|b", "a\x00"])
def test_a_row_without_a_usable_key_is_an_error_that_names_the_field(
    engine: Engine, vantagepoint: _Vantagepoint, key: object
) -> None:
    vantagepoint.answers["firm"] = [_firm(), _firm() | {"ClientID": key}]
    with pytest.raises(BrokenError, match="no usable ClientID"):
        _poll(engine, vantagepoint)


def test_hidden_fields_count_as_harmless(engine: Engine, vantagepoint: _Vantagepoint) -> None:
    vantagepoint.answers["firm"] = [{"ClientID": "A1"}]
    vantagepoint.answers["project:wbs1"] = [{"WBS1": "P1", "ClientID": "A1"}]
    vantagepoint.answers["TaxCodeEntity"] = [{"Code": "X", "Rate": ""}]
    _poll(engine, vantagepoint)
    reference = load_reference(engine, "acme")
    assert reference.firms["A1"] == Firm("A1", "", "", active=True, is_client=True, is_vendor=False)
    top = reference.projects["P1", "", ""]
    assert (top.active, top.has_sublevels, top.billing_client_id) == (True, True, "A1")
    assert reference.tax_codes["X"].rate is None


@pytest.mark.parametrize(
    ("company", "own", "everybody", "closed"),
    [
        ("", "Y", "N", True),
        ("01", "Y", "N", True),
        ("02", "Y", "N", False),
        ("02", "N", "Y", True),
        ("01", "N", "N", False),
    ],
)
def test_a_period_is_closed_for_our_company_or_for_all(
    engine: Engine, vantagepoint: _Vantagepoint, company: str, own: str, everybody: str, *, closed: bool
) -> None:
    vantagepoint.answers["Settings/Period"] = [_period(ActiveCompanyClosed=own, AllCompaniesClosed=everybody)]
    _poll(engine, vantagepoint, company=company)
    reference = load_reference(engine, "acme")
    assert reference.periods[202610].closed is closed
    assert reference.receivables_account == {"": "121.00", "01": "121.00", "02": "122.00"}[company]


def test_a_fiscal_period_need_not_be_a_month(engine: Engine, vantagepoint: _Vantagepoint) -> None:
    """T41: fiscal periods that are no months."""
    vantagepoint.answers["Settings/Period"] = [
        _period(202610, AccountPdEnd="2026-10-25T00:00:00.000"),
        _period(202611, AccountPdStart="2026-10-26T00:00:00.000", AccountPdEnd="2026-11-22T00:00:00.000"),
        _period(202612, AccountPdStart=None),
    ]
    _poll(engine, vantagepoint)
    reference = load_reference(engine, "acme")
    periods = [reference.period_of(date(2026, 10, day)) for day in (25, 26)]
    assert [period.period for period in periods if period] == [202610, 202611]
    assert reference.period_of(date(2026, 12, 1)) is None


def test_two_connections_do_not_meet(engine: Engine, vantagepoint: _Vantagepoint) -> None:
    _poll(engine, vantagepoint)
    vantagepoint.answers["firm"] = [_firm("B1")]
    poll_reference(engine, vantagepoint, "other", run_id="run")
    assert sorted(load_reference(engine, "acme").firms) == ["A1", "A2"]
    assert sorted(load_reference(engine, "other").firms) == ["B1"]
