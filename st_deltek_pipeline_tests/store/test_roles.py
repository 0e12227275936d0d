"""What each role may do, tried with real logins; and that the roles are set up again without harm."""

from pathlib import Path

import pytest
from alembic.command import upgrade
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from st_deltek_pipeline.domain.errors import ConfigurationError, PermissionMissingError
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import engine_for, ready_database
from st_deltek_pipeline.store.migrate import known_revisions, migrate
from st_deltek_pipeline.store.roles import OUR_SCHEMAS, Role, apply_login, apply_roles, read_catalogue, role_statements
from st_deltek_pipeline.store.statistics import refresh_statistics
from st_deltek_pipeline_tests.role_fixtures import LoginEngine, logins_of

_EVENT = """
INSERT INTO journal.events (connection, sequence, occurred_at, run_id, event_type, body, previous_hash, hash)
VALUES ('acme', :n, now(), 'run', 'file_planned', '{}', '0', '1')
"""
_RECORD = """
INSERT INTO raw.records (connection, kind, record_id, payload, payload_hash, active, run_id)
VALUES ('acme', 'invoice', 1, '{}', 'h', true, 'run')
"""
_SECRET = "INSERT INTO vault.secrets (connection, system, name, token) VALUES ('acme', 's', 'n', 'x')"
_APPEND_ONLY = ("journal.events", "journal.bodies", "raw.records", "raw.unreadable", "mapping.firm_decisions")


def do(engine: Engine, statement: str, **values: object) -> None:
    with engine.begin() as db:
        db.execute(text(statement), values)


def refused(engine: Engine, statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), engine.begin() as db:
        db.execute(text(statement))


@pytest.mark.parametrize("table", _APPEND_ONLY)
@pytest.mark.parametrize("statement", ["UPDATE {} SET connection = 'x'", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_program_itself_cannot_change_what_it_has_written_down(
    login_engine: LoginEngine, table: str, statement: str
) -> None:
    if table == "journal.bodies":
        statement = statement.replace("connection", "body")
    refused(login_engine(Role.APP), statement.format(table))


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE journal.events DISABLE TRIGGER ALL",
        "DROP TRIGGER events_are_append_only ON journal.events",
        "CREATE OR REPLACE FUNCTION journal.refuse_change() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE journal.events ADD COLUMN x text",
        "DROP TABLE journal.events",
        "CREATE TABLE journal.other (x text)",
        "CREATE SCHEMA other",
        "CREATE TRIGGER t BEFORE INSERT ON journal.events FOR EACH ROW EXECUTE FUNCTION journal.refuse_change()",
        "CREATE RULE r AS ON INSERT TO journal.events DO INSTEAD NOTHING",
        "SET session_replication_role = 'replica'",
        "DROP TABLE event_logs",
        "CREATE TABLE public.other (x text)",
        "DELETE FROM journal.transaction_files",
        "DELETE FROM inbox.events",
        "TRUNCATE vault.secrets",
        "UPDATE migrations.alembic_version SET version_num = 'x'",
        "CREATE ROLE someone",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ],
)
def test_the_program_cannot_take_the_safeguards_away(login_engine: LoginEngine, statement: str) -> None:
    refused(login_engine(Role.APP), statement)


def test_the_program_may_do_what_it_does(login_engine: LoginEngine) -> None:
    app = login_engine(Role.APP)
    do(app, _EVENT, n=1)
    do(app, _RECORD)
    do(app, "SELECT nextval('raw.records_seq_seq')")
    do(app, _SECRET)
    do(app, "LOCK TABLE vault.secrets IN EXCLUSIVE MODE")
    do(app, "UPDATE vault.secrets SET token = 'y'")
    do(app, "DELETE FROM vault.secrets")
    do(app, "CREATE TEMPORARY TABLE t (LIKE staged.lookups) ON COMMIT DROP")
    do(app, "INSERT INTO raw.records SELECT (r).* FROM (SELECT r FROM raw.records r WHERE false) s")
    do(app, "INSERT INTO raw.latest SELECT 'acme', 'k', n, n, repeat('h', 60), now(), now(), true, 1 "
            "FROM generate_series(1, 4000) n")  # fmt: skip
    assert refresh_statistics(app) == ["raw.latest"]
    with app.connect() as db:
        assert db.scalar(text("SELECT relpages FROM pg_class WHERE oid = 'raw.latest'::regclass")) > 0


@pytest.mark.parametrize("role", [Role.READONLY, Role.UI])
def test_the_vault_is_closed_to_readers_and_to_the_ui(login_engine: LoginEngine, role: Role) -> None:
    with login_engine(Role.MIGRATION).connect() as db:
        tables = {
            thing.name for thing in read_catalogue(db).things if thing.schema == "vault" and thing.kind == "TABLE"
        }
    assert {"vault.secrets", "vault.page_users", "vault.page_sessions"} <= tables
    for table in tables:
        for what in ("*", "count(*)"):
            refused(login_engine(role), f"SELECT {what} FROM {table}")  # noqa: S608 - a name from the catalogue
    refused(login_engine(role), "SELECT connection FROM vault.secrets")


def test_readers_read_everything_else_and_write_nothing(login_engine: LoginEngine) -> None:
    reader = login_engine(Role.READONLY)
    with login_engine(Role.MIGRATION).connect() as db:
        tables = [
            thing.name
            for thing in read_catalogue(db).things
            if thing.kind == "TABLE" and thing.schema not in {"vault", "public"}
        ]
    assert len(tables) > 40
    for table in tables:
        do(reader, f"SELECT * FROM {table} LIMIT 0")  # noqa: S608 - a name from the catalogue
        refused(reader, f"DELETE FROM {table}")  # noqa: S608 - as above
    refused(reader, _EVENT.replace(":n", "2"))
    refused(reader, "SELECT * FROM event_logs")


def test_the_ui_has_dagsters_tables_and_nothing_of_ours(login_engine: LoginEngine) -> None:
    ui = login_engine(Role.UI)
    do(ui, "SELECT * FROM event_logs LIMIT 0")
    do(ui, "UPDATE runs SET status = status")
    for table in ("journal.events", "raw.records", "staged.invoices", "inbox.events"):
        refused(ui, f"SELECT 1 FROM {table}")  # noqa: S608 - a test's own words


def test_changes_of_the_schema_need_their_own_login_and_triggers_bind_it_too(login_engine: LoginEngine) -> None:
    owner = login_engine(Role.MIGRATION)
    do(owner, "ALTER TABLE staged.lookups ADD COLUMN IF NOT EXISTS later text")
    do(login_engine(Role.APP), _EVENT, n=3)
    with pytest.raises(IntegrityError, match="append-only"):
        do(owner, "DELETE FROM journal.events")
    refused(owner, "CREATE ROLE someone")


def test_setting_up_again_changes_nothing(login_engine: LoginEngine) -> None:
    with login_engine(Role.MIGRATION).begin() as db:
        rights = text("SELECT array_agg(oid::regclass::text || coalesce(relacl::text, '') ORDER BY oid) FROM pg_class")
        before = db.scalar(rights)
        again = apply_roles(db)
        assert db.scalar(rights) == before
    assert not any(line.startswith(("CREATE ROLE", "ALTER")) for line in again)


def test_a_schema_change_gives_the_rights_on_what_it_makes(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    *before, newest = known_revisions()
    owner = engine_for(empty_database_url)
    with monkeypatch.context() as older:
        # A program of one version before, whose login may not do what the newer one needs.
        older.setattr("alembic.command.upgrade", lambda config, _: upgrade(config, before[-1]))
        older.setattr("st_deltek_pipeline.store.migrate.known_revisions", lambda: before)
        migrate(owner)
    with logins_of(owner) as engine:
        url = engine(Role.APP).url.render_as_string(hide_password=False)
        with pytest.raises(PermissionMissingError, match=r"is behind, and .* may not change it"):
            ready_database(Settings(tmp_path, url, tmp_path, None))
        migrate(engine(Role.MIGRATION))
        with engine(Role.APP).connect() as db:
            assert db.scalar(text("SELECT version_num FROM migrations.alembic_version")) == newest
            things = read_catalogue(db).things
            for thing in things:
                assert thing.owner == Role.MIGRATION.of(str(owner.url.database))
                if thing.kind == "TABLE":
                    db.execute(text(f"SELECT * FROM {thing.name} LIMIT 0"))  # noqa: S608 - a name from the catalogue
    owner.dispose()


def test_an_owner_of_the_database_who_may_create_roles_sets_everything_up(empty_database_url: str) -> None:
    admin = engine_for(empty_database_url)
    database = str(admin.url.database)
    name, app = f"{database}-owner", f"{database}-app"
    with admin.begin() as db:
        db.execute(text(f'CREATE ROLE "{name}" LOGIN CREATEROLE'))
        db.execute(text(f'ALTER DATABASE "{database}" OWNER TO "{name}"'))
    owner, program = (
        engine_for(admin.url.set(username=each).render_as_string(hide_password=False)) for each in (name, app)
    )
    try:
        migrate(owner)
        for _ in range(2):
            with owner.begin() as db:
                apply_roles(db)
                apply_login(db, Role.APP, app, "", database)
        do(program, _EVENT, n=1)
        refused(program, "DELETE FROM journal.events")
    finally:
        owner.dispose()
        program.dispose()
        with admin.begin() as db:
            names = ", ".join(f'"{each}"' for each in (app, *(role.of(database) for role in Role), name))
            db.execute(text(f"REASSIGN OWNED BY {names} TO CURRENT_USER"))
            db.execute(text(f"DROP OWNED BY {names}"))
            db.execute(text(f"DROP ROLE {names}"))
        admin.dispose()


def test_every_schema_of_a_migrated_database_is_known(engine: Engine) -> None:
    with engine.connect() as db:
        found = db.scalars(
            text(
                r"""
                SELECT nspname FROM pg_namespace
                WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('information_schema', 'public') ORDER BY nspname
                """
            )
        ).all()
    assert found == sorted(OUR_SCHEMAS)


def test_what_belongs_to_others_in_the_same_database_stays_theirs(engine: Engine) -> None:
    with engine.begin() as db:
        for statement in (
            "CREATE SCHEMA theirs",
            "CREATE TABLE theirs.rows (x text)",
            "CREATE TABLE public.of_an_extension (x text)",
            "ALTER EXTENSION plpgsql ADD TABLE public.of_an_extension",
            "CREATE FUNCTION journal.of_an_extension() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "ALTER EXTENSION plpgsql ADD FUNCTION journal.of_an_extension()",
        ):
            db.execute(text(statement))
    owned = text(
        """
        SELECT count(*) FROM (
            SELECT nspowner AS owner, nspacl AS rights FROM pg_namespace WHERE nspname = 'theirs'
            UNION ALL
            SELECT relowner, relacl FROM pg_class WHERE relname IN ('rows', 'of_an_extension') AND relkind = 'r'
            UNION ALL SELECT proowner, NULL FROM pg_proc WHERE proname = 'of_an_extension'
        ) AS theirs WHERE owner = CAST(current_user AS regrole) AND rights IS NULL
        """
    )
    with logins_of(engine) as login, engine.connect() as db:
        assert db.scalar(owned) == 4
        for role in (Role.APP, Role.READONLY, Role.UI):
            refused(login(role), "SELECT * FROM theirs.rows")
            refused(login(role), "SELECT * FROM public.of_an_extension")


def test_a_name_with_a_percent_sign_is_a_name(engine: Engine) -> None:
    odd = f"{engine.url.database}-100%(s)s"
    with engine.begin() as db:
        apply_roles(db)
        apply_login(db, Role.READONLY, odd, "", str(engine.url.database))
        assert db.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": odd}) == 1
        db.rollback()


def test_a_login_that_could_do_more_is_refused(engine: Engine) -> None:
    with logins_of(engine) as login, engine.begin() as db:
        database = str(engine.url.database)
        assert login(Role.APP).url.username
        for name, role in (("postgres", Role.APP), (f"{database}-migration-login", Role.APP)):
            with pytest.raises(PermissionMissingError, match="may do more"):
                apply_login(db, role, name, "", database)


def test_a_name_that_is_too_long_or_odd_is_no_way_in(engine: Engine) -> None:
    with pytest.raises(ConfigurationError, match="shorter name"):
        Role.READONLY.of("x" * 60)
    with engine.connect() as db:
        found = read_catalogue(db)
    statements = role_statements(found, 'a"; DROP TABLE x; --')
    assert all('"a""; DROP TABLE x; --_' in line for line in statements if "DROP TABLE" in line)
