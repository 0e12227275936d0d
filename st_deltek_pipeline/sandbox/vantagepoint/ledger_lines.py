"""From an entered file to the rows of the ledger: its own lines, its taxes, and the side posted by the system.

Amounts have the sign of the ledger: a debit is positive (vantagepoint.md sections 4.1 to 4.5). Whether a file may be
posted, and under which number, is in ``posting``.
"""

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint.calls import Call
from st_deltek_pipeline.sandbox.vantagepoint.entry_rules import find_tax_code
from st_deltek_pipeline.sandbox.vantagepoint.errors import RuleError
from st_deltek_pipeline.sandbox.vantagepoint.ledger import AUTO_ENTRY, RECEIPT, RETAINER
from st_deltek_pipeline.sandbox.vantagepoint.schema import ZERO
from st_deltek_pipeline.sandbox.vantagepoint.state import BLANK_LEVEL, TransactionFile, project_key
from st_deltek_pipeline.sandbox.vantagepoint.transaction_types import OtherSide, TransactionType

_RETAINAGE, _INTEREST = "R", "I"


@dataclass(frozen=True)
class PostingMark:
    """What every row of one posting has in common."""

    period: int
    sequence: int
    post_date: str


def ledger_rows(call: Call, kind: TransactionType, file: TransactionFile, mark: PostingMark) -> list[Row]:
    """Make the rows of a file.

    Args:
        call: For the accounts behind codes and the organizations of projects.
        kind: The file's type.
        file: What was entered.
        mark: Period, sequence and date of the posting.

    Returns:
        Per document its lines, its taxes, and what the system posts against them. They sum to nothing, unless it
        is a journal entry that does not.

    Raises:
        RuleError: A code has no account to post to.
    """
    lines: dict[tuple[str, ...], list[Row]] = {}
    for detail in file.details:
        lines.setdefault(tuple(detail[name] for name in kind.key), []).append(detail)
    taxes: dict[tuple[str, ...], list[Row]] = {}
    for tax in file.taxes:
        taxes.setdefault(tuple(tax[name] for name in (*kind.key, "PKey")), []).append(tax)
    rows: list[Row] = []
    for master in file.masters:
        key = tuple(master[name] for name in kind.key)
        details = lines.get(key, [])
        if details:
            document = _Document(call, kind, file, master, mark)
            rows.extend(document.rows(details, taxes))
    return rows


class _Document:
    """The rows of one document."""

    def __init__(
        self, call: Call, kind: TransactionType, file: TransactionFile, master: Row, mark: PostingMark
    ) -> None:
        self._world = call.state.world
        self._state = call.state
        self._kind = kind
        self._file = file
        self._master = master
        self._mark = mark
        self._reference: str = master.get(kind.key[0] if kind.transtype != "AP" else "Voucher", "")
        self._rows: list[Row] = []

    def rows(self, details: list[Row], taxes: dict[tuple[str, ...], list[Row]]) -> list[Row]:
        kind, total = self._kind, ZERO
        levels = self._master if "WBS1" in self._master else None
        for detail in details:
            amount = kind.line_amount(detail)
            total += amount
            own = taxes.get((*(detail[name] for name in kind.key), detail["PKey"]), ())
            if kind.tax_in_line:
                amount -= sum((kind.tax_amount(tax) for tax in own), start=ZERO)
            level, subtype = levels or detail, self._subtype(detail)
            self._add(detail["Account"], amount, level, line=detail, subtype=subtype, pkey=detail["PKey"])
            for tax in own:
                code = find_tax_code(self._state, tax["TaxCode"]) or {}
                account = str(code.get("Account") or "")
                if not account:
                    message = f"No account is set up for tax code {tax['TaxCode']}."
                    raise RuleError(message)
                shown = {**detail, "TaxCode": tax["TaxCode"], "TaxBasis": detail.get("NetAmount", ZERO)}
                self._add(account, kind.tax_amount(tax), level, line=shown)
        self._add_other_side(details, total)
        return self._rows

    def _add_other_side(self, details: list[Row], total: Decimal) -> None:
        master, side = self._master, self._kind.other_side
        if side is OtherSide.RECEIVABLES:
            retained = sum((detail["RetAmount"] for detail in details), start=ZERO)
            account = receivables_account(self._state.world.auto_posting, self._file)
            self._add(account, -total - retained, master, auto=True)
            if retained:
                self._add(account, retained, master, subtype=_RETAINAGE, auto=True)
        elif side is OtherSide.BANK:
            account = str(self._world.banks.get(master["BankCode"], {}).get("Account") or "")
            if not account:
                message = f"No account is set up for bank {master['BankCode']}."
                raise RuleError(message)
            self._add(account, -total, None, auto=True)
        elif side is OtherSide.LIABILITY:
            account = str(self._world.liability_codes.get(master["LiabCode"], {}).get("Account") or "")
            if not account:
                message = f"No account is set up for liability code {master['LiabCode']}."
                raise RuleError(message)
            self._add(account, -total, None, auto=True)

    def _subtype(self, detail: Row) -> str:
        if self._kind.transtype == "CR":
            if detail["Account"] != receivables_account(self._state.world.auto_posting, self._file):
                return ""
            return RETAINER if detail["Retainer"] == "Y" else RECEIPT
        return _INTEREST if detail.get("InvoiceSection") == _INTEREST else ""

    def _new_key(self) -> str:
        """Return the PKey of a row that no request named."""
        key = (self._master[name] for name in self._kind.key)
        parts = (self._file.batch, *key, str(len(self._rows) + 1))
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]

    def _add(
        self,
        account: str,
        amount: Decimal,
        level: Row | None,
        *,
        line: Row | None = None,
        subtype: str = "",
        pkey: str = "",
        auto: bool = False,
    ) -> None:
        line = line or {}
        master, mark = self._master, self._mark
        wbs1, wbs2, wbs3 = (level[name] for name in ("WBS1", "WBS2", "WBS3")) if level else (BLANK_LEVEL,) * 3
        project = self._world.projects.get(project_key(wbs1, wbs2, wbs3), {})
        comment, description = master.get("TransComment", ""), line.get("Description", "")
        amount += ZERO  # turns -0.00 into 0.00
        row: Row = {
            "Batch": self._file.batch,
            "Period": mark.period,
            "PostSeq": mark.sequence,
            "PKey": pkey or self._new_key(),
            "WBS1": wbs1,
            "WBS2": wbs2,
            "WBS3": wbs3,
            "Account": account,
            "Org": project.get("Org", ""),
            "TransType": self._kind.transtype,
            "SubType": subtype,
            "RefNo": self._reference,
            "TransDate": master["TransDate"],
            "Desc1": comment or description,
            "Desc2": description if comment else master.get("Description", master.get("Payee", "")),
            "Amount": amount,
            "CBAmount": ZERO,
            "AutoEntry": AUTO_ENTRY if auto else "N",
            "BankCode": master.get("BankCode", ""),
            # A receipt names an invoice in its lines, every other document itself.
            "Invoice": line.get("Invoice", "") if self._kind.transtype == "CR" else master.get("Invoice", ""),
            "InvoiceSection": line.get("InvoiceSection", ""),
            "Vendor": master.get("Vendor", ""),
            "Line": len(self._rows) + 1,
            "Voucher": master.get("Voucher", ""),
            "TaxCode": line.get("TaxCode", ""),
            "TaxBasis": line.get("TaxBasis", ZERO),
            "TransactionAmount": amount,
            "TransactionCurrencyCode": master["CurrencyCode"],
            "AmountProjectCurrency": amount,
            "AmountBillingCurrency": amount,
            "LinkCompany": line.get("LinkCompany", ""),
            "CreditMemoRefNo": line.get("CreditMemoRefNo", ""),
            "PostDate": mark.post_date,
        }
        if self._kind.transtype == "AP":
            row["PONumber"] = line.get("PONumber", "")
        self._rows.append(row)


def receivables_account(auto_posting: dict[str, Row], file: TransactionFile) -> str:
    """Return the receivables account of a file's company, or the empty string."""
    row = auto_posting.get(file.control["Company"], {})
    return str(row.get("AcctsReceivable") or "")
