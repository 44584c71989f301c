"""Lookups keep why as data, too: a reason as JSON. Earlier entries have none, and their digests do not change."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    op.add_column("lookups", Column("reason", Text))
