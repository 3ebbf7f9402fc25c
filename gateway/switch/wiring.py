"""Brings the bridge to what a conversation's scene says, whatever it is like now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gateway.switch.hearing import Ear, Hearing, Loop, Voice
from gateway.switch.music import Listening, MusicOnHold
from gateway.switch.ports import Connector
from media.clip import Clip

if TYPE_CHECKING:
    from media.bridge import Port


class Wiring:
    """The connections of one conversation. `loops`: what to play for each; one that is missing is silence."""

    def __init__(
        self, connector: Connector, music: MusicOnHold, loops: Mapping[Loop, Sequence[Clip]]
    ) -> None:
        self._connector = connector
        self._music = music
        self._loops = loops
        self._connected: set[tuple[Port, Port]] = set()
        self._playing: dict[Port, tuple[Loop, Listening]] = {}

    def apply(self, hearing: Hearing, ports: Mapping[Voice | Ear, Port]) -> None:
        """`ports`: of everybody who is here; connections of others are left out."""
        wanted = {
            (ports[voice], ports[ear])
            for voice, ear in hearing.connections
            if voice in ports and ear in ports
        }
        # Off before on, so that nobody who changes places is heard in both.
        for source, sink in self._connected - wanted:
            self._connector.disconnect(source, sink)
        for source, sink in wanted - self._connected:
            self._connector.connect(source, sink)
        self._connected = wanted
        self._play({ports[party]: loop for party, loop in hearing.loops.items() if party in ports})

    def clear(self) -> None:
        """Nobody hears anybody."""
        self.apply(Hearing(frozenset(), {}), {})

    def _play(self, wanted: Mapping[Port, Loop]) -> None:
        for port, (loop, listening) in list(self._playing.items()):
            if wanted.get(port) is not loop:
                listening.stop()
                del self._playing[port]
        for port, loop in wanted.items():
            if port not in self._playing and self._loops.get(loop):
                self._playing[port] = (loop, self._music.play_to(port, self._loops[loop]))
