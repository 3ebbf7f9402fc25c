"""A leg that the PBX has dialled for us: SIP to the PBX, and the PBX's word on what becomes of the call.

The trunk's leg is up at once, because the PBX called us to make it. Whether the far end rings or has answered
is told by AMI, and only that counts for whoever uses the leg.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from gateway.call.cause import Cause
from gateway.call.cdr import MediaQuality
from gateway.call.leg import (
    Answered,
    CallDirection,
    CallLeg,
    EarlyMedia,
    Ended,
    Headers,
    LegEvent,
    Party,
    Ringing,
    Side,
    Technology,
)
from gateway.call.state import LegAction, LegSignal, LegState, MediaDirection, next_state, require
from gateway.errors import LegEnded

if TYPE_CHECKING:
    from media.bridge import Port

LAST_WORD_S: Final = 1.0
"""A BYE overtakes the event that says why: so long that one is waited for."""

_CAUSES: Final[Mapping[str, Cause]] = {
    "BUSY": Cause.USER_BUSY,
    "NOANSWER": Cause.NO_ANSWER,
    "CONGESTION": Cause.SWITCHING_EQUIPMENT_CONGESTION,
    "CHANUNAVAIL": Cause.SUBSCRIBER_ABSENT,
}
"""Asterisk's DIALSTATUS. What it says of any other is told by the end of the trunk's leg."""


class PbxLeg:
    """A CallLeg. `trunk`: the leg that the PBX made; `follow` takes its events."""

    def __init__(self, trunk: CallLeg, remote: Party, local: Party) -> None:
        self._trunk = trunk
        self._remote = remote
        self._local = local
        self._state = LegState.TRYING
        self._cause: Cause | None = None  # what the PBX said before it hung up
        self._told = asyncio.Event()
        self._alerted: set[LegEvent] = set()
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._taken = False
        self._over = False

    # ---- what it is

    @property
    def id(self) -> str:
        return self._trunk.id

    @property
    def technology(self) -> Technology:
        return self._trunk.technology

    @property
    def direction(self) -> CallDirection:
        return CallDirection.OUTBOUND

    @property
    def remote(self) -> Party:
        return self._remote

    @property
    def local(self) -> Party:
        return self._local

    @property
    def headers(self) -> Mapping[str, str]:
        return self._trunk.headers

    @property
    def state(self) -> LegState:
        return self._state

    @property
    def media_direction(self) -> MediaDirection:
        return self._trunk.media_direction

    @property
    def audio(self) -> Port:
        return self._trunk.audio

    @property
    def network_id(self) -> str:
        return self._trunk.network_id

    @property
    def quality(self) -> MediaQuality | None:
        return self._trunk.quality

    # ---- what can be done with it

    async def ring(self) -> None:
        self._require(LegAction.RING)

    async def progress(self) -> None:
        self._require(LegAction.PROGRESS)

    async def answer(self, headers: Headers = ()) -> None:  # noqa: ARG002  # the port's
        self._require(LegAction.ANSWER)

    async def reject(self, cause: Cause, *, retry_after_s: int | None = None, headers: Headers = ()) -> None:  # noqa: ARG002  # the port's
        self._require(LegAction.REJECT)

    async def hang_up(self, cause: Cause = Cause.NORMAL_CLEARING, *, headers: Headers = ()) -> None:
        await self._trunk.hang_up(cause, headers=headers)

    async def hold(self) -> None:
        self._require(LegAction.HOLD)
        await self._trunk.hold()

    async def resume(self) -> None:
        self._require(LegAction.RESUME)
        await self._trunk.resume()

    async def send_digits(self, digits: str, *, duration_s: float = 0.16) -> None:
        self._require(LegAction.SEND_DIGITS)
        await self._trunk.send_digits(digits, duration_s=duration_s)

    async def next_event(self) -> LegEvent:
        if self._over:
            raise LegEnded(self.id)
        if self._taken:
            raise RuntimeError(f"two tasks wait for the events of leg {self.id}")
        self._taken = True
        try:
            event = await self._events.get()
        finally:
            self._taken = False
        self._over = isinstance(event, Ended)
        return event

    def _require(self, action: LegAction) -> None:
        require(action, self._state, leg_id=self.id, inbound=False)

    @property
    def unanswered(self) -> bool:
        return self._state in (LegState.TRYING, LegState.EARLY)

    # ---- what the PBX says

    def dial_state(self, status: str) -> None:
        """DialState: the far end rings, or its network is heard."""
        if status == "RINGING":
            self._alert(LegSignal.ALERTED, Ringing())
        elif status == "PROGRESS":
            self._alert(LegSignal.PROGRESSED, EarlyMedia())

    def dial_end(self, status: str) -> None:
        """DialEnd: answered, or why not."""
        if status == "ANSWER" and self.unanswered:
            self._state = next_state(self._state, LegSignal.ANSWERED)
            self._events.put_nowait(Answered())
        elif status in _CAUSES:
            self._cause = _CAUSES[status]
        self._told.set()

    def _alert(self, signal: LegSignal, event: LegEvent) -> None:
        if not self.unanswered:
            return
        self._state = next_state(self._state, signal)
        if event not in self._alerted:
            self._alerted.add(event)
            self._events.put_nowait(event)

    # ---- what the trunk's leg says

    async def follow(self) -> None:
        """Its events, to the end."""
        while True:
            match await self._trunk.next_event():
                case Answered() | Ringing() | EarlyMedia():
                    pass  # the PBX and we; whoever is called may not even ring yet
                case Ended() as ended:
                    if self.unanswered and ended.by is Side.REMOTE:
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(self._told.wait(), LAST_WORD_S)
                    self._end(ended)
                    return
                case event:
                    self._events.put_nowait(event)

    def _end(self, ended: Ended) -> None:
        if self._state is not LegState.CONFIRMED and ended.by is Side.REMOTE:
            # Hung up before anybody answered: no normal end, whatever the BYE says.
            cause = self._cause or (
                Cause.NETWORK_OUT_OF_ORDER if ended.cause is Cause.NORMAL_CLEARING else ended.cause
            )
            ended = Ended(cause, ended.by, None, ended.text, ended.headers)
        self._state = LegState.TERMINATED
        self._events.put_nowait(ended)
