"""The SIP leg: the half of it that lives on the event loop, and keeps the CallLeg port's promises."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Final

from gateway.call.cause import Cause, cause_to_sip, format_reason
from gateway.call.leg import (
    Answered,
    CallDirection,
    DigitSource,
    EarlyMedia,
    Ended,
    Headers,
    Party,
    Ringing,
    Side,
    Technology,
)
from gateway.call.state import LegAction, LegSignal, LegState, MediaDirection, next_state
from gateway.errors import LegEnded, RingbackError
from gateway.legs import Leg, check_keys
from gateway.sip.call import Confirmed, Disconnected, MediaChanged, OwnerCall, Provisional, Report
from media.bridge import Bridge, Port
from media.engine import Engine, EventKind
from media.keys import KeyListener

REINVITE_TIMEOUT_S: Final = 34.0
"""A little over the 32 s after which a transaction gives up by itself (RFC 3261 §17.1.1.2, timer B)."""
GLARE_TRIES: Final = 3
ACK_LIMIT_S: Final = 33.0
"""RFC 3261 §13.3.1.4 gives an ACK 64*T1 (32 s). PJSIP's own timer forgets calls whose answer can't be sent at
all, because the far end's port is closed."""

_SOURCES: Final = (DigitSource.RTP_EVENT, DigitSource.SIP_INFO, DigitSource.IN_BAND)


class ReinviteRefused(RingbackError):
    """The far end refused a change of the session; everything is as it was."""

    def __init__(self, leg_id: str, status: int) -> None:
        super().__init__(f"leg {leg_id}: the far end answered the re-INVITE with {status}")
        self.leg_id = leg_id
        self.status = status


class SipLeg(Leg):
    """A CallLeg over SIP.

    `inband`: listen for keys in the audio: "auto" (where there are no RTP events), "off", or "always".
    """

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
        inband: str = "auto",
        source: str = "",
    ) -> None:
        super().__init__(
            engine, bridge, leg_id=leg_id, direction=direction, remote=remote, local=local, headers=headers
        )
        self._network_id = ""
        self._inband = inband
        self._source = source
        self._audio = Port(leg_id)
        self._answer_sent = False
        self._answered = False
        self._media = MediaDirection.SENDRECV
        self._rtp_keys_out = False
        self._ended_by = Side.REMOTE
        self._status_sent: int | None = None
        self._listener: KeyListener | None = None
        self._reinviting = asyncio.Lock()
        self._agreed: asyncio.Future[None] | None = None
        self._ack_limit: asyncio.TimerHandle | None = None
        self._call: OwnerCall | None = None
        self._token = engine.subscribe(self._on_native)

    def bind(self, make: Callable[[Callable[[Report], None]], OwnerCall]) -> OwnerCall:
        """Owner thread: makes the call's other half, which reports here."""
        self._call = make(self._on_report)
        return self._call

    def track(self, network_id: str) -> None:
        """Owner thread: once the call has its number and its Call-ID."""
        self._network_id = network_id
        self._live_call().track(self._token)

    @property
    def token(self) -> int:
        """Under which native code reports about this leg."""
        return self._token

    # ---- what it is

    @property
    def technology(self) -> Technology:
        return Technology.SIP

    @property
    def source(self) -> str:
        """The IP address that the INVITE came from (inbound)."""
        return self._source

    @property
    def media_direction(self) -> MediaDirection:
        return self._media

    @property
    def audio(self) -> Port:
        return self._audio

    @property
    def network_id(self) -> str:
        return self._network_id

    # ---- what can be done with it

    async def ring(self) -> None:
        self._require(LegAction.RING, answer_sent=self._answer_sent)
        call = self._live_call()
        await self._engine.run(lambda: call.respond(180))
        self._move(LegSignal.ALERTED)

    async def progress(self) -> None:
        self._require(LegAction.PROGRESS, answer_sent=self._answer_sent)
        call = self._live_call()
        await self._engine.run(lambda: call.respond(183))
        self._move(LegSignal.PROGRESSED)

    async def answer(self, headers: Headers = ()) -> None:
        self._require(LegAction.ANSWER, answer_sent=self._answer_sent)
        call = self._live_call()
        self._answer_sent = True
        await self._engine.run(lambda: call.respond(200, headers))
        if self._state is not LegState.TERMINATED:
            self._ack_limit = asyncio.get_running_loop().call_later(ACK_LIMIT_S, self._miss_ack, call)

    async def reject(self, cause: Cause, *, retry_after_s: int | None = None, headers: Headers = ()) -> None:
        self._require(LegAction.REJECT, answer_sent=self._answer_sent)
        if retry_after_s is not None:
            headers = (*headers, ("Retry-After", str(retry_after_s)))
        await self._finish(cause, cause_to_sip(cause), headers)

    async def hang_up(self, cause: Cause = Cause.NORMAL_CLEARING, *, headers: Headers = ()) -> None:
        if self._state is LegState.TERMINATED:
            return
        before_answer = self._direction is CallDirection.INBOUND and not self._answer_sent
        # RFC 3398 maps a normal clearing to no failure at all; before the answer it means that we decline.
        status = 603 if cause is Cause.NORMAL_CLEARING else cause_to_sip(cause)
        await self._finish(cause, status if before_answer else 0, headers)

    async def hold(self) -> None:
        self._require(LegAction.HOLD, answer_sent=self._answer_sent)
        await self._reinvite(OwnerCall.offer_hold)

    async def resume(self) -> None:
        self._require(LegAction.RESUME, answer_sent=self._answer_sent)
        await self._reinvite(OwnerCall.offer_resume)

    async def send_digits(self, digits: str, *, duration_s: float = 0.16) -> None:
        self._require(LegAction.SEND_DIGITS, answer_sent=self._answer_sent)
        check_keys(digits)
        call = self._live_call()
        if self._rtp_keys_out:
            await self._engine.run(lambda: call.send_rtp_keys(digits, round(duration_s * 1000)))
        else:
            await self._send_tones(digits, duration_s, self._audio)

    # ---- inside

    def _live_call(self) -> OwnerCall:
        if self._call is None:
            raise LegEnded(self._id)
        return self._call

    async def _finish(self, cause: Cause, status: int, headers: Headers) -> None:
        call = self._live_call()
        if not any(name.lower() == "reason" for name, _ in headers):
            headers = (*headers, ("Reason", format_reason(cause)))
        self._ended_by = Side.LOCAL
        cancelled = self._direction is CallDirection.OUTBOUND and not self._answered
        self._status_sent = 487 if cancelled else status or None  # RFC 3261 §9.1: what a CANCEL brings about
        await self._engine.run(lambda: call.finish(cause, status, headers))

    async def _reinvite(self, offer: Callable[[OwnerCall], None]) -> None:
        """Sends an offer and waits until the far end agreed to it.

        Both ends may offer at once: then both are refused with 491 and try again after different pauses
        (RFC 3261 §14.1: whoever made the call waits 2.1 to 4 s, the other up to 2 s).
        """
        async with self._reinviting:
            for attempt in range(GLARE_TRIES):
                call = self._live_call()
                self._agreed = asyncio.get_running_loop().create_future()
                try:
                    await self._engine.run(lambda call=call: offer(call))  # type: ignore[misc]
                    await asyncio.wait_for(self._agreed, REINVITE_TIMEOUT_S)
                except ReinviteRefused as refused:
                    if refused.status != 491 or attempt == GLARE_TRIES - 1:
                        raise
                else:
                    return
                finally:
                    self._agreed = None
                ours = self._direction is CallDirection.OUTBOUND
                await asyncio.sleep(random.uniform(2.1, 4.0) if ours else random.uniform(0.0, 2.0))  # noqa: S311

    # ---- reports of the owner thread, and of native code

    def _on_report(self, report: Report) -> None:
        if self._state is LegState.TERMINATED:
            return
        match report:
            case Provisional(audio=audio):
                self._on_provisional(audio)
            case Confirmed(headers=headers):
                self._on_confirmed(headers)
            case MediaChanged():
                self._on_media(report)
            case Disconnected():
                self._on_disconnected(report)

    def _miss_ack(self, call: OwnerCall) -> None:
        self._engine.post(lambda: call.finish(Cause.RECOVERY_ON_TIMER_EXPIRY, 0))

    def _stop_waiting_for_ack(self) -> None:
        if self._ack_limit is not None:
            self._ack_limit.cancel()
            self._ack_limit = None

    def _on_provisional(self, audio: bool) -> None:
        self._state = next_state(self._state, LegSignal.PROGRESSED if audio else LegSignal.ALERTED)
        self._tell_once(EarlyMedia() if audio else Ringing())

    def _on_confirmed(self, headers: Mapping[str, str]) -> None:
        self._state = next_state(self._state, LegSignal.ANSWERED)
        if self._direction is CallDirection.OUTBOUND:
            self._headers = headers
        self._answered = True
        self._stop_waiting_for_ack()
        self._tell(Answered())
        self._tell_direction(self._media)

    def _on_media(self, media: MediaChanged) -> None:
        self._media = media.direction
        self._rtp_keys_out = media.rtp_keys_out
        self._listen(wanted=self._inband == "always" or (self._inband == "auto" and not media.rtp_keys_in))
        if self._agreed is not None and not self._agreed.done():
            self._agreed.set_result(None)
        if self._answered:
            self._tell_direction(self._media)

    def _listen(self, *, wanted: bool) -> None:
        if wanted and self._listener is None:
            self._listener = KeyListener(self._engine, self._bridge, self._token)
            self._bridge.connect(self._audio, self._listener.port)
        elif not wanted and self._listener is not None:
            self._listener.close()
            self._listener = None

    def _on_disconnected(self, report: Disconnected) -> None:
        self._state = next_state(self._state, LegSignal.ENDED)
        self._listen(wanted=False)
        self._engine.unsubscribe(self._token)
        self._bridge.release(self._audio)
        self._quality = report.quality
        self._call = None
        self._stop_waiting_for_ack()
        if self._direction is CallDirection.OUTBOUND and not self._answered:
            self._headers = report.headers
        if self._agreed is not None and not self._agreed.done():
            self._agreed.set_exception(LegEnded(self._id))
        self._tell_digits(self._digits.finish(self._now()))
        local = self._ended_by is Side.LOCAL
        status = self._status_sent if local else report.status
        self._tell(Ended(report.cause, self._ended_by, status, report.text, report.headers))

    def _on_native(self, kind: int, a: int, b: int) -> None:
        if kind == EventKind.KEY_DOWN:
            self._tell_digits(self._digits.press(chr(a), _SOURCES[b], self._now()))
        elif kind == EventKind.KEY_UP:
            self._tell_digits(self._digits.release(chr(a & 0xFF), _SOURCES[a >> 8], b / 1000))
        elif kind == EventKind.REINVITE_REFUSED and self._agreed is not None and not self._agreed.done():
            self._agreed.set_exception(ReinviteRefused(self._id, a))
