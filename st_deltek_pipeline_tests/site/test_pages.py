"""What the site serves: the first page, days, months, what was kept, CSV; each kept to itself, and none in webhooks' way."""

import asyncio
import csv
import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from sqlalchemy import text

from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.services.page_users import PageUser
from st_deltek_pipeline.site.workers import Workers
from st_deltek_pipeline_tests.site.conftest import A_DAY_OFF, DAY, HOSTILE, MONTH, NEXT_DAY, Site
from st_deltek_pipeline_tests.webhooks.conftest import TIMEOUT


def test_the_first_page_has_every_connection_its_days_and_its_selections(site: Site) -> None:
    page = site.reader().get("/close").text
    for said in ('id="connection-acme"', 'id="connection-other"', f"/close/acme/{DAY}", "Closed to the cent."):
        assert said in page
    assert "2 documents wait, 1,334.06; 1 posting of others in Vantagepoint&#39;s ledger." in page
    assert "http://dagster.invalid:3000/asset-groups~group%3A%22acme_posted%22" in page


@pytest.mark.parametrize("path", [f"/close/acme/{MONTH}", f"/close/acme/{DAY}"])
def test_a_day_and_a_month_have_their_pages_and_their_csv(site: Site, path: str) -> None:
    reader = site.reader()
    page = reader.get(path)
    assert page.status_code == 200
    assert f"{path}.csv" in page.text
    answer = reader.get(f"{path}.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="close-acme-{path.rpartition("/")[2]}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert rows[0]["line"] == "verdict"


def test_a_day_shows_what_has_changed_since_it_was_closed_and_what_it_said_then(site: Site) -> None:
    reader = site.reader()
    now = reader.get(f"/close/acme/{DAY}").text
    assert "when it said: <em>2 documents wait" in now
    assert "waited at the close, and does not now" in now
    then = reader.get(f"/close/acme/{DAY}/1").text
    assert "This is what close 1 said then" in then
    assert "1,234.56" in then


def test_hostile_names_arrive_as_text(site: Site) -> None:
    """T39: over HTTP as well."""
    page = site.reader().get(f"/close/acme/{DAY}/1").text
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    "path",
    [
        f"/close/no_such/{MONTH}",
        f"/close/acme/{A_DAY_OFF}",
        "/close/acme/2026-13",
        "/close/acme/2026-02-30",
        "/close/acme/0000-00-00",
        "/close/acme/9999-12",
        "/close/acme/1999-01-04",
        "/close/acme/all",
        f"/close/acme/{DAY}/99",
        f"/close/acme/{MONTH}/1",
        f"/close/..%2f..%2fetc%2fpasswd/{MONTH}",
        f"/close/ACME/{MONTH}",
    ],
)
def test_what_there_is_not_is_not_found(site: Site, path: str) -> None:
    answer = site.reader().get(path)
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


def test_who_may_see_one_connection_learns_of_no_other(site: Site) -> None:
    reader = site.reader("bob", "other")
    page = reader.get("/close").text
    assert "connection-other" in page
    assert "acme" not in page
    refused = reader.get(f"/close/acme/{DAY}")
    assert refused.status_code == 404
    assert refused.text == reader.get(f"/close/no_such/{DAY}").text
    assert [reader.get(f"/close/acme{rest}").status_code for rest in ("", f"/{MONTH}.csv", f"/{DAY}/1")] == [404] * 3
    assert not PageUser("bob", ()).may_see("acme")


def test_a_connection_leads_to_its_month(site: Site) -> None:
    answer = site.reader().get("/close/acme")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/close/acme/20")


@pytest.mark.parametrize(
    "path", ["/close", "/close/login", f"/close/acme/{DAY}", f"/close/acme/{DAY}.csv", "/close/x/y"]
)
@pytest.mark.parametrize("logged_in", [True, False])
def test_every_answer_is_kept_to_itself(site: Site, path: str, *, logged_in: bool) -> None:
    visitor = site.reader() if logged_in else site.visitor()
    headers = visitor.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers
    assert "strict-transport-security" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed_from_here(site: Site, method: str) -> None:
    reader = site.reader()
    answer = reader.session.request(method, f"{site.url}/close/acme/{DAY}", timeout=TIMEOUT)
    assert answer.status_code == 405


def test_figures_that_somebody_changed_are_not_shown_and_said_to_be_broken(site: Site) -> None:
    with site.engine.begin() as db:
        db.execute(text("ALTER TABLE journal.closes DISABLE TRIGGER ALL"))
        db.execute(
            text(
                "UPDATE journal.closes SET figures = figures || ' ' WHERE number = 1 AND connection = 'acme' AND state = 'closed'"
            )
        )
    try:
        answer = site.reader().get(f"/close/acme/{NEXT_DAY}/1")
        assert answer.status_code == 500
        assert "is not what was kept then" in answer.text
    finally:
        with site.engine.begin() as db:
            db.execute(
                text(
                    "UPDATE journal.closes SET figures = trim(figures) WHERE number = 1 AND connection = 'acme' AND state = 'closed'"
                )
            )
            db.execute(text("ALTER TABLE journal.closes ENABLE TRIGGER ALL"))


def test_webhooks_and_health_are_answered_while_every_place_for_pages_is_taken(site: Site) -> None:
    reader = site.reader()
    blocker = site.engine.connect()
    # Whoever makes a page waits for this lock, until every place for pages is taken.
    blocker.execute(text("LOCK TABLE journal.closes IN ACCESS EXCLUSIVE MODE"))
    cookies = dict(reader.session.cookies)
    statuses: list[int] = []
    refused = threading.Event()

    def read() -> None:
        answer = requests.get(f"{site.url}/close", cookies=cookies, timeout=TIMEOUT)
        statuses.append(answer.status_code)
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "10"
            refused.set()

    with ThreadPoolExecutor(24) as pool:
        reading = [pool.submit(read) for _ in range(24)]
        assert refused.wait(TIMEOUT)
        # The threads for pages wait; the loop that takes webhooks does not.
        assert requests.get(f"{site.url}/healthz", timeout=5).status_code == 200
        signed = requests.post(f"{site.url}/webhooks/acme/servicetitan", b"{}", timeout=5)
        assert signed.status_code == 401
        blocker.close()
        for each in reading:
            each.result()
    assert statuses.count(200) >= 18
    assert set(statuses) == {200, 503}


def test_what_is_given_up_on_still_takes_its_place_until_it_has_ended() -> None:
    go_on = threading.Event()

    async def scenario() -> None:
        workers = Workers("test", threads=1, waiting=0, seconds=0.05)
        try:
            with pytest.raises(TransientError, match="took too long"):
                await workers.run(go_on.wait)
            with pytest.raises(TransientError, match="at once"):
                await workers.run(lambda: None)
            go_on.set()
            deadline = asyncio.get_running_loop().time() + TIMEOUT
            while True:
                try:
                    found = await workers.run(lambda: 7)
                except TransientError:
                    assert asyncio.get_running_loop().time() < deadline
                    await asyncio.sleep(0.01)
                else:
                    assert found == 7
                    return
        finally:
            workers.stop()

    asyncio.run(scenario())
