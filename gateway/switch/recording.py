"""Records whole calls: the caller, and what they are told and by whom, from the first audio to the end."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from gateway.call.leg import CallLeg
from gateway.switch.call_recording import CallRecording, Recordings
from gateway.switch.ports import Playback, Player, PortPlayer
from media.bridge import Port
from media.clip import Clip

log = structlog.get_logger(__name__)


class RecordedPlayer:
    """A player whose leg is recorded for as long as it is open. Conversations take part in that recording."""

    def __init__(self, player: PortPlayer, recording: CallRecording) -> None:
        self._player = player
        self._recording = recording
        self._private = False

    def play(self, clips: Sequence[Clip], *, loop: bool = False, start_s: float = 0.0) -> Playback:
        return self._player.play(clips, loop=loop, start_s=start_s)

    def stop(self) -> None:
        self._player.stop()

    @property
    def port(self) -> Port:
        return self._player.port

    def keep_private(self, private: bool) -> None:
        if private and not self._recording.paused:
            self._recording.pause()
            self._private = True
        elif not private and self._private:
            self._recording.resume()
            self._private = False

    def close(self) -> None:
        self._recording.finish()
        self._player.close()


def recorded(player: PortPlayer, call_id: str, leg: CallLeg, recordings: Recordings) -> Player:
    """`player` with the whole call recorded; alone when it can't be, because the call matters more."""
    try:
        recording = recordings.begin(call_id, whole_call=True, caller=[leg.audio], others=[player.port])
    except Exception as fault:
        log.exception("recording_not_begun", call_id=call_id, error=str(fault))
        return player
    return RecordedPlayer(player, recording)
