"""What is said with a caller about a callback: the number read back, another one entered, one pending.

Only words and keys; what comes of it is decided by whoever asked. Silence always means that nothing changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.callbacks.numbers import CallableNumber, NumberRefused
from gateway.callbacks.scheduler import Slot
from gateway.dialplan.clock_words import clock_words
from gateway.dialplan.ports import Keys
from gateway.dialplan.prompts import ActivePlan
from gateway.dialplan.waiting_words import WaitingFacts
from gateway.dialplan.wording import Wording
from gateway.switch.control import LegControl
from gateway.switch.queue_sounds import QueueSounds
from media.clip import Clip

ANSWER_S: Final = 6.0
"""Silence after a question before it is asked again."""

DIGIT_GAP_S: Final = 6.0
ASKED: Final = 2
TRIES: Final = 3
MAX_DIGITS: Final = 20


OFFERED_AT_ONCE: Final = 3
"""So many times are read out before the caller chooses, or wants others."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """When a caller wants to be called. `at`: seconds since the epoch; None: when it is their turn."""

    at: float | None = None
    spoken: str = ""


class PendingChoice(Enum):
    """What a caller with a pending callback wants."""

    KEEP = "1"
    WAIT = "2"
    CANCEL = "3"


@dataclass(frozen=True, slots=True)
class CallbackTalk:
    """A talk with one caller, in their language. Cancel it at any time; `control` is then silenced."""

    control: LegControl
    keys: Keys
    sounds: QueueSounds
    active: ActivePlan
    language: str
    facts: WaitingFacts

    async def agree_on(self, ani: str, check: Callable[[str], CallableNumber]) -> CallableNumber | None:
        """The number to call, confirmed by the caller; None when they would rather wait.

        `ani`: where they call from; one that can't be called back (a withheld one, too) isn't offered.
        `check` raises NumberRefused.
        """
        number = _checked(ani, check)
        for _ in range(TRIES):
            if number is None:
                entered = await self._enter()
                if not entered:
                    return None
                number = _checked(entered, check)
                if number is None:
                    await self.say("refused")
                    continue
            match await self._ask("confirm", "12*", number=number.spoken):
                case "1":
                    return number
                case "2":
                    number = None
                case _:
                    return None
        return None

    async def agree_on_time(self, slots: Sequence[Slot], zone: ZoneInfo, now: datetime) -> Chosen | None:
        """When to call; None when they would rather wait. Without slots there is nothing to choose.

        `zone`: whose times are said.
        """
        if not slots:
            return Chosen()
        match await self._ask("when", "12*"):
            case "1":
                return Chosen()
            case "2":
                return await self._choose(slots, zone, now)
            case _:
                return None

    async def _choose(self, slots: Sequence[Slot], zone: ZoneInfo, now: datetime) -> Chosen | None:
        first = 0
        while True:
            offered = slots[first : first + OFFERED_AT_ONCE]
            spoken = [
                clock_words(slot.start.astimezone(zone), now.astimezone(zone), self.language)
                for slot in offered
            ]
            clips: list[Clip] = []
            for number, when in enumerate(spoken, 1):
                clips += await self._clips("slot", when=when, key=str(number))
            clips += await self._clips("slots")
            keys = "".join(str(number) for number in range(1, len(offered) + 1))
            key = await self._ask_with(clips, f"{keys}#*")
            if key is None or key == "*":
                return None
            if key != "#":
                chosen = int(key) - 1
                return Chosen(offered[chosen].start.timestamp(), spoken[chosen])
            first += OFFERED_AT_ONCE
            first = first if first < len(slots) else 0

    async def about_pending(self, position: int) -> PendingChoice | None:
        """What is to become of their pending callback; None when they don't say."""
        key = await self._ask("pending", "123", position=position)
        return None if key is None else PendingChoice(key)

    async def greet(self, greeting: Wording) -> bool:
        """Whether the customer, who was called, wants to talk now."""
        return await self._ask_with(await self._clips(greeting), "1") is not None

    async def say(self, words: str | Wording, **figures: Any) -> None:
        """Say it to the end."""
        clips = await self._clips(words, **figures)
        if clips:
            await self.control.play_clips(clips).finished()

    # ---- inside

    async def _clips(self, words: str | Wording, **figures: Any) -> Sequence[Clip]:
        return await self.sounds.callback(self.active, words, self.language, self.facts, figures)

    async def _ask(self, words: str, wanted: str, **figures: Any) -> str | None:
        return await self._ask_with(await self._clips(words, **figures), wanted)

    async def _ask_with(self, clips: Sequence[Clip], wanted: str) -> str | None:
        """The first of the `wanted` keys, which cuts the question short; None after silence."""
        for _ in range(ASKED):
            async with asyncio.TaskGroup() as tasks:
                asking = tasks.create_task(self._play_and_wait(clips, ANSWER_S))
                pressed = tasks.create_task(self._one_of(wanted))
                await asyncio.wait({asking, pressed}, return_when=asyncio.FIRST_COMPLETED)
                asking.cancel()
                pressed.cancel()
            if not pressed.cancelled():
                self.control.stop_audio()
                return pressed.result()
        return None

    async def _enter(self) -> str:
        """Digits up to #; "" for silence or a star."""
        clips = await self._clips("enter")
        found = ""
        first = await self._ask_with(clips, "0123456789*")
        if first is None or first == "*":
            return ""
        found = first
        while len(found) < MAX_DIGITS:
            try:
                async with asyncio.timeout(DIGIT_GAP_S):
                    key = await self.keys.get()
            except TimeoutError:
                break
            if key == "*":
                return ""
            if key == "#":
                break
            found += key
        return found

    async def _one_of(self, wanted: str) -> str:
        while (key := await self.keys.get()) not in wanted:
            pass
        return key

    async def _play_and_wait(self, clips: Sequence[Clip], silence_s: float) -> None:
        if clips:
            await self.control.play_clips(clips).finished()
        await asyncio.sleep(silence_s)


def _checked(number: str, check: Callable[[str], CallableNumber]) -> CallableNumber | None:
    try:
        return check(number)
    except NumberRefused:
        return None
