"""From what happened to a call to its record. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gateway.call.cause import Cause
from gateway.call.cdr import CallRecord, CallResult
from gateway.call.leg import CallDirection, CallLeg, Ended, Side

# What a network reports when it, rather than the caller, ended a call that we hadn't answered.
_NETWORK_FAILURES: Final = frozenset(
    {
        Cause.NETWORK_OUT_OF_ORDER,
        Cause.TEMPORARY_FAILURE,
        Cause.SWITCHING_EQUIPMENT_CONGESTION,
        Cause.RECOVERY_ON_TIMER_EXPIRY,
        Cause.INTERWORKING,
    }
)


@dataclass(slots=True)
class CallStory:
    """What is known of a call so far."""

    call_id: str
    started_at: datetime
    answered_at: datetime | None = None
    ended: Ended | None = None
    fault: Exception | None = None
    dialplan: str = ""
    path: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)


def result_of(story: CallStory) -> CallResult:
    """What became of an inbound call."""
    if story.fault is not None or story.ended is None:
        return CallResult.FAILED
    if story.answered_at is not None:
        return CallResult.ANSWERED
    if story.ended.by is Side.LOCAL:
        return CallResult.REJECTED
    return CallResult.FAILED if story.ended.cause in _NETWORK_FAILURES else CallResult.CANCELLED


def record_of(story: CallStory, leg: CallLeg, ended_at: datetime) -> CallRecord:
    """The record of a finished call."""
    ended = story.ended if story.ended is not None else Ended(Cause.TEMPORARY_FAILURE, Side.LOCAL)
    cause, text = _cause_of(story, ended)
    inbound = leg.direction is CallDirection.INBOUND
    caller, called = (leg.remote, leg.local) if inbound else (leg.local, leg.remote)
    return CallRecord(
        call_id=story.call_id,
        leg_id=leg.id,
        technology=leg.technology.value,
        direction=leg.direction.value,
        ani=caller.number,
        dnis=called.number,
        started_at=story.started_at,
        answered_at=story.answered_at,
        ended_at=ended_at,
        result=result_of(story),
        cause=cause.value,
        cause_text=text,
        sip_status=ended.sip_status,
        ended_by=ended.by.value,
        sip_call_id=leg.network_id,
        dialplan=story.dialplan,
        path=story.path,
        quality=leg.quality,
        attributes=_attributes(story),
    )


def _cause_of(story: CallStory, ended: Ended) -> tuple[Cause, str]:
    if story.fault is not None:
        # A BYE carries no cause of its own, so the leg may report normal clearing for a call that we broke.
        return Cause.TEMPORARY_FAILURE, f"internal fault: {type(story.fault).__name__}"
    if story.ended is None:
        return ended.cause, "the end of the leg wasn't reported"
    return ended.cause, ended.text or ended.cause.name.lower().replace("_", " ")


def _attributes(story: CallStory) -> Mapping[str, str]:
    if story.fault is None:
        return dict(story.attributes)
    return {**story.attributes, "fault": str(story.fault)[:200]}
