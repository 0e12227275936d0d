"""Who may see the close reports: nobody without a password, and nothing tells a stranger anything."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.domain.errors import TransientError
from st_deltek_pipeline.services.page_users import add_user, log_in, user_of
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.site import login
from st_deltek_pipeline.store.page_users import StoredUser, find_user, open_session, remove_user
from st_deltek_pipeline_tests.site.conftest import DAY, MONTH, PASSWORD, QUICK, Site
from st_deltek_pipeline_tests.webhooks.conftest import running_receiver

PAGES = ["/close", "/close/acme", f"/close/acme/{MONTH}", f"/close/acme/{DAY}", f"/close/acme/{DAY}.csv"]


@pytest.mark.parametrize("path", [*PAGES, f"/close/acme/{DAY}/1", f"/close/no-such/{MONTH}"])
def test_without_any_user_every_page_is_closed_and_says_what_to_do(site: Site, path: str) -> None:
    answer = site.visitor().get(path)
    assert answer.status_code == 403
    assert "st-deltek close user add NAME" in answer.text


@pytest.mark.parametrize("path", [*PAGES, f"/close/no-such/{MONTH}"])
def test_a_stranger_is_led_to_the_login_whether_or_not_there_is_such_a_page(site: Site, path: str) -> None:
    add_user(site.engine, "jane", PASSWORD, cost=QUICK)
    answer = site.visitor().get(path)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/close/login?to={path}"


def test_after_the_login_one_comes_to_the_page_one_asked_for(site: Site) -> None:
    add_user(site.engine, "jane", PASSWORD, cost=QUICK)
    visitor = site.visitor()
    answer = visitor.log_in(to=f"/close/acme/{DAY}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/close/acme/{DAY}")
    assert visitor.get(f"/close/acme/{DAY}").status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    ["https://x.test/", "//x.test/close", "/\\x.test", "/closet", "close", "/close/\n", "javascript:alert(1)"],
)
def test_the_login_leads_nowhere_else(site: Site, elsewhere: str) -> None:
    add_user(site.engine, "jane", PASSWORD, cost=QUICK)
    assert site.visitor().log_in(to=elsewhere).headers["location"] == "/close"


def test_a_wrong_name_and_a_wrong_password_are_answered_alike(site: Site) -> None:
    add_user(site.engine, "jane", PASSWORD, cost=QUICK)
    answers = [site.visitor().log_in("jane", "wrong"), site.visitor().log_in("nobody", PASSWORD)]
    bodies = {answer.text.replace(site.visitor().form(), "") for answer in answers}
    assert {answer.status_code for answer in answers} == {403}
    assert all("Name and password do not go together." in body for body in bodies)
    assert {"st-deltek-close" in answer.headers.get("set-cookie", "") for answer in answers} == {False}


def test_a_name_that_there_is_not_costs_as_much_as_a_wrong_password(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    work: list[int] = []
    real = hashlib.scrypt

    def counted(password: bytes, *, n: int, **options: int) -> bytes:
        work.append(n)
        return real(password, n=QUICK, **options)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    add_user(engine, "jane", PASSWORD)
    assert log_in(engine, "jane", "wrong") is None
    assert log_in(engine, "nobody", "wrong") is None
    assert work == [1 << 17] * 3


def test_a_real_password_is_hashed_as_hard_as_advised_and_found_again(engine: Engine) -> None:
    add_user(engine, "jane", PASSWORD)
    token = log_in(engine, "jane", PASSWORD)
    assert token is not None
    found = user_of(engine, token)
    assert found is not None
    assert (found.name, found.connections) == ("jane", None)


def test_neither_passwords_nor_sessions_can_be_read_from_the_database(site: Site) -> None:
    visitor = site.reader()
    token = visitor.session.cookies["st-deltek-close"]
    with site.engine.connect() as db:
        rows = [
            *db.execute(text("SELECT * FROM vault.page_users")),
            *db.execute(text("SELECT * FROM vault.page_sessions")),
        ]
    stored = repr([tuple(bytes(each) if isinstance(each, memoryview) else each for each in row) for row in rows])
    assert PASSWORD not in stored
    assert token not in stored
    assert PASSWORD not in repr(find_user(site.engine, "jane"))


def test_the_same_password_of_two_users_is_stored_differently(engine: Engine) -> None:
    for name in ("jane", "bob"):
        add_user(engine, name, PASSWORD, cost=QUICK)
    jane, bob = find_user(engine, "jane"), find_user(engine, "bob")
    assert isinstance(jane, StoredUser)
    assert isinstance(bob, StoredUser)
    assert jane.password_hash != bob.password_hash


def test_the_sessions_cookie_is_kept_from_scripts_and_other_sites(site: Site) -> None:
    add_user(site.engine, "jane", PASSWORD, cost=QUICK)
    cookies = site.visitor().log_in().headers["set-cookie"]
    cookie = next(part for part in cookies.split(", ") if part.startswith("st-deltek-close="))
    assert {"HttpOnly", "SameSite=strict", "Path=/close", "Max-Age=43200"} <= set(cookie.split("; "))


def test_behind_https_the_cookie_is_for_https_and_this_host_only(settings: Settings, engine: Engine) -> None:
    add_user(engine, "jane", PASSWORD, cost=QUICK)
    secured = replace(settings, close_url="https://books.test/close")
    with running_receiver(secured, engine) as running:
        visitor = Site(running.url, engine, secured).visitor()
        form = visitor.get("/close/login")
        # requests keeps no Secure cookie of an http address, so it is sent by hand.
        value = form.headers["set-cookie"].partition(";")[0]
        token = value.partition("=")[2]
        answer = visitor.post(
            "/close/login", {"token": token, "name": "jane", "password": PASSWORD}, headers={"cookie": value}
        )
    cookie = next(part for part in answer.headers["set-cookie"].split(", ") if part.startswith("__Host-"))
    assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "max-age=31536000" in answer.headers["strict-transport-security"]


def test_a_login_form_of_another_site_is_refused(site: Site) -> None:
    add_user(site.engine, "jane", PASSWORD, cost=QUICK)
    fields = {"token": "x", "name": "jane", "password": PASSWORD}
    assert site.visitor().post("/close/login", fields).status_code == 403
    visitor = site.visitor()
    right = {**fields, "token": visitor.form()}
    for headers in ({"origin": "http://evil.test"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}):
        assert visitor.post("/close/login", right, headers=headers).status_code == 400
    assert visitor.post("/close/login", right).status_code == 303


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"x" * 9000, {"content-type": "application/x-www-form-urlencoded"}),
        (b"&".join(b"a%d=1" % number for number in range(20)), {"content-type": "application/x-www-form-urlencoded"}),
        (b"token=%ff%fe\xff", {"content-type": "application/x-www-form-urlencoded"}),
        (b"{}", {"content-type": "application/json"}),
        (b"", {}),
    ],
)
def test_what_is_no_form_of_ours_is_refused(site: Site, body: bytes, headers: dict[str, str]) -> None:
    answer = site.visitor().session.post(f"{site.url}/close/login", body, headers=headers, timeout=30)
    assert answer.status_code == 400


def test_guessing_is_slowed_down_without_keeping_others_out(site: Site) -> None:
    add_user(site.engine, "jane", PASSWORD, cost=QUICK)
    add_user(site.engine, "bob", PASSWORD, cost=QUICK)
    visitor = site.visitor()
    answers = [visitor.log_in("jane", "wrong guess") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    # The right one is not looked at either while one has to wait.
    assert visitor.log_in("jane").status_code == 429
    assert site.visitor().log_in("bob").status_code == 303


@pytest.mark.parametrize("name", ["ja\x00ne", "x" * 65, "\u202ejane", "\ud7ff\x07", ""])
def test_a_name_that_nobody_can_have_is_wrong_before_anything_is_counted_or_asked(site: Site, name: str) -> None:
    add_user(site.engine, "jane", PASSWORD, cost=QUICK)
    visitor = site.visitor()
    answers = [visitor.log_in(name) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [403] * 7
    assert all("Name and password do not go together." in answer.text for answer in answers)


def test_an_attempt_that_nobody_had_time_for_is_none(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    add_user(site.engine, "jane", PASSWORD, cost=QUICK)

    def busy(*_: object) -> None:
        message = "Too many pages are being made at once."
        raise TransientError(message)

    visitor = site.visitor()
    with monkeypatch.context() as patched:
        patched.setattr(login, "log_in", busy)
        assert [visitor.log_in().status_code for _ in range(7)] == [503] * 7
    assert visitor.log_in().status_code == 303


def test_only_a_known_proxy_is_believed_about_where_a_request_comes_from(settings: Settings, engine: Engine) -> None:
    add_user(engine, "jane", PASSWORD, cost=QUICK)
    trusting = replace(settings, close_proxies=frozenset({"127.0.0.1"}))
    statuses: dict[bool, list[int]] = {}
    for trusted, chosen in ((True, trusting), (False, settings)):
        with running_receiver(chosen, engine) as running:
            visitor = Site(running.url, engine, chosen).visitor()
            statuses[trusted] = [
                visitor.log_in("jane", "wrong guess", sender=f"1.2.3.4, 10.0.0.{number}").status_code
                for number in range(7)
            ]
    assert set(statuses[True]) == {403}
    assert statuses[False] == [403] * 5 + [429] * 2


def test_logging_out_ends_the_session_everywhere_and_needs_our_own_form(site: Site) -> None:
    visitor = site.reader()
    copied = site.visitor()
    copied.session.cookies.update(visitor.session.cookies)
    assert visitor.post("/close/logout", {"token": "guess"}).status_code == 403
    assert visitor.get(f"/close/acme/{DAY}").status_code == 200
    assert visitor.post("/close/logout", {"token": visitor.form("/close")}).status_code == 303
    assert copied.get("/close").status_code == 303


def test_a_session_ends_by_itself_and_with_its_user(site: Site) -> None:
    visitor = site.reader()
    remove_user(site.engine, "jane")
    add_user(site.engine, "bob", PASSWORD, cost=QUICK)
    assert visitor.get("/close").status_code == 303
    open_session(site.engine, "bob", hashlib.sha256(b"old").digest(), timedelta(seconds=-1))
    assert user_of(site.engine, "old") is None


def test_another_password_logs_out_whoever_used_the_old_one(site: Site) -> None:
    visitor = site.reader()
    add_user(site.engine, "jane", "quite another password", cost=QUICK)
    assert visitor.get("/close").status_code == 303


@pytest.mark.parametrize("cookie", ["", "x", "x" * 5000, "\u00e9".encode().decode("latin-1")])
def test_an_invented_session_is_none(site: Site, cookie: str) -> None:
    add_user(site.engine, "jane", PASSWORD, cost=QUICK)
    answer = site.visitor().get("/close", headers={"cookie": f"st-deltek-close={cookie}"})
    assert answer.status_code == 303


def test_a_link_from_another_site_asks_once_more_from_here(site: Site) -> None:
    add_user(site.engine, "jane", PASSWORD, cost=QUICK)
    answer = site.visitor().get(f"/close/acme/{DAY}", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text
    assert "acme" not in answer.text
