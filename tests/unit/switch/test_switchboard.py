"""Many calls, one plan in force, and the way to stop."""

from __future__ import annotations

from dataclasses import replace

from gateway.call.cause import Cause
from gateway.switch.switchboard import Switchboard
from tests.fakes.audio import settle
from tests.unit.switch.conftest import CallingLeg, Node


async def test_each_call_gets_a_session_and_an_id(node: Node) -> None:
    async with Switchboard(node.active, node.admission, node.services) as switchboard:
        far_ends = []
        for _ in range(3):
            leg = CallingLeg()
            switchboard.accept(leg)
            far_ends.append(leg.far_end)
        await settle()
        assert switchboard.calls == 3
        for far_end in far_ends:
            far_end.hang_up()
        await settle()

        assert switchboard.calls == 0
    assert len({record.call_id for record in node.log.records}) == 3


async def test_a_call_keeps_the_plan_it_began_with(node: Node) -> None:
    async with Switchboard(node.active, node.admission, node.services) as switchboard:
        first = CallingLeg()
        switchboard.accept(first)
        await settle()
        switchboard.active = replace(node.active, plan=replace(node.active.plan, version="next"))
        second = CallingLeg()
        switchboard.accept(second)
        await settle()

    versions = {record.leg_id: record.attributes["dialplan_version"] for record in node.log.records}
    assert versions == {first.id: node.active.plan.version, second.id: "next"}


async def test_draining_refuses_new_calls_and_waits_for_the_present_ones(node: Node) -> None:
    async with Switchboard(node.active, node.admission, node.services) as switchboard:
        leg = CallingLeg()
        switchboard.accept(leg)
        await settle()
        leg.far_end.hang_up()

        assert await switchboard.drain(5.0) == 0
        late = CallingLeg()
        switchboard.accept(late)
        await settle()
        assert late.far_end.ended_with == "503"
    assert node.observer.rejected == ["draining"]


async def test_calls_that_outlast_the_drain_are_hung_up_and_recorded(node: Node) -> None:
    async with Switchboard(node.active, node.admission, node.services) as switchboard:
        leg = CallingLeg()
        switchboard.accept(leg)
        await settle()

        assert await switchboard.drain(0.0) == 1
    assert leg.far_end.ended_with == "BYE"
    assert len(node.log.records) == 1


async def test_leaving_the_switchboard_leaves_no_call_behind(node: Node) -> None:
    async with Switchboard(node.active, node.admission, node.services) as switchboard:
        leg = CallingLeg()
        switchboard.accept(leg)
        await settle()

    assert leg.far_end.ended_with == "BYE"
    assert switchboard.calls == 0


async def test_a_leg_that_cannot_be_hung_up_does_not_keep_the_others(node: Node) -> None:
    class StubbornLeg(CallingLeg):
        tries = 0

        async def hang_up(self, cause: Cause = Cause.NORMAL_CLEARING, *, headers: object = ()) -> None:
            self.tries += 1
            if self.tries == 1:
                # Its session ends it afterwards, when the far end is gone.
                self.far_end.hang_up()
                raise ZeroDivisionError("ours")
            await super().hang_up(cause)

    plain = CallingLeg()
    stubborn = StubbornLeg()
    async with Switchboard(node.active, node.admission, node.services) as switchboard:
        switchboard.accept(stubborn)
        switchboard.accept(plain)
        await settle()

        assert await switchboard.drain(0.0) == 2
    assert plain.far_end.ended_with == "BYE"


async def test_the_calls_on_each_version_are_counted(node: Node) -> None:
    async with Switchboard(node.active, node.admission, node.services) as switchboard:
        switchboard.accept(CallingLeg())
        switchboard.active = replace(node.active, plan=replace(node.active.plan, version="next"))
        switchboard.accept(CallingLeg())
        switchboard.accept(CallingLeg())
        await settle()

        assert switchboard.calls_by_version() == {node.active.plan.version: 1, "next": 2}
