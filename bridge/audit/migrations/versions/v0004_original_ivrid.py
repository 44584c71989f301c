"""A call that was passed on is found by its first id, too: by an index of its own."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the index."""
    op.create_index("lookups_by_original_ivrid", "lookups", ["original_ivrid", "time", "seq"])
