"""Hears keypad tones in a call's audio, for far ends that send keys in no other way."""

from __future__ import annotations

import pjsua2 as pj

from media.bridge import Bridge, Port
from media.engine import Engine
from media.seat import Seat


class KeyListener:
    """A port that reports the keys it hears (EventKind.KEY_DOWN and KEY_UP) to the subscriber of `token`."""

    def __init__(self, engine: Engine, bridge: Bridge, token: int) -> None:
        self._seat = Seat(engine, bridge, pj.KeyTap(token, engine.rate), "keys")

    @property
    def port(self) -> Port:
        return self._seat.port

    def close(self) -> None:
        """Takes it off the bridge."""
        self._seat.leave()
