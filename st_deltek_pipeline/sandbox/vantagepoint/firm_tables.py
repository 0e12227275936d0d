"""The columns of firms, their addresses, and vendors' accounting data (vantagepoint.md section 3).

Table names are those of the database, as SQL Server's truncation text shows them; lengths are assumed. What a write
is refused for is in ``firms``.
"""

from functools import lru_cache

from st_deltek_pipeline.sandbox.vantagepoint.entry_tables import amount, text, texts
from st_deltek_pipeline.sandbox.vantagepoint.schema import Column, Kind, Table

_LONGEST_CUSTOM_TEXT = 255


def _flags(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Kind.LOOSE_FLAG, default="N") for name in names)


def _custom(names: tuple[str, ...]) -> tuple[Column, ...]:
    return texts(_LONGEST_CUSTOM_TEXT, *names)


_BASE = (
    *_flags("ClientInd", "VendorInd"),
    text("Vendor", 20),
    text("Category", 10),
    text("Org", 30),
    text("SortName", 40),
    text("WebSite", 255),
    text("FedID", 20),
    text("TypeOfTIN", 10),
    text("Type", 10),
    text("CurrentStatus", 20, "Existing"),
    text("CustomCurrencyCode", 3),
    text("PrimaryAddress1", 50),
    *texts(30, "PrimaryCity"),
    *texts(10, "PrimaryState", "PrimaryZip"),
    text("PrimaryCountry", 50),
    text("PrimaryPhone", 24),
    text("PrimaryEmail", 50),
    *_flags("ReadyForApproval", "ReadyForProcessing"),
    Column("CreateDate", Kind.DATE),
    Column("ModDate", Kind.DATE),
)
_MORE = (
    *texts(50, "PrimaryAddress2", "PrimaryAddress3", "PrimaryAddress4"),
    text("PrimaryFax", 24),
    text("Memo", 4000),
    *texts(32, "ParentID", "Owner", "Specialty", "SpecialtyType"),
    *texts(20, "CreateUser", "ModUser"),
    Column("Employees", Kind.INTEGER, default=0),
    amount("AnnualRevenue"),
    *_flags(
        *("ExportInd", "PriorWork", "Recommend", "GovernmentAgency", "Competitor", "Incumbent", "AvailableForCRM"),
        *("DisadvBusiness", "MinorityBusiness", "SmallBusiness", "WomanOwned", "VetOwnedSmallBusiness", "HUBZone"),
        *("DisabledVetOwnedSmallBusiness", "AlaskaNative", "HBCU", "EightA"),
    ),
)


@lru_cache(maxsize=8)
def firm_table(longest_name: int, custom: tuple[str, ...]) -> Table:
    """Return the firm's columns; those in ``custom`` are the tenant's own."""
    key = (text("ClientID", 32), text("Client", 20), text("Name", longest_name), text("Status", 1, "A"))
    return Table("Clendor", (*key, *_BASE, *_MORE, *_custom(custom)))


FIRM_ALWAYS = frozenset({"ClientID", "Client", "Name", "Status", *(column.name for column in _BASE)})
"""Columns that every firm's row has; the others are there once they were written."""


@lru_cache(maxsize=8)
def address_table(custom: tuple[str, ...]) -> Table:
    """Return the columns of a firm's address."""
    return Table(
        "CLAddress",
        (
            *texts(32, "ClientID", "CLAddressID"),
            *_flags("PrimaryInd", "Billing", "Accounting", "Payment"),
            text("Address", 20),
            text("Addressee", 80),
            *texts(50, "Address1", "Address2", "Address3", "Address4"),
            text("City", 30),
            *texts(10, "State", "Zip"),
            text("Country", 50),
            *texts(24, "Phone", "FAX"),
            text("Email", 50),
            text("TaxRegistrationNumber", 30),
            text("TaxCountryCode", 3),
            *_custom(custom),
        ),
    )


ACCOUNTING_TABLE = Table(
    "VEAccounting",
    (
        text("Vendor", 20),
        text("Company", 14),
        text("PayTerms", 10),
        text("PayTermsDesc", 40),
        *_flags("Req1099"),
        *(amount(name) for name in ("DiscPct", "DiscPeriod", "ThisYear1099", "LastYear1099")),
        *_flags("CheckPerVoucher", "MemoPrintOnCheck", "EFTAddenda", "EFTRemittance", "EFTClieOp"),
        text("ElectronicPaymentMethodID", 32),
        *texts(13, "RegAccount", "OHAccount"),
        *texts(10, "DefaultExpenseCode", "LiabCode", "BankCode"),
        text("AccountNumber", 30),
    ),
)
