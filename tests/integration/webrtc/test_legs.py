"""The life of a leg whose network and whose browser aren't to be relied on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.call.cause import Cause
from gateway.call.leg import Answered, Ended, Party, Ringing, Side
from gateway.webrtc.endpoint import NotConnected
from media.bridge import Bridge
from media.engine import Engine
from tests.integration.peers import tones
from tests.integration.peers.wait import until
from tests.integration.webrtc.conftest import SETTINGS, VoiceNode, voice_node

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_far_end_that_is_gone_without_a_word_is_noticed(node: VoiceNode) -> None:
    leg, call = await node.answered(node.connect())
    peer = await call.connected()

    await peer.vanish()

    assert (await call.wait("media", count=2, deadline_s=10.0))["reason"] == "silent"
    ended = await leg.next_event()
    assert isinstance(ended, Ended)
    assert (ended.cause, ended.by) == (Cause.DESTINATION_OUT_OF_ORDER, Side.REMOTE)


async def test_who_no_longer_answers_gets_no_more_media(engine: Engine, bridge: Bridge) -> None:
    impatient = replace(SETTINGS, consent_timeout_s=1.2)
    async with voice_node(engine, bridge, impatient) as node:
        _, call = await node.answered(node.connect())
        peer = await call.connected()
        speaking = asyncio.get_running_loop().create_task(peer.rtp.send_audio(tones.sine(500.0, 30.0)))

        peer.connection.request_received = lambda *_: None  # type: ignore[method-assign] # deaf to STUN alone
        lost = await call.wait("media", count=2, deadline_s=10.0)
        await call.offer()
        await call.wait("media", count=3)
        peer.rtp.received.clear()
        fresh = await call.connected()
        await fresh.rtp.audio_packets(10)

        assert lost["reason"] == "consent_expired"
        assert peer.rtp.received == []
        speaking.cancel()


async def test_a_goodbye_of_the_media_is_noticed_at_once_and_a_new_offer_goes_on(node: VoiceNode) -> None:
    leg, call = await node.answered(node.connect())
    peer = await call.connected()

    await peer.close()
    assert (await call.wait("media", count=2))["reason"] == "closed_by_peer"
    await call.offer()
    await call.connected()

    await until(lambda: leg._media.connected, "the new transport")
    assert leg.state.value == "confirmed"
    await leg.hang_up()


async def test_a_desktop_is_rung_and_answers(node: VoiceNode) -> None:
    line = node.connect("agent-1", "agent")
    leg = node.endpoint.dial("agent-1", caller=Party("+15550100", "Ada"), called=Party("agent-1"))
    call = line.app.calls[leg.key]
    call.say("ringing")
    await call.offer()
    await call.connected()
    assert await leg.next_event() == Ringing()

    call.say("accept")

    assert await leg.next_event() == Answered()
    assert call.of("ring")[0]["from"] == {"number": "+15550100", "name": "Ada"}
    await leg.hang_up()


async def test_a_desktop_that_dies_while_it_is_rung_ends_the_offer_at_once(node: VoiceNode) -> None:
    line = node.connect("agent-2", "agent")
    leg = node.endpoint.dial("agent-2", caller=Party("+15550100"), called=Party("agent-2"))

    line.disconnect()

    ended = await leg.next_event()
    assert isinstance(ended, Ended)
    assert ended.cause is Cause.DESTINATION_OUT_OF_ORDER


async def test_a_desktop_that_dies_in_conversation_has_time_to_come_back(node: VoiceNode) -> None:
    line = node.connect("agent-3", "agent")
    leg = node.endpoint.dial("agent-3", caller=Party("+15550100"), called=Party("agent-3"))
    call = line.app.calls[leg.key]
    await call.offer()
    call.say("accept")
    assert await leg.next_event() == Answered()

    line.disconnect()

    assert leg.state.value == "confirmed"
    await leg.hang_up()


async def test_who_is_not_connected_cannot_be_rung(node: VoiceNode) -> None:
    with pytest.raises(NotConnected):
        node.endpoint.dial("nobody", caller=Party("1"), called=Party("nobody"))


async def test_an_answer_without_media_ends_the_call(node: VoiceNode) -> None:
    line = node.connect()
    call = line.app.call()
    await call.start()
    leg = await node.leg()
    call.peer = None  # takes no answer
    await leg.answer()

    ended = await leg.next_event()

    assert isinstance(ended, Ended)
    assert ended.cause is Cause.RECOVERY_ON_TIMER_EXPIRY


async def test_a_call_moves_to_another_session_of_its_caller(node: VoiceNode) -> None:
    first = node.connect("eve")
    call = first.app.call()
    await call.start()
    leg = await node.leg()
    second = node.connect("eve")
    taken_over = second.app.call(call.key)

    await taken_over.start()

    assert (await taken_over.wait("state"))["state"] == "trying"
    assert second.session.calls == {call.key: leg}
    assert first.session.calls == {}
    await leg.hang_up()


async def test_an_app_has_so_many_calls_and_no_more(node: VoiceNode) -> None:
    line = node.connect("mallory")
    calls = [line.app.call() for _ in range(5)]
    for call in calls:
        await call.start()
    legs = [await node.leg() for _ in range(4)]

    assert (await calls[4].wait("error"))["code"] == "too_many_calls"
    for leg in legs:
        await leg.hang_up()


async def test_keys_without_telephone_event_are_sent_as_tones(node: VoiceNode) -> None:
    leg, call = await node.answered(node.connect(), keys=False)
    peer = await call.connected()
    before = len(peer.rtp.received)

    await leg.send_digits("5")

    await until(lambda: len(peer.rtp.received) > before + 5, "audio")
    assert peer.rtp.digits() == ""
    await leg.hang_up()
