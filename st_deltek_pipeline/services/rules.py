"""Trying coding rules on what is staged: one document in every detail, or what all of them leave open.

Nothing is written. The rules are the connection file's as it is now, not those of the last alignment, so that a
person can edit the file and look again. Checking rules without any document is ``coding_check``'s business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.alignment import missing_fields
from st_deltek_pipeline.domain.coded_amounts import CodedAmount
from st_deltek_pipeline.domain.coding import FACT_FIELDS, Coding, LineFacts, code_line
from st_deltek_pipeline.domain.coding_gaps import Gap, GapCollector
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.invoice_alignment import lines_to_code
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.services.alignment import aligner, alignment_rules
from st_deltek_pipeline.store.staged import invoices_by_id, invoices_of_day
from st_deltek_pipeline.store.staged_days import staged_days
from st_deltek_pipeline.store.staged_set_aside import set_aside_by_id


@dataclass(frozen=True)
class ExplainedLine:
    """One line of a document, and what the rules make of it.

    Attributes:
        item: ServiceTitan's line id, or something that begins with ``tax``.
        facts: What rules may match on, without what the document does not say.
        decided_by: Coding field to the name of the rule that gave it.
        missing: Required fields that no rule gave.
    """

    item: str
    description: str
    amount: Decimal
    facts: Mapping[str, str]
    coding: Coding
    decided_by: Mapping[str, str]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class ExplainedDocument:
    """A document as the rules see it.

    Attributes:
        hold: What coding and alignment would hold it for; status and period are the preview's business.
        postings: The lines that should stand in Vantagepoint; empty with a hold.
    """

    invoice: Invoice
    lines: tuple[ExplainedLine, ...]
    hold: Hold | None
    postings: tuple[CodedAmount, ...]


@dataclass(frozen=True)
class RuleGaps:
    """What the rules leave open over a range of business days.

    Attributes:
        first, last: The days that were looked at; ``None`` when none of the range is staged.
        documents, lines: Looked at; voided documents and those without a business unit are not.
        amount: Sum of the lines that miss something.
        gaps: The largest amounts first.
    """

    first: date | None
    last: date | None
    documents: int
    lines: int
    documents_with_gaps: int
    lines_with_gaps: int
    amount: Decimal
    gaps: tuple[Gap, ...]


def explain_document(engine: Engine, settings: ConnectionSettings, document_id: int) -> ExplainedDocument:
    """Show what the rules decide about each line of a staged invoice.

    Args:
        engine: The database; only read.
        settings: The connection, freshly read.
        document_id: ServiceTitan's id of the invoice.

    Raises:
        ConfigurationError: No such invoice is staged.
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    found = invoices_by_id(engine, settings.name, [document_id])
    set_aside = set_aside_by_id(engine, settings.name, Kind.INVOICE, [document_id])
    if not found:
        message = f"invoice:{document_id} is not staged for {settings.name}."
        if set_aside:
            message = f"invoice:{document_id} of {settings.name} cannot be read: {set_aside[0].reason}"
            raise ConfigurationError(message, advice="Correct the record in ServiceTitan, then run sync.")
        advice = f"Check ServiceTitan's id (not the invoice's number), or run: st-deltek sync {settings.name}"
        raise ConfigurationError(message, advice=advice)
    (invoice,) = found
    rules = alignment_rules(engine, settings)
    alignment = aligner(engine, settings, [invoice])(invoice)
    lines: list[ExplainedLine] = []
    for line in lines_to_code(invoice, rules):
        coded = code_line(rules.coding, line.facts)
        lines.append(
            ExplainedLine(
                item=line.item,
                description=line.description,
                amount=line.amount,
                facts=_stated(line.facts),
                coding=coded.coding,
                decided_by=coded.decided_by,
                missing=missing_fields(coded.coding),
            )
        )
    if set_aside:
        message = f"{invoice.key}: its newest version cannot be read, this is an older one: {set_aside[0].reason}"
        return ExplainedDocument(invoice, tuple(lines), Hold(HoldReason.UNREADABLE, message), ())
    return ExplainedDocument(invoice, tuple(lines), alignment.hold, alignment.lines)


def find_gaps(
    engine: Engine, settings: ConnectionSettings, *, first: date | None = None, last: date | None = None
) -> RuleGaps:
    """Find what no rule gives, over every staged invoice of some business days.

    Args:
        engine: The database; only read, a day at a time.
        settings: The connection, freshly read.
        first: Earliest business day; ``None`` does not limit.
        last: Latest business day, likewise.

    Raises:
        BrokenError: Nothing is staged yet.
    """
    with engine.connect() as db:
        staged = staged_days(db, settings.name, Kind.INVOICE)
    if not staged:
        message = f"Nothing is staged for {settings.name}, so there is nothing to hold against the rules."
        raise BrokenError(message, advice=f"Run: st-deltek sync {settings.name}")
    days = [day for day in sorted(staged) if (first is None or day >= first) and (last is None or day <= last)]
    collector = GapCollector(alignment_rules(engine, settings))
    for day in days:
        for invoice in invoices_of_day(engine, settings.name, day):
            collector.add(invoice)
    return RuleGaps(
        first=days[0] if days else None,
        last=days[-1] if days else None,
        documents=collector.documents,
        lines=collector.lines,
        documents_with_gaps=collector.documents_with_gaps,
        lines_with_gaps=collector.lines_with_gaps,
        amount=collector.amount,
        gaps=collector.gaps(),
    )


def _stated(facts: LineFacts) -> dict[str, str]:
    return {name: value for name in FACT_FIELDS if (value := str(getattr(facts, name)))}
