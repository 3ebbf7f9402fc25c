"""Messages that callers leave: the dialplan's `record`.

A message is a WAV file of the caller alone, `data_dir/voicemail/DAY/ID.wav`; its id is what the node keeps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from uuid import uuid4

import structlog

from gateway.clock import Clock
from gateway.dialplan.ports import Keys, Outcome
from gateway.dialplan.requests import RecordRequest
from gateway.switch.queueing import Visitor
from media import tone

if TYPE_CHECKING:
    from media.bridge import Port

log = structlog.get_logger(__name__)

LOOK_S: Final = 0.1
SPEECH_LEVEL: Final = 20
"""Of 255, on PJMEDIA's logarithmic scale: about -40 dBFS, above line noise and below a quiet voice."""
SHORTEST_S: Final = 0.5
"""Less speech than this is no message."""

Loudness = Callable[["Port"], Awaitable[int]]
"""How loud it is at a port just now, 0 to 255."""


class MessageRecording(Protocol):
    """A file being written: `media.recorder.Recording` is one."""

    async def stop(self) -> object: ...


class MessageRecorder(Protocol):
    """`media.recorder.Recorder` is one."""

    def start(self, path: Path, *channels: Sequence[Port]) -> MessageRecording: ...


class Voicemail:
    """Takes messages down in `directory`."""

    def __init__(
        self, directory: Path, recorder: MessageRecorder, loudness: Loudness, clock: Clock, rate: int
    ) -> None:
        self._directory = directory
        self._recorder = recorder
        self._loudness = loudness
        self._clock = clock
        self._beep = tone.beep(rate)

    async def record(self, visitor: Visitor, request: RecordRequest, keys: Keys) -> Outcome:
        """A tone, and then the message until a key, silence, the limit, or the end of the call.

        `next` with the message's id; `empty` when nothing was said. A caller who hangs up has left a message.
        """
        await visitor.control.play_clips([self._beep]).finished()
        message = uuid4().hex
        path = self._directory / f"{self._clock.utc():%Y-%m-%d}" / f"{message}.wav"
        recording = self._recorder.start(path, [visitor.leg.audio])
        heard = _Heard()
        try:
            await self._listen(visitor, request, keys, heard)
        finally:
            await asyncio.shield(self._keep(recording, path, heard))
            if heard.something:
                log.info("message_left", message=message, call_id=visitor.call_id)
        return Outcome("next", message) if heard.something else Outcome("empty")

    async def _listen(self, visitor: Visitor, request: RecordRequest, keys: Keys, heard: _Heard) -> None:
        """Until the message is over."""
        loop = asyncio.get_running_loop()
        began = heard_at = loop.time()
        pressed = asyncio.ensure_future(self._terminator(request.terminator, keys))
        try:
            while not pressed.done() and loop.time() - began < request.maximum_s:
                await asyncio.wait({pressed}, timeout=LOOK_S)
                now = loop.time()
                if await self._loudness(visitor.leg.audio) >= SPEECH_LEVEL:
                    heard_at = now
                    heard.speech_s += LOOK_S
                elif now - heard_at >= request.silence_s:
                    break
        finally:
            pressed.cancel()

    @staticmethod
    async def _terminator(terminator: str, keys: Keys) -> None:
        while await keys.get() != terminator:
            pass

    @staticmethod
    async def _keep(recording: MessageRecording, path: Path, heard: _Heard) -> None:
        try:
            await recording.stop()
            if not heard.something:
                await asyncio.to_thread(path.unlink, True)
        except Exception as error:  # noqa: BLE001  # the recorder has reported it; the call goes on
            log.warning("message_incomplete", file=str(path), reason=str(error))


@dataclass(slots=True)
class _Heard:
    """How long somebody has spoken."""

    speech_s: float = 0.0

    @property
    def something(self) -> bool:
        return self.speech_s >= SHORTEST_S
