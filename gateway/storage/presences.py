"""What each agent chose last: a restarted node finds its agents in this. Written with the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.agents.presence import Presence
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.storage.database import Database
from gateway.storage.plain import text
from gateway.storage.tables import agent_presence


@dataclass(frozen=True, slots=True)
class KnownPresence:
    agent: str
    presence: Presence
    reason: str


class PresenceStore:
    """The presence of one node's agents. Raises StorageError when the database fails."""

    def __init__(self, database: Database, node: str) -> None:
        self._database = database
        self._node = node

    async def load(self) -> Sequence[KnownPresence]:
        """Everybody who isn't logged out, in the order in which they chose it."""
        mine = agent_presence.c.node == self._node
        here = agent_presence.c.presence != Presence.LOGGED_OUT.value
        query = select(agent_presence).where(mine, here).order_by(agent_presence.c.at)
        async with self._database.transaction("read") as connection:
            rows = (await connection.execute(query)).mappings().all()
        return tuple(KnownPresence(row["agent"], Presence(row["presence"]), row["reason"]) for row in rows)

    async def save(self, connection: AsyncConnection, events: Iterable[JournalEvent]) -> None:
        """Within somebody's transaction: what these events say of presences."""
        rows = {event.agent: self._to_row(event) for event in events if _says_presence(event)}
        if not rows:
            return
        insert = (postgresql if self._database.dialect == "postgresql" else sqlite).insert(agent_presence)
        newer = {name: insert.excluded[name] for name in ("presence", "reason", "at")}
        statement = insert.on_conflict_do_update(index_elements=["node", "agent"], set_=newer)
        await connection.execute(statement, list(rows.values()))

    def _to_row(self, event: JournalEvent) -> dict[str, object]:
        return {
            "node": self._node,
            "agent": text(event.agent, 255),
            "presence": event.details["presence"],
            "reason": text(str(event.details.get("reason", "")), 255),
            "at": event.at,
        }


_PRESENCES = frozenset(presence.value for presence in Presence)


def _says_presence(event: JournalEvent) -> bool:
    said = event.details.get("presence")
    return event.kind is JournalKind.AGENT_PRESENCE and bool(event.agent) and said in _PRESENCES
