"""A receiver with close reports in it, and a browser without a picture: cookies, forms, redirects."""

import re
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, text

from st_deltek_pipeline.connections.calendars import business_calendar
from st_deltek_pipeline.connections.settings import CalendarSettings
from st_deltek_pipeline.domain.close_report import CloseReport
from st_deltek_pipeline.domain.three_way import DifferenceClass
from st_deltek_pipeline.services.page_users import add_user
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.closes import keep_close
from st_deltek_pipeline_tests.pages.close_reports import a_report, compared, difference, waiting
from st_deltek_pipeline_tests.webhooks.conftest import TIMEOUT, running_receiver, write_connection

PASSWORD = "a long enough password"
QUICK = 16
"""A work factor for tests; the real one has a test of its own."""

HOSTILE = "</style><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"

_CALENDAR = business_calendar(CalendarSettings(time_zone="America/Denver", country="US", state="CO"), 2026, 2100)
_TODAY = datetime.now(UTC).date()
START = _TODAY - timedelta(days=120)
"""The first page shows the months before today, so these days follow it."""

DAY, NEXT_DAY = list(_CALENDAR.business_days(_TODAY - timedelta(days=20), _TODAY - timedelta(days=3)))[-2:]
MONTH = f"{DAY:%Y-%m}"
A_DAY_OFF = next(day for day in (_TODAY - timedelta(days=number) for number in range(7, 14)) if day.isoweekday() == 6)


@dataclass
class Visitor:
    """Somebody with a browser."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(f"{self.url}{path}", timeout=TIMEOUT, **{"allow_redirects": False, **options})

    def post(self, path: str, fields: dict[str, str], **options: Any) -> requests.Response:
        return self.session.post(f"{self.url}{path}", fields, timeout=TIMEOUT, allow_redirects=False, **options)

    def form(self, path: str = "/close/login") -> str:
        """Return the token of a page's form."""
        found = re.search(r'name="token" value="([^"]+)"', self.get(path).text)
        assert found is not None
        return found[1]

    def log_in(
        self, name: str = "jane", password: str = PASSWORD, *, sender: str = "", **fields: str
    ) -> requests.Response:
        headers = {"x-forwarded-for": sender} if sender else {}
        form = {"token": self.form(), "name": name, "password": password, **fields}
        return self.post("/close/login", form, headers=headers)


@dataclass
class Site:
    """The site, its database and its files."""

    url: str
    engine: Engine
    settings: Settings

    def visitor(self) -> Visitor:
        return Visitor(self.url)

    def reader(self, name: str = "jane", *connections: str) -> Visitor:
        """Let somebody in, and log them in."""
        add_user(self.engine, name, PASSWORD, connections, cost=QUICK)
        visitor = self.visitor()
        assert visitor.log_in(name).status_code == 303
        return visitor


def keep_some_closes(engine: Engine) -> None:
    """Keep two days of connection acme: one closed with everything in it that there can be, one to the cent."""
    documents = [
        waiting(1, "1234.56", 0, party=HOSTILE, message=HOSTILE),
        waiting(2, "99.50", 12, "customer_firm_ambiguous"),
    ]
    found = (difference(DifferenceClass.FOREIGN, 6, "0.00", "75.00"), difference(DifferenceClass.TIMING, 7))
    keep_close(engine, _of(DAY, a_report(*documents, ledger=compared(*found, days=(DAY,)))), run_id="run-1")
    keep_close(engine, _of(NEXT_DAY, a_report(ledger=compared(days=(NEXT_DAY,)))), run_id="run-2")


def _of(day: date, report: CloseReport) -> CloseReport:
    return replace(report, first=day, last=day, days=(day,))


@pytest.fixture(scope="module")
def kept_engine(module_engine: Engine) -> Engine:
    """A database with two closes."""
    keep_some_closes(module_engine)
    return module_engine


@pytest.fixture
def engine(kept_engine: Engine) -> Generator[Engine]:
    """The module's database without a user and a session."""
    with kept_engine.begin() as db:
        db.execute(text("DELETE FROM vault.page_users"))
    yield kept_engine
    kept_engine.dispose()


@pytest.fixture
def site(settings: Settings, engine: Engine) -> Generator[Site]:
    """The site of two connections that receive no webhooks."""
    for name in ("acme", "other"):
        path = write_connection(settings, name, {"enabled": False})
        path.write_text(path.read_text().replace("2026-10-01", START.isoformat()))
    settings = replace(settings, dagster_url="http://dagster.invalid:3000")
    with running_receiver(settings, engine) as running:
        yield Site(running.url, engine, settings)
