"""The assumed or unpublished behaviours of ServiceTitan, each one a switch (servicetitan.md sections 2, 4 and 5)."""

from pydantic import BaseModel, ConfigDict, Field

# Section 1.1, with job types, which the same integration needs for its coding rules, and remittance vendors.
DEFAULT_SCOPES = (
    "tn.acc.invoices:r",
    "tn.acc.invoices:w",
    "tn.acc.invoiceitems:r",
    "tn.acc.payments:r",
    "tn.acc.payments:w",
    "tn.acc.paymenttypes:r",
    "tn.acc.paymentterms:r",
    "tn.acc.creditmemos:r",
    "tn.acc.creditmemos:w",
    "tn.acc.bankdeposits:r",
    "tn.acc.bankdeposits:w",
    "tn.acc.inventorybills:r",
    "tn.acc.inventorybills:w",
    "tn.acc.apbills:r",
    "tn.acc.apbills:w",
    "tn.acc.apcredits:r",
    "tn.acc.apcredits:w",
    "tn.acc.appayments:r",
    "tn.acc.appayments:w",
    "tn.acc.remittancevendors:r",
    "tn.acc.glaccounts:r",
    "tn.acc.journalentries:r",
    "tn.acc.taxzones:r",
    "tn.inv.vendors:r",
    "tn.inv.purchaseorders:r",
    "tn.inv.purchaseorders:w",
    "tn.inv.receipts:r",
    "tn.inv.receipts:w",
    "tn.crm.customers:r",
    "tn.crm.locations:r",
    "tn.stt.businessunits:r",
    "tn.jpm.jobs:r",
    "tn.jpm.jobtypes:r",
    "tn.jpm.projects:r",
)


class ServiceTitanSwitches(BaseModel):
    """How this tenant behaves.

    Attributes:
        rate_limit: Calls per second per app and tenant before 429; 0 switches the limit off.
        send_retry_after: Whether a 429 carries ``Retry-After`` besides the seconds in its title.
        token_seconds: Life of an access token; documented as 900.
        scopes: What the app was granted; a call outside them gets 403.
        list_page_limit: Largest ``pageSize`` of a list; more is 400.
        export_page_size: Rows per page of an export feed; ServiceTitan does not publish its own.
        export_lag_seconds: Changes younger than this are left out of a feed that does not ask for recent ones.
        recent_changes_repeat: How many rows a page with ``includeRecentChanges=true`` repeats of the page before.
        unsorted_lists: Return lists without ``sort`` in an arbitrary, stable order; ServiceTitan promises none.
        create_bill_on_receipt: A received purchase order makes its bill, as tenants can be set up.
        create_bill_on_api_receipt: A receipt that an integration made does the same; no source says so.
        automatically_received_types: Ids of purchase order types whose orders are received when they are made.
        landed_cost_method_as_number: Write ``landedCostMethod`` of inventory bills and receipts as 0 or 1, as the
            live service was seen to do, instead of the documented texts.
        list_canceled_inventory_bills: Show canceled bills in the ``inventory-bills`` lists, where nothing tells
            them from others; the feed has them in any case.
        unmarkable: Ids of records that cannot be marked as exported, for reasons of ServiceTitan's own: calls that
            answer row by row go on with the others, calls with an empty answer refuse all.
        voided_payments_keep_applications: A voided payment still shows what it was applied to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate_limit: int = Field(default=60, ge=0)
    send_retry_after: bool = True
    token_seconds: int = Field(default=900, ge=1)
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    list_page_limit: int = Field(default=5000, ge=1)
    export_page_size: int = Field(default=1000, ge=1)
    export_lag_seconds: float = Field(default=0, ge=0)
    recent_changes_repeat: int = Field(default=0, ge=0)
    unsorted_lists: bool = False
    create_bill_on_receipt: bool = True
    create_bill_on_api_receipt: bool = True
    automatically_received_types: tuple[int, ...] = ()
    landed_cost_method_as_number: bool = False
    list_canceled_inventory_bills: bool = False
    unmarkable: tuple[int, ...] = ()
    voided_payments_keep_applications: bool = True
