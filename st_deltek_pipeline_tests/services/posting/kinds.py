"""A day's run for every kind of document, one kind after the other as the product does it."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from st_deltek_pipeline.domain.documents import POSTING_ORDER, Kind
from st_deltek_pipeline.domain.money import ZERO
from st_deltek_pipeline.services.alignment import align_day
from st_deltek_pipeline.services.feeds import feeds_of
from st_deltek_pipeline.services.intake import take_in_feed
from st_deltek_pipeline.services.posting.planner import PlanResult, plan_day
from st_deltek_pipeline.services.staging import stage_day
from st_deltek_pipeline_tests.services.posting.harness import QUIET_DAY, Bench


def take_in_documents(acme: Bench) -> None:
    """Take in what is new in ServiceTitan; master data has to be there already."""
    for feed in feeds_of(acme.settings):
        take_in_feed(acme.engine, acme.servicetitan, acme.settings.name, feed, run_id="test")


def prepare_kinds(acme: Bench, kinds: Sequence[Kind] = POSTING_ORDER, day: date = QUIET_DAY) -> None:
    """Stage and align a day."""
    for kind in kinds:
        stage_day(acme.engine, acme.settings, acme.calendar, kind, day, run_id="test")
        align_day(acme.engine, acme.settings, kind, day, run_id="test")


def run_kinds(acme: Bench, kinds: Sequence[Kind] = POSTING_ORDER, day: date = QUIET_DAY) -> dict[Kind, PlanResult]:
    """Stage, align, plan and post a day, in the order of posting."""
    plans: dict[Kind, PlanResult] = {}
    for kind in kinds:
        prepare_kinds(acme, [kind], day)
        plans[kind] = plan_day(acme.context, kind, day)
        acme.send(plans[kind].batches)
    return plans


def outcome_of(acme: Bench, kind: Kind, document_id: int) -> tuple[str, str, Decimal]:
    """Outcome, reason and amount outside the ledger of a document."""
    (row,) = acme.rows(
        "SELECT * FROM journal.outcomes WHERE kind = :kind AND document_id = :id", kind=kind.value, id=document_id
    )
    return row.outcome, row.reason, row.amount


def receivables_of(acme: Bench, number: str) -> dict[str, Decimal]:
    """What Vantagepoint's ledger says is owed on an invoice number, by project; zeros left out."""
    (account,) = {
        row["Account"] for row in acme.sandbox.ledger() if row["TransType"] == "IN" and row["AutoEntry"] == "Y"
    }
    found: dict[str, Decimal] = {}
    for row in acme.sandbox.ledger():
        if row["Account"] == account and row["Invoice"] == number.rjust(7, "0"):
            found[row["WBS1"]] = found.get(row["WBS1"], ZERO) + Decimal(row["Amount"])
    return {project: amount for project, amount in found.items() if amount}
