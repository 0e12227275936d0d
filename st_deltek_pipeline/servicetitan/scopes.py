"""Which scope each resource needs, to name it when ServiceTitan answers 403 (servicetitan.md section 1.1)."""

# As published in the OpenAPI documents, operation by operation; ":r" to read, ":w" to write.
SCOPES = {
    "accounting/invoices": "tn.acc.invoices",
    "accounting/invoice-items": "tn.acc.invoiceitems",
    "accounting/payments": "tn.acc.payments",
    "accounting/payment-types": "tn.acc.paymenttypes",
    "accounting/payment-terms": "tn.acc.paymentterms",
    "accounting/tax-zones": "tn.acc.taxzones",
    "accounting/ap-bills": "tn.acc.apbills",
    "accounting/inventory-bills": "tn.acc.inventorybills",
    "accounting/ap-credits": "tn.acc.apcredits",
    "accounting/ap-payments": "tn.acc.appayments",
    "accounting/credit-memos": "tn.acc.creditmemos",
    "accounting/bank-deposits": "tn.acc.bankdeposits",
    "accounting/gl-accounts": "tn.acc.glaccounts",
    "accounting/journal-entries": "tn.acc.journalentries",
    "inventory/purchase-orders": "tn.inv.purchaseorders",
    "inventory/purchase-order-types": "tn.inv.purchaseordertypes",
    "inventory/receipts": "tn.inv.receipts",
    "inventory/vendors": "tn.inv.vendors",
    "crm/customers": "tn.crm.customers",
    "crm/locations": "tn.crm.locations",
    "jpm/jobs": "tn.jpm.jobs",
    "jpm/job-types": "tn.jpm.jobtypes",
    "jpm/projects": "tn.jpm.projects",
    "settings/business-units": "tn.stt.businessunits",
    "settings/tag-types": "tn.stt.tagtypes",
}


def read_scope(resource: str) -> str | None:
    """Name the scope that reading a resource or its export feed needs.

    Args:
        resource: Such as ``accounting/gl-accounts`` or ``accounting/export/invoices``.

    Returns:
        Such as ``tn.acc.glaccounts:r``; ``None`` for a resource this project does not read.
    """
    scope = _scope(resource)
    return None if scope is None else f"{scope}:r"


def write_scope(resource: str) -> str | None:
    """Name the scope that writing to a resource needs.

    Args:
        resource: Such as ``accounting/invoices/markasexported``.

    Returns:
        Such as ``tn.acc.invoices:w``; ``None`` for a resource this project does not know.
    """
    scope = _scope(resource)
    return None if scope is None else f"{scope}:w"


def _scope(resource: str) -> str | None:
    parts = resource.strip("/").replace("/export/", "/").split("/")
    lengths = range(len(parts), 1, -1)
    return next((SCOPES["/".join(parts[:n])] for n in lengths if "/".join(parts[:n]) in SCOPES), None)
