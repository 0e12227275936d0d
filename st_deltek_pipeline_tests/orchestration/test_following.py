"""One synchronisation through Dagster brings a payment to where its invoice went, although the payment's day is over."""

from datetime import date
from decimal import Decimal
from typing import Any

from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.orchestration.syncing import SyncReport, SyncRequest, synchronise
from st_deltek_pipeline.sandbox.contractor.business_units import BUSINESS_UNITS
from st_deltek_pipeline_tests.orchestration.installations import CONNECTION, Installation

START, PAID, INVOICED = date(2026, 10, 29), date(2026, 10, 29), date(2026, 10, 30)
HERE, THERE = (next(unit for unit in BUSINESS_UNITS if unit.wbs1 == wbs1) for wbs1 in ("CHS2026", "RHS2026"))


class _Silent:
    def doing(self, what: str) -> None:
        pass

    def done(self, what: str) -> None:
        pass


def sync(acme: Installation) -> SyncReport:
    return synchronise(acme.settings, SyncRequest(CONNECTION, kinds=(Kind.INVOICE, Kind.PAYMENT)), _Silent())


def received(acme: Installation, payment: dict[str, Any]) -> dict[str, Decimal]:
    """What the receipt's lines in Vantagepoint's ledger pay, by project; zeros left out."""
    found: dict[str, Decimal] = {}
    for row in acme.sandbox.ledger():
        if row["TransType"] == "CR" and row["AutoEntry"] != "Y" and row["RefNo"] == f"P{payment['id']}":
            found[row["WBS1"]] = found.get(row["WBS1"], Decimal(0)) - Decimal(row["Amount"])
    return {project: amount for project, amount in found.items() if amount}


def test_a_payment_follows_its_invoice_within_one_synchronisation(acme: Installation) -> None:
    acme.write_file(start_date=START.isoformat())
    invoice = acme.sandbox.add_invoice(
        date=INVOICED.isoformat(), syncStatus="Posted", total="100.00", businessUnitId=HERE.unit_id
    )
    payment = acme.sandbox.add_payment(
        date=PAID.isoformat(), syncStatus="Posted", splits=[{"invoiceId": invoice["id"], "amount": "60.00"}]
    )
    assert sync(acme).accounted_for
    assert received(acme, payment) == {"CHS2026": Decimal("60.00")}
    acme.sandbox.edit_invoice(invoice["id"], businessUnitId=THERE.unit_id)
    report = sync(acme)
    assert report.accounted_for
    assert [(day.day, [each.kind for each in day.kinds]) for day in report.days] == [
        (INVOICED, [Kind.INVOICE]),
        (PAID, [Kind.PAYMENT]),
    ]
    assert received(acme, payment) == {"RHS2026": Decimal("60.00")}
    assert sync(acme).days == []
