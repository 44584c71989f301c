"""The archive's tables. Times are texts in UTC of one length, so that they sort and compare as they stand."""

from sqlalchemy import Column, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

lookups = Table(
    "lookups",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("entry_id", String(40), nullable=False),
    Column("time", String(24), nullable=False),
    Column("click_id", String(64), nullable=False, unique=True),
    Column("crm", String(64), nullable=False),
    Column("crm_user", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("pbx", String(64), nullable=False),
    Column("extension", Text, nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("why", Text, nullable=False),
    Column("ivrid", Text, nullable=False),
    Column("original_ivrid", Text),
    Column("did", Text, nullable=False),
    Column("did_e164", String(20)),
    Column("caller", Text, nullable=False),
    Column("caller_e164", String(20)),
    Column("popup_id", String(64)),
    Column("served_from", String(16)),
    Column("pbx_ms", Float),
    Column("total_ms", Float, nullable=False),
    Column("source_ip", String(64), nullable=False),
)

delivery_ends = Table(
    "delivery_ends",
    metadata,
    Column("delivery_id", String(64), primary_key=True),
    Column("click_id", String(64), nullable=False, index=True),
    Column("popup_id", String(64), nullable=False),
    Column("target", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("ended_at", String(24), nullable=False),
)

for column in ("time", "crm_user", "extension", "outcome", "caller", "caller_e164", "did", "did_e164", "ivrid"):
    Index(f"lookups_by_{column}", lookups.c[column], lookups.c.seq)
