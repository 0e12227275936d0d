"""The firms of customers, by exact name. Temporary: the firm mappings replace it."""

from collections.abc import Sequence

from sqlalchemy import Engine

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.documents import Document
from st_deltek_pipeline.domain.firm_links import FirmLink, FirmLinks, LinkState
from st_deltek_pipeline.domain.invoices import Invoice
from st_deltek_pipeline.domain.reference import Firm, ReferenceData


def firm_links(
    _engine: Engine, _settings: ConnectionSettings, reference: ReferenceData, documents: Sequence[Document]
) -> FirmLinks:
    """Match the customers of documents with firms by exact name."""
    by_name: dict[str, list[Firm]] = {}
    for firm in reference.firms.values():
        if firm.active and firm.is_client:
            by_name.setdefault(" ".join(firm.name.casefold().split()), []).append(firm)
    customers: dict[int, FirmLink] = {}
    for document in documents:
        if not isinstance(document, Invoice) or document.customer_id is None:
            continue
        party = document.billing_customer_id or document.customer_id
        found = by_name.get(" ".join(document.customer_name.casefold().split()), [])
        if not found:
            link = FirmLink(
                party, document.customer_name, LinkState.MISSING, message="matches no active client firm by name."
            )
        elif len(found) > 1:
            numbers = ", ".join(sorted(firm.number or firm.client_id for firm in found))
            link = FirmLink(party, document.customer_name, LinkState.AMBIGUOUS, message=f"matches firms {numbers}.")
        else:
            link = FirmLink(party, document.customer_name, LinkState.LINKED, found[0].client_id)
        customers[party] = link
    return FirmLinks(customers, {})
