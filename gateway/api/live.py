"""The WebSocket /v1/live: everything that goes on, for wallboards and `ringback top`.

First a snapshot, then deltas: what is different since the message before, at most four times a second. A slow
reader gets fewer and larger deltas; nothing is kept for it. `live.asyncapi.yaml` describes the messages.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter, HTTPException, WebSocket
from pydantic import BaseModel

from gateway.api.auth import Holder, Role, check_role
from gateway.api.ports import Change, Floor, FloorDesk, Queueing, Unsubscribe
from gateway.api.sockets import TRY_LATER, Channel, Closed, Gate
from gateway.api.states import AgentFound, CallFound, EntryFound, QueueState

PROTOCOL: Final = "ringback.live.v1"
INTERVAL_S: Final = 0.25
REFRESH_S: Final = 5.0
"""Figures and estimates change without anything happening; and whoever reads knows that we live."""
ENTRIES_SHOWN: Final = 200
"""Of each queue, the first; `waiting` and `callbacks` of the queue count all."""

Items = Mapping[str, Mapping[str, Any]]
_EMPTY: Final[Items] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything at a moment: the items of each section by their id."""

    at: datetime
    sections: Mapping[str, Items]

    def snapshot(self) -> dict[str, Any]:
        return {"type": "snapshot", "at": self.at.isoformat(), **self.sections}

    def delta_from(self, earlier: Picture) -> dict[str, Any]:
        """What is new or different, whole; what is gone, as null (as in a JSON merge patch, RFC 7396)."""
        changes: dict[str, Any] = {}
        for section, items in self.sections.items():
            before = earlier.sections.get(section, _EMPTY)
            changed: dict[str, Any] = {name: item for name, item in items.items() if before.get(name) != item}
            changed.update((name, None) for name in before if name not in items)
            if changed:
                changes[section] = changed
        return {"type": "delta" if changes else "tick", "at": self.at.isoformat(), **changes}


class LiveFeed:
    """Pictures of the floor, made once for all who look and only while somebody does."""

    def __init__(self, desk: FloorDesk) -> None:
        self._desk = desk
        self._floor: Floor | None = None
        self._unsubscribe: tuple[Unsubscribe, ...] = ()
        self._picture = Picture(datetime.now(UTC), {})
        self._taken_at = 0.0
        self._stale = asyncio.Event()
        self._queues, self._entries, self._agents, self._calls = (_Section() for _ in range(4))

    def picture(self) -> Picture:
        """The present one. Raises HTTPException 503 while the node starts."""
        floor = self._subscribed()
        now = time.monotonic()
        if self._stale.is_set() or now - self._taken_at >= REFRESH_S:
            self._stale.clear()
            self._picture = self._take(floor)
            self._taken_at = now
        return self._picture

    async def after(self, seen: Picture) -> Picture:
        """One that may differ from `seen`: soon after something has changed, else after REFRESH_S."""
        if self._picture is seen:
            try:
                async with asyncio.timeout(REFRESH_S):
                    await self._stale.wait()
            except TimeoutError:
                pass
        await asyncio.sleep(max(0.0, self._taken_at + INTERVAL_S - time.monotonic()))
        return self.picture()

    def _subscribed(self) -> Floor:
        floor = self._desk.ready()
        if floor is not self._floor:
            for unsubscribe in self._unsubscribe:
                unsubscribe()
            self._unsubscribe = (
                floor.queueing.subscribe(self._changed),
                floor.conversations.subscribe(self._changed),
            )
            self._floor = floor
            self._stale.set()
        return floor

    def _changed(self, _change: Change) -> None:
        self._stale.set()

    def _take(self, floor: Floor) -> Picture:
        queueing = floor.queueing
        return Picture(
            datetime.now(UTC),
            {
                "queues": self._queues.items(_queues(queueing)),
                "entries": self._entries.items(_entries(queueing)),
                "agents": self._agents.items(
                    (view.id, view, partial(AgentFound.of, view)) for view in queueing.agents()
                ),
                "calls": self._calls.items(
                    (view.id, view, partial(CallFound.of, view, _VIEWER))
                    for view in floor.conversations.calls()
                ),
            },
        )


_Made = tuple[str, object, Callable[[], BaseModel]]
"""The id of an item, what it is made of, and the way to make it."""

_VIEWER: Final = Holder("live", Role.SUPERVISOR)
_MOVING: Final = {"wait_s", "oldest_wait_s"}
"""Different at every look; whoever reads has the time that they are counted from."""


def _queues(queueing: Queueing) -> Iterator[_Made]:
    for view in queueing.queues():
        yield view.name, (view, queueing.figures(view.name)), partial(QueueState.of, view, queueing)


def _entries(queueing: Queueing) -> Iterator[_Made]:
    for queue in queueing.queues():
        for view in islice(queueing.entries(queue.name), ENTRIES_SHOWN):
            estimate, caller = queueing.estimate(view.id), queueing.caller(view.id)
            band = None if estimate is None else (estimate.median_s, estimate.low_s, estimate.high_s)
            yield view.id, (view, caller, band), partial(EntryFound.of, view, queueing, _VIEWER)


class _Section:
    """The items of one section. Those that are made of the same as before aren't made again."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[object, Mapping[str, Any]]] = {}

    def items(self, wanted: Iterable[_Made]) -> Items:
        fresh: dict[str, tuple[object, Mapping[str, Any]]] = {}
        for name, made_of, make in wanted:
            known = self._kept.get(name)
            if known is None or known[0] != made_of:
                known = (made_of, make().model_dump(mode="json", exclude=_MOVING))
            fresh[name] = known
        self._kept = fresh
        return {name: item for name, (_, item) in fresh.items()}


def routes(desk: FloorDesk, gate: Gate) -> APIRouter:
    """For supervisors and admins."""
    router = APIRouter()
    feed = LiveFeed(desk)

    def check(holder: Holder) -> None:
        check_role(holder, (Role.SUPERVISOR,))
        desk.ready()

    @router.websocket("/v1/live")
    async def live(socket: WebSocket) -> None:
        if await gate.admit(socket, PROTOCOL, check) is None:
            return
        channel = Channel(socket)
        await channel.run(_show(feed, channel), _answer(channel))

    return router


async def _show(feed: LiveFeed, channel: Channel) -> None:
    try:
        shown = feed.picture()
        channel.put(shown.snapshot())
        while True:
            await channel.flushed()
            present = await feed.after(shown)
            channel.put(present.delta_from(shown))
            shown = present
    except HTTPException as starting:
        raise Closed(TRY_LATER, starting.detail) from starting


async def _answer(channel: Channel) -> None:
    async for message in channel.messages():
        if message.get("type") == "ping":
            channel.put({"type": "pong", "id": message.get("id")})
        else:
            channel.put({"type": "error", "id": message.get("id"), "detail": "this socket takes only pings"})
