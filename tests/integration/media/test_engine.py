"""The door to PJSIP: commands, errors, and an end that leaves nothing hanging."""

from __future__ import annotations

import asyncio
import threading

import pjsua2 as pj
import pytest

from media.bridge import Bridge, Port
from media.engine import Engine, EngineError, EngineStopped, State
from media.limits import NEEDED_LIMITS
from tests.integration.media.ear import Ear

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_command_runs_on_the_owner_thread_and_its_result_comes_back(engine: Engine) -> None:
    name = await engine.run(lambda: threading.current_thread().name)

    assert name == "sip-owner"


async def test_an_error_in_a_command_reaches_who_asked_and_the_engine_goes_on(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        await engine.run(lambda: 1 // 0)

    assert await engine.run(lambda: "alive") == "alive"


async def test_commands_run_in_the_order_in_which_they_were_posted(engine: Engine) -> None:
    order: list[int] = []
    for number in range(100):
        engine.post(lambda number=number: order.append(number))  # type: ignore[misc]
    await engine.run(lambda: None)

    assert order == list(range(100))


async def test_a_posted_command_that_fails_is_counted(engine: Engine) -> None:
    before = engine.stats().commands_failed

    engine.post(lambda: 1 // 0)
    await engine.run(lambda: None)

    assert engine.stats().commands_failed == before + 1


async def test_a_waiter_that_gives_up_does_not_disturb_the_next(engine: Engine) -> None:
    task = asyncio.create_task(engine.run(lambda: None))
    await asyncio.sleep(0)
    task.cancel()

    assert await engine.run(lambda: 7) == 7


async def test_a_tick_of_the_media_clock_is_20_ms_of_audio(engine: Engine, bridge: Bridge) -> None:
    async with Ear(engine, bridge, Port("nobody")) as ear:
        before = engine.stats().clock.ticks
        await ear.hear(0.5)
        ticks = engine.stats().clock.ticks - before

    assert 24 <= ticks <= 27  # 25 ticks are half a second of audio


async def test_the_module_has_the_limits_it_was_meant_to_be_built_with() -> None:
    limits = pj.ringback_limits()

    assert {name: limits[name] for name in NEEDED_LIMITS} == NEEDED_LIMITS


async def test_a_foreign_module_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pj, "ringback_limits", lambda: {"PJSUA_MAX_CALLS": 4})

    with pytest.raises(EngineError, match="PJSUA_MAX_CALLS is 4, not 2000"):
        await Engine().start()


async def test_an_engine_that_was_not_started_says_so() -> None:
    with pytest.raises(EngineStopped):
        await Engine().run(lambda: None)


async def test_a_second_engine_in_the_same_process_is_refused(engine: Engine) -> None:
    assert engine.state is State.RUNNING

    with pytest.raises(EngineError, match="another media engine"):
        await Engine().start()
