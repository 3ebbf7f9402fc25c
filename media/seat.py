"""How our native ports get onto the bridge and off it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from media.bridge import Bridge, Port
from media.engine import Engine


class NativePort(Protocol):
    """What pj.ClipPort, pj.PcmPort and pj.KeyTap have in common. `open` and `close`: owner thread."""

    def open(self, name: str, rate: int, samples_per_tick: int) -> None: ...
    def close(self) -> None: ...
    def slot(self) -> int: ...


class Seat:
    """A native port's place on the bridge, taken at once and given back by `leave`.

    `on_open` runs on the owner thread when it is there; `on_failure` on the event loop when the bridge is
    full.
    """

    def __init__(
        self,
        engine: Engine,
        bridge: Bridge,
        native: NativePort,
        name: str,
        *,
        on_open: Callable[[], object] = lambda: None,
        on_failure: Callable[[], object] = lambda: None,
    ) -> None:
        self.port = Port(name)
        self._engine = engine
        self._bridge = bridge
        self._native = native
        self._on_open = on_open
        self._on_failure = on_failure
        engine.post(self._open)

    def leave(self) -> None:
        """Forgets every connection and takes the port off the bridge."""
        self._bridge.release(self.port)
        self._engine.post(self._close)

    def _open(self) -> None:
        try:
            self._native.open(self.port.name, self._engine.rate, self._engine.samples_per_tick)
        except RuntimeError:
            self._engine.notify(self._on_failure)
            raise
        self.port.attach(self._native.slot())
        self._on_open()

    def _close(self) -> None:
        self.port.detach()
        self._native.close()
