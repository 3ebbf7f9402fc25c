"""Players, prompts, timers and a call record shelf, with no media and no time in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from gateway.call.cdr import CallRecord
from gateway.call.leg import CallLeg
from gateway.dialplan.ports import ProgressHandler
from gateway.dialplan.run import NodeLeft
from gateway.switch.ports import RejectionReason
from media.clip import Clip
from media.playback import PlaybackEnd
from media.speech.synthesiser import SynthesisError


def silence(name: str, samples: int = 80) -> Clip:
    return Clip(np.zeros(samples, dtype=np.int16), 8000, name)


async def settle() -> None:
    """Let every task run until all of them wait; nothing here needs more turns than this."""
    for _ in range(30):
        await asyncio.sleep(0)


class FakePlayback:
    """Ends when the test says so."""

    def __init__(self) -> None:
        self._ended: asyncio.Future[PlaybackEnd] = asyncio.get_running_loop().create_future()

    async def finished(self) -> PlaybackEnd:
        return await asyncio.shield(self._ended)

    def end(self, end: PlaybackEnd = PlaybackEnd.COMPLETED) -> None:
        if not self._ended.done():
            self._ended.set_result(end)


@dataclass(slots=True)
class FakePlayer:
    """Remembers the names of the clips it was given. `breaks_on_close`: raises when closed."""

    played: list[tuple[str, ...]] = field(default_factory=list)
    current: FakePlayback | None = None
    stops: int = 0
    closed: int = 0
    breaks_on_close: bool = False

    def play(self, clips: Sequence[Clip], *, loop: bool = False, start_s: float = 0.0) -> FakePlayback:
        assert not self.closed, "played on a closed player"
        self.stop_current()
        self.played.append(tuple(clip.name for clip in clips))
        self.current = FakePlayback()
        return self.current

    def stop(self) -> None:
        self.stops += 1
        self.stop_current()

    def stop_current(self) -> None:
        if self.current is not None:
            self.current.end(PlaybackEnd.STOPPED)
            self.current = None

    def close(self) -> None:
        self.closed += 1
        self.stop_current()
        if self.breaks_on_close:
            raise RuntimeError("the bridge is gone")

    async def finish(self, end: PlaybackEnd = PlaybackEnd.COMPLETED) -> None:
        """The present audio comes to its end."""
        await settle()
        assert self.current is not None, "nothing plays"
        self.current.end(end)
        self.current = None
        await settle()


@dataclass(slots=True)
class FakePrompts:
    """Clips named after their texts. `broken` ones can't be spoken; `slow` ones wait for `released`."""

    broken: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list)

    async def clip(self, text: str, language: str) -> Clip:
        self.asked.append(text)
        if text in self.slow:
            await self.released.wait()
        if text in self.broken:
            raise SynthesisError("fake", language, "broken")
        return silence(text)

    async def warm(
        self, prompts: Iterable[tuple[str, str]], on_progress: ProgressHandler
    ) -> Sequence[tuple[str, str, SynthesisError]]:
        wanted = list(prompts)
        failed: list[tuple[str, str, SynthesisError]] = []
        for ready, (text, language) in enumerate(wanted, 1):
            try:
                await self.clip(text, language)
            except SynthesisError as error:
                failed.append((text, language, error))
            on_progress(ready, len(wanted))
        return failed


@dataclass(slots=True)
class FakeTimer:
    due_s: float
    callback: Callable[[], object]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass(slots=True)
class FakeTimers:
    """A clock that stands still until `advance`."""

    now_s: float = 0.0
    timers: list[FakeTimer] = field(default_factory=list)

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay: float, callback: Callable[[], object], /) -> FakeTimer:
        timer = FakeTimer(self.now_s + delay, callback)
        self.timers.append(timer)
        return timer

    @property
    def running(self) -> int:
        return sum(not timer.cancelled for timer in self.timers)

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everybody react to it."""
        await settle()
        self.now_s += seconds
        due = [t for t in self.timers if t.due_s <= self.now_s and not t.cancelled]
        self.timers = [t for t in self.timers if t not in due and not t.cancelled]
        for timer in due:
            timer.callback()
        await settle()


@dataclass(slots=True)
class ListLog:
    """A CallLog that keeps, or `full`, one that can't."""

    records: list[CallRecord] = field(default_factory=list)
    full: bool = False

    async def write(self, record: CallRecord) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.records.append(record)


@dataclass(slots=True)
class CountingObserver:
    started: int = 0
    ended: list[CallRecord] = field(default_factory=list)
    rejected: list[RejectionReason] = field(default_factory=list)
    outcomes: list[tuple[str, str]] = field(default_factory=list)
    errors: int = 0

    def call_started(self, leg: CallLeg) -> None:
        self.started += 1

    def call_rejected(self, reason: RejectionReason) -> None:
        self.rejected.append(reason)

    def node_left(self, outcome: NodeLeft) -> None:
        self.outcomes.append((outcome.node, outcome.outcome))

    def internal_error(self) -> None:
        self.errors += 1

    def call_ended(self, record: CallRecord) -> None:
        self.ended.append(record)
