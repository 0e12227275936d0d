"""The resources of the twin: paths, scopes, filters and sort fields (servicetitan.md sections 3.1, 3.4, 3.6, 3.7)."""

from collections.abc import Callable
from dataclasses import dataclass

from st_deltek_pipeline.sandbox.contractor.world import Row, ServiceTitanWorld
from st_deltek_pipeline.sandbox.servicetitan import filters as f

SYNC_STATUSES = ("Pending", "Posted", "Exported")
REVIEW_STATUSES = (
    "NeedsReview",
    "OnHold",
    "Reviewed",
    "PendingApproval",
    "Rejected",
    "ReadyForBilling",
    "Invoiced",
)
INVOICE_CONFIGURATIONS = (
    "JobInvoice",
    "ProjectInvoice",
    "CounterSales",
    "MembershipInvoice",
    "InterestChargeInvoice",
    "ARImportInvoice",
)
_JOB_STATUSES = ("Scheduled", "Dispatched", "InProgress", "Hold", "Completed", "Canceled")
_GL_SOURCES = ("Undefined", "AccountingSystem", "ManuallyCreated", "PublicApi")
_BY_ID_AND_TIME = ("Id", "ModifiedOn", "CreatedOn")

# ServiceTitan's name of a sort field -> the row's, where they differ in more than the first letter.
_SORT_ROW_FIELDS = {"Number": "referenceNumber", "InvoicedOn": "invoiceDate"}


@dataclass(frozen=True)
class Resource:
    """One resource.

    Attributes:
        module, name: ``/{module}/v2/tenant/{tenant}/{name}``.
        scope: Needed for reading, without ``:r``.
        rows: Where the world keeps its rows.
        filters: Tests besides ``ids`` and the four common time filters.
        sort_fields: What ``sort`` and ``orderBy`` may name.
        exported: It has an export feed.
        by_id: It can be read by ``/{name}/{id}``.
        active_only_in_export: The list's rows lack ``active``, the feed's rows have it (jobs, projects).
        modified_filters: It has ``modifiedBefore`` and ``modifiedOnOrAfter`` (payment types have not).
    """

    module: str
    name: str
    scope: str
    rows: Callable[[ServiceTitanWorld], dict[int, Row]]
    filters: tuple[f.Filter, ...] = ()
    sort_fields: tuple[str, ...] = _BY_ID_AND_TIME
    exported: bool = False
    by_id: bool = False
    active_only_in_export: bool = False
    modified_filters: bool = True

    @property
    def path(self) -> str:
        """The name that this code uses for the resource, such as ``accounting/invoices``."""
        return f"{self.module}/{self.name}"

    @property
    def feed(self) -> str:
        """The name of its export feed, such as ``accounting/export/invoices``."""
        return f"{self.module}/export/{self.name}"


def sort_getter(name: str) -> f.Getter:
    """Return what reads a sort field from a row."""
    return f.field(_SORT_ROW_FIELDS.get(name, name[0].lower() + name[1:]))


def _address_filters() -> tuple[f.Filter, ...]:
    return tuple(
        f.text(part, f.field("address", part)) for part in ("street", "unit", "city", "state", "zip", "country")
    )


INVOICES = Resource(
    "accounting",
    "invoices",
    "tn.acc.invoices",
    lambda world: world.invoices,
    filters=(
        f.active_state,
        f.choices("statuses", f.field("syncStatus"), SYNC_STATUSES),
        f.whole("batchId", f.field("batch", "id")),
        f.text("batchNumber", f.field("batch", "number")),
        f.custom_fields,
        f.whole("jobId", f.field("job", "id")),
        f.text("jobNumber", f.field("job", "number")),
        f.whole("businessUnitId", f.field("businessUnit", "id")),
        f.whole("customerId", f.field("customer", "id")),
        f.on_or_after("invoicedOnOrAfter", f.field("invoiceDate")),
        f.before("invoicedOnBefore", f.field("invoiceDate")),
        f.whole("adjustmentToId", f.field("adjustmentToId")),
        f.text("number", f.field("referenceNumber")),
        f.at_least("totalGreater", f.field("total")),
        f.at_most("totalLess", f.field("total")),
        f.balance,
        f.before("dueDateBefore", f.field("dueDate")),
        f.on_or_after("dueDateOnOrAfter", f.field("dueDate")),
        f.choices("reviewStatuses", f.field("reviewStatus"), REVIEW_STATUSES),
        f.wholes("assignedToIds", f.field("assignedTo", "id")),
        f.choices("invoiceConfigurations", f.field("invoiceConfiguration"), INVOICE_CONFIGURATIONS),
    ),
    # The specification names no sort fields for invoices; these are assumed.
    sort_fields=(*_BY_ID_AND_TIME, "Number", "InvoicedOn", "DueDate"),
    exported=True,
)

CUSTOMERS = Resource(
    "crm",
    "customers",
    "tn.crm.customers",
    lambda world: world.customers,
    filters=(
        f.active,
        f.contains("name", f.field("name")),
        *_address_filters(),
        f.refuse("latitude", "longitude", "phone", "externalDataKey", "externalDataValues"),
    ),
    exported=True,
    by_id=True,
)

LOCATIONS = Resource(
    "crm",
    "locations",
    "tn.crm.locations",
    lambda world: world.locations,
    filters=(
        f.active,
        f.contains("name", f.field("name")),
        f.whole("customerId", f.field("customerId")),
        *_address_filters(),
        f.refuse("latitude", "longitude", "externalDataKey", "externalDataValues"),
    ),
    exported=True,
    by_id=True,
)

BUSINESS_UNITS = Resource(
    "settings",
    "business-units",
    "tn.stt.businessunits",
    lambda world: world.business_units,
    filters=(f.active, f.contains("name", f.field("name"))),
    exported=True,
    by_id=True,
)

JOBS = Resource(
    "jpm",
    "jobs",
    "tn.jpm.jobs",
    lambda world: world.jobs,
    filters=(
        f.text("number", f.field("jobNumber")),
        f.choice("jobStatus", f.field("jobStatus"), _JOB_STATUSES),
        f.text("priority", f.field("priority")),
        *(
            f.whole(name, f.field(name))
            for name in (
                "projectId",
                "bookingId",
                "customerId",
                "locationId",
                "soldById",
                "jobTypeId",
                "campaignId",
                "businessUnitId",
                "invoiceId",
                "createdFromEstimateId",
            )
        ),
        f.comma_wholes("estimateIds", f.field("estimateIds")),
        f.comma_wholes("tagTypeIds", f.field("tagTypeIds")),
        f.comma_wholes("equipmentIds", f.field("equipmentIds")),
        f.on_or_after("completedOnOrAfter", f.field("completedOn")),
        f.before("completedBefore", f.field("completedOn")),
        f.refuse(
            "appointmentStatus",
            "firstAppointmentStartsOnOrAfter",
            "firstAppointmentStartsBefore",
            "appointmentStartsOnOrAfter",
            "appointmentStartsBefore",
            "technicianId",
            "hasUnusedAppointments",
            "externalDataKey",
            "externalDataValues",
        ),
    ),
    sort_fields=(*_BY_ID_AND_TIME, "Priority"),
    exported=True,
    by_id=True,
    active_only_in_export=True,
)

PROJECTS = Resource(
    "jpm",
    "projects",
    "tn.jpm.projects",
    lambda world: world.projects,
    filters=(
        f.whole("customerId", f.field("customerId")),
        f.whole("locationId", f.field("locationId")),
        f.whole("projectTypeId", f.field("projectTypeId")),
        f.comma_wholes("jobId", f.field("jobIds")),
        f.comma_wholes("projectManagerIds", f.field("projectManagerIds")),
        f.comma_wholes("businessUnitIds", f.field("businessUnitIds")),
        f.comma_texts("status", f.field("status")),
        f.on_or_after("startsOnOrAfter", f.field("startDate")),
        f.before("startsBefore", f.field("startDate")),
        f.on_or_after("completedOnOrAfter", f.field("actualCompletionDate")),
        f.before("completedBefore", f.field("actualCompletionDate")),
        f.on_or_after("targetCompletionDateOnOrAfter", f.field("targetCompletionDate")),
        f.before("targetCompletionDateBefore", f.field("targetCompletionDate")),
        f.refuse("invoiceId", "technicianId", "appointmentId", "externalDataKey", "externalDataValues"),
    ),
    sort_fields=(*_BY_ID_AND_TIME, "Name", "TargetCompletionDate"),
    exported=True,
    by_id=True,
    active_only_in_export=True,
)

JOB_TYPES = Resource(
    "jpm",
    "job-types",
    "tn.jpm.jobtypes",
    lambda world: world.job_types,
    filters=(
        f.active,
        f.contains("name", f.field("name")),
        f.text("priority", f.field("priority")),
        f.at_least("minDuration", f.field("duration")),
        f.at_most("maxDuration", f.field("duration")),
    ),
    by_id=True,
)

GL_ACCOUNTS = Resource(
    "accounting",
    "gl-accounts",
    "tn.acc.glaccounts",
    lambda world: world.gl_accounts,
    filters=(
        f.active,
        f.comma_texts("names", f.field("name")),
        f.comma_texts("numbers", f.field("number")),
        f.comma_texts("types", f.field("type")),
        f.comma_texts("subtypes", f.field("subtype")),
        f.contains("description", f.field("description")),
        f.choice("source", f.field("source"), _GL_SOURCES),
        f.flag("isIntacctGroup", f.field("isIntacctGroup")),
        f.flag("isIntacctBankAccount", f.field("isIntacctBankAccount")),
    ),
    sort_fields=(*_BY_ID_AND_TIME, "Name", "Number"),
    by_id=True,
)

TAX_ZONES = Resource(
    "accounting",
    "tax-zones",
    "tn.acc.taxzones",
    lambda world: world.tax_zones,
    filters=(f.active,),
    sort_fields=("Id", "Name", "CreatedOn"),
)

PAYMENT_TYPES = Resource(
    "accounting",
    "payment-types",
    "tn.acc.paymenttypes",
    lambda world: world.payment_types,
    by_id=True,
    modified_filters=False,
)

RESOURCES = (
    INVOICES,
    CUSTOMERS,
    LOCATIONS,
    BUSINESS_UNITS,
    JOBS,
    PROJECTS,
    JOB_TYPES,
    GL_ACCOUNTS,
    TAX_ZONES,
    PAYMENT_TYPES,
)
