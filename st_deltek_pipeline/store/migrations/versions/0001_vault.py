"""The vault: credentials of the connections, encrypted value by value."""

from alembic import op

revision = "0001_vault"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the vault's only table; ``token`` is a Fernet token and useless without the master key."""
    op.execute("CREATE SCHEMA vault")
    op.execute(
        """
        CREATE TABLE vault.secrets (
            connection text NOT NULL,
            system     text NOT NULL,
            name       text NOT NULL,
            token      bytea NOT NULL,
            updated_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (connection, system, name)
        )
        """
    )
