"""The three-way reconciliation of a connection, with Vantagepoint's ledger read back from the sandbox over HTTP."""

from collections.abc import Callable, Generator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.documents import POSTING_ORDER, DocumentKey, Kind
from st_deltek_pipeline.domain.errors import ConfigurationError, PermissionMissingError
from st_deltek_pipeline.domain.three_way import DifferenceClass, LedgerDifference, ThreeWay
from st_deltek_pipeline.sandbox.contractor.ledger_accounts import SOURCE_ACCOUNTS
from st_deltek_pipeline.services.reversing import reverse
from st_deltek_pipeline.services.three_way import reconcile
from st_deltek_pipeline_tests.sandbox_fixtures import SandboxUnderTest
from st_deltek_pipeline_tests.services.posting.bulk import PROJECT, RECEIVABLES, invoice_number, made_up, post
from st_deltek_pipeline_tests.services.posting.harness import MONEY_DAY, QUIET_DAY, Bench, bench
from st_deltek_pipeline_tests.tampering import tampering

ZERO = Decimal("0.00")
ACCOUNTS = {
    **{account.number: account.target for account in SOURCE_ACCOUNTS if account.target},
    "1210": RECEIVABLES,
    "2310": RECEIVABLES,
    "2210": "221*",
}
"""ServiceTitan's accounts that invoices and payments move; money on deposit is on the receivables in Vantagepoint."""
_PERIOD = 202610
_PAYABLES = {"when": {"line": "payable"}, "give": {"liability": "201.00"}}


@pytest.fixture
def quiet(sandbox: Callable[..., SandboxUnderTest], quiet_engine: Engine) -> Generator[Bench]:
    """A small month taken in that has no documents on ``QUIET_DAY``."""
    with bench(sandbox(invoices=20), quiet_engine) as connected:
        yield connected


def trouble(acme: Bench, kind: str, **wanted: Any) -> list[dict[str, Any]]:
    return acme.sandbox.admin("POST", f"vantagepoint/ledger/{kind}", wanted)


def by_hand(acme: Bench, batch: str, **wanted: Any) -> None:
    plain = {"type": "IN", "number": "8888888", "account": "401.00", "amount": "70.00", "wbs1": "CHS2026"}
    trouble(acme, "by-hand", **{**plain, "batch": batch, "date": QUIET_DAY.isoformat(), "period": _PERIOD, **wanted})


def compared(acme: Bench, first: date = QUIET_DAY, last: date | None = None, *kinds: Kind) -> ThreeWay:
    """Compare invoices, or other kinds; the small month has a few payments and bills on every day."""
    chosen = kinds or (Kind.INVOICE,)
    return reconcile(acme.engine, acme.vantagepoint, acme.settings, first, last or first, kinds=chosen)


def named(result: ThreeWay) -> list[tuple[str, str]]:
    return [(each.difference_class.value, each.document) for each in result.differences]


def the_only(result: ThreeWay) -> LedgerDifference:
    (found,) = result.differences
    return found


def number_of(invoice: dict[str, Any]) -> str:
    return invoice["referenceNumber"].rjust(7, "0")


def vendor_of(acme: Bench) -> str:
    """The code of a vendor with accounting data."""
    firms = [firm for page in acme.vantagepoint.rows("firm") for firm in page if firm["VendorInd"] == "Y"]
    return next(firm["Vendor"] for firm in firms if acme.vantagepoint.vendor_accounting(firm["ClientID"]))


def test_one_missing_one_double_one_altered_and_one_foreign_document_of_10000_are_named_and_nothing_else(
    quiet: Bench,
) -> None:
    """T43: four troubles in ten thousand posted documents of three kinds are all named, and nothing else is."""
    days = list(quiet.calendar.business_days(date(2026, 10, 12), date(2026, 10, 23)))
    with quiet.engine.begin() as db:
        # The month's own documents are not posted here, and would be named too.
        db.execute(text("DELETE FROM raw.latest WHERE kind = ANY(:kinds)"), {"kinds": [kind.value for kind in Kind]})
    post(quiet, list(made_up("acme", days, 10_000, vendor_of(quiet))))
    missing, double, altered = 5_003, 6_007, 7_009
    trouble(quiet, "delete", where={"TransType": "IN", "Invoice": invoice_number(missing)})
    trouble(quiet, "double", where={"TransType": "CR", "RefNo": f"P{900_000 + double}"})
    before = trouble(
        quiet, "alter", where={"TransType": "AP", "Invoice": f"V{altered}", "AutoEntry": "N"}, change={"Amount": "1.23"}
    )
    by_hand(quiet, "BYHAND", date="2026-10-20", wbs1=PROJECT)
    quiet.sandbox.admin("DELETE", "requests")

    result = compared(quiet, date(2026, 10, 1), date(2026, 10, 31), *POSTING_ORDER)

    assert named(result) == [
        ("missing", f"invoice:{900_000 + missing}"),
        ("double", f"payment:{900_000 + double}"),
        ("altered", f"bill:{900_000 + altered}"),
        ("foreign", ""),
    ]
    assert (result.documents, result.clean) == (10_001, False)
    assert not result.balances
    gone, again, other, foreign = result.differences
    assert (gone.journal, gone.ledger) == (3 * Decimal(100 + missing) / 100, ZERO)
    assert again.ledger == 2 * again.journal
    assert (other.journal, other.ledger) == (Decimal(before[0]["Amount"]), Decimal("1.23"))
    assert (foreign.ledger, foreign.reference) == (
        Decimal("70.00"),
        f"AR invoice 8888888 of project {PROJECT}, file BYHAND",
    )
    by_place = {(row.kind, row.place): row.difference for row in result.rows if row.difference}
    assert sum(by_place.values()) == sum(each.amount for each in result.differences)
    calls = quiet.sandbox.admin("GET", "requests")["systems"]["vantagepoint"]["calls"]
    assert calls < 200, "calls grow with pages of rows, never with documents"


def test_what_people_may_do_is_told_from_what_is_wrong(quiet: Bench) -> None:
    """Adopted, reversed by a person, entered and taken back by hand, and on projects of others: none of it is named."""
    adopted = quiet.add(PART_A="60.00")
    quiet.enter_by_hand(adopted, "CHS2026", "60.00")
    taken_back = quiet.add(PART_A="25.00")
    kept = quiet.add(PART_A="40.00", PART_B="60.00")
    quiet.run(QUIET_DAY)
    reverse(
        quiet.context,
        DocumentKey("acme", Kind.INVOICE, taken_back["id"]),
        reason="Wrong customer.",
        by="jane",
    )
    by_hand(quiet, "UP", number="8888881")
    by_hand(quiet, "DOWN", number="8888881", amount="-70.00")
    by_hand(quiet, "ELSEWHERE", wbs1="RHC2026" if _exists(quiet, "RHC2026") else "OVH2026", number="8888882")

    result = compared(quiet)

    assert named(result) == []
    assert (result.clean, result.documents) == (True, 3)
    assert all(row.agrees for row in result.rows)
    assert result.total.ledger == Decimal("160.00")
    assert {row.project for row in result.rows if row.documents} >= {"CHS2026"}
    quiet.changed(reconciliation={"foreign": "company"})
    assert named(compared(quiet)) == [("foreign", "")]
    quiet.changed(reconciliation={"foreign": "off"})
    assert named(compared(quiet)) == []
    assert quiet.outcome(kept["id"])[0] == "posted"


def _exists(acme: Bench, wbs1: str) -> bool:
    rows = [row for page in acme.vantagepoint.rows("project", parameters={"wbstype": "wbs1"}) for row in page]
    return any(row["WBS1"] == wbs1 and row["Status"] == "A" and row["SubLevel"] != "Y" for row in rows)


def test_every_way_a_posted_invoice_can_go_wrong_has_its_class(quiet: Bench) -> None:
    again = quiet.add(PART_A="11.00")
    moved = quiet.add(PART_A="12.00")
    dated = quiet.add(PART_A="13.00")
    undone = quiet.add(PART_A="14.00")
    replaced = quiet.add(PART_A="15.00")
    rounded = quiet.add(PART_A="16.00")
    quiet.run(QUIET_DAY)
    by_hand(quiet, "AGAIN", number=again["referenceNumber"], amount="11.00")
    trouble(
        quiet,
        "alter",
        where={"TransType": "IN", "Invoice": number_of(moved), "AutoEntry": "N"},
        change={"Period": 202611},
    )
    trouble(
        quiet,
        "alter",
        where={"TransType": "IN", "Invoice": number_of(dated), "AutoEntry": "N"},
        change={"TransDate": "2026-10-20T00:00:00.000"},
    )
    by_hand(quiet, "UNDO", number=undone["referenceNumber"], amount="-14.00")
    trouble(quiet, "delete", where={"TransType": "IN", "Invoice": number_of(replaced)})
    by_hand(quiet, "REENTERED", number=replaced["referenceNumber"], amount="15.00")
    trouble(
        quiet,
        "alter",
        where={"TransType": "IN", "Invoice": number_of(rounded), "AutoEntry": "N"},
        change={"Amount": "-16.01"},
    )
    by_hand(quiet, "CONTROL", type="JE", number="ADJ1", account="121.00", against="401.00", amount="5.00")

    strict = {each.document: each.difference_class for each in compared(quiet).differences}
    assert strict[f"invoice:{rounded['id']}"] is DifferenceClass.ALTERED, (
        "no cent is rounding unless a tolerance is set"
    )
    quiet.changed(reconciliation={"tolerance": Decimal("0.01")})
    result = compared(quiet)

    found = {each.document: each for each in result.differences}
    assert {name: each.difference_class for name, each in found.items()} == {
        f"invoice:{again['id']}": DifferenceClass.DOUBLE,
        f"invoice:{moved['id']}": DifferenceClass.ALTERED,
        f"invoice:{dated['id']}": DifferenceClass.ALTERED,
        f"invoice:{undone['id']}": DifferenceClass.ALTERED,
        f"invoice:{rounded['id']}": DifferenceClass.ROUNDING,
        "": DifferenceClass.FOREIGN,
    }
    assert found[f"invoice:{moved['id']}"].period == "202610, 202611"
    assert "another date" in found[f"invoice:{dated['id']}"].words
    assert "taken back by others" in found[f"invoice:{undone['id']}"].words
    assert found[""].reference == "journal entry ADJ1, file CONTROL"
    assert found[""].ledger == Decimal("5.00")
    assert all(each.advice for each in result.differences if each.needs_someone)


def test_what_is_under_way_or_in_a_later_period_is_timing_and_needs_nobody(quiet: Bench) -> None:
    quiet.changed(posting={"closed_period": "first_open"})
    invoice = quiet.add(PART_A="60.00")
    quiet.sandbox.set_period(_PERIOD, closed=True)
    quiet.take_in(firms=False)
    quiet.run(QUIET_DAY)
    late = the_only(compared(quiet))
    assert (late.difference_class, late.document) == (DifferenceClass.TIMING, f"invoice:{invoice['id']}")
    assert (late.amount, late.period) == (ZERO, "202611")

    other = quiet.add(MONEY_DAY, PART_A="30.00")
    quiet.run(MONEY_DAY)
    with tampering(quiet.engine) as db:
        db.execute(text("UPDATE journal.transaction_files SET state = 'posting' WHERE amount = 30.00"))
        db.execute(
            text("UPDATE journal.outcomes SET outcome = 'in_flight', amount = 30.00 WHERE document_id = :id"),
            {"id": other["id"]},
        )
    result = compared(quiet, MONEY_DAY)
    assert named(result) == [("timing", f"invoice:{other['id']}")]
    assert (result.clean, result.total.ledger) == (True, Decimal("30.00"))


def test_a_change_that_waits_to_be_decided_is_timing_and_what_was_never_decided_is_missing(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="60.00")
    quiet.run(QUIET_DAY)
    quiet.change(invoice, PART_A="75.00")
    never = quiet.add(PART_A="10.00")
    result = compared(quiet)
    assert named(result) == [("missing", f"invoice:{never['id']}"), ("timing", f"invoice:{invoice['id']}")]
    assert result.total.unexplained == Decimal("25.00")


def test_receipts_by_deposit_with_fees_and_bills_as_journal_entries_are_in_order(quiet: Bench) -> None:
    quiet.changed(posting={"receipt_files": "by_deposit", "bills_as": "journal_entry"})
    _with_fee_rule(quiet)
    _with_rule(quiet, _PAYABLES)
    invoice = quiet.add(MONEY_DAY, PART_A="100.00")
    payment = quiet.pay((invoice, "100.00"))
    deposited = date(2026, 11, 20)
    quiet.deposit(payment, day=deposited, fees="2.50")
    for day, kind in ((MONEY_DAY, Kind.INVOICE), (MONEY_DAY, Kind.PAYMENT), (deposited, Kind.PAYMENT)):
        quiet.run(day, kind)
    bills = _bill_day(quiet)
    quiet.run(bills, Kind.BILL)
    for day in (MONEY_DAY, deposited, bills):
        result = compared(quiet, day, day, *((Kind.BILL,) if day is bills else (Kind.INVOICE, Kind.PAYMENT)))
        assert named(result) == [], day
        assert all(row.agrees for row in result.rows)
        assert result.total.ledger
    fees = compared(quiet, deposited, deposited, Kind.PAYMENT).by_kind[Kind.BANK_DEPOSIT]
    assert (fees.documents, fees.ledger) == (1, Decimal("-2.50"))


@pytest.mark.parametrize("bills_as", ["voucher", "journal_entry"])
def test_a_line_that_was_added_to_the_only_bill_of_a_day_is_named(quiet: Bench, bills_as: str) -> None:
    if bills_as == "journal_entry":
        _with_rule(quiet, _PAYABLES)
    quiet.changed(posting={"bills_as": bills_as})
    day = _bill_day(quiet)
    bill = _a_bill(quiet)
    _leave_one(quiet, Kind.BILL, bill)
    quiet.run(day, Kind.BILL)
    assert named(compared(quiet, day, day, Kind.BILL)) == []
    of_type = {"TransType": "AP" if bills_as == "voucher" else "JE", "AutoEntry": "N"}
    trouble(quiet, "add", where=of_type, change={"Account": "761.00", "Amount": "0.07"})
    found = the_only(compared(quiet, day, day, Kind.BILL))
    assert (found.difference_class, found.document) == (DifferenceClass.ALTERED, f"bill:{bill}")
    assert (found.account, found.amount) == ("761.00", Decimal("0.07"))


def test_a_line_that_was_added_to_the_only_receipt_of_a_day_is_named(quiet: Bench) -> None:
    invoice = quiet.add(MONEY_DAY, PART_A="100.00")
    payment = quiet.pay((invoice, "100.00"))
    _leave_one(quiet, Kind.PAYMENT, payment["id"])
    quiet.run(MONEY_DAY, Kind.INVOICE)
    quiet.run(MONEY_DAY, Kind.PAYMENT)
    assert named(compared(quiet, MONEY_DAY, MONEY_DAY, Kind.PAYMENT)) == []
    trouble(quiet, "add", where={"TransType": "CR", "AutoEntry": "N"}, change={"Account": "761.00", "Amount": "-0.07"})
    found = the_only(compared(quiet, MONEY_DAY, MONEY_DAY, Kind.PAYMENT))
    assert (found.difference_class, found.document) == (DifferenceClass.ALTERED, f"payment:{payment['id']}")
    assert (found.account, found.amount) == ("761.00", Decimal("0.07"))


def _leave_one(acme: Bench, kind: Kind, document_id: int) -> None:
    """Forget every other document of a kind."""
    with acme.engine.begin() as db:
        wanted = {"kind": kind.value, "id": document_id}
        db.execute(text("DELETE FROM raw.latest WHERE kind = :kind AND record_id <> :id"), wanted)


def _bill_day(acme: Bench) -> date:
    return acme.calendar.business_day(_busiest(acme))


def _a_bill(acme: Bench) -> int:
    statement = "SELECT min(record_id) AS id FROM raw.latest WHERE kind = 'bill' AND active AND document_date = :day"
    (bill,) = acme.rows(statement, day=_busiest(acme))
    return bill.id


def _busiest(acme: Bench) -> date:
    """The date with the most bills."""
    (day,) = acme.rows(
        "SELECT document_date FROM raw.latest WHERE kind = 'bill' AND active GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    )
    return day.document_date


def _with_fee_rule(acme: Bench) -> None:
    overhead = next(
        rule["give"] for rule in acme.sandbox.connection["coding"] if rule.get("name", "").startswith("overhead of")
    )
    place = {name: overhead[name] for name in ("wbs1", "wbs2", "wbs3")}
    _with_rule(acme, {"when": {"document": "payment", "line": "fee"}, "give": {**place, "account": "761.00"}})


def _with_rule(acme: Bench, rule: dict[str, Any]) -> None:
    plain = acme.settings.model_dump()
    acme.settings = type(acme.settings).model_validate({**plain, "coding": [rule, *plain["coding"]]})


def test_the_open_amount_of_an_invoice_is_cross_checked_beyond_the_range(quiet: Bench) -> None:
    invoice = quiet.add(PART_A="60.00")
    quiet.run(QUIET_DAY)
    by_hand(
        quiet,
        "MONEY",
        type="CR",
        number="HAND1",
        account="121.00",
        amount="20.00",
        date="2026-10-26",
        bank="OPER",
        invoice=number_of(invoice),
    )
    result = compared(quiet)
    assert result.clean
    (found,) = result.balances
    assert (found.project, found.expected, found.shown) == ("CHS2026", Decimal("60.00"), Decimal("40.00"))
    whole = compared(quiet, QUIET_DAY, date(2026, 10, 30), Kind.INVOICE, Kind.PAYMENT)
    foreign = next(each for each in whole.differences if each.difference_class is DifferenceClass.FOREIGN)
    assert (foreign.reference, foreign.ledger) == ("cash receipt HAND1, file MONEY", Decimal("20.00"))
    assert not [each for each in whole.balances if each.invoice == found.invoice], "it is named already"


def test_a_range_without_a_business_day_is_refused_with_advice(quiet: Bench) -> None:
    with pytest.raises(ConfigurationError, match="no business day"):
        compared(quiet, date(2026, 10, 10), date(2026, 10, 11))


def test_a_ledger_that_hides_a_field_is_an_error_and_no_difference(quiet: Bench) -> None:
    quiet.add(PART_A="60.00")
    quiet.run(QUIET_DAY)
    for hidden in ("PKey", "TransDate"):
        quiet.sandbox.admin("PUT", "vantagepoint/switches", {"hidden_fields": [f"PSALedger.{hidden}"]})
        with pytest.raises(PermissionMissingError, match=f"without {hidden}.*role"):
            compared(quiet)


def test_a_tenant_without_the_receivables_review_is_compared_without_it(quiet: Bench) -> None:
    quiet.add(PART_A="60.00")
    quiet.run(QUIET_DAY)
    quiet.sandbox.fault(system="vantagepoint", path="ARBalance", effect="answer", status=404, body='{"message": "no"}')
    result = compared(quiet)
    assert (result.clean, result.balances_read, result.balances) == (True, None, ())


def test_accounts_of_a_month_agree_with_servicetitans_journal_entries_and_the_ledger(quiet: Bench) -> None:
    """T44: revenue, sales tax and receivables tie on three sides per account and month; a change in one is found."""
    days = quiet.days()
    for day in days:
        quiet.run_every_kind(day)
    quiet.changed(reconciliation={"journal_entries": "summaries", "accounts": ACCOUNTS})
    first, last = days[0], days[-1]

    def whole_month() -> ThreeWay:
        return reconcile(quiet.engine, quiet.vantagepoint, quiet.settings, first, last, servicetitan=quiet.servicetitan)

    result = whole_month()
    assert result.clean, result.differences
    assert not result.balances
    assert all(row.agrees for row in result.rows)
    october = {each.account: each for each in result.accounts if each.month == date(2026, 10, 1)}
    assert {"121.00", "221*", "401.00", "403.00", "421.00", "471.00"} <= october.keys()
    # An item without an account of its own is on ServiceTitan's default account, and where the rules say in Vantagepoint.
    assert {account for account, each in october.items() if not each.agrees} == {"121.00", "401.00", "424.00"}
    assert october["401.00"].difference == -october["424.00"].difference
    # What is posted in ServiceTitan and held here is in its journal entries, and not in our journal.
    (held,) = quiet.rows(
        """
        SELECT sum(outcome.amount) AS amount FROM journal.outcomes AS outcome
        JOIN staged.payments AS payment USING (connection, document_id)
        WHERE outcome.kind = 'payment' AND outcome.outcome = 'held' AND payment.sync_status <> 'Pending'
        """
    )
    assert october["121.00"].difference == -held.amount
    assert all(each.journal == each.ledger for each in result.accounts)

    (row,) = [each for each in quiet.sandbox.ledger() if each["Account"] == "403.00"][:1]
    trouble(quiet, "alter", where={"PKey": row["PKey"]}, change={"Amount": str(Decimal(row["Amount"]) + 1)})
    altered = {each.account: each for each in whole_month().accounts if each.month == date(2026, 10, 1)}
    assert altered["403.00"].ledger == october["403.00"].ledger + 1
    assert altered["403.00"].journal == altered["403.00"].servicetitan
