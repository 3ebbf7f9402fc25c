"""The test call: who calls `ECHO` from a browser hears themselves, over everything that a real call uses."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.call.cause import Cause
from gateway.call.leg import CallLeg, Ended
from gateway.errors import LegEnded
from media.bridge import Bridge

ECHO: Final = "echo"
"""What agents and supervisors call; no number of a plan's is called so from a desktop."""
LIMIT_S: Final = 60.0
"""So long an echo lasts: whoever forgets to hang up holds no ports for ever."""


async def answer_with_echo(leg: CallLeg, bridge: Bridge, *, limit_s: float = LIMIT_S) -> None:
    """Answers, and sends back what is heard, until the far end hangs up or `limit_s` is over."""
    try:
        await leg.answer()
        bridge.connect(leg.audio, leg.audio)
        async with asyncio.timeout(limit_s):
            while not isinstance(await leg.next_event(), Ended):
                pass
    except LegEnded:  # before it was answered
        return
    except TimeoutError:
        await leg.hang_up(Cause.NORMAL_CLEARING)
