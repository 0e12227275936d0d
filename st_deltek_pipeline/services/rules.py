"""Trying coding rules on what is staged: one document in every detail, or what all of them leave open.

Nothing is written. The rules are the connection file's as it is now, not those of the last alignment, so that a
person can edit the file and look again. Checking rules without any document is ``coding_check``'s business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine

from st_deltek_pipeline.connections.kinds import chosen_kinds
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.alignment import Alignment, AlignmentRules, LineToCode, missing_fields
from st_deltek_pipeline.domain.bills import ApCredit, Bill
from st_deltek_pipeline.domain.coded_amounts import CodedAmount
from st_deltek_pipeline.domain.coding import FACT_FIELDS, Coding, LineFacts, LineKind, code_line
from st_deltek_pipeline.domain.coding_gaps import Gap, GapCollector
from st_deltek_pipeline.domain.document_lines import document_lines
from st_deltek_pipeline.domain.documents import POSTING_ORDER, Document, DocumentKey, Kind
from st_deltek_pipeline.domain.errors import BrokenError, ConfigurationError
from st_deltek_pipeline.domain.firm_links import PartyKey, PartyKind
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.payments import Payment
from st_deltek_pipeline.services.alignment import aligner, alignment_rules
from st_deltek_pipeline.store.firm_mappings import load_firm_links
from st_deltek_pipeline.store.staged_days import staged_days
from st_deltek_pipeline.store.staged_documents import documents_by_id, documents_of_day
from st_deltek_pipeline.store.staged_set_aside import set_aside_by_id


@dataclass(frozen=True)
class ExplainedLine:
    """One line of a document, and what the rules make of it.

    Attributes:
        item: ServiceTitan's line id, or a word for what is none of its items.
        whole: It is about the document as a whole: its bank, its liability.
        facts: What rules may match on, without what the document does not say.
        coding: What rules give, and of a bill as a whole what its vendor's own set-up gives.
        decided_by: Coding field to the name of the rule that gave it, or to what else did.
        missing: Required fields that nothing gave.
    """

    item: str
    whole: bool
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
        terms: Payment terms of a voucher; else empty.
        remark: Why there is nothing to post; else empty.
    """

    document: Document
    lines: tuple[ExplainedLine, ...]
    hold: Hold | None
    postings: tuple[CodedAmount, ...]
    terms: str = ""
    remark: str = ""


@dataclass(frozen=True)
class RuleGaps:
    """What the rules leave open over a range of business days.

    Attributes:
        kinds: The kinds of document that were looked at.
        first, last: The days that were looked at; ``None`` when none of the range is staged.
        documents, lines: Looked at; what no rule would help is not.
        amount: Sum of the lines that miss something.
        gaps: The largest amounts first.
    """

    kinds: tuple[Kind, ...]
    first: date | None
    last: date | None
    documents: int
    lines: int
    documents_with_gaps: int
    lines_with_gaps: int
    amount: Decimal
    gaps: tuple[Gap, ...]


def explain_document(engine: Engine, settings: ConnectionSettings, kind: Kind, document_id: int) -> ExplainedDocument:
    """Show what the rules decide about each line of a staged document.

    Args:
        engine: The database; only read.
        settings: The connection, freshly read.
        kind: The kind of document.
        document_id: ServiceTitan's id of it.

    Raises:
        ConfigurationError: No such document is staged.
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    key = DocumentKey(settings.name, kind, document_id)
    if kind not in POSTING_ORDER:
        message = f"{key} has no lines of its own that rules could code."
        raise ConfigurationError(message, advice=f"Look at one of these kinds: {', '.join(POSTING_ORDER)}.")
    found = documents_by_id(engine, settings.name, kind, [document_id])
    set_aside = set_aside_by_id(engine, settings.name, kind, [document_id])
    if not found:
        message = f"{key} is not staged for {settings.name}."
        if set_aside:
            message = f"{key} of {settings.name} cannot be read: {set_aside[0].reason}"
            raise ConfigurationError(message, advice="Correct the record in ServiceTitan, then run sync.")
        advice = f"Check ServiceTitan's id (not the document's number), or run: st-deltek sync {settings.name}"
        raise ConfigurationError(message, advice=advice)
    (document,) = found
    rules = alignment_rules(engine, settings)
    alignment = aligner(engine, settings, [document])(document)
    lines = tuple(_explained(line, rules, alignment) for line in document_lines(document, rules))
    if set_aside:
        message = f"{key}: its newest version cannot be read, this is an older one: {set_aside[0].reason}"
        return ExplainedDocument(document, lines, Hold(HoldReason.UNREADABLE, message), ())
    return ExplainedDocument(
        document, lines, alignment.hold, alignment.lines, alignment.terms, _remark(document, rules, alignment)
    )


def _explained(line: LineToCode, rules: AlignmentRules, alignment: Alignment) -> ExplainedLine:
    coded = code_line(rules.coding, line.facts)
    coding, decided_by = coded.coding, coded.decided_by
    if line.facts.line is LineKind.PAYABLE and alignment.lines:
        posted = alignment.lines[0]
        heading, by = posted.key.heading, posted.decided_by
        values = {"bank": heading.bank, "liability": heading.liability, "terms": alignment.terms}
        coding = replace(coding, **{name: value or None for name, value in values.items()})
        decided_by = {name: by.get(name, "default") for name, value in values.items() if value}
    return ExplainedLine(
        item=line.item,
        whole=line.is_whole,
        description=line.description,
        amount=line.amount,
        facts=_stated(line.facts),
        coding=coding,
        decided_by=decided_by,
        missing=missing_fields(coding, line.required),
    )


def _remark(document: Document, rules: AlignmentRules, alignment: Alignment) -> str:
    if isinstance(document, Payment) and document.moves_no_money(rules.journal_entry_types):
        return "It is a journal entry: no money was received, so it is ignored."
    if document.is_zero and not alignment.lines and alignment.hold is None:
        return "Every amount is zero, so it is ignored."
    return ""


def find_gaps(
    engine: Engine,
    settings: ConnectionSettings,
    *,
    first: date | None = None,
    last: date | None = None,
    kinds: Sequence[Kind] = (),
) -> RuleGaps:
    """Find what no rule gives, over every staged document of some business days.

    Args:
        engine: The database; only read, a day at a time.
        settings: The connection, freshly read.
        first: Earliest business day; ``None`` does not limit.
        last: Latest business day, likewise.
        kinds: The kinds of document; none means all that the connection moves.

    Raises:
        ConfigurationError: The connection does not move one of the kinds.
        BrokenError: Nothing is staged yet.
    """
    looked_at = chosen_kinds(settings, kinds)
    with engine.connect() as db:
        staged = {kind: staged_days(db, settings.name, kind) for kind in looked_at}
    if not any(staged.values()):
        message = f"Nothing is staged for {settings.name}, so there is nothing to hold against the rules."
        raise BrokenError(message, advice=f"Run: st-deltek sync {settings.name}")
    wanted = sorted(
        (day, kind)
        for kind, known in staged.items()
        for day in known
        if (first is None or day >= first) and (last is None or day <= last)
    )
    rules = alignment_rules(engine, settings)
    collector = GapCollector(rules)
    for day, kind in wanted:
        documents = documents_of_day(engine, settings.name, kind, day)
        without_code = _vendors_without_liability(engine, settings.name, rules, documents)
        for document in documents:
            collector.add(
                document,
                liability_needed=isinstance(document, (Bill, ApCredit)) and document.vendor_id in without_code,
            )
    return RuleGaps(
        kinds=looked_at,
        first=wanted[0][0] if wanted else None,
        last=wanted[-1][0] if wanted else None,
        documents=collector.documents,
        lines=collector.lines,
        documents_with_gaps=collector.documents_with_gaps,
        lines_with_gaps=collector.lines_with_gaps,
        amount=collector.amount,
        gaps=collector.gaps(),
    )


def _vendors_without_liability(
    engine: Engine, connection: str, rules: AlignmentRules, documents: Sequence[Document]
) -> frozenset[int]:
    """Return the vendors whose accounting data has no liability code, so that a voucher needs a rule for it."""
    vendors = {document.vendor_id for document in documents if isinstance(document, (Bill, ApCredit))}
    parties = [PartyKey(PartyKind.VENDOR, vendor_id) for vendor_id in vendors if vendor_id is not None]
    if rules.bills_as != "voucher" or not parties:
        return frozenset()
    links = load_firm_links(engine, connection, sorted(parties))
    return frozenset(
        vendor_id
        for vendor_id, link in links.vendors.items()
        if link.accounting is not None and not link.accounting.liability
    )


def _stated(facts: LineFacts) -> dict[str, str]:
    return {name: value for name in FACT_FIELDS if (value := str(getattr(facts, name)))}
