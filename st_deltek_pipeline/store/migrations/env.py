"""Alembic's entry: runs the steps on the connection that ``store.migrate`` hands over."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema=context.config.attributes["version_schema"],
    transactional_ddl=True,
)

with context.begin_transaction():
    context.run_migrations()
