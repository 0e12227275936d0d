"""ServiceTitan is told what stands in the ledger: in bulk, after posting, and never at posting's expense."""

import json
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from st_deltek_pipeline.domain.documents import DocumentKey, Kind
from st_deltek_pipeline.services import write_back
from st_deltek_pipeline.services.document_history import document_history
from st_deltek_pipeline.services.write_back import WriteBackResult, write_back_day, write_back_days
from st_deltek_pipeline.servicetitan import exporting
from st_deltek_pipeline.store.holds import events_of_document
from st_deltek_pipeline.store.staged_tables import TABLES
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench, bench
from st_deltek_pipeline_tests.services.posting.kinds import run_kinds, take_in_documents

ZERO = Decimal("0.00")


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture
def telling(quiet: Bench) -> Bench:
    """The small month, with the setting on."""
    quiet.changed(posting={"write_back": "exported"})
    return quiet


def tell(acme: Bench, day: date = QUIET_DAY, *, client: Any = None) -> WriteBackResult:
    return write_back_day(acme.engine, acme.settings, client or acme.servicetitan, day, run_id="test")


def key(invoice: dict[str, Any]) -> DocumentKey:
    return DocumentKey("acme", Kind.INVOICE, invoice["id"])


def posted(acme: Bench, *amounts: str) -> list[dict[str, Any]]:
    """Add invoices, and post them in one file."""
    invoices = [acme.add(PART_A=amount) for amount in amounts or ("60.00",)]
    acme.run(QUIET_DAY)
    assert {acme.outcome(invoice["id"])[0] for invoice in invoices} == {"posted"}
    return invoices


def writes(acme: Bench) -> list[str]:
    """Module and path of every call that could have changed something in ServiceTitan."""
    return [
        re.sub(r"^/(\w+)/v2/tenant/\d+/", r"\1/", entry.path)
        for entry in acme.sandbox.hooks.log.entries()
        if entry.system == "servicetitan" and entry.method != "GET" and "/connect/token" not in entry.path
    ]


def statuses(acme: Bench, *invoices: dict[str, Any]) -> list[str]:
    ids = [invoice["id"] for invoice in invoices]
    found = exporting.sync_statuses(acme.servicetitan, exporting.INVOICES, ids)
    return [found[each] for each in ids]


def told(acme: Bench) -> dict[int, tuple[str, str, int]]:
    """What is recorded, by document: state, ServiceTitan's words, how often it was told."""
    rows = acme.rows("SELECT * FROM journal.write_backs")
    return {row.document_id: (row.state, row.words, row.sent) for row in rows}


def events(acme: Bench, invoice: dict[str, Any], event_type: str) -> list[dict[str, Any]]:
    found = events_of_document(acme.engine, key(invoice))
    return [json.loads(event.body) for event in found if event.event_type == event_type]


def refuse(acme: Bench, *ids: int) -> None:
    """Let ServiceTitan refuse to mark some records."""
    acme.sandbox.admin("PUT", "servicetitan/switches", {"unmarkable": list(ids)})


def test_without_the_setting_nothing_is_written_to_servicetitan_at_all(quiet: Bench) -> None:
    (invoice,) = posted(quiet)
    assert tell(quiet) == WriteBackResult()
    assert write_back_days(quiet.engine, quiet.settings) == []
    assert writes(quiet) == []
    assert told(quiet) == {}
    assert statuses(quiet, invoice) == ["Posted"]


def test_posted_invoices_are_exported_in_one_call_with_our_reference(telling: Bench) -> None:
    first, second = posted(telling, "60.00", "40.00")
    assert write_back_days(telling.engine, telling.settings) == [QUIET_DAY]
    result = tell(telling)
    assert (result.exported, result.warnings) == (2, ())
    assert writes(telling) == ["accounting/invoices/markasexported"]
    assert statuses(telling, first, second) == ["Exported", "Exported"]
    (batch,) = {row.batch for row in telling.rows("SELECT batch FROM journal.postings")}
    row = next(iter(telling.servicetitan.by_ids("accounting/invoices", [first["id"]])))
    assert json.loads(row)["exportId"] == batch
    (event,) = events(telling, first, "document_exported")
    assert event["external_id"] == batch
    assert "period 202610" in event["message"]
    (write_back_,) = document_history(telling.engine, key(first)).write_backs
    assert (write_back_.state, write_back_.external_id) == ("exported", batch)


def test_what_is_not_posted_is_not_told(telling: Bench) -> None:
    invoice = telling.add(PART_A="60.00")
    telling.project("CHS2026", "I")
    telling.run(QUIET_DAY)
    assert telling.outcome(invoice["id"])[0] == "held"
    assert tell(telling) == WriteBackResult()
    assert writes(telling) == []


def test_exported_documents_are_told_once_and_make_no_new_revision(telling: Bench) -> None:
    (invoice,) = posted(telling)
    tell(telling)
    telling.take_in_invoices()
    plan = telling.run(QUIET_DAY)
    assert (plan.planned, plan.batches) == (0, ())
    assert telling.outcome(invoice["id"]) == ("posted", "", ZERO)
    (row,) = telling.rows("SELECT revision, sync_status FROM staged.invoices WHERE document_id = :id", id=invoice["id"])
    assert (row.revision, row.sync_status) == (1, "Exported")
    assert tell(telling) == WriteBackResult()
    assert len(writes(telling)) == 1
    assert write_back_days(telling.engine, telling.settings) == []


def test_what_was_exported_before_we_posted_it_is_not_sent_again(telling: Bench) -> None:
    invoice = telling.add(PART_A="60.00")
    telling.sandbox.edit_invoice(invoice["id"], syncStatus="Exported")
    telling.take_in_invoices()
    telling.run(QUIET_DAY)
    assert telling.outcome(invoice["id"])[0] == "posted"
    assert tell(telling) == WriteBackResult()
    assert writes(telling) == []


def test_a_later_revision_is_told_with_its_own_transaction_file(telling: Bench) -> None:
    (invoice,) = posted(telling)
    tell(telling)
    telling.sandbox.unpost_invoice(invoice["id"])
    telling.change(invoice, PART_A="75.00")
    telling.sandbox.edit_invoice(invoice["id"], syncStatus="Posted")
    telling.take_in_invoices()
    telling.run(QUIET_DAY)
    assert telling.outcome(invoice["id"]) == ("posted", "", ZERO)
    assert tell(telling).exported == 1
    rows = telling.rows("SELECT external_id FROM journal.write_backs ORDER BY revision")
    posted_by = telling.rows("SELECT batch FROM journal.postings ORDER BY posting_no")
    assert [row.external_id for row in rows] == [row.batch for row in posted_by]
    assert len({row.external_id for row in rows}) == 2


def test_one_record_that_servicetitan_refuses_stops_neither_the_others_nor_posting(telling: Bench) -> None:
    first, second = posted(telling, "60.00", "40.00")
    refuse(telling, first["id"])
    result = tell(telling)
    assert result.exported == 1
    ((refused, words),) = ((each.document, each.words) for each in result.refused)
    assert refused == key(first)
    assert "cannot be marked" in words
    assert str(refused) in result.warnings[0]
    assert words in result.warnings[0]
    assert statuses(telling, first, second) == ["Posted", "Exported"]
    assert told(telling)[first["id"]] == ("refused", words, 1)
    assert telling.outcome(first["id"]) == ("posted", "", ZERO)
    assert telling.tie_out(QUIET_DAY).balanced
    (event,) = events(telling, first, "export_refused")
    assert event["words"] == words


def test_what_was_refused_is_told_again_with_its_day_but_makes_no_day_due(telling: Bench) -> None:
    (invoice,) = posted(telling)
    refuse(telling, invoice["id"])
    tell(telling)
    assert write_back_days(telling.engine, telling.settings) == []
    refuse(telling)
    assert tell(telling).exported == 1
    assert statuses(telling, invoice) == ["Exported"]


def test_a_lost_answer_is_found_by_reading_the_status_and_not_told_again(telling: Bench) -> None:
    (invoice,) = posted(telling)
    telling.sandbox.fault(system="servicetitan", path="markasexported", effect="drop_after_effect")
    result = tell(telling)
    assert (result.exported, result.unclear) == (1, ())
    assert len(writes(telling)) == 1
    (event,) = events(telling, invoice, "document_exported")
    assert event["found"] == "by reading back"


@pytest.mark.parametrize("effect", ["drop_before_effect", "answer"])
def test_without_a_clear_answer_the_next_run_tells_it_again(telling: Bench, effect: str) -> None:
    (invoice,) = posted(telling)
    telling.sandbox.fault(system="servicetitan", path="markasexported", effect=effect, status=502, html=True)
    result = tell(telling)
    assert (result.exported, result.unclear) == (0, (key(invoice),))
    assert result.warnings
    assert told(telling)[invoice["id"]][0] == "in_doubt"
    assert len(events(telling, invoice, "export_in_doubt")) == 1
    assert telling.outcome(invoice["id"]) == ("posted", "", ZERO)
    assert write_back_days(telling.engine, telling.settings) == [QUIET_DAY]
    telling.sandbox.no_faults()
    assert tell(telling).exported == 1
    assert statuses(telling, invoice) == ["Exported"]


@dataclass
class Dying:
    """A client whose process ends before or after a call that writes."""

    client: Any
    after: bool

    def write(self, *args: Any) -> Any:
        if self.after:
            self.client.write(*args)
        raise Crash

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_while_telling_repeats_the_write_back_and_never_the_posting(telling: Bench, *, after: bool) -> None:
    """T08: the write-back is repeated, the posting is not."""
    (invoice,) = posted(telling)
    ledger = len(telling.sandbox.ledger())
    with pytest.raises(Crash):
        tell(telling, client=Dying(telling.servicetitan, after=after))
    assert told(telling)[invoice["id"]][0] == "sending"
    assert write_back_days(telling.engine, telling.settings) == [QUIET_DAY]
    telling.take_in_invoices()
    assert telling.run(QUIET_DAY).batches == ()
    assert tell(telling).exported == 1
    assert len(writes(telling)) == 1
    assert statuses(telling, invoice) == ["Exported"]
    assert len(telling.sandbox.ledger()) == ledger
    assert write_back_days(telling.engine, telling.settings) == []


def test_a_crash_after_posting_leaves_its_day_due_and_posts_nothing_twice(telling: Bench) -> None:
    """T08: killed between the posting and the write-back."""
    (invoice,) = posted(telling)
    ledger = len(telling.sandbox.ledger())
    assert write_back_days(telling.engine, telling.settings) == [QUIET_DAY]
    assert telling.run(QUIET_DAY).batches == ()
    assert tell(telling).exported == 1
    assert statuses(telling, invoice) == ["Exported"]
    assert len(telling.sandbox.ledger()) == ledger


def test_a_missing_scope_is_a_warning_that_names_it(telling: Bench) -> None:
    (invoice,) = posted(telling)
    telling.sandbox.fault(system="servicetitan", path="markasexported", effect="answer", status=403, body="{}")
    (warning,) = tell(telling).warnings
    assert "tn.acc.invoices:w" in warning
    assert telling.outcome(invoice["id"]) == ("posted", "", ZERO)


def test_many_documents_are_told_in_bounded_calls(telling: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    invoices = posted(telling, *(f"{number}.00" for number in range(1, 6)))
    monkeypatch.setattr(write_back, "DOCUMENTS_PER_CALL", 2)
    assert tell(telling).exported == 5
    assert len(writes(telling)) == 3
    assert set(statuses(telling, *invoices)) == {"Exported"}


# --- Every kind ------------------------------------------------------------------------------------------------------


@pytest.fixture
def month(sandbox: Callable[..., SandboxUnderTest], engine: Engine) -> Generator[Bench]:
    """A month in which every kind has documents, taken in; nothing is posted yet."""
    with bench(sandbox(invoices=60), engine) as connected:
        connected.changed(posting={"write_back": "exported"})
        yield connected


DAYS = [date(2026, 10, day) for day in (12, 13, 19)]
"""Days of the month of 60 invoices that have documents of every kind among them."""


def run_days(acme: Bench) -> None:
    """Post every invoice up to the last of the days, and of the days themselves every kind."""
    for day in acme.calendar.business_days(date(2026, 10, 1), DAYS[-1]):
        run_kinds(acme, acme.settings.posting.documents if day in DAYS else [Kind.INVOICE], day)


def to_tell(acme: Bench, days: Sequence[date] = DAYS) -> dict[Kind, list[int]]:
    """The posted documents of the days that ServiceTitan does not know as exported."""
    return {
        table.kind: [
            row.document_id
            for row in acme.rows(
                f"""
                SELECT document_id FROM {table.table} AS staged
                JOIN journal.outcomes AS outcome USING (connection, document_id)
                WHERE kind = :kind AND outcome = 'posted' AND staged.active AND sync_status = 'Posted'
                  AND outcome.business_day = ANY(:days) ORDER BY document_id
                """,  # noqa: S608 (constants)
                kind=table.kind.value,
                days=list(days),
            )
        ]
        for table in TABLES.values()
    }


@pytest.mark.parametrize("source", ["inventory_bills", "ap_bills"])
def test_every_kind_is_told_by_its_own_call(month: Bench, source: str) -> None:
    month.changed(posting={"bills_source": source})
    month.take_in()
    run_days(month)
    documents = to_tell(month)
    assert all(documents.values()), documents
    results = [tell(month, day) for day in DAYS]
    assert sum(result.exported for result in results) == sum(map(len, documents.values()))
    assert [warning for result in results for warning in result.warnings] == []
    bills = exporting.INVENTORY_BILLS if source == "inventory_bills" else exporting.AP_BILLS
    resources = {
        Kind.INVOICE: exporting.INVOICES,
        Kind.CREDIT_MEMO: exporting.CREDIT_MEMOS,
        Kind.PAYMENT: exporting.PAYMENTS,
        Kind.BILL: bills,
        Kind.AP_CREDIT: exporting.AP_CREDITS,
    }
    for kind, ids in documents.items():
        found = exporting.sync_statuses(month.servicetitan, resources[kind], ids)
        assert found == dict.fromkeys(ids, "Exported"), kind
    assert set(writes(month)) == {
        "accounting/invoices/markasexported",
        "accounting/credit-memos/markasexported",
        "accounting/payments/status",
        f"{bills}/markasexported",
        "accounting/ap-credits/markasexported",
    }
    # What ServiceTitan now says of them changes nothing in the books.
    books = """
        SELECT count(*) AS postings, sum(outcome.revision) AS revisions
        FROM journal.write_backs JOIN journal.postings USING (connection, kind, document_id)
        JOIN journal.outcomes AS outcome USING (connection, kind, document_id)
    """
    before = month.rows(books)
    take_in_documents(month)
    run_days(month)
    assert month.rows(books) == before
    told_again = set(month.rows("SELECT document_id FROM journal.write_backs WHERE sent > 1"))
    assert told_again == set()
    assert not any(each in told(month) for ids in to_tell(month).values() for each in ids)


def test_a_call_that_is_refused_as_a_whole_is_narrowed_down_to_who_causes_it(month: Bench) -> None:
    month.take_in()
    run_days(month)
    payments = to_tell(month, DAYS[-1:])[Kind.PAYMENT]
    assert len(payments) > 3
    refuse(month, payments[1])
    result = write_back_day(
        month.engine, month.settings, month.servicetitan, DAYS[-1], run_id="test", kinds=[Kind.PAYMENT]
    )
    assert [each.document.document_id for each in result.refused] == [payments[1]]
    found = exporting.sync_statuses(month.servicetitan, exporting.PAYMENTS, payments)
    assert [each for each, status in found.items() if status != "Exported"] == [payments[1]]
