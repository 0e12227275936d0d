"""What a firm is created with in Vantagepoint, and what is added to one that becomes a vendor or client as well.

Names of fields and the spelling of flags are Vantagepoint's (vantagepoint.md sections 2 and 3). Whether a firm may be
created, and sending it, is the firm creation service's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from st_deltek_pipeline.domain.addresses import Address
from st_deltek_pipeline.domain.firm_links import PartyKey, PartyKind
from st_deltek_pipeline.domain.firm_scores import KnownFirm, Party
from st_deltek_pipeline.domain.names import clean_name

ADDRESS_LABEL = "Main"
"""The label of the address that a created firm gets; labels tell the addresses of a firm apart."""

_LONGEST_STREET_LINE = 50
_STREET_LINES = 4
_ROLE = {PartyKind.CUSTOMER: "ClientInd", PartyKind.VENDOR: "VendorInd"}


@dataclass(frozen=True)
class CreationRules:
    """What a tenant wants firms to be created with.

    Attributes:
        customer_fields, vendor_fields: Fields and values that the tenant requires, by what the firm is.
        customer_column, vendor_column: The tenant's own columns for ServiceTitan's ids; ``None`` without one.
        firm_number, vendor_number: Numbers to give, with ``{id}`` in them; ``None`` where Vantagepoint numbers itself.
        country_codes: ServiceTitan's countries to the codes of Vantagepoint's own list; others are not sent.
    """

    customer_fields: Mapping[str, str] = field(default_factory=dict[str, str])
    vendor_fields: Mapping[str, str] = field(default_factory=dict[str, str])
    customer_column: str | None = None
    vendor_column: str | None = None
    firm_number: str | None = None
    vendor_number: str | None = None
    country_codes: Mapping[str, str] = field(default_factory=dict[str, str])

    def column(self, kind: PartyKind) -> str | None:
        """Return the column that holds ServiceTitan's ids of a kind."""
        return self.customer_column if kind is PartyKind.CUSTOMER else self.vendor_column

    def fields(self, kind: PartyKind) -> Mapping[str, str]:
        """Return the fields the tenant requires of a kind."""
        return self.customer_fields if kind is PartyKind.CUSTOMER else self.vendor_fields


def new_firm(party: Party, rules: CreationRules) -> dict[str, Any]:
    """Write the body that creates a party's firm.

    Args:
        party: Who.
        rules: The tenant's.
    """
    is_vendor = party.key.kind is PartyKind.VENDOR
    body: dict[str, Any] = {
        "Name": clean_name(party.name),
        "Status": "A",
        "ClientInd": "N" if is_vendor else "Y",
        "VendorInd": "Y" if is_vendor else "N",
        **rules.fields(party.key.kind),
    }
    if rules.firm_number is not None:
        body["Client"] = _number(rules.firm_number, party.key)
    return {**body, **_of_role(party.key, rules)}


def added_role(party: Party, firm: KnownFirm, now: Mapping[str, Any], rules: CreationRules) -> dict[str, Any]:
    """Write the body that makes an existing firm a client or vendor as well.

    Args:
        party: Who it is.
        firm: The firm.
        now: The firm's row as just read; what it has already is left alone.
        rules: The tenant's.
    """
    wanted = {**rules.fields(party.key.kind), **_of_role(party.key, rules)}
    body = {name: value for name, value in wanted.items() if not str(now.get(name) or "").strip()}
    if firm.vendor:
        body.pop("Vendor", None)
    return {_ROLE[party.key.kind]: "Y", **body}


def new_address(party: Party, rules: CreationRules) -> dict[str, Any] | None:
    """Write the body of a created firm's address, or ``None`` when ServiceTitan has none.

    Args:
        party: Who.
        rules: The tenant's.
    """
    address = party.address
    street = [*_street_lines(address.street), *_street_lines(_unit(address.unit))][:_STREET_LINES]
    if not street:
        return None
    parts = {
        **{f"Address{number}": line for number, line in enumerate(street, start=1)},
        "City": address.city,
        "State": address.state,
        "Zip": address.zip,
        "Country": _country(address, rules),
        "Phone": party.phone,
        "Email": party.email,
    }
    # Flags of addresses are written as words, unlike those of firms (section 2).
    flags = {
        "PrimaryInd": "true",
        "Billing": "true",
        "Payment": "true" if party.key.kind is PartyKind.VENDOR else "false",
    }
    return {
        "Address": ADDRESS_LABEL,
        **flags,
        **{name: text for name, value in parts.items() if (text := value.strip())},
    }


def _unit(unit: str) -> str:
    """Say what a bare number is, so that nobody reads it as a part of the street."""
    bare = unit.strip().lstrip("#").strip()
    return f"Unit {bare}" if bare.isalnum() else unit


def _of_role(key: PartyKey, rules: CreationRules) -> dict[str, Any]:
    body: dict[str, Any] = {}
    column = rules.column(key.kind)
    if column is not None:
        body[column] = str(key.party_id)
    if key.kind is PartyKind.VENDOR and rules.vendor_number is not None:
        body["Vendor"] = _number(rules.vendor_number, key)
    return body


def _number(template: str, key: PartyKey) -> str:
    return template.replace("{id}", str(key.party_id))


def _country(address: Address, rules: CreationRules) -> str:
    wanted = address.country.strip().casefold()
    return next((code for name, code in rules.country_codes.items() if name.strip().casefold() == wanted), "")


def _street_lines(text: str) -> list[str]:
    """Break a long street between words; a word longer than a line is cut, nothing is lost."""
    lines: list[str] = []
    for word in clean_name(text).split():
        rest = word
        if lines and len(lines[-1]) + 1 + len(rest) <= _LONGEST_STREET_LINE:
            lines[-1] = f"{lines[-1]} {rest}"
            continue
        while rest:
            lines.append(rest[:_LONGEST_STREET_LINE])
            rest = rest[_LONGEST_STREET_LINE:]
    return lines
