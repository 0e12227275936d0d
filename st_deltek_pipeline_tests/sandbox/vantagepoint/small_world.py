"""A hand-made Vantagepoint database, and the requests tests send to its twin."""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import requests

from st_deltek_pipeline.sandbox.contractor.world import VantagepointWorld
from st_deltek_pipeline.sandbox.vantagepoint.app import VantagepointTwin

TIMEOUT = 10
PASSWORD = "correct horse"


@dataclass
class MovableClock:
    """A clock that stands still until a test moves it."""

    now: datetime = field(default_factory=lambda: datetime(2026, 10, 6, 15, 30, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def _project(wbs1: str, wbs2: str = " ", wbs3: str = " ", **fields: str) -> dict[str, Any]:
    row = {"WBS1": wbs1, "WBS2": wbs2, "WBS3": wbs3, "Name": f"Project {wbs1}{wbs2}{wbs3}".strip(), "Status": "A"}
    row |= {"SubLevel": "N", "ChargeType": "R", "Org": "A0.10", "ClientID": "F1", "BillingClientID": "F1"}
    return {**row, **fields}


def _period(period: int, *, closed: bool = False) -> dict[str, Any]:
    year, month = divmod(period, 100)
    flag = "Y" if closed else "N"
    return {
        "Period": period,
        "FmtPeriod": f"{month}/{year}",
        "AccountPdStart": f"{year}-{month:02}-01T00:00:00.000",
        "AccountPdEnd": f"{year}-{month:02}-30T00:00:00.000",
        "FYStart": f"{year}-01-01T00:00:00.000",
        "FYEnd": f"{year}-12-31T00:00:00.000",
        "ActiveCompanyClosed": flag,
        "AllCompaniesClosed": flag,
    }


def small_world() -> VantagepointWorld:
    """Return a database with one of everything the rules look at."""
    projects = [
        _project("P100"),
        _project("P200", SubLevel="Y"),
        _project("P200", "010"),
        _project("P200", "020", SubLevel="Y"),
        _project("P200", "020", "A1"),
        _project("P300", Status="I"),
        _project("P400", Status="D"),
        _project("P500", BillingClientID="F2", Org="A0.20"),
    ]
    accounts = {
        "1100.00": {"Account": "1100.00", "Name": "Accounts receivable", "Type": "1", "Status": "A", "Detail": "1"},
        "2200.00": {"Account": "2200.00", "Name": "Sales tax", "Type": "2", "Status": "A", "Detail": "1"},
        "4000.00": {"Account": "4000.00", "Name": "Service revenue", "Type": "4", "Status": "A", "Detail": "1"},
        "4100.00": {"Account": "4100.00", "Name": "Old revenue", "Type": "4", "Status": "I", "Detail": "1"},
        "5000.00": {"Account": "5000.00", "Name": "Materials", "Type": "5", "Status": "A", "Detail": "1"},
    }
    return VantagepointWorld(
        database="SUMMIT",
        username="integration",
        password=PASSWORD,
        client_id="abc+/=client",
        client_secret="s3cret",
        company="A0",
        firms={
            "F1": {"ClientID": "F1", "Client": "1", "Name": "Acme Höme", "Status": "A", "ClientInd": "Y"},
            "F2": {"ClientID": "F2", "Client": "2", "Name": "Beta Ltd", "Status": "I", "ClientInd": "Y"},
            "F3": {"ClientID": "F3", "Client": "3", "Name": "acme Garage", "Status": "A", "ClientInd": "N"},
        },
        projects={(row["WBS1"], row["WBS2"].strip(), row["WBS3"].strip()): row for row in projects},
        organizations={"A0.10": {"Org": "A0.10", "Name": "HVAC", "Status": "A"}},
        accounts=accounts,
        banks={"OPER": {"Code": "OPER", "Description": "Operating", "AccountCurrencyCode": "USD"}},
        tax_codes={
            "CO-TAX": {"Code": "CO-TAX", "Status": "A", "Rate": Decimal("8.81")},
            "OLD": {"Code": "OLD", "Status": "I", "Rate": Decimal("7.5")},
        },
        companies={"A0": {"Company": "A0", "FirmName": "Summit", "FunctionalCurrencyCode": "USD", "Status": "A"}},
        periods={each: _period(each, closed=each < 202610) for each in (202609, 202610, 202611)},
        auto_posting={"A0": {"Company": "A0", "AcctsReceivable": "1100.00", "UnbilledServices": "1200.00"}},
    )


def master(invoice: str = "INV-1001", wbs1: str = "P100", **fields: Any) -> dict[str, Any]:
    """Return an inMaster row."""
    row = {"Invoice": invoice, "WBS1": wbs1, "WBS2": "", "WBS3": "", "TransDate": "2026-10-05", "TransComment": "Job 7"}
    return {**row, **fields}


def detail(invoice: str = "INV-1001", wbs1: str = "P100", amount: str = "100.00", **fields: Any) -> dict[str, Any]:
    """Return an inDetail row."""
    row = {"Invoice": invoice, "WBS1": wbs1, "WBS2": "", "WBS3": "", "InvoiceSection": "F", "Account": "4000.00"}
    return {**row, "Amount": Decimal(amount), **fields}


def invoice_file(batch: str, masters: list[dict[str, Any]], details: list[dict[str, Any]], **fields: Any) -> dict:
    """Return the body of an inControl POST whose control total agrees with its details."""
    total = sum((Decimal(str(row["Amount"])) for row in details if row.get("Amount") is not None), Decimal(0))
    control = {"Batch": batch, "Description": "Invoices", "Total": total, "Period": 202610, "Company": "A0"}
    return {**control, **fields, "inMaster": masters, "inDetail": details}


def one_invoice(batch: str, invoice: str = "INV-1001", wbs1: str = "P100", amount: str = "100.00") -> dict:
    """Return the body of a file with one invoice of one line."""
    return invoice_file(batch, [master(invoice, wbs1)], [detail(invoice, wbs1, amount)])


@dataclass
class PostResult:
    """PostTransFile's answer, read as clients must read it."""

    text: str

    def values(self, name: str) -> list[str]:
        found = re.search(rf'"{name}":"([^"]*)"', self.text)
        assert found is not None
        return found[1].split("|")

    @property
    def posted(self) -> list[str]:
        return self.values("retList")

    @property
    def message(self) -> str:
        return self.values("msg")[0]


@dataclass
class Office:
    """A signed-in user of a twin, over HTTP."""

    url: str
    twin: VantagepointTwin
    clock: MovableClock
    token: str = ""

    def sign_in(self, username: str = "integration", password: str = PASSWORD) -> "Office":
        answer = self.ask_token(username=username, password=password)
        assert answer.status_code == 200, answer.text
        return Office(self.url, self.twin, self.clock, answer.json()["access_token"])

    def ask_token(self, **form: str) -> requests.Response:
        world = self.twin.state.world
        fields = {"username": world.username, "password": world.password, "grant_type": "password"}
        fields |= {"database": world.database, "client_id": world.client_id, "client_secret": "s3cret"}
        return requests.post(f"{self.url}/token", data={**fields, **form}, timeout=TIMEOUT)

    def send(self, method: str, path: str, body: object = None, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        if body is not None:
            more["data"] = msgspec.json.encode(body) if not isinstance(body, (str, bytes)) else body
            headers = {"Content-Type": "application/json", **headers}
        return requests.request(method, f"{self.url}/{path}", headers=headers, timeout=TIMEOUT, **more)

    def get(self, path: str, **parameters: str) -> Any:
        answer = self.send("GET", path, params=parameters)
        assert answer.status_code == 200, answer.text
        return exact(answer)

    def enter(self, body: object) -> requests.Response:
        return self.send("POST", "DataEntry/inControl", body)

    def enter_as(self, prefix: str, body: object) -> requests.Response:
        """Enter a file of another type, for example ``cr``."""
        return self.send("POST", f"DataEntry/{prefix}Control", body)

    def refusal_as(self, prefix: str, body: object) -> str:
        """Enter a file of another type that must be refused with 400, and return the sentence."""
        answer = self.enter_as(prefix, body)
        assert answer.status_code == 400, answer.text
        return answer.json()["message"]

    def book(self, prefix: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Enter and post a file of a type, and return its rows of the ledger."""
        answer = self.enter_as(prefix, body)
        assert answer.status_code == 201, answer.text
        result = self.post(body["Batch"], transtype=prefix.upper())
        assert result.posted == ["1"], result.message
        return self.get(f"PSALedger/{prefix.upper()}", **where(("Batch", "=", body["Batch"])))

    def refusal(self, body: object) -> str:
        """Enter a file that must be refused with 400, and return the sentence."""
        answer = self.enter(body)
        assert answer.status_code == 400, answer.text
        return answer.json()["message"]

    def post(self, *batches: str, **parms: str) -> PostResult:
        rows = [{"batch": batch, "period": "202610", "transtype": "IN", **parms} for batch in batches]
        answer = self.send("PUT", "DataEntry/PostTransFile", {"parms": rows})
        assert answer.status_code == 200, answer.text
        return PostResult(answer.json())

    def enter_and_post(self, body: dict[str, Any]) -> None:
        assert self.enter(body).status_code == 201
        assert self.post(body["Batch"]).posted == ["1"]

    def ledger(self, **parameters: str) -> list[dict[str, Any]]:
        return self.get("PSALedger/IN", **parameters)


def exact(answer: requests.Response) -> Any:
    """Read an answer with its numbers as Decimal."""
    return json.loads(answer.text, parse_float=Decimal)


def where(*conditions: tuple[str, str, str]) -> dict[str, str]:
    """Return the filterHash parameters of (name, opp, value) conditions."""
    parameters: dict[str, str] = {}
    for number, (name, opp, value) in enumerate(conditions):
        parameters[f"filterHash[{number}][name]"] = name
        parameters[f"filterHash[{number}][value]"] = value
        if opp:
            parameters[f"filterHash[{number}][opp]"] = opp
    return parameters
