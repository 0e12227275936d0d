import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from st_deltek_pipeline.transport.redaction import STARS, Redactor

SECRET = "S3cr3t/+=&<value>"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"access_token": SECRET}),
        json.dumps({"Refresh_Token": SECRET, "expires_in": 1}),
        json.dumps(json.dumps({"client_secret": SECRET})),
        '{"password": "' + SECRET,
        '{"access_token":"ab\\"' + SECRET + '"}',
        f"grant_type=password&Password={quote(SECRET)}&Username=me",
        f"client_secret={quote_plus(SECRET)}",
        "Authorization: Bearer " + SECRET,
        "ST-App-Key: " + SECRET,
        '{"Authorization": "' + SECRET + '"}',
    ],
)
def test_what_follows_a_secrets_name_is_starred_out(text: str) -> None:
    shown = Redactor().text(text)
    assert "S3cr3t" not in shown
    assert STARS in shown


@pytest.mark.parametrize(
    "text",
    [
        f"nobody would expect {SECRET} here",
        f"nor {quote(SECRET, safe='')} here",
        f"nor {quote_plus(SECRET)} here",
        f"nor {json.dumps(SECRET)} here",
        "nor S3cr3t/+=&amp;&lt;value&gt; here",
        f"nor {SECRET.upper()} here",
    ],
)
def test_a_known_secret_is_starred_out_wherever_it_stands(text: str) -> None:
    assert "s3cr3t" not in Redactor(SECRET).text(text).lower()


def test_what_is_not_secret_stays_readable() -> None:
    text = '{"message": "Record 123|ABC already exists and cannot be added.", "Amount": 12.50}'
    assert Redactor(SECRET).text(text) == text


def test_learned_tokens_are_secrets_too_and_the_oldest_are_forgotten() -> None:
    redactor = Redactor()
    redactor.learn("first-token")
    assert "first-token" not in redactor.text("it was first-token")
    for number in range(40):
        redactor.learn(f"token-number-{number}")
    assert "token-number-39" not in redactor.text("token-number-39")
    assert repr(redactor) == "Redactor(...)"


@given(st.text(min_size=6, max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_no_surrounding_text_lets_a_known_secret_through(secret: str, before: str, after: str) -> None:
    assume(secret not in STARS and secret not in before + after)
    redactor = Redactor(secret)
    assume(STARS not in secret)
    for form in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]):
        shown = redactor.text(before + form + after)
        assert form not in shown.replace(STARS, "\x00") or form in before + "\x00" + after


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=8, max_size=60))
def test_form_fields_are_starred_out_whole(value: str) -> None:
    shown = Redactor().text("a=1&" + urlencode({"password": value}) + "&b=2")
    assert shown == f"a=1&password={STARS}&b=2"


@given(st.integers(8100, 8250), st.integers(4, 200))
def test_a_secret_cut_in_two_by_the_excerpts_window_does_not_show(position: int, length: int) -> None:
    secret = ("Zq" * length)[:length]
    redactor = Redactor(secret, "x" * 4000)
    # The long secrets shrink to stars, which pulls the window's end into what is shown.
    body = ("x" * 4000 + " " + "x" * 4000).encode()
    body += b"." * (position - len(body)) + secret.encode() + b"." * 500
    assert "ZqZq" not in redactor.excerpt(body, limit=1000)


def test_an_excerpt_is_one_short_line() -> None:
    shown = Redactor().excerpt(b"one\r\n\x00 two\t" + b"x" * 1000, limit=20)
    assert shown == "one two xxxxxxxxxxx…"
    assert Redactor().excerpt(b"\xff\xfe") == "\ufffd\ufffd"
