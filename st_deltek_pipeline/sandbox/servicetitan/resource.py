"""What a resource is: paths, scope, filters, sort fields and shape (servicetitan.md section 2).

The resources themselves are in ``receivables``, ``payables`` and ``resources``.
"""

from collections.abc import Callable
from dataclasses import dataclass

from st_deltek_pipeline.sandbox.contractor.world import Row, ServiceTitanWorld
from st_deltek_pipeline.sandbox.servicetitan import filters as f

SYNC_STATUSES = ("Pending", "Posted", "Exported")
BY_ID_AND_TIME = ("Id", "ModifiedOn", "CreatedOn")

# ServiceTitan's name of a sort field -> the row's, where they differ in more than the first letter.
_SORT_ROW_FIELDS = {"Number": "referenceNumber", "InvoicedOn": "invoiceDate"}


@dataclass(frozen=True)
class Resource:
    """One resource.

    Attributes:
        module, name: ``/{module}/v2/tenant/{tenant}/{name}``.
        scope: Needed for reading, without ``:r``.
        rows: Where the world keeps its rows.
        filters: Tests besides ``ids`` and the four common time filters.
        world_filters: Further tests, which look into the rows of other resources.
        sort_fields: What ``sort`` and ``orderBy`` may name; without any, both are unknown and so ignored.
        exported: It has an export feed.
        by_id: It can be read by ``/{name}/{id}``.
        active_only_in_export: The list's rows lack ``active``, the feed's rows have it (jobs, projects, bills).
        hides_inactive: Inactive rows are left out of lists, and no parameter asks for them (assumed).
        hidden: Fields that the tenant knows and the API does not show.
        accounting_mark: The hidden one of when a row was changed last, changes of its balance left out.
        modified_filters: It has ``modifiedBefore`` and ``modifiedOnOrAfter`` (payment types have not).
        numbered_enumerations: Its ``landedCostMethod`` may arrive as a number instead of the documented text.
    """

    module: str
    name: str
    scope: str
    rows: Callable[[ServiceTitanWorld], dict[int, Row]]
    filters: tuple[f.Filter, ...] = ()
    world_filters: Callable[[ServiceTitanWorld], tuple[f.Filter, ...]] | None = None
    sort_fields: tuple[str, ...] = BY_ID_AND_TIME
    exported: bool = False
    by_id: bool = False
    active_only_in_export: bool = False
    hides_inactive: bool = False
    hidden: tuple[str, ...] = ()
    accounting_mark: str = ""
    modified_filters: bool = True
    numbered_enumerations: bool = False

    @property
    def path(self) -> str:
        """The name that this code uses for the resource, such as ``accounting/invoices``."""
        return f"{self.module}/{self.name}"

    @property
    def feed(self) -> str:
        """The name of its export feed, such as ``accounting/export/invoices``."""
        return f"{self.module}/export/{self.name}"


def sort_getter(name: str) -> f.Getter:
    """Return what reads a sort field from a row."""
    return f.field(_SORT_ROW_FIELDS.get(name, name[0].lower() + name[1:]))
