"""Records calls: what the caller says and what they are told, in one file a call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import soundfile

from gateway.call.leg import CallLeg
from gateway.clock import Clock
from gateway.switch.ports import Playback
from media.bridge import Port
from media.clip import Clip
from media.player import Player
from media.recorder import Recorder
from media.vad import Frame


class RecordedPlayer:
    """A player whose leg is recorded for as long as it is open."""

    def __init__(self, player: Player, leg: CallLeg, recorder: Recorder, path: Path) -> None:
        self._player = player
        self._recording = recorder.start(path, [leg.audio, player.port])

    def play(self, clips: Sequence[Clip], *, loop: bool = False, start_s: float = 0.0) -> Playback:
        return self._player.play(clips, loop=loop, start_s=start_s)

    def stop(self) -> None:
        self._player.stop()

    @property
    def port(self) -> Port:
        return self._player.port

    def keep_private(self, private: bool) -> None:
        if private:
            self._recording.pause()
        else:
            self._recording.resume()

    def close(self) -> None:
        self._recording.finish()
        self._player.close()


def utterance_path(directory: Path, leg: CallLeg, node: str, clock: Clock) -> Path:
    """One file an answer, for as often as a node is asked."""
    now = clock.utc()
    return directory / f"{now:%Y-%m-%d}" / f"{leg.id}-{node}-{now:%H%M%S%f}.wav"


def write_utterance(path: Path, audio: Frame, rate: int) -> None:
    """Blocking. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        soundfile.write(path, audio, rate, subtype="PCM_16")
    except soundfile.LibsndfileError as error:
        raise OSError(str(error)) from error


def recording_path(directory: Path, leg: CallLeg, clock: Clock) -> Path:
    """A folder a day, so that none holds millions of files; named by the leg, as the call record is."""
    return directory / f"{clock.utc():%Y-%m-%d}" / f"{leg.id}.wav"
