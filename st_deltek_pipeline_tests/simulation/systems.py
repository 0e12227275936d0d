"""Both systems of a small contractor: a Vantagepoint database, and one ServiceTitan tenant or two that share it.

The worlds are the sandbox's generator's, cut down to a few documents, all of which are older than the connections'
start: what is posted is what a simulation's own steps make.
"""

import functools
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.sandbox.contractor.edits import new_invoice
from st_deltek_pipeline.sandbox.contractor.generate import generate
from st_deltek_pipeline.sandbox.contractor.world import World
from st_deltek_pipeline.sandbox.faults import RequestHooks
from st_deltek_pipeline.sandbox.servicetitan.app import ServiceTitanTwin, build_servicetitan_app
from st_deltek_pipeline.sandbox.servicetitan.resource import Resource
from st_deltek_pipeline.sandbox.servicetitan.switches import ServiceTitanSwitches
from st_deltek_pipeline.sandbox.servicetitan.webhook_events import Occurrence, occurrences
from st_deltek_pipeline.sandbox.state import MemoryState, Row
from st_deltek_pipeline.sandbox.vantagepoint.app import VantagepointTwin, build_vantagepoint_app
from st_deltek_pipeline.sandbox.vantagepoint.switches import VantagepointSwitches
from st_deltek_pipeline_tests.simulation.clock import VirtualClock
from st_deltek_pipeline_tests.simulation.step import PARTS
from st_deltek_pipeline_tests.simulation.wire import Network

START = date(2026, 11, 16)
"""Where the connections begin: behind every document of the generated month."""

_PART_RULES = [
    {
        "when": {"line": "item", "sku": sku},
        "give": {"wbs2": "", "wbs3": "", "account": "401.00", "section": "L", **place},
    }
    for sku, place in PARTS
]
_LIABILITY = {
    "name": "payables",
    "when": {"document": ["bill", "ap_credit"], "line": "payable"},
    "give": {"liability": "201.00"},
}
_MONTH = "2026-10"
_SEED = 7
_MODELS = 8
_OTHER_TENANT = 1_000_000
_VANTAGEPOINT = "127.0.0.1:2001"


@dataclass
class Tenant:
    """One ServiceTitan tenant.

    Attributes:
        address: Host and port.
        happened: What its webhooks have to tell and nobody was sent yet.
    """

    world: World
    twin: ServiceTitanTwin
    address: str
    happened: list[Occurrence] = field(default_factory=list)

    def tell(self, changes: Sequence[tuple[Resource, Row | None, Row]]) -> None:
        """Note what has happened."""
        self.happened += [each for change in changes for each in occurrences(*change)]


class Systems:
    """Both systems, in this thread.

    Args:
        clock: Their time.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.network = Network(clock)
        self.hooks = RequestHooks()
        self._state = MemoryState()
        world = small_world()
        self.vantagepoint: VantagepointTwin = build_vantagepoint_app(
            world.vantagepoint,
            switches=VantagepointSwitches(),
            persistence=self._state,
            hooks=self.hooks,
            clock=clock.now,
        )
        self.network.apps[_VANTAGEPOINT] = self.vantagepoint.app
        self.tenants: list[Tenant] = []
        self._open(world)

    def second_tenant(self) -> Tenant:
        """Return another company's tenant, made when it is first asked for, whose books are in the same database."""
        if len(self.tenants) == 1:
            world = small_world()
            _renumber(world)
            self._open(world)
        return self.tenants[1]

    def _open(self, world: World) -> None:
        twin = build_servicetitan_app(
            world,
            switches=ServiceTitanSwitches(rate_limit=0),
            persistence=MemoryState(),
            hooks=self.hooks,
            new_invoice=new_invoice,
            now_ns=self.clock.now_ns,
            monotonic=self.clock.monotonic,
        )
        address = f"127.0.0.1:{1001 + len(self.tenants)}"
        tenant = Tenant(world, twin, address)
        twin.book.observer = tenant.tell
        self.network.apps[address] = twin.app
        self.tenants.append(tenant)

    def connection(self, number: int, name: str, changes: dict[str, dict[str, Any]]) -> ConnectionSettings:
        """Return the settings of a connection to one of the tenants.

        Args:
            number: Of the tenant.
            name: The connection's.
            changes: By section, what differs from the usual.
        """
        tenant, books = self.tenants[number], self.tenants[0].world.vantagepoint
        plain: dict[str, Any] = {
            **tenant.world.connection,
            "coding": [*_PART_RULES, *tenant.world.connection["coding"]],
            "name": name,
            "start_date": START,
            "allow_insecure_hosts": True,
            "servicetitan": {
                "api_url": f"http://{tenant.address}",
                "auth_url": f"http://{tenant.address}",
                "tenant_id": tenant.world.servicetitan.tenant_id,
            },
            "vantagepoint": {
                "base_url": f"http://{_VANTAGEPOINT}{self.vantagepoint.base_path}",
                "database": books.database,
                "company": books.company,
                "documents_per_file": 3,
            },
        }
        for section, values in changes.items():
            plain[section] = {**plain.get(section, {}), **values}
        if plain["posting"].get("bills_as") == "journal_entry":
            plain["coding"] = [_LIABILITY, *plain["coding"]]
        return ConnectionSettings.model_validate(plain)


def small_world() -> World:
    """Return the contractor, without what no step needs; the caller may change it."""
    return pickle.loads(_pickled_world())  # noqa: S301 - pickled below


@functools.cache
def _pickled_world() -> bytes:
    world = generate(_SEED, _MONTH, invoices=_MODELS, scenario="clean")
    titan = world.servicetitan
    for table in (titan.payments, titan.credit_memos, titan.credit_memo_items, titan.bank_deposits, titan.ap_credits):
        table.clear()
    titan.bank_deposit_transactions.clear()
    return pickle.dumps(world)


def _renumber(world: World) -> None:
    """Make a tenant another one: other ids of documents, the same customers and vendors."""
    titan = world.servicetitan
    titan.tenant_id += _OTHER_TENANT
    for table in (titan.invoices,):
        for key, row in list(table.items()):
            del table[key]
            table[key + _OTHER_TENANT] = {
                **row,
                "id": key + _OTHER_TENANT,
                "referenceNumber": f"9{row['referenceNumber'][1:]}",
            }
