"""Aligning a business day: code every staged invoice, and say what does not exist in Vantagepoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.alignment import AlignmentRules, FirmIndex, align_invoice
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import total
from st_deltek_pipeline.services.tax_zones import tax_zones_to_split_by
from st_deltek_pipeline.store.mapping import alignments_of_day, replace_alignments
from st_deltek_pipeline.store.reference import load_reference
from st_deltek_pipeline.store.staged import invoices_of_day


@dataclass(frozen=True)
class AlignmentResult:
    """What aligning a day found.

    Attributes:
        held: Reason code to number of documents.
        held_totals: Reason code to the sum of their totals.
    """

    documents: int
    aligned: int
    held: Mapping[str, int]
    held_totals: Mapping[str, Decimal]
    total: Decimal

    @property
    def held_total(self) -> Decimal:
        """Sum of the held documents' totals."""
        return total(self.held_totals.values())


def alignment_rules(engine: Engine, settings: ConnectionSettings) -> AlignmentRules:
    """Read the alignment rules from a connection's settings.

    Args:
        engine: The database, read only where sales tax is split by the rates of tax zones.
        settings: The connection.
    """
    return AlignmentRules(
        coding=settings.rules,
        customer_firm_required=settings.posting.customer_firm == "required",
        one_line_per_item=settings.posting.invoice_lines == "item",
        longest_invoice_number=settings.vantagepoint.longest_invoice_number,
        code_zero_documents=settings.posting.zero_documents == "post",
        tax_zones=tax_zones_to_split_by(engine, settings),
    )


def align_day(engine: Engine, settings: ConnectionSettings, business_day: date, *, run_id: str) -> AlignmentResult:
    """Align the staged invoices of a business day and store the result.

    Args:
        engine: The database.
        settings: The connection.
        business_day: The partition.
        run_id: Recorded with the alignments.

    Raises:
        BrokenError: Vantagepoint's reference data has not been polled yet.
    """
    invoices = invoices_of_day(engine, settings.name, business_day)
    reference = load_reference(engine, settings.name)
    firms = FirmIndex(reference.firms.values())
    rules = alignment_rules(engine, settings)
    alignments = [align_invoice(invoice, rules, reference, firms) for invoice in invoices]
    with engine.begin() as connection:
        stored = alignments_of_day(
            connection, connection_name=settings.name, kind=Kind.INVOICE, business_day=business_day
        )
        changed = [
            alignment
            for alignment in alignments
            if (known := stored.get(alignment.invoice.key.document_id)) is None or not known.says(alignment)
        ]
        if changed:
            replace_alignments(
                connection, connection_name=settings.name, kind=Kind.INVOICE, alignments=changed, run_id=run_id
            )
    held: dict[str, list[Decimal]] = {}
    for alignment in alignments:
        if alignment.hold is not None:
            held.setdefault(alignment.hold.reason.value, []).append(alignment.invoice.total)
    counts = {reason: len(totals) for reason, totals in held.items()}
    return AlignmentResult(
        documents=len(alignments),
        aligned=len(alignments) - sum(counts.values()),
        held=counts,
        held_totals={reason: total(totals) for reason, totals in held.items()},
        total=total(alignment.invoice.total for alignment in alignments),
    )
