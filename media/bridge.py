"""The conference bridge: ports, and who hears whom.

Prompts, music, recording, two people talking and supervision are all the same act: connecting a source to a
sink. A `Port` is a place on the bridge that outlives its media: connections are kept as wishes, made when
both ends have audio, and made again when a re-INVITE gives a leg a new stream.

Wishes and slots are known on the owner thread alone, so a command can never reach a slot that has been given
to another call meanwhile. PJMEDIA itself carries connections out in its next tick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pjsua2 as pj

from media.engine import Engine

UNITY: Final = 1.0


@dataclass(frozen=True, slots=True)
class Levels:
    """Signal levels of a port, 0 to 255, averaged over a tick: what it sends to the bridge, and hears."""

    sends: int
    hears: int


class Port:
    """A place on the bridge. It can be made anywhere; what is in it belongs to the owner thread."""

    __slots__ = ("_sinks", "_slot", "_sources", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._slot: int | None = None
        self._sinks: dict[Port, float] = {}
        self._sources: set[Port] = set()

    def __repr__(self) -> str:
        return f"<Port {self.name}>"

    # ---- owner thread: called by whoever brings the audio (a leg, a player)

    def attach(self, slot: int) -> None:
        """There is audio now, at `slot`: makes the connections that were wished for.

        All of them, also when the slot seems to be the same: a new stream may have been given the old number.
        Connecting what is connected already does nothing in PJMEDIA.
        """
        self._slot = slot
        for sink, level in self._sinks.items():
            _connect(self, sink, level)
        for source in self._sources:
            _connect(source, self, source._sinks[self])

    def detach(self) -> None:
        """The audio is gone, and PJMEDIA has dropped its connections; the wishes stay."""
        self._slot = None


def _connect(source: Port, sink: Port, level: float) -> None:
    if source._slot is not None and sink._slot is not None:
        pj.ringback_connect(source._slot, sink._slot, level)


def _disconnect(source: Port, sink: Port) -> None:
    if source._slot is not None and sink._slot is not None:
        pj.ringback_disconnect(source._slot, sink._slot)


class Bridge:
    """Connects ports. Methods are called on the event loop, return at once, and act in order."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def connect(self, source: Port, sink: Port, level: float = UNITY) -> None:
        """`sink` hears `source`, `level` times as loud. Connecting again changes the level."""

        def act() -> None:
            if sink in source._sinks:
                if source._sinks[sink] == level:
                    return
                _disconnect(source, sink)
            source._sinks[sink] = level
            sink._sources.add(source)
            _connect(source, sink, level)

        self._engine.post(act)

    def disconnect(self, source: Port, sink: Port) -> None:
        """`sink` no longer hears `source`. Nothing happens when it didn't."""

        def act() -> None:
            if source._sinks.pop(sink, None) is not None:
                sink._sources.discard(source)
                _disconnect(source, sink)

        self._engine.post(act)

    def join(self, one: Port, other: Port) -> None:
        """The two hear each other."""
        self.connect(one, other)
        self.connect(other, one)

    def part(self, one: Port, other: Port) -> None:
        """The two no longer hear each other."""
        self.disconnect(one, other)
        self.disconnect(other, one)

    def release(self, port: Port) -> None:
        """Forgets everything about `port`; for when its owner is done with it."""
        self._engine.post(_releasing(port))

    async def levels(self, port: Port) -> Levels | None:
        """How loud it is at `port` now; None while it has no audio."""

        def act() -> Levels | None:
            if port._slot is None:
                return None
            hears, sends = pj.ringback_levels(port._slot)
            return Levels(sends=sends, hears=hears)

        return await self._engine.run(act)


def _releasing(port: Port) -> Callable[[], None]:
    def act() -> None:
        for sink in list(port._sinks):
            _disconnect(port, sink)
            sink._sources.discard(port)
        for source in list(port._sources):
            _disconnect(source, port)
            source._sinks.pop(port, None)
        port._sinks.clear()
        port._sources.clear()

    return act
