"""What has changed since a day was closed, and its closes, as tables."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from st_deltek_pipeline.domain.close_changes import CloseChanges, KeptClose
from st_deltek_pipeline.pages.cells import Mark, Row, Simple, Table, Tone, columns
from st_deltek_pipeline.pages.close_links import CloseLinks
from st_deltek_pipeline.pages.close_tables import kind_named, state_mark
from st_deltek_pipeline.pages.rendering import counted, in_words

_SHOWN_AT_ONCE = 12


def change_tables(changes: CloseChanges, links: CloseLinks, zone: ZoneInfo) -> list[Table]:
    """Lay out what has changed since the close; only what there is.

    Args:
        changes: What has changed.
        links: Makes the links to runs.
        zone: The connection's time zone.
    """
    found: list[Table] = []
    if changes.totals:
        found.append(
            Table(
                "Amounts that are others now",
                columns("kind", "column", ">at the close", ">now", ">change"),
                [
                    Row((kind_named(each.kind), each.column, each.before, each.after, each.change))
                    for each in changes.totals
                ],
            )
        )
    moved = [
        *(
            Row((name, Mark("released", Tone.GOOD), "waited at the close, and does not now"))
            for name in changes.released
        ),
        *(Row((name, Mark("held", Tone.WARN), "waits now, and did not at the close")) for name in changes.held),
        *(
            Row(
                (each.document or each.reference, Mark(each.difference_class.value, Tone.GOOD), "differed at the close")
            )
            for each in changes.gone
        ),
        *(
            Row((each.document or each.reference, Mark(each.difference_class.value, Tone.BAD), each.words))
            for each in changes.new
        ),
    ]
    if moved:
        headings = columns("document", "what", "in words")
        found.append(Table("Documents that stand otherwise now", headings, moved))
    if changes.events:
        found.append(
            Table(
                "What the journal recorded since",
                columns(">event", "document", "what", "when", "by"),
                [
                    Row(
                        (
                            each.sequence,
                            each.document,
                            in_words(each.what),
                            each.occurred_at.astimezone(zone),
                            links.run(each.run_id),
                        )
                    )
                    for each in changes.events
                ],
                note=f"{counted(changes.more_events)} more are in the journal." if changes.more_events else "",
                open=len(changes.events) <= _SHOWN_AT_ONCE,
            )
        )
    return found


def history_table(kept: Sequence[KeptClose], links: CloseLinks, zone: ZoneInfo, *, day_url: str = "") -> Table:
    """Lay out the closes of a day, newest first.

    Args:
        kept: Oldest first.
        links: Makes the links to runs.
        zone: The connection's time zone.
        day_url: Where the day's report is, to lead to what each close said; empty in a file.
    """
    return Table(
        "Closes of this day, as they were kept",
        columns("close", "made", "state", "what it said", "by run"),
        [
            Row(
                (
                    links.close(each.number, day_url),
                    each.made_at.astimezone(zone),
                    state_mark(each.state),
                    _said(each),
                    links.run(each.run_id),
                )
            )
            for each in reversed(kept)
        ],
        empty="it was not closed yet.",
        note="A day that is run again is closed again when its figures have changed. Nothing that was kept can be changed.",
        open=len(kept) <= _SHOWN_AT_ONCE,
    )


def _said(each: KeptClose) -> tuple[Simple, ...]:
    return (each.verdict,) if each.over else (each.verdict, "The day was not over yet.")
