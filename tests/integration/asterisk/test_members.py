"""Breaks here and pauses in the PBX's own queues; and what the PBX is told of calls."""

from __future__ import annotations

import pytest

from tests.integration.asterisk.conftest import Rig
from tests.integration.peers.ami import ManagerSession
from tests.integration.peers.wait import until, until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def paused(rig: Rig, queue: str, device: str) -> bool:
    """Whether this member is paused, as Asterisk's own console says."""
    shown = await rig.pbx.command("queue show", queue)
    line = next(line for line in shown.splitlines() if device in line)
    return "(paused" in line


async def until_paused(rig: Rig, expected: bool, *queues: str) -> None:
    async def so() -> bool:
        return [await paused(rig, queue, "PJSIP/ann") for queue in queues] == [expected] * len(queues)

    await until_async(so, f"ann is {'' if expected else 'not '}paused in {queues}")


async def until_presence(rig: Rig, presence: str, reason: str) -> None:
    async def so() -> bool:
        agent = await rig.centre.get("/v1/agents/ann")
        return (agent["presence"], agent["reason"]) == (presence, reason)

    await until_async(so, f"ann is {presence}")


async def test_a_break_here_is_a_pause_there_and_the_other_way_round(beside_pbx: Rig) -> None:
    centre, pbx = beside_pbx.centre, beside_pbx.pbx
    await until_paused(beside_pbx, True, "support", "sales")  # logged out here
    await centre.set_presence("ann", "available")
    await until_paused(beside_pbx, False, "support", "sales")
    await centre.set_presence("ann", "on_break", "lunch")
    await until_paused(beside_pbx, True, "support", "sales")

    await pbx.command("queue unpause member PJSIP/ann queue support")
    await until_presence(beside_pbx, "available", "")
    await until_paused(beside_pbx, False, "support", "sales")  # one word there counts for both queues
    await pbx.command("queue pause member PJSIP/ann queue sales reason coffee")
    await until_presence(beside_pbx, "on_break", "coffee")
    await until_paused(beside_pbx, True, "support", "sales")

    await centre.set_presence("ann", "logged_out")
    await pbx.command("queue unpause member PJSIP/ann queue support")
    await until_paused(beside_pbx, True, "support")  # nobody logs in by that
    assert (await centre.get("/v1/agents/ann"))["presence"] == "logged_out"


async def test_agents_who_change_their_mind_fast_end_as_they_chose_last(beside_pbx: Rig) -> None:
    for _ in range(5):
        await beside_pbx.centre.set_presence("ann", "available")
        await beside_pbx.centre.set_presence("ann", "on_break", "tea")
    await beside_pbx.centre.set_presence("ann", "available")

    await until_paused(beside_pbx, False, "support", "sales")
    await until_presence(beside_pbx, "available", "")


async def test_the_pbx_is_told_whose_call_it_is_when_an_agent_has_it(beside_pbx: Rig) -> None:
    centre, pbx = beside_pbx.centre, beside_pbx.pbx
    handed = await centre.request("POST", "/v1/handoffs", {"number": "+4930555"})
    assert handed.status_code == 201, handed.text
    await centre.on_duty("ben")
    async with ManagerSession(pbx.ami_port, pbx.user, pbx.secret) as session:
        caller = await centre.call_in("quiet", "+4930555")
        await centre.agents["ben"].answer()
        (event,) = await until(
            lambda: session.events("UserEvent", UserEvent="RingbackConnected"), "it is told"
        )

    assert (event["Agent"], event["Queue"]) == ("ben", "quiet")
    assert event["Handoff"] == handed.json()["id"]
    caller.bye()
