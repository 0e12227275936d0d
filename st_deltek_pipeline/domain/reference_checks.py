"""Does what a coding names exist in Vantagepoint, and is it open? Each check returns the hold that says what is wrong."""

from st_deltek_pipeline.domain.coding import Coding
from st_deltek_pipeline.domain.documents import DocumentKey
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.domain.reference import ProjectKey, ReferenceData


def project_of(coding: Coding) -> ProjectKey:
    """Return the project level that a coding names; levels that no rule gave are empty."""
    return (coding.wbs1 or "", coding.wbs2 or "", coding.wbs3 or "")


def reference_hold(document: DocumentKey, coding: Coding, reference: ReferenceData, *, receivable: bool) -> Hold | None:
    """Check everything a line's coding names.

    Args:
        document: For the message.
        coding: With project and account.
        reference: What exists.
        receivable: Somebody will owe money on the project, so it needs a billing client.
    """
    return (
        project_hold(document, coding, reference, receivable=receivable)
        or account_hold(document, coding.account or "", reference)
        or tax_code_hold(document, coding.tax_code or "", reference)
    )


def project_hold(document: DocumentKey, coding: Coding, reference: ReferenceData, *, receivable: bool) -> Hold | None:
    """Check project and organization."""
    key = project_of(coding)
    name = " | ".join(part for part in key if part)
    project = reference.projects.get(key)
    if project is None:
        return Hold(HoldReason.PROJECT_MISSING, f"{document}: project {name} does not exist in Vantagepoint.")
    # Every level above must be open too: Vantagepoint refuses a phase of a closed project.
    above = [reference.projects.get((key[0], "", "")), reference.projects.get((key[0], key[1], ""))]
    if not all(level.active for level in (*above, project) if level is not None):
        return Hold(HoldReason.PROJECT_INACTIVE, f"{document}: project {name} is not active in Vantagepoint.")
    if project.has_sublevels:
        return Hold(HoldReason.PROJECT_NEEDS_LOWER_LEVEL, f"{document}: project {name} is not a lowest level.")
    if coding.organization:
        if coding.organization not in reference.organizations:
            message = f"{document}: organization {coding.organization} does not exist in Vantagepoint."
            return Hold(HoldReason.ORGANIZATION_MISSING, message)
        if project.organization and project.organization != coding.organization:
            message = (
                f"{document}: the rules say organization {coding.organization}, project {name} belongs to "
                f"{project.organization}."
            )
            return Hold(HoldReason.ORGANIZATION_DIFFERS, message)
    return _billing_client_hold(document, name, key, reference) if receivable else None


def _billing_client_hold(document: DocumentKey, name: str, key: ProjectKey, reference: ReferenceData) -> Hold | None:
    # WBS2 and WBS3 use their project's billing client (vantagepoint.md section 4.1).
    top = reference.projects.get((key[0], "", "")) or reference.projects[key]
    if not top.billing_client_id or top.billing_client_id not in reference.firms:
        message = f"{document}: project {name} has no billing client that exists as a firm."
        return Hold(HoldReason.BILLING_CLIENT_MISSING, message)
    firm = reference.firms[top.billing_client_id]
    if not firm.active:
        message = f"{document}: {firm.name!r}, the billing client of project {name}, is not active."
        return Hold(HoldReason.BILLING_CLIENT_INACTIVE, message)
    return None


def account_hold(document: DocumentKey, account: str, reference: ReferenceData) -> Hold | None:
    """Check an account."""
    found = reference.accounts.get(account)
    if found is None:
        return Hold(HoldReason.ACCOUNT_MISSING, f"{document}: account {account} does not exist in Vantagepoint.")
    if not found.active:
        message = f"{document}: account {account} {found.name!r} is not active in Vantagepoint."
        return Hold(HoldReason.ACCOUNT_INACTIVE, message)
    return None


def tax_code_hold(document: DocumentKey, tax_code: str, reference: ReferenceData) -> Hold | None:
    """Check a tax code; none is fine."""
    if not tax_code:
        return None
    found = reference.tax_codes.get(tax_code)
    if found is None or not found.active:
        message = f"{document}: tax code {tax_code} does not exist or is not active in Vantagepoint."
        return Hold(HoldReason.TAX_CODE_MISSING, message)
    return None


def bank_hold(document: DocumentKey, bank: str, reference: ReferenceData) -> Hold | None:
    """Check a bank code."""
    if bank in reference.banks:
        return None
    return Hold(HoldReason.BANK_MISSING, f"{document}: bank {bank} does not exist in Vantagepoint.")
