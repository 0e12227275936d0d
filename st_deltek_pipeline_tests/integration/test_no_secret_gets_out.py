"""Canaries in every secret there is, the whole product run well and badly as the least role, and every output searched."""

import contextlib
import dataclasses
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text

from st_deltek_pipeline.cli.main import run
from st_deltek_pipeline.domain.standard_webhooks import secret_of
from st_deltek_pipeline.orchestration.instance_storage import InstanceStorage
from st_deltek_pipeline.sandbox import server as sandbox_server
from st_deltek_pipeline.services.clients import servicetitan_client, vantagepoint_client
from st_deltek_pipeline.services.webhook_keys import store_key
from st_deltek_pipeline.settings import load_settings
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.roles import Role
from st_deltek_pipeline.store.vault import load_keyring, open_vault
from st_deltek_pipeline.transport.session import HttpSession
from st_deltek_pipeline_tests.mail_server import MailServer, certificate
from st_deltek_pipeline_tests.orchestration.installations import Installation, installed
from st_deltek_pipeline_tests.role_fixtures import LoginEngine, logins_of
from st_deltek_pipeline_tests.sandbox_fixtures import running_sandbox
from st_deltek_pipeline_tests.scripted_server import Call, Reply, ScriptedServer, json_reply
from st_deltek_pipeline_tests.webhooks.conftest import event, running_receiver, signed

DAY = ("--from", "2026-10-06", "--to", "2026-10-06", "--json")
CANARY = "CaNaRy"
DATABASE_PASSWORD = f"{CANARY}-of-the-database"
WEBHOOK_KEY = f"{CANARY}-of-the-webhooks-00000000000"
ALERT_SECRET = secret_of(f"{CANARY}-of-the-alerts-000000".encode())
SMTP = {"smtp_username": f"{CANARY}-mail-user", "smtp_password": f"{CANARY}-mail-password"}
MASTER_KEY = Fernet.generate_key().decode()
# What has no room for the word itself.
WHOLE = (MASTER_KEY, ALERT_SECRET, ALERT_SECRET.removeprefix("whsec_"))
_TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""


@dataclass
class Aftermath:
    """What everything left behind: texts by where they were seen."""

    installation: Installation
    logins: LoginEngine
    owner: Engine
    echo: ScriptedServer
    mail: MailServer
    folder: Path
    codes: dict[str, int] = field(default_factory=dict[str, int])
    seen: dict[str, str] = field(default_factory=dict[str, str])

    def command(self, name: str, *words: str, given: object = None) -> None:
        """Run a command in this process, and keep what it says."""
        output, errors = io.StringIO(), io.StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
        ):
            if given is not None:
                patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(given).encode())))
            self.codes[name] = run(list(words))
        self.seen[name] = output.getvalue() + errors.getvalue()


def _echo(call: Call) -> Reply:
    if call.path.endswith("/token") and "grant_type" in call.body.decode():
        return json_reply(
            {"access_token": f"at.{CANARY}.echo", "expires_in": 900, "refresh_token": f"rt.{CANARY}.echo"}
        )
    told = json.dumps({"headers": call.headers, "body": call.body.decode(), "query": call.query})
    return Reply(400, json.dumps({"message": told, "title": told}).encode(), {"Content-Type": "application/json"})


@contextlib.contextmanager
def _canaries_everywhere() -> Iterator[None]:
    """Let the sandbox's credentials, and the tokens it gives out, be canaries."""
    generate = sandbox_server.generate

    def generated(*args: Any, **options: Any) -> Any:
        world = generate(*args, **options)
        titan = {name: f"{CANARY}-titan-{name}" for name in ("client_id", "client_secret", "app_key")}
        names = ("username", "password", "client_id", "client_secret")
        office = {name: f"{CANARY}-office-{name}&=" for name in names}
        return dataclasses.replace(
            world,
            servicetitan=dataclasses.replace(world.servicetitan, **titan),
            vantagepoint=dataclasses.replace(world.vantagepoint, **office),
        )

    counted = iter(range(1000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox_server, "generate", generated)
        for module in ("servicetitan.access", "vantagepoint.auth"):
            path = f"st_deltek_pipeline.sandbox.{module}.secrets.token_urlsafe"
            patch.setattr(path, lambda _: f"token.{CANARY}.{next(counted):04}")
        yield


@pytest.fixture(scope="module")
def aftermath(
    copied_database: Callable[[str], AbstractContextManager[Engine]],
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[Aftermath]:
    folder = tmp_path_factory.mktemp("canaries")
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    level = root.level
    with ExitStack() as stack:
        stack.callback(root.setLevel, level)
        stack.callback(root.removeHandler, handler)
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        stack.enter_context(_canaries_everywhere())
        sandbox = stack.enter_context(running_sandbox(invoices=20))
        owner = stack.enter_context(copied_database(migrated_template))
        logins = stack.enter_context(logins_of(owner))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("ST_DELTEK_MASTER_KEY", MASTER_KEY)
        pem = certificate(folder)
        patch.setenv("SSL_CERT_FILE", str(pem))
        with_password = logins(Role.APP).url.set(password=DATABASE_PASSWORD).render_as_string(hide_password=False)
        app = engine_for(with_password)
        stack.callback(app.dispose)
        installation = stack.enter_context(installed(app, folder / "installation", sandbox))
        echo = stack.enter_context(ScriptedServer())
        echo.script = _echo
        mail = stack.enter_context(MailServer(pem=pem, users={"nobody": "else"}))
        done = Aftermath(installation, logins, owner, echo, mail, folder)
        _well(done)
        _badly(done, patch)
        _received(done)
        _from_outside(done)
        done.seen["log"] = log.getvalue()
        yield done


def _well(done: Aftermath) -> None:
    done.command("sync", "sync", "acme", *DAY)
    done.command("check", "connection", "check", "acme", "--json")
    done.command("list", "connection", "list", "--json")
    done.command("status", "database", "status", "--json")


def _badly(done: Aftermath, patch: pytest.MonkeyPatch) -> None:
    installation = done.installation
    installation.store_credentials(vantagepoint={"password": f"{CANARY}-wrong-password"})
    done.command("login refused", "sync", "acme", *DAY)
    installation.store_credentials(servicetitan={"client_secret": f"{CANARY}-wrong-secret"})
    done.command("check of a refused login", "connection", "check", "acme", "--json")
    installation.store_credentials()
    ready = installation.sandbox.ready_line
    servicetitan = {
        "api_url": done.echo.url,
        "auth_url": done.echo.url,
        "tenant_id": ready["servicetitan"]["tenant_id"],
    }
    alerts = {
        "webhook_url": f"{done.echo.url}/hook",
        "email": {
            "to": ["a@example.com"],
            "from": "b@example.com",
            "smtp_host": "127.0.0.1",
            "smtp_port": done.mail.port,
        },
    }
    installation.write_file(servicetitan=servicetitan, alerts=alerts)
    done.command("secrets echoed", "sync", "acme", *DAY)
    done.command("check of an echo", "connection", "check", "acme", "--json")
    done.command("alert secrets", "alerts", "secret", "acme", given={"webhook_secret": ALERT_SECRET, **SMTP})
    done.command("alerts", "alerts", "test", "acme", "--json")
    installation.write_file()
    with pytest.MonkeyPatch.context() as bug:
        bug.setattr(HttpSession, "_exchange", lambda *_: {}["a bug of ours"])
        done.command("a bug", "sync", "acme", *DAY)
    urls = done.folder / "elsewhere"
    urls.write_text(f"postgresql://nobody:{CANARY}-of-nobody@127.0.0.1:9/none")  # pragma: allowlist secret
    patch.setenv("ST_DELTEK_DATABASE_URL", urls.read_text())
    done.command("no database", "sync", "acme", *DAY)
    done.command("status of no database", "database", "status", "--json")
    patch.setenv("ST_DELTEK_DATABASE_URL", installation.engine.url.render_as_string(hide_password=False))
    done.command("roles by somebody who may not", "database", "roles", "--apply", "--login", f"ui={urls}")
    urls.unlink()


def _received(done: Aftermath) -> None:
    installation = done.installation
    installation.write_file(webhooks={"enabled": True})
    store_key(open_vault(installation.engine, installation.settings), "acme", WEBHOOK_KEY)
    tenant = installation.connection.servicetitan.tenant_id
    body = json.dumps(event(1, data={"invoice": {"id": 1}, "tenantId": tenant})).encode()
    with running_receiver(installation.settings, installation.engine) as receiver:
        assert receiver.send(body, signed(body, WEBHOOK_KEY)).status_code == 200
        headers = {"x-servicetitan-signature": WEBHOOK_KEY}
        done.seen["receiver"] = "".join(receiver.send(body, headers).text for _ in range(3))


def _from_outside(done: Aftermath) -> None:
    """Start the receiver as the services of ``deploy`` do, and look at it as another account would."""
    files = {}
    for name, value in (
        ("ST_DELTEK_DATABASE_URL", os.environ["ST_DELTEK_DATABASE_URL"]),
        ("ST_DELTEK_MASTER_KEY", MASTER_KEY),
    ):
        path = done.folder / name.lower()
        path.write_text(value)
        files[f"{name}_FILE"] = str(path)
    environment = {name: value for name, value in os.environ.items() if f"{name}_FILE" not in files}
    process = subprocess.Popen(  # noqa: S603 - our own program
        [
            sys.executable,
            "-m",
            "st_deltek_pipeline.cli.child",
            str(os.getpid()),
            "webhooks",
            "serve",
            "--port",
            "0",
            "--json",
        ],
        env={**environment, **files},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    for name in ("cmdline", "environ"):
        path = Path(f"/proc/{process.pid}/{name}")
        if path.exists():
            done.seen[f"{name} of a process"] = path.read_bytes().decode()
    process.terminate()
    done.seen["output of a process"] = first + process.communicate(timeout=60)[0]
    for path in files.values():
        Path(path).unlink()


def silent(where: str, found: str) -> None:
    for canary in (CANARY, *WHOLE):
        position = found.lower().find(canary.lower())
        assert position < 0, f"{where}: {found[max(0, position - 200) : position + 80]}"


def test_everything_was_run(aftermath: Aftermath) -> None:
    """Without this the search below would find nothing in nothing."""
    codes = aftermath.codes
    assert codes["sync"] == codes["list"] == codes["status"] == codes["alert secrets"] == 0
    assert codes["check"] == 0, aftermath.seen["check"]
    assert codes["login refused"] == codes["check of a refused login"] == 3
    assert codes["secrets echoed"] not in {0, 2}
    assert codes["a bug"] == 1
    assert codes["no database"] == codes["status of no database"] == 5
    assert codes["roles by somebody who may not"] == 3, aftermath.seen["roles by somebody who may not"]
    assert codes["alerts"] != 0
    heard = " ".join(f"{call.headers} {call.body!r}" for call in aftermath.echo.calls)
    assert CANARY in heard
    assert any(CANARY in password for _, password, _ in aftermath.mail.logins)
    assert len(aftermath.seen["log"]) > 1000
    assert '"url"' in aftermath.seen["output of a process"]


def test_no_output_of_any_command_or_process_holds_a_secret(aftermath: Aftermath) -> None:
    for where, found in aftermath.seen.items():
        silent(where, found)


def test_no_table_holds_a_secret_dagsters_event_log_included(aftermath: Aftermath) -> None:
    likes = [f"%{canary}%" for canary in (CANARY, *WHOLE)]
    with aftermath.owner.connect() as db:
        tables = list(db.scalars(text(_TABLES)))
        assert {"public.event_logs", "public.runs", "journal.events", "vault.secrets"} <= set(tables)
        assert cast("int", db.scalar(text("SELECT count(*) FROM event_logs"))) > 100
        for table in tables:
            rows = f"SELECT t::text FROM {table} AS t WHERE t::text ILIKE ANY (:likes) LIMIT 1"  # noqa: S608 - a name
            silent(table, str(db.scalar(text(rows), {"likes": likes}) or ""))


def test_no_file_holds_a_secret(aftermath: Aftermath) -> None:
    paths = [path for path in aftermath.folder.rglob("*") if path.is_file()]
    assert any(path.name == "acme.yaml" for path in paths)
    for path in paths:
        silent(str(path), path.read_bytes().decode(errors="replace"))


def test_no_object_shows_a_secret(aftermath: Aftermath) -> None:
    installation = aftermath.installation
    settings, connection = load_settings(), installation.connection
    vault = open_vault(installation.engine, settings)
    titan = servicetitan_client(settings, connection, vault.get("acme", "servicetitan"))
    office = vantagepoint_client(settings, connection, vault.get("acme", "vantagepoint"))
    assert CANARY in repr(vault.get("acme", "servicetitan"))
    shown: list[object] = [settings, vault, load_keyring(settings), titan, office, installation.engine]
    with titan, office:
        for each in shown:
            silent(type(each).__name__, repr(each) + str(each))
            silent(type(each).__name__, repr(vars(each)) if isinstance(each, type(titan) | type(office)) else "")


def test_the_least_role_was_enough_for_all_of_it(aftermath: Aftermath) -> None:
    """The runs above were logged in as the app; readers and the UI have what they need and no more."""
    with aftermath.owner.connect() as db:
        posted = db.scalar(text("SELECT count(*) FROM journal.outcomes WHERE outcome = 'posted'"))
    assert cast("int", posted) > 0
    storage = InstanceStorage(aftermath.logins(Role.UI).url.render_as_string(hide_password=False))
    assert len(storage.run_storage.get_runs()) > 0
    assert storage.event_log_storage.all_asset_keys()
    for part in (storage.event_log_storage, storage.run_storage, storage.schedule_storage):
        part.dispose()
    with pytest.MonkeyPatch.context() as patch:
        reader = aftermath.logins(Role.READONLY).url.render_as_string(hide_password=False)
        patch.setenv("ST_DELTEK_DATABASE_URL", reader)
        aftermath.command("as a reader", "holds", "list", "acme", "--json")
    assert aftermath.codes["as a reader"] == 0, aftermath.seen["as a reader"]
