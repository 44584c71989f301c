"""The first tables: lookups, their deliveries, the access log (`acts`), and the head of the chain."""

from alembic import op
from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, String, Text, UniqueConstraint

revision = "0001"
down_revision = None

SEQ = BigInteger().with_variant(Integer, "sqlite")
TIME = String(24).with_variant(String(24, collation="C"), "postgresql")
SEARCHED = ("crm", "crm_user", "extension", "outcome", "caller_key", "did_key", "ivrid")


def upgrade() -> None:
    """Create them, and the head of an empty chain."""
    _lookups()
    op.create_table(
        "deliveries",
        *_numbered(),
        Column("kind", Text, nullable=False),
        Column("click_id", Text, nullable=False),
        Column("popup_id", Text, nullable=False),
        Column("delivery_id", Text, nullable=False),
        Column("target", Text),
        Column("state", Text),
        *_chained(),
        UniqueConstraint("delivery_id", "kind", "time", name="deliveries_once"),
    )
    op.create_index("ix_deliveries_click_id", "deliveries", ["click_id"])
    op.create_table(
        "acts",
        *_numbered(),
        Column("kind", Text, nullable=False),
        Column("act_id", Text, nullable=False, unique=True),
        Column("who", Text, nullable=False),
        Column("details", Text, nullable=False),
        Column("salt", LargeBinary),
        *_chained(),
    )
    op.create_index("acts_by_kind", "acts", ["kind", "seq"])
    head = op.create_table(
        "head",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("seq", SEQ, nullable=False),
        Column("digest", LargeBinary, nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "digest": bytes(32)}])


def _lookups() -> None:
    op.create_table(
        "lookups",
        *_numbered(),
        Column("click_id", Text, nullable=False, unique=True),
        Column("crm", Text, nullable=False),
        Column("crm_user", Text),
        Column("agent", Text),
        Column("pbx", Text, nullable=False),
        Column("extension", Text),
        Column("outcome", Text, nullable=False),
        Column("why", Text),
        Column("ivrid", Text),
        Column("original_ivrid", Text),
        Column("did", Text, nullable=False),
        Column("did_key", Text),
        Column("caller", Text),
        Column("caller_key", Text),
        Column("popup_id", Text),
        Column("served_from", Text),
        Column("pbx_ms", Float),
        Column("total_ms", Float, nullable=False),
        Column("source_ip", Text),
        Column("caller_salt", LargeBinary),
        Column("caller_proof", LargeBinary, nullable=False),
        Column("agent_salt", LargeBinary),
        Column("agent_proof", LargeBinary, nullable=False),
        *_chained(),
    )
    op.create_index("lookups_by_time", "lookups", ["time", "seq"])
    for column in SEARCHED:
        op.create_index(f"lookups_by_{column}", "lookups", [column, "time", "seq"])


def _numbered() -> tuple["Column[int]", "Column[str]"]:
    return Column("seq", SEQ, primary_key=True, autoincrement=False), Column("time", TIME, nullable=False)


def _chained() -> tuple["Column[bytes]", "Column[bytes]"]:
    return Column("prev", LargeBinary, nullable=False), Column("digest", LargeBinary, nullable=False)
