"""Calls that Ringback places: to agents, to numbers that a plan dials, to those who asked to be called back.

Each becomes a leg like any other, and one call record when it is over, whoever listened to it last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from gateway.call.cause import Cause
from gateway.call.cdr import CallResult, MediaQuality
from gateway.call.leg import (
    Answered,
    CallDirection,
    CallLeg,
    Ended,
    Headers,
    LegEvent,
    Party,
    Side,
    Technology,
)
from gateway.call.state import LegState, MediaDirection
from gateway.clock import Clock
from gateway.errors import LegEnded
from gateway.switch.ports import CallLog, CallObserver
from gateway.switch.records import CallStory, record_of

if TYPE_CHECKING:
    from media.bridge import Port

log = structlog.get_logger(__name__)

END_LIMIT_S: Final = 40.0
"""How long a leg may take to report its end: SIP gives up after 32 s (RFC 3261 §17.1.2.2, timer F)."""

UNANSWERED: Final[Mapping[Cause, CallResult]] = {
    Cause.USER_BUSY: CallResult.BUSY,
    Cause.NO_ANSWER: CallResult.NO_ANSWER,
    Cause.NO_USER_RESPONSE: CallResult.NO_ANSWER,
    Cause.CALL_REJECTED: CallResult.REJECTED,
}
"""What became of a call of ours that the far end ended before the answer; others failed."""


class Dialler(Protocol):
    """Who can place calls: `gateway.sip.endpoint.SipEndpoint` is one."""

    async def dial(self, uri: str, *, caller: Party | None = None, headers: Headers = ()) -> CallLeg:
        """A leg in state TRYING. Raises DialError when it can't be tried, ValueError for a bad header."""
        ...


@dataclass(frozen=True, slots=True)
class OutboundServices:
    """What calls of ours need of the node."""

    dialler: Dialler
    call_log: CallLog
    observer: CallObserver
    clock: Clock


class OutboundLeg:
    """A leg that Ringback placed, on its way to a record. A CallLeg itself; `finish` ends it.

    `purpose` and `agent` go into the record's attributes.
    """

    def __init__(self, leg: CallLeg, story: CallStory, services: OutboundServices) -> None:
        self._leg = leg
        self._story = story
        self._services = services
        self._recorded = False
        services.observer.call_started(leg)

    # ---- the leg

    @property
    def id(self) -> str:
        return self._leg.id

    @property
    def technology(self) -> Technology:
        return self._leg.technology

    @property
    def direction(self) -> CallDirection:
        return self._leg.direction

    @property
    def remote(self) -> Party:
        return self._leg.remote

    @property
    def local(self) -> Party:
        return self._leg.local

    @property
    def headers(self) -> Mapping[str, str]:
        return self._leg.headers

    @property
    def state(self) -> LegState:
        return self._leg.state

    @property
    def media_direction(self) -> MediaDirection:
        return self._leg.media_direction

    @property
    def audio(self) -> Port:
        return self._leg.audio

    @property
    def network_id(self) -> str:
        return self._leg.network_id

    @property
    def quality(self) -> MediaQuality | None:
        return self._leg.quality

    async def ring(self) -> None:
        await self._leg.ring()

    async def progress(self) -> None:
        await self._leg.progress()

    async def answer(self, headers: Headers = ()) -> None:
        await self._leg.answer(headers)

    async def reject(self, cause: Cause, *, retry_after_s: int | None = None, headers: Headers = ()) -> None:
        await self._leg.reject(cause, retry_after_s=retry_after_s, headers=headers)

    async def hang_up(self, cause: Cause = Cause.NORMAL_CLEARING, *, headers: Headers = ()) -> None:
        await self._leg.hang_up(cause, headers=headers)

    async def hold(self) -> None:
        await self._leg.hold()

    async def resume(self) -> None:
        await self._leg.resume()

    async def send_digits(self, digits: str, *, duration_s: float = 0.16) -> None:
        await self._leg.send_digits(digits, duration_s=duration_s)

    async def next_event(self) -> LegEvent:
        event = await self._leg.next_event()
        if isinstance(event, Answered):
            self._story.answered_at = self._services.clock.utc()
        elif isinstance(event, Ended):
            self._story.ended = event
            await self._record()
        return event

    # ---- its end

    @property
    def ended(self) -> Ended | None:
        """How it ended, once its last event was taken."""
        return self._story.ended

    async def finish(self, cause: Cause = Cause.NORMAL_CLEARING) -> None:
        """Hang up, take what is left of its events, and write the record. Safe to repeat. Never raises."""
        try:
            await self._leg.hang_up(cause)
            async with asyncio.timeout(END_LIMIT_S):
                while self._story.ended is None:
                    await self.next_event()
        except (LegEnded, TimeoutError):
            log.error("leg_end_unreported", leg_id=self.id)  # noqa: TRY400  # the record says what is known
        except Exception:
            log.exception("leg_fault", leg_id=self.id)
        finally:
            await self._record()

    async def _record(self) -> None:
        if self._recorded:
            return
        self._recorded = True
        record = record_of(self._story, self._leg, self._services.clock.utc())
        record = replace(
            record, result=outbound_result(self._story.ended, self._story.answered_at is not None)
        )
        self._services.observer.call_ended(record)
        await self._services.call_log.write(record)


def outbound_result(ended: Ended | None, answered: bool) -> CallResult:
    """What became of a call that we placed."""
    if answered:
        return CallResult.ANSWERED
    if ended is None:
        return CallResult.FAILED
    if ended.by is Side.LOCAL:
        return CallResult.NO_ANSWER  # we gave up waiting
    return UNANSWERED.get(ended.cause, CallResult.FAILED)


async def place(
    services: OutboundServices,
    uri: str,
    *,
    call_id: str,
    caller: Party | None = None,
    headers: Headers = (),
    attributes: Mapping[str, str] | None = None,
) -> OutboundLeg:
    """Calls `uri` as part of the call `call_id`. Raises DialError, ValueError for a bad header.

    `attributes` go into its record, such as the agent it is for.
    """
    leg = await services.dialler.dial(uri, caller=caller, headers=headers)
    return OutboundLeg(
        leg, CallStory(call_id, services.clock.utc(), attributes=dict(attributes or {})), services
    )
