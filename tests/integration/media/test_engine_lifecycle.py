"""Starting and stopping: each test has engines of its own, one after the other."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from media.engine import Engine, EngineSettings, EngineStopped, State


async def test_commands_that_wait_when_the_engine_stops_are_told() -> None:
    engine = Engine(EngineSettings(max_calls=10))
    await engine.start()
    blocker = threading.Event()
    engine.post(lambda: blocker.wait(5))
    stopping = asyncio.create_task(engine.stop())
    await asyncio.sleep(0)
    late = [asyncio.create_task(engine.run(lambda: 1)) for _ in range(10)]
    await asyncio.sleep(0)
    blocker.set()
    await stopping

    outcomes = await asyncio.gather(*late, return_exceptions=True)

    assert all(outcome == 1 or isinstance(outcome, EngineStopped) for outcome in outcomes)


async def test_a_second_engine_works_after_the_first_has_stopped() -> None:
    engines = [Engine(EngineSettings(max_calls=10)) for _ in range(2)]
    for engine in engines:
        await engine.start()
        assert await engine.run(lambda: 1) == 1
        await engine.stop()
        gc.collect()

    assert [engine.state for engine in engines] == [State.STOPPED, State.STOPPED]
    assert "sip-owner" not in {thread.name for thread in threading.enumerate()}


async def test_the_death_of_the_owner_thread_is_told_and_leaves_nobody_waiting() -> None:
    engine = Engine(EngineSettings(max_calls=10))
    told: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    engine.on_fatal(told.set_result)
    await engine.start()

    def die() -> None:
        raise SystemExit("as if the interpreter had ended the thread")

    with pytest.raises(EngineStopped):
        await engine.run(die)

    assert isinstance(await told, SystemExit)
    assert engine.state is State.FAILED
    await engine.stop()
