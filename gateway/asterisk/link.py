"""The link to the PBX: connected whenever it can be, and known to be deaf when it is.

A connection that says nothing may be a PBX without calls or one that has gone away. So each heartbeat asks
twice: a Ping for its answer, and an event of our own that has to come back, because a session may answer
without telling anything. Whatever fails ends the connection; the next one begins with everything anew.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from gateway.asterisk.actions import Action
from gateway.asterisk.connection import AmiConnection, PbxFault, PbxRefused, PbxUnavailable
from gateway.asterisk.events import AmiEvent, AmiResponse

log = structlog.get_logger(__name__)

HEARTBEAT_EVENT: Final = "RingbackHeartbeat"


@dataclass(frozen=True, slots=True)
class PbxAccount:
    """Where the manager is, and who we are there. `node`: of this node, to know our own events by.

    `backoff_s`: the first pause before another try, and the longest. `deaf_after_s`: so long without an
    answer or our own event, and the connection is given up.
    """

    host: str
    port: int
    username: str
    secret: str
    node: str
    heartbeat_s: float = 5.0
    deaf_after_s: float = 12.0
    backoff_s: tuple[float, float] = (0.5, 30.0)
    answer_s: float = 5.0


@dataclass(frozen=True, slots=True)
class LinkHealth:
    """How the link stands. Seconds; None for what hasn't been yet. Counters run from the node's start."""

    connected: bool
    trouble: str  # why it isn't connected, "" while it is
    connected_s: float | None
    last_event_s: float | None  # ago
    ping_s: float | None  # the last one's
    hears_itself: bool  # our own events come back; False for an account that may not read or write them
    connections: int
    events: int
    dropped: int


class PbxLink:
    """Run `run` as long as the node lasts. `now`: steady seconds."""

    def __init__(self, account: PbxAccount, now: Callable[[], float] = time.monotonic) -> None:
        self._account = account
        self._now = now
        self._connection: AmiConnection | None = None
        self._lost = asyncio.Event()
        self._handlers: list[Callable[[AmiEvent], None]] = []
        self._resyncs: list[Callable[[], Awaitable[None]]] = []
        self._losses: list[Callable[[], None]] = []
        self._trouble = "not connected yet"
        self._since: float | None = None
        self._last_event: float | None = None
        self._ping_s: float | None = None
        self._nonce = ""
        self._echoed = asyncio.Event()
        self._hears_itself = True
        self._connections = self._events = self._dropped = 0

    # ---- for those who use it

    def on_event(self, handler: Callable[[AmiEvent], None]) -> None:
        """`handler` is given each event. It neither raises nor waits."""
        self._handlers.append(handler)

    def on_connect(self, resync: Callable[[], Awaitable[None]]) -> None:
        """`resync` is awaited on each new connection, before it counts as one. It may raise PbxFault."""
        self._resyncs.append(resync)

    def on_loss(self, handler: Callable[[], None]) -> None:
        """`handler` is called when a connection that counted is gone."""
        self._losses.append(handler)

    async def request(self, action: Action) -> AmiResponse:
        """Raises PbxRefused, PbxUnavailable."""
        return await self._live().request(action, self._account.answer_s)

    async def listing(self, action: Action) -> list[AmiEvent]:
        """Raises PbxRefused, PbxUnavailable."""
        return await self._live().listing(action, self._account.answer_s)

    @property
    def connected(self) -> bool:
        return self._since is not None

    def health(self) -> LinkHealth:
        now = self._now()
        live = 0 if self._connection is None else self._connection.dropped
        return LinkHealth(
            connected=self.connected,
            trouble="" if self.connected else self._trouble,
            connected_s=None if self._since is None else now - self._since,
            last_event_s=None if self._last_event is None else now - self._last_event,
            ping_s=self._ping_s,
            hears_itself=self._hears_itself,
            connections=self._connections,
            events=self._events,
            dropped=self._dropped + live,
        )

    # ---- the life of it

    async def run(self) -> None:
        """Until it is cancelled."""
        shortest_s, longest_s = self._account.backoff_s
        pause_s = shortest_s
        while True:
            try:
                await self._connected_once()
            except PbxFault as fault:
                self._trouble = str(fault)
            finally:
                was = self._since is not None
                self._hang_up()
            log.warning("pbx_lost" if was else "pbx_unreachable", reason=self._trouble)
            pause_s = shortest_s if was else pause_s
            # Many nodes mustn't come back in one instant.
            await asyncio.sleep(pause_s * random.uniform(0.75, 1.25))  # noqa: S311  # no secret
            pause_s = min(2 * pause_s, longest_s)

    async def _connected_once(self) -> None:
        """One connection, to its end. Raises PbxFault."""
        account = self._account
        self._lost.clear()
        connection = AmiConnection(
            account.host,
            account.port,
            on_event=self._heard,
            on_lost=self._on_lost,
            silence_s=account.deaf_after_s,
        )
        self._connection = connection
        await connection.open(account.username, account.secret, account.answer_s)
        for resync in self._resyncs:
            await resync()
        self._since = self._now()
        self._connections += 1
        log.info("pbx_connected", host=account.host, port=account.port)
        async with asyncio.TaskGroup() as tasks:
            beating = tasks.create_task(self._beat())
            lost = tasks.create_task(self._lost.wait())
            await asyncio.wait({beating, lost}, return_when=asyncio.FIRST_COMPLETED)
            beating.cancel()
            lost.cancel()
        if not beating.cancelled():
            self._trouble = beating.result()

    async def _beat(self) -> str:
        """Until there is no answer: what was wrong."""
        while True:
            await asyncio.sleep(self._account.heartbeat_s)
            try:
                async with asyncio.timeout(self._account.deaf_after_s):
                    began = self._now()
                    await self._live().request(Action("Ping"), self._account.deaf_after_s)
                    self._ping_s = self._now() - began
                    await self._hear_ourselves()
            except TimeoutError:
                return f"deaf: no event of our own within {self._account.deaf_after_s:g} s"
            except PbxFault as fault:
                return str(fault)

    async def _hear_ourselves(self) -> None:
        self._nonce = secrets.token_hex(8)
        self._echoed.clear()
        fields = {"UserEvent": HEARTBEAT_EVENT, "Node": self._account.node, "Nonce": self._nonce}
        try:
            await self._live().request(Action("UserEvent", fields), self._account.answer_s)
        except PbxRefused as refused:
            if self._hears_itself:
                log.warning("pbx_account_mute", reason=refused.message, needs="write = user")
            self._hears_itself = False
            return
        self._hears_itself = True
        await self._echoed.wait()

    def _live(self) -> AmiConnection:
        if self._connection is None:
            raise PbxUnavailable(self._trouble)
        return self._connection

    def _heard(self, event: AmiEvent) -> None:
        self._events += 1
        self._last_event = self._now()
        if event.name == "UserEvent" and event.get("UserEvent") == HEARTBEAT_EVENT:
            if event.get("Nonce") == self._nonce:
                self._echoed.set()
            return
        for handler in self._handlers:
            try:
                handler(event)
            except Exception:  # one event that nobody expected mustn't cost the others
                log.exception("pbx_event_fault", pbx_event=event.name)

    def _on_lost(self, reason: str) -> None:
        if self._connection is None:  # we have closed it
            return
        self._trouble = reason
        self._lost.set()

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        was, self._since = self._since, None
        if connection is not None:
            connection.close()
            self._dropped += connection.dropped
        if was is not None:
            for handler in self._losses:
                handler()
