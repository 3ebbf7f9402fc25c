"""Listens to a port of the bridge: what the far end of a call would have heard."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import numpy as np

from media.bridge import Bridge, Port
from media.engine import Engine
from media.pcm import PcmPort, PcmSettings
from tests.integration.peers.tones import Samples

TICK_S = 0.02


class Ear:
    """`async with Ear(engine, bridge, source) as ear`: collects what `source` sends from now on."""

    def __init__(self, engine: Engine, bridge: Bridge, *sources: Port) -> None:
        self._bridge = bridge
        self._sources = sources
        self._chunks: list[bytes] = []
        self._arrived = asyncio.Event()
        self._pcm = PcmPort(engine, bridge, PcmSettings(receive_s=10.0), on_readable=self._take)

    async def __aenter__(self) -> Self:
        for source in self._sources:
            self._bridge.connect(source, self._pcm.port)
        await self.hear(TICK_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pcm.close()

    async def hear(self, seconds: float) -> Samples:
        """The next `seconds` of audio, by the media clock."""
        self._chunks.clear()
        async with asyncio.timeout(seconds + 5.0):
            while self._heard < seconds:
                self._arrived.clear()
                await self._arrived.wait()
        return np.frombuffer(b"".join(self._chunks), np.int16)

    @property
    def _heard(self) -> float:
        return sum(map(len, self._chunks)) / 2 / 8000

    def _take(self, _samples: int) -> None:
        self._chunks.append(self._pcm.read())
        self._arrived.set()
