"""What every asset of a connection shares: key prefix, groups, owner, tags, pools, partitions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.calendar import BusinessCalendar
from st_deltek_pipeline.domain.documents import Kind, content_hash
from st_deltek_pipeline.orchestration.groups import Group
from st_deltek_pipeline.orchestration.partitions import business_day_partitions
from st_deltek_pipeline.orchestration.run_tags import CONNECTION_TAG


@dataclass(frozen=True)
class Wiring:
    """One connection, as Dagster sees it.

    Attributes:
        connection: Its settings.
        calendar: Its business days.
        partitions: The same business days, as partition keys.
        now: Clock; says which business day is today's.
    """

    connection: ConnectionSettings
    calendar: BusinessCalendar
    partitions: dg.DailyPartitionsDefinition
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def of(cls, connection: ConnectionSettings, calendar: BusinessCalendar) -> "Wiring":
        """Build the wiring of one connection."""
        return cls(connection, calendar, business_day_partitions(connection.start_date, calendar))

    @property
    def name(self) -> str:
        """The connection's name: key prefix and tag, and the beginning of its groups' names."""
        return self.connection.name

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of document that are moved, in the order of posting."""
        return self.connection.posting.documents

    @property
    def writes_back(self) -> bool:
        """Whether ServiceTitan is told what was posted."""
        return self.connection.posting.write_back != "off"

    @property
    def servicetitan_pool(self) -> str:
        """Pool of every step that reads ServiceTitan."""
        return servicetitan_pool(self.name)

    @property
    def vantagepoint_pool(self) -> str:
        """Pool of every step that reads or writes Vantagepoint."""
        return vantagepoint_pool(self.name)

    @property
    def tags(self) -> dict[str, str]:
        """Tags of assets, jobs and runs; the run limit per connection counts by them (dagster.yaml)."""
        return {CONNECTION_TAG: self.name}

    @property
    def owners(self) -> list[str]:
        """Owners of every asset of this connection."""
        return [self.connection.owner]

    @property
    def coding_version(self) -> str:
        """Changes with every setting that decides how documents are coded."""
        decisive = [self.connection.model_dump_json(include={"coding", "posting", "start_date"})]
        return content_hash(decisive)[:8]

    @property
    def settings_version(self) -> str:
        """Changes with every setting that may give days work."""
        decisive = {"coding", "posting", "firms", "calendar", "start_date", "vantagepoint"}
        return content_hash([self.connection.model_dump_json(include=decisive)])[:16]

    def group(self, group: Group) -> str:
        """Return the name of one of this connection's groups; groups have one name space over all connections."""
        return f"{self.name}_{group}"

    def key(self, asset: str) -> dg.AssetKey:
        """Return the key of one of this connection's assets."""
        return dg.AssetKey([self.name, asset])


def servicetitan_pool(connection: str) -> str:
    """Name the pool of a connection's ServiceTitan side."""
    return f"servicetitan_{connection}"


def vantagepoint_pool(connection: str) -> str:
    """Name the pool of a connection's Vantagepoint side."""
    return f"vantagepoint_{connection}"


def partition_day(partition_key: str) -> date:
    """Read the business day a partition key names."""
    return date.fromisoformat(partition_key)
