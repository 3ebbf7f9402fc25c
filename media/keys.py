"""Hears keypad tones in a call's audio, for far ends that send keys in no other way."""

from __future__ import annotations

import pjsua2 as pj

from media.bridge import Bridge, Port
from media.engine import Engine


class KeyListener:
    """A port that reports the keys it hears (EventKind.KEY_DOWN and KEY_UP) to the subscriber of `token`."""

    def __init__(self, engine: Engine, bridge: Bridge, token: int) -> None:
        self.port = Port("keys")
        self._engine = engine
        self._bridge = bridge
        self._native = pj.KeyTap(token, engine.rate)
        engine.post(self._open)

    def close(self) -> None:
        """Takes it off the bridge."""
        self._bridge.release(self.port)
        self._engine.post(self._shut)

    def _open(self) -> None:
        self._native.open(self.port.name, self._engine.rate, self._engine.samples_per_tick)
        self.port.attach(self._native.slot())

    def _shut(self) -> None:
        self.port.detach()
        self._native.close()
