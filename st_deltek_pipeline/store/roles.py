"""Who may do what in the database: roles for the program, for readers, for Dagster's UI, and for schema changes.

Roles belong to a whole server and are therefore named after the database. They cannot log in themselves: logins are members
of them. Granting is done anew after every schema change (``migrate``), so that a new table never has to be remembered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from psycopg2.extensions import encrypt_password
from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.errors import ConfigurationError, PermissionMissingError

# The trigger function that makes a table append-only has this name in every schema.
_REFUSES = "refuse_change"
# Beside those: what the program only ever adds to.
_ADDED_TO_ONLY = frozenset({"raw.records", "raw.unreadable"})
# What is changed and never removed.
_NEVER_REMOVED = frozenset({
    "inbox.events", "journal.allowances", "journal.chain_heads", "journal.outcomes", "journal.poster_locks",
    "journal.transaction_files", "journal.write_backs", "mapping.firm_creations", "raw.cursors", "raw.document_days",
    "raw.latest",
})  # fmt: skip
_VAULT = "vault"
_VERSION = "migrations"
# Dagster's tables; ours are all in schemas of their own.
_DAGSTERS = "public"
OUR_SCHEMAS = (
    "alerts", "inbox", "journal", "live", "mapping", _VERSION, "raw", "reference", "staged", _VAULT,
)  # fmt: skip
"""What a migrated database has. A schema of somebody else in the same database is none of our business."""
_ANALYSE_SINCE = 170_000
# PostgreSQL's limit for names.
_LONGEST_NAME = 63
# Any constant, other than that of ``migrate``.
_ADVISORY_LOCK = 7_305_219_418_880_202


class Role(StrEnum):
    """What somebody is in the database for."""

    APP = "app"
    READONLY = "readonly"
    UI = "ui"
    MIGRATION = "migration"

    def of(self, database: str) -> str:
        """Return the role's name on the server.

        Args:
            database: The application's database.

        Raises:
            ConfigurationError: The name would be too long for PostgreSQL.
        """
        name = f"{database}_{self.value}"
        if len(name.encode()) > _LONGEST_NAME:
            message = f"The role's name {name} is longer than PostgreSQL's {_LONGEST_NAME} bytes."
            raise ConfigurationError(message, advice="Give the database a shorter name.")
        return name


@dataclass(frozen=True)
class Thing:
    """A table, view or function, as the catalogue has it.

    Attributes:
        kind: The word after ``ALTER``.
        name: As it is written in SQL, with its schema and, of a function, its arguments.
        owner: Who owns it.
        append_only: A table that its triggers protect.
    """

    kind: str
    schema: str
    name: str
    owner: str
    append_only: bool = False


@dataclass(frozen=True)
class Catalogue:
    """What there is in a database, as far as rights are about it.

    Attributes:
        roles: Those of ours that exist on the server.
        schemas: Those of ours that there are, and ``public``, with their owners.
        things: What is in them, members of extensions left out.
        missing: Rights on the database itself that are not there yet, by right and role.
        member: Whether who is logged in may already act as the owner of the schemas.
    """

    database: str
    version: int
    roles: frozenset[str]
    schemas: Sequence[tuple[str, str]]
    things: Sequence[Thing]
    missing: Sequence[tuple[str, str]]
    member: bool


def role_statements(found: Catalogue, application: str) -> list[str]:
    """Write the SQL that creates the roles and gives them their rights; doing it twice changes nothing.

    Args:
        found: What there is.
        application: The application's database, which the roles are named after.
    """
    names = {role: _name(role.of(application)) for role in Role}
    statements = [f"CREATE ROLE {names[role]} NOLOGIN" for role in Role if role.of(application) not in found.roles]
    owner = names[Role.MIGRATION]
    if not found.member:
        statements.append(f"GRANT {owner} TO CURRENT_USER")
    database = _name(found.database)
    statements += [f"GRANT {right} ON DATABASE {database} TO {_name(role)}" for right, role in found.missing]
    for schema, schema_owner in found.schemas:
        quoted = _name(schema)
        if schema == _DAGSTERS:
            statements.append(f"GRANT USAGE, CREATE ON SCHEMA {quoted} TO {owner}")
        elif schema_owner != Role.MIGRATION.of(application):
            statements.append(f"ALTER SCHEMA {quoted} OWNER TO {owner}")
    statements += [
        f"ALTER {thing.kind} {thing.name} OWNER TO {owner}"
        for thing in found.things
        if thing.owner != Role.MIGRATION.of(application)
    ]
    users = ", ".join(names[role] for role in (Role.APP, Role.READONLY, Role.UI))
    for schema, _ in found.schemas:
        tables = [thing for thing in found.things if thing.schema == schema and thing.kind != "FUNCTION"]
        if tables:
            statements.append(f"REVOKE ALL ON {_named(tables)} FROM {users}")
        statements += [
            f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA {_name(schema)} FROM {users}",
            f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {_name(schema)} FROM PUBLIC, {users}"
            if schema != _DAGSTERS
            else f"REVOKE CREATE ON SCHEMA {_name(schema)} FROM PUBLIC",
            *_grants(schema, tables, names, analysed=found.version >= _ANALYSE_SINCE),
        ]
    return statements


def _grants(schema: str, tables: Sequence[Thing], names: dict[Role, str], *, analysed: bool) -> Iterable[str]:
    app, reader, ui = names[Role.APP], names[Role.READONLY], names[Role.UI]
    quoted = _name(schema)
    everybody = {
        _DAGSTERS: f"{app}, {ui}",
        _VAULT: app,
        _VERSION: f"{app}, {reader}, {ui}",
    }.get(schema, f"{app}, {reader}")
    yield f"GRANT USAGE ON SCHEMA {quoted} TO {everybody}"
    if schema == _DAGSTERS:
        if tables:
            yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_named(tables)} TO {everybody}"
        yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {quoted} TO {everybody}"
        return
    if schema != _VERSION:
        yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {quoted} TO {app}"
    if tables:
        yield f"GRANT SELECT ON {_named(tables)} TO {everybody}"
    for table in tables:
        rights = _rights(table)
        if rights:
            # The planner's statistics are kept fresh by the program itself (``statistics``).
            maintained = ", MAINTAIN" if analysed and table.kind == "TABLE" and schema != _VAULT else ""
            yield f"GRANT {rights}{maintained} ON {table.name} TO {app}"


def _rights(table: Thing) -> str:
    if table.schema == _VERSION or table.kind != "TABLE":
        return ""
    if table.append_only or table.name in _ADDED_TO_ONLY:
        return "INSERT"
    return "INSERT, UPDATE" if table.name in _NEVER_REMOVED else "INSERT, UPDATE, DELETE"


def read_catalogue(connection: Connection, application: str | None = None) -> Catalogue:
    """Read what there is in the database of a connection.

    Args:
        connection: To the application's database, or to Dagster's own.
        application: The application's database; that of the connection when not given.
    """
    row = connection.execute(text("SELECT current_database(), current_setting('server_version_num')::int")).one()
    database, version = str(row[0]), int(row[1])
    named = [role.of(application or database) for role in Role]
    roles = frozenset(connection.scalars(text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:n)"), {"n": named}))
    migration = Role.MIGRATION.of(application or database)
    wanted = [("CONNECT", name) for name in named]
    wanted += [("TEMPORARY", named[0]), ("TEMPORARY", migration), ("CREATE", migration)]
    missing = [
        (right, name)
        for right, name in wanted
        if name not in roles
        or not connection.scalar(
            text("SELECT has_database_privilege(:name, current_database(), :right)"), {"name": name, "right": right}
        )
    ]
    member = migration in roles and bool(
        connection.scalar(text("SELECT pg_has_role(current_user, :name, 'member')"), {"name": migration})
    )
    ours = [*OUR_SCHEMAS, _DAGSTERS]
    schemas = [(str(each.nspname), str(each.owner)) for each in connection.execute(text(_SCHEMAS), {"ours": ours})]
    things = [
        Thing(each.kind, each.nspname, each.name, each.owner, bool(each.append_only))
        for each in connection.execute(text(_THINGS), {"refuses": _REFUSES, "ours": ours, "public": _DAGSTERS})
    ]
    is_superuser = bool(connection.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")))
    return Catalogue(database, version, roles, schemas, things, missing, member or is_superuser)


def apply_roles(connection: Connection, application: str | None = None) -> list[str]:
    """Create the roles and give them their rights, in the transaction of a connection.

    Args:
        connection: Of somebody who may create roles and owns what there is.
        application: As for ``read_catalogue``.

    Returns:
        What was executed.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
    found = read_catalogue(connection, application)
    statements = role_statements(found, application or found.database)
    for statement in statements:
        _run(connection, statement)
    return statements


def grant_again(connection: Connection) -> None:
    """Give rights on what a schema change has made, in a database that has the roles; do nothing in any other.

    Args:
        connection: Of who changed the schema.
    """
    database = str(connection.scalar(text("SELECT current_database()")))
    role = f"{database}_{Role.MIGRATION.value}"
    if connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": role}) is not None:
        apply_roles(connection)


def apply_login(connection: Connection, role: Role, name: str, password: str, application: str) -> None:
    """Make a login a member of a role, with a password.

    Args:
        connection: Of somebody who may create roles.
        role: What it is for.
        name: The login; created when there is none.
        password: Its password; empty leaves the one it has.
        application: The application's database.

    Raises:
        PermissionMissingError: The login is a superuser, or owns the schemas by another role: the rights would mean nothing.
    """
    known = connection.execute(
        text("SELECT rolsuper OR rolcreaterole OR rolcreatedb AS powerful FROM pg_roles WHERE rolname = :name"),
        {"name": name},
    ).one_or_none()
    others = [each.of(application) for each in Role if each is not role]
    too_much = known is not None and (
        known.powerful
        or any(
            connection.scalar(text("SELECT pg_has_role(:name, :other, 'member')"), {"name": name, "other": other})
            for other in others
        )
    )
    if too_much:
        message = f"The login {name} may do more than the role {role.of(application)} should."
        raise PermissionMissingError(message, advice="Name a login of its own in that file.")
    quoted = _name(name)
    if known is None:
        _run(connection, f"CREATE ROLE {quoted} LOGIN")
    if password:
        # PostgreSQL's own form of a password (SCRAM): no log of the server shows the password itself.
        driver: Any = connection.connection.driver_connection
        verifier = encrypt_password(password, name, driver, "scram-sha-256")
        _run(connection, f"ALTER ROLE {quoted} PASSWORD '{verifier}'")
    _run(connection, f"GRANT {_name(role.of(application))} TO {quoted}")


def _run(connection: Connection, statement: str) -> None:
    # What looks like a parameter in a name is none.
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _named(tables: Iterable[Thing]) -> str:
    return ", ".join(table.name for table in tables)


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_SCHEMAS = """
SELECT nspname, pg_get_userbyid(nspowner) AS owner FROM pg_namespace WHERE nspname = ANY(:ours) ORDER BY nspname
"""
_THINGS = """
SELECT CASE things.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind,
       spaces.nspname, format('%I.%I', spaces.nspname, things.relname) AS name, pg_get_userbyid(things.relowner) AS owner,
       EXISTS (SELECT 1 FROM pg_trigger AS fired JOIN pg_proc AS does ON does.oid = fired.tgfoid
               WHERE fired.tgrelid = things.oid AND does.proname = :refuses AND fired.tgtype & 16 <> 0) AS append_only
FROM pg_class AS things JOIN pg_namespace AS spaces ON spaces.oid = things.relnamespace
WHERE things.relkind IN ('r', 'p', 'v', 'm') AND spaces.nspname = ANY(:ours) AND NOT EXISTS (
    SELECT FROM pg_depend AS member
    WHERE member.classid = CAST('pg_class' AS regclass) AND member.objid = things.oid AND member.deptype = 'e')
UNION ALL
SELECT 'FUNCTION', spaces.nspname, CAST(CAST(does.oid AS regprocedure) AS text), pg_get_userbyid(does.proowner), false
FROM pg_proc AS does JOIN pg_namespace AS spaces ON spaces.oid = does.pronamespace
WHERE does.prokind = 'f' AND spaces.nspname = ANY(:ours) AND spaces.nspname <> :public AND NOT EXISTS (
    SELECT FROM pg_depend AS member
    WHERE member.classid = CAST('pg_proc' AS regclass) AND member.objid = does.oid AND member.deptype = 'e')
ORDER BY 2, 3
"""
