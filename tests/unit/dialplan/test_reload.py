"""Reloads: what comes into force, what stays, and what the next start makes of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.dialplan.faults import PlanRefused
from gateway.dialplan.files import AudioFiles
from gateway.dialplan.prompts import ActivePlan, PlanPrompts
from gateway.dialplan.reload import Outcome, PlanKeeper
from gateway.dialplan.versions import Loaded, UnknownVersion, VersionStore, digest_of
from tests.fakes.audio import FakePrompts
from tests.fakes.plans import write_plan
from tests.unit.dialplan.test_versions import BROKEN, plan_text


class Node:
    """A plan's directory, the keeper, and what is in force. `slow`: a gate that activation waits at."""

    def __init__(self, tmp_path: Path) -> None:
        self.source = tmp_path / "plan"
        self.source.mkdir()
        self.store = VersionStore(tmp_path / "kept")
        self.slow: asyncio.Event | None = None
        self.activating = asyncio.Event()
        self.active: ActivePlan | None = None
        self.outcomes: list[Outcome] = []
        self.keeper = self.restarted()
        self.write("Hello.")

    def restarted(self) -> PlanKeeper:
        self.keeper = PlanKeeper(self.source, self.store, self._activate, observe=self.outcomes.append)
        self.keeper.on_change(self._force)
        return self.keeper

    def write(self, words: str) -> None:
        write_plan(self.source, plan_text(words))

    async def start(self) -> str:
        self.active = await self.keeper.start()
        return self.active.plan.version

    @property
    def in_force(self) -> str:
        assert self.active is not None
        return self.active.plan.version

    def _force(self, active: ActivePlan) -> None:
        self.active = active

    async def _activate(self, loaded: Loaded) -> ActivePlan:
        self.activating.set()
        if self.slow is not None:
            await self.slow.wait()
        files = AudioFiles(loaded.directory, 8000)
        return ActivePlan(loaded.plan, PlanPrompts(FakePrompts(), files, lambda _prompt, _error: None))


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


async def test_a_changed_directory_comes_into_force(node: Node) -> None:
    first = await node.start()
    node.write("Hello again.")

    reloaded = await node.keeper.reload()

    assert (reloaded.previous, reloaded.outcome) == (first, Outcome.LOADED)
    assert node.in_force == node.keeper.version == reloaded.version == digest_of(node.source)


async def test_an_unchanged_directory_is_no_change(node: Node) -> None:
    await node.start()
    before = node.active

    assert (await node.keeper.reload()).outcome is Outcome.UNCHANGED
    assert node.active is before


async def test_a_plan_with_errors_is_refused_and_the_old_one_stays(node: Node) -> None:
    first = await node.start()
    write_plan(node.source, BROKEN)

    with pytest.raises(PlanRefused):
        await node.keeper.reload()

    assert node.in_force == node.keeper.version == first
    assert node.outcomes == [Outcome.REFUSED]


async def test_an_earlier_version_comes_back_by_its_name(node: Node) -> None:
    first = await node.start()
    node.write("Worse.")
    await node.keeper.reload()

    reloaded = await node.keeper.reload(first)

    assert (node.in_force, reloaded.outcome) == (first, Outcome.ROLLED_BACK)
    assert [kept.in_force for kept in await node.keeper.versions()] == [False, True]


async def test_going_back_to_what_never_was_changes_nothing(node: Node) -> None:
    first = await node.start()

    with pytest.raises(UnknownVersion):
        await node.keeper.reload("nothing")
    assert node.in_force == first


async def test_a_restart_keeps_what_somebody_went_back_to_until_the_next_reload(node: Node) -> None:
    first = await node.start()
    node.write("Worse.")
    await node.keeper.reload()
    await node.keeper.reload(first)
    node.restarted()

    assert await node.start() == first
    assert node.keeper.pinned
    await node.keeper.reload()
    assert node.in_force == digest_of(node.source)
    assert not node.keeper.pinned


async def test_a_restart_with_errors_in_the_directory_goes_on_with_the_last_version(node: Node) -> None:
    first = await node.start()
    write_plan(node.source, BROKEN)
    node.restarted()

    assert await node.start() == first
    assert node.outcomes == [Outcome.REFUSED]


async def test_a_first_start_with_errors_is_refused(node: Node) -> None:
    write_plan(node.source, BROKEN)

    with pytest.raises(PlanRefused):
        await node.start()


async def test_two_reloads_at_a_time_take_turns(node: Node) -> None:
    await node.start()
    node.slow = asyncio.Event()
    node.activating.clear()
    async with asyncio.TaskGroup() as tasks:
        node.write("Second.")
        second = tasks.create_task(node.keeper.reload())
        await node.activating.wait()
        node.write("Third.")
        third = tasks.create_task(node.keeper.reload())
        node.slow.set()

    assert third.result().previous == second.result().version
    assert node.in_force == third.result().version


async def test_a_watched_directory_is_reloaded_when_it_has_settled(node: Node) -> None:
    first = await node.start()
    async with asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(node.keeper.watch(0.0))
        await asyncio.to_thread(lambda: None)
        while node.in_force == first:
            node.write("Hello watcher.")
            for _ in range(200):
                await asyncio.sleep(0)
                await asyncio.to_thread(lambda: None)
        watch.cancel()

    assert node.in_force == digest_of(node.source)


async def test_a_watched_directory_with_errors_is_refused_and_watched_on(node: Node) -> None:
    await node.start()
    async with asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(node.keeper.watch(0.0))
        await asyncio.to_thread(lambda: None)
        while Outcome.REFUSED not in node.outcomes:
            write_plan(node.source, BROKEN + f"# {len(node.outcomes)}\n")
            for _ in range(200):
                await asyncio.sleep(0)
                await asyncio.to_thread(lambda: None)
        while Outcome.LOADED not in node.outcomes:
            node.write("Right again.")
            for _ in range(200):
                await asyncio.sleep(0)
                await asyncio.to_thread(lambda: None)
        watch.cancel()

    assert node.in_force == digest_of(node.source)
