"""Recordings that go on: begun, paused, resumed and finished. `recording_store` has those that are kept.

A recording has two channels: the caller on the left, everybody and everything else on the right. It is
written as WAV by `media.recorder`; when it is complete, a worker makes of it what it is kept as.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from gateway.clock import Clock
from gateway.switch.hearing import Channel
from gateway.switch.live_calls import RecordingState
from gateway.switch.recording_store import Keeping, RecordingNote, RecordingStore, check_id

if TYPE_CHECKING:
    from media.bridge import Port

log = structlog.get_logger(__name__)

SWEEP_EVERY_S: Final = 86_400.0


class MediaRecording(Protocol):
    """A file being written: `media.recorder.Recording` is one."""

    @property
    def ports(self) -> Sequence[Port]: ...
    @property
    def paused(self) -> bool: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def finish(self) -> None: ...
    async def stop(self) -> object: ...


class MediaRecorder(Protocol):
    """`media.recorder.Recorder` is one."""

    def start(self, path: Path, *channels: Sequence[Port]) -> MediaRecording: ...


class CallRecording:
    """One that goes on. `whole_call`: the caller is on it from beginning to end, whatever the call does."""

    def __init__(
        self,
        id_: str,
        media: MediaRecording,
        note: RecordingNote,
        *,
        whole_call: bool,
        tell: Callable[[CallRecording, RecordingState], None],
    ) -> None:
        self.id = id_
        """Under which it is found later."""
        self.note = note
        self.whole_call = whole_call
        self.finished = False
        self.media = media
        self._tell = tell
        self._agents: set[str] = set(note.agents)
        self._left, self._right = media.ports
        tell(self, RecordingState.ON)

    @property
    def ports(self) -> Mapping[Channel, Port]:
        """What a conversation has to connect: the caller of a whole call is connected already."""
        others = {Channel.OTHERS: self._right}
        return others if self.whole_call else {Channel.CALLER: self._left, **others}

    @property
    def agents(self) -> tuple[str, ...]:
        """Who talked in it so far."""
        return tuple(sorted(self._agents))

    def heard(self, agent: str) -> None:
        """This agent talks in it."""
        self._agents.add(agent)

    @property
    def paused(self) -> bool:
        return self.media.paused

    def pause(self) -> None:
        """Silence from now on, so that times in the file stay times of the call."""
        self.media.pause()
        self._tell(self, RecordingState.PAUSED)

    def resume(self) -> None:
        self.media.resume()
        self._tell(self, RecordingState.ON)

    def finish(self) -> None:
        """Ends it without waiting. Safe to repeat."""
        if not self.finished:
            self.finished = True
            self.media.finish()
            self._tell(self, RecordingState.OFF)


class Recordings:
    """The recordings of a node. Used as `async with`, around the calls and inside the recorder's life.

    `on_change` is told what becomes of each, `on_kept` of those that are complete and can be heard.
    """

    def __init__(
        self,
        store: RecordingStore,
        recorder: MediaRecorder,
        clock: Clock,
        *,
        on_change: Callable[[CallRecording, RecordingState], object] = lambda _recording, _state: None,
        on_kept: Callable[[CallRecording], object] = lambda _recording: None,
    ) -> None:
        self._on_kept = on_kept
        self.store = store
        self._recorder = recorder
        self._clock = clock
        self._on_change = on_change
        self._current: dict[str, CallRecording] = {}
        self._begun: Counter[str] = Counter()
        self._chores: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._ours: set[Path] = set()  # begun before what an earlier process left was seen to
        self._recovered = False
        self._converting = True

    def begin(
        self,
        call_id: str,
        *,
        keeping: Keeping | None = None,
        queue: str = "",
        whole_call: bool = False,
        caller: Sequence[Port] = (),
        others: Sequence[Port] = (),
    ) -> CallRecording:
        """Record from now on. `caller`, `others`: connected to the two channels from the first tick.

        ValueError for a call that is recorded already, or whose id can't name a file; RecordingError when the
        recorder is closed. A disk that can't be written to is reported by the recorder.
        """
        check_id(call_id)
        if call_id in self._current:
            raise ValueError(f"call {call_id} is recorded already")
        part = self._begun[call_id] + 1
        id_ = call_id if part == 1 else f"{call_id}-{part}"
        note = RecordingNote(call_id, self._clock.utc(), keeping or self.store.keeping, queue)
        path = self.store.path_of(id_, note)
        if not self._recovered:
            self._ours.add(path)
        media = self._recorder.start(path, caller, others)
        self._begun[call_id] = part
        self._chores.put_nowait(partial(self._write_note, path, note))
        recording = CallRecording(id_, media, note, whole_call=whole_call, tell=self._tell)
        self._current[call_id] = recording
        return recording

    def current(self, call_id: str) -> CallRecording | None:
        """The one that goes on for this call."""
        return self._current.get(call_id)

    def forget(self, call_id: str) -> None:
        """The call is over, and so is its recording."""
        if (recording := self._current.get(call_id)) is not None:
            recording.finish()
        self._begun.pop(call_id, None)

    # ---- in the background

    async def run(self) -> None:
        """Completes what an earlier process left, converts what is complete, and deletes what is due."""
        self._chores.put_nowait(self._recover)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sweep_daily())
            while True:
                chore = await self._chores.get()
                try:
                    await self._do(chore)
                finally:
                    self._chores.task_done()

    async def idle(self) -> None:
        """Returns when `run` has done everything that was to be done."""
        await self._chores.join()

    async def close(self) -> None:
        """After the recorder was closed, and `run` was cancelled: says of each file what it is.

        What isn't converted yet is converted after the next start.
        """
        self._converting = False
        for recording in list(self._current.values()):
            recording.finish()
        while not self._chores.empty():
            await self._do(self._chores.get_nowait())

    async def _do(self, chore: Callable[[], Awaitable[None]]) -> None:
        try:
            await chore()
        except (OSError, RuntimeError) as fault:  # the WAV stays, and is tried again after the next start
            log.exception("recording_not_kept_well", error=str(fault))

    async def _recover(self) -> None:
        left = await asyncio.to_thread(self.store.recover, self._ours)
        self._recovered = True
        self._ours.clear()
        for path in left:
            self._chores.put_nowait(partial(self._convert, path))

    async def _sweep_daily(self) -> None:
        while True:
            await self._do(self._sweep)
            await asyncio.sleep(SWEEP_EVERY_S)

    async def _sweep(self) -> None:
        deleted = await asyncio.to_thread(self.store.sweep, self._clock.utc())
        log.info("recordings_swept", deleted=deleted)

    async def _write_note(self, path: Path, note: RecordingNote) -> None:
        await asyncio.to_thread(self.store.write_note, path, note)

    async def _complete(self, recording: CallRecording, path: Path) -> None:
        await self._write_note(path, recording.note.with_agents(recording.agents))
        try:
            await recording.media.stop()
        except Exception as fault:  # noqa: BLE001  # its recorder has reported it
            log.debug("recording_incomplete", file=str(path), error=str(fault))
            return
        await self._convert(path)
        self._on_kept(recording)

    async def _convert(self, path: Path) -> None:
        if self._converting:
            await asyncio.to_thread(self.store.convert, path)

    def _tell(self, recording: CallRecording, state: RecordingState) -> None:
        if state is RecordingState.OFF:
            self._current.pop(recording.note.call_id, None)
            path = self.store.path_of(recording.id, recording.note)
            self._chores.put_nowait(partial(self._complete, recording, path))
        self._on_change(recording, state)
