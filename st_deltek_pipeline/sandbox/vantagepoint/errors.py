"""The twin's refusals: their classes and their sentences.

Sentences marked observed are those of live tenants (vantagepoint.md section 2 and endpoints of section 4);
the others are written in the same style because no source gives them. When a rule applies is decided by the
modules that know the rule.
"""


class ApiError(Exception):
    """An answer other than success, with its HTTP status (vantagepoint.md section 5)."""

    def __init__(self, status: int, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.detail = detail


class RuleError(Exception):
    """A business rule says no. The status is a switch, so it is not decided where the rule is.

    Args:
        message: The sentence.
        record: Which record of the request was wrong; empty when the sentence says it all.
    """

    def __init__(self, message: str, record: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.record = record


class TokenError(Exception):
    """A refused token request: status 400 with ``error`` and ``error_description`` (section 1)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


_LONGEST_ECHO = 100

# Observed, with the two blanks between the sentences.
LOGIN_DISABLED = "Your login has been disabled.  Please contact your system administrator."
LOGIN_INVALID = "The user name or password is incorrect."
CLIENT_INVALID = "The client ID or client secret is incorrect."
DATABASE_INVALID = "The database is not valid."
PASSWORD_GRANT_OFF = "The password grant type is not allowed for this client."  # noqa: S105 - a sentence
REFRESH_TOKEN_INVALID = "The refresh token is invalid or has expired."  # noqa: S105 - a sentence
NOT_AUTHENTICATED = "Authorization has been denied for this request."
NOT_PERMITTED = "You do not have access to perform this operation."
# Observed: .NET's words for a missing or wrong key, or an insert where a row exists.
NULL_REFERENCE = "Object reference not set to an instance of an object."
# Observed for an empty Company in a vendor's accounting data.
NULL_COMPANY = "Cannot insert NULL into Company column"
NOT_FOUND = "The requested resource does not exist."


def unknown_field(name: str) -> str:
    """Observed; the sentence really comes twice."""
    sentence = f"Field {name} does not exist."
    return f"{sentence} {sentence}"


def does_not_exist(label: str, value: object) -> str:
    """Observed for country codes; the pattern of every missing foreign key."""
    return f"{label} {value} does not exist."


def already_exists(*keys: str) -> str:
    """Observed; the parts of a key are joined by a bar."""
    return f"Record {'|'.join(keys)} already exists and cannot be added."


def truncated(database: str, table: str, column: str, kept: str) -> str:
    """Observed: SQL Server's own words. The value is shown as far as it would have fitted."""
    return (
        f"String or binary data would be truncated in table '{database}.dbo.{table}', column '{column}'. "
        f"Truncated value: '{kept}'.\r\nThe statement has been terminated."
    )


def required(label: str) -> str:
    """Observed for organizations."""
    return f"{label} is required."


def invalid_value(name: str, value: object) -> str:
    """Assumed: a value of the wrong type."""
    return f"The value '{str(value)[:_LONGEST_ECHO]}' is not valid for field {name}."


def inactive(label: str, value: str) -> str:
    """Assumed: an inactive or dormant project or account, or an inactive tax code."""
    return f"{label} {value} is not active."


def period_closed(period: int) -> str:
    """Assumed: the sentence for a closed period without the role right."""
    return f"Period {period} is closed. Your role does not allow processing in closed periods."


def period_not_active(period: object, active: int) -> str:
    """Assumed: a body that names another period than the session's."""
    return f"Period {period} is not the active period {active}."


def company_not_active(company: str, active: str) -> str:
    """Assumed: a body that names another company than the session's."""
    return f"Company {company} is not the active company {active}."


def provide(label: str, table: str) -> str:
    """Observed: a field that the tenant's screen designer requires."""
    return f"Please provide a {label} for table {table}."


def numbers_exist(taken: list[tuple[str, str]]) -> str:
    """Observed: firm and vendor numbers in use, joined as HTML."""
    return "<BR/>".join(f"{label} Number already exists: {number}." for label, number in taken)


def automatic_number(label: str) -> str:
    """Observed: a number that the tenant gives by itself was sent."""
    return f"{label} Number value ignored, autonumber enabled and override is not allowed"


def no_vendor_accounting(vendor: str, company: str) -> str:
    """Assumed: a voucher for a vendor without accounting data in the active company."""
    return f"Vendor {vendor} does not have accounting information in company {company}."


def repeated_vendor_invoice(vendor: str, invoice: str, day: str) -> str:
    """Assumed: the sentence of the screen's warning when the API refuses."""
    return f"Invoice {invoice} dated {day} already exists for vendor {vendor}."


def over_balance(invoice: str, wbs1: str, balance: object) -> str:
    """Assumed: a receipt for more than an invoice's balance."""
    return f"The amount is more than the balance {balance} of invoice {invoice} on project {wbs1}."
