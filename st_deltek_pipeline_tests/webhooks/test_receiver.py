"""The receiver over HTTP: what is kept, what is turned away, and that what is answered 200 is in the database."""

import json
import random
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest
import requests
from sqlalchemy import Engine, create_engine, text
from sqlalchemy import event as sqlalchemy_event

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.webhook_signatures import SignatureEncoding, signature
from st_deltek_pipeline.services.webhook_keys import retire_previous, store_key
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.vault import open_vault
from st_deltek_pipeline.webhooks.limits import Limits
from st_deltek_pipeline.webhooks.server import Receiver
from st_deltek_pipeline_tests.webhooks.conftest import (
    HEADER,
    KEY,
    TENANT,
    TIMEOUT,
    RunningReceiver,
    event,
    prepare,
    running_receiver,
    signed,
    write_connection,
)

_OTHER_KEY = "fedcba9876543210" * 2


def _eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + TIMEOUT
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_a_delivery_is_kept_once_told_of_once_and_answered_200(receiver: RunningReceiver) -> None:
    """T23: again under another id, and byte for byte."""
    first = receiver.send(event(1))
    assert (first.status_code, first.json()) == (200, {"message": "Kept."})
    # ServiceTitan's own repetitions have another id; a replay of the very same bytes is one too.
    repeated = event(1)
    assert [receiver.send(repeated).status_code for _ in range(2)] == [200, 200]
    assert receiver.rows() == [(1, "waiting", 3)]
    assert receiver.send(event(2)).status_code == 200
    assert _eventually(lambda: len(receiver.told) == 2)
    assert receiver.told == [{"acme"}, {"acme"}]


def test_deliveries_of_many_at_once_in_any_order_are_each_kept(receiver: RunningReceiver) -> None:
    """T24: events in any order, many at once."""
    sent = [event(number % 40 + 1) for number in range(120)]
    random.Random(5).shuffle(sent)
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda each: receiver.send(each).status_code, sent))
    assert set(statuses) == {200}
    rows = receiver.rows()
    assert sorted(rows) == [(number, "waiting", 3) for number in range(1, 41)]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {HEADER: ""},
        {HEADER: "0" * 64},
        {HEADER: "sha256="},
        {"x-other": "a" * 64},
        {HEADER: "\x80\xff" * 20},
    ],
)
def test_an_unsigned_or_wrongly_signed_delivery_is_turned_away(
    receiver: RunningReceiver, headers: dict[str, str]
) -> None:
    """T25: missing."""
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    assert receiver.send(event(1), headers=encoded).status_code == 401  # pyright: ignore[reportArgumentType]
    assert receiver.rows() == []


def test_a_tampered_body_is_turned_away(receiver: RunningReceiver, caplog: pytest.LogCaptureFixture) -> None:
    """T25: one byte changed, or another key."""
    body = json.dumps(event(1)).encode()
    tampered = body.replace(b'"id": 1}', b'"id": 2}')
    assert tampered != body
    for _ in range(5):
        assert receiver.send(tampered, headers=signed(body)).status_code == 401
    assert receiver.send(body, headers={HEADER: signature(body, _OTHER_KEY, SignatureEncoding.HEX)}).status_code == 401
    assert receiver.rows() == []
    assert receiver.receiver.app.refusals.counts["not rightly signed"] == 6
    said = [record.getMessage() for record in caplog.records if "Turned away" in record.getMessage()]
    assert said == ["Turned away: not rightly signed (1 since last told, the last one for acme)."]


def test_nothing_tells_which_connections_there_are(receiver: RunningReceiver) -> None:
    known, unknown = (
        receiver.send(event(1), headers={HEADER: "0" * 64}, connection=name) for name in ("acme", "bravo")
    )
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (401, unknown.content)
    assert set(known.headers) == set(unknown.headers)
    assert receiver.send(event(1), connection="bravo").status_code == 401
    assert receiver.rows() == []


@pytest.mark.parametrize(
    ("body", "status", "state", "reason"),
    [
        (event(1, type="tn.crm.lead-created"), 200, "not_needed", "no record of this type is moved"),
        (event(1, data={"invoice": {"id": 1}, "tenantId": TENANT + 1}), 403, "refused", "it is of another tenant"),
        (event(1, data={}), 400, "refused", "it does not say which record it is about"),
        (b"<xml/>", 400, "refused", "it is not a JSON object"),
        (b"[]", 400, "refused", "it is not a JSON object"),
        (b"", 400, "refused", "it is not a JSON object"),
        (json.dumps(event(1)).encode()[:-20], 400, "refused", "it is not a JSON object"),
    ],
)
def test_what_is_rightly_signed_is_kept_with_what_is_wrong_with_it(
    receiver: RunningReceiver, body: object, status: int, state: str, reason: str
) -> None:
    """T30: another tenant, an unknown type, no JSON; all rightly signed."""
    assert [receiver.send(body).status_code for _ in range(2)] == [status, status]
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert receiver.rows("state, reason, deliveries, body") == [(state, reason, 2, content)]
    assert receiver.told == []


def test_a_delivery_refused_for_its_tenant_is_taken_once_the_setting_is_corrected(receiver: RunningReceiver) -> None:
    write_connection(receiver.settings, "acme", {"enabled": True}, tenant=TENANT + 1)
    assert _eventually(lambda: receiver.send(event(1)).status_code == 403)
    write_connection(receiver.settings, "acme", {"enabled": True})
    assert _eventually(lambda: receiver.send(event(1)).status_code == 200)
    assert [row[1] for row in receiver.rows(where="state = 'waiting'")] == ["waiting"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_413_whether_announced_or_not(receiver: RunningReceiver, *, chunked: bool) -> None:
    """T27: over the limit, announced or in chunks."""
    largest = Limits().body_bytes
    filling = event(1, filling="")
    fits = json.dumps({**filling, "filling": "x" * (largest - len(json.dumps(filling)))}).encode()
    assert len(fits) == largest
    for body, status in ((fits, 200), (fits + b" ", 413)):
        pieces = (body[place : place + 100_000] for place in range(0, len(body), 100_000))
        answer = requests.post(
            f"{receiver.url}/webhooks/acme/servicetitan",
            data=pieces if chunked else body,
            headers=signed(body),
            timeout=TIMEOUT,
        )
        assert answer.status_code == status
    assert receiver.rows() == [(1, "waiting", 1)]


def _answer(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    answer = b""
    try:
        while piece := connection.recv(65_536):
            answer += piece
    except ConnectionResetError:
        pass
    return answer


def test_an_absurd_announcement_is_413_before_anything_is_sent(receiver: RunningReceiver) -> None:
    with receiver.raw() as connection:
        connection.sendall(
            b"POST /webhooks/acme/servicetitan HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999999\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_an_endless_head_is_refused(receiver: RunningReceiver) -> None:
    """T27: headers without end."""
    with receiver.raw() as connection:
        connection.sendall(b"POST /webhooks/acme/servicetitan HTTP/1.1\r\nx-long: " + b"x" * 40_000)
        assert _answer(connection).startswith(b"HTTP/1.1 400 ")


def test_a_cut_off_delivery_is_not_kept(receiver: RunningReceiver) -> None:
    body = json.dumps(event(1)).encode()
    head = f"POST /webhooks/acme/servicetitan HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
    head += f"{HEADER}: {signature(body, KEY, SignatureEncoding.HEX)}\r\n\r\n"
    with receiver.raw() as connection:
        connection.sendall(head.encode() + body[:-5])
    assert _eventually(lambda: receiver.receiver.app.refusals.counts["cut off or too slow"] == 1)
    assert receiver.rows() == []
    assert receiver.send(body).status_code == 200


def test_other_addresses_are_404_and_another_method_405(receiver: RunningReceiver) -> None:
    for path in ("/", "/webhooks", "/webhooks/acme", "/webhooks/acme/other", "/webhooks/acme/servicetitan/x"):
        assert requests.get(receiver.url + path, timeout=TIMEOUT).status_code == 404
    assert requests.get(f"{receiver.url}/webhooks/acme/servicetitan", timeout=TIMEOUT).status_code == 405


def test_both_keys_are_in_force_until_the_old_one_is_retired(receiver: RunningReceiver) -> None:
    """T25: old and new secret while it is rotated."""
    vault = open_vault(receiver.engine, receiver.settings)

    def status(number: int, key: str) -> int:
        body = json.dumps(event(number)).encode()
        return receiver.send(body, headers=signed(body, key)).status_code

    assert status(1, _OTHER_KEY) == 401
    store_key(vault, "acme", _OTHER_KEY)
    assert _eventually(lambda: status(2, _OTHER_KEY) == 200)
    assert status(3, KEY) == 200
    retire_previous(vault, "acme")
    assert _eventually(lambda: status(4, KEY) == 401)
    assert status(5, _OTHER_KEY) == 200


def test_the_header_and_the_encoding_are_the_connections_own(settings: Settings, engine: Engine) -> None:
    write_connection(
        settings, "acme", {"enabled": True, "signature_headers": ["X-Own"], "signature_encodings": ["base64"]}
    )
    store_key(open_vault(engine, settings), "acme", KEY)
    body = json.dumps(event(1)).encode()
    hexadecimal, base64 = (signature(body, KEY, encoding, prefix=True) for encoding in SignatureEncoding)
    with running_receiver(settings, engine) as running:
        assert running.send(body, headers={HEADER: base64}).status_code == 401
        assert running.send(body, headers={"X-Own": hexadecimal}).status_code == 401
        assert running.send(body, headers={"X-Own": base64}).status_code == 200


def test_it_refuses_to_start_for_a_connection_without_a_key(settings: Settings, engine: Engine) -> None:
    """T25: no secret configured."""
    prepare(settings, engine)
    write_connection(settings, "bravo", {"enabled": True})
    with pytest.raises(ConfigurationError, match=r"enabled for bravo, but .* st-deltek webhooks key bravo"):
        Receiver(settings, engine, host="127.0.0.1", port=0)


def test_a_broken_file_turns_away_its_own_connection_only(receiver: RunningReceiver) -> None:
    write_connection(receiver.settings, "bravo", {"enabled": True})
    store_key(open_vault(receiver.engine, receiver.settings), "bravo", KEY)
    assert _eventually(lambda: receiver.send(event(1), connection="bravo").status_code == 200)
    (receiver.settings.connections_dir / "bravo.yaml").write_text("name: bravo\nnonsense: true\n")
    assert _eventually(lambda: receiver.send(event(2), connection="bravo").status_code == 401)
    assert receiver.send(event(3)).status_code == 200


def test_a_connection_whose_webhooks_are_disabled_receives_none(receiver: RunningReceiver) -> None:
    write_connection(receiver.settings, "acme", {"enabled": False})
    assert _eventually(lambda: receiver.send(event(1)).status_code == 401)


def test_a_taken_port_is_named(receiver: RunningReceiver) -> None:
    port = receiver.address[1]
    with pytest.raises(ConfigurationError, match=f"cannot listen on port {port} of 127.0.0.1.*--port"):
        Receiver(receiver.settings, receiver.engine, host="127.0.0.1", port=port)


def test_health_tells_nothing_secret(receiver: RunningReceiver) -> None:
    alive, ready = (requests.get(f"{receiver.url}/{path}", timeout=TIMEOUT) for path in ("healthz", "readyz"))
    assert (alive.status_code, alive.json()) == (200, {"alive": True})
    assert (ready.status_code, ready.json()) == (
        200,
        {"ready": True, "problem": "", "connections": 1, "waiting": 0},
    )


def test_a_receiver_whose_database_is_newer_than_it_says_so_and_loses_nothing(receiver: RunningReceiver) -> None:
    """T54: what watches it replaces it; until then every delivery is kept, for the version that comes after it."""
    with receiver.engine.begin() as db:
        db.execute(text("UPDATE migrations.alembic_version SET version_num = '9999_from_the_future'"))
    assert _eventually(lambda: requests.get(f"{receiver.url}/readyz", timeout=TIMEOUT).status_code == 503)
    answer = requests.get(f"{receiver.url}/readyz", timeout=TIMEOUT).json()
    assert answer["problem"] == "the database's schema is not this version's"
    assert receiver.send(event(7)).status_code == 200
    with receiver.engine.connect() as db:
        assert db.scalars(text("SELECT record_id FROM inbox.events")).all() == [7]


def _outage(engine: Engine, *, on: bool) -> None:
    """Close the database for everybody, or open it again."""
    parts = engine.url
    administration = psycopg2.connect(host=parts.query["host"], user=parts.username, dbname="postgres")
    try:
        administration.autocommit = True
        with administration.cursor() as cursor:
            cursor.execute(f'ALTER DATABASE "{parts.database}" ALLOW_CONNECTIONS {"false" if on else "true"}')
            if on:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (parts.database,)
                )
    finally:
        administration.close()


def test_while_the_database_is_down_503_is_answered_and_nothing_acknowledged_is_lost(receiver: RunningReceiver) -> None:
    """T10, T11: no database for the inbox: 503, nothing acknowledged is lost."""
    acknowledged: set[int] = set()
    refused: set[int] = set()
    stop = threading.Event()

    def send(numbers: range) -> None:
        for number in numbers:
            answer = receiver.send(event(number))
            assert answer.status_code in {200, 503}
            (acknowledged if answer.status_code == 200 else refused).add(number)
            if answer.status_code == 503:
                assert int(answer.headers["retry-after"]) > 0
            if stop.is_set():
                return

    senders = [threading.Thread(target=send, args=(range(start, 100_000, 4),)) for start in range(1, 5)]
    for sender in senders:
        sender.start()
    assert _eventually(lambda: len(acknowledged) > 20)
    _outage(receiver.engine, on=True)
    try:
        assert _eventually(lambda: len(refused) > 20)
        assert _eventually(lambda: requests.get(f"{receiver.url}/readyz", timeout=TIMEOUT).status_code == 503)
        assert requests.get(f"{receiver.url}/healthz", timeout=TIMEOUT).status_code == 200
        before = len(acknowledged)
    finally:
        _outage(receiver.engine, on=False)
    assert _eventually(lambda: len(acknowledged) > before + 20)
    stop.set()
    for sender in senders:
        sender.join(TIMEOUT)
    kept = {row[0] for row in receiver.rows()}
    assert acknowledged <= kept
    # What was refused is sent again by ServiceTitan.
    assert {receiver.send(event(number)).status_code for number in sorted(refused - kept)[:5]} == {200}


def test_a_commit_waits_for_the_disk_whatever_the_servers_default(receiver: RunningReceiver) -> None:
    """T28: the commit waits for the disk."""
    found: list[str] = []

    def look(db: object) -> None:
        with db.connection.cursor() as cursor:  # pyright: ignore[reportAttributeAccessIssue]
            cursor.execute("SHOW synchronous_commit")
            found.append(cursor.fetchone()[0])

    with receiver.engine.connect() as db:
        assert db.scalar(text("SHOW synchronous_commit")) == "off"
    sqlalchemy_event.listen(receiver.engine, "commit", look)
    try:
        assert receiver.send(event(1)).status_code == 200
    finally:
        sqlalchemy_event.remove(receiver.engine, "commit", look)
    assert "on" in found


def test_a_full_queue_is_503_and_what_waits_is_answered_when_the_database_goes_on(
    settings: Settings, engine: Engine
) -> None:
    prepare(settings, engine)
    other = create_engine(engine.url)
    with running_receiver(settings, engine, Limits(waiting=2)) as running, ThreadPoolExecutor(9) as pool:
        with other.begin() as blocking:
            blocking.execute(text("LOCK TABLE inbox.events IN ACCESS EXCLUSIVE MODE"))
            sent = [pool.submit(running.send, event(number)) for number in range(1, 9)]
            # Some are with the blocked writer, two wait, and the others are turned away at once.
            assert _eventually(lambda: sum(each.done() for each in sent) >= 3)
            assert {each.result().status_code for each in sent if each.done()} == {503}
        statuses = [each.result().status_code for each in sent]
        assert statuses.count(200) == len(running.rows()) > 0
    other.dispose()


def test_slow_senders_are_given_up_and_keep_no_quick_one_waiting(settings: Settings, engine: Engine) -> None:
    """T27: slow senders."""
    prepare(settings, engine)
    head = b"POST /webhooks/acme/servicetitan HTTP/1.1\r\nhost: x\r\n"
    with running_receiver(settings, engine, Limits(request_seconds=1.0)) as running:
        slow = [running.raw() for _ in range(3)]
        slow[1].sendall(head)
        slow[2].sendall(head + b"content-length: 100\r\n\r\n12345")
        assert running.send(event(1)).status_code == 200
        answers = [_answer(connection) for connection in slow]
        assert [answer[:13] for answer in answers] == [b"HTTP/1.1 408 "] * 3
        # One that goes on sending a little does not get more time.
        with running.raw() as dripping:
            dripping.sendall(head)
            answer = b""
            dripping.settimeout(0.05)
            deadline = time.monotonic() + TIMEOUT
            while not answer and time.monotonic() < deadline:
                dripping.sendall(b"x: y\r\n")
                try:
                    answer = dripping.recv(100)
                except TimeoutError:
                    continue
            assert answer.startswith(b"HTTP/1.1 408 ")
        for connection in slow:
            connection.close()
        assert running.rows() == [(1, "waiting", 1)]


def test_when_all_connections_are_taken_the_slowest_makes_room(settings: Settings, engine: Engine) -> None:
    """T27: idle connections."""
    prepare(settings, engine)
    with running_receiver(settings, engine, Limits(connections=3)) as running:
        slow = [running.raw() for _ in range(3)]
        for connection in slow:
            connection.sendall(b"POST /webhooks/acme/servicetitan HTTP/1.1\r\n")
        assert running.send(event(1)).status_code == 200
        assert _answer(slow[0]).startswith(b"HTTP/1.1 408 ")
        for connection in slow:
            connection.close()


def test_too_many_bodies_at_once_are_503(settings: Settings, engine: Engine) -> None:
    prepare(settings, engine)
    with running_receiver(settings, engine, Limits(all_bodies_bytes=5_000)) as running:
        body = b" " * 6_000
        assert running.send(body).status_code == 503
        # What was read of it is given back.
        assert [running.send(event(number, filling="x" * 4_000)).status_code for number in (1, 2)] == [200, 200]


def test_a_keep_alive_connection_brings_many_deliveries(receiver: RunningReceiver) -> None:
    with requests.Session() as session:
        for number in range(1, 30):
            body = json.dumps(event(number)).encode()
            url = f"{receiver.url}/webhooks/acme/servicetitan"
            assert session.post(url, data=body, headers=signed(body), timeout=TIMEOUT).status_code == 200
    assert len(receiver.rows()) == 29


def test_what_cannot_be_announced_is_kept_all_the_same(settings: Settings, engine: Engine, tmp_path: Path) -> None:
    prepare(settings, engine)
    failed = tmp_path / "failed"

    def on_new(_names: set[str]) -> None:
        failed.touch()
        raise OSError

    receiver = Receiver(settings, engine, host="127.0.0.1", port=0, on_new=on_new)
    ready = threading.Event()
    thread = threading.Thread(target=lambda: receiver.run(ready.set))
    thread.start()
    assert ready.wait(TIMEOUT)
    try:
        running = RunningReceiver(receiver, engine, settings)
        assert running.send(event(1)).status_code == 200
        assert _eventually(failed.exists)
        assert running.send(event(2)).status_code == 200
        assert len(running.rows()) == 2
    finally:
        receiver.ask_to_stop()
        thread.join(TIMEOUT)
