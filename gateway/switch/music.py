"""Music on hold: one player a piece, whoever listens, and quieter for those who are being told something.

A piece is on the air like a radio station: it begins when somebody first wants to hear it, and from then on
its position goes on by the clock, whether or not anybody listens. So nobody hears the same first bars at each
hold, a thousand listeners cost one player, and a piece without listeners costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary, ref

from gateway.switch.ports import Connector, PortPlayer
from media.clip import Clip

if TYPE_CHECKING:
    from media.bridge import Port

FULL: Final = 1.0
DUCKED: Final = 0.18
"""The level of music below a voice: -15 dB, where speech stays effortless and the line doesn't sound dead."""


class Listening:
    """One ear and what it hears. Made by `MusicOnHold.play_to`; `stop` undoes it."""

    def __init__(self, piece: _Piece, ear: Port, connector: Connector, level: float) -> None:
        self._piece = piece
        self._source = piece.join()
        self._ear = ear
        self._connector = connector
        self._level: float | None = level  # None: stopped
        connector.connect(self._source, ear, level)

    def duck(self) -> None:
        """Quieter, for the length of an announcement."""
        self.set_level(DUCKED)

    def unduck(self) -> None:
        self.set_level(FULL)

    def set_level(self, level: float) -> None:
        """As loud as `level` times the piece itself. Nothing happens after `stop`."""
        if self._level is not None and self._level != level:
            self._level = level
            self._connector.connect(self._source, self._ear, level)

    def stop(self) -> None:
        """Silence within a tick or two. Safe to repeat."""
        if self._level is not None:
            self._level = None
            self._connector.disconnect(self._source, self._ear)
            self._piece.leave(self._source)


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
        self._pieces: WeakKeyDictionary[Clip, _Piece] = WeakKeyDictionary()

    def play_to(self, ear: Port, clip: Clip, *, level: float = FULL) -> Listening:
        """`ear` hears `clip` from the next tick on, wherever it is by then. ValueError for one that is empty
        or at another rate than the bridge's.
        """
        piece = self._pieces.get(clip)
        if piece is None:
            piece = self._pieces[clip] = _Piece(clip, self._open_player, self._time)
        return Listening(piece, ear, self._connector, level)

    @property
    def playing(self) -> int:
        """How many pieces somebody listens to."""
        return sum(piece.listeners > 0 for piece in self._pieces.values())

    def close(self) -> None:
        """Take every piece off the air, with listeners or not."""
        for piece in self._pieces.values():
            piece.close()


class _Piece:
    """One piece, which is forgotten when the plan that holds its clip is gone and nobody listens."""

    def __init__(
        self, clip: Clip, open_player: Callable[[str], PortPlayer], time: Callable[[], float]
    ) -> None:
        if not len(clip.samples):
            raise ValueError(f"music {clip.name!r} has no audio in it")
        self._clip = ref(clip)
        self._open_player = open_player
        self._time = time
        self._began_at = time()
        self._on_air: tuple[PortPlayer, Clip] | None = None
        self.listeners = 0

    def join(self) -> Port:
        """One more listens, to this port."""
        if self._on_air is None:
            self._on_air = self._start()
        self.listeners += 1
        return self._on_air[0].port

    def leave(self, port: Port) -> None:
        """One listens no more; nothing happens to a player that was closed in the meantime."""
        if self._on_air is not None and self._on_air[0].port is port:
            self.listeners -= 1
            if self.listeners == 0:
                self.close()

    def close(self) -> None:
        if self._on_air is not None:
            (player, _), self._on_air = self._on_air, None
            self.listeners = 0
            player.close()

    def _start(self) -> tuple[PortPlayer, Clip]:
        clip = self._clip()
        if clip is None:
            raise RuntimeError("a piece outlived its clip")
        player = self._open_player(f"music-{clip.name}")
        try:
            position_s = (self._time() - self._began_at) % clip.duration_s
            player.play([clip], loop=True, start_s=position_s)
        except BaseException:
            player.close()
            raise
        return player, clip
