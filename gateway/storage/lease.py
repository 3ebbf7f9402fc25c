"""Whose a node's name is: one process at a time, or two would write one journal and call the same people.

A row for each name. Its owner counts `beats` up all the time, so that a newcomer can tell a living owner from
a dead one without trusting anybody's clock. On the same machine it needn't even wait: the kernel knows which
processes live, and a process that was killed leaves its name free at once.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Final
from uuid import uuid4

import structlog
from sqlalchemy import ColumnElement, RowMapping, insert, select, update

from gateway.errors import StartupError
from gateway.faults import point
from gateway.storage.database import Database, StorageError, StorageRefused
from gateway.storage.tables import node_leases

log = structlog.get_logger(__name__)

BEAT_S: Final = 2.0
PATIENCE_S: Final = 7.0
"""Who hasn't beaten for this long, watched from elsewhere, is dead: three beats and some."""


NEIGHBOUR_GONE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Process:
    """A process, so that another one can tell whether it lives.

    `space`: the boot of the machine and the PID namespace, within which `pid` means something. `born`: in
    clock ticks since that boot, since numbers of processes are used again.
    """

    host: str
    space: str
    pid: int
    born: int

    @classmethod
    def this(cls) -> Process:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = Path("/proc/self/ns/pid").readlink()
        pid = os.getpid()
        return cls(socket.gethostname()[:255], f"{boot} {namespace}"[:128], pid, _born(pid) or 0)


class Life(Enum):
    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"  # it is, or was, somewhere else


def life_of(owner: Process, here: Process) -> Life:
    """Whether `owner` lives, as far as can be told from `here`."""
    if owner.space != here.space:
        return Life.UNKNOWN
    return Life.ALIVE if _born(owner.pid) == owner.born else Life.DEAD


def _born(pid: int) -> int | None:
    """When a process began, in ticks since the boot (proc(5), /proc/pid/stat, field 22)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


class NodeLease:
    """The name of this node, for as long as the process lives. `take` it first, then `run` is a task of its
    own, and `release` the end. Raises StorageError when the database fails.

    `lost`: set when another process has it; whatever this one writes from then on is in doubt.
    """

    def __init__(
        self,
        database: Database,
        node: str,
        *,
        process: Process | None = None,
        beat_s: float = BEAT_S,
        patience_s: float = PATIENCE_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._node = node
        self._process = process or Process.this()
        self._token = uuid4().hex
        self._beat_s = beat_s
        self._patience_s = patience_s
        self._sleep = sleep
        self.lost = asyncio.Event()

    async def take(self) -> datetime | None:
        """The name is ours; returns when its owner of before was last alive, None when there was none.

        Raises StartupError when somebody else has it and lives.
        """
        while True:
            row = await self._row()
            if row is None:
                if await self._insert():
                    return None
            elif await self._is_free(row):
                if await self._replace(row["token"]):
                    seen_at: datetime = row["seen_at"]
                    return seen_at
            else:
                raise StartupError(
                    f"node.name '{self._node}' is taken: process {row['pid']} on {row['host']} uses this "
                    "database under the same name; stop it, or give this node another node.name"
                )

    async def neighbours(self) -> frozenset[str]:
        """The names under which other nodes live in this database, as far as can be told from here."""
        query = select(node_leases).where(node_leases.c.node != self._node)
        async with self._database.transaction("read") as connection:
            rows = (await connection.execute(query)).mappings().all()
        return frozenset(row["node"] for row in rows if not self._is_over(row))

    async def run(self) -> None:
        """Say all the time that we live. Ends when the name was lost; never raises for a failing database."""
        while not self.lost.is_set():
            await self._sleep(self._beat_s)
            try:
                await self._beat()
            except StorageError as error:
                log.warning("lease_not_renewed", reason=error.reason)

    async def release(self) -> None:
        """A node that ends in order leaves its name free; one that can't is told to be dead by the next."""
        point("lease.releasing")
        try:
            async with self._database.transaction("write") as connection:
                await connection.execute(
                    update(node_leases).where(*self._mine()).values(released=True, seen_at=datetime.now(UTC))
                )
        except StorageError as error:
            log.warning("lease_not_released", reason=error.reason)

    def problem(self) -> str | None:
        """The health probe."""
        return f"another process took the name '{self._node}'" if self.lost.is_set() else None

    # ---- inside

    def _is_over(self, row: RowMapping) -> bool:
        """Whether a neighbour is gone, without waiting to see."""
        life = life_of(Process(row["host"], row["space"], row["pid"], row["born"]), self._process)
        silent = abs(datetime.now(UTC) - row["seen_at"]) > NEIGHBOUR_GONE
        return row["released"] or life is Life.DEAD or (life is Life.UNKNOWN and silent)

    async def _is_free(self, row: RowMapping) -> bool:
        if row["released"]:
            return True
        owner = Process(row["host"], row["space"], row["pid"], row["born"])
        life = life_of(owner, self._process)
        if life is not Life.UNKNOWN:
            return life is Life.DEAD
        log.info("lease_watched", node=self._node, host=owner.host, for_s=self._patience_s)
        await self._sleep(self._patience_s)
        later = await self._row()
        return later is None or (later["token"], later["beats"]) == (row["token"], row["beats"])

    async def _row(self) -> RowMapping | None:
        query = select(node_leases).where(node_leases.c.node == self._node)
        async with self._database.transaction("read") as connection:
            return (await connection.execute(query)).mappings().one_or_none()

    async def _insert(self) -> bool:
        try:
            async with self._database.transaction("write") as connection:
                await connection.execute(insert(node_leases).values(node=self._node, **self._values()))
        except StorageRefused:  # somebody was faster
            return False
        return True

    async def _replace(self, token: str) -> bool:
        of_before = (node_leases.c.node == self._node, node_leases.c.token == token)
        async with self._database.transaction("write") as connection:
            result = await connection.execute(update(node_leases).where(*of_before).values(self._values()))
        point("lease.taken")
        return result.rowcount == 1

    async def _beat(self) -> None:
        async with self._database.transaction("write") as connection:
            result = await connection.execute(
                update(node_leases)
                .where(*self._mine())
                .values(beats=node_leases.c.beats + 1, seen_at=datetime.now(UTC))
            )
        if result.rowcount != 1:
            log.error("lease_lost", node=self._node)
            self.lost.set()

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return (node_leases.c.node == self._node, node_leases.c.token == self._token)

    def _values(self) -> dict[str, object]:
        state = {"token": self._token, "beats": 0, "seen_at": datetime.now(UTC), "released": False}
        return {**asdict(self._process), **state}
