"""What a leg is whatever carries it: who is at its ends, its state, its events and its keys.

`gateway.sip` and `gateway.webrtc` build their legs on this; the promises are `gateway.call.leg.CallLeg`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from gateway.call.cdr import MediaQuality
from gateway.call.digits import DIGITS, DigitEvent, DigitMerger
from gateway.call.leg import CallDirection, Ended, LegEvent, MediaDirectionChanged, Party
from gateway.call.state import LegAction, LegSignal, LegState, MediaDirection, next_state, require
from gateway.errors import LegEnded
from media import tone
from media.bridge import Bridge, Port
from media.engine import Engine
from media.player import Player


class Leg:
    """Belongs to the event loop. `_tell` is how its events get out, `_move` how its state changes."""

    def __init__(
        self,
        engine: Engine,
        bridge: Bridge,
        *,
        leg_id: str,
        direction: CallDirection,
        remote: Party,
        local: Party,
        headers: Mapping[str, str],
    ) -> None:
        self._engine = engine
        self._bridge = bridge
        self._id = leg_id
        self._direction = direction
        self._remote = remote
        self._local = local
        self._headers = headers
        self._state = LegState.TRYING
        self._quality: MediaQuality | None = None
        self._digits = DigitMerger()
        self._told_media = MediaDirection.SENDRECV
        self._alerted: set[LegEvent] = set()
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._taken = False  # a task waits in next_event
        self._over = False  # `Ended` was handed out

    # ---- what it is

    @property
    def id(self) -> str:
        return self._id

    @property
    def direction(self) -> CallDirection:
        return self._direction

    @property
    def remote(self) -> Party:
        return self._remote

    @property
    def local(self) -> Party:
        return self._local

    @property
    def headers(self) -> Mapping[str, str]:
        return self._headers

    @property
    def state(self) -> LegState:
        return self._state

    @property
    def quality(self) -> MediaQuality | None:
        return self._quality

    async def next_event(self) -> LegEvent:
        if self._over:
            raise LegEnded(self._id)
        if self._taken:
            raise RuntimeError(f"two tasks wait for the events of leg {self._id}")
        self._taken = True
        try:
            event = await self._events.get()
        finally:
            self._taken = False
        self._over = isinstance(event, Ended)
        return event

    # ---- for those who build on it

    def _require(self, action: LegAction, *, answer_sent: bool) -> None:
        """Raises WrongState or LegEnded when `action` isn't legal now."""
        inbound = self._direction is CallDirection.INBOUND
        require(action, self._state, leg_id=self._id, inbound=inbound, answer_sent=answer_sent)

    def _move(self, signal: LegSignal) -> None:
        """Nothing moves after the end, which may have come while a response was on its way."""
        if self._state is not LegState.TERMINATED:
            self._state = next_state(self._state, signal)

    def _tell(self, event: LegEvent) -> None:
        self._events.put_nowait(event)

    def _tell_once(self, event: LegEvent) -> None:
        """Provisional responses are repeated every minute (RFC 3261 §13.3.1.1)."""
        if event not in self._alerted:
            self._alerted.add(event)
            self._tell(event)

    def _tell_direction(self, direction: MediaDirection) -> None:
        if direction is not self._told_media:
            self._told_media = direction
            self._tell(MediaDirectionChanged(direction))

    def _tell_digits(self, events: tuple[DigitEvent, ...]) -> None:
        for event in events:
            self._tell(event)

    async def _send_tones(self, digits: str, duration_s: float, to: Port) -> None:
        """Keys as audio, for a far end that takes them in no other way."""
        player = Player(self._engine, self._bridge, f"{self._id}-keys")
        self._bridge.connect(player.port, to)
        try:
            await player.play([tone.keys(digits, self._engine.rate, on_s=duration_s)]).finished()
        finally:
            player.close()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def check_keys(digits: str) -> None:
    """Raises ValueError for what no keypad has."""
    if not digits or not set(digits) <= DIGITS:
        raise ValueError(f"not keys: {digits!r}")
