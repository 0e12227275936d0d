"""A person who enters and posts an invoice in Vantagepoint, as the screens let her."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint.auth import Tokens
from st_deltek_pipeline.sandbox.vantagepoint.front import make_app
from st_deltek_pipeline_tests.simulation.step import PARTS
from st_deltek_pipeline_tests.simulation.wire import call_app

if TYPE_CHECKING:
    from st_deltek_pipeline_tests.simulation.simulation import Simulation

_USER, _PASSWORD = "BOOKKEEPER", "a-password-of-hers"
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True)
class ByHand:
    """What was entered.

    Attributes:
        line: The key of its line.
        after_ours: Something of ours stood under the number before.
    """

    line: str
    project: str
    number: str
    after_ours: bool


def enter(world: "Simulation", invoice: Row, off: Decimal) -> ByHand | None:
    """Enter the part A of an invoice on its project, and post it; nothing where the number is there already."""
    vantagepoint = world.systems.vantagepoint
    sku, place = PARTS[0]
    number, project = invoice["referenceNumber"], place["wbs1"]
    items = [item for item in invoice["items"] or () if item["skuName"] == sku]
    padded = number.rjust(7, "0")
    files = vantagepoint.state.files.values()
    there = any(master.get("Invoice") == padded for file in files if file.transtype == "IN" for master in file.masters)
    period = int(invoice["invoiceDate"][:7].replace("-", ""))
    # She enters a file; where files are not used her desk is not what stands here for it.
    if there or not items or vantagepoint.state.is_closed(period) or not vantagepoint.state.switches.use_files:
        return None
    batch = f"BYHAND{len(vantagepoint.state.files)}"
    amount = sum((Decimal(item["total"]) for item in items), start=Decimal(0)) + off
    key = {"Batch": batch, "Invoice": number, "WBS1": project, "WBS2": "", "WBS3": ""}
    line = {"PKey": batch, "Seq": 1, "InvoiceSection": "L", "Account": "401.00", "Amount": amount}
    body = {
        "Batch": batch,
        "Total": amount,
        "inMaster": [{**key, "TransDate": f"{invoice['invoiceDate'][:10]}T00:00:00.000"}],
        "inDetail": [{**key, **line}],
    }
    session = _Session(world)
    session.send("PUT", f"Settings/ActivePeriod/{period}")
    session.send("POST", "DataEntry/inControl", body)
    parms = {
        "transtype": "IN",
        "batch": batch,
        "period": str(period),
        "clientcompany": vantagepoint.state.world.company,
        "description": "by hand",
    }
    session.send("PUT", "DataEntry/PostTransFile", {"parms": [parms]})
    return ByHand(batch, project, padded, after_ours=False)


class _Session:
    """Her session, beside that of the integration and without any trouble on the wire."""

    def __init__(self, world: "Simulation") -> None:
        self._vantagepoint = world.systems.vantagepoint
        self._vantagepoint.add_user(_USER, _PASSWORD)
        state = self._vantagepoint.state
        self._base = f"http://127.0.0.1{self._vantagepoint.base_path}"
        self._app = make_app(state, self._vantagepoint._ledger, Tokens(state), self._vantagepoint.base_path)
        form = (
            f"grant_type=password&username={_USER}&password={_PASSWORD}&database={state.world.database}"
            f"&client_id={_quoted(state.world.client_id)}&client_secret={state.world.client_secret}&integrated=N"
        )
        reply = call_app(
            self._app,
            "POST",
            f"{self._base}/token",
            {"content-type": "application/x-www-form-urlencoded"},
            form.encode(),
        )
        self._token = msgspec.json.decode(reply.body)["access_token"]

    def send(self, method: str, path: str, body: Any = None) -> None:
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        content = b"" if body is None else _ENCODER.encode(body)
        reply = call_app(self._app, method, f"{self._base}/{path}", headers, content)
        assert reply.status < 300, (method, path, reply.status, reply.body)


def _quoted(text: str) -> str:
    return quote(text, safe="")
