"""A tax zone is either known with all its rates, or not used for splitting at all."""

import json
from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.domain.sales_tax import TaxBase
from st_deltek_pipeline.servicetitan.tax_zones import read_tax_zone


def _rate(**changes: Any) -> dict[str, Any]:
    return {"id": 1, "taxName": "State", "taxBaseType": ["Subtotal"], "taxRate": 29, "salesTaxItem": None, **changes}


def _payload(*rates: dict[str, Any], **changes: Any) -> str:
    zone = {"id": 51, "name": " Denver ", "active": True, "rates": list(rates), **changes}
    # Exact JSON numbers without a float: 29 stands for 0.029.
    return json.dumps(zone).replace('"taxRate": 29', '"taxRate": 0.029')


def test_rates_are_exact_and_named() -> None:
    zone = read_tax_zone(_payload(_rate(), _rate(taxName=None, salesTaxItem="RTD", taxBaseType=["Labor", "Material"])))
    assert zone is not None
    assert (zone.zone_id, zone.name) == (51, "Denver")
    assert [(rate.name, rate.rate) for rate in zone.rates] == [("State", Decimal("0.029")), ("RTD", Decimal("0.029"))]
    assert zone.rates[1].bases == {TaxBase.LABOR, TaxBase.MATERIAL}


def test_rates_of_zero_are_left_out() -> None:
    zone = read_tax_zone(_payload(_rate(), _rate(taxName="Nobody", taxRate=0)))
    assert zone is not None
    assert [rate.name for rate in zone.rates] == ["State"]


@pytest.mark.parametrize("base", [None, []])
def test_a_rate_that_names_no_base_is_charged_on_everything_taxable(base: object) -> None:
    zone = read_tax_zone(_payload(_rate(taxBaseType=base)))
    assert zone is not None
    assert zone.rates[0].bases == {TaxBase.SUBTOTAL}


@pytest.mark.parametrize(
    "payload",
    [
        _payload(_rate(), active=False),
        _payload(),
        _payload(rates=None),
        _payload(_rate(taxRate=0)),
        _payload(_rate(), _rate(taxRate=None)),
        _payload(_rate(), _rate(taxRate=-1)),
        _payload(_rate(), _rate(taxRate=8)),
        _payload(_rate(), _rate(taxRate="much")),
        _payload(_rate(), _rate(taxBaseType=["Freight"])),
        "[]",
        "{",
    ],
)
def test_a_zone_that_is_not_known_entirely_is_not_used(payload: str) -> None:
    assert read_tax_zone(payload) is None
