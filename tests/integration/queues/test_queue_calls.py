"""Callers, queues, and agents on real SIP phones: who is heard by whom, and who is never lost."""

from __future__ import annotations

import pytest

from tests.integration.peers.ua import UaCall
from tests.integration.peers.wait import until
from tests.integration.queues.centre import Centre, hears, talking
from tests.integration.queues.plan import (
    BYE_HZ,
    CLOSED_HZ,
    CONNECTING_HZ,
    MUSIC_HZ,
    POSITION_HZ,
    WHISPER_HZ,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLER_HZ, AGENT_HZ, OTHER_HZ = 700.0, 1100.0, 1900.0


async def test_a_caller_waits_with_music_and_then_the_two_hear_each_other(centre: Centre) -> None:
    await centre.set_presence("ann", "on_break", "lunch")
    caller = await centre.wait_in("quiet")
    await until(lambda: hears(caller, MUSIC_HZ), "the caller hears the music")

    await centre.set_presence("ann", "available")
    agent = await centre.agents["ann"].answer()
    async with talking((caller, CALLER_HZ), (agent, AGENT_HZ)):
        await until(lambda: hears(caller, AGENT_HZ), "the caller hears the agent and no music")
        await until(lambda: hears(agent, CALLER_HZ), "the agent hears the caller and no music")
    assert await centre.state_of("ann") == "on_call"

    agent.bye()
    await until(lambda: hears(caller, BYE_HZ), "the plan goes on")
    await caller.request("BYE")
    await centre.until_state("ann", "idle")
    assert await centre.waiting("quiet") == 0


async def test_a_caller_who_hangs_up_while_the_phone_rings_stops_the_ringing(centre: Centre) -> None:
    await centre.on_duty("ann")
    caller = await centre.call_in("quiet")
    ringing = await centre.agents["ann"].ring()
    await centre.until_state("ann", "ringing")

    caller.bye()

    await ringing.request("CANCEL")
    await centre.until_state("ann", "idle")
    assert await centre.waiting("quiet") == 0


async def test_who_declines_isnt_asked_again_while_another_can_take_it(centre: Centre) -> None:
    await centre.on_duty("ann", "ben")
    caller = await centre.call_in("quiet")
    first = await centre.agents["ann"].ring()
    first.respond(603, "Decline")
    await first.request("ACK")
    second = await centre.agents["ben"].answer()

    async with talking((second, OTHER_HZ)):
        await until(lambda: hears(caller, OTHER_HZ), "the caller hears the second agent")
    assert centre.agents["ann"].phone.incoming.empty()
    caller.bye()
    await second.request("BYE")


async def test_who_doesnt_answer_goes_on_break_visibly_and_the_caller_keeps_the_place(centre: Centre) -> None:
    await centre.on_duty("ann")
    first = await centre.call_in("strict", "first")
    ringing = await centre.agents["ann"].ring()
    second = await centre.wait_in("strict", "second")
    await ringing.request("CANCEL", deadline_s=8.0)

    found = await centre.get("/v1/agents/ann")
    assert (found["presence"], found["reason"]) == ("on_break", "rona")
    entries = (await centre.get("/v1/queues/strict/entries"))["entries"]
    assert [entry["position"] for entry in entries] == [1, 2]

    await centre.set_presence("ann", "available")
    agent = await centre.agents["ann"].answer(8.0)
    async with talking((agent, AGENT_HZ)):
        await until(lambda: hears(first, AGENT_HZ), "who came first is served first")
    assert hears(second, MUSIC_HZ)
    for call in (first, second):
        call.bye()


async def test_an_agent_is_briefed_and_accepts_by_key_before_anybody_is_connected(centre: Centre) -> None:
    await centre.on_duty("ann")
    caller = await centre.call_in("briefed")
    agent = await centre.agents["ann"].answer()
    await until(lambda: hears(agent, WHISPER_HZ), "the agent hears the whisper")
    await until(lambda: hears(caller, CONNECTING_HZ), "the caller is told that they are being connected")
    await until(lambda: hears(caller, MUSIC_HZ), "and hears music again")

    await agent.rtp.press("1")

    async with talking((caller, CALLER_HZ), (agent, AGENT_HZ)):
        await until(lambda: hears(caller, AGENT_HZ), "the caller hears the agent")
        await until(lambda: hears(agent, CALLER_HZ), "the agent hears the caller")
    caller.bye()
    await agent.request("BYE")


async def test_an_agent_who_hangs_up_instead_of_accepting_costs_the_caller_nothing(centre: Centre) -> None:
    await centre.on_duty("ann", "ben")
    caller = await centre.call_in("briefed")
    first = await centre.agents["ann"].answer()
    first.bye()

    second = await centre.agents["ben"].answer()
    await second.rtp.press("1")
    async with talking((second, OTHER_HZ)):
        await until(lambda: hears(caller, OTHER_HZ), "the caller hears the second agent")
    caller.bye()
    await second.request("BYE")


async def test_an_announcement_ends_when_an_agent_accepts(centre: Centre) -> None:
    await centre.set_presence("ann", "on_break", "lunch")
    caller = await centre.call_in("told")
    await until(lambda: hears(caller, POSITION_HZ, (POSITION_HZ,)), "the position is being told")

    await centre.set_presence("ann", "available")
    agent = await centre.agents["ann"].answer()
    async with talking((agent, AGENT_HZ)):
        await until(lambda: hears(caller, AGENT_HZ), "nothing but the agent is heard")
    caller.bye()
    await agent.request("BYE")


async def test_of_all_who_ring_the_first_gets_the_call_and_the_others_stop_ringing(centre: Centre) -> None:
    await centre.on_duty("ann", "ben")
    caller = await centre.call_in("everybody")
    one, other = await centre.agents["ann"].ring(), await centre.agents["ben"].ring()
    other.respond(200, "OK", sdp=True)

    await one.request("CANCEL")
    await other.request("ACK")
    async with talking((other, OTHER_HZ)):
        await until(lambda: hears(caller, OTHER_HZ), "the caller hears who was first")
    await centre.until_state("ann", "idle")
    caller.bye()
    await other.request("BYE")


async def test_two_who_answer_at_the_same_instant_never_both_get_the_call(centre: Centre) -> None:
    await centre.on_duty("ann", "ben")
    caller = await centre.call_in("everybody")
    one, other = await centre.agents["ann"].ring(), await centre.agents["ben"].ring()
    for call in (one, other):
        call.respond(200, "OK", sdp=True)

    async with talking((one, AGENT_HZ), (other, OTHER_HZ)):
        await until(
            lambda: (
                hears(caller, AGENT_HZ, (AGENT_HZ, OTHER_HZ)) or hears(caller, OTHER_HZ, (AGENT_HZ, OTHER_HZ))
            ),
            "the caller hears one of them",
        )
        await until(lambda: one.requests("BYE") or other.requests("BYE"), "the other one is let go")
    assert bool(one.requests("BYE")) != bool(other.requests("BYE"))
    caller.bye()


async def test_a_caller_leaves_by_key(centre: Centre) -> None:
    await centre.set_presence("ann", "on_break")
    caller = await centre.wait_in("quiet")
    await caller.rtp.press("9")

    await until(lambda: hears(caller, BYE_HZ), "the plan goes on")
    assert await centre.waiting("quiet") == 0
    await caller.request("BYE")


async def test_an_agent_whose_phone_fails_in_the_call_costs_the_caller_the_agent_only(centre: Centre) -> None:
    await centre.on_duty("ann")
    caller = await centre.call_in("notes")
    agent = await centre.agents["ann"].answer()
    async with talking((agent, AGENT_HZ)):
        await until(lambda: hears(caller, AGENT_HZ), "they talk")
    agent.bye([("Reason", 'Q.850;cause=38;text="network out of order"')])

    await centre.until_state("ann", "wrap_up")
    await centre.until_waiting("notes", 1)
    await until(lambda: hears(caller, MUSIC_HZ), "the caller waits again")
    caller.bye()


async def test_wrap_up_can_be_extended_and_ended(centre: Centre) -> None:
    await centre.on_duty("ann")
    caller = await centre.call_in("notes")
    agent = await centre.agents["ann"].answer()
    async with talking((agent, AGENT_HZ)):
        await until(lambda: hears(caller, AGENT_HZ), "they talk")
    agent.bye()
    await caller.request("BYE")
    await centre.until_state("ann", "wrap_up")

    before = (await centre.get("/v1/agents/ann"))["wrap_up_until"]
    await centre.request("PUT", "/v1/agents/ann/wrap-up", {"extend_s": 60})
    after = (await centre.get("/v1/agents/ann"))["wrap_up_until"]
    assert after > before
    await centre.request("PUT", "/v1/agents/ann/wrap-up", {"end": True, "disposition": "resolved"})
    assert await centre.state_of("ann") == "idle"


async def talk_and_hang_up(centre: Centre, line: UaCall, name: str) -> None:
    caller = await centre.call_in("quiet", name)
    async with talking((caller, CALLER_HZ), (line, AGENT_HZ)):
        await until(lambda: hears(caller, AGENT_HZ), "the caller hears the agent")
        await until(lambda: hears(line, CALLER_HZ), "the agent hears the caller")
    caller.bye()
    await centre.until_state("nell", "idle")


async def test_a_standing_line_is_used_again_without_ringing(centre: Centre) -> None:
    await centre.on_duty("nell")
    nell = centre.agents["nell"]
    line = await nell.answer()
    await talk_and_hang_up(centre, line, "first")
    await talk_and_hang_up(centre, line, "second")

    assert nell.phone.incoming.empty()
    assert not line.requests("BYE")
    await centre.set_presence("nell", "logged_out")
    await line.request("BYE")


async def test_a_conversation_is_recorded_by_rule(centre: Centre) -> None:
    await centre.on_duty("ann")
    caller = await centre.call_in("recorded")
    agent = await centre.agents["ann"].answer()
    async with talking((caller, CALLER_HZ), (agent, AGENT_HZ)):
        await until(lambda: hears(caller, AGENT_HZ), "they talk")
        [call] = (await centre.get("/v1/calls"))["calls"][:1]
    assert call["recording"] == "on"
    agent.bye()
    await caller.request("BYE")


async def test_a_call_placed_by_the_api_reaches_the_queue_like_one_that_came_in(centre: Centre) -> None:
    await centre.on_duty("ann")
    customer = await centre.caller("customer")
    request = {"to": {"kind": "number", "name": customer.uri}, "connect": {"kind": "queue", "name": "quiet"}}
    placed = await centre.request("POST", "/v1/calls", request)
    assert placed.status_code == 201, placed.text
    ringing = await customer.next_call()
    ringing.respond(200, "OK", sdp=True)
    agent = await centre.agents["ann"].answer()

    async with talking((ringing, CALLER_HZ), (agent, AGENT_HZ)):
        await until(lambda: hears(ringing, AGENT_HZ), "the customer hears the agent")
        await until(lambda: hears(agent, CALLER_HZ), "the agent hears the customer")
    agent.bye()
    await ringing.request("BYE")


async def test_a_call_placed_by_the_api_runs_a_flow(centre: Centre) -> None:
    customer = await centre.caller("customer")
    request = {"to": {"kind": "number", "name": customer.uri}, "connect": {"kind": "flow", "name": "quiet"}}
    placed = await centre.request("POST", "/v1/calls", request)
    assert placed.status_code == 201, placed.text
    ringing = await customer.next_call()
    ringing.respond(200, "OK", sdp=True)

    await until(lambda: hears(ringing, CLOSED_HZ), "the flow says that nobody is there")
    await ringing.request("BYE")
