"""The outbox of webhooks: what is to be told, what was, and what came to nothing.

Rows are written in the transaction of what they tell of (`insert_deliveries`). A node claims what it sends
for a while; should it die meanwhile, it (or another one) takes it up again. So an endpoint gets everything at
least once, and knows by the message's id what it has already.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import RowMapping, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.database import Database
from gateway.storage.plain import text
from gateway.storage.tables import webhook_deliveries as table
from gateway.storage.tables import webhook_endpoints as endpoints
from gateway.webhooks.courier import Backlog, Claimed
from gateway.webhooks.events import Delivery

PENDING, DELIVERED, DEAD = "pending", "delivered", "dead"


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A delivery as it stands. `status`, `error`: of the last try."""

    id: str
    delivery: Delivery
    state: str
    tries: int
    next_at: datetime
    status: int | None
    error: str
    done_at: datetime | None


async def insert_deliveries(connection: AsyncConnection, deliveries: Sequence[Delivery]) -> None:
    """Within somebody's transaction."""
    if deliveries:
        await connection.execute(insert(table), [_new_row(one) for one in deliveries])


class OutboxStore:
    """The outbox of all nodes. `node`: who claims. Raises StorageError when the database fails."""

    def __init__(self, database: Database, node: str) -> None:
        self._database = database
        self._node = node

    async def add(self, deliveries: Sequence[Delivery]) -> None:
        """Those that belong to nothing else."""
        async with self._database.transaction("outbox add") as connection:
            await insert_deliveries(connection, deliveries)

    # ---- for the courier

    async def claim(self, endpoint: str, now: datetime, until: datetime, limit: int) -> Sequence[Claimed]:
        """What is due and nobody's: ours until then. The longest due first."""
        due = (
            select(table.c.id)
            .where(
                table.c.endpoint == endpoint,
                table.c.state == PENDING,
                table.c.next_at <= now,
                or_(table.c.claimed_until.is_(None), table.c.claimed_until <= now),
            )
            .order_by(table.c.next_at, table.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        claim = (
            update(table)
            .where(table.c.id.in_(due))
            .values(claimed_by=text(self._node, 64), claimed_until=until)
            .returning(table)
        )
        async with self._database.transaction("outbox claim") as connection:
            rows = (await connection.execute(claim)).mappings().all()
        return [Claimed(row["id"], _delivery(row), row["tries"]) for row in rows]

    async def delivered(self, id: str, now: datetime, status: int | None) -> None:
        await self._settle(id, state=DELIVERED, done_at=now, status=status, error="")

    async def put_off(self, id: str, next_at: datetime, status: int | None, error: str) -> None:
        await self._settle(id, next_at=next_at, status=status, error=text(error, 255))

    async def bury(self, id: str, now: datetime, status: int | None, error: str) -> None:
        await self._settle(id, state=DEAD, done_at=now, status=status, error=text(error, 255))

    async def bury_all(self, endpoint: str, now: datetime, error: str) -> int:
        """Nothing more is sent there. How many."""
        mine = (table.c.endpoint == endpoint) & (table.c.state == PENDING)
        values = {"state": DEAD, "done_at": now, "error": text(error, 255)}
        async with self._database.transaction("outbox bury") as connection:
            return (await connection.execute(update(table).where(mine).values(**values))).rowcount

    async def bury_strays(self, known: Collection[str], now: datetime, before: datetime, error: str) -> int:
        """What has waited since before then for an endpoint that isn't among the `known`. How many."""
        stray = (table.c.state == PENDING) & table.c.endpoint.not_in(known) & (table.c.at < before)
        values = {"state": DEAD, "done_at": now, "error": text(error, 255)}
        async with self._database.transaction("outbox bury") as connection:
            return (await connection.execute(update(table).where(stray).values(**values))).rowcount

    async def backlog(self, endpoint: str) -> Backlog:
        mine = (table.c.endpoint == endpoint) & (table.c.state == PENDING)
        free = select(func.min(table.c.next_at)).where(mine, table.c.claimed_until.is_(None))
        query = select(func.count(), func.min(table.c.at), free.scalar_subquery()).where(mine)
        async with self._database.transaction("outbox read") as connection:
            count, oldest_at, next_at = (await connection.execute(query)).one()
        return Backlog(count, oldest_at, next_at)

    async def release(self) -> None:
        """What this node had under way before it died is nobody's."""
        mine = (table.c.claimed_by == text(self._node, 64)) & table.c.claimed_until.is_not(None)
        async with self._database.transaction("outbox release") as connection:
            await connection.execute(update(table).where(mine).values(claimed_until=None))

    async def forget(self, delivered_before: datetime, dead_before: datetime) -> int:
        """Delete what was over before then. How many."""
        over = or_(
            (table.c.state == DELIVERED) & (table.c.done_at < delivered_before),
            (table.c.state == DEAD) & (table.c.done_at < dead_before),
        )
        async with self._database.transaction("outbox forget") as connection:
            return (await connection.execute(delete(table).where(over))).rowcount

    # ---- endpoints that want nothing any more

    async def disabled(self, endpoint: str, url: str) -> bool:
        """Whether this very URL has said so; another one starts afresh."""
        query = select(endpoints.c.url).where(endpoints.c.name == endpoint)
        async with self._database.transaction("outbox read") as connection:
            return (await connection.execute(query)).scalar() == url

    async def disable(self, endpoint: str, url: str, now: datetime) -> None:
        async with self._database.transaction("outbox disable") as connection:
            await connection.execute(delete(endpoints).where(endpoints.c.name == endpoint))
            await connection.execute(insert(endpoints).values(name=endpoint, url=url, disabled_at=now))

    async def enable(self, endpoint: str) -> None:
        async with self._database.transaction("outbox enable") as connection:
            await connection.execute(delete(endpoints).where(endpoints.c.name == endpoint))

    # ---- for people

    async def counts(self, endpoint: str) -> dict[str, int]:
        """How many are in which state."""
        query = (
            select(table.c.state, func.count()).where(table.c.endpoint == endpoint).group_by(table.c.state)
        )
        async with self._database.transaction("outbox read") as connection:
            found = {row[0]: row[1] for row in await connection.execute(query)}
        return {state: found.get(state, 0) for state in (PENDING, DELIVERED, DEAD)}

    async def list(
        self,
        *,
        state: str | None = None,
        endpoint: str | None = None,
        type: str | None = None,
        limit: int = 100,
    ) -> Sequence[StoredDelivery]:
        """The newest first."""
        query = select(table)
        for name, wanted in (("state", state), ("endpoint", endpoint), ("type", type)):
            if wanted is not None:
                query = query.where(table.c[name] == wanted)
        async with self._database.transaction("outbox read") as connection:
            rows = await connection.execute(query.order_by(table.c.at.desc(), table.c.id).limit(limit))
            return [_stored(row) for row in rows.mappings()]

    async def get(self, id: str) -> StoredDelivery | None:
        async with self._database.transaction("outbox read") as connection:
            row = (await connection.execute(select(table).where(table.c.id == id))).mappings().first()
        return None if row is None else _stored(row)

    async def replay(self, now: datetime, *, id: str | None = None, endpoint: str | None = None) -> int:
        """Send again: this one, whatever became of it; or every dead one (of `endpoint`). How many."""
        mine: Any = table.c.state == DEAD if id is None else table.c.id == id
        if endpoint is not None:
            mine = mine & (table.c.endpoint == endpoint)
        values = {"state": PENDING, "tries": 0, "next_at": now, "claimed_until": None, "done_at": None}
        async with self._database.transaction("outbox replay") as connection:
            return (await connection.execute(update(table).where(mine).values(**values))).rowcount

    async def _settle(self, id: str, **values: Any) -> None:
        """What came of a try of ours. One that was given up meanwhile (`replay`, `bury_all`) stays so."""
        mine = (table.c.id == id) & (table.c.state == PENDING)
        change = update(table).where(mine).values(tries=table.c.tries + 1, claimed_until=None, **values)
        async with self._database.transaction("outbox settle") as connection:
            await connection.execute(change)


def _new_row(delivery: Delivery) -> dict[str, object]:
    return {
        "id": uuid4().hex,
        "message": text(delivery.message, 64),
        "endpoint": text(delivery.endpoint, 64),
        "type": text(delivery.type, 64),
        "at": delivery.at,
        "body": text(delivery.body, len(delivery.body)),
        "state": PENDING,
        "tries": 0,
        "next_at": delivery.at,
        "error": "",
        "claimed_by": "",
    }


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(row["message"], row["endpoint"], row["type"], row["at"], row["body"])


def _stored(row: RowMapping) -> StoredDelivery:
    return StoredDelivery(
        row["id"],
        _delivery(row),
        row["state"],
        row["tries"],
        row["next_at"],
        row["status"],
        row["error"],
        row["done_at"],
    )
