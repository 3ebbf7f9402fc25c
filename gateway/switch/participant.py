"""One leg that takes part in a conversation: its events read, and keys sent to it, for as long as it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from gateway.call.cause import Cause
from gateway.call.leg import CallLeg, Ended, LegEvent, Side
from gateway.call.state import LegState, MediaDirection
from gateway.errors import LegEnded, WrongState
from gateway.switch.ports import Line

_AWAY: Final = frozenset({MediaDirection.RECVONLY, MediaDirection.INACTIVE})
"""What the directions are, seen from us, when the far end holds the call (RFC 3264 §8.4)."""

log = structlog.get_logger(__name__)


class Participant:
    """`line`: what is given back at the end; None for the caller, who isn't ours to end. `agent`: whose leg
    it is, "" for anybody outside. `tasks` are run by the floor.
    """

    def __init__(self, leg: CallLeg, line: Line | None, agent: str = "") -> None:
        self.leg = leg
        self.line = line
        self.agent = agent
        self.answered = leg.state is LegState.CONFIRMED
        self.early_media = False
        self.muted = False
        self.tasks: list[asyncio.Task[None]] = []
        self._keys: asyncio.Queue[str] = asyncio.Queue()

    @classmethod
    def on(cls, line: Line, agent: str = "") -> Participant:
        """Whoever is at the other end of this line of ours."""
        return cls(line.leg, line, agent)

    @property
    def name(self) -> str:
        """Who it is, for the journal."""
        return self.agent or self.leg.remote.number

    @property
    def away(self) -> bool:
        """Its own phone has put us on hold."""
        return self.answered and self.leg.media_direction in _AWAY

    async def follow(self, on_event: Callable[[LegEvent], None]) -> None:
        """Hands over every event up to `Ended`, which always comes: a leg that can't be read has ended."""
        while True:
            event = await self._next_event()
            on_event(event)
            if isinstance(event, Ended):
                return

    async def _next_event(self) -> LegEvent:
        try:
            return await self.leg.next_event()
        except LegEnded:
            return Ended(Cause.NORMAL_CLEARING, Side.REMOTE)
        except Exception as fault:
            log.exception("leg_fault", leg_id=self.leg.id, error=str(fault))
            return Ended(Cause.TEMPORARY_FAILURE, Side.LOCAL)

    def pass_on(self, keys: str) -> None:
        """Send these keys to it, after those before them."""
        self._keys.put_nowait(keys)

    async def send_keys(self) -> None:
        """Sends what is passed on, one after the other, until it is cancelled."""
        while True:
            keys = await self._keys.get()
            try:
                await self.leg.send_digits(keys)
            except (LegEnded, WrongState):
                log.debug("keys_not_sent", leg_id=self.leg.id)
            except Exception as fault:
                log.exception("keys_not_sent", leg_id=self.leg.id, error=str(fault))
