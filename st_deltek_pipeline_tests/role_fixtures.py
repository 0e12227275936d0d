"""A database whose roles are set up, with a login for each: real logins of the session's server."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

import pytest
from sqlalchemy import Engine, text

from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.store.roles import Role, apply_login, apply_roles

LoginEngine = Callable[[Role], Engine]


@contextmanager
def logins_of(owner: Engine) -> Generator[LoginEngine]:
    """Set the roles of a database up, and give engines that are logged in for each; everything is removed again."""
    database = str(owner.url.database)
    with owner.begin() as db:
        apply_roles(db)
        for role in Role:
            apply_login(db, role, _login(database, role), "", database)
    engines: dict[Role, Engine] = {}

    def engine(role: Role) -> Engine:
        if role not in engines:
            url = owner.url.set(username=_login(database, role))
            engines[role] = engine_for(url.render_as_string(hide_password=False))
        return engines[role]

    yield engine
    for opened in engines.values():
        opened.dispose()
    with owner.begin() as db:
        for role in Role:
            name = role.of(database)
            db.execute(text(f'REASSIGN OWNED BY "{name}", "{_login(database, role)}" TO CURRENT_USER'))
            db.execute(text(f'DROP OWNED BY "{name}", "{_login(database, role)}"'))
            db.execute(text(f'DROP ROLE "{_login(database, role)}", "{name}"'))


def _login(database: str, role: Role) -> str:
    return f"{database}-{role.value}-login"


@pytest.fixture(scope="module")
def login_engine(
    copied_database: Callable[[str], AbstractContextManager[Engine]], migrated_template: str
) -> Generator[LoginEngine]:
    """A function that gives an engine logged in for a role, on a migrated database of this module."""
    with copied_database(migrated_template) as owner, logins_of(owner) as engine:
        yield engine
