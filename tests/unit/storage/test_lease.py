"""Whose the name of a node is: one living process at a time."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace

import pytest

from gateway.errors import StartupError
from gateway.storage.database import Database
from gateway.storage.lease import Life, NodeLease, Process, life_of

HERE = Process.this()
ELSEWHERE = replace(HERE, space="another machine")


async def no_pause(_seconds: float) -> None:
    await asyncio.sleep(0)


def lease(database: Database, process: Process = HERE) -> NodeLease:
    return NodeLease(database, "node", process=process, sleep=no_pause)


async def dead_process() -> Process:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    pid = child.pid
    await child.wait()
    return replace(HERE, pid=pid, born=1)


async def test_the_first_has_the_name_and_nobody_was_before(database: Database) -> None:
    assert await lease(database).take() is None


async def test_a_second_process_is_refused_while_the_first_lives(database: Database) -> None:
    await lease(database).take()

    with pytest.raises(StartupError, match=f"taken: process {os.getpid()} on {HERE.host}"):
        await lease(database).take()


async def test_who_was_killed_leaves_the_name_free_at_once(database: Database) -> None:
    await lease(database, await dead_process()).take()

    assert await lease(database).take() is not None


async def test_a_number_that_another_process_has_now_is_no_sign_of_life(database: Database) -> None:
    await lease(database, replace(HERE, born=HERE.born - 1)).take()

    assert await lease(database).take() is not None


async def test_who_stopped_in_order_leaves_the_name_free(database: Database) -> None:
    first = lease(database, ELSEWHERE)
    await first.take()
    await first.release()

    assert await lease(database).take() is not None


async def test_who_is_elsewhere_and_silent_is_dead(database: Database) -> None:
    await lease(database, ELSEWHERE).take()

    assert await lease(database).take() is not None


async def test_who_is_elsewhere_and_beats_lives(database: Database) -> None:
    first = lease(database, ELSEWHERE)
    await first.take()
    beating = asyncio.create_task(first.run())

    async def long_enough(_seconds: float) -> None:
        await asyncio.sleep(0.2)  # in which the other, which doesn't pause, beats many times

    try:
        with pytest.raises(StartupError, match="taken"):
            await NodeLease(database, "node", process=HERE, sleep=long_enough).take()
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


async def test_who_lost_the_name_hears_of_it(database: Database) -> None:
    first = lease(database, ELSEWHERE)
    await first.take()
    await lease(database).take()

    await first.run()

    assert first.lost.is_set()
    assert first.problem() == "another process took the name 'node'"


async def test_neighbours_are_those_who_live_under_another_name(database: Database) -> None:
    await NodeLease(database, "alive", process=HERE, sleep=no_pause).take()
    await NodeLease(database, "dead", process=await dead_process(), sleep=no_pause).take()
    far = NodeLease(database, "far", process=ELSEWHERE, sleep=no_pause)
    await far.take()
    mine = lease(database)
    await mine.take()

    assert await mine.neighbours() == {"alive", "far"}


def test_a_process_that_is_over_is_dead_and_one_elsewhere_isnt_known() -> None:
    assert life_of(HERE, HERE) is Life.ALIVE
    assert life_of(replace(HERE, pid=2**22 - 1), HERE) is Life.DEAD
    assert life_of(ELSEWHERE, HERE) is Life.UNKNOWN
