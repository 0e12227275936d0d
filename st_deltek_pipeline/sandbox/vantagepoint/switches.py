"""Every behaviour of the Vantagepoint twin that no source settles, as a switch with its default.

Sections are those of vantagepoint.md. What Deltek documents, or what was seen on live tenants without
contradiction, is not a switch: it is in the modules that do it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

import msgspec

from st_deltek_pipeline.domain.errors import ConfigurationError


@dataclass(frozen=True)
class VantagepointSwitches:
    """How this tenant behaves. Frozen: a change makes a new value (``changed``)."""

    # --- Sign-in -------------------------------------------------------------------------------------------------
    # Section 1: what the server answers when "Allow Password Grant Type" is not ticked was not found.
    password_grant: Literal["on", "invalid_grant", "unauthorized_client"] = "on"  # noqa: S105 - a switch
    # Section 1: seen with this sentence on a live tenant; which users, is up to the test.
    disabled_users: tuple[str, ...] = ()
    # Section 1: 1799 in the published example; shorter values make expiry testable.
    token_seconds: int = 1799
    # Section 9 item 6: refresh works once or many times.
    refresh_token_reusable: bool = True

    # --- The user's role -----------------------------------------------------------------------------------------
    # Section 1, role-based access: fields hidden by role are believed to be left out of GET answers silently.
    # ``"Field"`` hides it everywhere, ``"resource.Field"`` in one resource (``"project.Org"``, ``"inControl.Total"``).
    hidden_fields: tuple[str, ...] = ()
    # Sections 1 and 2: entry and posting depend on role security; without the right the answer is 403.
    role_may_enter: bool = True
    role_may_post: bool = True
    # Section 4.8: "Allow Processing in Closed Periods"; the HTTP form of the refusal is assumed.
    role_processes_closed_periods: bool = False
    # Section 1: landing rows say what the role may do; types of files of other people that it may enter and post too.
    role_other_types: tuple[str, ...] = ()
    # Section 3: whether the role sees employees, up to the test.
    role_sees_employees: bool = False

    # --- Answers -------------------------------------------------------------------------------------------------
    # Section 2: arrays also for one record in most examples, a bare object in a few.
    single_answers_as_object: bool = False
    # Section 5: 400 is implied by the documentation, 500 was seen in the field.
    refusal_status: Literal[400, 500] = 400
    # Section 5: {"message", "detail"} was seen; the older .NET style with capitals is plausible.
    capital_error_keys: bool = False
    # Section 4: no source says whether a refused file's answer tells which of its records was wrong.
    name_offending_record: bool = True

    # --- Lists ---------------------------------------------------------------------------------------------------
    # Section 2: PSALedger and DataEntry lists answered 500 to ``limit`` on one tenant and want ``q.maxrows``.
    limit_refused_on_ledger_and_entry: bool = False
    # Section 2: strict on writes; what a filter or order on an unknown field does was not found.
    unknown_query_field: Literal["refuse", "ignore"] = "refuse"
    # Section 2: default and maximum page size were not found; 0 is none.
    default_rows: int = 0
    largest_rows: int = 0
    # Section 2: which levels a project list without ``wbstype`` holds was not found.
    project_list_without_wbstype: Literal["wbs1", "all"] = "wbs1"

    # --- Transaction entry ---------------------------------------------------------------------------------------
    # Section 4: "Use Files to Group Transactions", documented; the single-document path belongs to "no".
    use_files: bool = True
    # Section 4.1: left-padding to seven characters is documented for the screen, assumed for the API.
    pad_invoice_numbers: bool = True
    # Section 6 and 4.1: the longest examples seen; the real limits were not found.
    longest_batch: int = 32
    longest_invoice: int = 12
    longest_comment: int = 80
    # Section 4.8: period and company are the session's; whether other values in a body are refused was not found.
    period_mismatch: Literal["session", "refuse"] = "session"
    company_mismatch: Literal["session", "refuse"] = "session"
    # Section 4.8: whether a closed period may be made the active one without the role right was not found.
    closed_period_can_be_active: bool = True
    # Section 6: whether a deleted file's Batch can be used again was not found. A posted one never can.
    deleted_batch_reusable: bool = True
    # Section 4.1: revenue and tax liability accounts are documented; their numbers in Accounts.Type are assumed.
    invoice_account_types: tuple[str, ...] = ("2", "4")

    # Section 6: whether a Batch is unique per type or over the whole database was not found.
    batch_unique_per: Literal["type", "database"] = "type"
    # Section 6: references of 11 and 12 characters are the longest examples seen.
    longest_reference: int = 12
    # Section 8: which accounts need a project is assumed: those of the income statement, by Accounts.Type.
    project_account_types: tuple[str, ...] = ("4", "5", "6", "7", "8", "9", "10")

    # --- Cash receipts -------------------------------------------------------------------------------------------
    # Section 4.2: a bank that numbers references itself is documented; whether this tenant's do, is up to the test.
    automatic_receipt_references: bool = False
    # Section 4.2: a detail names an invoice's receivables account; what another account answers was not found.
    receipt_account: Literal["receivables", "any"] = "receivables"
    # Section 4.2: whether an invoice that is not in the ledger is refused at entry was not found.
    receipt_of_unknown_invoice: Literal["refuse", "accept"] = "refuse"
    # Section 4.2: a check against the open balance was not found; people do overpay.
    receipt_over_balance: Literal["accept", "refuse"] = "accept"
    # Section 4.2: how money without an invoice shows and ages in AR review was not found.
    on_account_in_ar_balance: bool = True
    # Section 4.7: the sign of a receipt in ARBalanceDetailCR was not found.
    receipt_review_sign: Literal["positive", "ledger"] = "positive"

    # --- Vouchers ------------------------------------------------------------------------------------------------
    # Section 4.3: "Require Entry of Voucher Numbers", documented. Numbers given automatically replace sent ones.
    voucher_numbers: Literal["automatic", "required"] = "automatic"
    # Section 4.3: at entry or at posting was not found; the examples have 8 to 12 characters.
    voucher_numbered_at: Literal["entry", "posting"] = "entry"
    voucher_digits: int = 8
    # Section 4.3: the screen warns of the same vendor, invoice and date twice; what the API does was not found.
    duplicate_vendor_invoice: Literal["accept", "refuse"] = "accept"
    # Section 4.3: that accounting data in the active company is needed is documented, its sentence was not found.
    vendor_without_accounting: Literal["sentence", "null_reference"] = "sentence"
    # Section 4.3: terms of Date go by a date of the voucher; whether it can be left out was not found.
    pay_date_required: bool = True
    # Section 4.3 documents liability codes; that a code table of this name shows them is assumed. Empty: nothing does.
    liability_code_table: str = "CFGAPLiability"
    # Section 4.4: one client pays vouchers by ledger/PP without posting, another posts the file afterwards.
    vendor_payments_posted_at_once: bool = True

    # --- Firms ---------------------------------------------------------------------------------------------------
    # Section 2: rights by role are documented.
    role_may_change_firms: bool = True
    # Section 2: numbering rules are the tenant's own. A number sent where it is automatic is refused (observed);
    # a manual one is padded with zeros when it is a vendor's (observed).
    firm_numbers: Literal["automatic", "manual"] = "automatic"
    vendor_numbers: Literal["automatic", "manual"] = "automatic"
    # Observed: a tenant whose counter stood on numbers in use. 0 goes on after the largest number.
    next_firm_number: int = 0
    next_vendor_number: int = 0
    # Section 3: the answer of a POST may lack automatic numbers, which a read afterwards has (observed).
    created_firm_shows_numbers: bool = False
    # Section 2: fields the screen designer makes required, by name; checked at every write (observed).
    required_firm_fields: tuple[str, ...] = ("Name", "Category")
    # Observed on one tenant: an empty Type is refused though a missing one is not.
    blank_relationship_refused: bool = True
    # Section 3: columns that a tenant added to firms and addresses.
    custom_firm_fields: tuple[str, ...] = ()
    # Section 2: the master list has keys of its own (observed: no USA); which, is the tenant's.
    country_codes: tuple[str, ...] = ("US", "CA", "MX", "GB")
    # Lengths of firm columns were not found.
    longest_firm_name: int = 100
    # Section 3: "already exists" on one tenant, a second address with the same label on another.
    repeated_address: Literal["refuse", "add"] = "refuse"
    # Section 3: some tenants have accounting data as soon as the firm is a vendor, others only when it is inserted.
    vendor_accounting_created_with_firm: bool = False
    # Section 3: a vendor without accounting data is an empty list, or 404 on some tenants.
    missing_vendor_accounting: Literal["empty", "not_found"] = "empty"

    # --- Posting and reading back --------------------------------------------------------------------------------
    # Section 4: a control total that differs is accepted at entry. Whether it can be posted is a setting of the
    # company in Vantagepoint's own transaction settings ("Ignore Control Totals When Posting Transaction Files").
    ignore_control_totals: bool = False
    # Section 4: that an out-of-balance journal entry is accepted at entry is documented, its refusal at posting assumed.
    unbalanced_journal_entries: Literal["refuse", "post"] = "refuse"
    # Section 4.7: nothing says that the ledger shows a posting at once; seconds until it does.
    ledger_lag_seconds: int = 0

    def changed(self, values: Mapping[str, Any]) -> Self:
        """Return these switches with some of them set anew.

        Args:
            values: Switch name to value, as read from JSON (lists for tuples).

        Raises:
            ConfigurationError: A name or a value is not one of ours.
        """
        unknown = sorted(set(values) - {field.name for field in fields(self)})
        if unknown:
            message = f"no such Vantagepoint switch: {', '.join(unknown)}"
            raise ConfigurationError(message, advice=f"Choose from {', '.join(field.name for field in fields(self))}.")
        try:
            return msgspec.convert({**asdict(self), **values}, type(self))
        except msgspec.ValidationError as error:
            message = f"a Vantagepoint switch has a value it cannot have: {error}"
            raise ConfigurationError(message) from None
