"""A tax zone's rates, read from a stored payload for splitting sales tax by authority.

The zone's name, for coding by zone, is read by ``records``, whatever its rates look like.
"""

from decimal import Decimal

import msgspec

from st_deltek_pipeline.domain.sales_tax import TaxBase, TaxRate, TaxZone
from st_deltek_pipeline.servicetitan.shapes import Record, Text, plain_text


class _Rate(msgspec.Struct, rename="camel", gc=False):
    tax_name: Text = None
    sales_tax_item: Text = None
    tax_rate: Decimal | None = None
    tax_base_type: list[TaxBase] | None = None


class _TaxZone(Record):
    name: Text = None
    rates: list[_Rate] | None = None


_DECODER = msgspec.json.Decoder(_TaxZone, strict=False)


def read_tax_zone(payload: str | bytes) -> TaxZone | None:
    """Read a stored tax zone (servicetitan.md section 3.4).

    Args:
        payload: Its JSON.

    Returns:
        The zone, or ``None`` when it is not active, charges nothing, or any of its rates is not known: a part of
        its authorities would not be its tax.
    """
    try:
        record = _DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    rates = [_rate(rate) for rate in record.rates or ()]
    known = [rate for rate in rates if rate is not None]
    charged = tuple(rate for rate in known if rate.rate)
    if record.active is False or len(known) < len(rates) or not charged:
        return None
    return TaxZone(record.id, plain_text(record.name).strip(), charged)


def _rate(rate: _Rate) -> TaxRate | None:
    fraction = rate.tax_rate
    if fraction is None or not fraction.is_finite() or not 0 <= fraction < 1:
        return None
    # A rate that does not say what it is charged on is charged on everything taxable.
    bases = frozenset(rate.tax_base_type or [TaxBase.SUBTOTAL])
    name = plain_text(rate.tax_name).strip() or plain_text(rate.sales_tax_item).strip()
    return TaxRate(name, fraction, bases)
