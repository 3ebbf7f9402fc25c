"""A media engine for a module's tests: the real one, because there is nothing to fake below it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from media.bridge import Bridge
from media.engine import Engine, EngineSettings


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    running = Engine(EngineSettings(max_calls=100))
    await running.start()
    yield running
    await running.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bridge(engine: Engine) -> Bridge:
    return Bridge(engine)
