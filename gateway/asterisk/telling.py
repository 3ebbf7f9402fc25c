"""What the PBX is told of our queues: an event when a call has an agent, for its own reports and screens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from gateway.asterisk.actions import Action, UnsafeValue
from gateway.asterisk.connection import PbxFault
from gateway.asterisk.link import PbxLink
from gateway.queues.journal import JournalEvent, JournalKind

log = structlog.get_logger(__name__)

NAMES: Final[Mapping[JournalKind, str]] = {
    JournalKind.CONNECTED: "RingbackConnected",
    JournalKind.FINISHED: "RingbackFinished",
}
MOST_WAITING: Final = 1_000


class PbxTelling:
    """Tells it while the link is there; what happens meanwhile is in our journal, and isn't told later.

    `handoff_of`: the id of the envelope of whoever has this place in a queue, "" for none.
    """

    def __init__(self, link: PbxLink, node: str, handoff_of: Callable[[str], str]) -> None:
        self._link = link
        self._node = node
        self._handoff_of = handoff_of
        self._waiting: asyncio.Queue[Action] = asyncio.Queue(MOST_WAITING)

    def observe(self, event: JournalEvent) -> None:
        """An event of the journal."""
        name = NAMES.get(event.kind)
        if name is None or not self._link.connected or self._waiting.full():
            return
        fields = {
            "UserEvent": name,
            "Node": self._node,
            "Agent": event.agent,
            "Queue": event.queue,
            "Call": event.call_id,
            "Entry": event.entry,
            "Handoff": self._handoff_of(event.entry),
        }
        try:
            self._waiting.put_nowait(Action("UserEvent", fields))
        except UnsafeValue as unsafe:
            log.warning("pbx_not_told", reason=str(unsafe))

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            action = await self._waiting.get()
            try:
                await self._link.request(action)
            except PbxFault as fault:
                log.info("pbx_not_told", reason=str(fault))
