"""Which path and method is which handler. Paths match in any case and with or without a slash at the end."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from st_deltek_pipeline.sandbox.vantagepoint import (
    ar_review,
    entry,
    posting,
    resources,
    session_settings,
)
from st_deltek_pipeline.sandbox.vantagepoint.calls import Answer, Call

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


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("firm", {"GET": resources.listed("firm", lambda state: state.world.firms)}),
    Endpoint("firm/{key}", {"GET": resources.by_key("firm", lambda state: state.world.firms)}),
    Endpoint("project", {"GET": resources.get_projects}),
    Endpoint("project/{key}", {"GET": resources.get_project}),
    Endpoint("organization", {"GET": resources.listed("organization", lambda state: state.world.organizations)}),
    Endpoint("Accounts", {"GET": resources.listed("Accounts", lambda state: state.world.accounts)}),
    Endpoint("BankCode/CFGBANKS", {"GET": resources.listed("CFGBANKS", lambda state: state.world.banks)}),
    Endpoint("TaxCodeEntity", {"GET": resources.listed("TaxCodeEntity", lambda state: state.world.tax_codes)}),
    # Two paths for one table are in use (section 12 item 9).
    Endpoint("AccountConfiguration/CFGAutoPosting", {"GET": resources.get_auto_posting}),
    Endpoint("AccountingCompanyConfig/CFGAutoPosting", {"GET": resources.get_auto_posting}),
    Endpoint("Settings/Company", {"GET": session_settings.get_companies}),
    Endpoint("Settings/Period", {"GET": session_settings.get_periods}),
    Endpoint("Settings/ActivePeriod", {"GET": session_settings.get_active_period}),
    Endpoint("Settings/ActivePeriod/{key}", {"PUT": session_settings.set_active_period}),
    Endpoint("Settings/ActiveCompany", {"GET": session_settings.get_active_company}),
    Endpoint("Settings/ActiveCompany/{key}", {"PUT": session_settings.set_active_company}),
    Endpoint("DataEntry/inControl", {"POST": entry.create_file}),
    Endpoint(
        "DataEntry/inControl/{batch}",
        {"GET": entry.get_control, "PUT": entry.change_control, "DELETE": entry.delete_file},
    ),
    Endpoint("DataEntry/inMaster/{batch}", {"GET": entry.get_masters, "POST": entry.create_document}),
    Endpoint("DataEntry/inDetail/{batch}", {"GET": entry.get_details}),
    Endpoint("DataEntry/inLanding", {"GET": entry.get_invoice_landing}),
    Endpoint("DataEntry/allLanding", {"GET": entry.get_all_landing}),
    Endpoint("DataEntry/PostTransFile", {"PUT": posting.post_files}),
    Endpoint("PSALedger/{key}", {"GET": resources.get_ledger}),
    Endpoint("ARReview/ARBalance", {"GET": ar_review.get_balances}),
    Endpoint("ARReview/ARBalanceDetail", {"GET": ar_review.get_balance_details}),
)
