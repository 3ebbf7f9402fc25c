"""The call to the customer of a callback: dialled, and from its answer on heard like any caller's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import structlog

from gateway.call.cause import Cause
from gateway.call.leg import Answered, DigitPressed, EarlyMedia, Ended, Party
from gateway.callbacks.policy import DialOutcome
from gateway.callbacks.request import Callback
from gateway.errors import DialError, LegEnded
from gateway.switch.conversation_parts import ConversationParts
from gateway.switch.dialling import Addresses
from gateway.switch.outbound import Outbound, OutboundLeg

if TYPE_CHECKING:
    from media.bridge import Port

log = structlog.get_logger(__name__)

OUTCOMES: Final[Mapping[Cause, DialOutcome]] = {
    Cause.USER_BUSY: DialOutcome.BUSY,
    Cause.NO_ANSWER: DialOutcome.NO_ANSWER,
    Cause.NO_USER_RESPONSE: DialOutcome.NO_ANSWER,
    Cause.SUBSCRIBER_ABSENT: DialOutcome.NO_ANSWER,
    Cause.CALL_REJECTED: DialOutcome.DECLINED,
    Cause.NO_CIRCUIT: DialOutcome.UNREACHABLE,
    Cause.NETWORK_OUT_OF_ORDER: DialOutcome.UNREACHABLE,
    Cause.TEMPORARY_FAILURE: DialOutcome.UNREACHABLE,
    Cause.SWITCHING_EQUIPMENT_CONGESTION: DialOutcome.UNREACHABLE,
    Cause.REQUESTED_CIRCUIT_NOT_AVAILABLE: DialOutcome.UNREACHABLE,
    Cause.RESOURCE_UNAVAILABLE: DialOutcome.UNREACHABLE,
    Cause.SERVICE_NOT_AVAILABLE: DialOutcome.UNREACHABLE,
    Cause.RECOVERY_ON_TIMER_EXPIRY: DialOutcome.UNREACHABLE,
}
"""How a call that wasn't answered counts; FAILED for every other reason."""


class CustomerCall:
    """One try. `dial` once; the leg is this object's until `retire`, also when `dial` was cancelled."""

    def __init__(self, outbound: Outbound, parts: ConversationParts, addresses: Addresses) -> None:
        self._outbound = outbound
        self._parts = parts
        self._addresses = addresses
        self.keys: asyncio.Queue[str] = asyncio.Queue()
        """What the customer presses while `follow` runs."""
        self.leg: OutboundLeg | None = None

    async def dial(self, callback: Callback, ear: Port | None, ring_s: float) -> DialOutcome:
        """Until it is answered, or not. `ear`: who hears the ringing meanwhile."""
        try:
            leg = self.leg = await self._outbound.place(
                self._addresses.of(callback.number.dialled),
                call_id=callback.call_id,
                caller=Party(callback.caller_id or "ringback"),
                headers=(("X-Ringback-Call", callback.call_id), ("X-Ringback-Queue", callback.queue)),
                attributes={"callback": callback.id},
            )
        except (DialError, ValueError) as error:
            log.warning(
                "callback_undiallable", entry=callback.id, reason=getattr(error, "reason", str(error))
            )
            return DialOutcome.UNREACHABLE
        connector = self._parts.connector
        ringing = None if ear is None else self._parts.music.play_to(ear, [self._parts.tones.ringback])
        try:
            async with asyncio.timeout(ring_s):
                return await self._ring(leg, ear)
        except TimeoutError:
            leg.retire(Cause.NO_ANSWER)
            return DialOutcome.NO_ANSWER
        except LegEnded:
            return DialOutcome.FAILED
        finally:
            if ringing is not None:
                ringing.stop()
            if ear is not None:
                connector.disconnect(leg.audio, ear)

    async def _ring(self, leg: OutboundLeg, ear: Port | None) -> DialOutcome:
        while True:
            match await leg.next_event():
                case EarlyMedia() if ear is not None:
                    # What the network says goes over our tone: it may well be that the number has changed.
                    self._parts.connector.connect(leg.audio, ear)
                case Answered():
                    return DialOutcome.ANSWERED
                case Ended(cause=cause):
                    return OUTCOMES.get(cause, DialOutcome.FAILED)
                case _:
                    pass

    async def follow(self) -> None:
        """After the answer: take its events; returns when the customer has hung up."""
        if self.leg is None:
            return
        try:
            while True:
                match await self.leg.next_event():
                    case DigitPressed(digit=digit):
                        self.keys.put_nowait(digit)
                    case Ended():
                        return
                    case _:
                        pass
        except LegEnded:
            return

    def retire(self) -> None:
        """End the call, if there is one. Safe to repeat."""
        if self.leg is not None:
            self.leg.retire()
