"""Conversations between real phones: who hears whom, listened for by everybody's own tone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.call.state import LegState
from gateway.switch.conversation_ends import AgentHungUp, BlindTransfer, ToAgent, ToNumber
from gateway.switch.conversation_state import ConversationState as State
from gateway.switch.hearing import Party
from tests.integration.conversation_rig import (
    ANN_HZ,
    BOB_HZ,
    CALLER_HZ,
    MUSIC_HZ,
    RINGBACK_HZ,
    Phone,
    Rig,
    rig,
)
from tests.integration.peers.wait import until


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path / "recordings", "ann", "bob") as made:
        yield made


async def test_the_two_hear_each_other_and_the_agents_bye_ends_it(node: Rig) -> None:
    conversation, run, caller, ann = await node.converse()

    await caller.hears(ANN_HZ)
    await ann.hears(CALLER_HZ)
    ann.hang_up()

    assert isinstance(await run, AgentHungUp)
    assert conversation.floor.parties[Party.CALLER].leg.state is LegState.CONFIRMED
    assert node.left == ["ann"]
    await caller.hears()


async def test_on_hold_the_caller_hears_music_and_not_the_agent(node: Rig) -> None:
    conversation, _, caller, ann = await node.converse()
    await caller.hears(ANN_HZ)

    conversation.hold(by="ann")

    await caller.hears(MUSIC_HZ)
    await ann.hears()
    conversation.resume(by="ann")
    await caller.hears(ANN_HZ)
    await ann.hears(CALLER_HZ)


async def test_the_hold_key_of_the_agents_phone_brings_the_caller_our_music(node: Rig) -> None:
    conversation, _, caller, ann = await node.converse()
    await caller.hears(ANN_HZ)

    await ann.call.reinvite("sendonly")  # and its own tone goes on, as a phone's own music does

    await caller.hears(MUSIC_HZ)
    assert conversation.state is State.TALKING
    await ann.call.reinvite("sendrecv")
    await caller.hears(ANN_HZ)
    await ann.hears(CALLER_HZ)


async def test_a_muted_agent_hears_the_caller_and_is_not_heard(node: Rig) -> None:
    conversation, _, caller, ann = await node.converse()
    await caller.hears(ANN_HZ)

    conversation.mute(Party.AGENT)

    await caller.hears()
    await ann.hears(CALLER_HZ)
    conversation.unmute(Party.AGENT)
    await caller.hears(ANN_HZ)


async def test_a_blind_transfer_ends_the_agents_call_and_keeps_the_callers(node: Rig) -> None:
    conversation, run, caller, ann = await node.converse()
    await caller.hears(ANN_HZ)

    conversation.transfer(ToNumber("200"), by="ann")

    assert await run == BlindTransfer(ToNumber("200"), by="ann")
    await ann.is_hung_up()
    assert not caller.call.requests("BYE")


async def consulting(node: Rig) -> tuple[Phone, Phone, Phone]:
    conversation, _, caller, ann = await node.converse()
    await caller.hears(ANN_HZ)
    conversation.consult(ToAgent("bob"), by="ann")
    await ann.hears(RINGBACK_HZ)
    await caller.hears(MUSIC_HZ)
    bob = await node.picks_up("bob", BOB_HZ)
    await ann.hears(BOB_HZ)
    await bob.hears(ANN_HZ)
    await caller.hears(MUSIC_HZ)
    return caller, ann, bob


async def test_after_an_attended_transfer_the_two_hear_each_other_and_the_first_agent_is_gone(
    node: Rig,
) -> None:
    caller, ann, bob = await consulting(node)
    live = node.conversations[-1]

    live.complete(by="ann")

    await ann.is_hung_up()
    await caller.hears(BOB_HZ)
    await bob.hears(CALLER_HZ)
    assert live.agent == "bob"
    assert node.left == ["ann"]


async def test_in_a_conference_each_hears_both_others_until_one_leaves(node: Rig) -> None:
    caller, ann, bob = await consulting(node)

    node.conversations[-1].conference(by="ann")

    await caller.hears(ANN_HZ, BOB_HZ)
    await ann.hears(CALLER_HZ, BOB_HZ)
    await bob.hears(CALLER_HZ, ANN_HZ)
    ann.hang_up()
    await caller.hears(BOB_HZ)
    await bob.hears(CALLER_HZ)


async def test_a_consulted_phone_that_is_busy_brings_the_caller_back(node: Rig) -> None:
    conversation, _, caller, ann = await node.converse()
    await caller.hears(ANN_HZ)
    conversation.consult(ToNumber("bob"), by="ann")
    call = await node.agents["bob"].next_call()

    call.respond(486, "Busy Here")

    await caller.hears(ANN_HZ)
    await until(lambda: conversation.state is State.TALKING, "back to the caller")
    await ann.hears(CALLER_HZ)


async def test_a_consultation_that_is_cancelled_while_it_rings_stops_the_ringing(node: Rig) -> None:
    conversation, _, caller, ann = await node.converse()
    await caller.hears(ANN_HZ)
    conversation.consult(ToNumber("bob"), by="ann")
    call = await node.agents["bob"].next_call()
    call.respond(180, "Ringing")
    await ann.hears(RINGBACK_HZ)

    conversation.cancel(by="ann")

    await call.request("CANCEL")
    await caller.hears(ANN_HZ)


async def test_a_caller_who_is_gone_ends_everybodys_call(node: Rig) -> None:
    caller, ann, bob = await consulting(node)

    caller.hang_up()
    node.runs[-1].cancel()

    await ann.is_hung_up()
    await bob.is_hung_up()
    assert sorted(node.left) == ["ann", "bob"]


# ---- keys


async def test_feature_codes_by_real_keys_hold_and_transfer(node: Rig) -> None:
    conversation, _, caller, ann = await node.converse()
    await caller.hears(ANN_HZ)

    await ann.press("*7")
    await caller.hears(MUSIC_HZ)
    await ann.press("*7")
    await caller.hears(ANN_HZ)
    await ann.press("*6")
    await caller.hears()
    await ann.press("*6")
    await caller.hears(ANN_HZ)
    assert caller.call.rtp.digits() == ""
    assert conversation.state is State.TALKING


async def test_an_attended_transfer_by_keys_alone(tmp_path: Path) -> None:
    async with rig(tmp_path, "ann", "201") as node:
        conversation, _, caller, ann = await node.converse()
        await caller.hears(ANN_HZ)

        await ann.press("*3")
        await caller.hears(MUSIC_HZ)
        await ann.hears(RINGBACK_HZ)  # the dial tone has the same frequency
        await ann.press("201#")
        colleague = await node.picks_up("201", BOB_HZ)
        await ann.hears(BOB_HZ)
        await ann.press("*4")
        await caller.hears(ANN_HZ, BOB_HZ)
        await ann.press("*3")

        await ann.is_hung_up()
        await caller.hears(BOB_HZ)
        await colleague.hears(CALLER_HZ)
        assert conversation.agent == ""
        assert caller.call.rtp.digits() == ""
        assert colleague.call.rtp.digits() == ""


async def test_other_keys_reach_the_far_end(node: Rig) -> None:
    conversation, _, caller, ann = await node.converse()
    node.relay_keys(conversation.floor.parties[Party.CALLER].leg)
    await caller.hears(ANN_HZ)

    await ann.press("12")
    await until(lambda: caller.call.rtp.digits() == "12", "the agent's keys at the caller")
    await caller.press("34")
    await until(lambda: ann.call.rtp.digits() == "34", "the caller's keys at the agent")
