"""The WebRTC leg: a CallLeg whose far end is an app or an agent's browser.

The signalling is ours (`messages`), and knows what SIP knows: alerting, early media, an answer with its
acknowledgement, headers, statuses. So the leg keeps the same promises as a SIP leg, and nobody above it has
to know which one it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import structlog

from gateway.call.cause import Cause, cause_to_sip, parse_reason, sip_to_cause
from gateway.call.context import Introduction
from gateway.call.leg import (
    Answered,
    CallDirection,
    DigitSource,
    EarlyMedia,
    Ended,
    Headers,
    LegEvent,
    Party,
    Ringing,
    Side,
    Technology,
)
from gateway.call.state import LegAction, LegSignal, LegState, MediaDirection
from gateway.legs import Leg, check_keys
from gateway.webrtc import messages
from gateway.webrtc.media import LegMedia, MediaServices
from gateway.webrtc.messages import Message
from gateway.webrtc.screen import AppScreen
from gateway.webrtc.sdp import BadOffer
from media.bridge import Port

log = structlog.get_logger(__name__)

CANCELLED: Final = 487
DECLINED: Final = 603


class AppLink(Protocol):
    """The way to a leg's app: its session, whichever socket that has at the moment."""

    def send(self, call: str, message: Message) -> None:
        """Delivered once and in order, also across a lost socket. Returns at once."""
        ...


class WebRtcLeg(Leg):
    """One side of a call, in an app or a browser. `key`: what app and gateway call it in the signalling."""

    def __init__(
        self,
        services: MediaServices,
        *,
        leg_id: str,
        key: str,
        direction: CallDirection,
        remote: Party,
        local: Party,
        headers: Mapping[str, str],
        link: AppLink,
        on_ended: Callable[[WebRtcLeg], object],
    ) -> None:
        super().__init__(
            services.engine,
            services.bridge,
            leg_id=leg_id,
            direction=direction,
            remote=remote,
            local=local,
            headers=headers,
        )
        self._services = services
        self._key = key
        self._link = link
        self._on_ended = on_ended
        self._answer: Mapping[str, str] | None = None  # headers of our answer, once it is sent
        self._acknowledged = False  # both ends know of the answer
        self._holds = self._held = self._muted = False  # we hold; they hold; they have muted themselves
        self._ending: Message | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._media = LegMedia(
            services,
            leg_id,
            tell=self._tell_app,
            on_key=self._on_key,
            on_connected=self._on_media,
            on_lost=self._on_media_lost,
        )
        self.screen = AppScreen(self._tell_app)
        self.context: Mapping[str, Any] = {}
        self.introduction: Introduction | None = None

    # ---- what it is

    @property
    def key(self) -> str:
        return self._key

    @property
    def technology(self) -> Technology:
        return Technology.IN_APP

    @property
    def media_direction(self) -> MediaDirection:
        if self._holds:
            return MediaDirection.INACTIVE if self._held else MediaDirection.SENDONLY
        return MediaDirection.RECVONLY if self._held else MediaDirection.SENDRECV

    @property
    def audio(self) -> Port:
        return self._media.port.port

    @property
    def network_id(self) -> str:
        return self._key

    # ---- what can be done with it

    async def ring(self) -> None:
        self._require(LegAction.RING, answer_sent=self._answer is not None)
        self._move(LegSignal.ALERTED)
        self._tell_app({"type": "ringing"})

    async def progress(self) -> None:
        self._require(LegAction.PROGRESS, answer_sent=self._answer is not None)
        self._move(LegSignal.PROGRESSED)
        self._tell_app({"type": "progress"})

    async def answer(self, headers: Headers = ()) -> None:
        self._require(LegAction.ANSWER, answer_sent=self._answer is not None)
        self._answer = _lower(headers)
        self._tell_app(messages.answered(self._answer))
        self._expect(self._services.settings.setup_timeout_s, Cause.RECOVERY_ON_TIMER_EXPIRY)

    async def reject(self, cause: Cause, *, retry_after_s: int | None = None, headers: Headers = ()) -> None:
        self._require(LegAction.REJECT, answer_sent=self._answer is not None)
        if retry_after_s is not None:
            headers = (*headers, ("Retry-After", str(retry_after_s)))
        self._end(
            cause, Side.LOCAL, cause_to_sip(cause), headers=_lower(headers), retry_after_s=retry_after_s
        )

    async def hang_up(self, cause: Cause = Cause.NORMAL_CLEARING, *, headers: Headers = ()) -> None:
        if self._state is LegState.TERMINATED:
            return
        status: int | None = None
        if self._direction is CallDirection.INBOUND and self._answer is None:
            status = DECLINED if cause is Cause.NORMAL_CLEARING else cause_to_sip(cause)
        elif self._direction is CallDirection.OUTBOUND and self._state is not LegState.CONFIRMED:
            status = CANCELLED
        self._end(cause, Side.LOCAL, status, headers=_lower(headers))

    async def hold(self) -> None:
        self._require(LegAction.HOLD, answer_sent=self._answer is not None)
        self._set_hold(on=True)

    async def resume(self) -> None:
        self._require(LegAction.RESUME, answer_sent=self._answer is not None)
        self._set_hold(on=False)

    async def send_digits(self, digits: str, *, duration_s: float = 0.16) -> None:
        self._require(LegAction.SEND_DIGITS, answer_sent=self._answer is not None)
        check_keys(digits)
        if self._media.sends_keys:
            self._media.port.press(digits, duration_s)
        else:
            await self._send_tones(digits, duration_s, self.audio)

    # ---- what the app says

    async def on_offer(self, sdp: str, negotiation: int) -> None:
        """Answers an offer, or says why not. A call without any media yet ends with 488 (RFC 3261
        §21.4.26).
        """
        try:
            text = await self._media.negotiate(sdp, negotiation, MediaDirection.SENDRECV)
        except BadOffer as bad:
            self._tell_app(messages.error(bad.code, str(bad)))
            if self._direction is CallDirection.INBOUND and negotiation == 1:
                self._end(Cause.BEARER_CAPABILITY_NOT_IMPLEMENTED, Side.LOCAL, 488, text=str(bad))
        else:
            self._tell_app(messages.answer(text, negotiation))

    async def on_candidate(self, candidate: str | None, negotiation: int) -> None:
        await self._media.take_candidate(candidate, negotiation)

    def on_message(self, message: messages.CallMessage) -> None:
        """Everything that needs no waiting. What isn't legal now is told to the app and changes nothing."""
        if self._state is LegState.TERMINATED:
            return
        match message:
            case messages.AcknowledgeAnswer() if self._answer is not None:
                self._acknowledged = True
                self._confirm()
            case messages.PressKeys() if self._state is LegState.CONFIRMED:
                self._take_keys(message.digits, message.duration_ms / 1000)
            case messages.Hold() if self._state is LegState.CONFIRMED:
                self._held = message.on
                self._apply_direction()
            case messages.Mute():
                self._muted = message.on
                self._apply_direction()
            case messages.HangUp():
                self._far_end_hung_up(message.headers)
            case messages.TellRinging() | messages.TellProgress() | messages.Accept() | messages.Reject() if (
                self._direction is CallDirection.OUTBOUND and not self._acknowledged
            ):
                self._on_response(message)
            case _:
                kind = type(message).__name__
                self._tell_app(messages.error("wrong_state", f"{kind} isn't possible in {self._state.value}"))

    def _on_response(self, message: messages.CallMessage) -> None:
        match message:
            case messages.TellRinging():
                self._alert(LegSignal.ALERTED, Ringing())
            case messages.TellProgress():
                self._alert(LegSignal.PROGRESSED, EarlyMedia())
            case messages.Accept():
                self._headers = _lower(message.headers.items())
                self._acknowledged = True
                self._expect(self._services.settings.setup_timeout_s, Cause.RECOVERY_ON_TIMER_EXPIRY)
                self._confirm()
            case messages.Reject():
                headers = _lower(message.headers.items())
                self._headers = headers
                cause = _stated(headers) or sip_to_cause(message.status)
                self._end(cause, Side.REMOTE, message.status, headers=headers)

    # ---- what the session says

    def move_to(self, link: AppLink) -> None:
        """Another session of the same caller goes on with the call."""
        self._link = link

    def snapshot(self) -> list[Message]:
        """What an app that has forgotten everything has to know."""
        inbound = self._direction is CallDirection.INBOUND
        if self._direction is CallDirection.OUTBOUND and self._state is not LegState.CONFIRMED:
            return [messages.ring(self._local, self._headers), *self.screen.shown]
        name = {LegState.CONFIRMED: "answered", LegState.EARLY: "ringing"}.get(self._state, "trying")
        caller, called = (self._remote, self._local) if inbound else (self._local, self._remote)
        now = messages.state(
            name, self._direction.value, caller, called, muted=self._muted, held=self._holds
        ) | {"negotiation": self._media.negotiation}
        waiting = [messages.answered(self._answer)] if self._answer is not None and name != "answered" else []
        return [now, *waiting, *self.screen.shown]

    def far_end_vanished(self) -> None:
        """The app is gone for good, or for too long."""
        if self._state is not LegState.TERMINATED:
            self._end(Cause.DESTINATION_OUT_OF_ORDER, Side.REMOTE, None, text="the app is gone")

    @property
    def being_offered(self) -> bool:
        """A call of ours that nobody has accepted yet: whoever loses the connection now can't."""
        return self._direction is CallDirection.OUTBOUND and not self._acknowledged

    @property
    def ending(self) -> Message | None:
        """What was said at the end."""
        return self._ending

    # ---- inside

    def _tell_app(self, message: Message) -> None:
        self._link.send(self._key, message)

    def _alert(self, signal: LegSignal, event: LegEvent) -> None:
        self._move(signal)
        self._tell_once(event)

    def _confirm(self) -> None:
        """The call is answered when both ends know it and the audio flows: what is said then is heard."""
        if not self._acknowledged or not self._media.connected or self._state is LegState.CONFIRMED:
            return
        self._move(LegSignal.ANSWERED)
        self._expect(None)
        self._tell(Answered())
        self._apply_direction()

    def _on_media(self) -> None:
        if self._state is LegState.CONFIRMED:
            self._expect(None)
        self._apply_direction()
        self._confirm()

    def _on_media_lost(self) -> None:
        if self._state is LegState.CONFIRMED:
            self._expect(self._services.settings.resume_s, Cause.DESTINATION_OUT_OF_ORDER)

    def _expect(self, limit_s: float | None, cause: Cause = Cause.NORMAL_CLEARING) -> None:
        """The call ends with `cause` unless something happens in time. None: it has."""
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        if limit_s is not None:
            self._limit = asyncio.get_running_loop().call_later(limit_s, self._expire, cause)

    def _expire(self, cause: Cause) -> None:
        if self._state is not LegState.TERMINATED:
            self._end(cause, Side.REMOTE, None, text="no media")

    def _set_hold(self, *, on: bool) -> None:
        self._holds = on
        self._tell_app(messages.held(on=on))
        self._apply_direction()

    def _apply_direction(self) -> None:
        self._media.port.allow(sends=not self._held, hears=not self._holds and not self._muted)
        if self._state is LegState.CONFIRMED:
            self._tell_direction(self.media_direction)

    def _take_keys(self, digits: str, duration_s: float) -> None:
        for digit in digits:
            self._tell_digits(self._digits.press(digit, DigitSource.SIP_INFO, self._now()))
            self._tell_digits(self._digits.release(digit, DigitSource.SIP_INFO, duration_s))

    def _on_key(self, down: bool, digit: str, held_s: float) -> None:  # as native code tells it
        if self._state is LegState.TERMINATED:
            return
        source = DigitSource.RTP_EVENT
        if down:
            self._tell_digits(self._digits.press(digit, source, self._now()))
        else:
            self._tell_digits(self._digits.release(digit, source, held_s))

    def _far_end_hung_up(self, given: Mapping[str, str]) -> None:
        headers = _lower(given.items())
        cause = _stated(headers) or Cause.NORMAL_CLEARING
        status = None
        if self._direction is CallDirection.INBOUND and self._answer is None:
            status = CANCELLED
        self._end(cause, Side.REMOTE, status, headers=headers)

    def _end(
        self,
        cause: Cause,
        by: Side,
        status: int | None,
        *,
        text: str = "",
        headers: Mapping[str, str] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        if self._state is LegState.TERMINATED:
            return
        self._move(LegSignal.ENDED)
        self._expect(None)
        self._quality = self._media.quality
        self._media.close()
        who = "gateway" if by is Side.LOCAL else "app"
        ours = headers or {} if by is Side.LOCAL else {}
        self._ending = messages.ended(cause, who, status, text, ours, retry_after_s)
        self._tell_app(self._ending)
        self._tell_digits(self._digits.finish(self._now()))
        self._tell(Ended(cause, by, status, text, headers or {}))
        self._on_ended(self)


def _lower(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


def _stated(headers: Mapping[str, str]) -> Cause | None:
    """The cause that a Reason header states (RFC 3326)."""
    reason = headers.get("reason")
    return parse_reason(reason) if reason else None
