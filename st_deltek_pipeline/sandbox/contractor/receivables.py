"""Everything customers pay and are credited in a month: puts payments, credit memos and deposits together."""

from datetime import date
from decimal import Decimal

from st_deltek_pipeline.sandbox.contractor.balances import customer_balances, settle
from st_deltek_pipeline.sandbox.contractor.bank_deposits import bank
from st_deltek_pipeline.sandbox.contractor.credit_memos import credit_memo_rows
from st_deltek_pipeline.sandbox.contractor.customers import Clientele
from st_deltek_pipeline.sandbox.contractor.month_plan import Trouble
from st_deltek_pipeline.sandbox.contractor.payment_troubles import PaymentTrouble, Targets, spoil, troubled_drafts
from st_deltek_pipeline.sandbox.contractor.payments import Cashier, Draft, PaymentRows, PaymentState
from st_deltek_pipeline.sandbox.contractor.staff import Staff
from st_deltek_pipeline.sandbox.contractor.working_days import days_of, is_business_day
from st_deltek_pipeline.sandbox.contractor.world import Row, World

_READY = ("Posted", "Exported")
_EARLY_PART = 12
# Of invoices that wait for something, with nothing else wrong for a payment that names them.
_HELD = (
    Trouble.UNMAPPED_BUSINESS_UNIT.value,
    Trouble.AMOUNTS_DO_NOT_ADD_UP.value,
    Trouble.INACTIVE_PROJECT.value,
    Trouble.CLOSED_PERIOD.value,
)


def collect(
    world: World, first: date, *, closed_days: frozenset[date], clientele: Clientele, staff: Staff, troubled: int
) -> None:
    """Make a month's payments, credit memos and bank deposits, and the balances that follow from them.

    Args:
        world: Its invoices and customers are there; of invoices only ``balance``, ``paidOn`` and ``depositedOn``
            are changed, of customers only ``balance``.
        first: First day of the month.
        closed_days: Public holidays.
        clientele: The customers.
        staff: Who works in the office.
        troubled: How many payments of each trouble; 0 in the clean scenario.
    """
    tenant = world.servicetitan
    awkward = {invoice_id for ids in world.awkward.values() for invoice_id in ids}
    payable = [row for row in tenant.invoices.values() if row["id"] not in awkward and _is_ready(row)]
    reserved = _reserved(payable, troubled)
    reserved_ids = {row["id"] for row in reserved}
    payable = [row for row in payable if row["id"] not in reserved_ids]
    drafts = Cashier(world.seed, first).receive(payable, clientele.also_vendors)
    touched = {part.invoice["id"] for draft in drafts for part in draft.applications}
    unpaid = [row for row in payable if row["id"] not in touched and Decimal(row["total"]) > 0]
    for_memos: list[Row] = []
    troubles: dict[PaymentTrouble, list[Draft]] = {}
    if troubled:
        business_days = [day for day in days_of(first) if is_business_day(day, closed_days)]
        paid = _paid_in_full(drafts)
        targets = Targets(
            open=reserved,
            paid=[row for row, _ in paid.values()],
            paid_on={key: day for key, (_, day) in paid.items()},
            held=[tenant.invoices[key] for key in sorted(key for trouble in _HELD for key in world.awkward[trouble])],
            pending=[row for row in tenant.invoices.values() if _is_unposted(row)],
        )
        troubles = troubled_drafts(first, business_days, targets, troubled)
        for_memos = _some([*unpaid[-troubled:], *reserved, *targets.held], troubled)
        unpaid = unpaid[:-troubled]
    drafts += [draft for some in troubles.values() for draft in some]

    rows = PaymentRows(world.seed, closed_days, staff).write(drafts)
    tenant.payments = rows
    for trouble in PaymentTrouble:
        ids = [draft.payment_id for draft in troubles.get(trouble, ())]
        world.awkward[trouble.value] = ids
        for payment_id in ids:
            spoil(rows[payment_id], trouble)
    memos = credit_memo_rows(world.seed, first, closed_days, unpaid, staff, troubled=for_memos)
    tenant.credit_memos, tenant.credit_memo_items = memos.rows, memos.items
    world.awkward.update(memos.awkward)
    in_trouble = {payment_id for trouble in PaymentTrouble for payment_id in world.awkward[trouble.value]}
    bankable = [row for payment_id, row in rows.items() if payment_id not in in_trouble]
    deposits = bank(world.seed, first, closed_days, bankable, staff)
    tenant.bank_deposits, tenant.bank_deposit_transactions = deposits.rows, deposits.transactions

    settle(tenant)
    for customer_id, balance in customer_balances(tenant).items():
        tenant.customers[customer_id]["balance"] = balance


def _is_ready(row: Row) -> bool:
    return row["active"] and row["syncStatus"] in _READY and row["total"] not in (None, "0.00")


def _some(rows: list[Row], count: int) -> list[Row]:
    return [rows[place % len(rows)] for place in range(count)]


def _is_unposted(row: Row) -> bool:
    return row["active"] and row["syncStatus"] == "Pending" and Decimal(row["total"] or 0) > 0


def _reserved(payable: list[Row], troubled: int) -> list[Row]:
    """Return early invoices that only payments in trouble name, so that nothing else is wrong with those."""
    owed = [row for row in payable if Decimal(row["total"]) > 0]
    needed = troubled * len(PaymentTrouble)
    pool = owed[: max(needed, len(owed) // _EARLY_PART)]
    step = max(1, len(pool) // needed) if needed else 1
    return pool[::step][: min(needed, len(owed) // 2)]


def _paid_in_full(drafts: list[Draft]) -> dict[int, tuple[Row, date]]:
    """Return invoices with one payment that pays all, and when; those paid first before the others."""
    counts: dict[int, int] = {}
    for draft in drafts:
        for part in draft.applications:
            counts[part.invoice["id"]] = counts.get(part.invoice["id"], 0) + 1
    posted = [draft for draft in drafts if draft.active and draft.state is not PaymentState.PENDING]
    return {
        part.invoice["id"]: (part.invoice, draft.entered)
        for draft in sorted(posted, key=lambda draft: draft.entered)
        for part in draft.applications
        if counts[part.invoice["id"]] == 1 and part.amount == Decimal(part.invoice["total"])
    }
