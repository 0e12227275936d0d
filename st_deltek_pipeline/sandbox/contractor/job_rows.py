"""The row of one job. Who does which work when is in ``billing``."""

from st_deltek_pipeline.sandbox.contractor.business_units import JobType
from st_deltek_pipeline.sandbox.contractor.world import Row


def job_row(job_id: int, invoice: Row, kind: JobType, *, location_id: int, created: str) -> Row:
    """Return the job of an invoice, with nothing said yet about how far it came.

    Args:
        job_id: Its id.
        invoice: Whose number, customer, business unit and project it takes.
        kind: What is done.
        location_id: Where.
        created: When it was booked.
    """
    return {
        "summary": kind.name,
        "customFields": [],
        "externalData": [],
        "summaryOfWork": None,
        "id": job_id,
        "jobNumber": invoice["referenceNumber"],
        "projectId": invoice["projectId"],
        "customerId": invoice["customer"]["id"],
        "locationId": location_id,
        "jobStatus": "",
        "completedOn": None,
        "businessUnitId": invoice["businessUnit"]["id"],
        "jobTypeId": kind.job_type_id,
        "priority": kind.priority,
        "campaignId": 7301,
        "appointmentCount": 1,
        "firstAppointmentId": 0,
        "lastAppointmentId": 0,
        "recallForId": None,
        "warrantyId": None,
        "jobGeneratedLeadSource": None,
        "noCharge": False,
        "notificationsEnabled": True,
        "createdOn": created,
        "createdById": 70121,
        "modifiedOn": created,
        "tagTypeIds": [],
        "leadCallId": None,
        "partnerLeadCallId": None,
        "bookingId": None,
        "soldById": None,
        "customerPo": "",
        "invoiceId": invoice["id"],
        "membershipId": None,
        "total": None,
        "createdFromEstimateId": None,
        "estimateIds": [],
        "equipmentIds": [],
        "isAutoDispatched": None,
        "active": True,
    }
