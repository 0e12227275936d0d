"""A document's whole life as one self-contained page: readable on a telephone and on paper, everything escaped."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from st_deltek_pipeline.domain.audit_trail import AuditTrail, Exchange
from st_deltek_pipeline.domain.money import shown, total
from st_deltek_pipeline.domain.outcomes import OutcomeKind
from st_deltek_pipeline.pages.cells import Cell, Code, Mark, Row, Table, Tone, columns
from st_deltek_pipeline.pages.close_links import CloseLinks
from st_deltek_pipeline.pages.rendering import in_words, render

_TONES = {
    OutcomeKind.POSTED: Tone.GOOD,
    OutcomeKind.HELD: Tone.WARN,
    OutcomeKind.IN_FLIGHT: Tone.WARN,
    OutcomeKind.IGNORED: Tone.QUIET,
}
_DIGITS = 12


@dataclass(frozen=True)
class Body:
    """A body that was sent, folded away below its caption."""

    caption: str
    text: str


def audit_page(trail: AuditTrail, links: CloseLinks, zone: ZoneInfo) -> str:
    """Make the page.

    Args:
        trail: What it shows.
        links: Leads to Dagster's runs.
        zone: The connection's time zone.
    """
    outcome = trail.outcome
    return render(
        "audit.html",
        trail=trail,
        tone=(_TONES[outcome.outcome] if outcome else Tone.QUIET).value,
        verdict_words=_verdict(trail),
        remarks=_remarks(trail),
        facts_shown=list(_facts(trail).items()),
        happened=_happened(trail, links, zone),
        versions=_versions(trail, links, zone),
        changes=_changes(trail),
        deliveries=_deliveries(trail, links, zone),
        coded=_coded(trail),
        parts=_parts(trail),
        sent=_sent(trail, zone),
        bodies=[_body(each) for each in trail.exchanges if each.request is not None],
        ledger=_ledger(trail, zone),
        people=_people(trail, zone),
        runs=_runs(trail, links, zone),
    )


def _verdict(trail: AuditTrail) -> str:
    outcome = trail.outcome
    if outcome is None:
        return f"{trail.document} was taken in, and nothing was decided about it yet."
    reason = f" ({in_words(outcome.reason)})" if outcome.reason else ""
    outside = f"; {shown(outcome.amount)} of it is not in the ledger" if outcome.amount else ""
    return f"{trail.document} is {in_words(outcome.outcome.value)}{reason}{outside}."


def _remarks(trail: AuditTrail) -> str:
    outcome = trail.outcome
    words = [outcome.message, outcome.words] if outcome else []
    return " ".join(filter(None, [*words, trail.held.advice if trail.held else ""]))


def _facts(trail: AuditTrail) -> dict[str, Cell]:
    staged = trail.staged
    found: dict[str, Cell] = {"connection": trail.document.connection, "document": Code(str(trail.document))}
    if staged is not None:
        found |= {
            "number": staged.number,
            "party": staged.party,
            "business unit": staged.business_unit_name,
            "document date": staged.document_date,
            "business day": staged.business_day,
            "status in ServiceTitan": staged.sync_status.value if staged.active else "voided",
            "total": staged.total,
            "revision": (staged.revision, Code(staged.revision_hash[:_DIGITS])),
        }
    found["stands in the ledger"] = total(line.amount for line in trail.ledger)
    found["payload versions"] = len(trail.versions)
    found["events"] = len(trail.events)
    return found


def _happened(trail: AuditTrail, links: CloseLinks, zone: ZoneInfo) -> Table:
    return Table(
        "Everything that happened, in order",
        columns("when", "what", "*details", "run", ">event"),
        [
            Row(
                (
                    f"{each.at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
                    (each.what, Code(each.batch[:_DIGITS])) if each.batch else each.what,
                    # What a version changed stands line by line; an event's details are one sentence.
                    (tuple(each.details) if each.sequence is None else ", ".join(each.details)) or None,
                    links.run(each.run_id) if each.run_id else None,
                    each.sequence,
                )
            )
            for each in trail.moments
        ],
        note="Events are numbered by the journal's hash chain. A file's events stand with every document in it.",
    )


def _versions(trail: AuditTrail, links: CloseLinks, zone: ZoneInfo) -> Table:
    return Table(
        "Versions of the payload",
        columns(">version", "taken in", "changed in ServiceTitan", "run", "hash", ">fields changed"),
        [
            Row(
                (
                    each.number,
                    (each.fetched_at.astimezone(zone), *((Mark("latest", Tone.GOOD),) if each.latest else ())),
                    each.modified_on.astimezone(zone) if each.modified_on else None,
                    links.run(each.run_id),
                    Code(each.payload_hash[:_DIGITS]),
                    len(each.changes) if each.number > 1 else None,
                )
            )
            for each in trail.versions
        ],
    )


def _changes(trail: AuditTrail) -> list[Table]:
    return [
        Table(
            f"What version {version.number} changed",
            columns("field", "*before", "*after"),
            [Row((Code(each.path), each.before, each.after)) for each in version.changes],
        )
        for version in trail.versions
        if version.changes
    ]


def _deliveries(trail: AuditTrail, links: CloseLinks, zone: ZoneInfo) -> Table:
    return Table(
        "Webhooks that named it",
        columns("received", "event", "state", ">deliveries", "read again by"),
        [
            Row(
                (
                    each.received_at.astimezone(zone),
                    each.event_type,
                    in_words(each.state),
                    each.deliveries,
                    links.run(each.handled_by_run) if each.handled_by_run else None,
                )
            )
            for each in trail.deliveries
        ],
        empty="None; it was found by reading ServiceTitan's lists.",
    )


def _coded(trail: AuditTrail) -> Table:
    return Table(
        "How its lines are coded, and which rules decided",
        columns("*line", "project", "account", "section", "tax code", ">amount", "*decided by"),
        [
            Row(
                (
                    line.description or line.key.item or line.key.account,
                    " ".join(filter(None, (line.key.wbs1, line.key.wbs2, line.key.wbs3))),
                    line.key.account,
                    line.key.section,
                    line.key.tax_code,
                    line.amount,
                    tuple(f"{field}: {rule}" for field, rule in sorted(line.decided_by.items())) or None,
                )
            )
            for line in trail.coded
        ],
        empty="It is not coded.",
        note="As aligned last; what decided earlier revisions is in the events that planned them.",
    )


def _parts(trail: AuditTrail) -> Table:
    return Table(
        "Postings and their keys in Vantagepoint",
        columns(">posting", "file", "state", "entry", "number", ">period", ">post sequence", "natural key", ">amount"),
        [
            Row(
                (
                    each.posting_no,
                    (Code(each.batch), f"revision {each.revision}"),
                    (each.state, *(("reverses posting " + str(each.reverses),) if each.reverses is not None else ())),
                    each.entry,
                    (each.number, each.vendor) if each.vendor else each.number,
                    (f"{each.period}", f"moved from {each.moved_from}") if each.moved_from else f"{each.period}",
                    each.post_sequence,
                    (each.key_scope, each.key_number) if each.key_scope else each.key_number,
                    each.amount,
                )
            )
            for each in trail.parts
        ],
        empty="Nothing of it was planned.",
    )


def _sent(trail: AuditTrail, zone: ZoneInfo) -> Table:
    return Table(
        "Requests and answers",
        columns("file", "sent", "*answers", "body", ">documents in it"),
        [
            Row(
                (
                    (Code(each.batch), f"{each.entry} of period {each.period}", each.state),
                    tuple(f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}" for at in each.sent) or None,
                    tuple(f"{at.astimezone(zone):%H:%M:%S} {words}" for at, words in each.answers) or None,
                    Code(each.body_hash[:_DIGITS]),
                    each.documents,
                )
            )
            for each in trail.exchanges
        ],
        empty="Nothing was sent.",
    )


def _body(exchange: Exchange) -> Body:
    text = json.dumps(exchange.request, indent=1, ensure_ascii=False, default=str)
    return Body(f"What was sent of it in file {exchange.batch[:_DIGITS]} (state {exchange.state})", text)


def _ledger(trail: AuditTrail, zone: ZoneInfo) -> Table:
    lines: list[Row] = [
        Row(
            (
                Code(each.line_key),
                Code(each.batch[:_DIGITS]),
                f"{each.period}",
                each.post_sequence,
                each.wbs1,
                each.account,
                each.invoice,
                each.amount,
                each.read_at.astimezone(zone),
            )
        )
        for each in trail.ledger
    ]
    headings = columns("line", "file", ">period", ">sequence", "project", "account", "invoice", ">amount", "read")
    return Table("What Vantagepoint's ledger showed", headings, lines, empty="Nothing of it stands there.")


def _people(trail: AuditTrail, zone: ZoneInfo) -> Table:
    rows: Sequence[Row] = [
        Row((each.at.astimezone(zone), each.by, each.what, each.why or None)) for each in trail.people
    ]
    return Table("What people decided", columns("when", "who", "what", "*why"), rows, empty="Nobody had to.")


def _runs(trail: AuditTrail, links: CloseLinks, zone: ZoneInfo) -> Table:
    return Table(
        "Runs",
        columns("run", "first", "last", "*what it did"),
        [
            Row((links.run(each.run_id), each.first.astimezone(zone), each.last.astimezone(zone), ", ".join(each.did)))
            for each in trail.runs
        ],
    )
