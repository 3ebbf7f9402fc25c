"""A bridge that remembers who hears whom, and players with a port on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from media.clip import Clip
from tests.fakes.audio import FakePlayback, FakePlayer

if TYPE_CHECKING:
    from media.bridge import Port


@dataclass(slots=True)
class FakeBridge:
    """`hears[sink][source]` is the level at which `sink` hears `source`, by the names of their ports.

    `broken`: nothing can be connected.
    """

    hears: dict[str, dict[str, float]] = field(default_factory=dict)
    opened: list[FakePortPlayer] = field(default_factory=list)
    broken: bool = False

    def connect(self, source: Port, sink: Port, level: float = 1.0) -> None:
        if self.broken:
            raise RuntimeError("the bridge is gone")
        self.hears.setdefault(sink.name, {})[source.name] = level

    def disconnect(self, source: Port, sink: Port) -> None:
        heard = self.hears.get(sink.name, {})
        heard.pop(source.name, None)
        if not heard:
            self.hears.pop(sink.name, None)

    def open_player(self, name: str) -> FakePortPlayer:
        player = FakePortPlayer(name, self)
        self.opened.append(player)
        return player

    @property
    def players(self) -> list[FakePortPlayer]:
        """Those that are open."""
        return [player for player in self.opened if not player.inner.closed]


class FakePortPlayer:
    """A FakePlayer with a place on a FakeBridge."""

    def __init__(self, name: str, bridge: FakeBridge) -> None:
        from media.bridge import Port  # loads the native library, which most users of a fake don't need

        self.port = Port(name)
        self.inner = FakePlayer()
        self.starts_s: list[float] = []
        self.loops: list[bool] = []
        self._bridge = bridge

    def play(self, clips: Sequence[Clip], *, loop: bool = False, start_s: float = 0.0) -> FakePlayback:
        self.starts_s.append(start_s)
        self.loops.append(loop)
        return self.inner.play(clips, loop=loop, start_s=start_s)

    def stop(self) -> None:
        self.inner.stop()

    def close(self) -> None:
        self.inner.close()
        for sink in list(self._bridge.hears):
            heard = self._bridge.hears[sink]
            heard.pop(self.port.name, None)
            if not heard:
                del self._bridge.hears[sink]
