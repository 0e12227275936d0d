"""What goes wrong with a posted ledger behind everybody's back: rows deleted, doubled, altered, added, or posted by hand.

No API call can do this, and no well-kept Vantagepoint shows it. It is here so that a reconciliation has something to find.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint.calls import Call
from st_deltek_pipeline.sandbox.vantagepoint.conventions import fold
from st_deltek_pipeline.sandbox.vantagepoint.entry_reader import FileReader
from st_deltek_pipeline.sandbox.vantagepoint.ledger import AUTO_ENTRY, Ledger
from st_deltek_pipeline.sandbox.vantagepoint.posting import post_file
from st_deltek_pipeline.sandbox.vantagepoint.state import Posting, TransactionFile, VantagepointState
from st_deltek_pipeline.sandbox.vantagepoint.transaction_types import TYPES

BY_HAND = "accountant"
"""Who posts by hand, in a session of its own."""

_CHANGED = ("Account", "WBS1", "WBS2", "WBS3", "Period", "TransDate", "Amount", "Invoice", "RefNo")
_MONEY = ("Amount", "TransactionAmount", "AmountProjectCurrency", "AmountBillingCurrency")

Rows = list[Row]
Change = Callable[[Rows, Rows], Rows]
"""Given all rows of a file and those that are meant, gives the rows it has then."""


class LedgerTroubles:
    """Troubles of one database.

    Args:
        state: Its files.
        ledger: Its posted rows.
    """

    def __init__(self, state: VantagepointState, ledger: Ledger) -> None:
        self._state = state
        self._ledger = ledger

    def delete(self, wanted: Mapping[str, Any]) -> Rows:
        """Take rows out of the ledger, and return them.

        Args:
            wanted: ``where``: fields of ledger rows and their values, all of which must be equal.

        Raises:
            ValueError: No row is like that, or a field is not one of a row.
        """
        return self._change(wanted, lambda rows, meant: [row for row in rows if not any(row is one for one in meant)])

    def double(self, wanted: Mapping[str, Any]) -> Rows:
        """Let rows stand once more, under the same keys, and return them.

        Args:
            wanted: ``where``, as for ``delete``.

        Raises:
            ValueError: No row is like that, or a field is not one of a row.
        """
        return self._change(wanted, lambda rows, meant: [*rows, *(dict(row) for row in meant)])

    def alter(self, wanted: Mapping[str, Any]) -> Rows:
        """Change the lines of documents, not what the system posted against them, and return them as they were.

        Args:
            wanted: ``where``, as for ``delete``, and ``change``: fields and their new values.

        Raises:
            ValueError: No row is like that, or a field is not one that can be changed.
        """
        values = _values(wanted)

        def changed(rows: Rows, meant: Rows) -> Rows:
            return [
                {**row, **values} if any(row is one for one in meant) and row["AutoEntry"] != AUTO_ENTRY else row
                for row in rows
            ]

        return self._change(wanted, changed)

    def add(self, wanted: Mapping[str, Any]) -> Rows:
        """Let one more line stand in a document, under a key of its own, and return the rows it is like.

        Args:
            wanted: ``where``, as for ``delete``; the line is like the first of these rows. ``change``: what is other in it.

        Raises:
            ValueError: No row is like that, or a field is not one that can be changed.
        """
        values = _values(wanted)
        return self._change(wanted, lambda rows, meant: [*rows, {**meant[0], **values, "PKey": f"{meant[0]['PKey']}+"}])

    def post_by_hand(self, wanted: Mapping[str, Any]) -> Rows:
        """Let an accountant enter a document in Transaction Entry and post it, and return its rows in the ledger.

        Args:
            wanted: ``type`` (IN, CR, AP or JE), ``batch``, ``number`` (invoice, reference or the vendor's invoice),
                ``account``, ``amount``, ``date``, ``period``; ``wbs1`` (with ``wbs2``, ``wbs3``); of a receipt ``bank`` and
                ``invoice``; of a voucher ``vendor`` and ``liability``; of a journal entry ``against``, the other account.

        Raises:
            ValueError: Something is missing, or cannot be read.
            RuleError: Vantagepoint refuses it.
        """
        missing = [
            name for name in ("type", "batch", "number", "account", "amount", "date", "period") if not wanted.get(name)
        ]
        kind = TYPES.get(str(wanted.get("type", "")).upper())
        if missing or kind is None or kind.tables is None:
            message = f"By hand: type must be IN, CR, AP or JE, and {', '.join(missing) or 'the rest'} must be given."
            raise ValueError(message)
        body = json.dumps(_file(kind.prefix, wanted), default=str).encode()
        call = Call(self._state, self._ledger, BY_HAND, {}, (), body)
        file = FileReader(call, kind).read_file(call.json())
        self._state.keep_file(file)
        post_file(call, kind, file, int(wanted["period"]))
        posting = self._state.files[file.key].posting
        return [] if posting is None else [dict(row) for row in posting.rows]

    def _change(self, wanted: Mapping[str, Any], change: Change) -> Rows:
        where = wanted.get("where")
        if not isinstance(where, dict) or not where:
            message = "where must name fields of ledger rows and their values."
            raise ValueError(message)
        conditions = cast("Row", where)
        found: Rows = []
        for file in list(self._state.files.values()):
            if file.posting is None:
                continue
            meant = [row for row in file.posting.rows if _is_like(row, conditions)]
            if meant:
                found += [dict(row) for row in meant]
                self._keep(file, replace(file.posting, rows=change(file.posting.rows, meant)))
        if not found:
            message = f"No posted row has {', '.join(f'{name} {value}' for name, value in conditions.items())}."
            raise ValueError(message)
        self._ledger.reload(self._state.files.values())
        return found

    def _keep(self, file: TransactionFile, posting: Posting) -> None:
        self._state.keep_file(replace(file, posting=posting))


def _is_like(row: Row, conditions: Row) -> bool:
    for name, value in conditions.items():
        if name not in row:
            message = f"A ledger row has no {name}."
            raise ValueError(message)
        if fold(str(row[name])).lstrip("0") != fold(str(value)).lstrip("0"):
            return False
    return True


def _values(wanted: Mapping[str, Any]) -> Row:
    """Read the new values of fields."""
    change = wanted.get("change")
    if not isinstance(change, dict) or not change or not change.keys() <= set(_CHANGED):
        message = f"change must name fields and new values; those that can be changed are {', '.join(_CHANGED)}."
        raise ValueError(message)
    values = dict(cast("Row", change))
    if "Amount" in values:
        values |= dict.fromkeys(_MONEY, _amount(values["Amount"]))
    if "Period" in values:
        values["Period"] = int(values["Period"])
    return values


def _amount(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        message = f"{value!r} is not an amount."
        raise ValueError(message) from None


def _file(prefix: str, wanted: Mapping[str, Any]) -> Row:
    batch, number = str(wanted["batch"]), str(wanted["number"])
    amount, dated = _amount(wanted["amount"]), f"{wanted['date']}T00:00:00.000"
    level = {name.upper(): str(wanted.get(name, "")) for name in ("wbs1", "wbs2", "wbs3")}
    master: Row = {"Batch": batch, "TransDate": dated}
    line: Row = {"Batch": batch, "PKey": f"{batch}-{number}", "Seq": 1, "Account": wanted["account"]}
    control: Row = {"Batch": batch, "Description": "By hand", "Total": amount}
    lines: Rows = [line]
    if prefix == "in":
        master |= {"Invoice": number, **level}
        line |= {"Invoice": number, **level, "InvoiceSection": "L", "Amount": amount}
    elif prefix == "cr":
        master |= {"RefNo": number, "BankCode": wanted.get("bank", "")}
        line |= {"RefNo": number, **level, "Invoice": wanted.get("invoice", ""), "Amount": amount}
    elif prefix == "ap":
        key = f"{batch}-{number}"
        master |= {"MasterPKey": key, "Vendor": wanted.get("vendor", ""), "Invoice": number, "InvoiceDate": dated}
        master |= {"LiabCode": wanted.get("liability", ""), "PayTerms": "Date", "PayDate": dated}
        line |= {"MasterPKey": key, **level, "Amount": amount, "NetAmount": amount}
    else:
        master |= {"RefNo": number, "Description": "By hand"}
        both = {"RefNo": number, **level}
        against = {**line, "PKey": f"{batch}-{number}-2", "Seq": 2, "Account": wanted.get("against", "")}
        lines = [
            {**line, **both, "DebitAmount": amount, "CreditAmount": Decimal("0.00")},
            {**against, **both, "DebitAmount": Decimal("0.00"), "CreditAmount": amount},
        ]
        control["CreditsTotal"] = amount
    return {**control, f"{prefix}Master": [master], f"{prefix}Detail": lines}
