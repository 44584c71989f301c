"""The archive's tables. Each line has a number, and together the lines of all three tables are one chain.

Times are texts in UTC of one length, so that they sort and compare as they stand. The migrations make these tables;
a test compares them.
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
"""One line per accepted click. A group of personal fields is null once it was erased, and so is its salt."""

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
"""One line per end of a delivery (kind `delivery`; one that was sent again ends again) and per popup seen (`shown`)."""

acts = Table(
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
"""What was done to the log itself: `read`, `erased`, `forgotten`. `details` is JSON without personal data."""

head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", SEQ, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)
"""One row: the newest line's number and digest. Whoever adds lines holds a lock on it."""

CHAINED = (lookups, deliveries, acts)
SEARCHED = ("crm", "crm_user", "extension", "outcome", "caller_key", "did_key", "ivrid")
LONGEST = 500
"""Characters kept of what is searched: PostgreSQL's indexes take no more than 2,700 bytes with the time beside it."""

Index("lookups_by_time", lookups.c.time, lookups.c.seq)
Index("acts_by_kind", acts.c.kind, acts.c.seq)
INDEXES = [Index(f"lookups_by_{name}", lookups.c[name], lookups.c.time, lookups.c.seq) for name in SEARCHED]
"""One for each way of searching, in the order in which pages are read."""
