"""A whole connection in a test: sandbox, database, clients, and the steps of a day as methods."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Engine, text

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.reconciliation import TieOut
from st_deltek_pipeline.sandbox.contractor.payment_types import TYPE_IDS
from st_deltek_pipeline.services.alignment import align_day
from st_deltek_pipeline.services.feeds import FEEDS_BY_NAME, feeds_of
from st_deltek_pipeline.services.firm_alignment import align_firms
from st_deltek_pipeline.services.intake import take_in_feed
from st_deltek_pipeline.services.posting.check import check_file
from st_deltek_pipeline.services.posting.confirm import FileOutcome, confirm_file
from st_deltek_pipeline.services.posting.context import PostingContext
from st_deltek_pipeline.services.posting.enter import enter_file
from st_deltek_pipeline.services.posting.planner import PlanResult, plan_day
from st_deltek_pipeline.services.posting.post import post_file
from st_deltek_pipeline.services.reconciliation import tie_out
from st_deltek_pipeline.services.reference_data import poll_reference
from st_deltek_pipeline.services.staging import pending_days, stage_day
from st_deltek_pipeline.servicetitan.client import ServiceTitanClient
from st_deltek_pipeline.servicetitan.credentials import ServiceTitanCredentials
from st_deltek_pipeline.transport.options import Timing, TransportOptions
from st_deltek_pipeline.transport.rate_limit import LocalRateLimiter
from st_deltek_pipeline.vantagepoint.client import VantagepointClient
from st_deltek_pipeline.vantagepoint.credentials import VantagepointCredentials
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest

# Far above what a test sends: the limit itself has tests of its own.
_NO_LIMIT = 10_000

Entry = Literal["files", "single"]

QUIET_DAY = date(2026, 10, 9)
"""A business day on which the small month has no documents, so that a test's own are the only ones."""

MONEY_DAY = date(2026, 11, 18)
"""A business day on which nothing happened yet, of whatever kind."""

_MONEY_FEEDS = ("payments", "journal_entry_payments", "bank_deposits")

PARTS = {
    "PART-A": {"wbs1": "CHS2026", "organization": "01:HV:CS"},
    "PART-B": {"wbs1": "RHS2026", "organization": "01:HV:RS"},
    "PHASE-1": {"wbs1": "CHC2026", "wbs2": "GEN", "organization": "01:HV:CC"},
    "PHASE-2": {"wbs1": "CHC2026", "wbs2": "TRIM", "organization": "01:HV:CC"},
}
"""SKUs whose lines go to projects and phases of their own, so that one document has several masters."""


@dataclass
class Bench:
    """One connection under test. Each method is one step of the product; tests call them in the order they need."""

    sandbox: SandboxUnderTest
    engine: Engine
    settings: ConnectionSettings
    servicetitan: ServiceTitanClient
    vantagepoint: VantagepointClient
    username: str
    waited: list[float] = field(default_factory=list)
    sleep: Callable[[float], None] | None = None

    @property
    def calendar(self) -> BusinessCalendar:
        return business_calendar(self.settings.calendar, 2026, 2026)

    @property
    def context(self) -> PostingContext:
        return PostingContext(
            engine=self.engine,
            settings=self.settings,
            calendar=self.calendar,
            client=self.vantagepoint,
            username=self.username,
            run_id="test",
            sleep=self.sleep or self.waited.append,
        )

    def changed(self, **sections: dict[str, Any]) -> None:
        """Change settings, section by section."""
        plain = self.settings.model_dump()
        for section, values in sections.items():
            plain[section] = {**plain[section], **values}
        self.settings = ConnectionSettings.model_validate(plain)

    def add(self, day: date = QUIET_DAY, **parts: str) -> dict[str, Any]:
        """Add a posted invoice with one line per SKU of ``PARTS`` (``PART_A="60.00"``), and take it in.

        Customers and master data have to be taken in before.
        """
        invoice = self.sandbox.add_invoice(date=day.isoformat(), syncStatus="Posted", total="1.00")
        self.change(invoice, **parts)
        return invoice

    def change(self, invoice: dict[str, Any], **parts: str) -> None:
        """Give an invoice other lines, and take it in."""
        (first,) = invoice["items"]
        items = [
            {**first, "id": first["id"] + number, "skuName": sku.replace("_", "-"), "price": amount, "total": amount}
            for number, (sku, amount) in enumerate(parts.items(), start=1)
        ]
        self.sandbox.edit_invoice(invoice["id"], items=items)
        self.take_in_invoices()

    def take_in_invoices(self) -> None:
        self.take_in_feeds("invoices")

    def take_in_feeds(self, *names: str) -> None:
        for name in names:
            take_in_feed(self.engine, self.servicetitan, self.settings.name, FEEDS_BY_NAME[name], run_id="test")

    def pay(
        self,
        *splits: tuple[dict[str, Any], str],
        day: date = MONEY_DAY,
        by: str = "Check",
        total: str | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Take a payment for invoices, and take it in; ``total`` is more than the splits where some is not applied."""
        wanted = {"splits": [{"invoiceId": invoice["id"], "amount": amount} for invoice, amount in splits], **fields}
        if total is not None:
            wanted["total"] = total
        payment = self.sandbox.add_payment(date=day.isoformat(), typeId=TYPE_IDS[by], **wanted)
        self.take_in_feeds(*_MONEY_FEEDS)
        return payment

    def change_payment(self, payment: dict[str, Any], action: str = "", **wanted: Any) -> dict[str, Any]:
        """Edit a payment, or do something with it (``void``, ``move``, ``refund``), and take that in."""
        sandbox, payment_id = self.sandbox, payment["id"]
        changed = (
            sandbox.payment(payment_id, action, **wanted) if action else sandbox.edit_payment(payment_id, **wanted)
        )
        self.take_in_feeds(*_MONEY_FEEDS)
        return changed

    def deposit(self, *payments: dict[str, Any], day: date, fees: str = "0.00") -> dict[str, Any]:
        """Take payments to the bank, and take that in."""
        ids = [payment["id"] for payment in payments]
        wanted = {"paymentIds": ids, "date": day.isoformat(), "fees": fees}
        deposit = self.sandbox.admin("POST", "servicetitan/bank-deposits", wanted)
        self.take_in_feeds(*_MONEY_FEEDS)
        return deposit

    def take_in(self, *, firms: bool = True) -> None:
        for feed in feeds_of(self.settings):
            take_in_feed(self.engine, self.servicetitan, self.settings.name, feed, run_id="test")
        poll_reference(
            self.engine,
            self.vantagepoint,
            self.settings.name,
            run_id="test",
            company=self.settings.vantagepoint.company,
        )
        if firms:
            align_firms(self.engine, self.vantagepoint, self.settings, run_id="test")

    def days(self) -> list[date]:
        return pending_days(self.engine, self.settings, self.calendar, self.settings.posting.documents)

    def prepare(self, day: date, kind: Kind = Kind.INVOICE) -> None:
        stage_day(self.engine, self.settings, self.calendar, kind, day, run_id="test")
        align_day(self.engine, self.settings, kind, day, run_id="test")

    def plan(self, day: date, kind: Kind = Kind.INVOICE) -> PlanResult:
        return plan_day(self.context, kind, day)

    def send(self, batches: tuple[str, ...]) -> list[FileOutcome]:
        outcomes: list[FileOutcome] = []
        for batch in batches:
            for checked in check_file(self.context, batch):
                for entered in enter_file(self.context, checked):
                    outcomes.extend(confirm_file(self.context, posted) for posted in post_file(self.context, entered))
        return outcomes

    def run(self, day: date, kind: Kind = Kind.INVOICE) -> PlanResult:
        """Stage, align, plan and post one kind of a day."""
        self.prepare(day, kind)
        plan = self.plan(day, kind)
        self.send(plan.batches)
        return plan

    def run_every_kind(self, day: date) -> dict[Kind, PlanResult]:
        """Stage, align, plan and post a day, kind by kind in the order of posting."""
        return {kind: self.run(day, kind) for kind in self.settings.posting.documents}

    def tie_out(self, first: date, last: date | None = None, *kinds: Kind) -> TieOut:
        return tie_out(self.engine, self.settings, first, last or first, kinds=kinds or (Kind.INVOICE,))

    def rows(self, statement: str, **parameters: object) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(statement), parameters))

    def outcome(self, document_id: int) -> tuple[str, str, Decimal]:
        """Outcome, reason and amount outside the ledger of one document; no two kinds share an id here."""
        row = self._outcome(document_id)
        return row.outcome, row.reason, row.amount

    def message(self, document_id: int) -> str:
        return self._outcome(document_id).message

    def _outcome(self, document_id: int) -> Any:
        (row,) = self.rows(
            "SELECT * FROM journal.outcomes WHERE connection = :name AND document_id = :id",
            name=self.settings.name,
            id=document_id,
        )
        return row

    def standing(self, document_id: int) -> Decimal:
        """What Vantagepoint's ledger shows of a document by the keys of its lines, with the document's sign."""
        ours = self.rows(
            """
            SELECT DISTINCT line.line_key, posting.entry FROM journal.posting_lines AS line
            JOIN journal.postings AS posting USING (connection, kind, document_id, posting_no)
            WHERE line.connection = :name AND line.document_id = :id
            """,
            name=self.settings.name,
            id=document_id,
        )
        signs = {row.line_key: -1 if row.entry in {"in", "cr"} else 1 for row in ours}
        rows = [row for row in self.sandbox.ledger() if row["PKey"] in signs]
        return sum((signs[row["PKey"]] * Decimal(row["Amount"]) for row in rows), start=Decimal("0.00"))

    def received(self, invoice: dict[str, Any]) -> Decimal:
        """What Vantagepoint's ledger says was received on an invoice number, over all projects."""
        padded = invoice["referenceNumber"].rjust(7, "0")
        rows = [row for row in self.sandbox.ledger() if row["TransType"] == "CR" and row["Invoice"] == padded]
        return -sum((Decimal(row["Amount"]) for row in rows), start=Decimal("0.00"))

    def banked(self, *batches: str) -> dict[tuple[str, str], Decimal]:
        """What Vantagepoint's ledger shows at the banks, by bank code and date: of some files, or of all."""
        found: dict[tuple[str, str], Decimal] = {}
        for row in self.sandbox.ledger():
            if row["TransType"] == "CR" and row["AutoEntry"] == "Y" and (not batches or row["Batch"] in batches):
                key = (row["BankCode"], row["TransDate"][:10])
                found[key] = found.get(key, Decimal("0.00")) + Decimal(row["Amount"])
        return {key: amount for key, amount in found.items() if amount}

    def held_words(self, document_id: int) -> str:
        return self._outcome(document_id).words

    def file_states(self) -> dict[str, int]:
        rows = self.rows("SELECT state, count(*) AS files FROM journal.transaction_files GROUP BY state")
        return {row.state: row.files for row in rows}

    def receivables(self, number: str) -> Decimal:
        """What Vantagepoint's ledger says is owed on an invoice number, over all projects."""
        padded = number.rjust(7, "0")
        return sum(
            (
                Decimal(row["Amount"])
                for row in self.sandbox.ledger()
                if row["AutoEntry"] == "Y" and row["Invoice"] == padded
            ),
            start=Decimal("0.00"),
        )

    def owed(self, invoice: dict[str, Any]) -> dict[str, Decimal]:
        """What Vantagepoint's ledger says is owed on an invoice, by project and phase; zeros left out."""
        padded = invoice["referenceNumber"].rjust(7, "0")
        found: dict[str, Decimal] = {}
        for row in self.sandbox.ledger():
            if row["AutoEntry"] == "Y" and row["Invoice"] == padded:
                project = f"{row['WBS1']} {row['WBS2']}".strip()
                found[project] = found.get(project, Decimal("0.00")) + Decimal(row["Amount"])
        return {project: amount for project, amount in found.items() if amount}

    def project(self, wbs1: str, status: str) -> None:
        """Open (``A``) or close (``I``) a project in Vantagepoint; our reference data does not know yet."""
        self.sandbox.admin("PATCH", f"vantagepoint/projects/{wbs1}", {"Status": status})

    def enter_by_hand(self, invoice: dict[str, Any], wbs1: str, amount: str, *, batch: str = "BYHAND") -> None:
        """Enter and post an invoice's number on a project the way a person would."""
        key = {"Batch": batch, "Invoice": invoice["referenceNumber"], "WBS1": wbs1, "WBS2": "", "WBS3": ""}
        line = {"PKey": batch, "Seq": 1, "InvoiceSection": "L", "Account": "401.00", "Amount": Decimal(amount)}
        body = {
            "Batch": batch,
            "Total": Decimal(amount),
            "inMaster": [{**key, "TransDate": "2026-10-09T00:00:00.000"}],
            "inDetail": [{**key, **line}],
        }
        self.vantagepoint.set_active_period(202610)
        self.vantagepoint.enter_file("in", body)
        answer = self.vantagepoint.post_file("in", batch, company="01", period=202610, description="by hand")
        assert answer.posted

    def ledger_total(self) -> Decimal:
        return sum(
            (Decimal(row["Amount"]) for row in self.sandbox.ledger() if row["AutoEntry"] == "Y"), start=Decimal(0)
        )


@contextmanager
def bench(
    sandbox: SandboxUnderTest,
    engine: Engine,
    *,
    name: str = "acme",
    entry: Entry = "files",
    options: TransportOptions | None = None,
) -> Generator[Bench]:
    """Connect a fresh database to a running sandbox; ``options`` are those of both clients."""
    # Made anew: a secret may have been replaced since it started.
    ready = sandbox.running.sandbox.ready_line
    left, right = ready["servicetitan"], ready["vantagepoint"]
    parts = [
        {
            "when": {"line": "item", "sku": sku},
            "give": {"wbs2": "", "wbs3": "", "account": "401.00", "section": "L", **given},
        }
        for sku, given in PARTS.items()
    ]
    settings = ConnectionSettings.model_validate(
        {
            **sandbox.connection,
            "coding": [*parts, *sandbox.connection["coding"]],
            "name": name,
            "allow_insecure_hosts": True,
            "servicetitan": {key: left[key] for key in ("api_url", "auth_url", "tenant_id")},
            "vantagepoint": {
                "base_url": right["base_url"],
                "database": right["database"],
                "company": right["company"],
                "entry": entry,
                "settling_seconds": 0,
                "read_back_seconds": 0,
            },
        }
    )
    with connected_clients(ready, options) as (servicetitan, vantagepoint):
        yield Bench(sandbox, engine, settings, servicetitan, vantagepoint, right["username"])


@contextmanager
def connected_clients(
    ready: Mapping[str, Any], options: TransportOptions | None = None
) -> Generator[tuple[ServiceTitanClient, VantagepointClient]]:
    """Connect clients to the sandbox that this ready line is of; waits between attempts have tests of their own."""
    left, right = ready["servicetitan"], ready["vantagepoint"]
    with (
        ServiceTitanClient(
            api_url=left["api_url"],
            auth_url=left["auth_url"],
            tenant_id=left["tenant_id"],
            credentials=ServiceTitanCredentials(left["client_id"], left["client_secret"], left["app_key"]),
            rate_limiter=LocalRateLimiter(_NO_LIMIT),
            allow_insecure_hosts=True,
            options=options,
        ) as servicetitan,
        VantagepointClient(
            base_url=right["base_url"],
            database=right["database"],
            credentials=VantagepointCredentials(
                right["username"], right["password"], right["client_id"], right["client_secret"]
            ),
            rate_limiter=LocalRateLimiter(_NO_LIMIT),
            allow_insecure_hosts=True,
            options=options or TransportOptions(timing=Timing(sleep=lambda _: None)),
        ) as vantagepoint,
    ):
        yield servicetitan, vantagepoint
