"""Records calls: what the caller says and what they are told, in one file a call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gateway.call.leg import CallLeg
from gateway.clock import Clock
from gateway.switch.ports import Playback
from media.clip import Clip
from media.player import Player
from media.recorder import Recorder


class RecordedPlayer:
    """A player whose leg is recorded for as long as it is open."""

    def __init__(self, player: Player, leg: CallLeg, recorder: Recorder, path: Path) -> None:
        self._player = player
        self._recording = recorder.start(path, [leg.audio, player.port])

    def play(self, clips: Sequence[Clip], *, loop: bool = False, start_s: float = 0.0) -> Playback:
        return self._player.play(clips, loop=loop, start_s=start_s)

    def stop(self) -> None:
        self._player.stop()

    def close(self) -> None:
        self._recording.finish()
        self._player.close()


def recording_path(directory: Path, leg: CallLeg, clock: Clock) -> Path:
    """A folder a day, so that none holds millions of files; named by the leg, as the call record is."""
    return directory / f"{clock.utc():%Y-%m-%d}" / f"{leg.id}.wav"
