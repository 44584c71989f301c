"""Callers who were shown beside the one that a lookup found: of other live calls, on an open card later on."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Text

revision = "0003"
down_revision = "0002"

SEQ = BigInteger().with_variant(Integer, "sqlite")
TIME = String(24).with_variant(String(24, collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "callers",
        Column("seq", SEQ, primary_key=True, autoincrement=False),
        Column("time", TIME, nullable=False),
        Column("show_id", Text, nullable=False, unique=True),
        Column("click_id", Text, nullable=False),
        Column("caller", Text),
        Column("caller_key", Text),
        Column("caller_salt", LargeBinary),
        Column("caller_proof", LargeBinary, nullable=False),
        Column("prev", LargeBinary, nullable=False),
        Column("digest", LargeBinary, nullable=False),
    )
    op.create_index("ix_callers_click_id", "callers", ["click_id"])
    op.create_index("ix_callers_caller_key", "callers", ["caller_key"])
