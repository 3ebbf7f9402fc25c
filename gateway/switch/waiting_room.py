"""The wait of one caller: music all the time, and over it what the announcer says is due.

Whatever fails here (a prompt, the estimate, the database) costs an announcement; the music goes on, and the
place in the queue isn't touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from structlog.typing import FilteringBoundLogger

from gateway.agents.profile import AgentProfile
from gateway.call.leg import CallLeg
from gateway.call.screen import CallbackOffered, QueuePlace, screen_of
from gateway.dialplan.prompts import ActivePlan
from gateway.dialplan.queues import KeyAction, QueueDefinition
from gateway.dialplan.waiting_words import WaitingFacts
from gateway.queues.estimate import Estimate, Promise
from gateway.queues.forecasts import Forecasts
from gateway.queues.journal import JournalKind
from gateway.queues.runner import QueueRunner
from gateway.queues.waiting import Announcer, ExpectedWait, Heard, Saying
from gateway.switch.control import LegControl
from gateway.switch.music import Listening, MusicOnHold
from gateway.switch.queue_sounds import QueueSounds
from media.clip import Clip

LOOK_S: Final = 1.0
"""How often a waiting caller's place is looked at, for their screen."""

PAUSE_AFTER_FAULT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class WaitingRoomParts:
    """What every waiting room of a node uses."""

    runner: QueueRunner
    forecasts: Forecasts
    music: MusicOnHold
    sounds: QueueSounds


@dataclass(slots=True)
class Told:
    """What one caller has been told, through all queues that they wait in."""

    promise: Promise = field(default_factory=Promise)
    heard: Heard | None = None


class WaitingRoom:
    """One caller, waiting at `entry`. `run` is a task; `leave` is silence at once, and final.

    `told`: what they were told before, and are told here. `facts`: what texts may name.
    """

    def __init__(
        self,
        parts: WaitingRoomParts,
        leg: CallLeg,
        control: LegControl,
        active: ActivePlan,
        entry: str,
        queue: QueueDefinition,
        language: str,
        log: FilteringBoundLogger,
        told: Told,
        facts: Callable[[AgentProfile | None], WaitingFacts],
    ) -> None:
        self._parts = parts
        self._runner = parts.runner
        self._leg = leg
        self._control = control
        self._active = active
        self._entry = entry
        self._queue = queue
        self._language = language
        self._log = log
        self._told = told
        self._facts = facts
        self._announcer = Announcer(queue.announce.rules, parts.runner.now, told.heard)
        self._music: Listening | None = None
        self._wake = asyncio.Event()
        self._asked = False
        self._agent: AgentProfile | None = None
        self._agent_named = False
        self._left = False
        self._shown: QueuePlace | None = None

    async def run(self) -> None:
        """Until it is cancelled. Raises nothing else."""
        await self._contained(self._start_music)
        self._show_callback()
        # Whoever hears a position may rely on it: first it is on disk. Without a database it is only true.
        await self._runner.settled()
        while not self._left:
            await self._contained(self._look)
            await self._nap()

    def leave(self) -> None:
        """No music and no word any more, from the next tick on. Safe to repeat."""
        if self._left:
            return
        self._left = True
        self._told.heard = self._announcer.heard
        screen_of(self._leg).show_callback_offer(None)
        if self._music is not None:
            self._music.stop()
        self._control.stop_audio()
        self._wake.set()

    def tell_now(self) -> None:
        """The caller asked for the position and the wait."""
        self._asked = True
        self._interrupt()

    def speak(self, language: str) -> None:
        """Everything from now on in `language`."""
        self._language = language
        self.tell_now()

    def say_connecting(self, agent: AgentProfile) -> None:
        """The caller is told whom they are being connected with, in place of anything else."""
        self._agent, self._agent_named = agent, False
        self._interrupt()

    def reconnect(self) -> None:
        """Nothing came of that agent; the wait goes on."""
        self._agent = None

    def move(self, queue: QueueDefinition) -> None:
        """By the rules of another queue from now on."""
        self._queue = queue
        self._announcer.moved(queue.announce.rules, self._runner.now)
        self._show_callback()
        self._wake.set()

    # ---- inside

    async def _contained(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception:  # noqa: BLE001  # whatever it is, the music goes on
            self._log.exception("announcement_fault", entry=self._entry)
            if self._music is not None:
                self._music.unduck()
            await asyncio.sleep(PAUSE_AFTER_FAULT_S)

    async def _start_music(self) -> None:
        clip = await self._parts.sounds.music(self._active, self._queue)
        if clip is not None and not self._left:
            self._music = self._parts.music.play_to(self._leg.audio, [clip])

    async def _look(self) -> None:
        if self._agent is not None:
            if not self._agent_named:
                self._agent_named = True
                facts = self._facts(self._agent)
                sounds = self._parts.sounds
                await self._say(
                    await sounds.connecting(self._active, self._queue.name, self._language, facts)
                )
            return
        now, position = self._runner.now, self._runner.position(self._entry)
        estimate = self._parts.forecasts.of(self._entry)
        self._show(position, None if estimate is None else (estimate.low_s, estimate.high_s))
        promise, phrase = (
            (self._told.promise, None) if estimate is None else self._told.promise.tell(estimate)
        )
        if self._asked:
            self._asked = False
            sayings = self._announcer.answer(now, position, phrase)
        else:
            expected_s = None if estimate is None else estimate.median_s
            sayings = self._announcer.announce(now, position, phrase, expected_s)
        if any(isinstance(saying, ExpectedWait) for saying in sayings):
            self._told.promise = promise
        if sayings:
            self._record(sayings, position, estimate)
            await self._announce(sayings)

    def _record(self, sayings: Sequence[Saying], position: int | None, estimate: Estimate | None) -> None:
        details: dict[str, object] = {"said": [saying.name for saying in sayings], "position": position}
        if estimate is not None:
            details["estimate_s"] = round(estimate.median_s, 1)
            details["low_s"], details["high_s"] = round(estimate.low_s, 1), round(estimate.high_s, 1)
        self._runner.record(JournalKind.ANNOUNCED, entry=self._entry, queue=self._queue.name, details=details)

    async def _announce(self, sayings: Sequence[Saying]) -> None:
        try:
            clips = await self._parts.sounds.sayings(
                self._active, self._queue.name, self._language, sayings, self._facts(None)
            )
            await self._say(clips)
        finally:
            self._announcer.finished(self._runner.now)

    async def _say(self, clips: Sequence[Clip]) -> None:
        """Over the music, which goes on beneath it."""
        if self._left or not clips:
            return
        if self._music is not None:
            self._music.duck()
        try:
            await self._control.play_clips(clips).finished()
        finally:
            if self._music is not None:
                self._music.unduck()

    def _interrupt(self) -> None:
        if not self._left:
            self._control.stop_audio()
            self._wake.set()

    async def _nap(self) -> None:
        """Until something is due, or the place is to be looked at again."""
        due_at = self._announcer.due_at
        nap_s = LOOK_S if due_at is None else min(LOOK_S, max(due_at - self._runner.now, 0.02))
        try:
            async with asyncio.timeout(nap_s):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _show(self, position: int | None, estimate_s: tuple[float, float] | None) -> None:
        place = QueuePlace(self._queue.name, position, estimate_s, self._waited_s())
        before = self._shown
        if before is None or (before.position, before.estimate_s) != (position, estimate_s):
            self._shown = place
            screen_of(self._leg).show_place(place)

    def _show_callback(self) -> None:
        """An app has a button for it all the time; on the phone the key works all the time, too."""
        key = self._queue.key_for(KeyAction.CALLBACK)
        offer = CallbackOffered(self._queue.name, key, self._leg.remote.number) if key else None
        screen_of(self._leg).show_callback_offer(offer)

    def _waited_s(self) -> float:
        entry = self._runner.entry(self._entry)
        return 0.0 if entry is None else self._runner.now - entry.enqueued_at
