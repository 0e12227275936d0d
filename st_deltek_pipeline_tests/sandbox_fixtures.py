"""A sandbox for tests: both systems over real HTTP in a thread of the test process."""

from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from st_deltek_pipeline.sandbox.server import RunningSandbox, Sandbox, SandboxSettings, Scenario

_TIMEOUT_SECONDS = 30
# A test may stop or starve the server between two calls; no connection waits for that.
_NOT_KEPT = {"Connection": "close"}


class SandboxUnderTest:
    """A running sandbox, and its admin endpoints as methods.

    ``running`` has addresses, credentials, ``hooks`` (faults and request log) and both twins.
    """

    def __init__(self, running: RunningSandbox) -> None:
        self.running = running
        self.hooks = running.hooks
        self.servicetitan_url = running.servicetitan_url
        self.servicetitan_auth_url = running.servicetitan_auth_url
        self.vantagepoint_url = running.vantagepoint_url
        self.admin_url = running.admin_url
        self.ready_line = running.ready_line
        self.credentials = running.credentials
        self.connection: dict[str, Any] = running.ready_line["connection"]
        # One session for all calls, and no look at the environment at each: a quarter of a small test went into that.
        self._http = requests.Session()
        self._http.trust_env = False

    def close(self) -> None:
        """End what the calls of admin endpoints need; the sandbox itself is its owner's to stop."""
        self._http.close()

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """Call an endpoint under ``/_sandbox``, and return what it answers; an error fails the test."""
        address = f"{self.admin_url}/{path.lstrip('/')}"
        answer = self._http.request(method, address, json=body, timeout=_TIMEOUT_SECONDS, headers=_NOT_KEPT)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def totals(self) -> dict[str, Any]:
        """Return counts and money totals of both systems; amounts are strings."""
        return self.admin("GET", "totals")

    def ledger(self) -> list[dict[str, Any]]:
        """Return Vantagepoint's posted ledger rows; amounts are strings."""
        return self.admin("GET", "ledger")

    def fault(self, **rule: Any) -> None:
        """Put one fault in force; the keys are those of ``sandbox.faults.FaultRule``."""
        self.admin("POST", "faults", rule)

    def no_faults(self) -> None:
        """Let everything work again."""
        self.admin("DELETE", "faults")

    def add_invoice(self, **wanted: Any) -> dict[str, Any]:
        """Add an invoice: ``date``, ``total``, ``businessUnitId``, ``customerId``, further fields."""
        return self.admin("POST", "servicetitan/invoices", wanted)

    def edit_invoice(self, invoice_id: int, *, verbatim: bool = False, **fields: Any) -> dict[str, Any]:
        """Change fields of an invoice; with ``verbatim`` the amounts need not add up afterwards."""
        query = "?verbatim=true" if verbatim else ""
        return self.admin("PATCH", f"servicetitan/invoices/{invoice_id}{query}", fields)

    def void_invoice(self, invoice_id: int) -> dict[str, Any]:
        """Void an invoice."""
        return self.admin("POST", f"servicetitan/invoices/{invoice_id}/void")

    def unpost_invoice(self, invoice_id: int) -> dict[str, Any]:
        """Un-post the batch of an invoice."""
        return self.admin("POST", f"servicetitan/invoices/{invoice_id}/unpost")

    def add_payment(self, **wanted: Any) -> dict[str, Any]:
        """Take a payment: ``splits`` of ``{invoiceId, amount}``, ``total``, ``date``, ``typeId``, further fields."""
        return self.admin("POST", "servicetitan/payments", wanted)

    def edit_payment(self, payment_id: int, *, verbatim: bool = False, **fields: Any) -> dict[str, Any]:
        """Change fields of a payment, or with ``splits`` what it pays; ``verbatim`` as for invoices."""
        query = "?verbatim=true" if verbatim else ""
        return self.admin("PATCH", f"servicetitan/payments/{payment_id}{query}", fields)

    def payment(self, payment_id: int, action: str, **wanted: Any) -> dict[str, Any]:
        """Do something with a payment: ``void``, ``unpost``, ``move``, ``apply`` or ``refund``."""
        return self.admin("POST", f"servicetitan/payments/{payment_id}/{action}", wanted)

    def add_bill(self, **wanted: Any) -> dict[str, Any]:
        """Enter a vendor's bill: ``vendorId``, ``date``, ``items`` or ``expenseItems``, further fields."""
        return self.admin("POST", "servicetitan/bills", wanted)

    def edit_bill(self, bill_id: int, *, verbatim: bool = False, **fields: Any) -> dict[str, Any]:
        """Change fields of a bill; ``verbatim`` as for invoices."""
        query = "?verbatim=true" if verbatim else ""
        return self.admin("PATCH", f"servicetitan/bills/{bill_id}{query}", fields)

    def bill(self, bill_id: int, action: str, **wanted: Any) -> dict[str, Any]:
        """Do something with a bill: ``cancel``, ``unpost`` or ``credit``."""
        return self.admin("POST", f"servicetitan/bills/{bill_id}/{action}", wanted)

    def set_period(self, period: int, *, closed: bool) -> None:
        """Close or open an accounting period."""
        self.admin("PUT", f"vantagepoint/periods/{period}", {"closed": closed})


@contextmanager
def running_sandbox(
    seed: int = 7,
    month: str = "2026-10",
    invoices: int | None = 300,
    scenario: Scenario = "clean",
    *,
    state_dir: Path | None = None,
    servicetitan: Mapping[str, Any] | None = None,
    vantagepoint: Mapping[str, Any] | None = None,
) -> Generator[SandboxUnderTest]:
    """Run a sandbox on free ports; ``servicetitan`` and ``vantagepoint`` are switches by name."""
    settings = SandboxSettings(
        seed=seed,
        month=month,
        invoices=invoices,
        scenario=scenario,
        state_dir=state_dir,
        servicetitan=servicetitan or {},
        vantagepoint=vantagepoint or {},
    )
    with Sandbox(settings).start() as running:
        under_test = SandboxUnderTest(running)
        try:
            yield under_test
        finally:
            under_test.close()


@pytest.fixture
def sandbox() -> Generator[Callable[..., SandboxUnderTest]]:
    """A function that runs a sandbox (``running_sandbox``'s arguments) until the end of the test."""
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(running_sandbox(*args, **options))


@pytest.fixture(scope="module")
def shared_sandbox() -> Generator[SandboxUnderTest]:
    """A clean month of 300 invoices, shared by a module's tests that change nothing."""
    with running_sandbox() as running:
        yield running
