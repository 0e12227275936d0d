"""Which events a change of a row is, and what ServiceTitan puts into them (servicetitan.md section 6). No input or output.

That a change of status is told by its own event and not by ``-updated`` as well, and that a new record is told by nothing
but its status, is assumed.
"""

import uuid
from dataclasses import dataclass

from st_deltek_pipeline.sandbox.servicetitan.receivables import INVOICES
from st_deltek_pipeline.sandbox.servicetitan.resource import Resource
from st_deltek_pipeline.sandbox.servicetitan.resources import JOBS
from st_deltek_pipeline.sandbox.state import Row

SOURCE = "https://webhooks.servicetitan.io"

# The header of an invoice up to ``assignedTo``, and a job without its texts: the published schemas have no more.
_INVOICE_FIELDS = (
    "id", "syncStatus", "budgetCodeId", "referenceNumber", "invoiceDate", "dueDate", "subTotal", "salesTax",
    "salesTaxCode", "taxZoneId", "total", "balance", "invoiceType", "customer", "customerAddress", "location",
    "locationAddress", "businessUnit", "termName", "createdBy", "batch", "depositedOn", "createdOn", "modifiedOn",
    "adjustmentToId", "job", "projectId", "royalty", "employeeInfo", "commissionEligibilityDate", "sentStatus",
    "reviewStatus", "assignedTo",
)  # fmt: skip
_JOB_FIELDS = (
    "id", "jobNumber", "projectId", "customerId", "locationId", "jobStatus", "completedOn", "businessUnitId", "jobTypeId",
    "priority", "campaignId", "appointmentCount", "firstAppointmentId", "lastAppointmentId", "recallForId", "warrantyId",
    "jobGeneratedLeadSource", "noCharge", "notificationsEnabled", "createdOn", "createdById", "modifiedOn", "tagTypeIds",
    "leadCallId", "partnerLeadCallId", "bookingId", "soldById", "customerPo", "invoiceId", "membershipId", "total",
    "createdFromEstimateId", "estimateIds",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that happened to a record.

    Attributes:
        type: The event's type.
        data: What the event says about it, without the tenant.
    """

    type: str
    record_id: int
    data: Row


def occurrences(resource: Resource, before: Row | None, after: Row) -> list[Occurrence]:
    """Return what a change of a row tells of.

    Args:
        resource: Whose row it is; of most of them ServiceTitan tells nothing.
        before: The version before; ``None`` for a new row.
        after: The version now.
    """
    if resource is INVOICES:
        types = _invoice_events(before, after)
        data: Row = {"invoice": {name: after[name] for name in _INVOICE_FIELDS}}
    elif resource is JOBS:
        types = _job_events(before, after)
        data = {"job": {name: after[name] for name in _JOB_FIELDS}}
    else:
        return []
    return [Occurrence(each, after["id"], data) for each in types]


def envelope(occurrence: Occurrence, assigned_id: str, time: str, tenant_id: int, tenant_name: str) -> Row:
    """Return the CloudEvent of one delivery; its ``id`` is new each time.

    Args:
        occurrence: What happened.
        assigned_id: The same for every delivery of it.
        time: When it happened.
        tenant_id: The tenant.
        tenant_name: Likewise.
    """
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "type": occurrence.type,
        "time": time,
        "source": SOURCE,
        "userassignedid": assigned_id,
        "datacontenttype": "application/json",
        "data": {**occurrence.data, "tenantId": tenant_id, "tenantName": tenant_name},
    }


def _invoice_events(before: Row | None, after: Row) -> list[str]:
    old = before or {"syncStatus": "Pending", "batch": None}
    types: list[str] = []
    if after["batch"] and not old["batch"]:
        types.append("tn.acc.invoice-batched")
    if after["syncStatus"] != old["syncStatus"] and after["syncStatus"] in {"Posted", "Exported"}:
        types.append(f"tn.acc.invoice-{after['syncStatus'].lower()}")
    return types or (["tn.acc.invoice-updated"] if before is not None else [])


def _job_events(before: Row | None, after: Row) -> list[str]:
    if after["jobStatus"] == "Completed" and (before is None or before["jobStatus"] != "Completed"):
        return ["tn.jpm.job-completed"]
    return ["tn.jpm.job-updated"] if before is not None else []
