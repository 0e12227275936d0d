"""Coded lines and alignment holds, as the last alignment of each document left them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.alignment import Alignment
from st_deltek_pipeline.domain.coded_amounts import CodedAmount, Heading, LineKey
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.entry_types import EntryType
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.store.copying import copy_rows

_LINE_COLUMNS = (
    "connection",
    "kind",
    "document_id",
    "line_no",
    "wbs1",
    "wbs2",
    "wbs3",
    "invoice",
    "account",
    "section",
    "tax_code",
    "item",
    "organization",
    "description",
    "amount",
    "tax_basis",
    "decided_by",
    "entry",
    "number",
    "heading_wbs1",
    "heading_wbs2",
    "heading_wbs3",
    "vendor",
    "bank",
    "liability",
    "credit_memo",
    "purchase_order",
)


@dataclass(frozen=True)
class StoredAlignment:
    """What alignment decided about one revision of a document."""

    revision_hash: str
    hold: Hold | None
    lines: tuple[CodedAmount, ...]
    firm_id: str | None
    terms: str

    @classmethod
    def of(cls, alignment: Alignment) -> "StoredAlignment":
        """Return what would be stored of an alignment."""
        return cls(
            alignment.document.revision_hash, alignment.hold, alignment.lines, alignment.firm_id, alignment.terms
        )

    def says(self, alignment: Alignment) -> bool:
        """Say whether a new alignment has found the same."""
        return self == StoredAlignment.of(alignment)


def lock_alignments(connection: Connection, connection_name: str, kind: Kind) -> None:
    """Let one transaction at a time compare and replace a connection's alignments of a kind; held until it ends."""
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"st-deltek alignments {connection_name} {kind.value}"},
    )


def replace_alignments(
    connection: Connection, *, connection_name: str, kind: Kind, alignments: Sequence[Alignment], run_id: str
) -> None:
    """Store alignments, each in place of its document's earlier one; within the caller's transaction."""
    connection.execute(
        text(
            """
            DELETE FROM mapping.alignments
            WHERE connection = :connection AND kind = :kind AND document_id = ANY(:ids)
            """
        ),
        {
            "connection": connection_name,
            "kind": kind.value,
            "ids": [alignment.document.key.document_id for alignment in alignments],
        },
    )
    copy_rows(
        connection,
        "mapping.alignments",
        (
            "connection",
            "kind",
            "document_id",
            "revision",
            "revision_hash",
            "business_day",
            "reason",
            "message",
            "words",
            "firm_id",
            "total",
            "run_id",
            "terms",
        ),
        (
            (
                connection_name,
                kind.value,
                alignment.document.key.document_id,
                alignment.document.revision,
                alignment.document.revision_hash,
                alignment.document.business_day,
                alignment.hold.reason.value if alignment.hold else None,
                alignment.hold.message if alignment.hold else None,
                alignment.hold.words if alignment.hold else "",
                alignment.firm_id,
                alignment.document.total,
                run_id,
                alignment.terms,
            )
            for alignment in alignments
        ),
    )
    copy_rows(connection, "mapping.coded_lines", _LINE_COLUMNS, _line_rows(connection_name, kind, alignments))


def _line_rows(connection_name: str, kind: Kind, alignments: Iterable[Alignment]) -> Iterable[Sequence[object]]:
    for alignment in alignments:
        for number, line in enumerate(alignment.lines, start=1):
            key, heading = line.key, line.key.heading
            yield (
                connection_name,
                kind.value,
                alignment.document.key.document_id,
                number,
                key.wbs1,
                key.wbs2,
                key.wbs3,
                key.invoice,
                key.account,
                key.section,
                key.tax_code,
                key.item,
                line.organization,
                line.description,
                line.amount,
                line.tax_basis,
                json.dumps(line.decided_by, sort_keys=True),
                heading.entry.value,
                heading.number,
                heading.wbs1,
                heading.wbs2,
                heading.wbs3,
                heading.vendor,
                heading.bank,
                heading.liability,
                heading.credit_memo,
                line.purchase_order,
            )


def alignments_of(
    connection: Connection, *, connection_name: str, kind: Kind, document_ids: Sequence[int]
) -> Mapping[int, StoredAlignment]:
    """Read the alignments of documents, by id; those that were never aligned are left out."""
    parameters: dict[str, object] = {"connection": connection_name, "kind": kind.value, "ids": list(document_ids)}
    headers = connection.execute(
        text(
            """
            SELECT document_id, revision_hash, reason, message, words, firm_id, terms FROM mapping.alignments
            WHERE connection = :connection AND kind = :kind AND document_id = ANY(:ids)
            """
        ),
        parameters,
    ).all()
    lines: dict[int, list[CodedAmount]] = {}
    for row in connection.execute(
        text(
            """
            SELECT * FROM mapping.coded_lines
            WHERE connection = :connection AND kind = :kind AND document_id = ANY(:ids)
            ORDER BY document_id, line_no
            """
        ),
        parameters,
    ):
        heading = Heading(
            EntryType(row.entry),
            row.number,
            row.heading_wbs1,
            row.heading_wbs2,
            row.heading_wbs3,
            row.vendor,
            row.bank,
            row.liability,
            row.credit_memo,
        )
        key = LineKey(
            heading, row.wbs1, row.wbs2, row.wbs3, row.invoice, row.account, row.section, row.tax_code, row.item
        )
        lines.setdefault(row.document_id, []).append(
            CodedAmount(
                key,
                row.amount,
                row.description,
                row.organization,
                row.tax_basis,
                row.purchase_order,
                json.loads(row.decided_by),
            )
        )
    return {
        header.document_id: StoredAlignment(
            revision_hash=header.revision_hash,
            hold=Hold(HoldReason(header.reason), header.message, header.words) if header.reason else None,
            lines=tuple(lines.get(header.document_id, ())),
            firm_id=header.firm_id,
            terms=header.terms,
        )
        for header in headers
    }
