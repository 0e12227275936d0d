"""Whatever is sent, the twin answers with a rule or an error of its own, never with a fault."""

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.sandbox.contractor.world import VantagepointWorld
from st_deltek_pipeline.sandbox.faults import RequestHooks
from st_deltek_pipeline.sandbox.state import MemoryState
from st_deltek_pipeline.sandbox.vantagepoint.app import VantagepointTwin, build_vantagepoint_app
from st_deltek_pipeline.sandbox.vantagepoint.calls import Call
from st_deltek_pipeline.sandbox.vantagepoint.conventions import parse_query, select
from st_deltek_pipeline.sandbox.vantagepoint.entry import EntryEndpoints
from st_deltek_pipeline.sandbox.vantagepoint.errors import ApiError, RuleError
from st_deltek_pipeline.sandbox.vantagepoint.firms import (
    change_firm,
    create_accounting,
    create_address,
    create_firm,
)
from st_deltek_pipeline.sandbox.vantagepoint.ledger import Ledger
from st_deltek_pipeline.sandbox.vantagepoint.posting import post_files
from st_deltek_pipeline.sandbox.vantagepoint.switches import VantagepointSwitches
from st_deltek_pipeline.sandbox.vantagepoint.transaction_types import ENTERED_TYPES, INVOICE, TransactionType
from st_deltek_pipeline.sandbox.vantagepoint.vendor_payments import pay_vouchers
from st_deltek_pipeline_tests.sandbox.vantagepoint.full_books import (
    MASTER_KEY,
    applied,
    check,
    cost,
    full_books,
    journal,
    receipt,
    receipts,
    voucher,
    vouchers,
)
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import detail, invoice_file, master, small_world

_AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=2)
_scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.decimals(allow_nan=False, places=4)
_values = _scalars | st.lists(_scalars, max_size=2) | st.dictionaries(st.text(max_size=3), _scalars, max_size=2)
_FIELDS = st.sampled_from([*master(), *detail(), "Batch", "Total", "Period", "Company", "Seq", "RetAmount", "Bogus"])


_OTHER_FIELDS = st.sampled_from([
    *receipt(), *applied(), *voucher(), *cost(), "CheckNo", "Payee", "DebitAmount", "CreditsTotal", "DefaultBank",
    "DefaultLiab", "LiabCode", "PayTerms", "Retainer", "NetAmount", "apDetailTax", "Batch", "Total", "Bogus",
])  # fmt: skip
_FIRM_BODIES = st.dictionaries(
    st.sampled_from([
        "Name", "Category", "VendorInd", "ClientInd", "Client", "Vendor", "ClientID", "Org", "Type", "Status",
        "PrimaryCountry", "CLAddress", "VEAccounting", "Address", "Address1", "PrimaryInd", "CLAddressID", "Company",
        "PayTerms", "Bogus",
    ]),
    _values | st.sampled_from(["Y", "V1", "000056", "A0", "New", [{"Address": "Main"}], [{"PayTerms": "Next"}]]),
)  # fmt: skip


_FILES = {
    "in": invoice_file("B1", [master()], [detail()]),
    "cr": receipts("B1", details=[applied(Invoice="")]),
    "ap": vouchers("B1"),
    "cv": check("cv", "B1"),
    "cd": check("cd", "B1"),
    "je": journal("B1", [("5000.00", "1.00", ""), ("2000.00", "", "1.00")]),
}


def _twin(world: VantagepointWorld | None = None, **switches: Any) -> VantagepointTwin:
    return build_vantagepoint_app(
        world or small_world(),
        switches=VantagepointSwitches(**switches),
        persistence=MemoryState(),
        hooks=RequestHooks(),
    )


def _answered(handler: Callable[[Call], object], twin: VantagepointTwin, body: object, **path: str) -> bool:
    """Say whether a handler did what it was asked, or refused it; anything else is a fault."""
    content = msgspec.json.Encoder(decimal_format="number").encode(body)
    try:
        handler(Call(twin.state, Ledger([]), "integration", path, (), content))
    except (RuleError, ApiError):
        return False
    return True


def _enter(twin: VantagepointTwin, body: object, kind: TransactionType = INVOICE) -> bool:
    return _answered(EntryEndpoints(kind).create_file, twin, body)


@given(
    place=st.sampled_from(["control", "inMaster", "inDetail"]), changes=st.dictionaries(_FIELDS, _values, min_size=1)
)
def test_a_file_with_any_values_is_entered_whole_or_not_at_all(place: str, changes: dict[str, Any]) -> None:
    body = invoice_file("B1", [master()], [detail()])
    target = body if place == "control" else body[place][0]
    target.update(changes)
    twin = _twin()
    entered = _enter(twin, body)
    assert len(twin.state.files) == int(entered)


@given(
    kind=st.sampled_from([kind for kind in ENTERED_TYPES if kind is not INVOICE]),
    place=st.sampled_from(["Control", "Master", "Detail"]),
    changes=st.dictionaries(_OTHER_FIELDS, _values, min_size=1),
)
def test_a_file_of_any_type_with_any_values_is_entered_whole_or_not_at_all(
    kind: TransactionType, place: str, changes: dict[str, Any]
) -> None:
    body = deepcopy(_FILES[kind.prefix])
    (body if place == "Control" else body[f"{kind.prefix}{place}"][0]).update(changes)
    twin = _twin(full_books())
    entered = _enter(twin, body, kind)
    assert len(twin.state.files) == int(entered)


@given(path=st.sampled_from(["firm", "firm/V1", "firm/V1/address", "accounting"]), body=_FIRM_BODIES)
def test_any_firm_is_written_or_refused(path: str, body: dict[str, Any]) -> None:
    handlers = {
        "firm": create_firm,
        "firm/V1": change_firm,
        "firm/V1/address": create_address,
        "accounting": create_accounting,
    }
    twin = _twin(full_books())
    before = len(twin.state.world.firms)
    content = msgspec.json.Encoder(decimal_format="number").encode(body)
    try:
        answer = handlers[path](Call(twin.state, Ledger([]), "integration", {"key": "V1"}, (), content))
    except (RuleError, ApiError):
        created = 0
    else:
        created = int(answer.status == 201 and path == "firm")
    assert len(twin.state.world.firms) == before + created


_KEYS = st.sampled_from(["B1", "B1|PAY-1", "B1|INV-1001|P100", f"B1|{MASTER_KEY}", "B1|a|b|c|d|e", "|", "x" * 40])


@given(
    kind=st.sampled_from(ENTERED_TYPES),
    key=_KEYS,
    rows=st.lists(st.dictionaries(_OTHER_FIELDS, _values, max_size=4), max_size=3),
    changes=st.dictionaries(_OTHER_FIELDS | _FIELDS, _values, max_size=5),
)
def test_any_single_document_is_entered_or_refused(
    kind: TransactionType, key: str, rows: list[dict[str, Any]], changes: dict[str, Any]
) -> None:
    twin = _twin(full_books(), use_files=False)
    body = {"TransDate": "2026-10-05", "BankCode": "OPER", **changes, kind.detail_name: rows}
    entered = _answered(EntryEndpoints(kind).create_document, twin, body, batch=key)
    assert len(twin.state.files) == int(entered)


@given(kind=st.sampled_from(ENTERED_TYPES), changes=st.dictionaries(_OTHER_FIELDS | _FIELDS, _values, min_size=1))
def test_any_change_of_a_control_is_made_or_refused(kind: TransactionType, changes: dict[str, Any]) -> None:
    twin = _twin(full_books())
    assert _enter(twin, _FILES[kind.prefix], kind)
    _answered(EntryEndpoints(kind).change_control, twin, changes, batch="B1")
    (file,) = twin.state.files.values()
    assert (file.batch, file.posting, file.control["Posted"]) == ("B1", None, "N")


@given(
    parms=st.lists(
        st.dictionaries(
            st.sampled_from(["batch", "clientcompany", "description", "period", "transtype", "Bogus"]),
            _values | st.sampled_from(["B1", "CR", "cr", "202610", "A0"]),
        )
        | _values,
        max_size=3,
    )
    | _values
)
def test_any_posting_request_is_answered(parms: object) -> None:
    twin = _twin(full_books())
    assert _enter(twin, _FILES["cr"], ENTERED_TYPES[1])
    _answered(post_files, twin, {"parms": parms})


@given(
    lines=st.lists(
        st.dictionaries(
            st.sampled_from([
                "Vendor", "Voucher", "CheckNo", "BankCode", "Payment", "CheckDate", "LiabCode", "Period", "Seq", "Bogus",
            ]),
            _values | st.sampled_from(["000056", "00000001", "OPER", "10.00", "2026-10-20", "General"]),
        ),
        max_size=2,
    ),
    head=st.dictionaries(st.sampled_from(["TransType", "Period", "PaymentDate", "Company", "PostSeq"]), _values),
)  # fmt: skip
def test_any_payment_of_vouchers_is_made_or_refused(lines: list[dict[str, Any]], head: dict[str, Any]) -> None:
    twin = _twin(full_books())
    paid = _answered(pay_vouchers, twin, {**head, "APPPCHECKS": lines})
    assert len(twin.state.files) == int(paid)


@given(body=_values)
def test_any_json_value_as_a_body_is_answered(body: object) -> None:
    assert not _enter(_twin(), body)


@given(amounts=st.lists(_AMOUNTS, min_size=1, max_size=20))
def test_the_sum_of_a_file_is_exact(amounts: list[Decimal]) -> None:
    twin = _twin()
    assert _enter(twin, invoice_file("B1", [master()], [detail(amount=str(amount)) for amount in amounts]))
    assert Decimal(twin.totals()["amount"]["entered"]) == sum(amounts)


@given(
    name=st.sampled_from(["ClientID", "Name", "Status", "CreateDate", "Bogus"]) | st.text(max_size=5),
    opp=st.sampled_from(["=", "eq", "!=", "<", "gt", "like", "in", "~", ""]),
    value=st.text(max_size=20),
    order=st.text(alphabet="NameStatus_DA desc,", max_size=12),
    limit=st.text(alphabet="0123456789x-", max_size=3),
)
def test_any_query_is_answered_or_refused(name: str, opp: str, value: str, order: str, limit: str) -> None:
    parameters = [("filterHash[0][name]", name), ("filterHash[0][opp]", opp), ("filterHash[0][value]", value)]
    parameters += [("order", order), *parse_qsl(f"limit={limit}")]
    switches = VantagepointSwitches()
    rows = [dict(row, CreateDate=created) for row in small_world().firms.values() for created in ("", "2026-10-05")]
    try:
        found = select(rows, parse_query(parameters, switches), switches, "firm")
    except ApiError as error:
        found, status = [], error.status
    else:
        status = 200
    assert status in {200, 400}
    assert all(row in rows for row in found)
