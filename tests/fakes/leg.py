"""A leg without a network: every promise of CallLeg, driven by a `FakeFarEnd`, with no time in it.

    leg, far_end = fake_inbound(called="100")
    await leg.answer()
    far_end.press("1")
    far_end.hang_up()

Whatever the far end does has happened when the method returns; its events wait in `next_event`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from gateway.call.cause import Cause, cause_to_sip, parse_reason, sip_to_cause
from gateway.call.cdr import MediaQuality
from gateway.call.digits import DIGITS
from gateway.call.leg import (
    Answered,
    CallDirection,
    DigitPressed,
    DigitReleased,
    DigitSource,
    EarlyMedia,
    Ended,
    Headers,
    LegEvent,
    MediaDirectionChanged,
    Party,
    Ringing,
    Side,
    Technology,
)
from gateway.call.state import LegAction, LegSignal, LegState, MediaDirection, next_state, require
from gateway.errors import LegEnded, WrongState

if TYPE_CHECKING:
    from media.bridge import Port

_numbers = count(1)


@dataclass(slots=True)
class FakeFarEnd:
    """The other end of a FakeLeg: what it does to us, and what it saw of us.

    `acknowledges`: whether our answer is ACKed at once; if not, `acknowledge` does it. `agrees_to_hold`:
    whether it accepts our re-INVITEs, or answers them 488.
    """

    acknowledges: bool = True
    agrees_to_hold: bool = True
    invite_headers: dict[str, str] = field(default_factory=dict)  # outbound: of our INVITE, lower case
    statuses: list[int] = field(default_factory=list)  # inbound: our responses to its INVITE
    final_headers: dict[str, str] = field(default_factory=dict)  # of our final response, BYE or CANCEL
    ended_with: str | None = None  # "BYE", "CANCEL" or the status with which we ended the leg
    digits: str = ""  # the keys that we sent
    _leg: FakeLeg | None = None

    @property
    def leg(self) -> FakeLeg:
        assert self._leg is not None, "make both with fake_inbound or fake_outbound"
        return self._leg

    def ring(self) -> None:
        """Outbound: 180 without SDP."""
        self._expect(inbound=False)
        self.leg.happen(LegSignal.ALERTED, Ringing())

    def send_early_media(self) -> None:
        """Outbound: 183 with SDP."""
        self._expect(inbound=False)
        self.leg.happen(LegSignal.PROGRESSED, EarlyMedia())

    def answer(self, headers: Headers = ()) -> None:
        """Outbound: 200."""
        self._expect(inbound=False)
        self.leg.take_headers(headers)
        self.leg.happen(LegSignal.ANSWERED, Answered())

    def acknowledge(self) -> None:
        """Inbound, after our answer: the ACK; it may come after the end."""
        if self.leg.state is LegState.TERMINATED:
            return
        self._expect(inbound=True)
        self.leg.happen(LegSignal.ANSWERED, Answered())

    def reject(self, status: int, text: str = "", headers: Headers = ()) -> None:
        """Outbound: a final failure, 300 to 699."""
        self._expect(inbound=False)
        self.leg.take_headers(headers)
        cause = parse_reason(_lower(headers).get("reason", "")) or sip_to_cause(status)
        self.leg.end(Ended(cause, Side.REMOTE, status, text, _lower(headers)))

    def cancel(self) -> None:
        """Inbound, before the answer: CANCEL; the INVITE is answered 487."""
        self._expect(inbound=True)
        self.statuses.append(487)
        self.leg.end(Ended(Cause.NORMAL_CLEARING, Side.REMOTE, 487))

    def hang_up(self, headers: Headers = ()) -> None:
        """BYE, with the cause of its Reason header if it has one; after the end, a BYE that crossed ours."""
        if self.leg.state is LegState.TERMINATED:
            return
        cause = parse_reason(_lower(headers).get("reason", "")) or Cause.NORMAL_CLEARING
        self.leg.end(Ended(cause, Side.REMOTE, 200, "", _lower(headers)))

    def press(
        self, digits: str, source: DigitSource = DigitSource.RTP_EVENT, *, duration_s: float = 0.1
    ) -> None:
        """Press and release keys, one after the other."""
        for digit in digits:
            self.leg.put(DigitPressed(digit, source))
            self.leg.put(DigitReleased(digit, source, duration_s))

    def hold(self) -> None:
        """Re-INVITE, sendonly."""
        self.leg.agree(theirs=MediaDirection.SENDONLY)

    def resume(self) -> None:
        """Re-INVITE, sendrecv."""
        self.leg.agree(theirs=MediaDirection.SENDRECV)

    def _expect(self, *, inbound: bool) -> None:
        actual = self.leg.direction is CallDirection.INBOUND
        assert inbound == actual, "the far end of this leg can't do that"


class FakeLeg:
    """CallLeg in memory."""

    def __init__(
        self,
        direction: CallDirection,
        *,
        remote: Party,
        local: Party,
        headers: Headers = (),
        far_end: FakeFarEnd | None = None,
        audio: Port | None = None,
        technology: Technology = Technology.SIP,
    ) -> None:
        self._id = f"fake-{next(_numbers)}"
        self._direction = direction
        self._remote = remote
        self._local = local
        self._headers: Mapping[str, str] = _lower(headers)
        self._audio = audio
        self._technology = technology
        self._state = LegState.TRYING
        self._ours = MediaDirection.SENDRECV
        self._theirs = MediaDirection.SENDRECV
        self._answer_sent = False
        self._events: deque[LegEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._drained = False
        self.far_end = far_end or FakeFarEnd()
        self.far_end._leg = self

    @property
    def id(self) -> str:
        return self._id

    @property
    def technology(self) -> Technology:
        return self._technology

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
    def media_direction(self) -> MediaDirection:
        return self._ours.answer_to(self._theirs)

    @property
    def audio(self) -> Port:
        if self._audio is None:
            from media.bridge import Port  # loads the native library, which most users of a fake don't need

            self._audio = Port(self._id)
        return self._audio

    @property
    def network_id(self) -> str:
        return f"{self._id}@fake"

    @property
    def quality(self) -> MediaQuality | None:
        return None  # there was no media

    async def ring(self) -> None:
        self._require(LegAction.RING)
        self.far_end.statuses.append(180)
        self._state = next_state(self._state, LegSignal.ALERTED)

    async def progress(self) -> None:
        self._require(LegAction.PROGRESS)
        self.far_end.statuses.append(183)
        self._state = next_state(self._state, LegSignal.PROGRESSED)

    async def answer(self, headers: Headers = ()) -> None:
        self._require(LegAction.ANSWER)
        self._answer_sent = True
        self.far_end.statuses.append(200)
        self.far_end.final_headers = _lower(headers)
        if self.far_end.acknowledges:
            self.far_end.acknowledge()

    async def reject(self, cause: Cause, *, retry_after_s: int | None = None, headers: Headers = ()) -> None:
        self._require(LegAction.REJECT)
        self._refuse(cause, retry_after_s, headers)

    async def hang_up(self, cause: Cause = Cause.NORMAL_CLEARING, *, headers: Headers = ()) -> None:
        if self._state is LegState.TERMINATED:
            return
        if self._state is not LegState.CONFIRMED and not self._answer_sent:
            if self._direction is CallDirection.INBOUND:
                self._refuse(cause, None, headers)
                return
            self._end_locally("CANCEL", headers, Ended(cause, Side.LOCAL, 487))
            return
        self._end_locally("BYE", headers, Ended(cause, Side.LOCAL, 200))

    async def hold(self) -> None:
        self._require(LegAction.HOLD)
        self._offer(LegAction.HOLD, MediaDirection.SENDONLY)

    async def resume(self) -> None:
        self._require(LegAction.RESUME)
        self._offer(LegAction.RESUME, MediaDirection.SENDRECV)

    async def send_digits(self, digits: str, *, duration_s: float = 0.16) -> None:
        self._require(LegAction.SEND_DIGITS)
        if bad := set(digits) - DIGITS:
            raise ValueError(f"not keys: {''.join(sorted(bad))}")
        self.far_end.digits += digits

    async def next_event(self) -> LegEvent:
        if self._drained:
            raise LegEnded(self._id)
        if self._waiter is not None:
            raise RuntimeError(f"two tasks wait for the events of leg {self._id}")
        while not self._events:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        event = self._events.popleft()
        self._drained = isinstance(event, Ended)
        return event

    def put(self, event: LegEvent) -> None:
        """Queue an event. For the far end; raises LegEnded after `Ended`, which is always the last."""
        if self._state is LegState.TERMINATED and not isinstance(event, Ended):
            raise LegEnded(self._id)
        self._events.append(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def happen(self, signal: LegSignal, event: LegEvent) -> None:
        """For the far end: move to the next state and tell of it."""
        self._state = next_state(self._state, signal)
        self.put(event)

    def end(self, ended: Ended) -> None:
        """For both ends: the leg is over."""
        self.happen(LegSignal.ENDED, ended)

    def take_headers(self, headers: Headers) -> None:
        """For the far end: the headers of its final response."""
        self._headers = _lower(headers)

    def agree(self, *, ours: MediaDirection | None = None, theirs: MediaDirection | None = None) -> None:
        """For both ends: a re-INVITE was accepted."""
        if self._state is not LegState.CONFIRMED:
            raise WrongState("change the media direction", self._state.name)
        before = self.media_direction
        self._ours = ours or self._ours
        self._theirs = theirs or self._theirs
        if self.media_direction is not before:
            self.put(MediaDirectionChanged(self.media_direction))

    def _offer(self, action: LegAction, direction: MediaDirection) -> None:
        if not self.far_end.agrees_to_hold:
            raise WrongState(f"{action.value}: the far end refused", self._state.name)
        self.agree(ours=direction)

    def _require(self, action: LegAction) -> None:
        require(
            action,
            self._state,
            leg_id=self._id,
            inbound=self._direction is CallDirection.INBOUND,
            answer_sent=self._answer_sent,
        )

    def _refuse(self, cause: Cause, retry_after_s: int | None, headers: Headers) -> None:
        status = cause_to_sip(cause)
        self.far_end.statuses.append(status)
        retry = () if retry_after_s is None else (("Retry-After", str(retry_after_s)),)
        self._end_locally(str(status), (*headers, *retry), Ended(cause, Side.LOCAL, status))

    def _end_locally(self, how: str, headers: Headers, ended: Ended) -> None:
        self.far_end.ended_with = how
        self.far_end.final_headers = _lower(headers)
        self.end(ended)


def fake_inbound(
    *, caller: str = "+15551234", called: str = "100", headers: Headers = (), audio: Port | None = None
) -> tuple[FakeLeg, FakeFarEnd]:
    """A call to us, TRYING."""
    leg = FakeLeg(
        CallDirection.INBOUND,
        remote=Party(caller, uri=f"sip:{caller}@far.example"),
        local=Party(called, uri=f"sip:{called}@ringback.example"),
        headers=headers,
        audio=audio,
    )
    return leg, leg.far_end


def fake_outbound(
    *, called: str = "200", caller: str = "100", headers: Headers = (), audio: Port | None = None
) -> tuple[FakeLeg, FakeFarEnd]:
    """A call of ours, TRYING. `headers` are those of our INVITE."""
    leg = FakeLeg(
        CallDirection.OUTBOUND,
        remote=Party(called, uri=f"sip:{called}@far.example"),
        local=Party(caller, uri=f"sip:{caller}@ringback.example"),
        far_end=FakeFarEnd(invite_headers=_lower(headers)),
        audio=audio,
    )
    return leg, leg.far_end


def _lower(headers: Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}
