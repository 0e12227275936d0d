"""What rules can match on in rows of the contractor's ServiceTitan, and the connection's rules."""

import json
from collections.abc import Iterator
from decimal import Decimal

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.coding import LineFacts, LineKind
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.money import round_to_cents
from st_deltek_pipeline.sandbox.contractor.world import Row, World

CodedPart = tuple[LineFacts, Decimal]
"""What rules see of an amount, and the amount."""


def settings_of(world: World) -> ConnectionSettings:
    file = {
        "name": "summit_ridge",
        **json.loads(json.dumps(world.connection)),
        "servicetitan": {"api_url": "http://127.0.0.1:1", "tenant_id": world.servicetitan.tenant_id},
        "vantagepoint": {"base_url": "http://127.0.0.1:2/x/api", "database": world.vantagepoint.database},
    }
    return ConnectionSettings.model_validate(file)


def invoice_parts(world: World, row: Row) -> Iterator[CodedPart]:
    for item in row["items"] or []:
        account = item["generalLedgerAccount"] or {}
        facts = _invoice(
            world,
            row,
            LineKind.ITEM,
            item_type=item["type"],
            sku=item["skuName"],
            gl_account=account.get("number", ""),
        )
        yield facts, Decimal(item["total"])
    zone = world.servicetitan.tax_zones[row["taxZoneId"]]
    yield _invoice(world, row, LineKind.TAX, tax_zone=zone["name"]), Decimal(row["salesTax"] or 0)


def credit_memo_parts(world: World, memo: Row) -> Iterator[CodedPart]:
    def facts(line: LineKind, **more: str) -> LineFacts:
        return LineFacts(line, document=Kind.CREDIT_MEMO, business_unit=memo["businessUnit"]["name"], **more)

    for item in world.servicetitan.credit_memo_items[memo["id"]]:
        account = _number(item["revenueGeneralLedgerAccount"])
        yield facts(LineKind.ITEM, item_type=item["type"], sku=item["skuName"], gl_account=account), item["total"]
    if memo["salesTax"]:
        yield facts(LineKind.TAX, tax_zone=memo["salesTaxCode"]["name"]), memo["salesTax"]


def payment_facts(row: Row, line: LineKind) -> LineFacts:
    unit = (row["businessUnit"] or {}).get("name", "")
    return LineFacts(line, document=Kind.PAYMENT, business_unit=unit, payment_type=row["type"] or "")


def bill_parts(world: World, bill: Row) -> Iterator[CodedPart]:
    for item in bill["items"]:
        facts = purchase_facts(
            world,
            bill,
            LineKind.ITEM,
            item_type=item["skuType"],
            sku=item["skuCode"],
            gl_account=_number(item["generalLedgerAccount"]),
            cost_account=_number(item["costOfSaleAccount"]),
            asset_account=_number(item["assetAccount"]),
        )
        yield facts, round_to_cents(Decimal(item["quantity"]) * Decimal(item["cost"]))
    for item in bill.get("expenseItems") or []:
        account = _number(item["generalLedgerAccount"])
        facts = purchase_facts(world, bill, LineKind.ITEM, item_type="Expense", gl_account=account)
        yield facts, Decimal(item["amount"])
    extras = ((LineKind.TAX, "taxAmount"), (LineKind.SHIPPING, "shippingAmount"), (LineKind.OTHER, "otherAmount"))
    for line, name in extras:
        amount = Decimal(bill[name] or 0)
        if amount:
            yield purchase_facts(world, bill, line), amount


def purchase_facts(world: World, row: Row, line: LineKind, *, kind: Kind = Kind.BILL, **more: str) -> LineFacts:
    tenant = world.servicetitan
    unit, job = row["businessUnit"] or {}, tenant.jobs.get(row["jobId"] or 0, {})
    project = tenant.projects.get(job.get("projectId") or 0, {})
    return LineFacts(
        line,
        document=kind,
        business_unit=unit.get("name", ""),
        business_unit_id=str(unit.get("id", "")),
        job_type=tenant.job_types.get(job.get("jobTypeId") or 0, {}).get("name", ""),
        project=project.get("number", ""),
        purpose="job" if job else "stock",
        vendor=(row["vendor"] or {}).get("name", ""),
        terms=row.get("termName") or "",
        **more,
    )


def _invoice(world: World, row: Row, line: LineKind, **more: str) -> LineFacts:
    tenant = world.servicetitan
    unit, job = row["businessUnit"] or {}, row["job"] or {}
    return LineFacts(
        line,
        business_unit=unit.get("name", ""),
        business_unit_id=str(unit.get("id", "")),
        job_type=job.get("type", ""),
        customer_type=tenant.customers[row["customer"]["id"]]["type"],
        project=tenant.projects[row["projectId"]]["number"] if row["projectId"] else "",
        **more,
    )


def _number(account: Row | None) -> str:
    return account["number"] if account else ""
