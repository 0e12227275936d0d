"""Which path and method is which handler. Paths match in any case and with or without a slash at the end.

Paths below the second, undocumented root start with ``vision`` here (section 1).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from st_deltek_pipeline.sandbox.vantagepoint import (
    ar_review,
    entry,
    firms,
    posting,
    resources,
    session_settings,
    vendor_payments,
)
from st_deltek_pipeline.sandbox.vantagepoint.calls import Answer, Call
from st_deltek_pipeline.sandbox.vantagepoint.transaction_types import ENTERED_TYPES, TransactionType

Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Endpoint:
    """One path below the base, with its handler per method."""

    path: str
    handlers: Mapping[str, Handler]

    @property
    def pattern(self) -> re.Pattern[str]:
        """The expression for the whole path below the base; ``{name}`` is one segment."""
        expression = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(self.path))
        return re.compile(f"{expression}/?", re.IGNORECASE)


def _entry_endpoints(kind: TransactionType) -> Iterator[Endpoint]:
    """Yield the endpoints of a type of transaction (section 4)."""
    handlers = entry.EntryEndpoints(kind)
    yield Endpoint(f"DataEntry/{kind.control_name}", {"POST": handlers.create_file})
    yield Endpoint(
        f"DataEntry/{kind.control_name}/{{batch}}",
        {"GET": handlers.get_control, "PUT": handlers.change_control, "DELETE": handlers.delete_file},
    )
    yield Endpoint(
        f"DataEntry/{kind.master_name}/{{batch}}", {"GET": handlers.get_masters, "POST": handlers.create_document}
    )
    yield Endpoint(f"DataEntry/{kind.detail_name}/{{batch}}", {"GET": handlers.get_details})
    yield Endpoint(f"DataEntry/{kind.tax_name}/{{batch}}", {"GET": handlers.get_taxes})
    yield Endpoint(f"DataEntry/{kind.prefix}Landing", {"GET": handlers.get_landing})


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("firm", {"GET": firms.get_firms, "POST": firms.create_firm}),
    Endpoint("firm/{key}", {"GET": firms.get_firm, "PUT": firms.change_firm}),
    Endpoint("firm/{key}/address", {"GET": firms.get_addresses, "POST": firms.create_address}),
    Endpoint("firm/{key}/vendorAccountingInfo", {"GET": firms.get_accounting}),
    Endpoint("vision/firm/VendorAccountingInfo", {"POST": firms.create_accounting}),
    Endpoint("project", {"GET": resources.get_projects}),
    Endpoint("project/{key}", {"GET": resources.get_project}),
    Endpoint("employee", {"GET": resources.get_employees}),
    Endpoint("organization", {"GET": resources.listed("organization", lambda state: state.world.organizations)}),
    Endpoint("Accounts", {"GET": resources.listed("Accounts", lambda state: state.world.accounts)}),
    Endpoint("BankCode/CFGBANKS", {"GET": resources.listed("CFGBANKS", lambda state: state.world.banks)}),
    Endpoint("TaxCodeEntity", {"GET": resources.listed("TaxCodeEntity", lambda state: state.world.tax_codes)}),
    Endpoint("codeTable/{key}", {"GET": resources.get_code_table}),
    # Three paths for one table are in use (section 12 item 9).
    Endpoint("AccountConfiguration/CFGAutoPosting", {"GET": resources.get_auto_posting}),
    Endpoint("AccountingCompanyConfig/CFGAutoPosting", {"GET": resources.get_auto_posting}),
    Endpoint("vision/AccountConfiguration/CFGAutoPosting", {"GET": resources.get_auto_posting}),
    Endpoint("Settings/Company", {"GET": session_settings.get_companies}),
    Endpoint("Settings/Period", {"GET": session_settings.get_periods}),
    Endpoint("Settings/ActivePeriod", {"GET": session_settings.get_active_period}),
    Endpoint("Settings/ActivePeriod/{key}", {"PUT": session_settings.set_active_period}),
    Endpoint("Settings/ActiveCompany", {"GET": session_settings.get_active_company}),
    Endpoint("Settings/ActiveCompany/{key}", {"PUT": session_settings.set_active_company}),
    *(endpoint for kind in ENTERED_TYPES for endpoint in _entry_endpoints(kind)),
    Endpoint("DataEntry/allLanding", {"GET": entry.get_all_landing}),
    Endpoint("DataEntry/PostTransFile", {"PUT": posting.post_files}),
    Endpoint("PSALedger/{key}", {"GET": resources.get_ledger}),
    Endpoint("ARReview/ARBalance", {"GET": ar_review.get_balances}),
    Endpoint("ARReview/ARBalanceDetail", {"GET": ar_review.get_balance_details}),
    Endpoint("ARReview/ARBalanceDetailCR", {"GET": ar_review.get_receipt_details}),
    Endpoint("vision/ledger/PP", {"POST": vendor_payments.pay_vouchers}),
)
