"""The archive's tables. Each entry has a number, and the entries of all chained tables together form one chain.

Times are UTC texts of one length, so that they sort and compare as text. The migrations create these tables; a test
compares them.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

SEQ = BigInteger().with_variant(Integer, "sqlite")
TIME = String(24).with_variant(String(24, collation="C"), "postgresql")

lookups = Table(
    "lookups",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=False),
    Column("time", TIME, nullable=False),
    Column("click_id", Text, nullable=False, unique=True),
    Column("crm", Text, nullable=False),
    Column("crm_user", Text),
    Column("agent", Text),
    Column("pbx", Text, nullable=False),
    Column("extension", Text),
    Column("outcome", Text, nullable=False),
    Column("why", Text),
    Column("reason", Text),
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
    Column("prev", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)
"""One entry per accepted click; `reason` is JSON. Once erased, a group of personal fields and its salt are null."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=False),
    Column("time", TIME, nullable=False),
    Column("kind", Text, nullable=False),
    Column("click_id", Text, nullable=False, index=True),
    Column("popup_id", Text, nullable=False),
    Column("delivery_id", Text, nullable=False),
    Column("target", Text),
    Column("state", Text),
    Column("prev", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    UniqueConstraint("delivery_id", "kind", "time", name="deliveries_once"),
)
"""One entry per end of a delivery (kind `delivery`; one that is resent ends again) and per popup seen (`shown`)."""

callers = Table(
    "callers",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=False),
    Column("time", TIME, nullable=False),
    Column("show_id", Text, nullable=False, unique=True),
    Column("click_id", Text, nullable=False, index=True),
    Column("caller", Text),
    Column("caller_key", Text, index=True),
    Column("caller_salt", LargeBinary),
    Column("caller_proof", LargeBinary, nullable=False),
    Column("prev", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)
"""One entry per caller who was shown beside the lookup's own: of another live call, or later on the click's open card.
Once erased, caller, key and salt are null."""

access_log = Table(
    "acts",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=False),
    Column("time", TIME, nullable=False),
    Column("kind", Text, nullable=False),
    Column("act_id", Text, nullable=False, unique=True),
    Column("who", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("salt", LargeBinary),
    Column("prev", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)
"""The access log: the log was `read`, a person `erased`, old entries `forgotten` (retention). `details` is JSON without
personal data."""

head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", SEQ, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)
"""One row: the newest entry's number and digest. Whoever adds entries holds a lock on it."""

CHAINED = (lookups, deliveries, access_log, callers)
SEARCHED = ("crm", "crm_user", "extension", "outcome", "caller_key", "did_key", "ivrid", "original_ivrid")
LONGEST = 500
"""Characters kept of a searchable field: PostgreSQL's indexes take at most 2,700 bytes, including the time."""

Index("lookups_by_time", lookups.c.time, lookups.c.seq)
Index("acts_by_kind", access_log.c.kind, access_log.c.seq)
INDEXES = [Index(f"lookups_by_{name}", lookups.c[name], lookups.c.time, lookups.c.seq) for name in SEARCHED]
"""One per filter, in the order in which pages are read."""
