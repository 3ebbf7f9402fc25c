"""Music on hold: one player a piece, whoever listens, and quieter for those who are being told something.

A piece is on the air like a radio station: it begins when somebody first wants to hear it, and from then on
its position goes on by the clock, whether or not anybody listens. So nobody hears the same first bars at each
hold, a thousand listeners cost one player, and a piece without listeners costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from gateway.switch.ports import Connector, PortPlayer
from media.clip import Clip

if TYPE_CHECKING:
    from media.bridge import Port

FULL: Final = 1.0
DUCKED: Final = 0.18
"""The level of music below a voice: -15 dB, where speech stays effortless and the line doesn't sound dead."""

Piece = tuple[Clip, ...]
"""Clips that play one after another, again and again."""


class Listening:
    """One ear and what it hears. Made by `MusicOnHold.play_to`; `stop` undoes it."""

    def __init__(self, connector: Connector, on_air: _OnAir, ear: Port, level: float) -> None:
        self._connector = connector
        self._on_air = on_air
        self._ear = ear
        self._level: float | None = level  # None: stopped
        on_air.listeners += 1
        connector.connect(on_air.player.port, ear, level)

    def duck(self) -> None:
        """Quieter, for the length of an announcement."""
        self.set_level(DUCKED)

    def unduck(self) -> None:
        self.set_level(FULL)

    def set_level(self, level: float) -> None:
        """As loud as `level` times the piece itself. Nothing happens after `stop`."""
        if self._level is not None and self._level != level:
            self._level = level
            self._connector.connect(self._on_air.player.port, self._ear, level)

    def stop(self) -> None:
        """Silence within a tick or two. Safe to repeat."""
        if self._level is not None:
            self._level = None
            self._connector.disconnect(self._on_air.player.port, self._ear)
            self._on_air.leave()


class MusicOnHold:
    """The pieces of a node. `open_player` makes a player by its name; `time` is the event loop's.

    Pieces are told apart by their clips: whoever loads files keeps one clip a file.
    """

    def __init__(
        self, connector: Connector, open_player: Callable[[str], PortPlayer], time: Callable[[], float]
    ) -> None:
        self._connector = connector
        self._open_player = open_player
        self._time = time
        self._on_air: dict[Piece, _OnAir] = {}
        # When each piece began, by its first clip, so that it is forgotten with the plan that had it.
        self._began: WeakKeyDictionary[Clip, dict[tuple[int, ...], float]] = WeakKeyDictionary()

    def play_to(self, ear: Port, clips: Sequence[Clip], *, level: float = FULL) -> Listening:
        """`ear` hears `clips` in a loop from the next tick on, wherever they are by then.

        ValueError when there is no audio in them, or at another rate than the bridge's.
        """
        piece = tuple(clips)
        on_air = self._on_air.get(piece)
        if on_air is None:
            on_air = self._on_air[piece] = self._start(piece)
        return Listening(self._connector, on_air, ear, level)

    @property
    def playing(self) -> int:
        """How many pieces somebody listens to."""
        return len(self._on_air)

    def close(self) -> None:
        """Take every piece off the air, with listeners or not."""
        for on_air in list(self._on_air.values()):
            on_air.end()

    def _start(self, piece: Piece) -> _OnAir:
        length_s = sum(clip.duration_s for clip in piece)
        if not length_s:
            raise ValueError("music without any audio in it")
        began = self._began.setdefault(piece[0], {})
        began_at = began.setdefault(tuple(map(id, piece)), self._time())
        player = self._open_player(f"music-{piece[0].name}")
        try:
            player.play(piece, loop=True, start_s=(self._time() - began_at) % length_s)
        except BaseException:
            player.close()
            raise
        return _OnAir(player, lambda: self._on_air.pop(piece, None))


class _OnAir:
    """A piece that somebody listens to."""

    def __init__(self, player: PortPlayer, on_end: Callable[[], object]) -> None:
        self.player = player
        self.listeners = 0
        self._on_end: Callable[[], object] | None = on_end

    def leave(self) -> None:
        self.listeners -= 1
        if self.listeners == 0:
            self.end()

    def end(self) -> None:
        if self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end()
            self.player.close()
