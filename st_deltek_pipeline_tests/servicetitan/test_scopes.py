import json
from pathlib import Path

import pytest

from st_deltek_pipeline.servicetitan.scopes import SCOPES, read_scope

SPECS = Path(__file__).parents[3] / "shared" / "specs" / "servicetitan"


@pytest.mark.parametrize(
    ("resource", "scope"),
    [
        ("accounting/invoices", "tn.acc.invoices:r"),
        ("accounting/export/invoices", "tn.acc.invoices:r"),
        ("accounting/export/invoice-items", "tn.acc.invoiceitems:r"),
        ("accounting/inventory-bills/paginated", "tn.acc.inventorybills:r"),
        ("accounting/bank-deposits/7/transactions", "tn.acc.bankdeposits:r"),
        ("crm/export/customers/contacts", "tn.crm.customers:r"),
        ("crm/customers/7", "tn.crm.customers:r"),
        ("/settings/business-units/", "tn.stt.businessunits:r"),
        ("marketing/campaigns", None),
        ("accounting", None),
    ],
)
def test_the_scope_of_a_resource_and_of_its_feed(resource: str, scope: str | None) -> None:
    assert read_scope(resource) == scope


@pytest.mark.skipif(not SPECS.is_dir(), reason="the published OpenAPI documents are not here")
@pytest.mark.parametrize("resource", sorted(SCOPES))
def test_scopes_are_those_of_the_published_documents(resource: str) -> None:
    module, _, rest = resource.partition("/")
    paths = json.loads((SPECS / f"{module}-v2.json").read_text())["paths"]
    needed = [
        scope
        for path in (f"/tenant/{{tenant}}/{rest}", f"/tenant/{{tenant}}/export/{rest}")
        for security in paths.get(path, {}).get("get", {}).get("security", [])
        for scope in security.get("oauth", [])
    ]
    assert needed
    assert set(needed) == {f"{SCOPES[resource]}:r"}
