"""The chart of accounts on both sides, and which of ServiceTitan's accounts is which of Vantagepoint's."""

from dataclasses import dataclass
from datetime import date

from st_deltek_pipeline.sandbox.contractor.business_units import Line, Trade
from st_deltek_pipeline.sandbox.contractor.working_days import servicetitan_instant
from st_deltek_pipeline.sandbox.contractor.world import Row


@dataclass(frozen=True)
class SourceAccount:
    """One of ServiceTitan's gl accounts.

    Attributes:
        target: The account of Vantagepoint that books it on invoices; empty when invoices do not name it.
    """

    account_id: int
    number: str
    name: str
    kind: str
    subtype: str
    target: str = ""


SOURCE_ACCOUNTS: tuple[SourceAccount, ...] = (
    SourceAccount(3101, "4010", "HVAC Service Revenue", "Income", "Sales of Product Income", "401.00"),
    SourceAccount(3102, "4020", "HVAC Installation Revenue", "Income", "Sales of Product Income", "402.00"),
    SourceAccount(3103, "4030", "HVAC Equipment Sales", "Income", "Sales of Product Income", "403.00"),
    SourceAccount(3104, "4040", "HVAC Parts and Materials", "Income", "Sales of Product Income", "404.00"),
    SourceAccount(3105, "4050", "HVAC Maintenance Agreements", "Income", "Service/Fee Income", "405.00"),
    SourceAccount(3111, "4110", "Plumbing Service Revenue", "Income", "Sales of Product Income", "421.00"),
    SourceAccount(3112, "4120", "Plumbing Installation Revenue", "Income", "Sales of Product Income", "422.00"),
    SourceAccount(3113, "4130", "Plumbing Fixtures and Heaters", "Income", "Sales of Product Income", "423.00"),
    SourceAccount(3114, "4140", "Plumbing Parts and Materials", "Income", "Sales of Product Income", "424.00"),
    SourceAccount(3115, "4150", "Plumbing Maintenance Agreements", "Income", "Service/Fee Income", "425.00"),
    SourceAccount(3121, "4200", "HVAC Contract Revenue", "Income", "Service/Fee Income", "441.00"),
    SourceAccount(3122, "4210", "Plumbing Contract Revenue", "Income", "Service/Fee Income", "442.00"),
    SourceAccount(3131, "4300", "Permits and Fees", "Income", "Service/Fee Income", "461.00"),
    SourceAccount(3141, "4900", "Discounts and Allowances", "Income", "Discounts/Refunds Given", "471.00"),
    SourceAccount(3201, "5010", "Cost of Goods Sold - HVAC", "Cost of Goods Sold", "Supplies & Materials - COGS"),
    SourceAccount(3202, "5110", "Cost of Goods Sold - Plumbing", "Cost of Goods Sold", "Supplies & Materials - COGS"),
    SourceAccount(3301, "1310", "Inventory", "Other Current Asset", "Inventory"),
    SourceAccount(3302, "1210", "Accounts Receivable", "Accounts Receivable", "Accounts Receivable"),
    SourceAccount(3303, "1110", "Undeposited Funds", "Other Current Asset", "Undeposited Funds"),
    SourceAccount(3401, "2210", "Sales Tax Payable", "Other Current Liability", "Sales Tax Payable"),
    SourceAccount(3402, "2310", "Customer Deposits", "Other Current Liability", "Other Current Liabilities"),
    SourceAccount(3501, "1010", "Operating Checking", "Bank", "Checking"),
    SourceAccount(3502, "1020", "Merchant Settlement", "Bank", "Checking"),
    SourceAccount(3503, "2010", "Accounts Payable", "Accounts Payable", "Accounts Payable"),
    SourceAccount(3504, "2020", "Goods Received Not Invoiced", "Other Current Liability", "Other Current Liabilities"),
    SourceAccount(3601, "5210", "Subcontractors", "Cost of Goods Sold", "Cost of Labor - COGS"),
    SourceAccount(3602, "5310", "Freight In", "Cost of Goods Sold", "Shipping, Freight & Delivery - COS"),
    SourceAccount(3603, "5320", "Sales Tax on Purchases", "Cost of Goods Sold", "Other Costs of Services - COS"),
    SourceAccount(3604, "5330", "Other Purchasing Costs", "Cost of Goods Sold", "Other Costs of Services - COS"),
    SourceAccount(3605, "5900", "Vendor Discounts", "Cost of Goods Sold", "Other Costs of Services - COS"),
    SourceAccount(3701, "6210", "Rent", "Expense", "Rent or Lease of Buildings"),
    SourceAccount(3702, "6310", "Fuel and Vehicles", "Expense", "Auto"),
    SourceAccount(3703, "6320", "Small Tools", "Expense", "Supplies & Materials"),
    SourceAccount(3704, "6410", "Office Supplies", "Expense", "Office/General Administrative Expenses"),
    SourceAccount(3705, "6420", "Merchant and Bank Fees", "Expense", "Bank Charges"),
    SourceAccount(3706, "6430", "Bad Debts", "Expense", "Bad Debts"),
)

SOURCE_BY_NUMBER = {account.number: account for account in SOURCE_ACCOUNTS}

_DEFAULTS = {
    "4010": "Revenue",
    "4050": "MembershipRevenue",
    "1310": "Inventory",
    "1210": "AccountsReceivable",
    "1110": "UndepositedFunds",
    "2210": "SalesTaxPayable",
    "2310": "CustomerDeposits",
    "1010": "CheckingAccount",
    "2010": "AccountsPayable",
    "2020": "GoodsReceivedNotInvoiced",
    "5010": "CostOfGoodsSoldMaterials",
    "5310": "CostOfGoodsSoldShipping",
    "5320": "CostOfGoodsSoldTax",
    "5900": "VendorDiscount",
    "6420": "ProcessingFees",
}

REVENUE_BY_WORK = {
    (Trade.HVAC, Line.SERVICE): "401.00",
    (Trade.HVAC, Line.INSTALL): "402.00",
    (Trade.HVAC, Line.CONSTRUCTION): "441.00",
    (Trade.PLUMBING, Line.SERVICE): "421.00",
    (Trade.PLUMBING, Line.INSTALL): "422.00",
    (Trade.PLUMBING, Line.CONSTRUCTION): "442.00",
}
MATERIALS_BY_TRADE = {Trade.HVAC: "404.00", Trade.PLUMBING: "424.00"}
EQUIPMENT_BY_TRADE = {Trade.HVAC: "403.00", Trade.PLUMBING: "423.00"}
DISCOUNTS = "471.00"
PERMITS = "461.00"
RECEIVABLES = "121.00"
PAYABLES = "201.00"
SUBCONTRACTOR_PAYABLES = "201.10"
FREIGHT = "513.00"
PURCHASE_TAX = "514.00"
OTHER_PURCHASING_COSTS = "515.00"
UNBILLED_SERVICES = "122.00"
UNINVOICED_REVENUE = "123.00"

BILL_ACCOUNTS = {
    "1310": "131.00",
    "5010": "511.00",
    "5110": "511.10",
    "5210": "521.00",
    "5310": FREIGHT,
    "5320": PURCHASE_TAX,
    "5330": OTHER_PURCHASING_COSTS,
    "5900": "516.00",
    "6210": "721.00",
    "6310": "731.00",
    "6320": "741.00",
    "6410": "751.00",
    "6420": "761.00",
    "6430": "771.00",
}
"""ServiceTitan's account on a line of a bill -> the account of Vantagepoint that books it."""

# Account types as Vantagepoint numbers them: 1 asset, 2 liability, 3 net worth, 4 revenue, 5 reimbursable,
# 7 direct, 9 indirect (assumed; vantagepoint.md section 3 documents only that they count from 1).
_ASSET, _LIABILITY, _NET_WORTH, _REVENUE, _DIRECT, _INDIRECT = 1, 2, 3, 4, 7, 9

_CHART: tuple[tuple[str, str, int], ...] = (
    ("101.00", "Cash - Operating", _ASSET),
    ("102.00", "Cash - Payroll", _ASSET),
    ("103.00", "Cash - Merchant Settlement", _ASSET),
    ("111.00", "Undeposited Funds", _ASSET),
    (RECEIVABLES, "Accounts Receivable", _ASSET),
    (UNBILLED_SERVICES, "Unbilled Services", _ASSET),
    (UNINVOICED_REVENUE, "Uninvoiced Revenue", _ASSET),
    ("131.00", "Inventory - Truck Stock and Warehouse", _ASSET),
    ("151.00", "Vehicles and Tools", _ASSET),
    (PAYABLES, "Accounts Payable", _LIABILITY),
    (SUBCONTRACTOR_PAYABLES, "Accounts Payable - Subcontractors", _LIABILITY),
    ("202.00", "Goods Received Not Invoiced", _LIABILITY),
    ("211.00", "Accrued Payroll", _LIABILITY),
    ("221.00", "Sales Tax Payable - Colorado", _LIABILITY),
    ("221.10", "Sales Tax Payable - Denver", _LIABILITY),
    ("221.20", "Sales Tax Payable - Aurora", _LIABILITY),
    ("221.30", "Sales Tax Payable - Lakewood", _LIABILITY),
    ("221.40", "Sales Tax Payable - Boulder", _LIABILITY),
    ("221.50", "Sales Tax Payable - Longmont", _LIABILITY),
    ("221.60", "Sales Tax Payable - Castle Rock", _LIABILITY),
    ("221.70", "Sales Tax Payable - RTD and Culture", _LIABILITY),
    ("231.00", "Customer Deposits", _LIABILITY),
    ("301.00", "Members' Equity", _NET_WORTH),
    ("401.00", "HVAC Service Revenue", _REVENUE),
    ("402.00", "HVAC Installation Revenue", _REVENUE),
    ("403.00", "HVAC Equipment Sales", _REVENUE),
    ("404.00", "HVAC Parts and Materials", _REVENUE),
    ("405.00", "HVAC Maintenance Agreements", _REVENUE),
    ("421.00", "Plumbing Service Revenue", _REVENUE),
    ("422.00", "Plumbing Installation Revenue", _REVENUE),
    ("423.00", "Plumbing Fixtures and Heaters", _REVENUE),
    ("424.00", "Plumbing Parts and Materials", _REVENUE),
    ("425.00", "Plumbing Maintenance Agreements", _REVENUE),
    ("441.00", "HVAC Contract Revenue", _REVENUE),
    ("442.00", "Plumbing Contract Revenue", _REVENUE),
    (PERMITS, "Permits and Fees", _REVENUE),
    (DISCOUNTS, "Discounts and Allowances", _REVENUE),
    ("511.00", "Materials", _DIRECT),
    ("511.10", "Materials - Plumbing", _DIRECT),
    ("512.00", "Equipment", _DIRECT),
    (FREIGHT, "Freight In", _DIRECT),
    (PURCHASE_TAX, "Sales Tax on Purchases", _DIRECT),
    (OTHER_PURCHASING_COSTS, "Other Purchasing Costs", _DIRECT),
    ("516.00", "Vendor Discounts", _DIRECT),
    ("521.00", "Subcontractors", _DIRECT),
    ("601.00", "Field Wages", _DIRECT),
    ("711.00", "Office Wages", _INDIRECT),
    ("721.00", "Rent", _INDIRECT),
    ("731.00", "Fuel and Vehicles", _INDIRECT),
    ("741.00", "Small Tools", _INDIRECT),
    ("751.00", "Office Supplies", _INDIRECT),
    ("761.00", "Merchant and Bank Fees", _INDIRECT),
    ("771.00", "Bad Debts", _INDIRECT),
)
_RETIRED = ("499.00", "Other Income (retired)", _REVENUE)


def chart_rows() -> dict[str, Row]:
    """Make Vantagepoint's chart of accounts, one retired account included."""
    rows = {number: _chart_row(number, name, kind, "A") for number, name, kind in _CHART}
    rows[_RETIRED[0]] = _chart_row(*_RETIRED, "I")
    return rows


def _chart_row(number: str, name: str, kind: int, status: str) -> Row:
    return {"Account": number, "Name": name, "Type": kind, "Status": status, "Detail": "N"}


def gl_account_rows(first: date) -> dict[int, Row]:
    """Make ServiceTitan's gl accounts as ``accounting/gl-accounts`` gives them."""
    created = servicetitan_instant(date(first.year - 4, 2, 1), 59000, 40)
    modified = servicetitan_instant(date(first.year - 1, 6, 11), 64800, 7000001)
    return {
        account.account_id: {
            "id": account.account_id,
            "name": account.name,
            "number": account.number,
            "description": account.name if account.target else None,
            "type": account.kind,
            "subtype": account.subtype,
            "active": True,
            "isIntacctGroup": False,
            "isIntacctBankAccount": False,
            "source": "ManuallyCreated",
            "defaultAccountType": _DEFAULTS.get(account.number),
            "createdOn": created,
            "modifiedOn": modified,
        }
        for account in SOURCE_ACCOUNTS
    }


def item_account(number: str) -> Row:
    """Return a gl account as an invoice item shows it (servicetitan.md section 2, GL)."""
    account = SOURCE_BY_NUMBER[number]
    return {
        "id": account.account_id,
        "name": account.name,
        "number": account.number,
        "type": account.kind,
        "detailType": account.subtype,
    }
