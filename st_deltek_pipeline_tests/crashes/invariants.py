"""What holds after every crash (design of the posting protocol): checked against Vantagepoint's own ledger."""

from collections.abc import Iterable
from datetime import date

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline_tests.services.posting.harness import Bench
from st_deltek_pipeline_tests.services.posting.test_crashes import assert_chain_holds

OPEN = ("planned", "sending", "in_doubt", "entered", "posting")


def unfinished(bench: Bench) -> list[str]:
    """Return the transaction files that Vantagepoint has and has not posted."""
    files = bench.sandbox.running.sandbox.vantagepoint.state.files.values()
    return [file.batch for file in files if file.posting is None]


def assert_periods_fit(bench: Bench) -> None:
    """Posting lands in the session's period, whatever a document's date says: it has to be the date's own."""
    assert [row for row in bench.sandbox.ledger() if str(row["Period"]) != row["TransDate"][:7].replace("-", "")] == []


def assert_invariants(bench: Bench, day: date, kinds: Iterable[Kind] = (Kind.INVOICE,)) -> None:
    """Each line stands once, the day ties out, nothing is left half done, the journal is whole, a replay posts nothing."""
    kinds = tuple(kinds)
    ledger = bench.sandbox.ledger()
    lines = [row["PKey"] for row in ledger if row["AutoEntry"] == "N"]
    assert len(set(lines)) == len(lines)
    assert_periods_fit(bench)
    assert bench.tie_out(day, None, *kinds).balanced
    assert not bench.rows(
        "SELECT batch, state FROM journal.transaction_files WHERE state = ANY(:open)", open=list(OPEN)
    )
    assert unfinished(bench) == []
    assert_chain_holds(bench)
    sequence = bench.context.journal.last_sequence()
    for kind in kinds:
        bench.run(day, kind)
    assert bench.context.journal.last_sequence() == sequence
    assert bench.sandbox.ledger() == ledger
