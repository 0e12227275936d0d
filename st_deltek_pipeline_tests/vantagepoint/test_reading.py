from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest

from st_deltek_pipeline.domain.errors import (
    BrokenError,
    ConfigurationError,
    PermissionMissingError,
    RefusedError,
    TransientError,
)
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.filters import Filter, filter_parameters
from st_deltek_pipeline.vantagepoint.rows import LedgerRow, ledger_row
from st_deltek_pipeline_tests.scripted_server import HTML, Call, Reply, json_reply
from st_deltek_pipeline_tests.vantagepoint.conftest import MakeClient, Tenant

BATCH = "48aed4940d014a319758a9921362510f"
NOT_FOUND = json_reply({"message": "The requested resource does not exist."}, 404)
NOT_FOUND_PAGE = Reply(404, b"<html>404 - File or directory not found.</html>", {"Content-Type": "text/html"})


def paged(rows: list[Any]) -> Callable[[Call], Reply]:
    def script(call: Call) -> Reply:
        offset, limit = int(call.parameters["offset"]), int(call.parameters["limit"])
        return json_reply(rows[offset : offset + limit])

    return script


def numbers(count: int) -> list[dict[str, int]]:
    return [{"id": number} for number in range(count)]


# --- Lists --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7])
def test_lists_are_read_until_a_short_page(client: VantagepointClient, tenant: Tenant, count: int) -> None:
    tenant.then(paged(numbers(count)))
    pages = list(client.rows("firm"))
    assert [row for page in pages for row in page] == numbers(count)
    assert all(pages)
    assert len(tenant.calls()) == count // 3 + 1


def test_filters_fields_and_parameters_are_sent_as_vantagepoint_reads_them(
    client: VantagepointClient, tenant: Tenant
) -> None:
    tenant.then_replies(json_reply([]))
    filters = [Filter("Status", "A"), Filter("PostDate", "2026-10-05", ">=", "datetime"), Filter("Org", "A & B")]
    list(client.rows("project", filters=filters, fields=["WBS1", "Name"], parameters={"wbstype": "wbs2"}))
    call = tenant.calls()[0]
    assert call.path == "/acme/api/project"
    assert parse_qsl(call.query) == [
        ("filterHash[0][name]", "Status"),
        ("filterHash[0][value]", "A"),
        ("filterHash[1][name]", "PostDate"),
        ("filterHash[1][value]", "2026-10-05"),
        ("filterHash[1][opp]", ">="),
        ("filterHash[1][type]", "datetime"),
        ("filterHash[1][condition]", "AND"),
        ("filterHash[2][name]", "Org"),
        ("filterHash[2][value]", "A & B"),
        ("filterHash[2][condition]", "AND"),
        ("wbstype", "wbs2"),
        ("fieldFilter", "WBS1,Name"),
        ("limit", "3"),
        ("offset", "0"),
    ]


def test_no_filters_are_no_parameters() -> None:
    assert filter_parameters([]) == []


def test_one_object_is_one_row_and_amounts_are_exact(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(json_reply(b'{"Fee": 1234567.10, "Count": 3}'))
    assert list(client.rows("project/1")) == [[{"Fee": Decimal("1234567.10"), "Count": 3}]]


@pytest.mark.parametrize("body", [b"null", b"[]"])
def test_nothing_is_no_page(client: VantagepointClient, tenant: Tenant, body: bytes) -> None:
    tenant.then_replies(json_reply(body))
    assert list(client.rows("firm")) == []


@pytest.mark.parametrize("body", [b'"a text"', b"[1, 2]", b'[{"a": NaN}]', b'[{"a": 1, "a": 2}]'])
def test_what_is_not_rows_stops(client: VantagepointClient, tenant: Tenant, body: bytes) -> None:
    tenant.then_replies(json_reply(body))
    with pytest.raises(BrokenError, match="firm"):
        list(client.rows("firm"))
    assert len(tenant.calls()) == 1


def test_a_server_that_ignores_the_offset_does_not_keep_us_for_ever(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(json_reply(numbers(3)))
    with pytest.raises(BrokenError, match="same rows again"):
        list(client.rows("firm"))
    assert len(tenant.calls()) == 2


def test_a_server_that_ignores_the_limit_has_sent_everything(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(json_reply(numbers(5)))
    assert list(client.rows("firm")) == [numbers(5)]


def test_a_servers_own_page_cap_loses_no_rows(make: MakeClient, tenant: Tenant) -> None:
    def capped(call: Call) -> Reply:
        offset = int(call.parameters["offset"])
        return json_reply(numbers(230)[offset : offset + 100])

    tenant.then(capped)
    pages = list(make(page_size=1000).rows("firm"))
    assert [row for page in pages for row in page] == numbers(230)


@pytest.mark.parametrize("reply", [HTML, json_reply({}, 502), json_reply({"Message": "?"}, 500), Reply(drop=True)])
def test_reading_is_repeated_after_an_outage(client: VantagepointClient, tenant: Tenant, reply: Reply) -> None:
    tenant.then_replies(reply, reply, json_reply(numbers(1)))
    assert list(client.rows("firm")) == [numbers(1)]


def test_a_refused_filter_is_vantagepoints_own_words(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(json_reply({"message": "Field Nmae does not exist."}, 500))
    with pytest.raises(RefusedError, match="Field Nmae does not exist"):
        list(client.rows("firm", filters=[Filter("Nmae", "x")]))
    assert len(tenant.calls()) == 1


def test_a_missing_right_is_named(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(json_reply({"message": "You do not have access."}, 403))
    with pytest.raises(PermissionMissingError, match=r"firm.*role"):
        list(client.rows("firm"))


# --- Tenants that want q.maxrows ----------------------------------------------------------------------------------


def refuses_limit(call: Call) -> Reply:
    if "limit" in call.parameters and ("DataEntry" in call.path or "PSALedger" in call.path):
        return json_reply({"message": "Object reference not set to an instance of an object."}, 500)
    return json_reply(numbers(2) if "firm" in call.path else [])


def test_a_tenant_that_refuses_limit_gets_the_setting_named(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then(refuses_limit)
    with pytest.raises(ConfigurationError, match=r"row_limit_parameter: q\.maxrows"):
        client.ledger_rows("IN")
    assert len(tenant.calls()) == 1


def test_with_maxrows_ledger_and_entry_lists_come_in_one_call(make: MakeClient, tenant: Tenant) -> None:
    client = make(row_limit_parameter="q.maxrows")
    tenant.then(refuses_limit)
    assert client.ledger_rows("IN") == []
    assert client.read_details("in", BATCH) == []
    assert list(client.rows("firm")) == [numbers(2)]
    ledger, details, firm = tenant.calls()
    assert ledger.parameters == {"q.maxrows": "50000"}
    assert details.parameters == {"q.maxrows": "50000"}
    assert firm.parameters == {"limit": "3", "offset": "0"}


def test_a_full_answer_with_maxrows_says_that_it_may_not_be_all(
    make: MakeClient, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("st_deltek_pipeline.vantagepoint.client._MOST_ROWS", 2)
    tenant.then_replies(json_reply(numbers(2)))
    with pytest.raises(BrokenError, match="no second page"):
        list(make(row_limit_parameter="q.maxrows").rows("PSALedger/IN"))


# --- The session's period and company -----------------------------------------------------------------------------


@pytest.mark.parametrize("body", [[{"Period": 202611}], {"period": "202611"}, 202611, "202611"])
def test_the_active_period_is_read_in_every_shape(client: VantagepointClient, tenant: Tenant, body: object) -> None:
    tenant.then_replies(json_reply(body))
    assert client.active_period() == 202611
    assert tenant.calls()[0].path == "/acme/api/Settings/ActivePeriod"


def test_the_active_company_is_read(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(json_reply([{"Company": "01 ", "FirmName": "Acme"}]))
    assert client.active_company() == "01"


@pytest.mark.parametrize("body", [[], [{}], [{"Period": None}], {"Period": True}, [{"Period": "November"}]])
def test_a_session_without_a_period_is_broken(client: VantagepointClient, tenant: Tenant, body: object) -> None:
    tenant.then_replies(json_reply(body))
    with pytest.raises(BrokenError, match=r"[Pp]eriod"):
        client.active_period()


# --- Transaction files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [[{"Batch": BATCH.upper(), "Total": 1}], {"Batch": BATCH + " ", "Total": 1}])
def test_a_control_row_is_read_from_an_array_or_an_object(
    client: VantagepointClient, tenant: Tenant, body: object
) -> None:
    tenant.then_replies(json_reply(body))
    row = client.read_control("in", BATCH)
    assert row is not None
    assert row["Total"] == 1
    assert tenant.calls()[0].path == f"/acme/api/DataEntry/inControl/{BATCH}"


@pytest.mark.parametrize("reply", [NOT_FOUND, json_reply([]), Reply(404, b"")])
def test_a_file_that_is_not_there_is_none(client: VantagepointClient, tenant: Tenant, reply: Reply) -> None:
    tenant.then_replies(reply)
    assert client.read_control("in", BATCH) is None
    assert client.read_masters("in", BATCH) == []
    assert client.read_details("in", BATCH) == []


def test_a_gateways_404_is_not_taken_for_a_missing_file(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(NOT_FOUND_PAGE)
    for read in (client.read_control, client.read_masters, client.read_details):
        with pytest.raises(ConfigurationError, match="base_url"):
            read("in", BATCH)


def test_another_files_control_row_is_refused(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(json_reply([{"Batch": "another"}]))
    with pytest.raises(BrokenError, match="another"):
        client.read_control("in", BATCH)


def test_masters_and_details_are_read_to_their_end(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then(paged(numbers(7)))
    assert client.read_masters("in", "a|b/c") == numbers(7)
    assert client.read_details("in", "a|b/c") == numbers(7)
    assert tenant.calls()[0].path == "/acme/api/DataEntry/inMaster/a%7Cb%2Fc"


# --- The ledger ---------------------------------------------------------------------------------------------------

POSTED = {
    "Batch": BATCH,
    "Period": 202611,
    "PostSeq": 4,
    "PKey": "key1",
    "WBS1": "2026-001",
    "WBS2": " ",
    "WBS3": None,
    "Account": "401.00",
    "Org": "01:10",
    "TransType": "IN",
    "Invoice": "0001234",
    "InvoiceSection": "F",
    "TransDate": "2026-11-02T00:00:00.000",
    "Amount": -100.25,
    "TaxCode": "",
}


def test_a_ledger_row_is_typed() -> None:
    row = {**POSTED, "Amount": Decimal("-100.25")}
    assert ledger_row(row) == LedgerRow(
        batch=BATCH,
        period=202611,
        post_sequence=4,
        line_key="key1",
        wbs1="2026-001",
        wbs2="",
        wbs3="",
        account="401.00",
        organization="01:10",
        trans_type="IN",
        invoice="0001234",
        section="F",
        trans_date=date(2026, 11, 2),
        amount=Decimal("-100.25"),
        tax_code="",
    )
    texts = ledger_row({**row, "Period": "202611", "PostSeq": "", "Amount": "-100.2500", "TransDate": ""})
    assert (texts.period, texts.post_sequence, texts.trans_date) == (202611, None, None)
    assert texts.amount == Decimal("-100.25")


@pytest.mark.parametrize("field", ["Batch", "Period", "PKey", "WBS1", "Account", "Invoice", "Amount"])
def test_a_field_that_the_role_hides_is_named(field: str) -> None:
    with pytest.raises(PermissionMissingError, match=field):
        ledger_row({name: value for name, value in POSTED.items() if name != field})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Amount", "much"),
        ("Amount", None),
        ("Amount", "NaN"),
        ("Period", "Nov"),
        ("Period", None),
        ("TransDate", "05/11/2026"),
    ],
)
def test_a_ledger_row_with_nonsense_in_it_stops(field: str, value: object) -> None:
    with pytest.raises(BrokenError, match=BATCH):
        ledger_row({**POSTED, field: value})


class Ledger:
    """Answers PSALedger/IN by its filters, and remembers how it was asked."""

    def __init__(self, batches: list[str], invoices: list[str] | None = None) -> None:
        self.rows = [
            {**POSTED, "Batch": batch, "Invoice": invoice}
            for batch, invoice in zip(batches, invoices or batches, strict=True)
        ]
        self.queries: list[list[tuple[str, str]]] = []
        self.methods: list[str] = []

    def __call__(self, call: Call) -> Reply:
        if call.method == "POST":
            assert call.headers["dvp-postasget"] == "true"
            assert call.headers["content-type"] == "application/x-www-form-urlencoded"
            assert call.query == ""
        else:
            assert len(call.query) <= 1700
        query = parse_qsl(call.query or call.body.decode(), keep_blank_values=True)
        self.queries.append(query)
        self.methods.append(call.method)
        parameters = dict(query)
        found = self.rows
        for position in range(2):
            name = parameters.get(f"filterHash[{position}][name]")
            if name is not None:
                value = parameters[f"filterHash[{position}][value]"]
                wanted = value.split(",") if f"filterHash[{position}][opp]" in parameters else [value]
                found = [row for row in found if row[name] in wanted]
        offset = int(parameters["offset"])
        return json_reply(found[offset : offset + int(parameters["limit"])])


def batches(count: int) -> list[str]:
    return [f"{number:032x}" for number in range(count)]


def test_one_file_is_asked_for_by_equality(client: VantagepointClient, tenant: Tenant) -> None:
    ledger = Ledger(batches(4))
    tenant.then(ledger)
    rows = client.ledger_rows("IN", batches=[batches(4)[2]])
    assert [row.batch for row in rows] == [batches(4)[2]]
    assert rows[0].amount == Decimal("-100.25")
    assert ("filterHash[0][opp]", "in") not in ledger.queries[0]


def test_a_long_list_goes_as_one_post_that_is_a_get(make: MakeClient, tenant: Tenant) -> None:
    ledger = Ledger(batches(300))
    tenant.then(ledger)
    rows = make(page_size=1000).ledger_rows("IN", batches=batches(120))
    assert {row.batch for row in rows} == set(batches(120))
    assert ledger.methods == ["POST"]


def test_a_long_list_goes_in_chunks_where_post_as_get_is_off(make: MakeClient, tenant: Tenant) -> None:
    ledger = Ledger(batches(300))
    tenant.then(ledger)
    rows = make(page_size=1000, long_queries_as_post=False).ledger_rows("IN", batches=batches(120))
    assert sorted(row.batch for row in rows) == batches(120)
    assert set(ledger.methods) == {"GET"}
    assert len(ledger.methods) == 4


def test_a_list_of_thousands_is_split_even_as_post(make: MakeClient, tenant: Tenant) -> None:
    ledger = Ledger(batches(1200))
    tenant.then(ledger)
    assert len(make(page_size=1000).ledger_rows("IN", batches=batches(1200))) == 1200
    assert len({dict(query)["filterHash[0][value]"] for query in ledger.queries}) == 3


def test_a_lost_post_that_is_a_get_is_sent_again(make: MakeClient, tenant: Tenant) -> None:
    ledger = Ledger(batches(100))
    replies = [Reply(drop=True)]
    tenant.then(lambda call: replies.pop() if replies else ledger(call))
    assert len(make(page_size=1000).ledger_rows("IN", batches=batches(100))) == 100


def test_invoice_numbers_can_be_asked_for_even_with_a_comma_or_blank(make: MakeClient, tenant: Tenant) -> None:
    numbers_ = ["0001234", "A,1", " ", "B2"]
    ledger = Ledger(batches(4), numbers_)
    tenant.then(ledger)
    rows = make(page_size=1000).ledger_rows("IN", invoices=["0001234", "A,1", "B2", "B2"])
    assert sorted(row.invoice for row in rows) == ["0001234", "A,1", "B2"]
    assert len(ledger.queries) == 2


def test_files_and_invoices_together_must_both_fit(make: MakeClient, tenant: Tenant) -> None:
    ledger = Ledger(batches(4), ["i0", "i1", "i2", "i3"])
    tenant.then(ledger)
    rows = make(page_size=1000).ledger_rows("IN", batches=batches(4)[:2], invoices=["i1", "i2"])
    assert [row.invoice for row in rows] == ["i1"]


def test_asking_for_nothing_answers_nothing_and_not_everything(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then(Ledger(batches(4)))
    assert client.ledger_rows("IN", batches=[]) == []
    assert client.ledger_rows("IN", invoices=[]) == []
    assert client.ledger_rows("IN", batches=batches(2), invoices=[]) == []
    assert tenant.calls() == []
    assert len(client.ledger_rows("IN")) == 4


def test_a_tenant_that_ignores_the_condition_does_not_mislead_us(make: MakeClient, tenant: Tenant) -> None:
    tenant.then_replies(json_reply([{**POSTED, "Batch": "other"}, {**POSTED, "Batch": BATCH.upper()}]))
    rows = make(page_size=1000).ledger_rows("IN", batches=[BATCH, "third"])
    assert [row.batch for row in rows] == [BATCH.upper()]


def test_a_tenant_without_a_readable_ledger_says_so(client: VantagepointClient, tenant: Tenant) -> None:
    tenant.then_replies(HTML)
    with pytest.raises(TransientError, match="PSALedger/IN"):
        client.ledger_rows("IN")
