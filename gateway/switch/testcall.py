"""A call that the operator places by hand: dial, talk, press keys, and tell what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.call.cause import Cause
from gateway.call.cdr import CallRecord, CallResult
from gateway.call.leg import Answered, CallLeg, Ended, LegEvent, Side
from gateway.clock import Clock
from gateway.errors import LegEnded, WrongState
from gateway.switch.records import CallStory, record_of

COMMA_S: Final = 1.0
"""How long a comma among the digits waits, as on any modem."""
KEY_S: Final = 0.16
KEY_GAP_S: Final = 0.1

_UNANSWERED: Final = {
    Cause.USER_BUSY: CallResult.BUSY,
    Cause.NO_ANSWER: CallResult.NO_ANSWER,
    Cause.NO_USER_RESPONSE: CallResult.NO_ANSWER,
    Cause.CALL_REJECTED: CallResult.REJECTED,
}


async def follow(
    leg: CallLeg,
    clock: Clock,
    *,
    digits: str = "",
    timeout_s: float,
    on_event: Callable[[LegEvent], object],
    on_answer: Callable[[], object],
) -> CallRecord:
    """Follows an outbound leg to its end, which is `timeout_s` seconds away at most.

    `on_answer` begins what we say. `digits` are pressed after the answer, one by one; a comma waits a second.
    """
    story = CallStory(leg.id, clock.utc())
    async with asyncio.TaskGroup() as tasks:
        helpers = [tasks.create_task(_end_after(leg, timeout_s))]
        while story.ended is None:
            event = await leg.next_event()
            on_event(event)
            if isinstance(event, Answered):
                story.answered_at = clock.utc()
                on_answer()
                helpers.append(tasks.create_task(_press(leg, digits)))
            elif isinstance(event, Ended):
                story.ended = event
        for helper in helpers:
            helper.cancel()
    record = record_of(story, leg, clock.utc())
    return replace(record, result=_result(story.ended, answered=story.answered_at is not None))


def _result(ended: Ended, *, answered: bool) -> CallResult:
    if answered:
        return CallResult.ANSWERED
    if ended.by is Side.LOCAL:
        return CallResult.NO_ANSWER  # the only reason for which we give up is the time
    return _UNANSWERED.get(ended.cause, CallResult.FAILED)


async def _end_after(leg: CallLeg, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await leg.hang_up()


async def _press(leg: CallLeg, digits: str) -> None:
    try:
        for digit in digits:
            if digit == ",":
                await asyncio.sleep(COMMA_S)
            else:
                await leg.send_digits(digit, duration_s=KEY_S)
                await asyncio.sleep(KEY_S + KEY_GAP_S)
    except (LegEnded, WrongState):
        return  # the far end hung up before we were through
