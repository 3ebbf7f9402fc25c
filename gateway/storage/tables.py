"""The tables, as SQLAlchemy Core sees them. A change here needs a migration beside it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata = MetaData(
    # Named constraints can be changed by later migrations on every database.
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC, both ways. SQLite keeps no zone, so it is taken off and put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


calls = Table(
    "calls",
    metadata,
    # A leg is recorded once, however often the writing is retried.
    Column("leg_id", String(64), primary_key=True),
    Column("call_id", String(64), nullable=False, index=True),
    Column("technology", String(16), nullable=False),
    Column("direction", String(16), nullable=False),
    Column("ani", String(255), nullable=False),
    Column("dnis", String(255), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("result", String(16), nullable=False),
    Column("cause", SmallInteger, nullable=False),
    Column("cause_text", String(255), nullable=False),
    Column("sip_status", SmallInteger),
    Column("ended_by", String(16), nullable=False),
    Column("sip_call_id", String(255), nullable=False),
    Column("dialplan", String(255), nullable=False),
    Column("path", JSON, nullable=False),
    Column("attributes", JSON, nullable=False),
    # The quality of its media; NULL where there was none.
    Column("codec", String(32)),
    Column("packets_received", Integer),
    Column("packets_lost", Integer),
    Column("packets_sent", Integer),
    Column("jitter_ms", Float),
    Column("round_trip_ms", Float),
    # Listings go from the newest backwards, a page at a time.
    Index(None, "started_at", "leg_id"),
)

journal = Table(
    "journal",
    metadata,
    # Each node numbers its own events, from 1 and without gaps; so none is stored twice, and none is missed.
    Column("node", String(64), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("queue", String(255), nullable=False),
    Column("entry", String(64), nullable=False),
    Column("call_id", String(64), nullable=False),
    Column("agent", String(255), nullable=False),
    Column("details", JSON, nullable=False),
    # Reports go through a range of time; screens ask for one entry, one call, one agent.
    Index(None, "at", "node", "id"),
    Index(None, "entry", "at"),
    Index(None, "call_id", "at"),
    Index(None, "agent", "at"),
)

# Times are seconds since the epoch as the engine has them: rounded to a database's time, two callers of the
# same moment could change places by a restart.
queue_entries = Table(
    "queue_entries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("node", String(64), nullable=False),
    Column("queue", String(255), nullable=False),
    Column("state", String(32), nullable=False),
    Column("enqueued_at", Float(53), nullable=False),
    Column("joined_at", Float(53), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("skills", JSON, nullable=False),
    Column("language", String(32), nullable=False),
    Column("identity", String(255), nullable=False),
    Column("ani", String(255), nullable=False),
    Column("dnis", String(255), nullable=False),
    Column("number", String(255), nullable=False),
    Column("not_before", Float(53)),
    Column("attempts", Integer, nullable=False),
    Column("call_id", String(64), nullable=False),
    Column("agent", String(255), nullable=False),
    Column("envelope", String(64), nullable=False),
    Column("details", JSON, nullable=False),
)

handoffs = Table(
    "handoffs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("app", String(255), nullable=False),
    Column("customer", String(255), nullable=False),
    Column("number", String(64), nullable=False),
    # Keyed hash of the one-time PIN; NULL when there is none (any more), so those that live are unique.
    Column("pin", String(64)),
    Column("pin_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("envelope", JSON, nullable=False),
    UniqueConstraint("pin"),
    Index(None, "number", "created_at"),
    Index(None, "customer", "created_at"),
    Index(None, "expires_at"),
)

handoff_changes = Table(
    "handoff_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("handoff", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("by", String(255), nullable=False),
    Column("what", String(64), nullable=False),
    Column("details", JSON, nullable=False),
    Index(None, "handoff", "id"),
)

# What webhooks are to be told, and what came of it (`gateway.storage.outbox`).
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("message", String(64), nullable=False),
    Column("endpoint", String(64), nullable=False),
    Column("type", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("status", SmallInteger),
    Column("error", String(255), nullable=False),
    Column("claimed_by", String(64), nullable=False),
    Column("claimed_until", UtcDateTime),
    Column("done_at", UtcDateTime),
    Index(None, "endpoint", "state", "next_at"),
    Index(None, "at", "id"),
    Index(None, "done_at"),
)

# Endpoints that have said 410.
webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("url", String(2000), nullable=False),
    Column("disabled_at", UtcDateTime, nullable=False),
)

# Numbers of a pool, each lent to one customer at a time. The row stays, to say when it was lent last.
lent_numbers = Table(
    "lent_numbers",
    metadata,
    Column("number", String(64), primary_key=True),
    Column("handoff", String(64), nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

used_tokens = Table(
    "used_tokens",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("until", UtcDateTime, nullable=False),
)

# Whose the name of a node is: one process at a time (`gateway.storage.lease`).
node_leases = Table(
    "node_leases",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("token", String(64), nullable=False),
    Column("host", String(255), nullable=False),
    Column("space", String(128), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("born", BigInteger, nullable=False),
    Column("beats", BigInteger, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("released", Boolean, nullable=False),
)

# What each agent chose last; written with the journal, so that a restart needn't read all of it.
agent_presence = Table(
    "agent_presence",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("agent", String(255), primary_key=True),
    Column("presence", String(32), nullable=False),
    Column("reason", String(255), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
