"""All resources of the twin; here those of customers, work and the set-up (servicetitan.md sections 3.4, 3.6, 3.7)."""

from st_deltek_pipeline.sandbox.servicetitan import filters as f
from st_deltek_pipeline.sandbox.servicetitan.payables import (
    AP_BILLS,
    AP_CREDITS,
    AP_PAYMENTS,
    INVENTORY_BILLS,
    PURCHASE_ORDERS,
    RECEIPTS,
    REMITTANCE_VENDORS,
    VENDORS,
)
from st_deltek_pipeline.sandbox.servicetitan.receivables import (
    BANK_DEPOSITS,
    CREDIT_MEMOS,
    INVOICES,
    PAYMENT_TERMS,
    PAYMENT_TYPES,
    PAYMENTS,
)
from st_deltek_pipeline.sandbox.servicetitan.resource import BY_ID_AND_TIME, Resource

_JOB_STATUSES = ("Scheduled", "Dispatched", "InProgress", "Hold", "Completed", "Canceled")
_GL_SOURCES = ("Undefined", "AccountingSystem", "ManuallyCreated", "PublicApi")


def _address_filters() -> tuple[f.Filter, ...]:
    return tuple(
        f.text(part, f.field("address", part)) for part in ("street", "unit", "city", "state", "zip", "country")
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
    hidden=("modifiedOnWithoutAccounting",),
    accounting_mark="modifiedOnWithoutAccounting",
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
    sort_fields=(*BY_ID_AND_TIME, "Priority"),
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
    sort_fields=(*BY_ID_AND_TIME, "Name", "TargetCompletionDate"),
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
    sort_fields=(*BY_ID_AND_TIME, "Name", "Number"),
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

RESOURCES = (
    INVOICES,
    PAYMENTS,
    CREDIT_MEMOS,
    BANK_DEPOSITS,
    INVENTORY_BILLS,
    AP_BILLS,
    AP_CREDITS,
    AP_PAYMENTS,
    CUSTOMERS,
    LOCATIONS,
    VENDORS,
    REMITTANCE_VENDORS,
    PURCHASE_ORDERS,
    RECEIPTS,
    BUSINESS_UNITS,
    JOBS,
    PROJECTS,
    JOB_TYPES,
    GL_ACCOUNTS,
    TAX_ZONES,
    PAYMENT_TYPES,
    PAYMENT_TERMS,
)
