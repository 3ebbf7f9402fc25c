"""Calls that Ringback places: to agents, to numbers that a plan dials, to those who asked to be called back.

Each becomes a leg like any other, and one call record when it is over, whoever listened to it last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

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


class OutboundLeg:
    """A leg that Ringback placed, on its way to a record. A CallLeg itself; `retire` ends it."""

    def __init__(self, leg: CallLeg, story: CallStory, outbound: Outbound) -> None:
        self._leg = leg
        self._story = story
        self._outbound = outbound
        self._retired = False
        self._recorded = False
        outbound.observer.call_started(leg)

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
            self._story.answered_at = self._outbound.clock.utc()
        elif isinstance(event, Ended):
            self._story.ended = event
            await self._record()
        return event

    # ---- its end

    @property
    def ended(self) -> Ended | None:
        """How it ended, once its last event was taken."""
        return self._story.ended

    def retire(self, cause: Cause = Cause.NORMAL_CLEARING) -> None:
        """Nobody needs it any more: it is hung up and recorded beside whatever goes on. Safe to repeat."""
        if not self._retired:
            self._retired = True
            self._outbound.start(self._finish(cause))

    async def _finish(self, cause: Cause) -> None:
        """Hang up, take what is left of its events, and write the record. Never raises."""
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
        record = record_of(self._story, self._leg, self._outbound.clock.utc())
        record = replace(
            record, result=outbound_result(self._story.ended, self._story.answered_at is not None)
        )
        self._outbound.observer.call_ended(record)
        await self._outbound.call_log.write(record)


class DialledLine:
    """A line that lasts for one call."""

    standing: Final = False

    def __init__(self, leg: OutboundLeg) -> None:
        self._leg = leg

    @property
    def leg(self) -> CallLeg:
        return self._leg

    def release(self, cause: Cause = Cause.NORMAL_CLEARING) -> None:
        self._leg.retire(cause)


def outbound_result(ended: Ended | None, answered: bool) -> CallResult:
    """What became of a call that we placed."""
    if answered:
        return CallResult.ANSWERED
    if ended is None:
        return CallResult.FAILED
    if ended.by is Side.LOCAL:
        return CallResult.NO_ANSWER  # we gave up waiting
    return UNANSWERED.get(ended.cause, CallResult.FAILED)


class Outbound:
    """Places the calls of a node. Used as `async with`; leaving it waits until every call that was retired is
    over.
    """

    def __init__(self, dialler: Dialler, call_log: CallLog, observer: CallObserver, clock: Clock) -> None:
        self._dialler = dialler
        self.call_log = call_log
        self.observer = observer
        self.clock = clock
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)

    async def place(
        self,
        uri: str,
        *,
        call_id: str,
        caller: Party | None = None,
        headers: Headers = (),
        attributes: Mapping[str, str] | None = None,
    ) -> OutboundLeg:
        """Calls `uri` as part of the call `call_id`. Raises DialError, ValueError for a bad header.

        `attributes` go into its record, such as the agent it is for. Cancelled half-way, it leaves no call.
        """
        dialling = self._tasks.create_task(self._dial(uri, call_id, caller, headers, attributes or {}))
        try:
            placed = await asyncio.shield(dialling)
        except asyncio.CancelledError:
            dialling.add_done_callback(_retire_placed)
            raise
        if isinstance(placed, Exception):
            raise placed
        return placed

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Carries `work`, which raises nothing, to its end."""
        self._tasks.create_task(work)

    async def _dial(
        self, uri: str, call_id: str, caller: Party | None, headers: Headers, attributes: Mapping[str, str]
    ) -> OutboundLeg | Exception:
        started_at = self.clock.utc()
        try:
            leg = await self._dialler.dial(uri, caller=caller, headers=headers)
        except Exception as error:  # noqa: BLE001  # raised to whoever waits; this group is everybody's
            return error
        return OutboundLeg(leg, CallStory(call_id, started_at, attributes=dict(attributes)), self)


def _retire_placed(dialling: asyncio.Task[OutboundLeg | Exception]) -> None:
    placed = None if dialling.cancelled() else dialling.result()
    if isinstance(placed, OutboundLeg):
        placed.retire()
