"""Plays clips into the bridge.

The samples lie in memory and are mixed by native code, so the event loop only says what to play: no disk, no
thread and no PJSIP lock lies between a key press and the next prompt's first packet.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Final
from weakref import WeakKeyDictionary

import pjsua2 as pj

from media.bridge import UNITY, Bridge, Port
from media.clip import Clip
from media.engine import Engine, EventKind
from media.playback import PlaybackEnd
from media.seat import Seat

_COMPLETED: Final = 0
MASTER_SLOT: Final = 0
"""The bridge's own port, whose audio nobody hears."""

# A clip is copied to native memory once, whoever plays it, and freed there when the clip is forgotten here.
_buffers: WeakKeyDictionary[Clip, pj.ClipBuffer] = WeakKeyDictionary()


def _buffer(clip: Clip) -> pj.ClipBuffer:
    buffer = _buffers.get(clip)
    if buffer is None:
        buffer = _buffers[clip] = pj.ClipBuffer(clip.samples)
    return buffer


class Playback:
    """One thing being played. It takes its time whether or not anybody listens, as a prompt on the air does:
    a call whose far end has no audio for now must not stand still for ever.
    """

    def __init__(self, player: Player, id_: int, rate: int, start: int) -> None:
        self._player = player
        self._id = id_
        self._rate = rate
        self._start = start
        self._played = 0  # samples, known when it has ended
        self._ended: asyncio.Future[PlaybackEnd] = asyncio.get_running_loop().create_future()

    async def finished(self) -> PlaybackEnd:
        """Waits for the end. Any number of tasks may wait; cancelling one doesn't stop the audio."""
        return await asyncio.shield(self._ended)

    @property
    def done(self) -> bool:
        return self._ended.done()

    @property
    def position_s(self) -> float:
        """Seconds from the beginning of the first clip; in a loop it goes on rising."""
        played = self._played if self.done else self._player._position(self._id)
        return (self._start + played) / self._rate

    def stop(self) -> None:
        """Ends it within one tick. Nothing happens when it has ended already."""
        self._end(PlaybackEnd.STOPPED)
        self._player._stop(self._id)

    def pause(self) -> None:
        self._player._pause(self._id, True)

    def resume(self) -> None:
        self._player._pause(self._id, False)

    def _end(self, end: PlaybackEnd) -> None:
        if not self._ended.done():
            self._played = self._player._position(self._id)
            self._ended.set_result(end)


class Player:
    """Plays one thing at a time into its `port`; while there is nothing to play it sends silence.

    Connect `port` to whoever should hear it: one leg, or, for music on hold, any number of them.
    """

    def __init__(self, engine: Engine, bridge: Bridge, name: str = "player") -> None:
        self._engine = engine
        self._ids = itertools.count(1)
        self._current: Playback | None = None
        self._closed = False
        self._token = engine.subscribe(self._on_event)
        self._native = pj.ClipPort(self._token)
        self._seat = Seat(engine, bridge, self._native, name, on_open=self._be_heard, on_failure=self._fail)

    @property
    def port(self) -> Port:
        """Its place on the bridge: connect it to whoever should hear."""
        return self._seat.port

    def play(self, clips: Sequence[Clip], *, loop: bool = False, start_s: float = 0.0) -> Playback:
        """Plays `clips` one after the other from the next tick on, instead of what plays now.

        Raises ValueError for a clip at another rate than the bridge's, RuntimeError on a closed player.
        """
        if self._closed:
            raise RuntimeError("this player is closed")
        for clip in clips:
            if clip.rate != self._engine.rate:
                raise ValueError(
                    f"clip {clip.name!r} is at {clip.rate} Hz, the bridge at {self._engine.rate}"
                )
        start = int(start_s * self._engine.rate)
        playback = Playback(self, next(self._ids), self._engine.rate, start)
        if self._current is not None:
            self._current._end(PlaybackEnd.STOPPED)
        self._current = playback
        self._native.pause(False)
        self._native.play(playback._id, pj.ClipBufferVector([_buffer(clip) for clip in clips]), loop, start)
        return playback

    def stop(self) -> None:
        """Stops what plays now, if anything."""
        if self._current is not None:
            self._current.stop()

    def close(self) -> None:
        """Takes the player off the bridge. Safe to repeat."""
        if self._closed:
            return
        self.stop()
        self._closed = True
        self._engine.unsubscribe(self._token)
        self._seat.leave()

    # ---- owner thread

    def _be_heard(self) -> None:
        # PJMEDIA asks a port for audio only while it has a listener; the master port always listens.
        pj.ringback_connect(self._native.slot(), MASTER_SLOT, UNITY)

    # ---- event loop

    def _fail(self) -> None:
        if self._current is not None:
            self._current._end(PlaybackEnd.FAILED)

    def _on_event(self, kind: int, program: int, reason: int) -> None:
        current = self._current
        if kind == EventKind.CLIP_FINISHED and current is not None and current._id == program:
            current._end(PlaybackEnd.COMPLETED if reason == _COMPLETED else PlaybackEnd.STOPPED)
            self._current = None

    def _is_current(self, id_: int) -> bool:
        return self._current is not None and self._current._id == id_

    def _stop(self, id_: int) -> None:
        self._native.stop(id_)
        if self._is_current(id_):
            self._current = None

    def _pause(self, id_: int, paused: bool) -> None:
        if self._is_current(id_):
            self._native.pause(paused)

    def _position(self, id_: int) -> int:
        return self._native.position() if self._is_current(id_) else 0
