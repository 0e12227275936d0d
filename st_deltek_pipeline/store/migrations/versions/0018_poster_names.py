"""The poster's lock is named without Vantagepoint's user name, which is a credential and belongs into the vault only."""

from alembic import op

revision = "0018_poster_names"
down_revision = "0017_append_only"
branch_labels = None
depends_on = None

# URL and database stay, for people who look; what comes after them becomes a digest, as ``store.locks.poster_key`` has it.
_RENAME = """
UPDATE journal.poster_locks SET poster = concat(
    split_part(poster, '|', 1), '|', split_part(poster, '|', 2), '|',
    left(encode(sha256(convert_to(regexp_replace(poster, '^[^|]*\\|[^|]*\\|', ''), 'UTF8')), 'hex'), 16))
WHERE poster ~ '^https?://[^|]*\\|[^|]*\\|'
"""


def upgrade() -> None:
    """Rename the locks; each keeps its fence, so that a worker that was frozen before stays out."""
    op.execute(_RENAME)
